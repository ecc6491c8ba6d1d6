"""Notes, their raw forms and their observations: the SQL, and rows to words and back."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from hongshu.models import BOTTOM, Kept, Note, Place, Shape
from hongshu.store import counters, sums
from hongshu.store.base import Connection, Reading, Row, among, in_parts
from hongshu.store.packing import Packer, unpacked

_COLUMNS: Final = (
    "creator, audience, pinned, published_ms, id, missing_since_ms, pin_rank, estimated, shape, kind, title, text,"
    " edited_ms, likes, collects, comments, shares, inexact, sticky, goods, cover_key, hashtags, author, nickname,"
    " first_seen_ms, last_seen_ms, source, absent, absent_ms, wire"
)
_ROWS: Final = sums.Rows("notes", _COLUMNS)
_SHOWN: Final = sums.Rows("notes", "published_ms, id, wire, source")
_RAWS: Final = sums.Rows("raws", "creator, audience, id, raw")
_ABSENT: Final = sums.moving(absent="?", absent_ms="?")
_MISSING: Final = sums.moving(missing_since_ms="?")
_UNPINNED: Final = sums.moving(pinned="0", pin_rank="NULL", missing_since_ms="?")
_LEVEL: Final = 3
_STANDING: Final = "published_ms, id, last_seen_ms, missing_since_ms"


class Shown(NamedTuple):
    """What a page needs of a note."""

    place: Place
    wire: bytes
    source: str


class Standing(NamedTuple):
    """Where a note stands, when it was seen last, and since when a look at its place did not show it (None: it did)."""

    place: Place
    last_seen_ms: int
    missing_since_ms: int | None


def shown_below(db: Connection, creator: str, audience: str, start: Place, lower: Place, limit: int) -> list[Shown]:
    """Return up to `limit` unpinned notes from below `start` down to `lower`, newest first."""
    rows = db.rows(
        f"{_SHOWN.selecting}"
        " WHERE creator = ? AND audience = ? AND pinned = 0 AND missing_since_ms IS NULL"
        " AND (published_ms, id) < (?, ?) AND (published_ms, id) >= (?, ?)"
        " ORDER BY published_ms DESC, id DESC LIMIT ?",
        (creator, audience, *start, *lower, limit),
    )
    return _shown(rows)


def shown_pinned(db: Connection, creator: str, audience: str) -> list[Shown]:
    """Return the pinned notes, in the source's order."""
    rows = db.rows(
        f"{_SHOWN.selecting}"
        " WHERE creator = ? AND audience = ? AND pinned = 1 AND missing_since_ms IS NULL"
        " ORDER BY pin_rank, published_ms DESC, id DESC",
        (creator, audience),
    )
    return _shown(rows)


def _shown(rows: list[Row]) -> list[Shown]:
    """Return rows as what a page needs. Raises `DamagedError`."""
    return [
        Shown(Place(published_ms, identifier), wire, source)
        for published_ms, identifier, wire, source, _ in _SHOWN.checked(rows)
    ]


