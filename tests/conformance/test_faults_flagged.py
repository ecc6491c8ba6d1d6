"""Each fault of the simulator is flagged, by the check that it concerns, in words that say what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hongshu.conformance.base import Subject
from hongshu.conformance.driving import Conformance, Driver
from hongshu.formats.addresses import read_address
from hongshu.models import Asked
from hongshu.secret import Secret
from hongshu.sources.simulator import FAULTS, World
from simulating import AT_MS, Simulating

WORLD: Final = World(seed=5, creators=50)
NO_JSON = ("first page", "no JSON that one can keep")
NO_ANSWER = ("first page", "There was no answer in time")
NO_LIST = ("first page", "`data.notes` is no list")
BROKEN = ("first page", "the connection failed")
KIND = ("first page", "a note is not as the contract has it: Expected")
NO_ID = ("first page", "no id of 24 hex digits")
ENCODED = ("first page", "identity was asked for")

CODES: Final = (100, 201, 300, 301, 302, 303, 400, 500, 503, 600, 601, 999, -100, 124, 300011, 300013)
STATUSES: Final = (400, 401, 402, 403, 404, 406, 429, 461, 471, 500, 502, 503, 504, 204)
FLAGS: Final[dict[str, tuple[str, str]]] = {
    **{f"code-{code}": ("first page", f"code {code}, ") for code in CODES},
    **{f"http-{status}": ("first page", f"(HTTP {status})") for status in STATUSES},
    "code-302-wait": ("first page", "code 302"),
    "code-301-wait": ("first page", "code 301"),
    "code-text": ("first page", 'code "0" came'),
    "code-true": ("first page", "code true came"),
    "code-null": ("first page", "code null came"),
    "code-fraction": ("first page", "code 0.5 came"),
    "code-missing": ("first page", "without a code"),
    "http-500-with-page": ("first page", "a success comes with HTTP 500"),
    "http-429-wait": ("first page", "HTTP 429"),
    "http-503-date": ("first page", "HTTP 503"),
    "http-503-odd": ("first page", "HTTP 503"),
    "redirect": ("first page", "HTTP 302"),
    "redirect-to-file": ("first page", "HTTP 301"),
    "redirect-here": ("first page", "HTTP 307"),
    **dict.fromkeys(("empty", "blank", "text", "json-open", "json-nan", "json-cut", "json-twice"), NO_JSON),
    **dict.fromkeys(("json-null", "json-number", "json-list"), ("first page", "no JSON object")),
    "json-other-code": ("first page", 'has "code" twice'),
    "not-utf-8": ("first page", "not UTF-8"),
    "utf-16": ("first page", "not UTF-8"),
    "mark": ("first page", "byte order mark"),
    "lone-surrogates": ("first page", "halves of characters"),
    "login-wall": ("first page", "text/html"),
    "captcha": ("first page", "text/html"),
    **dict.fromkeys(("data-empty", "data-null", "data-text", "data-verify", "data-missing"), NO_LIST),
    **dict.fromkeys(("notes-missing", "notes-object"), NO_LIST),
    "notes-text": ("first page", "got `str`"),
    "notes-null": ("first page", "got `null`"),
    **dict.fromkeys(("deep", "deep-objects"), ("first page", "deeper than 64 levels")),
    **dict.fromkeys(("many-notes", "many-numbers", "many-names"), ("first page", "more than 100,000 values")),
    "long-number": NO_JSON,
    "long-text": ("first page", "requestId"),
    "no-end-of-text": NO_JSON,
    "no-notes": ("first page", "has no notes"),
    "no-notes-but-more": ("first page", "no notes and promises more"),
    "cursor-still": ("paging", "holds that note itself"),
    "cursor-ignored": ("paging", "lead in a circle"),
    "page-missing": ("after a note", "does not go on"),
    "others": ("creator", "another creator's"),
    "one-of-another": ("creator", "another creator's"),
    "pins-again": ("pinned notes", "only the first page does"),
    "all-pinned": ("pinned notes", "only the first page does"),
    "shuffled": ("order", "not newest first"),
    "doubled": ("each note once", "on page 1 and again on page 1"),
    "note-missing": ("after a note", "does not go on"),
    "too-many": ("first page", "501 notes"),
    "counters-zero": ("counters", "unknown is not zero"),
    "counters-text": KIND,
    "counters-null": ("counters", "no note has likes"),
    "counters-huge": ("counters", "which no count is"),
    "counters-negative": ("counters", "which no count is"),
    "counters-objects": KIND,
    "ids-missing": NO_ID,
    "ids-number": NO_ID,
    "ids-long": NO_ID,
    "ids-path": NO_ID,
    **dict.fromkeys(("times-zero", "times-far", "times-huge"), ("times", "no time at which it can be published")),
    "times-text": KIND,
    "titles-hostile": ("texts", "control or invisible"),
    "titles-null": ("texts", "no note has title"),
    "titles-objects": KIND,
    "users-missing": ("texts", "no note has user"),
    "users-text": KIND,
    "more-missing": ("first page", "has_more"),
    "more-text": ("first page", "has_more"),
    "more-forever": ("paging", "promises more"),
    **dict.fromkeys(("hang", "hang-after-head", "hang-midway", "drip", "drip-head"), NO_ANSWER),
    "reset": BROKEN,
    "reset-midway": BROKEN,
    "closed": ("first page", "closed without an answer"),
    "cut": ("first page", "closed connection"),
    "cut-chunks": ("first page", "closed connection"),
    "bad-chunks": ("first page", "chunk"),
    "no-http": ("first page", "not HTTP"),
    "noise": ("first page", "not HTTP"),
    "two-lengths": ("first page", "conflicting Content-Length"),
    "length-below-zero": ("first page", "bad Content-Length"),
    "two-answers": ("first page", "follow the answer that nobody asked for"),
    "huge-head": ("first page", "not HTTP"),
    "many-heads": ("first page", "heads come before the answer"),
    **dict.fromkeys(("endless", "large"), ("first page", "larger than 8388608 bytes")),
    **dict.fromkeys(("gzip", "gzip-damaged", "gzip-cut", "gzip-two", "gzip-not", "gzip-bomb"), ENCODED),
    **dict.fromkeys(("gzip-gzip-bomb", "other-encoding"), ENCODED),
}
"""What is said of each fault: the check, and words of it."""
APART: Final = frozenset({"late", "counters-fall"})
"""One needs a clock, the other an answer before it."""
REMARKED: Final = frozenset(
    {"no-notes", "counters-zero", "counters-null", "titles-hostile", "titles-null", "users-missing"}
)
"""What the contract allows, and a reader wants to know."""
HEAVY: Final = frozenset({"many-notes", "many-numbers", "many-names", "no-end-of-text", "long-text", "too-many"})


def fitting() -> str:
    """A creator with pins and three pages."""
    for one in WORLD.creators:
        if 45 < len(WORLD.notes(one, AT_MS)) < 100 and b'"sticky":true' in WORLD.page(Asked(creator=one), AT_MS):
            return one
    raise AssertionError


USER: Final = fitting()


@pytest.fixture(scope="module")
def simulating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulating]:
    fall = '[[fault]]\nname = "counters-fall"\nfrom_call = 4\nunder = "fall"\n'
    server = Simulating(tmp_path_factory.mktemp("faults"), fall)
    yield server
    server.end()


async def no_pause(_: float) -> None:
    """Come again at once."""


def found(simulating: Simulating, under: str, *, timeout: float = 20.0, slowest: float = 60.0) -> Conformance:
    address = read_address(f"http://127.0.0.1:{simulating.port}{under}")
    subject = Subject(creator=USER, token=Secret("any"), most_pages=8, slowest_seconds=slowest)
    return asyncio.run(Driver(address, subject, timeout_seconds=timeout, sleep=no_pause).run())


def said(result: Conformance, name: str, *, remarks: bool = False) -> str:
    """What one check found."""
    [check] = [one for one in result.checks if one.name == name]
    return " | ".join(check.remarks if remarks else check.deviations)


def test_every_fault_has_its_line() -> None:
    """A fault that is added needs the words that flag it."""
    assert set(FLAGS) | APART == set(FAULTS)


def test_without_a_fault_what_pages_say_is_as_the_contract_has_it(simulating: Simulating) -> None:
    """So what is flagged with a fault is the fault's."""
    checks = {one.name: one for one in found(simulating, "").checks}
    flagging = {name for name, _ in FLAGS.values()} | {"timing"}
    assert {name: checks[name].deviations for name in flagging if checks[name].deviations} == {}
    assert [checks[name].remarks for name in ("first page", "counters", "texts")] == [()] * 3


