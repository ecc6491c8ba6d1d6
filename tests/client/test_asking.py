"""How a call goes on after what came of it: which codes are repeated, how long it pauses, when it gives up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.client.answers import Answer, Lost
from hongshu.client.asking import Endpoint, Patience, Pause, Send, Step, checked_key, conversation
from hongshu.client.notes import Page
from hongshu.client.options import Caller
from hongshu.errors import BY_CODE, CallError, NotV4Error, UnansweredError, UsageError
from hongshu.models import Asked

USER = "5c2f338a0000000000000001"
ASKED = Asked(creator=USER)
NOTE = {"id": "63f1a2b30000000000000001", "create_time": 1_700_000_000, "user": {"userid": USER}}
ENDPOINT = Endpoint("hs_token", "http://127.0.0.1:8787", token_in=None, allow_cleartext=False)


def envelope(code: int, data: Any = None, status: int = 200, **headers: str) -> Answer:
    body = {"code": code, "message": "what to do", "recordTime": None, "requestId": "req_1", "data": data}
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=told, body=json.dumps(body).encode())


GOOD = envelope(0, {"notes": [NOTE], "tags": [], "has_more": False})


class Played:
    """A conversation played to its end against a list of outcomes; the last one repeats itself."""

    def __init__(
        self, outcomes: Sequence[Answer | Lost], patience: Patience | None = None, seconds: float = 0.0
    ) -> None:
        self.now = 0.0
        self.steps: list[Step] = []
        self.page: Page | None = None
        self.error: CallError | None = None
        left = list(outcomes)
        question = partial(ENDPOINT.question, ASKED, "key", {})
        talk = conversation(question, ASKED, patience or Patience(), lambda: self.now, lambda: 0.0)
        outcome: Answer | Lost | None = None
        try:
            while True:
                step = talk.send(outcome)
                self.steps.append(step)
                self.now += step.seconds if isinstance(step, Pause) else seconds
                outcome = None if isinstance(step, Pause) else left.pop(0) if len(left) > 1 else left[0]
        except StopIteration as end:
            self.page = end.value
        except CallError as error:
            self.error = error

    @property
    def sent(self) -> list[Send]:
        return [step for step in self.steps if isinstance(step, Send)]

    @property
    def pauses(self) -> list[float]:
        return [step.seconds for step in self.steps if isinstance(step, Pause)]


@pytest.mark.parametrize("code", [100, 400, 600, 601])
def test_what_a_repetition_cannot_help_is_asked_once(code: int) -> None:
    """The error is that of the code, with the server's words and the call's id."""
    played = Played([envelope(code, retry_after="1"), GOOD])
    assert len(played.sent) == 1
    assert type(played.error) is BY_CODE[code]
    assert (played.error.message, played.error.request_id) == ("what to do", "req_1")


@pytest.mark.parametrize("code", [301, 500])
def test_a_failure_is_repeated_with_growing_pauses_up_to_the_tries(code: int) -> None:
    """With chance at its lowest the pauses are 0.5, 1, 2, 4 and 8 seconds; the seventh attempt is never made."""
    played = Played([envelope(code)])
    assert (len(played.sent), played.pauses) == (6, [0.5, 1.0, 2.0, 4.0, 8.0])
    assert type(played.error) is BY_CODE[code]


def test_a_call_without_an_answer_is_repeated_and_goes_through() -> None:
    """A connection that broke says nothing of what the server did: the key makes it safe to ask again."""
    played = Played([Lost(why="The connection failed."), Lost(why="The connection failed."), GOOD])
    assert played.page is not None
    assert len({step.headers["Idempotency-Key"] for step in played.sent}) == 1
    assert len(played.sent) == 3
    assert isinstance(Played([Lost(why="The connection failed.")]).error, UnansweredError)


def test_a_wait_of_nothing_grows_and_a_302_without_one_is_a_failure() -> None:
    """A server that says "now" again and again is not stormed; one that says nothing is asked as often as the tries."""
    at_once = Played([envelope(302, retry_after="0")])
    assert at_once.pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert len(at_once.sent) < 20
    assert Played([envelope(302)]).pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("code", [302, 303])
def test_a_limit_is_waited_for_as_long_as_the_server_says_however_often(code: int) -> None:
    """Ten waits of 7 s are no failures; a wait past the deadline is not begun."""
    played = Played([*[envelope(code, retry_after="7")] * 10, GOOD])
    assert played.page is not None
    assert played.pauses == [7.0] * 10
    late = Played([envelope(code, retry_after="40000")])
    assert (len(late.sent), late.pauses, late.error and late.error.retry_after_seconds) == (1, [], 40_000)


def test_a_quota_without_a_stated_wait_is_not_waited_for() -> None:
    """It may be most of a day; the caller is told at once."""
    assert (len(Played([envelope(303)]).sent), Played([envelope(303)]).pauses) == (1, [])


def test_an_overloaded_server_is_left_alone_as_long_as_it_asks() -> None:
    """A 503 with code 500 states a wait, which is longer than the first pauses of our own."""
    assert Played([envelope(500, status=503, retry_after="2"), GOOD]).pauses == [2.0]


def test_the_deadline_ends_a_call_and_the_last_attempt_gets_what_is_left() -> None:
    """Attempts of 40 s in a call of 100 s: the third gets the rest, and then the error is that of the last one."""
    patience = Patience(timeout_seconds=40, deadline_seconds=100)
    played = Played([Lost(why="no")], patience, seconds=40)
    assert [round(step.timeout_seconds, 1) for step in played.sent] == [40, 40, 18.5]
    assert isinstance(played.error, UnansweredError)


@pytest.mark.parametrize(
    ("status", "kind", "attempts"),
    [(502, UnansweredError, 6), (503, UnansweredError, 6), (429, UnansweredError, 6), (404, NotV4Error, 1)],
)
def test_what_is_no_envelope_is_told_by_its_status(status: int, kind: type[CallError], attempts: int) -> None:
    """What stands between may be gone the next time; an address where no V4 is will not change."""
    played = Played([Answer(status=status, headers={}, body=b"<html>no</html>")])
    assert (type(played.error), len(played.sent)) == (kind, attempts)


def test_a_redirect_is_not_followed_and_says_what_to_do() -> None:
    """The token goes where it was meant to go only."""
    played = Played([Answer(status=301, headers={"location": "https://elsewhere"}, body=b"")])
    assert isinstance(played.error, NotV4Error)
    assert "base_url" in played.error.message
    assert len(played.sent) == 1


WRONG_PAGES = {
    "another creator's": {"notes": [{**NOTE, "user": {"userid": "5c2f338a0000000000000002"}}], "has_more": True},
    "promises more and holds none": {"notes": [], "has_more": True},
    "no notes at all": {"items": []},
    "a note without an id": {"notes": [{"title": "x"}], "has_more": False},
}


@pytest.mark.parametrize("data", WRONG_PAGES.values(), ids=WRONG_PAGES)
def test_a_page_that_cannot_be_right_is_no_page(data: Any) -> None:
    """Nobody takes it for the creator's timeline, and it is not asked for again: it was paid."""
    played = Played([envelope(0, data)])
    assert isinstance(played.error, NotV4Error)
    assert (len(played.sent), played.error.request_id) == (1, "req_1")


