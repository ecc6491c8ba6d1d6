"""A hongshu whose source is another hongshu: the same notes, paid once on each side, and no word about the other."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from running import Running

FROZEN = '[[source]]\nname = "sim"\nkind = "simulator"\nat = "2026-01-01T00:00:00Z"\n'


@pytest.fixture
def pair(serve: Callable[..., Running]) -> tuple[Running, Running]:
    """Server A of a world that stands still, and server B whose only source is A."""
    first = serve(FROZEN, name="a")
    peer = f'url = "{first.address}"\ntoken = "{first.token}"\nallow_cleartext = true\n'
    return first, serve(f'[[source]]\nname = "peer"\nkind = "remote"\n{peer}', name="b")


def prolific(server: Running) -> str:
    """A creator with more notes than one page holds."""
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    return next(user for user in source["creators"] if server.page(user).body["data"]["has_more"])


def test_a_walk_through_the_second_equals_the_first_and_is_paid_once_on_each_side(
    pair: tuple[Running, Running],
) -> None:
    """B gives A's notes, each once, with A's time of collection; what B holds already costs A nothing."""
    first, second = pair
    user = prolific(first)
    truth = first.whole(user)
    before = first.balance(), second.balance()
    walked, pages, cursor = [], 0, None
    while True:
        answer, original = second.page(user, cursor), first.page(user, cursor)
        assert answer.code == 0, answer.body
        assert answer.notes == original.notes
        assert answer.body["data"]["has_more"] == original.body["data"]["has_more"]
        assert answer.body["recordTime"] == original.body["recordTime"]
        assert answer.headers["X-Hongshu-Source"] == "peer"
        assert answer.headers["X-Hongshu-Cache"] == "miss"
        walked += answer.notes
        pages += 1
        if not answer.body["data"]["has_more"]:
            break
        cursor = answer.notes[-1]["cursor"]
    assert walked == truth
    assert len({note["id"] for note in walked}) == len(walked) > 20
    paid = before[0] - first.balance(), before[1] - second.balance()
    assert paid == (2 * 10 * pages, 10 * pages)

    before = first.balance(), second.balance()
    assert second.whole(user) == truth
    assert first.balance() == before[0]
    assert second.balance() < before[1]
    assert second.page(user, Cache_Control="no-cache").code == 0
    assert first.balance() == before[0] - 10


def assert_says_nothing_of_the_first(pair: tuple[Running, Running], user: str) -> None:
    """A call through B fails as 301, costs nothing, and names neither A's address nor its token, nor A's refusal."""
    first, second = pair
    before = second.balance()
    answer = second.page(user, Cache_Control="no-cache")
    assert (answer.code, answer.body["data"]) == (301, None)
    assert second.balance() == before
    second.stop()
    said = answer.raw.decode() + str(answer.headers) + "".join(second.log[1:])
    host, _, port = first.address.removeprefix("http://").partition(":")
    for secret in (first.token, host + ":" + port, port, "Invalid or Inactive", "Insufficient"):
        assert secret not in said


def test_a_dead_first_is_a_301_that_names_neither_its_address_nor_its_token(pair: tuple[Running, Running]) -> None:
    """What is wrong at the source is said in words of our own."""
    first, second = pair
    user = prolific(first)
    assert second.page(user).code == 0
    assert first.stop() == 0
    assert second.page(user).headers["X-Hongshu-Cache"] == "hit"
    assert_says_nothing_of_the_first(pair, user)


def test_a_refusal_by_the_first_is_about_our_account_there_and_not_passed_on(pair: tuple[Running, Running]) -> None:
    """B's token at A is revoked: A says 100 to B, and B says 301 to its caller."""
    first, _ = pair
    user = prolific(first)
    [token] = json.loads(first.cli("token", "list", "--json").stdout)
    assert first.cli("token", "revoke", token["id"]).returncode == 0
    assert first.page(user).code == 100
    assert_says_nothing_of_the_first(pair, user)