@pytest.mark.parametrize("fault", FLAGS)
def test_a_fault_is_flagged_in_the_way_it_says(simulating: Simulating, fault: str) -> None:
    """The check it concerns says so, and the server does not conform."""
    check, words = FLAGS[fault]
    timeout = 0.5 if FLAGS[fault] == NO_ANSWER else 60.0 if fault in HEAVY else 20.0
    result = found(simulating, f"/faults/{fault}", timeout=timeout)
    assert words in said(result, check, remarks=fault in REMARKED)
    assert result.conforms is False


def test_answers_that_come_late_are_timed(simulating: Simulating) -> None:
    """By the clock of the caller, against the bound of the contract or another."""
    result = found(simulating, "/faults/late:0.1", slowest=0.09)
    assert "answers took longer than 0.09 s" in said(result, "timing")


def test_counters_that_fall_between_two_answers_are_seen(simulating: Simulating) -> None:
    """The pages come first; the answer after them shows half of what they did."""
    assert "fell by a fifth between two answers" in said(found(simulating, "/fall"), "after a note")


def test_a_server_that_is_gone_is_not_asked_for_ever() -> None:
    """Three calls in a row without an answer end it, and all else is told as not checked."""
    address = read_address("http://127.0.0.1:9")
    result = asyncio.run(
        Driver(address, Subject(creator=USER, token=Secret("t")), timeout_seconds=5, sleep=no_pause).run()
    )
    assert (result.conforms, result.calls, result.paid_calls, result.credits) == (False, 3, 0, None)
    assert {one.state for one in result.checks} == {"deviates", "not checked"}


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Simulating]:
    server = Simulating(tmp_path, '[[fault]]\nname = "code-301"\nto_call = 2\n')
    yield server
    server.end()


def test_a_failure_that_passes_is_tried_again_and_is_no_deviation(rules: Simulating) -> None:
    """The contract lets a collection fail; two times here, and the third call brings the page."""
    assert said(found(rules, ""), "first page") == ""
