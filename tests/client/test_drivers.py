"""Both clients against a peer of bytes: deadlines that hold, bodies that are bounded, and a log without the token."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

import anyio.lowlevel
import pytest
import trio

from hongshu import AsyncClient, CallError, Client, Page
from hongshu.errors import CollectionFailedError, InvalidParametersError, NotV4Error, UnansweredError

USER = "5c2f338a0000000000000001"
TOKEN = "hs_secret_of_the_caller"
NOTE = {"id": "63f1a2b30000000000000001", "create_time": 1_700_000_000, "user": {"userid": USER}, "likes": 3}
BODY = json.dumps(
    {
        "code": 0,
        "message": None,
        "recordTime": "2026-01-01T00:00:00Z",
        "requestId": "req_1",
        "data": {"notes": [NOTE], "tags": [], "has_more": False},
    }
).encode()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def refusal(code: int) -> bytes:
    return http(json.dumps({"code": code, "message": "no", "requestId": "r", "data": None}).encode())


class Peer:
    """Answers each connection with the next of its answers, bytes or what writes them; the last one repeats itself."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self._answers = list(answers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.asked: list[bytes] = []
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                with line, suppress(OSError):
                    self.asked.append(line.recv(65536))
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    line.sendall(answer) if isinstance(answer, bytes) else answer(line)


def blocking(address: str, **options: Any) -> Page:
    with Client(TOKEN, base_url=address, sleep=lambda _: None, **options) as client:
        return client.page(USER)


def awaiting(address: str, **options: Any) -> Page:
    async def no_pause(_: float) -> None:
        await anyio.lowlevel.checkpoint()

    async def ask() -> Page:
        async with AsyncClient(TOKEN, base_url=address, sleep=no_pause, **options) as client:
            return await client.page(USER)

    return asyncio.run(ask())


@pytest.fixture(params=[blocking, awaiting])
def ask(request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Ask for one page with either client, without real pauses."""
    return request.param


def test_a_page_says_all_that_the_server_does(ask: Callable[..., Page]) -> None:
    """Typed, with the note as it was sent beside it."""
    told = ("X-Hongshu-Cost: 10", "X-Hongshu-Balance: 990", "X-Hongshu-Source: sim", "X-Hongshu-Cache: miss")
    with Peer(http(BODY, "200 OK", *told)) as peer:
        page = ask(peer.address)
    assert (page.cost, page.balance, page.source, page.cache, page.request_id) == (10, 990, "sim", "miss", "req_1")
    assert page.recorded is not None
    assert page.recorded.isoformat() == "2026-01-01T00:00:00+00:00"
    assert (page.has_more, page.cursor) == (False, None)
    [note] = page.notes
    assert (note.id, note.likes, note.collects, note.published.year) == (NOTE["id"], 3, None, 2023)
    assert json.loads(note.raw) == note.fields == NOTE


def test_every_call_has_a_key_of_its_own_unless_turned_off(ask: Callable[..., Page]) -> None:
    """Repeated with the call, another for the next call."""
    with Peer(refusal(301), http(BODY)) as peer:
        ask(peer.address)
        ask(peer.address)
        ask(peer.address, idempotent=False)
    keys = [line for one in peer.asked for line in one.split(b"\r\n") if line.lower().startswith(b"idempotency-key")]
    assert len(peer.asked) == 4
    assert (len(keys), keys[0] == keys[1], keys[1] == keys[2]) == (3, True, False)


def test_the_token_stands_in_no_log_at_any_level(ask: Callable[..., Page], caplog: pytest.LogCaptureFixture) -> None:
    """Not in ours, and not in that of the HTTP library, which tells addresses."""
    caplog.set_level(logging.DEBUG)
    with Peer(refusal(301), http(BODY)) as peer:
        ask(peer.address, token_in="query")
    assert TOKEN.encode() in peer.asked[0].split(b"\r\n")[0]
    assert "code 301" in caplog.text
    assert TOKEN not in caplog.text


def drip(line: socket.socket) -> None:
    """One byte each tenth of a second, for half a minute at most."""
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
    for _ in range(300):
        line.sendall(b" ")
        time.sleep(0.1)


def silent(line: socket.socket) -> None:
    """Nothing, until the caller goes."""
    line.settimeout(30)
    line.recv(1)


@pytest.mark.parametrize("way", [drip, silent])
def test_an_attempt_ends_at_its_time(ask: Callable[..., Page], way: Callable[[socket.socket], None]) -> None:
    """A peer that drips or says nothing cannot stretch it; the ceiling here is five times the bound."""
    with Peer(way) as peer:
        begun = time.monotonic()
        with pytest.raises(UnansweredError):
            ask(peer.address, timeout_seconds=0.5, tries=1)
        assert time.monotonic() - begun < 2.5


def reset(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    "way", [reset, http(BODY)[:-20], b"", b"no http at all\r\n\r\n"], ids=["reset", "cut", "closed", "other"]
)
def test_a_broken_answer_is_asked_for_again(ask: Callable[..., Page], way: Any) -> None:
    """And where it stays broken, that is what the error says, without address or token."""
    with Peer(way, http(BODY)) as peer:
        assert len(ask(peer.address).notes) == 1
    with Peer(way) as peer, pytest.raises(UnansweredError, match=r"The connection failed \(\w+\)\.$"):
        ask(peer.address, tries=2)
    assert len(peer.asked) == 2


def test_nobody_listening_is_told_with_what_to_do(ask: Callable[..., Page]) -> None:
    """The port was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnansweredError, match="ConnectError"):
        ask(address, tries=1)


