"""How a server ends: what is in flight is finished, everything else is closed, and slow callers are not waited for."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import stores
from callers import LEASE_SECONDS
from hongshu.service.desk import Ledger
from running import SIMULATOR, V4_PATH, Running
from waiting import eventually
from wire.source import Source, note_of

USER = "5c2f338a000000000701e1c6"
SLOW_SECONDS = 1.5
PATIENCE_SECONDS = 20
"""A little more than the 15 s that a caller has for the head of a request."""


@pytest.fixture
def upstream() -> Iterator[Source]:
    """A slow source."""
    source = Source(delay=SLOW_SECONDS)
    yield source
    source.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Callers beside the test."""
    with ThreadPoolExecutor(max_workers=32) as executor:
        yield executor


def family(process_id: int) -> list[int]:
    """A process and its children, as a terminal or a service manager signals them."""
    found = Path(f"/proc/{process_id}/task/{process_id}/children")
    return [process_id, *map(int, found.read_text(encoding="ascii").split() if found.exists() else [])]


def is_running(process_id: int) -> bool:
    """Say whether there is such a process, other than as the entry of a dead child."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def refuses_callers_soon(server: Running) -> bool:
    """Wait until nobody listens any more."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            server.dial().close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass  # it was in the queue of who no longer listens
        time.sleep(0.02)
    return False


def stopped_while_a_call_runs(server: Running, pool: ThreadPoolExecutor, stop: Callable[[], None]) -> None:
    """Check that a call in flight is answered, paid and collected once, and that the server ends well after it."""
    assert server.process.stderr is not None
    asked = pool.submit(server.page, USER)
    began = time.monotonic()
    stop()
    answer = asked.result()
    assert answer.code == 0
    assert answer.notes[0]["id"] == note_of(USER)
    assert server.process.wait(10) == 0
    assert time.monotonic() - began < SLOW_SECONDS + 5
    assert server.balance() == 1_000_000 - 10
    server.stop()
    assert [line for line in server.log[1:] if line.strip()] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whole_family", [False, True])
def test_a_call_in_flight_is_finished_before_a_signal_ends_the_server(
    serve: Callable[..., Running], upstream: Source, pool: ThreadPoolExecutor, number: int, whole_family: bool
) -> None:
    """SIGTERM or Ctrl-C, to the server alone or to all its processes: answered, settled, exit 0, nothing on stderr."""
    server = serve(upstream.settings)

    def stop() -> None:
        eventually(lambda: upstream.asked, [USER])
        for process_id in family(server.process.pid) if whole_family else [server.process.pid]:
            os.kill(process_id, number)
        assert refuses_callers_soon(server)

    stopped_while_a_call_runs(server, pool, stop)
    assert upstream.asked == [USER]


def keyed_call(server: Running) -> bytes:
    """The bytes of a call under the key k."""
    path = f"{V4_PATH}?token={server.token}&userId={USER}"
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIdempotency-Key: k\r\n\r\n".encode()


def charges_left_by(server: Running) -> list[str | None]:
    """The keys of what was charged, in a ledger that is as it should be and in which nothing is held."""
    with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
        assert ledger.verify().ok
        account = ledger.accounting.account("test")
        assert account.held == 0
        entries = ledger.accounting.entries_after(account.id, 1)
    return [one.entry.idempotency_key for one in entries]


def test_a_server_that_stops_waits_for_who_hung_up_while_waiting_for_a_key(
    serve: Callable[..., Running], pool: ThreadPoolExecutor
) -> None:
    """The earlier call fails after SIGTERM; the one behind it then collects the page for its key, and pays for it."""
    upstream = Source()
    server = serve(upstream.settings)
    with upstream.keeping():
        first = pool.submit(server.page, USER, Idempotency_Key="k")
        eventually(lambda: upstream.asked, [USER])
        with server.dial() as line:
            line.sendall(keyed_call(server))
            time.sleep(0.5)  # nothing tells that it waits
        os.kill(server.process.pid, signal.SIGTERM)
        assert refuses_callers_soon(server)
        upstream.failures, upstream.delay = 1, SLOW_SECONDS
    assert first.result().code == 301
    assert server.process.wait(20) == 0
    upstream.close()
    assert upstream.asked == [USER, USER]
    assert charges_left_by(server) == ["k"]
    server.stop()
    assert [line for line in server.log if "error" in line.lower() or "Traceback" in line] == []


