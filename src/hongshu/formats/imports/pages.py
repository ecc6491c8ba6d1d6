"""Pages as rows: V4 and the app's list, other vendors' envelopes, the web site's lists, profile pages, search results.

Unlike for replay a page may hold notes of many creators, and one bad note does not spoil the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final

import msgspec

from hongshu.formats import v4, web
from hongshu.formats.border import MalformedError, an_object, clean_json, decoded
from hongshu.formats.envelopes import read
from hongshu.formats.imports.base import Found, Item, Skipped, Tool, count_of, id_of, text_of, time_of
from hongshu.formats.imports.building import Given, found
from hongshu.formats.javascript import state_json
from hongshu.formats.recordings import Recording, recordings
from hongshu.ids import ID
from hongshu.models import Counters, Form, NoPage, Note, Page, Trouble

_TOOLS: Final = {Form.V4: Tool.V4, Form.VENDOR: Tool.TIKHUB, Form.WEB: Tool.WEB, Form.PROFILE: Tool.WEB}
_LISTS: Final = ("notes", "items", "note_list")
_DEEPEST: Final = 4
_MOST_NOTES: Final = 2_000
_APP_SEARCH: Final = {"liked_count": "likes", "shared_count": "share_count", "timestamp": "create_time"}
_KINDS: Final = {"normal": "normal", "video": "video"}

Members = Mapping[str, msgspec.Raw]


def read_pages(content: bytes, modified_ms: int) -> Iterator[Item]:
    """Return the notes that a page, or a recording of one, holds; what is none is told with its reason."""
    for recording in _as_recordings(content, modified_ms):
        yield from _items(recording, modified_ms)


def _as_recordings(content: bytes, modified_ms: int) -> list[Recording]:
    """Return the recordings in a content; a note that stands alone is a page of one."""
    names = _members(content).keys()
    if ("id" in names and names & {"likes", "create_time", "images_list", "display_title"}) or (
        "note_id" in names and "interact_info" in names
    ):
        content = b'{"notes":[' + content + b"]}"
    return recordings(content, modified_ms)


def _items(recording: Recording, modified_ms: int) -> Iterator[Item]:
    reply = recording.reply
    page = recording.page or read(reply)
    if isinstance(page, Page):
        tool = _TOOLS[page.form]
        owner = recording.creator or (next(iter(page.creators)) if len(page.creators) == 1 else None)
        seen_ms = _told_ms(reply.body, reply.collected_ms, modified_ms)
        for rank, note in enumerate(page.notes):
            yield _found(note, tool, owner, seen_ms, rank)
        return
    listed = list(_one_by_one(reply.body, modified_ms)) if page.trouble is Trouble.MALFORMED else []
    yield from listed or [Skipped(why=_why(recording, page))]


def _why(recording: Recording, page: NoPage) -> str:
    return recording.why or page.why


def _found(note: Note, tool: Tool, owner: str | None, seen_ms: int | None, rank: int | None) -> Item:
    creator = note.creator or owner
    if creator is None or not ID.fullmatch(creator):
        return Skipped(why="a note that does not say whose it is")
    note = msgspec.structs.replace(note, creator=creator)
    return Found(
        note=note, source=tool.source, creator=creator, seen_ms=seen_ms, pin_rank=rank if note.pinned else None
    )


def _told_ms(body: bytes, collected_ms: int | None, modified_ms: int) -> int | None:
    """Return when a page was collected, if it says: its `recordTime`, a vendor's stamp, or the server's time."""
    if collected_ms is not None and collected_ms != modified_ms:
        return collected_ms
    try:
        text = state_json(body) if body.lstrip().startswith(b"<") else body
        members = _members(text)
        server = an_object(decoded(bytes(members["global"]))) if "global" in members else {}
        stamp = decoded(bytes(members["time_stamp"])) if "time_stamp" in members else server.get("serverTime")
    except MalformedError:
        return None
    return time_of(stamp, UTC)


def _one_by_one(body: bytes, modified_ms: int) -> Iterator[Item]:
    """Read the notes of a list of which one is malformed, or of search results, each alone."""
    try:
        text = clean_json(body)
        members, vendor = _members(text), False
        inner = _members(bytes(members.get("data", b"{}")))
        vendor = bytes(members.get("code", b"")) == b"200" and "code" in inner
        listed = _listed(text)
    except MalformedError:
        return
    seen_ms = _told_ms(text, None, modified_ms)
    for raw in listed[:_MOST_NOTES]:
        yield _alone(bytes(raw), vendor=vendor, seen_ms=seen_ms)


def _listed(text: bytes) -> list[msgspec.Raw]:
    """Return the elements of the first list of notes on the way down through `data`."""
    for _ in range(_DEEPEST):
        members = _members(text)
        for name in _LISTS:
            if bytes(members.get(name, b"")).startswith(b"["):
                listed: list[msgspec.Raw] = decoded(bytes(members[name]), list[msgspec.Raw])
                return listed
        text = bytes(members.get("data", b"{}"))
    return []


def _alone(raw: bytes, *, vendor: bool, seen_ms: int | None) -> Item:
    try:
        entry = decoded(raw)
        if not isinstance(entry, dict):
            return Skipped(why="a list of notes holds what is none")
        return _entry(entry, raw, vendor=vendor, seen_ms=seen_ms)
    except MalformedError as error:
        return Skipped(why=str(error))


def _entry(entry: Mapping[str, Any], raw: bytes, *, vendor: bool, seen_ms: int | None) -> Item:
    card = an_object(entry.get("note_card") or entry.get("noteCard"))
    if card:
        return _card({**card, "note_id": card.get("note_id") or entry.get("id")}, raw, seen_ms)
    if "note" in entry:
        inside = bytes(_members(raw)["note"])
        note = msgspec.structs.replace(v4.read_note(_with_v4_names(inside)), raw=inside)
        return _found(note, Tool.TIKHUB if vendor else Tool.V4, None, seen_ms, None)
    if entry.get("model_type", "note") != "note":
        return Skipped(why="a search result that is no note", fault=False)
    if "note_id" in entry:
        return _found(web.read_note(entry, raw), Tool.WEB, None, seen_ms, None)
    return _found(v4.read_note(raw), Tool.TIKHUB if vendor else Tool.V4, None, seen_ms, None)


def _with_v4_names(raw: bytes) -> bytes:
    """Return a note of the app's search with its counters and time under the names of V4 too."""
    members = dict(_members(raw))
    members.update({v4s: members[name] for name, v4s in _APP_SEARCH.items() if name in members and v4s not in members})
    return msgspec.json.encode(members)


