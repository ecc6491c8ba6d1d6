"""The V4 form of notes and answers, both ways, everything that the source sent kept byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from hongshu.formats.border import MalformedError, a_flag, a_text, an_object, decoded
from hongshu.formats.counts import LARGEST, count
from hongshu.ids import ID, id_ms
from hongshu.models import Counters, Note, Served, Shape, rfc3339

Members = dict[str, msgspec.Raw]

V4_PATH: Final = "/api/xiaohongshu/get-user-note-list/v4"
"""Where a server that speaks the V4 contract is asked."""

_FALSE: Final = msgspec.Raw(b"false")
_VIEWER: Final[Members] = dict.fromkeys(("infavs", "niced", "inlikes", "liked", "collected"), _FALSE)
_VIEWER_INSIDE: Final[Mapping[str, Members]] = {
    "user": {
        "followed": _FALSE,
        "fstatus": msgspec.Raw(b'"none"'),
        "fStatus": msgspec.Raw(b'"none"'),
        "FStatus": msgspec.Raw(b'"none"'),
    },
    "recommend": {"track_id": msgspec.Raw(b'""')},
}
_HASHTAG: Final = re.compile(r"#([^#\n]+?)\[话题\]#")
_EARLIEST_S: Final = 1_356_998_400
"""2013-01-01, before the platform's first note."""
_LONGEST_DRAFT_MS: Final = 400 * 86_400_000
"""Real notes are published up to 8 days after their id was made; a time far off would keep a note on top for ever."""


def read_note(raw: bytes, read: object = None) -> Note:
    """Read one V4 note from its JSON text; `read` is what the text says, where it has been decoded before.

    Raises `MalformedError` where it is no object with an id of 24 hex digits.
    """
    members: Members = _members(raw)
    given = an_object(decoded(raw) if read is None else read)
    identifier = given.get("id")
    if not isinstance(identifier, str) or not ID.fullmatch(identifier):
        raise MalformedError("a note has no id of 24 hex digits")
    published_ms = _published_ms(given.get("create_time"), identifier)
    user = an_object(given.get("user"))
    text = a_text(given.get("desc"))
    return Note(
        id=identifier,
        shape=Shape.V4,
        raw=raw,
        wire=_wire(members, identifier),
        published_ms=id_ms(identifier) if published_ms is None else published_ms,
        estimated=published_ms is None,
        creator=a_text(user.get("userid")) or None,
        nickname=a_text(user.get("nickname")),
        kind=a_text(given.get("type")),
        title=a_text(given.get("title")),
        text=text,
        edited_ms=_seconds_ms(given.get("last_update_time")),
        counters=Counters(
            likes=count(given.get("likes")),
            collects=count(given.get("collected_count")),
            comments=count(given.get("comments_count")),
            shares=count(given.get("share_count")),
        ),
        pinned=a_flag(given.get("sticky")),
        goods=_goods(given),
        cover_key=_cover_key(given.get("images_list")),
        hashtags=hashtags(text or ""),
    )


def hashtags(text: str) -> tuple[str, ...]:
    """Return the hashtags written as `#…[话题]#`, each once, in order; one that the list's limit cut is not whole."""
    return tuple(dict.fromkeys(tag.strip() for tag in _HASHTAG.findall(text) if tag.strip()))


def cover_url(wire: bytes) -> str | None:
    """Return where the first image of a note in V4 form can be fetched, for a while; None where the note says none."""
    try:
        images = an_object(decoded(wire)).get("images_list")
    except MalformedError:
        return None
    first = an_object(images[0]) if isinstance(images, list) and images else {}
    url = a_text(first.get("url")) or a_text(first.get("url_size_large")) or None
    return f"https:{url}" if url and url.startswith("//") else url


def patched(wire: bytes, changes: Mapping[str, object]) -> bytes:
    """Return a V4 note with some members replaced, the others untouched."""
    members = _members(wire)
    members.update({name: msgspec.Raw(msgspec.json.encode(value)) for name, value in changes.items()})
    return msgspec.json.encode(members)


def answer(served: Served, request_id: str) -> bytes:
    """Join the wire forms of a page's notes into the envelope of a success; nothing is parsed again."""
    return b"".join(
        (
            b'{"code":0,"message":null,"recordTime":"',
            rfc3339(served.recorded_ms).encode(),
            b'","requestId":"',
            request_id.encode(),
            b'","data":',
            page_data(served),
            b"}",
        )
    )


def page_data(served: Served) -> bytes:
    """Join the wire forms of a page's notes into the `data` of an answer."""
    if served.data is not None:
        return served.data
    return b"".join(
        (
            b'{"notes":[',
            b",".join(served.wires),
            b"],",
            served.extras,
            b',"has_more":true}' if served.has_more else b',"has_more":false}',
        )
    )


def envelope(
    code: int, message: str | None, request_id: str, data: object = None, recorded_ms: int | None = None
) -> bytes:
    """Write the envelope of an answer that holds no collected page."""
    recorded = None if recorded_ms is None else rfc3339(recorded_ms)
    return msgspec.json.encode(
        {"code": code, "message": message, "recordTime": recorded, "requestId": request_id, "data": data}
    )


def extras_of(members: Members, known: Iterable[str]) -> bytes:
    """Write what stood beside the notes as members of a JSON object; `tags` is always there and a list."""
    rest = {name: value for name, value in members.items() if name not in known}
    if not bytes(rest.get("tags", b"")).lstrip().startswith(b"["):
        rest["tags"] = msgspec.Raw(b"[]")
    return msgspec.json.encode(rest)[1:-1]


def _wire(members: Members, identifier: str) -> bytes:
    wire = _neutral(members, _VIEWER)
    for name, viewer in _VIEWER_INSIDE.items():
        inside = members.get(name)
        if inside is not None and bytes(inside).lstrip().startswith(b"{"):
            wire[name] = msgspec.Raw(msgspec.json.encode(_neutral(_members(bytes(inside)), viewer)))
    wire["cursor"] = msgspec.Raw(b'"' + identifier.encode() + b'"')
    return msgspec.json.encode(wire)


def _neutral(members: Members, viewer: Members) -> Members:
    return {name: viewer.get(name, value) for name, value in members.items()}


def _members(raw: bytes) -> Members:
    members: Members = decoded(raw, Members)
    return members


def _goods(given: Mapping[str, Any]) -> bool | None:
    attributes = given.get("note_attributes")
    if isinstance(attributes, list) and "goods" in attributes:
        return True
    return a_flag(given.get("is_goods_note"))


def _cover_key(images: object) -> str | None:
    first = an_object(images[0]) if isinstance(images, list) and images else {}
    return a_text(first.get("fileid")) or a_text(first.get("trace_id")) or None


def _published_ms(given: object, identifier: str) -> int | None:
    """Return a publish time, in ms; None where it is none that a note of this id, which is made before, can have."""
    ms = _seconds_ms(given)
    return ms if ms is not None and ms <= id_ms(identifier) + _LONGEST_DRAFT_MS else None


def _seconds_ms(given: object) -> int | None:
    """Return a time given in seconds (or, above 10^12, in ms) as ms; None where it is none."""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 13:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not _EARLIEST_S <= given <= LARGEST:
        return None
    ms = given if given >= 10**12 else given * 1000
    return ms if ms < 10**13 else None
