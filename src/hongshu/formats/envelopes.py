"""What a reply is: a page of notes in one of the real shapes, or what it is instead.

Shapes are told by content, never by where they come from: V4 and the app list it is made of, other vendors'
envelopes around the same list, the web site's list, and a profile page with its state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from hongshu.formats import v4, web
from hongshu.formats.border import (
    BYTE_ORDER_MARK,
    MalformedError,
    a_flag,
    a_text,
    an_object,
    clean_value,
    decoded,
    without_bad_escapes,
)
from hongshu.formats.javascript import state_json
from hongshu.ids import ID
from hongshu.models import Envelope, Form, NoPage, Note, Page, Reply, Trouble, Word

MOST_NOTES: Final = 500

_CHALLENGES: Final = {406, 461, 471}
_SITE_CODES: Final[Mapping[int, tuple[Trouble, str]]] = {
    -1: (Trouble.BLOCKED, "the site rejected the request's signature"),
    -100: (Trouble.BLOCKED, "the login has expired"),
    -101: (Trouble.BLOCKED, "the site asks for a login"),
    -104: (Trouble.BLOCKED, "the account has no permission"),
    124: (Trouble.BLOCKED, "the site asks for a verification"),
    300011: (Trouble.BLOCKED, "the account is restricted"),
    300012: (Trouble.BLOCKED, "the network address is blocked"),
    300013: (Trouble.BLOCKED, "the site says: too frequent"),
    300015: (Trouble.BLOCKED, "the site rejected the browser's fingerprint"),
    300031: (Trouble.BLOCKED, "the site's access token is missing or expired"),
    -510000: (Trouble.NOT_FOUND, "the site says: not found"),
    -510001: (Trouble.NOT_FOUND, "the site says: hidden or abnormal"),
}
_PEER_CODES: Final[Mapping[int, str]] = {
    100: "the peer refused our token",
    300: "the peer has no such API",
    301: "the peer could not collect the page",
    302: "the peer's rate limit is reached",
    303: "our daily quota at the peer is used up",
    400: "the peer refused the parameters",
    500: "the peer failed",
    503: "the peer is not available",
    600: "our token at the peer lacks the permission",
    601: "our balance at the peer is used up",
}
_NO_SUCH_CREATOR: Final = 201
_STATE: Final = b"__INITIAL_STATE__"
_EARLIEST_MS: Final = 1_356_998_400_000
_YEAR_9999_MS: Final = 253_370_764_800_000


def read(reply: Reply) -> Page | NoPage:
    """Say what a reply is. Never raises: bytes that are no page are a `NoPage` with the reason."""
    if reply.status in _CHALLENGES:
        return NoPage(trouble=Trouble.BLOCKED, why=f"HTTP {reply.status}: the site asks for a verification")
    try:
        body = reply.body.removeprefix(BYTE_ORDER_MARK).lstrip()
        html = body.startswith(b"<")
        if html and 200 <= reply.status < 300 and _STATE not in body:
            return NoPage(trouble=Trouble.BLOCKED, why="a web page without a profile: a login wall or a block")
        text, given = clean_value(state_json(body) if html else body)
        found = _profile(given) if html else _body(text, given, reply.envelope)
    except MalformedError as error:
        http = "" if reply.status == 200 else f" (HTTP {reply.status})"
        return NoPage(trouble=Trouble.MALFORMED, why=f"{error}{http}")
    if isinstance(found, Page) and not 200 <= reply.status < 300:
        return NoPage(trouble=Trouble.MALFORMED, why=f"a page came with HTTP {reply.status}")
    return found


def _body(body: bytes, given: Any, envelope: Envelope | None) -> Page | NoPage:
    if not isinstance(given, dict):
        raise MalformedError("it is no JSON object")
    if envelope is not None:
        return _wrapped(given, body, envelope)
    if isinstance(an_object(given.get("user")).get("notes"), list):
        return _profile(given)
    members: v4.Members = decoded(body, v4.Members)
    vendor = bytes(members.get("code", b"")) == b"200" and "code" in an_object(given.get("data"))
    if vendor:
        given = given["data"]
        members = decoded(bytes(members["data"]), v4.Members)
    if bytes(members.get("code", b"")) != b"0":
        return _refused(given)
    if "data" not in members or given["data"] is None:
        raise MalformedError("it has no `data`")
    page = _list(an_object(given["data"]), bytes(members["data"]))
    return msgspec.structs.replace(page, form=Form.VENDOR) if vendor and isinstance(page, Page) else page


def _wrapped(given: Mapping[str, Any], body: bytes, envelope: Envelope) -> Page | NoPage:
    """Read a vendor's answer by the facts of its envelope."""
    for way, number in envelope.success:
        *outer, name = way
        inside = _at(given, outer)
        if not _is_number(inside.get(name), number):
            return _refused({"code": inside.get(name)})
    *outer, name = envelope.notes_at
    inside, raw = _at(given, outer), body
    for step in outer:
        members: v4.Members = decoded(raw, v4.Members)
        raw = bytes(members.get(step, b"{}"))
    if inside and name != "notes":
        inside = {**inside, "notes": inside.get(name)}
        members = decoded(raw, v4.Members)
        raw = msgspec.json.encode({("notes" if key == name else key): part for key, part in members.items()})
    page = _list(inside, raw)
    return msgspec.structs.replace(page, form=Form.VENDOR) if isinstance(page, Page) else page


