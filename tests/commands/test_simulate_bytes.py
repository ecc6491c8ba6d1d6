"""`hongshu simulate` byte by byte: how single faults look on the wire, and what callers may send without harm."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import signal
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from running import V4_PATH, run_hongshu
from simulating import AT_MS, PAGE, QUERY, USER, WORLD, Simulating

RULES: Final = '[[fault]]\nname = "code-503"\nunder = "a"\nfrom_call = 2\nto_call = 2\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulating]:
    one = Simulating(tmp_path_factory.mktemp("shared"), RULES, "--json")
    yield one
    one.end()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Simulating]:
    """A server of the test's own."""
    one = Simulating(tmp_path, RULES)
    yield one
    if one.process.returncode is None:
        one.end()


def received(line: socket.socket, size: int = 2**24, quiet: float = 0.3) -> bytes:
    """What comes until the end, a size, or a silence."""
    line.settimeout(quiet)
    came = bytearray()
    with suppress(TimeoutError):
        while len(came) < size and (part := line.recv(2**16)):
            came += part
    return bytes(came)


def played(server: Simulating, fault: str) -> tuple[bytes, bytes]:
    """The head and the rest of what a fault sends."""
    with closing(server.send(f"/faults/{fault}{QUERY}")) as line:
        head, _, rest = received(line).partition(b"\r\n\r\n")
    return head, rest


def test_a_listing_pages_to_the_end(shared: Simulating) -> None:
    """Every note of the world once, page by page over one connection that stays the same."""
    ids: list[str] = []
    page: dict[str, Any] = {"has_more": True}
    with closing(http.client.HTTPConnection("127.0.0.1", shared.port, timeout=20)) as connection:
        connection.connect()
        kept = connection.sock
        while page["has_more"]:
            connection.request("GET", f"{QUERY}&lastCursor={ids[-1] if ids else ''}")
            page = json.loads(connection.getresponse().read())["data"]
            ids += [note["id"] for note in page["notes"]]
            assert connection.sock is kept
    assert len(ids) > 70
    assert sorted(ids) == sorted(note.id for note in WORLD.notes(USER, AT_MS))


def test_a_page_in_gzip_unpacks_to_the_page(shared: Simulating) -> None:
    """And says that it is packed."""
    head, body = played(shared, "gzip")
    assert b"Content-Encoding: gzip" in head
    assert gzip.decompress(body) == PAGE


def test_a_bomb_is_small_on_the_wire_and_unpacks_to_what_it_says(shared: Simulating) -> None:
    """Less than a megabyte becomes 209 of them, counted piece by piece."""
    with closing(shared.send(f"/faults/gzip-bomb{QUERY}")) as line:
        head, _, packed = received(line, quiet=20, size=1).partition(b"\r\n\r\n")
        packed += received(line)
    assert len(packed) < 2**20
    assert f"Content-Length: {len(packed)}".encode() in head
    machine, size = zlib.decompressobj(wbits=31), 0
    while packed and not machine.eof:
        size += len(machine.decompress(packed, 2**20))
        packed = machine.unconsumed_tail
    assert size == 209 * 1024 * 1024


def test_a_second_answer_follows_the_first(shared: Simulating) -> None:
    """Nobody asked for it, and both have a head."""
    head, rest = played(shared, "two-answers")
    assert f"Content-Length: {len(PAGE)}".encode() in head
    assert rest.startswith(PAGE)
    assert rest[len(PAGE) :].startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("length-below-zero", b"Content-Length: -1"),
        ("two-lengths", b"Content-Length: 5\r\nContent-Length: %d" % len(PAGE)),
        ("cut-chunks", b"Transfer-Encoding: chunked"),
        ("other-encoding", b"Content-Encoding: br"),
        ("no-http", b"SSH-2.0-"),
        ("http-503-date", b"HTTP/1.1 503 "),
        ("code-302-wait:7", b"Retry-After: 7"),
        ("huge-head", b"X-Long: " + b"a" * 1_000_000),
    ],
)
def test_a_fault_has_its_form_on_the_wire(shared: Simulating, fault: str, says: bytes) -> None:
    """What no web framework would send leaves here as it is."""
    assert says in played(shared, fault)[0]


def test_half_of_a_body_may_come_before_a_reset(shared: Simulating) -> None:
    """The connection breaks; it does not end."""
    line = shared.send(f"/faults/reset-midway{QUERY}")
    with closing(line), pytest.raises(ConnectionResetError):
        assert len(received(line, quiet=20)) < len(PAGE)