@pytest.mark.soak
@pytest.mark.parametrize("stays", [True, False])
def test_a_call_in_flight_keeps_what_it_holds_through_the_stop(serve: Callable[..., Running], stays: bool) -> None:
    """For longer than a lease, whether or not its caller hangs up: nobody else gets it, and one charge is made."""
    upstream = Source()
    server, other = serve(upstream.settings, balance=10), serve(upstream.settings)
    with upstream.keeping(), server.dial() as line:
        line.sendall(keyed_call(server))
        eventually(lambda: upstream.asked, [USER])
        if not stays:
            line.close()
        os.kill(server.process.pid, signal.SIGTERM)
        end = time.monotonic() + LEASE_SECONDS + 5
        while time.monotonic() < end:
            refused = other.page(USER, Cache_Control="only-if-cached")
            assert (refused.code, "10 of it held" in refused.body["message"]) == (601, True), refused.body
            time.sleep(0.2)
        upstream.let_go()
        if stays:
            assert b'"code":0' in b"".join(iter(lambda: line.recv(65536), b""))
    assert server.process.wait(10) == 0
    upstream.close()
    assert charges_left_by(server) == ["k"]
    assert other.page(USER, Idempotency_Key="k").headers["X-Hongshu-Cache"] == "replay"


def test_a_killed_server_leaves_nothing_running_behind(serve: Callable[..., Running]) -> None:
    """After kill -9 its workers end by themselves, so that the port and the store are free within 5 s."""
    server = serve(SIMULATOR)
    processes = family(server.process.pid)
    server.process.kill()
    end = time.monotonic() + 5
    while time.monotonic() < end and any(map(is_running, processes)):
        time.sleep(0.05)
    survivors = [one for one in processes if is_running(one)]
    for one in survivors:
        os.kill(one, signal.SIGKILL)
    assert survivors == []
    assert refuses_callers_soon(server)


def test_idle_connections_do_not_hold_up_the_end(serve: Callable[..., Running]) -> None:
    """A kept-alive connection and one that never said anything are closed at once."""
    server = serve(SIMULATOR)
    with server.dial() as silent, server.dial() as idle:
        idle.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b" 200 " in idle.recv(4096)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        assert silent.recv(1) == b""


def test_slow_half_requests_are_closed_while_others_are_served(simulated: Running, pool: ThreadPoolExecutor) -> None:
    """Who does not finish the head of a request within 15 s is cut off, dripping bytes or not; good calls go on."""

    def seconds_until_closed(connection: socket.socket, start: bytes, drip: bytes) -> float:
        began = time.monotonic()
        connection.settimeout(1)
        with connection:
            connection.sendall(start)
            while time.monotonic() - began < PATIENCE_SECONDS + 5:
                try:
                    connection.sendall(drip)
                    if not connection.recv(4096).startswith(b"HTTP/1.1 408"):
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
        return time.monotonic() - began

    line = f"GET /ping?token={simulated.token} HTTP/1.1\r\nHost: a\r\n".encode()
    halves = [(b"", b""), (b"GET /pi", b""), (line, b""), (line + b"X-Slow: ", b"a"), (line, b"X-Slow: a\r\n")] * 5
    waiting: list[Future[float]] = [
        pool.submit(seconds_until_closed, simulated.dial(), start, drip) for start, drip in halves
    ]
    while not all(one.done() for one in waiting):
        began = time.monotonic()
        assert simulated.page(USER).code == 0
        assert time.monotonic() - began < 5
        time.sleep(0.5)
    assert [seconds for seconds in (one.result() for one in waiting) if not 5 < seconds < PATIENCE_SECONDS] == []
