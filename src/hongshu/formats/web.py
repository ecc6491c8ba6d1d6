"""The web site's list of notes, and the state of a profile page: id, title, likes and pin, no times, no text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hongshu.formats.border import MalformedError, a_flag, a_text, an_object
from hongshu.formats.counts import count
from hongshu.ids import ID, id_ms
from hongshu.models import Count, Counters, Note, Precision, Shape

_MEDIA_KEY: Final = re.compile(r"/([0-9a-z_-]{20,})(?:\.[a-z]+)?(?:[!?|]|$)")


def read_note(given: Mapping[str, Any], raw: bytes) -> Note:
    """Read one note of the web list, or one `noteCard` of a profile page's state.

    Raises `MalformedError` where it has no id of 24 hex digits.
    """
    identifier = _first(given, "note_id", "noteId")
    if not isinstance(identifier, str) or not ID.fullmatch(identifier):
        raise MalformedError("a note has no id of 24 hex digits")
    interaction = an_object(_first(given, "interact_info", "interactInfo"))
    user, cover = an_object(given.get("user")), an_object(given.get("cover"))
    likes = count(_first(interaction, "liked_count", "likedCount"))
    note = Note(
        id=identifier,
        shape=Shape.WEB,
        raw=raw,
        wire=b"",
        published_ms=id_ms(identifier),
        estimated=True,
        creator=a_text(_first(user, "user_id", "userId")),
        nickname=a_text(_first(user, "nickname", "nick_name", "nickName")),
        kind=a_text(given.get("type")),
        title=a_text(_first(given, "display_title", "displayTitle")),
        counters=Counters(likes=likes),
        pinned=a_flag(interaction.get("sticky")),
        cover_key=_cover_key(cover),
    )
    return msgspec.structs.replace(note, wire=msgspec.json.encode(_as_v4(note, user, cover)))


def known_as_v4(note: Note) -> dict[str, object]:
    """Return what a note of this shape knows, under its V4 names; a count that is not exact keeps its text too."""
    likes = note.counters.likes
    known = {
        "title": note.title,
        "display_title": note.title,
        "likes": likes.value if likes else None,
        "likes_text": _inexact_text(likes),
        "sticky": note.pinned,
    }
    return {name: value for name, value in known.items() if value is not None}


def _as_v4(note: Note, user: Mapping[str, Any], cover: Mapping[str, Any]) -> dict[str, object]:
    author = {
        "userid": note.creator,
        "nickname": note.nickname,
        "images": a_text(_first(user, "avatar", "images")),
    }
    members = {
        "id": note.id,
        "type": note.kind,
        **known_as_v4(note),
        "images_list": [image] if (image := _image(cover)) else None,
        "user": {name: value for name, value in author.items() if value is not None} or None,
        "cursor": note.id,
    }
    return {name: value for name, value in members.items() if value is not None}


def _image(cover: Mapping[str, Any]) -> dict[str, object]:
    image = {
        "height": _pixels(cover.get("height")),
        "width": _pixels(cover.get("width")),
        "url": _cover_url(cover) or None,
        "trace_id": a_text(_first(cover, "trace_id", "traceId")),
        "fileid": a_text(_first(cover, "file_id", "fileId")),
    }
    return {name: value for name, value in image.items() if value is not None}


def _pixels(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _cover_url(cover: Mapping[str, Any]) -> str:
    direct = _first(cover, "url", "url_default", "urlDefault", "url_pre", "urlPre")
    if isinstance(direct, str) and direct:
        return direct
    listed = _first(cover, "info_list", "infoList")
    urls = [a_text(an_object(entry).get("url")) for entry in listed] if isinstance(listed, list) else []
    return next((url for url in reversed(urls) if url), "")


def _cover_key(cover: Mapping[str, Any]) -> str | None:
    named = _first(cover, "file_id", "fileId", "trace_id", "traceId")
    if isinstance(named, str) and named:
        return named
    found = _MEDIA_KEY.search(_cover_url(cover))
    return found[1] if found else None


def _inexact_text(given: Count | None) -> str | None:
    return given.text if given and given.precision is not Precision.EXACT else None


def _first(given: Mapping[str, Any], *names: str) -> Any:
    """Return the first member that is there and not empty."""
    return next((given[name] for name in names if given.get(name) is not None and given[name] != ""), None)
