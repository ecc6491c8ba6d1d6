"""The counters of a note in the columns of a row, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hongshu.models import Count, Counters, Precision

NAMES: Final = ("likes", "collects", "comments", "shares")


def values(counters: Counters) -> tuple[int | None, ...]:
    """Return the numbers, in the order of their columns; None where the source did not say."""
    return tuple(one.value if (one := getattr(counters, name)) else None for name in NAMES)


def inexact(counters: Counters) -> str | None:
    """Write text and precision of the counters that are not exact numbers, as JSON; None where all are."""
    inexact = {
        name: [one.text, one.precision.value]
        for name in NAMES
        if (one := getattr(counters, name)) and (one.precision is not Precision.EXACT or one.text != str(one.value))
    }
    return msgspec.json.encode(inexact).decode() if inexact else None


def told(values: Sequence[int | None], inexact: str | None) -> Counters:
    """Return the counters of a row."""
    told: dict[str, Any] = msgspec.json.decode(inexact) if inexact else {}
    return Counters(**{name: _count(value, told.get(name)) for name, value in zip(NAMES, values, strict=True)})


def _count(value: int | None, told: Sequence[str] | None) -> Count | None:
    if value is None:
        return None
    return (
        Count(value=value, text=told[0], precision=Precision(told[1])) if told else Count(value=value, text=str(value))
    )
