"""What a look at a watched creator changes: its walk, what it teaches, what it tells, and when the next one is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hongshu.engine.collecting.steps import walked
from hongshu.engine.planning import rates, timing
from hongshu.engine.planning.learning import Learned, begun, decoded, encoded, looked, rhythm_of, strength_of
from hongshu.engine.saver import Saved, SavedPage
from hongshu.engine.watching.dividing import Prospects, added
from hongshu.life.rising import LONGEST_MS, History, breakout
from hongshu.life.walking import Walk
from hongshu.models import BOTTOM, EVERYONE, TOP, Event, Kind, Look, Observation, Place, Word
from hongshu.store import events, notes, observations, timelines
from hongshu.store.base import Connection
from hongshu.store.batches import Orders
from hongshu.store.plans import Period
from hongshu.store.watches import Watch

COMPARED_NOTES: Final = 30
"""So many notes before it are what a note's breaking out is measured by, at most."""
DAY_MS: Final = 86_400_000

_FIRST_LOOK: Final = Orders(most_notes=1)
"""One page: what stands there is known from then on, and is no news."""
_LATER_LOOKS: Final = Orders()
_FIRST_AGAIN_MS, _LATEST_AGAIN_MS = 60_000, 6 * 3_600_000
_GONE_AGAIN_MS: Final = DAY_MS


class Looked(Word):
    """A watch after a page of a look, and what is to be counted of it."""

    watch: Watch
    period: Period


def after_page(
    db: Connection, watch: Watch, look: Look, saved: SavedPage, prospects: Prospects, silence_days: int
) -> Looked:
    """Return a watch after a page of a look was saved; writes down the events that only a whole look tells.

    While the look has not ended `walk` says where it stands; its last page places the next one.
    """
    page = Period(calls=1)
    first = watch.top is None
    walk = walked(
        db,
        watch.creator,
        EVERYONE,
        watch.walk or Walk(),
        _FIRST_LOOK if first else _LATER_LOOKS,
        look,
        saved,
        seen_before=watch.top,
    )
    newest_ms = max([watch.newest_ms or 0, *(one.kept.note.published_ms for one in saved.notes)]) or None
    watch = msgspec.structs.replace(watch, walk=walk, newest_ms=newest_ms)
    if not first:
        events.add(db, watch.creator, EVERYONE, look.source, _breakouts(db, watch.creator, saved.notes))
    if not walk.ended:
        return Looked(watch=watch, period=page)
    if not walk.complete:
        after = failed(msgspec.structs.replace(watch, walk=None), walk.why, look.seen_ms, gone=False)
        return Looked(watch=after, period=page)
    waited = [] if watch.last_ms is None else notes.published(db, watch.creator, EVERYONE, watch.last_ms)
    learned = _learned(db, watch, saved.notes, prospects, look.seen_ms)
    watch = _silence(db, watch, look, silence_days, first=first)
    found = Period(
        calls=1, notes=len(waited), waited_ms=sum(max(0, look.seen_ms - published_ms) for published_ms in waited)
    )
    return placed(
        msgspec.structs.replace(
            watch,
            walk=None,
            top=max(watch.top or BOTTOM, walk.newest if walk.top == TOP else BOTTOM),
            last_ms=look.seen_ms,
            trouble="",
            trouble_ms=None,
            failures=0,
        ),
        learned,
        prospects,
        look.seen_ms,
        found,
    )


def failed(watch: Watch, why: str, now_ms: int, *, gone: bool) -> Watch:
    """Return a watch after a look that gave no page: tried again after a minute, then twice as late each time. Pure.

    `gone` is for a creator whom no source knows: looked for once a day.
    """
    again_ms = min(_LATEST_AGAIN_MS, _FIRST_AGAIN_MS * 2 ** min(watch.failures, 20))
    return msgspec.structs.replace(
        watch,
        next_ms=now_ms + (_GONE_AGAIN_MS if gone else again_ms),
        trouble=why,
        trouble_ms=watch.trouble_ms if watch.trouble else now_ms,
        failures=watch.failures + 1,
    )


