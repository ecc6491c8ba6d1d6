"""What our own exports give back beside notes: the SQL. What is there already stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hongshu.formats.imports.base import OwnCreator, OwnEvent, OwnObservation, OwnProfile
from hongshu.models import EVERYONE, Observation, Profile
from hongshu.store import coverage, events, observations, profiles
from hongshu.store.base import Connection


def observation(db: Connection, one: OwnObservation) -> bool:
    """Keep an observation; say whether there was none of that note and time."""
    told = one.observation
    there = db.rows(
        "SELECT 1 FROM observations WHERE creator = ? AND audience = ? AND note = ? AND seen_ms = ?",
        (one.creator, EVERYONE, told.note_id, told.seen_ms),
    )
    if not there:
        observations.put(db, one.creator, EVERYONE, [told])
    return not there


def put_observations(db: Connection, creator: str, told: Sequence[Observation]) -> None:
    """Write observations of a creator's notes, in place of those of the same note and time."""
    db.many(
        "DELETE FROM observations WHERE creator = ? AND audience = ? AND note = ? AND seen_ms = ?",
        [(creator, EVERYONE, one.note_id, one.seen_ms) for one in told],
    )
    observations.put(db, creator, EVERYONE, told)


def event(db: Connection, one: OwnEvent) -> bool:
    """Keep an event under its own id; say whether it was not known."""
    there = db.rows(
        "SELECT 1 FROM events WHERE id = ? OR (creator = ? AND audience = ? AND seen_ms = ? AND note = ? AND kind = ?)",
        (one.id, one.creator, EVERYONE, one.seen_ms, one.note, one.kind),
    )
    if not there:
        events.put(db, [(one.id, one.creator, EVERYONE, one.note, one.kind, one.seen_ms, one.source, one.details)])
    return not there


def creator(db: Connection, one: OwnCreator) -> bool:
    """Keep what was told of a creator; say whether any of it was not known.

    The coverage comes back only where none is known and every note of the creator that there was is here as well.
    """
    fresh = [profile(db, one.creator, told) for told in one.profiles]
    fresh += [_member(db, one.creator, group) for group in one.groups]
    if one.stretches and not coverage.whole(db, one.creator, EVERYONE) and _has_all(db, one):
        coverage.replace(db, one.creator, EVERYONE, [], one.stretches)
        fresh.append(True)
    return any(fresh)


def profile(db: Connection, creator: str, told: OwnProfile) -> bool:
    """Keep what somebody told of a creator; say whether nothing was told for that time."""
    there = db.rows("SELECT 1 FROM profiles WHERE creator = ? AND as_of_ms = ?", (creator, told.as_of_ms))
    return not there and profiles.put(db, Profile(creator=creator, **msgspec.structs.asdict(told)))


def _member(db: Connection, creator: str, group: str) -> bool:
    there = db.rows("SELECT 1 FROM memberships WHERE name = ? AND creator = ?", (group, creator))
    if not there:
        db.rows("INSERT INTO memberships (name, creator) VALUES (?, ?)", (group, creator))
    return not there


def _has_all(db: Connection, one: OwnCreator) -> bool:
    [(number,)] = db.rows("SELECT count(*) FROM notes WHERE creator = ? AND audience = ?", (one.creator, EVERYONE))
    return int(number) == one.notes