def _card(card: Mapping[str, Any], raw: bytes, seen_ms: int | None) -> Item:
    """Read a note of the web site's search results, or of its detail page, which tells more than a list."""
    interaction, user = an_object(card.get("interact_info")), an_object(card.get("user"))
    if not card.keys() & {"desc", "time"} and "collected_count" not in interaction:
        return _found(web.read_note(card, raw), Tool.WEB, None, seen_ms, None)
    identifier, creator = id_of(card.get("note_id")), id_of(user.get("user_id"))
    if identifier is None:
        raise MalformedError("a note has no id of 24 hex digits")
    if creator is None:
        return Skipped(why="a note that does not say whose it is")
    given = Given(
        id=identifier,
        creator=creator,
        nickname=text_of(user.get("nickname") or user.get("nick_name")),
        avatar=text_of(user.get("avatar")),
        kind=_KINDS.get(text_of(card.get("type")) or ""),
        title=text_of(card.get("title") or card.get("display_title")),
        text=text_of(card.get("desc")),
        published_ms=time_of(card.get("time"), UTC),
        edited_ms=time_of(card.get("last_update_time"), UTC),
        counters=Counters(
            likes=count_of(interaction.get("liked_count")),
            collects=count_of(interaction.get("collected_count")),
            comments=count_of(interaction.get("comment_count")),
            shares=count_of(interaction.get("share_count", interaction.get("shared_count"))),
        ),
        location=text_of(card.get("ip_location")),
        seen_ms=seen_ms,
    )
    return found(given, raw, Tool.WEB)


def _members(text: bytes) -> Members:
    """Return the members of an object; none where it is no object."""
    try:
        members: Members = decoded(text, dict[str, msgspec.Raw])
    except MalformedError:
        return {}
    return members