def wires(db: Connection, creator: str, audience: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Return the wire forms of the notes with these ids, of those that are known."""
    found: dict[str, bytes] = {}
    for marks, some in in_parts(ids):
        rows = db.rows(
            f"{_SHOWN.selecting} WHERE creator = ? AND audience = ? AND id IN ({marks})",
            (creator, audience, *some),
        )
        found |= {one.place.id: one.wire for one in _shown(rows)}
    return found


def place_of(db: Connection, creator: str, audience: str, note_id: str) -> Place | None:
    """Return where a note stands, or None where it is not known."""
    rows = db.rows(
        "SELECT published_ms, id FROM notes WHERE creator = ? AND audience = ? AND id = ?", (creator, audience, note_id)
    )
    return Place(*rows[0]) if rows else None


def surely_at(db: Connection, creator: str, audience: str, note_id: str) -> Place | None:
    """Return where a note that is not pinned stands, or None where it is not known or its time is estimated."""
    rows = db.rows(
        "SELECT published_ms, id FROM notes"
        " WHERE creator = ? AND audience = ? AND id = ? AND pinned = 0 AND estimated = 0",
        (creator, audience, note_id),
    )
    return Place(*rows[0]) if rows else None


def any_below(db: Connection, creator: str, audience: str, start: Place) -> bool:
    """Say whether a note that is not missing is known below a place (or anywhere, from the top)."""
    return bool(shown_below(db, creator, audience, start, BOTTOM, 1))


def known(db: Connection, creator: str, audience: str, ids: Sequence[str]) -> dict[str, Kept]:
    """Return what is known of the notes with these ids (a few thousand at most)."""
    return of_ids(creator, audience, ids).of(db)


def of_ids(creator: str, audience: str, ids: Sequence[str]) -> Reading[dict[str, Kept]]:
    """Read what is known of the notes with these ids (a few thousand at most), by id."""
    marks, some = among(ids)
    return Reading(
        f"{_ROWS.selecting} WHERE creator = ? AND audience = ? AND id IN ({marks})",
        (creator, audience, *some),
        lambda rows: {kept.note.id: kept for kept in map(_kept, _ROWS.checked(rows))},
    )


def pinned(creator: str, audience: str) -> Reading[list[Standing]]:
    """Read where pinned notes stand."""
    return Reading(
        f"SELECT {_STANDING} FROM notes WHERE creator = ? AND audience = ? AND pinned = 1",  # noqa: S608 - only fixed names are put in
        (creator, audience),
        _standings,
    )


def unpinned(creator: str, audience: str, upper: Place, lower: Place) -> Reading[list[Standing]]:
    """Read where unpinned notes stand, missing ones too, from below `upper` down to `lower`."""
    return Reading(
        f"SELECT {_STANDING} FROM notes WHERE creator = ? AND audience = ? AND pinned = 0"  # noqa: S608 - only fixed names are put in
        " AND (published_ms, id) < (?, ?) AND (published_ms, id) >= (?, ?)",
        (creator, audience, *upper, *lower),
        _standings,
    )


def put(db: Connection, creator: str, audience: str, kept: Sequence[Kept], known: Container[str] = ()) -> None:
    """Write notes as they are now known, in place of what was known of those that `known` holds the ids of."""
    for marks, ids in in_parts(one.note.id for one in kept if one.note.id in known):
        db.rows(
            f"DELETE FROM notes WHERE creator = ? AND audience = ? AND id IN ({marks})",  # noqa: S608 - only marks are put in
            (creator, audience, *ids),
        )
    _ROWS.insert(db, [_row(creator, audience, one) for one in sorted(kept, key=lambda one: one.note.place)])


def put_raws(db: Connection, creator: str, audience: str, raws: Iterable[tuple[str, bytes]]) -> None:
    """Write raw forms, compressed, in place of the older ones."""
    packer = Packer(_LEVEL)
    _RAWS.insert(
        db,
        [(creator, audience, identifier, packer.pack(raw)) for identifier, raw in dict(raws).items()],
        " ON CONFLICT (creator, audience, id) DO UPDATE SET raw = excluded.raw, crc = excluded.crc",
    )


def raw(db: Connection, creator: str, audience: str, note_id: str) -> bytes | None:
    """Return what the source sent for a note, whole; None where it is not known."""
    rows = db.rows(f"{_RAWS.selecting} WHERE creator = ? AND audience = ? AND id = ?", (creator, audience, note_id))
    return raw_in(rows[0]) if rows else None


def raw_in(row: Row) -> bytes:
    """Return the raw form in a row of raw forms: whose, of which note, the packed form and its checksum.

    Raises `DamagedError`.
    """
    [(*_, kept, _)] = _RAWS.checked([row])
    return unpacked(kept, "raws")


def recent(db: Connection, creator: str, audience: str, limit: int) -> list[tuple[Place, int]]:
    """Return place and time of the last look of the newest notes, newest first; pinned ones are left out."""
    rows = db.rows(
        "SELECT published_ms, id, last_seen_ms FROM notes WHERE creator = ? AND audience = ? AND pinned = 0"
        " ORDER BY published_ms DESC, id DESC LIMIT ?",
        (creator, audience, limit),
    )
    return [(Place(published_ms, identifier), seen_ms) for published_ms, identifier, seen_ms in rows]


def published(db: Connection, creator: str, audience: str, after_ms: int) -> list[int]:
    """Return when the notes were published, pinned or not, that came after a time; in ms, oldest first."""
    rows = db.rows(
        "SELECT published_ms FROM notes WHERE creator = ? AND audience = ? AND pinned IN (0, 1) AND published_ms > ?"
        " ORDER BY published_ms",
        (creator, audience, after_ms),
    )
    return [one for (one,) in rows]


def next_above(db: Connection, creator: str, audience: str, place: Place, limit: int) -> list[Place]:
    """Return the lowest places above one where unpinned notes are known to stand, upwards."""
    rows = db.rows(
        "SELECT published_ms, id FROM notes WHERE creator = ? AND audience = ? AND pinned = 0"
        " AND missing_since_ms IS NULL AND (published_ms, id) > (?, ?) ORDER BY published_ms, id LIMIT ?",
        (creator, audience, *place, limit),
    )
    return [Place(published_ms, identifier) for published_ms, identifier in rows]


def number_and_oldest(db: Connection, creator: str, audience: str) -> tuple[int, int]:
    """Return how many notes of a creator are known and not missing, and when the oldest was published (0: none)."""
    rows = db.rows(
        "SELECT count(*), min(published_ms) FROM notes WHERE creator = ? AND audience = ? AND missing_since_ms IS NULL",
        (creator, audience),
    )
    return rows[0][0], rows[0][1] or 0


def missing(db: Connection, creator: str, audience: str, upper: Place, lower: Place, as_of_ms: int) -> list[Kept]:
    """Return the notes from below `upper` down to `lower` that are missing and were not seen since a time."""
    rows = db.rows(
        f"{_ROWS.selecting} WHERE creator = ? AND audience = ? AND pinned = 0"
        " AND missing_since_ms IS NOT NULL AND last_seen_ms < ? AND (published_ms, id) < (?, ?)"
        " AND (published_ms, id) >= (?, ?) ORDER BY published_ms DESC, id DESC",
        (creator, audience, as_of_ms, *upper, *lower),
    )
    return [_kept(row) for row in _ROWS.checked(rows)]


def note_absent(db: Connection, creator: str, audience: str, kept: Kept) -> None:
    """Write in how many complete walks in a row a note was absent."""
    db.rows(
        f"UPDATE notes SET {_ABSENT} WHERE creator = ? AND audience = ? AND id = ?",  # noqa: S608 - only fixed names are put in
        (kept.absent, kept.absent_ms, kept.absent, kept.absent_ms, creator, audience, kept.note.id),
    )


def mark_missing(db: Connection, creator: str, audience: str, ids: Iterable[str], since_ms: int) -> None:
    """Note that a look at their place did not show these notes."""
    for marks, some in in_parts(ids):
        db.rows(
            f"UPDATE notes SET {_MISSING} WHERE creator = ? AND audience = ? AND id IN ({marks})",  # noqa: S608 - only fixed names are put in
            (since_ms, since_ms, creator, audience, *some),
        )


def unpin(db: Connection, creator: str, audience: str, ids: Iterable[str], since_ms: int) -> None:
    """Take notes that are pinned no more from the top; they are missing until a look shows where they are.

    That they were pinned stays known, so that this look can tell what happened to them.
    """
    for marks, some in in_parts(ids):
        db.rows(
            f"UPDATE notes SET {_UNPINNED} WHERE creator = ? AND audience = ? AND id IN ({marks})",  # noqa: S608 - only fixed names are put in
            (since_ms, since_ms, creator, audience, *some),
        )


def _standings(rows: Sequence[Row]) -> list[Standing]:
    return [Standing(Place(*place), seen_ms, missing_ms) for *place, seen_ms, missing_ms in rows]


def _row(creator: str, audience: str, kept: Kept) -> tuple[object, ...]:
    note = kept.note
    return (
        creator,
        audience,
        int(kept.pin_rank is not None),
        note.published_ms,
        note.id,
        kept.missing_since_ms,
        kept.pin_rank,
        int(note.estimated),
        note.shape.value,
        note.kind,
        note.title,
        note.text,
        note.edited_ms,
        *counters.values(note.counters),
        counters.inexact(note.counters),
        _as_int(note.pinned),
        _as_int(note.goods),
        note.cover_key,
        msgspec.json.encode(note.hashtags).decode(),
        note.creator,
        note.nickname,
        kept.first_seen_ms,
        kept.last_seen_ms,
        kept.source,
        kept.absent,
        kept.absent_ms,
        note.wire,
    )


def _kept(row: Row) -> Kept:
    told = dict(zip(_ROWS.names, row, strict=True))
    note = Note(
        id=told["id"],
        shape=Shape(told["shape"]),
        raw=b"",
        wire=told["wire"],
        published_ms=told["published_ms"],
        estimated=bool(told["estimated"]),
        creator=told["author"],
        nickname=told["nickname"],
        kind=told["kind"],
        title=told["title"],
        text=told["text"],
        edited_ms=told["edited_ms"],
        counters=counters.told([told[name] for name in counters.NAMES], told["inexact"]),
        pinned=_as_flag(told["sticky"]),
        goods=_as_flag(told["goods"]),
        cover_key=told["cover_key"],
        hashtags=tuple(msgspec.json.decode(told["hashtags"])),
    )
    return Kept(
        note=note,
        pin_rank=told["pin_rank"],
        first_seen_ms=told["first_seen_ms"],
        last_seen_ms=told["last_seen_ms"],
        source=told["source"],
        missing_since_ms=told["missing_since_ms"],
        absent=told["absent"],
        absent_ms=told["absent_ms"],
    )


def _as_int(flag: bool | None) -> int | None:
    return None if flag is None else int(flag)


def _as_flag(number: int | None) -> bool | None:
    return None if number is None else bool(number)
