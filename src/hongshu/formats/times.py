"""Times as people write them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.errors import UsageError

_YEAR_9999: Final = 253_370_764_800
_A_DAY: Final = 86_400


def given_ms(text: str, zone: str = "UTC") -> int:
    """Read an RFC 3339 time, or a date for its 00:00 in a zone, in ms. Raises `UsageError` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(f'"{text}" is no date; write 2027-01-31 or 2027-01-31T12:00:00Z') from error
    if not -_A_DAY <= seconds < _YEAR_9999:
        raise UsageError(f'"{text}" is before 1970 or after 9998; write a date between them')
    return int(seconds * 1000)
