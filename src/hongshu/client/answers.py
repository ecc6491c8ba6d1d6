"""What a server answered: a page, or the error that it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from hongshu.client.notes import Note, Page
from hongshu.errors import CallError, NotV4Error, UnansweredError, from_code
from hongshu.formats import envelopes
from hongshu.formats.border import BYTE_ORDER_MARK, MalformedError, decoded, printable, without_bad_escapes
from hongshu.formats.tokens import without_tokens
from hongshu.formats.verdict import judge
from hongshu.models import Asked, Form, NoPage, Reply, Word

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of what stands between, which may be gone the next time."""
_LONGEST_MESSAGE: Final = 500
_LONGEST_ID: Final = 100
_LONGEST_WAIT_SECONDS: Final = 366 * 86_400
_NUMBER: Final = re.compile(r"[0-9]{1,15}")


class Answer(Word):
    """An HTTP answer; header names are in lower case, `body` is decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(Word):
    """No answer, and why in our words, which name neither address nor token."""

    why: str


NOTHING: Final = Lost(why="Nothing has been asked yet.")
"""What stands before the first answer."""


class _Head(Word, rename={"request_id": "requestId"}):
    """What an envelope says of a call; its data is skipped."""

    code: int
    message: object = None
    request_id: object = None

    @property
    def id(self) -> str | None:
        """The call's id, as it may be shown."""
        return printable(self.request_id)[:_LONGEST_ID] if isinstance(self.request_id, str) else None


def page_of(answer: Answer | Lost, asked: Asked, token: str = "") -> Page:
    """Return the page that an answer holds; raises the `CallError` that it is instead, without the caller's `token`.

    What does not continue where it was asked to, or holds another creator's notes, is a `NotV4Error`: nobody should
    take it for the creator's timeline.
    """
    if isinstance(answer, Lost):
        raise UnansweredError(answer.why)
    head = _head(answer)
    if head.code != 0:
        raise _refusal(answer, head, token)
    read = envelopes.read(Reply(status=answer.status, body=answer.body))
    judged = judge(read, asked, speaks=frozenset({Form.V4}), notes_known=False)
    if isinstance(read, NoPage) or not judged.verdict.good:
        raise NotV4Error(f"The server sent a page that cannot be right: {judged.why}.", request_id=head.id)
    notes = tuple(Note.of(note) for note in read.notes)
    more = bool(notes) and read.has_more is not False
    recorded_ms = envelopes.recorded_ms(answer.body)
    return Page(
        notes=notes,
        cursor=notes[-1].id if more else None,
        recorded=None if recorded_ms is None else datetime.fromtimestamp(recorded_ms / 1000, UTC),
        request_id=head.id,
        cost=_number(answer.headers.get("x-hongshu-cost")),
        balance=_number(answer.headers.get("x-hongshu-balance")),
        source=answer.headers.get("x-hongshu-source"),
        cache=answer.headers.get("x-hongshu-cache"),
    )


def _head(answer: Answer) -> _Head:
    """Return what an envelope says; raises where the answer is none."""
    try:
        head: _Head = decoded(without_bad_escapes(answer.body.removeprefix(BYTE_ORDER_MARK)), _Head)
    except MalformedError as error:
        status = f"HTTP {answer.status}"
        if answer.status in _PASSING:
            raise UnansweredError(
                f"What stands before the server answered {status}; try again.", retry_after_seconds=_wait(answer)
            ) from error
        if 300 <= answer.status < 400:
            raise NotV4Error(f"The server redirects ({status}). Pass the address it leads to as base_url.") from error
        raise NotV4Error(f"What answered ({status}) speaks no V4. Check the base_url.") from error
    return head


def _refusal(answer: Answer, head: _Head, token: str) -> CallError:
    """Return the error of a refusal, in the server's words, which are shown and may be anything.

    How long to wait is what the server states, or nothing.
    """
    said = head.message if isinstance(head.message, str) else ""
    if token:
        said = said.replace(token, "***")
    message = without_tokens(printable(said[:_LONGEST_MESSAGE])) or None
    error = from_code(head.code, message, request_id=head.id)
    error.retry_after_seconds = _wait(answer)
    return error


def _wait(answer: Answer) -> int | None:
    """Return how long the server asks to wait, in seconds (RFC 9110, 10.2.3)."""
    stated = answer.headers.get("retry-after", "").strip()
    number = _number(stated)
    if number is not None:
        return min(number, _LONGEST_WAIT_SECONDS)
    try:
        until, since = (parsedate_to_datetime(text) for text in (stated, answer.headers.get("date", "")))
        return max(0, min(int((until - since).total_seconds()), _LONGEST_WAIT_SECONDS))
    except (TypeError, ValueError, OverflowError):
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
