"""C1 of PROMISES: ten thousand requests that are wrong in some way get an answer each, and the server stays well."""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from running import V4_PATH, Running, start_server

USER = "5c2f338a000000000701e1c6"
REQUESTS = 10_000
BATCH = 500
CODES = {0, 100, 301, 302, 303, 400, 600, 601}
ENVELOPE_STATUSES = {200, 404, 405, 413}
BARE_STATUSES = {*range(400, 500), 501, 505}


@dataclass(frozen=True)
class Case:
    """One connection's bytes. `answered`: it is HTTP enough that closing without a byte would be wrong."""

    kind: str
    sent: bytes
    answered: bool
    statuses: frozenset[int] = frozenset()
    answers: int = 1


Maker = Callable[[random.Random, str], Case]


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: localhost", b"Connection: close", *headers, b"", b""]) + body


def target(token: str, more: str = "") -> bytes:
    return f"{V4_PATH}?token={token}&userId={USER}{more}".encode("latin-1")


def junk(chance: random.Random, most: int, signs: bytes = bytes(range(256))) -> bytes:
    return bytes(chance.choices(signs, k=chance.randint(1, most)))


VISIBLE = bytes(range(0x21, 0x7F))


def odd_method(chance: random.Random, token: str) -> Case:
    known = [b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"get", b"Get", b"GETT", b"FOO", b"PROPFIND", b"M-SEARCH"]
    method = chance.choice([*known, junk(chance, 20, VISIBLE)])
    return Case("method", request(method + b" " + target(token) + b" HTTP/1.1"), answered=True)


def broken_line(chance: random.Random, token: str) -> Case:
    path = target(token)
    line = chance.choice(
        [
            *(b"GET", b"GET " + path, path, path + b" HTTP/1.1", b"GET  " + path + b"  HTTP/1.1", b"GET HTTP/1.1"),
            *(b"GET\t" + path + b"\tHTTP/1.1", b" GET " + path + b" HTTP/1.1", b"GET " + path + b" extra HTTP/1.1"),
            *(b"GET " + path + b" HTTP/1.1 ", b"GET " + path[1:] + b" HTTP/1.1", b"GET " + path + b" http/1.1"),
            b"GET " + junk(chance, 40, VISIBLE) + b" HTTP/1.1",
        ]
    )
    return Case("line", request(line), answered=True)