def flood(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(100):
        line.sendall(b" " * 1_000_000)


def test_a_body_without_end_is_not_kept(ask: Callable[..., Page]) -> None:
    """It is given up at 16 MiB."""
    with Peer(flood) as peer, pytest.raises(UnansweredError, match="larger than"):
        ask(peer.address, tries=1)


def test_a_redirect_is_not_followed(ask: Callable[..., Page]) -> None:
    """The token goes nowhere else."""
    with Peer(http(BODY)) as elsewhere, Peer(http(b"", "302 Found", f"Location: {elsewhere.address}")) as peer:
        with pytest.raises(NotV4Error, match="base_url"):
            ask(peer.address)
        assert elsewhere.asked == []


def test_a_user_that_is_none_is_refused_before_anything_is_sent() -> None:
    """With what to pass instead, by the same words that a server would use."""
    with Peer(http(BODY)) as peer, Client(TOKEN, base_url=peer.address) as client:
        for wrong in ("x", "http://xhslink.com/a", USER.upper()):
            with pytest.raises(InvalidParametersError, match="24 hex digits"):
                client.page(wrong)
        with pytest.raises(InvalidParametersError, match="lastCursor"):
            client.page(USER, cursor="nonsense")
        assert peer.asked == []


def test_iterators_are_lazy_and_end_with_the_error_of_their_page() -> None:
    """What came before the error has been told; nothing is asked before it is wanted."""
    two = {"notes": [NOTE], "tags": [], "has_more": True}
    first = http(json.dumps({"code": 0, "message": None, "requestId": "r", "data": two}).encode())
    with Peer(first, refusal(301)) as peer, Client(TOKEN, base_url=peer.address, tries=1) as client:
        notes = client.notes(USER)
        assert peer.asked == []
        assert next(notes).id == NOTE["id"]
        with pytest.raises(CollectionFailedError):
            next(notes)
        with pytest.raises(CallError):
            list(client.pages(USER))
    assert f"lastCursor={NOTE['id']}".encode() in peer.asked[1]


def test_a_task_that_is_cancelled_lets_go_of_its_connection() -> None:
    """And the client goes on working."""

    async def run() -> None:
        async with AsyncClient(TOKEN, base_url=peer.address) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.page(USER)
            assert len((await client.page(USER)).notes) == 1

    with Peer(silent, http(BODY)) as peer:
        asyncio.run(run())


def test_it_works_under_trio_as_well() -> None:
    """Nothing in it is asyncio's own."""

    async def run() -> int:
        async with AsyncClient(TOKEN, base_url=peer.address) as client:
            return len([note async for note in client.notes(USER)])

    with Peer(http(BODY)) as peer:
        assert trio.run(run) == 1
