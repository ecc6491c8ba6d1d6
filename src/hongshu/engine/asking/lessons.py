"""What an answer teaches about its source, beside the page in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from hongshu.formats.verdict import Judged
from hongshu.models import NoPage, Page, Trouble, Verdict, Word

LONGEST_WAIT_SECONDS: Final = 3600.0
WAIT_SECONDS: Final = 2.0

_OUR_ACCOUNT: Final = {100, 303, 401, 402, 403, 600, 601}
"""Codes, and HTTP statuses, that say that our account there cannot be used for now."""
_TOO_FAST: Final = {302, 429}
_NOTICED: Final = {401, 403, 406, 429, 461, 471}
_TRY_AGAIN: Final = 301
_OUR_QUESTION: Final = 400


class Effect(Enum):
    """What an answer means for the next call: go on, wait a moment, leave the source alone, or count a failure."""

    WORKS = "works"
    WAIT = "wait"
    REST = "rest"
    FAILED = "failed"


class Lesson(Word):
    """The effect of an answer, for how many seconds if it says so, whether the call may be tried once more, and why.

    `blocked` where the source asked for a login or a captcha, or said that it had noticed us.
    """

    effect: Effect
    seconds: float = 0.0
    again: bool = False
    why: str = ""
    blocked: bool = False


def lesson(status: int, headers: Mapping[str, str], read: Page | NoPage, judged: Judged, now_ms: int) -> Lesson:
    """Return what a reply teaches; a caller's mistake and "no such creator" are answers of a source that works."""
    if judged.verdict.good or judged.verdict is Verdict.NOT_FOUND:
        return Lesson(effect=Effect.WORKS)
    code = read.code if isinstance(read, NoPage) and read.trouble is Trouble.REFUSED else None
    told = retry_after(headers, now_ms)
    blocked = judged.verdict is Verdict.BLOCKED or status in _NOTICED
    if code in _TOO_FAST or status in _TOO_FAST:
        seconds = told if told is not None else WAIT_SECONDS
        return Lesson(effect=Effect.WAIT, seconds=seconds, why=judged.why, blocked=blocked)
    if code in _OUR_ACCOUNT or status in _OUR_ACCOUNT:
        return Lesson(effect=Effect.REST, seconds=told or 0.0, why=judged.why, blocked=blocked)
    if code == _OUR_QUESTION:
        return Lesson(effect=Effect.WORKS)
    again = code == _TRY_AGAIN
    return Lesson(effect=Effect.FAILED, seconds=told or 0.0, again=again, why=judged.why, blocked=blocked)


def retry_after(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Return the seconds of a Retry-After, a number or a date, at most an hour; None where there is none to be read."""
    given = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if given.isascii() and given.isdigit():
        return min(float(given[:9]), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT_SECONDS)
