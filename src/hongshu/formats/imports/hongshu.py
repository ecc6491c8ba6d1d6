"""Rows of our own exports, as `formats/exports/columns.py` defines them: everything comes back as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any, Final

import msgspec

from hongshu.formats import v4, web
from hongshu.formats.border import MalformedError, a_text
from hongshu.formats.counts import LARGEST
from hongshu.formats.envelopes import MOST_NOTES
from hongshu.formats.exports import cells
from hongshu.formats.exports.cells import Value
from hongshu.formats.exports.columns import RAW, TABLES
from hongshu.formats.exports.kinds import Column, Type, What
from hongshu.formats.imports.base import (
    Found,
    Item,
    OwnCreator,
    OwnEvent,
    OwnNote,
    OwnObservation,
    OwnProfile,
    Row,
    Skipped,
    fit,
)
from hongshu.formats.imports.building import known_as_v4, with_wire
from hongshu.ids import ID
from hongshu.models import BOTTOM, TOP, Count, Counters, Kind, Note, Observation, Place, Precision, Shape, Stretch

_MARKS: Final[Mapping[What, frozenset[str]]] = {
    What.NOTES: frozenset({"creator", "id", "published_at", "published_estimated"}),
    What.OBSERVATIONS: frozenset({"creator", "note", "seen_at", "likes_precision"}),
    What.EVENTS: frozenset({"creator", "id", "note", "kind", "details"}),
    What.CREATORS: frozenset({"creator", "coverage_state", "profiles"}),
}
_COUNTERS: Final = ("likes", "collects", "comments", "shares")
_PATCHES: Final = ("title", "display_title", "likes", "likes_text", "sticky")
_LATEST_MS: Final = 10**14
_EVENT_KINDS: Final = frozenset(Kind)

Values = Mapping[str, Any]


def what_of(names: frozenset[str]) -> What | None:
    """Return which table has such columns; in workbooks the headings of times end in their zone."""
    plain = {name.removesuffix(cells.UTC_HEAD) for name in names}
    return next((what for what, marks in _MARKS.items() if marks <= plain), None)


def is_row(names: frozenset[str]) -> bool:
    """Say whether rows with these members are of an export of ours."""
    return what_of(names) is not None


def read_row(row: Row, raw: bytes, _zone: tzinfo) -> Item:
    """Read a row of JSON lines; the cells of tables are read by `read_cells`."""
    return _read(row, cells.json_value, _raw_of(raw) if RAW in row else None)


def read_cells(row: Row, form: str) -> Item:
    """Read a row of a "csv", an "xlsx" or a "parquet" file."""
    if form == "xlsx":
        row = {name.removesuffix(cells.UTC_HEAD): value for name, value in row.items()}
    reading = {"csv": cells.text_value, "xlsx": cells.sheet_value, "parquet": _plain}[form]
    return _read(row, reading, None)


def _plain(_column: Column, value: Any) -> Value:
    return value  # type: ignore[no-any-return]  # DuckDB gives values of the column's type


def _read(row: Row, reading: Callable[[Column, Any], Value], raw: bytes | None) -> Item:
    what = what_of(frozenset(row))
    if what is None:
        return Skipped(why="no row of an export of hongshu")
    try:
        values = {column.name: _value(reading, column, row.get(column.name)) for column in TABLES[what]}
        return _READ[what](values, raw)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        return Skipped(why=f"a row of {what.value} that no export of hongshu holds ({type(error).__name__})")


def _value(reading: Callable[[Column, Any], Value], column: Column, cell: Any) -> Value:
    value = None if cell is None or (cell == "" and column.type is not Type.TEXT) else reading(column, cell)
    return fit(value) if isinstance(value, str) else value


def _note(values: Values, raw: bytes | None) -> OwnNote:
    creator, identifier = _id(values["creator"]), _id(values["id"])
    note = _with_wire(
        Note(
            id=identifier,
            shape=Shape(values["shape"]),
            raw=raw or b"",
            wire=b"",
            published_ms=_ms(values["published_at"]),
            estimated=bool(values["published_estimated"]),
            creator=values["author"],
            nickname=values["nickname"],
            kind=values["type"],
            title=values["title"],
            text=values["text"],
            edited_ms=_ms_or_none(values["edited_at"]),
            counters=_counters(values),
            pinned=values["shown_pinned"],
            goods=values["goods"],
            cover_key=values["cover"],
            hashtags=tuple(values["hashtags"] or ()),
        )
    )
    found = Found(
        note=note,
        source=_named(values["source"]),
        creator=creator,
        seen_ms=_ms(values["last_seen_at"]),
        pin_rank=_rank(values["pin_rank"]),
    )
    return OwnNote(
        found=found,
        seen_ms=_ms(values["last_seen_at"]),
        first_seen_ms=_ms(values["first_seen_at"]),
        missing_since_ms=_ms_or_none(values["missing_since"]),
        absent=min(2, max(0, int(values["absent_walks"] or 0))),
        absent_ms=_ms_or_none(values["absent_as_of"]),
        has_raw=bool(raw),
    )


def _with_wire(note: Note) -> Note:
    """Return a note with its V4 form: out of what the source sent, where that is there, brought up to date."""
    try:
        read = {Shape.V4: v4.read_note, Shape.WEB: _web_note}.get(note.shape)
        if not note.raw or read is None:
            return with_wire(note)
        known = {name: value for name, value in known_as_v4(note).items() if name in _PATCHES}
        return msgspec.structs.replace(note, wire=v4.patched(read(note.raw).wire, known))
    except MalformedError:
        return with_wire(note)


def _web_note(raw: bytes) -> Note:
    given = msgspec.json.decode(raw)
    if not isinstance(given, dict):
        raise MalformedError("it is no object")
    card = given.get("noteCard")
    return web.read_note({"noteId": given.get("id"), **card} if isinstance(card, dict) else given, raw)


def _observation(values: Values, _raw: bytes | None) -> OwnObservation:
    told = Observation(
        note_id=_id(values["note"]),
        seen_ms=_ms(values["seen_at"]),
        counters=_counters(values),
        source=_named(values["source"]),
    )
    return OwnObservation(creator=_id(values["creator"]), observation=told)


def _event(values: Values, _raw: bytes | None) -> OwnEvent:
    details = msgspec.json.decode(values["details"], type=dict[str, tuple[Any, Any]])
    if values["kind"] not in _EVENT_KINDS or not str(values["id"]).startswith("evt_"):
        raise ValueError("no event")
    return OwnEvent(
        creator=_id(values["creator"]),
        id=values["id"],
        note=_id(values["note"]) if values["note"] else "",
        kind=values["kind"],
        seen_ms=_ms(values["seen_at"]),
        details=msgspec.json.encode(details).decode(),
        source=_named(values["source"]),
    )


def _creator(values: Values, _raw: bytes | None) -> OwnCreator:
    profiles = msgspec.json.decode(values["profiles"] or "[]", type=list[dict[str, Any]])
    stretches = msgspec.json.decode(values["coverage"] or "[]", type=list[dict[str, Any]])
    return OwnCreator(
        creator=_id(values["creator"]),
        notes=int(values["notes"] or 0),
        groups=tuple(values["groups"] or ()),
        profiles=tuple(_profile(one) for one in profiles),
        stretches=tuple(_stretch(one) for one in stretches),
    )


def _profile(words: Mapping[str, Any]) -> OwnProfile:
    followers = words.get("followers")
    return OwnProfile(
        as_of_ms=cells.moment_ms(words["as_of"]),
        nickname=a_text(words.get("nickname")),
        followers=None if followers is None else int(followers),
        price=a_text(words.get("price")),
        currency=a_text(words.get("currency")),
        source=_named(words.get("source")),
    )


def _stretch(words: Mapping[str, Any]) -> Stretch:
    return Stretch(
        upper=_place(words["to"], words["to_id"], TOP),
        lower=_place(words["from"], words["from_id"], BOTTOM),
        seen_ms=cells.moment_ms(words["as_of"]),
    )


def _place(at: str | None, identifier: str | None, end: Place) -> Place:
    return end if at is None else Place(cells.moment_ms(at), str(identifier))


def _counters(values: Values) -> Counters:
    return Counters(**{name: _count(values, name) for name in _COUNTERS})


def _count(values: Values, name: str) -> Count | None:
    value = values[name]
    if value is None:
        return None
    if not 0 <= value <= LARGEST:
        raise ValueError("no count")
    precision = Precision(values[f"{name}_precision"] or Precision.EXACT)
    return Count(value=int(value), text=values[f"{name}_text"] or str(value), precision=precision)


def _raw_of(line: bytes) -> bytes | None:
    raw = msgspec.json.decode(line, type=dict[str, msgspec.Raw]).get(RAW)
    return None if raw is None or bytes(raw) == b"null" else bytes(raw)


def _id(value: object) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise ValueError("no id of 24 hex digits")
    return value


def _named(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no name of a source")
    return value


def _ms(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LATEST_MS:
        raise ValueError("no time")
    return value


def _ms_or_none(value: object) -> int | None:
    return None if value is None else _ms(value)


def _rank(value: object) -> int | None:
    if value is not None and not (isinstance(value, int) and 0 <= value <= MOST_NOTES):
        raise ValueError("no place on a page")
    return value


_READ: Final[Mapping[What, Callable[[Values, bytes | None], Item]]] = {
    What.NOTES: _note,
    What.OBSERVATIONS: _observation,
    What.EVENTS: _event,
    What.CREATORS: _creator,
}