@pytest.mark.parametrize("body", [b'{"code":"0","data":{"notes":[]}}', b'{"code":true}', b"[]", b"", b"\xff\xfe"])
def test_success_is_the_whole_number_nought(body: bytes) -> None:
    """Text, true, or no object are no envelope."""
    assert isinstance(Played([Answer(status=200, headers={}, body=body)]).error, NotV4Error)


def test_a_hostile_message_is_shown_harmless_and_without_tokens() -> None:
    """What a server says lands in terminals and logs."""
    token = "hs_" + "a" * 36
    body = {"code": 400, "message": f"\x1b[2J\u202e{token} " + "x" * 10_000, "requestId": None, "data": None}
    error = Played([Answer(status=200, headers={}, body=json.dumps(body).encode())]).error
    assert error is not None
    assert "\x1b" not in error.message
    assert "\u202e" not in error.message
    assert token not in error.message
    assert len(error.message) < 600


def test_the_callers_own_token_stands_in_no_error_whatever_its_form() -> None:
    """The hosted API's tokens look like nothing in particular, and careless servers quote them."""
    question = partial(ENDPOINT.question, ASKED, None, {})
    talk = conversation(question, ASKED, Patience(), lambda: 0.0, lambda: 0.0, "9f8e7d6c")
    next(talk)
    with pytest.raises(CallError, match=r"token \*\*\* is wrong"):
        talk.send(Answer(status=200, headers={}, body=b'{"code":100,"message":"token 9f8e7d6c is wrong"}'))


def test_an_envelope_is_read_with_what_odd_servers_put_around_it() -> None:
    """A byte order mark, ids that are numbers, times that no clock has: a 301 stays one, a page stays a page."""
    odd = b'\xef\xbb\xbf{"code":301,"message":7,"requestId":12,"data":null}'
    assert type(Played([Answer(status=200, headers={}, body=odd)]).error) is BY_CODE[301]
    body = GOOD.body.replace(b'"recordTime": null', b'"recordTime": "9999-12-31T23:59:59-14:00"')
    page = Played([Answer(status=200, headers={}, body=body)]).page
    assert page is not None
    assert page.recorded is None


