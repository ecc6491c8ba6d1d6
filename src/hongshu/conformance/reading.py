"""Reading a success, strictly: what a careful reader would still take for a page is told all the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hongshu.conformance.base import Findings, Page, Seen, quoted
from hongshu.formats.border import BYTE_ORDER_MARK, MalformedError, clean_value
from hongshu.formats.wire import NoteBody
from hongshu.ids import ID

MOST_NOTES: Final = 500

_KEYS: Final = ("code", "message", "recordTime", "requestId", "data")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_HINTS: Final = {
    100: "; is the token right?",
    303: "; pass a token with quota left",
    600: "; pass a token that may use this endpoint",
    601: "; top the account up",
}
_EARLIEST: Final = datetime(2013, 1, 1, tzinfo=UTC)
_SHOWN: Final = 3
_LONGEST_CODE: Final = 80


def page_of(seen: Seen, cursor: str | None, findings: Findings) -> Page | None:
    """Return the page that an answer holds, or None; says all that deviates on the way."""
    given = _object_of(seen, findings)
    if given is None:
        return None
    if given.get("code") != 0 or isinstance(given.get("code"), bool | float):
        findings.deviates(f"a page was asked for and {_code_words(seen, given)} came{_HINTS.get(seen.code or 0, '')}")
        return None
    if seen.status != 200:
        findings.deviates(f"a success comes with HTTP {seen.status}")
    _envelope(given, findings)
    data = given.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("notes"), list):
        findings.deviates("it says success, and `data.notes` is no list: that is no page")
        return None
    return _page(data, cursor, seen.body, findings)


def _object_of(seen: Seen, findings: Findings) -> dict[str, Any] | None:
    """Return a body as an object where it is one, whole and plain JSON in UTF-8."""
    if seen.trouble:
        findings.deviates(f"a page was asked for and none came: {seen.trouble}")
        return None
    if seen.rest:
        findings.deviates(f"{len(seen.rest)} bytes follow the answer that nobody asked for")
    encoding = seen.header("content-encoding")
    if encoding not in {None, "identity"}:
        findings.deviates(f"the body is encoded ({quoted(encoding)}), and identity was asked for")
        return None
    if seen.body.startswith(BYTE_ORDER_MARK):
        findings.deviates("a byte order mark stands before the JSON (RFC 8259, 8.1)")
    if not (seen.header("content-type") or "").lower().replace(" ", "").startswith("application/json"):
        findings.deviates(f"the content type is {quoted(seen.header('content-type'))}, not application/json")
    try:
        text, given = clean_value(seen.body)
        twice = _names_twice(text)
    except (MalformedError, ValueError, RecursionError) as error:
        http = "" if seen.status == 200 else f" (HTTP {seen.status})"
        findings.deviates(f"the body is no JSON that one can keep: {error}{http}")
        return None
    if not isinstance(given, dict):
        findings.deviates("the body is no JSON object")
        return None
    if text != seen.body.removeprefix(BYTE_ORDER_MARK):
        findings.deviates("texts hold NUL or halves of characters (lone surrogates), which many readers refuse")
    if twice:
        findings.deviates(f"an object has {quoted(twice)} twice: readers take one or the other")
    return given


def _names_twice(text: bytes) -> str:
    """Return a name that one object has twice, or nothing."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.append(name)
                return
            seen.add(name)

    json.loads(text, object_pairs_hook=look, parse_int=str, parse_float=str)
    return found[0] if found else ""


def _code_words(seen: Seen, given: dict[str, Any]) -> str:
    if seen.code is not None:
        return seen.told
    http = "" if seen.status == 200 else f" (HTTP {seen.status})"
    what = f"code {json.dumps(given.get('code'))[:_LONGEST_CODE]}" if "code" in given else "an object without a code"
    return what + http


def _envelope(given: dict[str, Any], findings: Findings) -> None:
    missing = [name for name in _KEYS if name not in given]
    if missing:
        findings.deviates(f"the envelope lacks {', '.join(missing)}")
    if given.get("message") is not None:
        findings.remarks_on(f"a success has a message: {quoted(given['message'])}")
    if not isinstance(given.get("requestId"), str) or not given["requestId"]:
        findings.deviates(f"requestId is {quoted(given.get('requestId'))}, not a text that names the call")
    recorded = given.get("recordTime")
    moment = _moment(recorded)
    if moment is None:
        findings.deviates(f"recordTime is {quoted(recorded)}, no time with a zone (RFC 3339)")
    elif moment < _EARLIEST:
        findings.deviates(f"recordTime is {quoted(recorded)}, before there were notes")


def _moment(given: object) -> datetime | None:
    try:
        return datetime.fromisoformat(given) if isinstance(given, str) and _TIME.fullmatch(given) else None
    except ValueError:
        return None


def _page(data: dict[str, Any], cursor: str | None, body: bytes, findings: Findings) -> Page | None:
    notes = data["notes"]
    if "cursor" in data:
        findings.deviates("`data.cursor` is there; the next cursor is the last note's")
    if not isinstance(data.get("tags"), list):
        findings.deviates(f"`data.tags` is {quoted(data.get('tags', 'missing'))}, not a list")
    if not isinstance(data.get("has_more"), bool):
        findings.deviates(f"`data.has_more` is {quoted(data.get('has_more', 'missing'))}, not true or false")
    if len(notes) > MOST_NOTES:
        findings.deviates(f"a page holds {len(notes)} notes; more than {MOST_NOTES} are none")
        return None
    for words in list(_faults(notes))[:_SHOWN]:
        findings.deviates(words)
    if not all(
        isinstance(note, dict) and isinstance(note.get("id"), str) and ID.fullmatch(note["id"]) for note in notes
    ):
        findings.deviates("a note has no id of 24 hex digits: there is nothing to go on from")
        return None
    more = bool(data.get("has_more")) and data.get("has_more") != "false"
    return Page(cursor=cursor, notes=tuple(notes), has_more=more, body=body)


def _faults(notes: list[Any]) -> Iterator[str]:
    """Tell which fields are of another kind than the contract's, each once."""
    told: set[str] = set()
    for note in notes:
        try:
            msgspec.convert(note, NoteBody)
        except msgspec.ValidationError as error:
            words = str(error)
            if words not in told:
                told.add(words)
                yield f"a note is not as the contract has it: {words}"