def placed(watch: Watch, learned: Learned, prospects: Prospects, now_ms: int, found: Period) -> Looked:
    """Return a watch with what was learned, and its next look where it is worth most. Pure."""
    rate = rates.mean(learned.belief)
    rhythm = rhythm_of(learned, prospects.population)
    due = timing.next_look(now_ms, rate, rhythm, prospects.price, prospects.least)
    after = msgspec.structs.replace(
        watch,
        next_ms=due.at_ms,
        learned=encoded(learned),
        rate=rate,
        strength=strength_of(learned, prospects.population),
        delay_ms=round(due.delay_ms * prospects.calibration),
    )
    foreseen = Period(foreseen_notes=due.notes, foreseen_ms=due.notes * due.delay_ms)
    return Looked(watch=after, period=added(found, foreseen))


def _learned(db: Connection, watch: Watch, saved: Sequence[Saved], prospects: Prospects, now_ms: int) -> Learned:
    if watch.learned is not None:
        known = decoded(watch.learned)
        since = notes.published(db, watch.creator, EVERYONE, known.until_ms)
        return looked(known, prospects.population, since, now_ms)
    timeline = timelines.read(db, watch.creator, EVERYONE)
    if timeline is not None:
        all_of_them = notes.published(db, watch.creator, EVERYONE, 0)
        return begun(prospects.population, all_of_them, now_ms)
    shown = [one.kept.note.published_ms for one in saved if one.kept.pin_rank is None]
    return begun(prospects.population, shown, now_ms)


def _silence(db: Connection, watch: Watch, look: Look, silence_days: int, *, first: bool) -> Watch:
    """Tell once that a creator has been silent for so long; who was before the first look is no news."""
    newest_ms = watch.newest_ms
    if not silence_days or newest_ms is None or look.seen_ms - newest_ms < silence_days * DAY_MS:
        return watch
    if watch.silent_ms == newest_ms:
        return watch
    if not first:
        details = {"days": (None, silence_days), "newest_ms": (None, newest_ms)}
        silence = Event(note_id="", kind=Kind.SILENCE, seen_ms=look.seen_ms, details=details)
        events.add(db, watch.creator, EVERYONE, look.source, [silence])
    return msgspec.structs.replace(watch, silent_ms=newest_ms)


def _breakouts(db: Connection, creator: str, saved: Sequence[Saved]) -> list[Event]:
    """Return which notes of a page broke out with this look, each once."""
    rising = [one.kept for one in saved if one.changed and _is_young(one)]
    if not rising:
        return []
    told = events.broke_out(db, creator, [one.note.id for one in rising])
    rising = [one for one in rising if one.note.id not in told]
    histories = _histories(db, creator, {one.note.id: (one.note.place, one.last_seen_ms) for one in rising})
    found = []
    for one in rising:
        others = [its for note, its in histories.items() if note != one.note.id]
        event = breakout(one.note.id, histories[one.note.id], others[:COMPARED_NOTES])
        found += [event] if event else []
    return found


def _is_young(saved: Saved) -> bool:
    return saved.kept.last_seen_ms - saved.kept.note.published_ms <= LONGEST_MS and not saved.kept.note.estimated


def _histories(db: Connection, creator: str, own: dict[str, tuple[Place, int]]) -> dict[str, History]:
    """Return the histories of a creator's newest notes, and of some that must be among them, newest first."""
    if not own:
        return {}
    newest = {place.id: (place, seen) for place, seen in notes.recent(db, creator, EVERYONE, COMPARED_NOTES + 1)}
    ids = newest | own
    observed: dict[str, list[Observation]] = {one: [] for one in ids}
    for one in observations.of_notes(db, creator, EVERYONE, list(ids)):
        observed[one.note_id].append(one)
    return {
        one: History(published_ms=place.published_ms, observations=observed[one], last_seen_ms=seen_ms)
        for one, (place, seen_ms) in ids.items()
    }