@given(st.lists(st.sampled_from([301, 500, 302, 0]), max_size=40), st.floats(0, 20), st.integers(1, 8))
def test_a_call_always_ends_within_its_deadline_and_tries(codes: list[int], seconds: float, tries: int) -> None:
    """However attempts turn out, failures stay below the tries and no attempt or pause begins after the deadline."""
    outcomes = [GOOD if code == 0 else envelope(code, retry_after="3") for code in codes] or [envelope(301)]
    played = Played([*outcomes, envelope(301)], Patience(tries=tries, deadline_seconds=120), seconds=seconds)
    assert (played.page is None) != (played.error is None)
    assert played.now <= 120 + seconds
    if played.error is not None and played.error.code in {301, 500}:
        failures = [code for code in codes[: len(played.sent)] if code in {301, 500}]
        assert len(failures) <= tries


@given(st.integers(1, 30), st.floats(0, 1))
def test_pauses_are_half_to_the_whole_of_a_doubling_bound(failures: int, chance: float) -> None:
    """Those who failed together come back at different times, never later than 30 s."""
    now = [0.0]
    patience = Patience(tries=failures + 1, deadline_seconds=10**9)
    question = partial(ENDPOINT.question, ASKED, None, {})
    talk = conversation(question, ASKED, patience, lambda: now[0], lambda: chance)
    pauses = []
    next(talk)
    for _ in range(failures):
        step = talk.send(envelope(301))
        assert isinstance(step, Pause)
        pauses.append(step.seconds)
        talk.send(None)
    for number, pause in enumerate(pauses):
        bound = min(30.0, 0.5 * 2**number)
        assert bound / 2 <= pause <= bound


def test_the_token_stands_in_the_header_but_in_the_query_at_the_hosted_api() -> None:
    """The hosted API knows the query only; everywhere else an address tells nothing."""
    ours = ENDPOINT.question(ASKED, None, {}, 1.0)
    assert (ours.params, ours.headers["Authorization"]) == ({"userId": USER}, "Bearer hs_token")
    for address, token_in in (("https://api.justoneapi.com", None), ("http://127.0.0.1:1", "query")):
        asked = Endpoint("t", address, token_in=token_in, allow_cleartext=False).question(ASKED, None, {}, 1.0)
        assert (asked.params["token"], "Authorization" in asked.headers) == ("t", False)
    look_alike = Endpoint("t", "https://notjustoneapi.com", token_in=None, allow_cleartext=False)
    assert "token" not in look_alike.question(ASKED, None, {}, 1.0).params


def test_a_wish_travels_as_cache_control() -> None:
    """In the words of the contract."""
    said = ENDPOINT.question(ASKED, None, {"fresh": True}, 1.0).headers["Cache-Control"]
    assert said == "no-cache"
    said = ENDPOINT.question(ASKED, None, {"max_age_seconds": 60, "stored_only": True}, 1.0).headers["Cache-Control"]
    assert said == "only-if-cached, max-age=60"
    assert "Cache-Control" not in ENDPOINT.question(ASKED, None, {}, 1.0).headers


@pytest.mark.parametrize(
    ("options", "what_to_do"),
    [
        ({"token": ""}, "hongshu token create"),
        ({"token": "a b"}, "hongshu token create"),
        ({"token": "a\r\nHost: x"}, "hongshu token create"),
        ({"base_url": "127.0.0.1:8787"}, "write http://"),
        ({"base_url": "ftp://host"}, "write http://"),
        ({"base_url": "http://[::1"}, "write http://"),
        ({"base_url": "http://127.0.0.1:abc"}, "write http://"),
        ({"base_url": "http://127.0.0.1:70000"}, "write http://"),
        ({"base_url": "http://host\0"}, "write http://"),
        ({"base_url": f"http://{'a' * 70}.de"}, "write http://"),
        ({"idempotnet": False}, "idempotnet is no option"),
        ({"base_url": "http://host/?a=1"}, "write http://"),
        ({"base_url": "https://me:secret@host"}, "pass the token as token"),
        ({"base_url": "http://example.com"}, "allow_cleartext=True"),
        ({"tries": 0}, "tries must be 1"),
        ({"deadline_seconds": 0}, "more than 0"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_with_what_to_do(options: dict[str, Any], what_to_do: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=what_to_do.replace("(", r"\(")):
        Caller(**{"token": "t", **options})


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\nb"])
def test_a_key_that_can_be_none_is_refused(key: str) -> None:
    """The contract allows 1 to 255 printable ASCII characters."""
    with pytest.raises(UsageError, match="idempotency key"):
        checked_key(key)
