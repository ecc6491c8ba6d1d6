"""Gates around sources for tests: with the manners that the test asks for, else none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hongshu.engine.asking.gate import Gate
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.manners import Manners
from hongshu.engine.money.spending import Bounds, Spending
from hongshu.models import Clock
from hongshu.sources.base import Source
from hongshu.store.base import Database
from hongshu.store.reader import Reader


def health(database: Database, clock: Clock) -> Health:
    """What is counted of sources, kept where it is flushed."""
    return Health(database, None, clock, {})


def gates(
    database: Database,
    sources: Sequence[Source],
    clock: Clock,
    timeouts: Mapping[str, float] | None = None,
    **its: Any,
) -> list[Gate]:
    """One gate a source; the database is written only where a source has a pace, a price or a cap."""
    spending = Spending(database, Reader(database), None, clock)
    its_health = health(database, clock)
    waits = timeouts or {}
    return [
        Gate(
            source,
            Manners(bounds=Bounds(source=source.name), timeout=waits.get(source.name, 600.0), **its),
            spending,
            its_health,
            clock,
        )
        for source in sources
    ]
