"""Creators whose notes come as they do, and ways of looking at them: how soon each note is seen, in simulated time."""

from __future__ import annotations

import csv
import heapq
import math
import random
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import fmean
from zoneinfo import ZoneInfo

from hongshu.engine.planning import dividing, rates, rhythm, timing
from hongshu.engine.planning.learning import Learned, Population, begun, looked, rhythm_of, strength_of
from hongshu.engine.watching.dividing import KEPT_PERIODS, added, calibration, population_of
from hongshu.sources.simulator import World
from hongshu.store.plans import Period

DAY_MS, HOUR_MS = rhythm.DAY_MS, rhythm.HOUR_MS
START_MS = 1_767_225_600_000
HISTORY_DAYS = 200
LEARNING_DAYS = 14
A_PAGE = 20
COPIES = 200

_SEED = 5
_PLANNINGS_A_DAY = 4

Rate = Callable[[int], float]


@dataclass(slots=True)
class Subject:
    """A creator: when it published (ms, ascending, from long before the start), and its true rate, if it has one."""

    notes_ms: Sequence[int]
    rate: Rate | None = None
    hours: rhythm.Rhythm = rhythm.EVEN
    looks_ms: list[int] = field(default_factory=list)

    def between(self, since_ms: int, until_ms: int) -> Sequence[int]:
        return self.notes_ms[bisect_right(self.notes_ms, since_ms) : bisect_right(self.notes_ms, until_ms)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """What a way of looking came to: the mean delay of a note, the looks it took, and what it had predicted."""

    mean_ms: float
    looks: int
    predicted_ms: float = math.nan


def even_ms(creators: int, calls: float) -> float:
    """Return the mean delay of even intervals: half an interval, exactly. Drawn, it would be noisy."""
    return DAY_MS * creators / calls / 2


def knowing(subjects: Sequence[Subject], calls: float, days: int) -> Delays:
    """Look by the true rates and rhythms."""
    plan = _Plan([_true(one, START_MS) ** 0.5 * fmean(rhythm.roots(one.hours)) for one in subjects], calls)
    for number, at_ms in plan.looks(days):
        one = subjects[number]
        one.looks_ms.append(at_ms)
        rate = _true(one, at_ms)
        plan.next(number, at_ms, rate, one.hours, rate**0.5 * fmean(rhythm.roots(one.hours)))
    return _delays(subjects, days, plan)


def learned(subjects: Sequence[Subject], calls: float, days: int, *, by_hours: bool = True) -> Delays:
    """Look as the product does: every look teaches, and four times a day the calls are divided anew.

    Not `by_hours`, looks are placed as if notes came at all hours alike.
    """
    people = Population(anyone=rates.of_anyone())
    known: list[Learned | None] = [None] * len(subjects)
    plan = _Plan([strength_of(Learned(belief=people.anyone, until_ms=START_MS), people)] * len(subjects), calls)
    for number, at_ms in plan.looks(days):
        one = subjects[number]
        one.looks_ms.append(at_ms)
        if plan.is_new:
            people = population_of(each for each in known if each is not None)
        before = known[number]
        if before is None:
            page = one.notes_ms[: bisect_right(one.notes_ms, at_ms)][-A_PAGE:]
            after = begun(people, page, at_ms)
        else:
            fresh = one.between(before.until_ms, at_ms)
            plan.found(at_ms, fresh)
            after = looked(before, people, fresh, at_ms)
        known[number] = after
        hours = rhythm_of(after, people) if by_hours else rhythm.EVEN
        strength = strength_of(after, people) if by_hours else rates.mean(after.belief) ** 0.5
        plan.next(number, at_ms, rates.mean(after.belief), hours, strength)
    return _delays(subjects, days, plan)


class _Plan:
    """A queue of looks, and the division of the calls as `hongshu watch` keeps it."""

    def __init__(self, strengths: list[float], calls: float) -> None:
        chance = random.Random(_SEED)  # noqa: S311 - a simulation
        self._strengths, self._calls = strengths, calls
        self._least = dividing.floor(len(strengths), calls)
        self._unit = dividing.price(strengths, calls)
        self._gain = 1.0
        self._periods: deque[Period] = deque([Period()], maxlen=KEPT_PERIODS)
        self._calibration = 1.0
        spread = DAY_MS * len(strengths) / calls
        self._queue = [(int(START_MS + chance.random() * spread), number) for number in range(len(strengths))]
        heapq.heapify(self._queue)
        self._planned_ms = START_MS
        self.is_new = False
        self.notes = self.delays = 0.0

    def looks(self, days: int) -> Iterator[tuple[int, int]]:
        while self._queue and self._queue[0][0] <= START_MS + days * DAY_MS:
            at_ms, number = heapq.heappop(self._queue)
            self.is_new = False
            while at_ms >= self._planned_ms + DAY_MS // _PLANNINGS_A_DAY:
                self.is_new = True
                self._planned_ms += DAY_MS // _PLANNINGS_A_DAY
                if len(self._periods) >= _PLANNINGS_A_DAY:
                    used = sum(one.calls for one in list(self._periods)[-_PLANNINGS_A_DAY:])
                    self._gain = dividing.steered(self._gain, self._calls, used)
                self._calibration = calibration(self._periods)
                self._periods.append(Period())
            if self.is_new:
                self._unit = dividing.price(self._strengths, self._calls)
            self._count(Period(calls=1))
            yield number, at_ms

    def next(self, number: int, at_ms: int, rate: float, hours: rhythm.Rhythm, strength: float) -> None:
        self._strengths[number] = strength
        unit = self._unit * self._gain
        due = timing.next_look(at_ms, rate, hours, 1 / (2 * unit**2), self._least)
        if at_ms > START_MS + LEARNING_DAYS * DAY_MS:
            self.notes += due.notes
            self.delays += due.notes * due.delay_ms * self._calibration
        self._count(Period(foreseen_notes=due.notes, foreseen_ms=due.notes * due.delay_ms))
        heapq.heappush(self._queue, (due.at_ms, number))

    def found(self, at_ms: int, notes_ms: Sequence[int]) -> None:
        """Count the notes that a look found, and how long they had waited."""
        self._count(Period(notes=len(notes_ms), waited_ms=sum(at_ms - one for one in notes_ms)))

    def _count(self, period: Period) -> None:
        self._periods[-1] = added(self._periods[-1], period)


def _true(one: Subject, at_ms: int) -> float:
    assert one.rate is not None
    return max(one.rate(at_ms), 1e-6)


def _delays(subjects: Sequence[Subject], days: int, plan: _Plan) -> Delays:
    """Return the mean delay of the notes from the third week on, and forget the looks."""
    since_ms, until_ms = START_MS + LEARNING_DAYS * DAY_MS, START_MS + (days - 2) * DAY_MS
    total = number = 0
    for one in subjects:
        for note_ms in one.between(since_ms, until_ms):
            place = bisect_left(one.looks_ms, note_ms)
            if place < len(one.looks_ms):
                total += one.looks_ms[place] - note_ms
                number += 1
    looks = sum(len(one.looks_ms) for one in subjects)
    for one in subjects:
        one.looks_ms = []
    return Delays(mean_ms=total / number, looks=looks, predicted_ms=plan.delays / plan.notes)


def simulated(number: int, days: int) -> list[Subject]:
    """Return the simulator's creators: log-normal rates, median 0.3 notes a day, hours and weekdays of their own."""
    world = World(seed=_SEED, creators=number)
    found = []
    for identifier in world.creators:
        creator = world.creator(identifier)
        places = world.places(identifier, START_MS - HISTORY_DAYS * DAY_MS, START_MS + days * DAY_MS)
        hours = tuple(day * hour for day in creator.weekdays for hour in creator.hours)
        notes = sorted(place.published_ms for place in places)
        found.append(Subject(notes_ms=notes, rate=partial(_always, creator.posts_per_day), hours=hours))
    return found


def _always(rate: float, _: int) -> float:
    return rate


def changing(number: int, days: int) -> list[Subject]:
    """Return creators with breaks and spells, of twenty days on average."""
    chance = random.Random(_SEED)  # noqa: S311 - a simulation
    return [_changing(chance, days) for _ in range(number)]


def bursting(number: int, days: int) -> list[Subject]:
    """Return creators whose notes come in bursts: each is followed by another within hours as often as not."""
    chance = random.Random(_SEED)  # noqa: S311 - a simulation
    return [_bursting(chance, days) for _ in range(number)]


def copied(timeline: Sequence[int], days: int, unit_ms: int) -> list[Subject]:
    """Copy a timeline, each copy shifted by some whole units around its span and thinned to some share of it."""
    chance = random.Random(_SEED)  # noqa: S311 - a simulation
    span = -(-(timeline[-1] - timeline[0] + DAY_MS) // rhythm.WEEK_MS) * rhythm.WEEK_MS
    apart = (timeline[0] - START_MS) % rhythm.WEEK_MS
    subjects = []
    for _ in range(COPIES):
        shift, share = chance.randrange(span // unit_ms) * unit_ms, chance.choice([0.06, 0.12, 0.25, 0.5, 1.0])
        kept = [(one - timeline[0] + shift) % span for one in timeline if chance.random() < share]
        rounds = range(-2, days * DAY_MS // span + 1)
        notes = sorted(START_MS + apart + turn * span + one for one in kept for turn in rounds)
        subjects.append(Subject(notes_ms=notes))
    return subjects


def recorded(folder: Path) -> list[int]:
    """Return when the notes of a recorded timeline were published, in ms; empty where there is no such recording."""
    file = folder / "spider_xhs_note_export_single_user_timeline.anon.csv"
    if not file.exists():
        return []
    with file.open(encoding="utf-8-sig", newline="") as lines:
        texts = [row["上传时间"] for row in csv.DictReader(lines)]
    zone = ZoneInfo("Asia/Shanghai")
    return sorted(int(1000 * datetime.fromisoformat(one).replace(tzinfo=zone).timestamp()) for one in texts)


def _changing(chance: random.Random, days: int) -> Subject:
    usual, hours = _usual(chance), _hours(chance)
    starts, factors, at_ms = [], [], START_MS - HISTORY_DAYS * DAY_MS
    while at_ms < START_MS + days * DAY_MS:
        starts.append(at_ms)
        factors.append(chance.choice([0.05, 0.4, 1.0, 1.0, 1.6, 3.0]))
        at_ms += int(chance.expovariate(1 / 20) * DAY_MS)

    def now(ms: int) -> float:
        return usual * factors[max(0, bisect_right(starts, ms) - 1)]

    return Subject(notes_ms=_published(chance, now, 3 * usual, hours, days), rate=now, hours=hours)


def _bursting(chance: random.Random, days: int) -> Subject:
    usual, hours = _usual(chance), _hours(chance)
    notes: list[int] = []
    for first in _published(chance, lambda _: usual / 2, usual / 2, hours, days):
        notes.append(first)
        while chance.random() < 0.5:
            notes.append(notes[-1] + int(chance.expovariate(1 / 8) * HOUR_MS))
    return Subject(notes_ms=sorted(notes), rate=lambda _: usual, hours=hours)


def _usual(chance: random.Random) -> float:
    return min(math.exp(chance.gauss(math.log(0.3), 1.5)), 40.0)


def _hours(chance: random.Random) -> rhythm.Rhythm:
    shift, days = chance.gauss(0, 1.5), [chance.uniform(0.6, 1.4) for _ in range(7)]
    day = [0.2 + _peak(hour, 20 + shift, 2.2) + 0.6 * _peak(hour, 12 + shift, 1.4) for hour in range(24)]
    week = [one * each for one in days for each in day]
    return tuple(one / fmean(week) for one in week)


def _peak(hour: int, top: float, width: float) -> float:
    away = (hour - top + 12) % 24 - 12
    return math.exp(-0.5 * (away / width) ** 2)


def _published(chance: random.Random, rate: Rate, most: float, hours: rhythm.Rhythm, days: int) -> list[int]:
    """Draw publish times of a Poisson process whose rate changes, by thinning (Lewis & Shedler 1979)."""
    most_a_ms = most * max(hours) / DAY_MS
    at_ms, found = float(START_MS - HISTORY_DAYS * DAY_MS), []
    while (at_ms := at_ms + chance.expovariate(most_a_ms)) < START_MS + days * DAY_MS:
        whole = int(at_ms)
        if chance.random() < rate(whole) * hours[rhythm.hour_of(whole)] / (most * max(hours)):
            found.append(whole)
    return found
