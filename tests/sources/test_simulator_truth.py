"""The true parameters of the made-up creators can be found again in their notes."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from functools import cache

from hongshu.sources.simulator import Creator, SimulatedNote, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_764_000_000_000

world = World(13, 400)


@cache
def creators() -> list[Creator]:
    return [world.creator(creator) for creator in world.creators]


@cache
def ripe() -> list[tuple[Creator, list[SimulatedNote]]]:
    """The busiest creators with their notes of one year, seen when nothing grows any more."""
    busiest = sorted(creators(), key=lambda creator: -creator.posts_per_day)[:12]
    return [(creator, _of_a_year(creator)) for creator in busiest]


def _of_a_year(creator: Creator) -> list[SimulatedNote]:
    born = {place.id for place in world.places(creator.id, NOW_MS - 365 * DAY_MS, NOW_MS)}
    notes = world.notes(creator.id, NOW_MS + 120 * DAY_MS, deleted=True)
    return [note for note in notes if note.id in born and note.deleted_ms is None]


def hour(ms: int) -> int:
    return (ms // HOUR_MS + 8) % 24


def expected(creator: Creator, note: SimulatedNote) -> float:
    """Return the expected logarithm of a ripe note's likes."""
    effect = creator.hour_effects[hour(note.published_ms)] + creator.video_effect * (note.kind == "video")
    return creator.mu + effect + sum(tag.effect for tag in creator.hashtags if tag.name in note.hashtags)


def test_rates_are_log_normal() -> None:
    """The median is 0.3 a day, the logarithms' spread 1.5, and the largest rates are clipped at 16 a day."""
    rates = [World(2).creator(creator).posts_per_day for creator in World(2, 2000).creators]
    assert 0.27 < statistics.median(rates) < 0.33
    assert 1.4 < statistics.stdev(map(math.log, rates)) < 1.6
    assert max(rates) == 16


def test_notes_come_at_the_true_rate() -> None:
    """The number of notes is Poisson with the stated mean, for each creator and for all together."""
    from_ms = NOW_MS - 364 * DAY_MS
    started = [creator for creator in creators() if creator.start_ms < from_ms]
    counts = [len(world.places(creator.id, from_ms, NOW_MS)) for creator in started]
    means = [creator.posts_per_day * 364 for creator in started]
    away = [(count - mean) / math.sqrt(mean) for count, mean in zip(counts, means, strict=True)]
    assert abs(sum(counts) - sum(means)) < 4 * math.sqrt(sum(means))
    assert 0.85 < statistics.fmean(value**2 for value in away) < 1.2


