"""How the operator wants a source to be asked; pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.engine.asking.circuit import REST_SECONDS
from hongshu.engine.money.spending import Bounds
from hongshu.models import EVERYONE, Word

DAY_MINUTES: Final = 24 * 60


class Manners(Word):
    """The settings of one source. Times in seconds; `hours` are minutes of the local day, from and to.

    `audience` is the account that alone may see what the source gives, or everyone. A source that `stops_when_blocked`
    is paused at its first challenge, or whatever else is no page, until the operator resumes it.
    """

    bounds: Bounds
    timeout: float = 25.0
    concurrency: int = 16
    rest: float = REST_SECONDS
    pause: tuple[float, float] = (0.0, 0.0)
    hours: tuple[int, int] = (0, DAY_MINUTES)
    audience: str = EVERYONE
    stops_when_blocked: bool = False

    def at_work(self, now_ms: int) -> bool:
        """Say whether the source may be asked at this hour; hours that end before they begin go over midnight."""
        begin, end = self.hours
        local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.bounds.zone))
        minute = local.hour * 60 + local.minute
        return begin <= minute < end if begin < end else minute >= begin or minute < end
