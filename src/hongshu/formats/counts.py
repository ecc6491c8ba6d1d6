"""Counters as sources write them: 1481, "1,234", "3.1万", "10万+", "1.2k", ""."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Final

from hongshu.models import Count, Precision

LARGEST: Final = 2**63 - 1
"""No database of ours holds a larger number; a larger count is unknown, the raw form keeps its digits."""

_COUNT: Final = re.compile(r"((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*(千|万|亿|k|w|m)?(\+)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "千": 1_000, "k": 1_000, "万": 10_000, "w": 10_000, "m": 1_000_000, "亿": 100_000_000}


def count(given: object) -> Count | None:
    """Read a counter from a JSON value; None where it says nothing (missing, empty, negative, not a number).

    A number with a unit is rounded; one with a plus sign is a lower bound.
    """
    if isinstance(given, bool) or given is None:
        return None
    if isinstance(given, int):
        return _bounded(given, str(given) if 0 <= given <= LARGEST else "", Precision.EXACT)
    if isinstance(given, str) and len(given) <= 32:
        return _from_text(given)
    return None


def _from_text(text: str) -> Count | None:
    found = _COUNT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    number, unit, plus = found.groups()
    value = Decimal(number.replace(",", "")) * _UNITS[(unit or "").lower()]
    if plus:
        precision = Precision.AT_LEAST
    elif unit or value != int(value):
        precision = Precision.ROUNDED
    else:
        precision = Precision.EXACT
    return _bounded(int(value), text, precision)


def _bounded(value: int, text: str, precision: Precision) -> Count | None:
    return Count(value=value, text=text, precision=precision) if 0 <= value <= LARGEST else None
