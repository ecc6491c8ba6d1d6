"""When made-up notes are born, how they grow, and what happens to them: all from one digest a note."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import Final, NamedTuple

from hongshu.models import Word
from hongshu.sources.simulator.chance import normal16, normal32
from hongshu.sources.simulator.creators import DAY_MS, HOUR_MS, MONDAY_MS, WEEK_MS, Creator

NEVER: Final = 2**62
LONGEST_WAIT_S: Final = 8 * 86_400
"""A scheduled note appears at most this long after its id was made."""
LONGEST_LIFE_MS: Final = 301 * DAY_MS
"""Nothing happens to a note that is older."""
SLOWNESS: Final = (1.0, 1.6, 0.6, 1.2)
"""How much slower than likes the likes, collects, comments and shares of a note ripen."""
RATIO_SIGMA: Final = 0.25
LARGEST: Final = 5_000_000.0

_WEEKS: Final = Struct("<q")
_EIGHT: Final = Struct("<8Q")
_NOTE: Final = Struct("<qI")
_BIRTH: Final = Struct("<IIIIHIHI")
_REST: Final = Struct("<IHHHHHHHHBHH10s")


class Birth(NamedTuple):
    """A note in its creator's timeline; sorts by place. `deleted_ms` is `NEVER` for most."""

    published_ms: int
    id: str
    deleted_ms: int
    digest: bytes


class Life(Word):
    """What the rest of a note's digest decides. Limits are those of likes, collects, comments and shares."""

    video: bool
    hashtags: tuple[str, ...]
    edits_ms: tuple[int, ...]
    title_edits: tuple[bool, ...]
    goods_ms: int
    limits: tuple[float, float, float, float]
    pace_ms: float
    shape: float

    def edits_by(self, at_ms: int) -> int:
        """Return how many edits had been made by a time."""
        return bisect_right(self.edits_ms, at_ms)

    def counters(self, age_ms: int) -> tuple[int, int, int, int]:
        """Return likes, collects, comments and shares at an age; whole numbers that never fall."""
        grown = max(age_ms, 0) / self.pace_ms
        shape = self.shape
        likes, collects, comments, shares = [
            int(-limit * math.expm1(-((grown / slow) ** shape)))
            for limit, slow in zip(self.limits, SLOWNESS, strict=True)
        ]
        return likes, collects, comments, shares


class Happening(StrEnum):
    """What happens in the life of a note."""

    NEW = "new"
    EDITED = "edited"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    GOODS = "goods"
    DELETED = "deleted"


class LifeEvent(NamedTuple):
    """One thing that truly happened to a note; sorts by time. A look at `at_ms` or later sees it."""

    at_ms: int
    note_id: str
    happening: Happening


class Timeline:
    """The births of one creator, week by week; a week's births depend on nothing but (seed, creator, week)."""

    __slots__ = ("_account_s", "_days", "_hours", "_most", "_name", "creator")

    def __init__(self, root: bytes, creator: Creator) -> None:
        self.creator = creator
        self._name = b"life" + root + bytes.fromhex(creator.id)
        self._account_s = int(creator.id[:8], 16)
        self._days = _steps(creator.weekdays)
        self._hours = _steps(creator.hours)
        self._most = _poisson_steps(creator.posts_per_day * 7)

    def numbers(self, eight: int) -> tuple[int, ...]:
        """Return how many births each of the eight weeks from `8 * eight` on has.

        One digest tells eight weeks, as most weeks of most creators are empty.
        """
        words = _EIGHT.unpack(blake2b(self._name + _WEEKS.pack(eight)).digest())
        return tuple([bisect_right(self._most, word / 2**64) for word in words])

    def week(self, week: int, number: int) -> tuple[Birth, ...]:
        """Return the births of a week that has so many, newest first."""
        births = [self._birth(week, turn) for turn in range(number)]
        return tuple(sorted((birth for birth in births if birth.published_ms >= self.creator.start_ms), reverse=True))

    def _birth(self, week: int, turn: int) -> Birth:
        digest = blake2b(self._name + _NOTE.pack(week, turn)).digest()
        day, hour, second, mark, scheduled, wait, deleted, lasting = _BIRTH.unpack_from(digest)
        offset_s = bisect_right(self._days, day) * 86_400 + bisect_right(self._hours, hour) * 3600
        published_s = (MONDAY_MS + week * WEEK_MS) // 1000 + offset_s + (second * 3600 >> 32)
        created_s = published_s
        if scheduled < self.creator.scheduled_share * 65536:
            created_s -= min(60 + (wait * (LONGEST_WAIT_S - 60) >> 32), max(published_s - self._account_s, 0))
        deleted_ms = NEVER
        if deleted < self.creator.deleted_share * 65536:
            deleted_ms = published_s * 1000 + _delay_ms(lasting / 2**32, 600, 300 * 86_400)
        return Birth(published_s * 1000, f"{created_s:08x}00000000{mark:08x}", deleted_ms, digest)