def odd_version(chance: random.Random, token: str) -> Case:
    versions = ["HTTP/0.9", "HTTP/1.2", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/11", "HTTP/1.", "HTTP/x.y", "ICY/1.0"]
    line = b"GET " + target(token) + b" " + chance.choice(versions).encode()
    return Case("version", request(line), answered=True)


def odd_escapes(chance: random.Random, token: str) -> Case:
    escapes = ["%", "%%", "%z", "%zz", "%2", "%u0041", "%00", "%ff", "%c0%80", "%ed%a0%80", "%f4%90%80%80", "%0d%0a"]
    odd = "".join(chance.choices(escapes, k=chance.randint(1, 12)))
    name = chance.choice(["userId", "lastCursor", "token", "x", "", "%75serId", "%", "%ff"])
    path = chance.choice([target(token, f"&{name}={odd}"), f"{V4_PATH}{odd}?token={token}".encode()])
    return Case("escapes", request(b"GET " + path + b" HTTP/1.1"), answered=True)


def control_signs(chance: random.Random, token: str) -> Case:
    sign = junk(chance, 3, bytes([*range(0x20), 0x7F]))
    line, header = b"GET " + target(token) + b" HTTP/1.1", b"X-Odd: value"
    if chance.random() < 0.5:
        place = chance.randrange(len(line))
        line = line[:place] + sign + line[place:]
    else:
        place = chance.randrange(len(header))
        header = header[:place] + sign + header[place:]
    return Case("control", request(line, header), answered=False)


def not_utf8(chance: random.Random, token: str) -> Case:
    bytes_ = junk(chance, 6, bytes(range(0x80, 0x100)))
    line = b"GET " + target(token, "&x=") + bytes_ + b" HTTP/1.1"
    named = b"GET " + target(token) + b" HTTP/1.1"
    header = chance.choice([b"X-Odd: ", b"User-Agent: ", b"Authorization: Bearer ", b"Cache-Control: "]) + bytes_
    return Case("utf-8", chance.choice([request(line), request(named, header)]), answered=True)


def huge_line(chance: random.Random, token: str) -> Case:
    line = b"GET " + target(token, "&x=" + "a" * chance.randint(66_000, 120_000)) + b" HTTP/1.1"
    return Case("huge line", request(line), answered=True, statuses=frozenset({414}))


def huge_headers(chance: random.Random, token: str) -> Case:
    line = b"GET " + target(token) + b" HTTP/1.1"
    many = [b"X-%d: a" % number for number in range(chance.randint(150, 1500))]
    return Case("huge headers", request(line, *many), answered=True, statuses=frozenset({431}))


def huge_header(chance: random.Random, token: str) -> Case:
    line = b"GET " + target(token) + b" HTTP/1.1"
    return Case("huge header", request(line, b"X-Odd: " + b"a" * chance.randint(500_000, 900_000)), answered=False)


def odd_host(chance: random.Random, token: str) -> Case:
    hosts = [
        *([b"Host: a", b"Host: b"], [b"Host:"], [], [b"Host: ]["], [b"Host: a b"], [b"Host: a/b?c#d"], [b"Host: \xff"]),
        [b"Host: " + junk(chance, 30, VISIBLE)],
    ]
    paths = [V4_PATH, "/ping", "/nowhere"]
    line = b"GET " + chance.choice(paths).encode() + b"?token=" + token.encode() + b" HTTP/1.1"
    lines = [line, b"Connection: close", *chance.choice(hosts), b"", b""]
    return Case("host", b"\r\n".join(lines), answered=True)


def odd_length(chance: random.Random, token: str) -> Case:
    lengths = [b"-1", b"abc", b"1e3", b"0x10", b"", b"+5", b"5, 5", b"5, 6", b"9" * 30, b"99999999999", b"1 1", b"5\t"]
    headers = [b"Content-Length: " + chance.choice(lengths)]
    if chance.random() < 0.3:
        headers.append(b"Content-Length: " + chance.choice(lengths))
    if chance.random() < 0.3:
        headers.append(b"Transfer-Encoding: " + chance.choice([b"chunked", b"gzip", b"chunked, chunked", b"x"]))
    line = chance.choice([b"GET ", b"POST "]) + target(token) + b" HTTP/1.1"
    return Case("length", request(line, *headers, body=b"hello"), answered=True)


def with_body(chance: random.Random, token: str) -> Case:
    line = chance.choice([b"GET ", b"DELETE ", b"PUT "]) + target(token) + b" HTTP/1.1"
    body = junk(chance, 3000)
    framed = chance.choice(
        [
            request(line, b"Content-Length: %d" % len(body), body=body),
            request(line, b"Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)),
            request(line, b"Transfer-Encoding: chunked", body=b"zz\r\n" + body),
            request(line, b"Content-Length: %d" % len(body), b"Expect: 100-continue", body=body),
            request(line, b"Content-Length: %d" % (len(body) + 100), body=body),
        ]
    )
    return Case("body", framed, answered=True)


def pipelined(chance: random.Random, token: str) -> Case:
    keep = f"GET {chance.choice(['/ping', '/nowhere', V4_PATH])} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    count = chance.randint(1, 8)
    last = request(b"GET " + target(token) + b" HTTP/1.1")
    return Case("pipelined", keep * count + last, answered=True, answers=count + 1)


def pipelined_junk(chance: random.Random, token: str) -> Case:
    keep = b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n"
    return Case("pipelined junk", keep + junk(chance, 200) + b"\r\n\r\n", answered=False)


def closed_early(chance: random.Random, token: str) -> Case:
    whole = request(b"GET " + target(token) + b" HTTP/1.1", b"User-Agent: test")
    return Case("closed early", whole[: chance.randrange(len(whole) - 1)], answered=False)


def odd_form(chance: random.Random, token: str) -> Case:
    path = target(token).decode()
    forms = [
        *(f"GET http://localhost{path}", f"GET https://user:pass@evil.example:99{path}", f"GET //evil.example{path}"),
        *("OPTIONS *", "GET *", "CONNECT localhost:80", "CONNECT /", f"GET {path}#fragment", f"GET .{path}", "GET ?"),
        *(f"GET /..{path}", f"GET /.{path}", f"GET {path.replace('/', '//')}", f"GET http://{path}", "GET http:"),
    ]
    return Case("form", request(chance.choice(forms).encode() + b" HTTP/1.1"), answered=True)


def many_parameters(chance: random.Random, token: str) -> Case:
    name = chance.choice(["x", "token", "userId", "lastCursor", "%74oken", "=", ""])
    more = f"&{name}=1" * chance.randint(1000, 5000)
    return Case("parameters", request(b"GET " + target(token, more[:60_000]) + b" HTTP/1.1"), answered=True)


def odd_headers(chance: random.Random, token: str) -> Case:
    line = b"GET " + target(token) + b" HTTP/1.1"
    headers = [
        *(b"X-Odd : a", b": a", b"X-Odd", b"X-Odd: a\r\n folded", b"X-Odd:\x0ba", b"Upgrade: h2c", b"Range: bytes=0-1"),
        *(b"Cache-Control: max-age=-1", b"Cache-Control: max-age=99999999999999999999", b"Cache-Control: ,,;="),
        *(
            b"Authorization: Bearer",
            b"Authorization: Bearer a b c",
            b"Authorization:",
            b"Authorization: " + b"B" * 9000,
        ),
        *(b"Cookie: token=" + token.encode(), b"Idempotency-Key: \xff", b"If-None-Match: *", b"Origin: null"),
        *(b"Accept-Encoding: br;q=x", b"Upgrade: websocket\r\nSec-WebSocket-Key: x", b"Content-Type: \xff"),
    ]
    return Case("headers", request(line, *chance.sample(headers, k=chance.randint(1, 4))), answered=True)


def not_http(chance: random.Random, token: str) -> Case:
    tls = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return Case(
        "no HTTP", chance.choice([tls, preface, b"\r\n\r\n", b"\n", b"", b"\0" * 99]) + junk(chance, 500), False
    )


def scrambled(chance: random.Random, token: str) -> Case:
    whole = bytearray(request(b"GET " + target(token) + b" HTTP/1.1", b"User-Agent: test", b"Cache-Control: max-age=9"))
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(whole))
        match chance.randrange(3):
            case 0:
                whole[place] = chance.randrange(256)
            case 1:
                whole.insert(place, chance.randrange(256))
            case _:
                del whole[place]
    return Case("scrambled", bytes(whole), answered=False)


MAKERS: tuple[Maker, ...] = (
    *(odd_method, broken_line, odd_version, odd_escapes, control_signs, not_utf8, odd_host, odd_length, with_body),
    *(pipelined, pipelined_junk, closed_early, odd_form, odd_headers, not_http, scrambled, scrambled),
)
COSTLY: tuple[Maker, ...] = (huge_line, huge_headers, huge_header, many_parameters)


def cases(token: str) -> Iterator[Case]:
    chance = random.Random(20261123)
    for number in range(REQUESTS):
        makers = COSTLY if number % 20 == 0 else MAKERS
        yield chance.choice(makers)(chance, token)


def exchange(address: tuple[str, int], case: Case) -> bytes:
    """Send a case and return all that came back; what is no whole request is ended after a moment."""
    received = bytearray()
    with socket.create_connection(address, timeout=20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(case.sent)
            if not case.answered:
                connection.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    received += connection.recv(65_536)
                connection.settimeout(20)
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65_536):
                received += part
    return bytes(received)


def split(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Split what came back into answers: status and body."""
    while received:
        head, found, rest = received.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
        assert found, f"not an HTTP answer: {received[:200]!r}"
        assert status, f"not an HTTP answer: {received[:200]!r}"
        stated = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        length = int(stated[1]) if stated else 0
        assert len(rest) >= length, f"cut short: {received[:200]!r}"
        if int(status[1]) != 100:
            yield int(status[1]), rest[:length]
        received = rest[length:]


def judged(case: Case, received: bytes) -> Counter[str]:
    """Say what the answers of a connection were; raises `AssertionError` for what may not be."""
    outcomes: Counter[str] = Counter()
    for status, body in split(received):
        if body:
            envelope = json.loads(body)
            assert set(envelope) == {"code", "message", "recordTime", "requestId", "data"}, body[:200]
            assert envelope["code"] in CODES, body[:300]
            assert status in ENVELOPE_STATUSES, (status, body[:300])
            outcomes["envelope"] += 1
        else:
            assert status in BARE_STATUSES, status
            outcomes[f"bare {status}"] += 1
        assert not case.statuses or status in case.statuses, status
    if case.answered:
        assert sum(outcomes.values()) == case.answers, outcomes
    return outcomes or Counter({"closed": 1})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with one small recorded page, whose log is read while it runs."""
    folder = tmp_path_factory.mktemp("malformed")
    note = {"id": "63f1a2b3000000001203c4d5", "create_time": 1_700_000_000, "user": {"userid": USER}}
    (folder / "page.json").write_text(json.dumps({"code": 0, "data": {"notes": [note], "has_more": False}}))
    source = f"[[source]]\nname = 'captured'\nkind = 'replay'\nfolder = '{folder}'\n"
    server = start_server(folder / "data", source, balance=10**9)
    assert server.process.stderr is not None
    reader = threading.Thread(target=server.log.extend, args=(server.process.stderr,))
    reader.start()
    yield server
    if server.process.poll() is None:
        server.process.terminate()
        server.process.wait(30)
    reader.join(30)
    server.stop()


def test_ten_thousand_malformed_requests_leave_the_server_answering(server: Running) -> None:
    """Each connection gets envelopes, a bare 4xx, 501 or 505, or a close; never a 500; the next good call works."""
    host, port = server.address.removeprefix("http://").split(":")
    address = (host, int(port))
    outcomes: Counter[str] = Counter()
    seen: dict[str, Counter[str]] = {}

    def one(case: Case) -> tuple[Case, Counter[str]]:
        received = b""
        try:
            received = exchange(address, case)
            return case, judged(case, received)
        except (AssertionError, ValueError, TimeoutError) as error:
            raise AssertionError(f"{case.kind}: {case.sent[:300]!r} got {received[:300]!r}: {error}") from error

    queue = list(cases(server.token))
    with ThreadPoolExecutor(max_workers=12) as pool:
        for start in range(0, REQUESTS, BATCH):
            for case, found in pool.map(one, queue[start : start + BATCH]):
                seen.setdefault(case.kind, Counter()).update(found)
                outcomes += found
            assert server.page(USER).code == 0
    assert server.process.poll() is None
    assert outcomes["envelope"] > REQUESTS // 4, seen
    assert outcomes["bare 400"] > REQUESTS // 10, seen
    assert outcomes["closed"] < REQUESTS // 4, seen
    assert seen["huge line"].keys() == {"bare 414"}
    assert seen["huge headers"].keys() == {"bare 431"}


def test_the_log_of_a_battered_server_holds_no_token_and_no_traceback(server: Running) -> None:
    """What callers send wrongly is no event of ours, and the token appears nowhere."""
    server.process.terminate()
    assert server.process.wait(30) == 0
    log = "".join(server.log)
    assert server.token not in log
    assert "Traceback" not in log
    assert "panicked" not in log
    assert log.count("\n") < 100, log[:2000]