def test_silence_after_half_of_a_body_stays(shared: Simulating) -> None:
    """The head promises the whole page."""
    head, rest = played(shared, "hang-midway")
    assert f"Content-Length: {len(PAGE)}".encode() in head
    assert rest == PAGE[: len(PAGE) // 2]


def test_a_connection_goes_on_after_a_fault_that_leaves_it_open(shared: Simulating) -> None:
    """The next call on it has a good page."""
    with closing(shared.send(f"/faults/code-500{QUERY}")) as line:
        assert b'"code":500' in received(line)
        line.sendall(f"GET {QUERY} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert received(line).endswith(PAGE)


def test_a_caller_that_wants_the_connection_closed_has_its_wish(shared: Simulating) -> None:
    """RFC 9112, 9.6: after `Connection: close` the answer is the last; the page is not lost by it."""
    with closing(shared.send(QUERY, "Connection: close")) as line:
        assert received(line, size=len(PAGE)).endswith(PAGE)
        line.settimeout(5)
        assert line.recv(1) == b""


def test_the_header_goes_before_the_path_and_neither_is_counted_by_rules(own: Simulating) -> None:
    """The second call below the path is the rule's, however many asked for a fault in between."""
    assert own.code(f"/faults/code-601{QUERY}", X_Simulate_Fault="code-303") == 303
    assert [own.code(f"/a{QUERY}"), own.code(f"/a{QUERY}", X_Simulate_Fault="code-500")] == [0, 500]
    assert own.code(f"/a{V4_PATH}?userId={USER}") == 100
    assert [own.code(f"/a{QUERY}") for _ in range(2)] == [503, 0]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e9", "soon"])
@pytest.mark.parametrize("name", ["late", "code-302-wait"])
def test_seconds_on_request_have_the_bounds_of_a_rule(shared: Simulating, name: str, seconds: str) -> None:
    """From 0 to 3600; anything else is refused at once rather than waited for."""
    assert shared.code(f"/faults/{name}:{seconds}{QUERY}") == 400


@pytest.mark.parametrize("path", ["//[", f"{QUERY}&{'&'.join(f'a{turn}=1' for turn in range(200))}"])
def test_a_line_that_no_url_is_behind_is_answered(shared: Simulating, path: str) -> None:
    """An address that cannot be split, and more parameters than are read."""
    with closing(shared.send(path)) as line:
        assert re.match(rb"HTTP/1\.1 [24]\d\d ", received(line))


@pytest.mark.parametrize("path", [f"{V4_PATH}?userId={USER}", f"{V4_PATH}?token=a&userId=x", f"/faults/rest{QUERY}"])
def test_a_refusal_has_the_five_keys_of_the_contract(shared: Simulating, path: str) -> None:
    """As every answer of a V4 server."""
    with closing(shared.send(path)) as line:
        told = json.loads(received(line).partition(b"\r\n\r\n")[2])
    assert told.keys() == {"code", "message", "recordTime", "requestId", "data"}


def test_nothing_that_callers_send_is_printed_or_holds_the_server_up(own: Simulating) -> None:
    """Nobody reads standard output after the first line: odd calls leave it to good ones, and to SIGTERM."""
    for path in ("//[", f"/faults/code-302-wait:inf{QUERY}", f"{QUERY}&%ff=%00") * 4:
        with closing(own.send(path)) as line:
            received(line)
    with closing(socket.create_connection(("127.0.0.1", own.port), timeout=20)) as line, suppress(ConnectionError):
        line.sendall(b"\x16\x03\x01" + bytes(range(256)) * 500)
    assert own.code(QUERY) == 0
    status, rest = own.end()
    assert status == 0
    assert "Traceback" not in rest
    assert "error" not in rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_while_answers_of_all_kinds_are_under_way(own: Simulating, number: signal.Signals) -> None:
    """Silent, dripping, late, endless, and large ones that nobody reads."""
    faults = ("hang", "hang-midway", "drip", "drip-head", "late:3600", "endless", "large", "cut")
    lines = [own.send(f"/faults/{name}{QUERY}") for name in faults for _ in range(3)]
    assert own.code(QUERY) == 0
    began = time.monotonic()
    assert own.end(number)[0] == 0
    assert time.monotonic() - began < 15
    for line in lines:
        line.close()


def test_people_are_told_what_to_type(own: Simulating) -> None:
    """The first of the two addresses gives a page, the second the fault it names."""
    assert own.process.stdout is not None
    assert "any token is valid" in own.first_line
    told = "".join(own.process.stdout.readline() for _ in range(4))
    good, bad = re.findall(r'curl "http://[^/]+(/\S+)"', told)
    assert (own.code(good), own.code(bad)) == (0, 301)


@pytest.mark.parametrize("option", ["--seed", "--creators", "--port"])
def test_a_number_that_is_none_is_one_line(tmp_path: Path, option: str) -> None:
    """Exit status 2, and the option is named."""
    done = run_hongshu("simulate", option, "seven", data_dir=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_rule_is_named_with_its_file_and_number(tmp_path: Path) -> None:
    """One line, and no server."""
    path = tmp_path / "faults.toml"
    path.write_text(f'{RULES}[[fault]]\nname = "reset"\nrate = 2\n', encoding="utf-8")
    done = run_hongshu("simulate", "--port", "0", "--faults", str(path), data_dir=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert re.search(rf"{path}: fault 2: .*rate", line)