def test_notes_follow_the_true_rhythm() -> None:
    """Hours and weekdays of publication are those of the creator, in the time of Shanghai."""
    for creator, notes in ripe():
        hours = Counter(hour(note.published_ms) for note in notes)
        days = Counter((note.published_ms + 8 * HOUR_MS) // DAY_MS % 7 for note in notes)
        for true, seen, first in ((creator.hours, hours, 0), (creator.weekdays, days, 4)):
            parts = len(true)
            means = [rate / parts * len(notes) for rate in true]
            chi_square = sum((seen[(turn + first) % parts] - mean) ** 2 / mean for turn, mean in enumerate(means))
            assert chi_square < parts - 1 + 5 * math.sqrt(2 * (parts - 1))


def test_the_stated_rate_averages_to_the_stated_notes_a_day() -> None:
    """Over a week the momentary rate has the mean that the creator's notes a day say."""
    for creator in creators()[:40]:
        rates = [creator.rate_per_day(NOW_MS + turn * HOUR_MS) for turn in range(168)]
        assert math.isclose(statistics.fmean(rates), creator.posts_per_day)
        assert creator.rate_per_day(creator.start_ms - 1) == 0


def test_creators_start_between_2024_and_october_2025() -> None:
    """The start is in force: no notes before, the first soon after."""
    for creator in creators():
        assert 1_704_067_200_000 <= creator.start_ms < 1_759_276_800_000
    quick = [creator for creator in creators() if creator.posts_per_day > 2]
    assert all(world.places(creator.id, 0, creator.start_ms) == [] for creator in quick)
    assert all(world.places(creator.id, 0, creator.start_ms + 14 * DAY_MS) for creator in quick)


def test_one_note_in_twelve_is_scheduled() -> None:
    """About 8 % were created before they appeared, and the waits fill eight days."""
    notes = [note for _, notes in ripe() for note in notes]
    waits = [note.published_ms - note.created_ms for note in notes if note.published_ms > note.created_ms]
    assert 0.07 < len(waits) / len(notes) < 0.09
    assert 7.5 * DAY_MS < max(waits) <= 8 * DAY_MS


def test_likes_end_log_normal_around_the_stated_mean() -> None:
    """Without the stated effects, the logarithms of the likes have mean mu and spread sigma."""
    for creator, notes in ripe():
        rest = [math.log(max(note.likes, 0.5)) - expected(creator, note) for note in notes]
        if creator.mu < 4:
            continue
        assert abs(statistics.fmean(rest)) < 5 * creator.sigma / math.sqrt(len(rest)) + 0.03
        assert abs(statistics.stdev(rest) / creator.sigma - 1) < 0.15


def test_hashtag_effects_are_found_by_leaving_them_out() -> None:
    """The notes with a hashtag stand apart by its stated effect once all other effects are taken away."""
    for creator, notes in ripe():
        for tag in creator.hashtags[:3]:
            rest = [
                math.log(note.likes + 0.5) - expected(creator, note) + tag.effect * (tag.name in note.hashtags)
                for note in notes
            ]
            with_tag = [value for value, note in zip(rest, notes, strict=True) if tag.name in note.hashtags]
            without = [value for value, note in zip(rest, notes, strict=True) if tag.name not in note.hashtags]
            error = creator.sigma * math.sqrt(1 / len(with_tag) + 1 / len(without))
            assert abs(statistics.fmean(with_tag) - statistics.fmean(without) - tag.effect) < 4.5 * error + 0.05


def test_ratios_are_the_stated_ones() -> None:
    """The medians of collects, comments and shares per like are the creator's ratios."""
    tried = 0
    for creator, notes in ripe():
        many = [note for note in notes if note.likes >= 400]
        if len(many) < 100:
            continue
        tried += 1
        for ratio, values in (
            (creator.collect_ratio, [(note.collects + 0.5) / note.likes for note in many]),
            (creator.comment_ratio, [(note.comments + 0.5) / note.likes for note in many]),
            (creator.share_ratio, [(note.shares + 0.5) / note.likes for note in many]),
        ):
            assert abs(statistics.median(values) / ratio - 1) < 0.12
    assert tried >= 3


def test_growth_flattens_along_the_stated_curve() -> None:
    """The median share of the final likes at an age is that of the stated curve."""
    creator, notes = max(ripe(), key=lambda pair: pair[0].mu + math.log(len(pair[1])) / 9)
    chosen = [note for note in notes if note.likes > 50][:60]
    for age_hours in (3, 24, 96):
        grown = [_likes(creator.id, note, age_hours) / note.likes for note in chosen]
        growth = creator.growth
        curve = -math.expm1(-((age_hours / growth.pace_hours) ** growth.shape))
        assert abs(statistics.median(grown) - curve) < 0.08


def _likes(creator: str, note: SimulatedNote, age_hours: int) -> int:
    seen = world.note(creator, note.id, note.published_ms + age_hours * HOUR_MS)
    assert seen is not None
    return seen.likes


def test_hashtags_are_as_frequent_as_stated() -> None:
    """Each hashtag is carried by its share of the notes for which hashtags are drawn."""
    for creator, notes in ripe():
        for tag in creator.hashtags:
            share = tag.share * (1 - creator.bare_share)
            number = sum(tag.name in note.hashtags for note in notes)
            assert abs(number - share * len(notes)) < 4.5 * math.sqrt(share * len(notes))


def test_shares_of_kinds_of_notes_are_the_stated_ones() -> None:
    """Videos, notes without hashtags, goods and edited notes are as frequent as stated."""
    for creator, notes in ripe():
        for share, number in (
            (creator.video_share, sum(note.kind == "video" for note in notes)),
            (creator.without_hashtags, sum(not note.hashtags for note in notes)),
            (creator.goods_share, sum(note.goods for note in notes)),
            (creator.edited_share, sum(note.edits > 0 for note in notes)),
        ):
            bound = 4.5 * math.sqrt(share * (1 - share) * len(notes)) + 0.002 * len(notes)
            assert abs(number - share * len(notes)) <= bound


def test_few_notes_are_deleted() -> None:
    """In the end each creator deletes the stated few per cent."""
    for creator, _ in ripe()[-5:]:
        born = {place.id for place in world.places(creator.id, NOW_MS - 365 * DAY_MS, NOW_MS)}
        gone = [
            event
            for event in world.events(creator.id, NOW_MS - 365 * DAY_MS, NOW_MS + 301 * DAY_MS)
            if event.happening == "deleted" and event.note_id in born
        ]
        bound = 4.5 * math.sqrt(creator.deleted_share * len(born)) + 1
        assert abs(len(gone) - creator.deleted_share * len(born)) < bound


def test_some_creators_pin_and_most_do_not() -> None:
    """About half have pin slots, up to three."""
    slots = Counter(creator.pin_slots for creator in creators())
    assert set(slots) == {0, 1, 2, 3}
    assert 0.4 < slots[0] / len(creators()) < 0.6
