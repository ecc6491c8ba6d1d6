"""All that is told of creators in a window."""

from __future__ import annotations

from collections.abc import Sequence

from hongshu.analytics.base import Analyst
from hongshu.analytics.measuring import groups, single
from hongshu.analytics.measuring.asked import VIRAL, Asked
from hongshu.analytics.numbers import Measured
from hongshu.analytics.questions import DEFAULTS, Given
from hongshu.analytics.windows import Window


def measure(
    analyst: Analyst, given: Window, creators: Sequence[str] = (), settings: Given | None = None
) -> dict[str, Measured]:
    """Return what is told of creators (of all without names) in a window, each with its intervals."""
    asked = Asked(analyst, given, {**DEFAULTS, **(settings or {})})
    return {creator: _measured(asked, creator) for creator in creators or asked.creators}


def _measured(asked: Asked, creator: str) -> Measured:
    notes = asked.lines("wall", creator)
    known = asked.line("known", creator) or {}
    price = asked.line("price", creator) or {}
    engagement = asked.line("engagement", creator) or {}
    numbers = [
        *single.performance(asked, creator, notes),
        single.trend(notes),
        *(single.viral(asked, creator, preset) for preset in VIRAL),
        *single.ratios(asked, creator, notes),
        *single.cadence(asked, creator, notes),
        *single.shares(asked, creator),
        single.half_life(asked, creator),
        *single.engagement(asked, creator, notes),
        single.price(asked, creator, notes),
    ]
    nickname = known.get("nickname") or next((one["nickname"] for one in notes if one["nickname"]), None)
    return Measured(
        creator=creator,
        nickname=nickname,
        state=known.get("state"),
        since_ms=known.get("since_ms"),
        until_ms=known.get("until_ms"),
        numbers={one.metric: one for one in numbers},
        trend_sure=single.trend_is_sure(notes),
        formats_sure=groups.types_differ(notes),
        hours=groups.hours(asked, creator),
        hashtags=groups.hashtags(asked, creator, notes),
        formats=groups.formats(asked, creator, notes),
        growth=groups.growth(asked, creator),
        notes=notes,
        curves=asked.lines("curves", creator),
        breakouts=asked.lines("breakouts", creator),
        jumps=asked.lines("jumps", creator),
        fresh=asked.lines("fresh", creator),
        log=asked.lines("log", creator),
        suspected=(asked.line("goods", creator) or {}).get("cooperation_suspected", 0),
        currency=price.get("currency"),
        followers=engagement.get("followers"),
        followers_ms=engagement.get("as_of_ms"),
    )
