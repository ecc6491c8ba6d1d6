"""What an answer teaches about its source: a caller's mistake never trips it, our own account's trouble rests it."""

from __future__ import annotations

import json

import pytest

from hongshu.engine.asking.lessons import LONGEST_WAIT_SECONDS, WAIT_SECONDS, lesson, retry_after
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import judge
from hongshu.models import Asked, Form, Reply

CREATOR = "5c2f338a000000000701e1c6"
NOW_MS = 1_767_225_600_000
PAGE = {"code": 0, "data": {"notes": [], "has_more": False}}


def taught(body: object, status: int = 200, **headers: str) -> tuple[str, float, bool]:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    page = read(Reply(body=sent, status=status))
    judged = judge(page, Asked(creator=CREATOR), speaks=frozenset(Form), notes_known=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = lesson(status, named, page, judged, NOW_MS)
    return found.effect.value, found.seconds, found.again


@pytest.mark.parametrize("body", [PAGE, {"code": 201}, {"code": -510000}, {"code": 400}])
def test_an_answer_of_a_source_that_works_trips_nothing(body: object) -> None:
    """A page, an empty one, "no such creator", and "your question is wrong"."""
    assert taught(body) == ("works", 0, False)


@pytest.mark.parametrize("code", [100, 303, 600, 601])
def test_trouble_with_our_account_there_rests_the_source(code: int) -> None:
    """It is unusable until it says, or for some minutes."""
    assert taught({"code": code}) == ("rest", 0, False)
    assert taught({"code": code}, Retry_After="40") == ("rest", 40, False)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_http_may_say_it_instead_of_a_code(status: int) -> None:
    """Whatever stands in the body."""
    assert taught(b"no", status) == ("rest", 0, False)


@pytest.mark.parametrize(("body", "status"), [({"code": 302}, 200), (b"slow down", 429), ({"code": 302}, 429)])
def test_too_fast_slows_the_source(body: object, status: int) -> None:
    """For as long as it says, else a moment."""
    assert taught(body, status) == ("wait", WAIT_SECONDS, False)
    assert taught(body, status, retry_after="7") == ("wait", 7, False)


def test_only_301_may_be_asked_again_at_once() -> None:
    """It is the code that says so."""
    assert taught({"code": 301}) == ("failed", 0, True)
    for body, status in (({"code": 500}, 200), (b"", 500), (b"<html>", 200), ({"code": 0, "data": {}}, 461)):
        assert taught(body, status)[::2] == ("failed", False)


def test_a_failure_may_say_when_to_come_back() -> None:
    """As a 503 does."""
    assert taught(b"", 503, Retry_After="30") == ("failed", 30, False)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("0", 0),
        ("12", 12),
        (" 12 ", 12),
        ("999999999999999999999", LONGEST_WAIT_SECONDS),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0),
        ("Thu, 01 Jan 2026 00:01:00", 60),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
        ("Thu, 99 Jan 2026 00:01:00 GMT", None),
        ("x" * 100_000, None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_at_most_an_hour(given: str, seconds: float | None) -> None:
    """Anything else says nothing."""
    assert retry_after({"Retry-After": given}, NOW_MS) == seconds
