"""Gates around sources for tests: with the manners that the test asks for, else none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hongshu.engine.asking.gate import Gate
from hongshu.engine.asking.manners import Manners
from hongshu.engine.money.spending import Bounds, Spending
from hongshu.models import Clock
from hongshu.sources.base import Source
from hongshu.store.base import Database
from hongshu.store.reader import Reader


def gates(
    database: Database,
    sources: Sequence[Source],
    clock: Clock,
    timeouts: Mapping[str, float] | None = None,
    **its: Any,
) -> list[Gate]:
    """One gate a source; the database is written only where a source has a pace, a price or a cap."""
    spending = Spending(database, Reader(database), None, clock)
    waits = timeouts or {}
    return [
        Gate(
            source,
            Manners(bounds=Bounds(source=source.name), timeout=waits.get(source.name, 600.0), **its),
            spending,
            clock,
        )
        for source in sources
    ]
