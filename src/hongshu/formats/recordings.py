"""Recorded pages: what one file of a capture folder holds, taken or refused and why.

A file is a page in any shape that `envelopes` reads, the bare `data` of one, or, as a JSON array or JSON lines,
several of these, each alone or as `{"request": "GET …", "response": …}` or `{"http_status": …, "body": …}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from hongshu.formats.border import BYTE_ORDER_MARK, MalformedError, a_text, an_object, decoded, without_bad_escapes
from hongshu.formats.envelopes import read, recorded_ms
from hongshu.ids import ID
from hongshu.models import TOP, NoPage, Page, Place, Reply, Word

_LARGEST: Final = 64 * 1024 * 1024
_EXPORT_MARKS: Final = {"note_id", "note_url", "liked_count", "作品ID"}
_QUERY: Final = re.compile(r"\?([^\s#]+)")
_OBJECT: Final = dict[str, msgspec.Raw]


class Recording(Word):
    """One reply that somebody recorded. Taken if `page` is there; else `why` says what is wrong with it."""

    reply: Reply
    why: str = ""
    page: Page | None = None
    creator: str = ""
    cursor: str | None = None
    cursor_known: bool = False
    """The recorded request says after which cursor this page came (None: it was the first)."""

    @property
    def top(self) -> Place:
        """Return the place of the page's newest note that is not pinned."""
        return max((note.place for note in self._unpinned()), default=TOP)

    @property
    def bottom(self) -> Place:
        """Return the place of the page's oldest note that is not pinned."""
        return min((note.place for note in self._unpinned()), default=TOP)

    def _unpinned(self) -> list[Any]:
        return [note for note in self.page.notes if not note.pinned] if self.page else []


def recordings(content: bytes, modified_ms: int) -> list[Recording]:
    """Return the recordings that a file's content holds, at least one; never raises."""
    if len(content) > _LARGEST:
        return [_refused(f"larger than {_LARGEST} bytes")]
    text = without_bad_escapes(content.removeprefix(BYTE_ORDER_MARK).strip())
    try:
        found = [_recording(part, modified_ms) for part in _parts(text)]
    except MalformedError:
        return [_refused("neither JSON nor HTML")]
    return found or [_refused("empty")]


def _parts(text: bytes) -> Iterator[bytes]:
    if text.startswith(b"<"):
        yield text
        return
    try:
        whole = decoded(text, msgspec.Raw)
    except MalformedError:
        yield from (bytes(decoded(line, msgspec.Raw)) for line in text.splitlines() if line.strip())
        return
    if text.startswith(b"["):
        yield from (bytes(part) for part in decoded(text, list[msgspec.Raw]))
    else:
        yield bytes(whole)


def _recording(part: bytes, modified_ms: int) -> Recording:
    try:
        request, status, body = _unwrapped(part)
    except MalformedError as error:
        return _refused(str(error))
    inside = _members(body)
    if "notes" in inside and "code" not in inside:
        body = b'{"code":0,"data":' + body + b"}"
    reply = Reply(status=status, body=body, collected_ms=recorded_ms(body) or modified_ms)
    return _judged(reply, request)


def _unwrapped(part: bytes) -> tuple[str, int, bytes]:
    members = _members(part)
    if "response" in members:
        request = a_text(decoded(bytes(members.get("request", b"null")))) or ""
        return request, 200, bytes(members["response"])
    if "http_status" in members and "body" in members:
        status, body = decoded(bytes(members["http_status"])), decoded(bytes(members["body"]))
        text = body.encode() if isinstance(body, str) else bytes(members["body"])
        return "", status if isinstance(status, int) else 200, text
    return "", 200, part


def _members(text: bytes) -> Mapping[str, msgspec.Raw]:
    """Return the members of an object; none where it is no object, which `read` will say."""
    try:
        members: Mapping[str, msgspec.Raw] = decoded(text, _OBJECT)
    except MalformedError:
        return {}
    return members


def _judged(reply: Reply, request: str) -> Recording:
    page = read(reply)
    if isinstance(page, NoPage):
        return Recording(reply=reply, why=_rows_of_an_export(reply.body) or page.why)
    asked = _asked(request)
    named = page.creators | ({asked["creator"]} if "creator" in asked else set())
    if len(named) > 1:
        return Recording(reply=reply, why=f"it holds notes of {len(named)} creators: not one creator's page")
    if not named:
        return Recording(reply=reply, why="it does not say whose page it is")
    if page.has_more and not page.notes:
        return Recording(reply=reply, why="it promises more notes and holds none")
    return Recording(
        reply=reply, page=page, creator=next(iter(named)), cursor=asked.get("cursor"), cursor_known=bool(asked)
    )


def _asked(request: str) -> dict[str, str]:
    """Read creator and cursor out of a recorded request line; empty where it names no creator."""
    found = _QUERY.search(request)
    if found is None:
        return {}
    query = parse_qs(found[1])
    creator = next((query[name][0] for name in ("userId", "user_id") if name in query), "")
    if not ID.fullmatch(creator):
        return {}
    cursor = next((query[name][0] for name in ("lastCursor", "cursor") if name in query), "")
    return {"creator": creator, "cursor": cursor} if ID.fullmatch(cursor) else {"creator": creator}


def _rows_of_an_export(body: bytes) -> str:
    try:
        given = an_object(decoded(body))
    except MalformedError:
        return ""
    if "code" not in given and _EXPORT_MARKS & given.keys():
        return "a note of another tool's export, not a recorded page"
    return ""


def _refused(why: str) -> Recording:
    return Recording(reply=Reply(body=b""), why=why)