def week_of(at_ms: int) -> int:
    """Return the number of the week, Monday to Sunday in Asia/Shanghai, that holds a time."""
    return (at_ms - MONDAY_MS) // WEEK_MS


def live(creator: Creator, birth: Birth) -> Life:
    """Return the rest of a note's life."""
    likes, collects, comments, shares, pace, kind, edited, soon, later, edits, goods, sold, tags = _REST.unpack_from(
        birth.digest, _BIRTH.size
    )
    video = kind < creator.video_share * 65536
    hashtags, effect = _hashtags(creator, tags)
    hour = (birth.published_ms - MONDAY_MS) % DAY_MS // HOUR_MS
    effect += creator.hour_effects[hour] + (creator.video_effect if video else 0.0)
    limit = min(math.exp(creator.mu + creator.sigma * normal32(likes) + effect), LARGEST)
    edits_ms = _edits(creator, birth, edited, soon, later)
    return Life(
        video=video,
        hashtags=hashtags,
        edits_ms=edits_ms,
        title_edits=tuple(bool(edits >> turn & 1) for turn in range(len(edits_ms))),
        goods_ms=_goods_ms(creator, birth, goods, sold),
        limits=(
            limit,
            limit * creator.collect_ratio * math.exp(RATIO_SIGMA * normal16(collects)),
            limit * creator.comment_ratio * math.exp(RATIO_SIGMA * normal16(comments)),
            limit * creator.share_ratio * math.exp(RATIO_SIGMA * normal16(shares)),
        ),
        pace_ms=creator.growth.pace_hours * HOUR_MS * math.exp(creator.growth.pace_sigma * normal16(pace)),
        shape=creator.growth.shape,
    )


def happenings(creator: Creator, birth: Birth) -> Iterator[LifeEvent]:
    """Yield what happens to a note, pins apart."""
    *_, edited, soon, later, _, goods, sold, _ = _REST.unpack_from(birth.digest, _BIRTH.size)
    yield LifeEvent(birth.published_ms, birth.id, Happening.NEW)
    for edited_ms in _edits(creator, birth, edited, soon, later):
        yield LifeEvent(edited_ms, birth.id, Happening.EDITED)
    if birth.published_ms < (goods_ms := _goods_ms(creator, birth, goods, sold)) < birth.deleted_ms:
        yield LifeEvent(goods_ms, birth.id, Happening.GOODS)
    if birth.deleted_ms != NEVER:
        yield LifeEvent(birth.deleted_ms, birth.id, Happening.DELETED)


def _hashtags(creator: Creator, bits: bytes) -> tuple[tuple[str, ...], float]:
    if bits[9] < creator.bare_share * 256:
        return (), 0.0
    chosen = [tag for tag, drawn in zip(creator.hashtags, bits, strict=False) if drawn < tag.share * 256]
    return tuple(tag.name for tag in chosen), math.fsum(tag.effect for tag in chosen)


def _edits(creator: Creator, birth: Birth, edited: int, soon: int, later: int) -> tuple[int, ...]:
    if edited >= creator.edited_share * 65536:
        return ()
    first_ms = birth.published_ms + _delay_ms(soon / 65536, 300, 60 * 86_400)
    second_ms = first_ms + _delay_ms((later & 0x3FFF) / 16384, 300, 60 * 86_400)
    both = later >> 14 == 0
    return tuple(ms for ms in ((first_ms, second_ms) if both else (first_ms,)) if ms < birth.deleted_ms)


def _goods_ms(creator: Creator, birth: Birth, goods: int, sold: int) -> int:
    if goods >= creator.goods_share * 65536:
        return NEVER
    if sold & 3:
        return birth.published_ms
    return birth.published_ms + _delay_ms((sold >> 2) / 16384, 3600, 30 * 86_400)


def _delay_ms(drawn: float, least_s: int, most_s: int) -> int:
    """Return a delay of whole seconds between two bounds, even on a logarithmic scale, in ms."""
    return int(least_s * (most_s / least_s) ** drawn) * 1000


def _steps(rates: tuple[float, ...]) -> list[int]:
    """Return where 32 random bits pass from one part to the next; the last part has no end."""
    total = math.fsum(rates)
    return [int(so_far / total * 2**32) for so_far in accumulate(rates[:-1])]


def _poisson_steps(mean: float) -> list[float]:
    """Return the cumulated probabilities of 0, 1, 2, … events, up to all but certainty."""
    chance = reached = math.exp(-mean)
    steps = [reached]
    while reached < 1 - 1e-12 and len(steps) < 512:
        chance *= mean / len(steps)
        reached += chance
        steps.append(reached)
    return steps
