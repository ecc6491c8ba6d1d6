"""The true parameters of a made-up creator, drawn from (seed, id)."""

from __future__ import annotations

import math
from typing import Final

from hongshu.ids import id_ms
from hongshu.models import Word
from hongshu.sources.simulator.chance import Draws
from hongshu.sources.simulator.words import COMMON_HASHTAGS, NICHES, NICK_HEADS, NICK_TAILS, Niche

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
MONDAY_MS: Final = -3 * DAY_MS - 8 * HOUR_MS
"""A Monday, 00:00 in Asia/Shanghai (UTC+8, no summer time since 1991)."""

FIRST_START_MS: Final = 1_704_067_200_000
LAST_START_MS: Final = 1_759_276_800_000
MEDIAN_PER_DAY: Final = 0.3
SIGMA_PER_DAY: Final = 1.5
MOST_PER_DAY: Final = 16.0
SCHEDULED_SHARE: Final = 0.08


class Hashtag(Word):
    """A creator's hashtag: the share of the notes with hashtags drawn that carry it, and its effect.

    The effect is what it adds to the logarithm of the counters' limits. Hashtags are drawn independently.
    """

    name: str
    share: float
    effect: float


class Growth(Word):
    """How a note's counters grow with its age: limit * (1 - exp(-(age / (pace * slowness)) ** shape))."""

    pace_hours: float
    pace_sigma: float
    shape: float


class Creator(Word):
    """The true parameters of one creator; hours and weekdays are those of Asia/Shanghai, Monday first.

    Likes end at exp(`mu` + `sigma` * z + the effects of type, hour and hashtags); collects, comments and shares end at
    their ratio times that, spread by their own z. `weekdays` and `hours` are relative rates, each with mean 1. For
    `bare_share` of the notes no hashtags are drawn at all.
    """

    id: str
    nickname: str
    niche: Niche
    start_ms: int
    posts_per_day: float
    weekdays: tuple[float, ...]
    hours: tuple[float, ...]
    scheduled_share: float
    mu: float
    sigma: float
    video_share: float
    video_effect: float
    hour_effects: tuple[float, ...]
    hashtags: tuple[Hashtag, ...]
    bare_share: float
    growth: Growth
    collect_ratio: float
    comment_ratio: float
    share_ratio: float
    edited_share: float
    deleted_share: float
    goods_share: float
    pin_slots: int
    pin_period_days: float

    @property
    def without_hashtags(self) -> float:
        """Return the share of notes that carry no hashtag, by `bare_share` or by chance."""
        return self.bare_share + (1 - self.bare_share) * math.prod(1 - tag.share for tag in self.hashtags)

    def rate_per_day(self, at_ms: int) -> float:
        """Return the true rate of new notes at a time, in notes a day."""
        if at_ms < self.start_ms:
            return 0.0
        day, hour = divmod((at_ms - MONDAY_MS) % WEEK_MS // HOUR_MS, 24)
        return self.posts_per_day * self.weekdays[day] * self.hours[hour]


def draw_creator(root: bytes, creator_id: str) -> Creator:
    """Draw the parameters of the creator with this id; equal arguments give equal parameters."""
    draws = Draws(b"creator" + root + bytes.fromhex(creator_id))
    niche = draws.pick(NICHES)
    pace_hours = 20 * math.exp(draws.normal(0, 0.5))
    best_hour, swing = draws.uniform(0, 24), draws.uniform(0, 0.5)
    return Creator(
        id=creator_id,
        nickname=_nickname(draws, niche),
        niche=niche,
        start_ms=max(int(draws.uniform(FIRST_START_MS, LAST_START_MS)), id_ms(creator_id)),
        posts_per_day=min(MEDIAN_PER_DAY * math.exp(draws.normal(0, SIGMA_PER_DAY)), MOST_PER_DAY),
        weekdays=_relative([math.exp(draws.normal(0, 0.3)) for _ in range(7)]),
        hours=_hours(draws),
        scheduled_share=SCHEDULED_SHARE,
        mu=draws.normal(math.log(120), 1.3),
        sigma=draws.uniform(0.5, 1.1),
        video_share=draws.pick((0.0, 0.1, 0.2, 0.3, 0.5, 0.8)),
        video_effect=draws.normal(0.1, 0.35),
        hour_effects=tuple(swing * math.cos(math.tau * (hour - best_hour) / 24) for hour in range(24)),
        hashtags=_hashtags(draws, niche),
        bare_share=draws.pick(range(12, 52)) / 256,
        growth=Growth(pace_hours=pace_hours, pace_sigma=0.3, shape=draws.uniform(0.6, 1.0)),
        collect_ratio=0.25 * math.exp(draws.normal(0, 0.5)),
        comment_ratio=0.04 * math.exp(draws.normal(0, 0.4)),
        share_ratio=0.05 * math.exp(draws.normal(0, 0.5)),
        edited_share=draws.uniform(0.02, 0.2),
        deleted_share=draws.uniform(0.01, 0.06),
        goods_share=draws.pick((0.0, 0.0, 0.0, 0.05, 0.15, 0.35)),
        pin_slots=draws.pick((0, 0, 0, 0, 0, 1, 1, 2, 2, 3)),
        pin_period_days=draws.uniform(20, 90),
    )


def _nickname(draws: Draws, niche: Niche) -> str:
    name = draws.pick(NICK_HEADS) + draws.pick(NICK_TAILS)
    return name + draws.pick(("", "", "", f"の{niche.name}", draws.pick(niche.emoji), str(draws.pick(range(10, 100)))))


def _hours(draws: Draws) -> tuple[float, ...]:
    shift = draws.normal(0, 1.5)
    evening, noon = math.exp(draws.normal(0, 0.4)), 0.7 * math.exp(draws.normal(0, 0.4))
    return _relative(
        [0.2 + evening * _peak(hour, 20 + shift, 2.2) + noon * _peak(hour, 12 + shift, 1.4) for hour in range(24)]
    )


def _peak(hour: int, top: float, width: float) -> float:
    away = (hour - top + 12) % 24 - 12
    return math.exp(-0.5 * (away / width) ** 2)


def _relative(rates: list[float]) -> tuple[float, ...]:
    mean = math.fsum(rates) / len(rates)
    return tuple(rate / mean for rate in rates)


def _hashtags(draws: Draws, niche: Niche) -> tuple[Hashtag, ...]:
    """Draw eight hashtags, the creator's topic first; shares are whole 256ths, as notes draw them by bytes."""
    names = draws.shuffled(niche.hashtags)[:6] + draws.shuffled(COMMON_HASHTAGS)[:2]
    shares = (192, 128, 96, 80, 56, 32, 48, 32)
    effects = [draws.normal(0, 0.4) if draws.uniform() < 0.6 else 0.0 for _ in names]
    return tuple(
        Hashtag(name=name, share=share / 256, effect=effect)
        for name, share, effect in zip(names, shares, effects, strict=True)
    )
