"""Callers who hang up: what they asked for is kept and settled, once, and is theirs for nothing under the same key."""

from __future__ import annotations

import asyncio
import random
import socket
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from callers import Callers, Operator, orphans_in_three_minutes
from running import V4_PATH, Running
from upstream import Upstream, creator
from waiting import eventually

Serve = Callable[..., Running]
SLOW_SECONDS = 0.6
SOON_SECONDS = 10
LEAVING = 8


def request(token: str, number: int, **headers: str) -> bytes:
    """The bytes of a call for a creator's page."""
    query = urllib.parse.urlencode({"token": token, "userId": creator(number)})
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {V4_PATH}?{query} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_who_hangs_up_while_a_source_is_asked_has_paid_for_a_page_that_waits_for_him(
    serving: Serve, store_line: Callable[[str], str], upstream_of: Callable[..., Upstream], kind: str
) -> None:
    """The fetch goes on, the page is kept, one charge is made; the same key then gets one body for nothing."""
    upstream = upstream_of(delay=(SLOW_SECONDS, SLOW_SECONDS))
    server = serving(store_line(kind) + upstream.source, "--workers", "2")
    operator = Operator(server, [server.address])
    with server.dial() as line:
        line.sendall(request(server.token, 1, Idempotency_Key="mine"))
        eventually(lambda: upstream.asked, 1)
    eventually(lambda: len(operator.charges()), 1)

    again = [server.page(creator(1), Idempotency_Key="mine") for _ in range(3)]
    assert {(one.code, one.headers["X-Hongshu-Cache"], one.headers["X-Hongshu-Cost"]) for one in again} == {
        (0, "replay", "0")
    }
    assert len({one.raw for one in again}) == 1
    [charge] = operator.charges()
    assert charge["request_id"] == again[0].body["requestId"]
    assert (charge["idempotency_key"], charge["amount"]) == ("mine", -10)

    kept = server.page(creator(1))
    assert kept.headers["X-Hongshu-Cache"] == "hit"
    assert kept.notes == again[0].notes
    assert upstream.asked == 1
    assert operator.account()["held"] == 0
    operator.assert_proven()


def test_who_asks_again_before_the_page_is_there_waits_for_it_and_pays_once(
    serving: Serve, upstream_of: Callable[..., Upstream]
) -> None:
    """A key that is repeated right after the hang-up does not collect a second time."""
    upstream = upstream_of(delay=(SLOW_SECONDS, SLOW_SECONDS))
    server = serving(upstream.source, "--workers", "2")
    operator = Operator(server, [server.address])
    for number in range(5):
        with server.dial() as line:
            line.sendall(request(server.token, number, Idempotency_Key=f"key-{number}"))
            eventually(lambda: upstream.asked, number + 1)
        answer = server.page(creator(number), Idempotency_Key=f"key-{number}")
        assert (answer.code, answer.headers["X-Hongshu-Cache"]) == (0, "replay")
    assert upstream.asked == len(operator.charges()) == 5
    assert operator.account()["held"] == 0


def test_who_hangs_up_during_a_page_at_hand_is_charged_once_or_not_at_all(
    serving: Serve, upstream_of: Callable[..., Upstream]
) -> None:
    """Half of a hundred do: charges are the calls of code 0, and keyed ones can be fetched for nothing."""
    upstream = upstream_of()
    server = serving(upstream.source)
    operator = Operator(server, [server.address])
    assert server.page(creator(1)).code == 0
    for number in range(100):
        with server.dial() as line:
            line.sendall(request(server.token, 1, Idempotency_Key=f"key-{number}"))
            if number % 2:
                line.shutdown(socket.SHUT_RDWR)
            else:
                assert line.recv(1)
    assert server.page(creator(1)).code == 0
    operator.settles(50 + 2)
    charged = {one["idempotency_key"] for one in operator.charges()} - {None}
    assert charged
    assert len(operator.charges()) == len(charged) + 2 == operator.charged_calls()
    for key in sorted(charged):
        assert server.page(creator(1), Idempotency_Key=key).headers["X-Hongshu-Cache"] == "replay"
    assert len(operator.charges()) == len(charged) + 2
    assert upstream.asked == 1
    operator.assert_proven()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_hang_ups_without_a_key_are_charged_and_listed_as_never_delivered(
    serving: Serve, store_line: Callable[[str], str], upstream_of: Callable[..., Upstream], kind: str
) -> None:
    """Each is one charge and one orphan, to be refunded or not; nothing is held, and who stayed is not listed."""
    upstream = upstream_of(delay=(2 * SLOW_SECONDS, 2 * SLOW_SECONDS))
    server = serving(store_line(kind) + upstream.source, "--workers", "2")
    operator = Operator(server, [server.address])
    with ExitStack() as lines, ThreadPoolExecutor(1) as pool:
        for number in range(LEAVING):
            lines.enter_context(server.dial()).sendall(request(server.token, number))
        stays = pool.submit(server.page, creator(LEAVING))
        eventually(lambda: upstream.asked, LEAVING + 1)
        lines.close()
        stayed = stays.result()
    assert stayed.code == 0
    eventually(lambda: len(operator.charges()), LEAVING + 1)
    charged = {one["request_id"] for one in operator.charges()}
    assert len(charged) == LEAVING + 1
    assert operator.account()["held"] == 0
    eventually(lambda: charged - orphans_in_three_minutes(server), {stayed.body["requestId"]})
    operator.assert_proven()

    for request_id in sorted(orphans_in_three_minutes(server)):
        operator.asked(f"ledger/led_{request_id.removeprefix('req_')}/refund", method="POST")
    assert orphans_in_three_minutes(server) == set()
    assert operator.account()["balance"] == 1_000_000 - 10


async def hung_up(address: str, asked: bytes, after: float) -> None:
    """Ask, and hang up some time later, whatever has come by then."""
    host, _, port = address.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(asked)
    await asyncio.sleep(after)
    writer.transport.abort()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("calls", [400, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_hundreds_of_hang_ups_leave_no_hold_and_one_charge_for_each_success(
    serving: Serve, store_line: Callable[[str], str], upstream_of: Callable[..., Upstream], kind: str, calls: int
) -> None:
    """Σ charges = rows of code 0; a key is charged at most once, and all of them once they were repeated."""
    config = store_line(kind) + upstream_of(failing=0.2, delay=(0.0, 0.2)).source
    server = serving(config, "--workers", "2")
    operator = Operator(server, [server.address])
    token, chance, limit = operator.opens("rude"), random.Random(calls), asyncio.Semaphore(64)

    async def rude(number: int) -> None:
        asked = request(token, number % 1000, Cache_Control="no-cache", Idempotency_Key=f"key-{number}")
        async with limit:
            await hung_up(server.address, asked, chance.uniform(0.0, 0.25))

    await asyncio.gather(*(rude(number) for number in range(calls)))
    operator.seconds_until_nothing_is_held(SOON_SECONDS, "rude")
    operator.settles(calls // 4, "rude")
    before = [one["idempotency_key"] for one in operator.charges("rude")]
    assert calls / 4 < len(before) == len(set(before)) == operator.charged_calls("rude")

    polite = Callers([server.address], [token], in_flight=32, key="key")
    await polite.make(calls, lambda one: one.code == 301)
    charged = [one["idempotency_key"] for one in operator.charges("rude")]
    assert len(polite.delivered) == calls
    assert sorted(charged) == sorted(f"key-{number}" for number in range(calls))
    assert operator.account("rude")["held"] == 0
    operator.assert_proven()