def _at(given: Mapping[str, Any], way: Sequence[str]) -> Mapping[str, Any]:
    for name in way:
        given = an_object(given.get(name))
    return given


def _is_number(given: object, number: int) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given == number


def _refused(given: Mapping[str, Any]) -> NoPage:
    code = given.get("code")
    if isinstance(code, bool) or not isinstance(code, int) or code == 0:
        raise MalformedError("it has no integer `code`")
    if code in _SITE_CODES:
        trouble, why = _SITE_CODES[code]
        return NoPage(trouble=trouble, why=why, code=code)
    if code == _NO_SUCH_CREATOR:
        return NoPage(trouble=Trouble.NOT_FOUND, why="the peer says: no such creator", code=code)
    return NoPage(trouble=Trouble.REFUSED, why=_PEER_CODES.get(code, f"the peer answered code {code}"), code=code)


def _list(given: Mapping[str, Any], data: bytes) -> Page | NoPage:
    if not given:
        return NoPage(trouble=Trouble.BLOCKED, why="it says success and holds nothing: a block", code=0)
    notes = given.get("notes")
    if not isinstance(notes, list):
        what = "search results, not one creator's list" if "items" in given else "no list of notes"
        raise MalformedError(f"it holds {what}")
    if len(notes) > MOST_NOTES:
        raise MalformedError(f"it holds more than {MOST_NOTES} notes")
    members: v4.Members = decoded(data, v4.Members)
    raws = [bytes(raw) for raw in decoded(bytes(members["notes"]), list[msgspec.Raw])]
    if notes and all("note_id" in an_object(note) for note in notes):
        read_notes = [web.read_note(note, raw) for note, raw in zip(notes, raws, strict=True)]
        return _page(Form.WEB, read_notes, a_flag(given.get("has_more")))
    extras = v4.extras_of(members, ("notes", "has_more", "cursor"))
    page = _page(
        Form.V4, [v4.read_note(raw, note) for note, raw in zip(notes, raws, strict=True)], a_flag(given.get("has_more"))
    )
    return msgspec.structs.replace(page, extras=extras)


def _profile(state: Mapping[str, Any]) -> Page | NoPage:
    """Read the first tab of a profile page's state. The viewer stands in `user.userInfo`; never look there."""
    user = an_object(state.get("user"))
    query = an_object(_first_of(user.get("noteQueries")))
    shown = _first_of(user.get("notes"))
    cards = [an_object(entry) for entry in shown] if isinstance(shown, list) else []
    if len(cards) > MOST_NOTES:
        raise MalformedError(f"it holds more than {MOST_NOTES} notes")
    if not cards and not _was_loaded(user):
        return NoPage(trouble=Trouble.BLOCKED, why="the profile page came without the profile: a block")
    read_notes = [_card(card) for card in cards]
    page = _page(Form.PROFILE, read_notes, a_flag(query.get("hasMore")))
    owner = a_text(query.get("userId"))
    named = page.creators | ({owner} if owner and ID.fullmatch(owner) else set())
    return msgspec.structs.replace(page, creators=named, exists=True)


def _card(entry: Mapping[str, Any]) -> Note:
    card = an_object(entry.get("noteCard"))
    if "noteId" not in card and isinstance(entry.get("id"), str):
        card = {**card, "noteId": entry["id"]}
    return web.read_note(card, msgspec.json.encode(entry))


def _was_loaded(user: Mapping[str, Any]) -> bool:
    profile = an_object(user.get("userPageData"))
    return bool(profile.get("basicInfo")) and an_object(profile.get("result")).get("success") is not False


def _first_of(given: object) -> object:
    return given[0] if isinstance(given, list) and given else None


def _page(form: Form, notes: list[Note], has_more: bool | None) -> Page:
    distinct: dict[str, Note] = {}
    for note in notes:
        distinct.setdefault(note.id, note)
    return Page(
        form=form,
        notes=tuple(distinct.values()),
        has_more=has_more,
        creators=frozenset(note.creator for note in notes if note.creator is not None),
    )


class _Stated(Word, rename={"record_time": "recordTime"}):
    """The one member of an envelope that is read, all others being skipped."""

    record_time: str | None = None


class _Coded(Word):
    """The code of an envelope, all else being skipped."""

    code: int


def envelope_code(body: bytes) -> int | None:
    """Return the business code of a V4 envelope; None where it has none that is a whole number."""
    try:
        coded: _Coded = decoded(without_bad_escapes(body.removeprefix(BYTE_ORDER_MARK)), _Coded)
    except MalformedError:
        return None
    return coded.code


def recorded_ms(body: bytes) -> int | None:
    """Return the `recordTime` that a V4 envelope states, in ms; None where it states none that can be read."""
    try:
        stated = decoded(without_bad_escapes(body.removeprefix(BYTE_ORDER_MARK)), _Stated).record_time
        moment = datetime.fromisoformat(stated) if stated else None
    except (MalformedError, ValueError):
        return None
    if moment is None or moment.tzinfo is None:
        return None
    ms = int(moment.timestamp() * 1000)
    return ms if _EARLIEST_MS <= ms < _YEAR_9999_MS else None
