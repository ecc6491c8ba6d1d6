"""Each deliberate deviation of a small server is found, by the check that it concerns."""

from __future__ import annotations

import asyncio

import pytest

from conformance.wrong_server import TOKEN, USER, Wrong
from hongshu.conformance.base import Subject
from hongshu.conformance.driving import Conformance, Driver
from hongshu.formats.addresses import read_address
from hongshu.secret import Secret

NEEDS_LEAVE = {"scope", "balance", "daily quota", "rate"}
FOUND_BY = {
    "cursor ignored": "paging",
    "oldest first": "order",
    "pins on every page": "pinned notes",
    "a gap after each page": "after a note",
    "the viewer's likes": "viewer",
    "a cursor of its own": "cursors",
    "another's note": "creator",
    "data.cursor": "first page",
    "no has_more": "first page",
    "404 without an envelope": "other addresses",
    "POST is no 405": "other methods",
    "tokens told apart": "bad tokens",
    "first of repeated parameters": "repeated parameters",
    "no bearer": "token in the header",
    "any cursor": "wrong cursors",
    "400 before 100": "order of refusal",
    "another body at a replay": "idempotency",
    "a key for any call": "idempotency",
    "a replay is charged": "idempotency",
    "refusals are charged": "charging",
    "code as text": "first page",
    "data in refusals": "wrong users",
    "statuses without a rule": "statuses",
    "one request id": "request ids",
    "times without a zone": "first page",
    "no recordTime": "envelopes",
    "caches may keep it": "caching",
}


def found(*faults: str) -> Conformance:
    with Wrong(set(faults)) as wrong:
        driver = Driver(read_address(wrong.address), Subject(creator=USER, token=Secret(TOKEN)), timeout_seconds=20)
        return asyncio.run(driver.run())


def test_without_a_deviation_it_conforms() -> None:
    """So each one that is found is the one that was put in."""
    result = found()
    assert {one.name: one.deviations for one in result.checks if one.deviations} == {}
    assert {one.name for one in result.checks if one.state != "passed"} == NEEDS_LEAVE
    assert result.conforms
    assert result.credits == 10 * result.paid_calls


@pytest.mark.parametrize("fault", FOUND_BY)
def test_a_deviation_is_found(fault: str) -> None:
    """By the check whose sentence it breaks."""
    result = found(fault)
    assert not result.conforms
    assert FOUND_BY[fault] in {one.name for one in result.checks if one.state == "deviates"}


@pytest.mark.parametrize("way", ["a post meanwhile", "pins at their place too"])
def test_what_a_right_server_may_do_is_no_deviation(way: str) -> None:
    """A creator posts while the checks run; a pinned note comes again where it stands in time."""
    assert {one.name: one.deviations for one in found(way).checks if one.deviations} == {}


ODD = {
    "a time that no clock has": (b'"recordTime": "2026-01-01', b'"recordTime": "2026-13-45', "first page"),
    "a user that is a list": (b'"userid": "' + USER.encode() + b'"', b'"userid": []', "first page"),
    "an id that is a number": (b'"id": "', b'"id": 1, "x": "', "first page"),
    "a flag that is a list": (b'"infavs": false', b'"infavs": []', "viewer"),
    "a code of many signs": (b'"code": 0', b'"code": "' + b"0" * 100_000 + b'"', "first page"),
    "many names, one twice": (b'"tags": []', b'"tags": [], "z": {' + b'"a":1,' * 40_000 + b'"b":1}', "first page"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_cannot_be_read_is_told_and_stops_nothing(odd: tuple[bytes, bytes, str]) -> None:
    """All checks come to an end, in short lines."""
    with Wrong() as wrong:
        wrong.spoil = odd[:2]
        driver = Driver(read_address(wrong.address), Subject(creator=USER, token=Secret(TOKEN)), timeout_seconds=20)
        result = asyncio.run(driver.run())
    told = {one.name: one.deviations for one in result.checks if one.deviations}
    assert odd[2] in told
    assert all(len(words) < 600 for one in told.values() for words in one)


@pytest.mark.parametrize(("fault", "name"), [("keys mean nothing", "idempotency"), ("costs nothing said", "charging")])
def test_what_need_not_be_offered_is_told_and_is_no_deviation(fault: str, name: str) -> None:
    """The hosted API has neither keys nor prices in its answers."""
    result = found(fault)
    [check] = [one for one in result.checks if one.name == name]
    assert (check.state, len(check.remarks), result.conforms) == ("not offered", 1, True)
