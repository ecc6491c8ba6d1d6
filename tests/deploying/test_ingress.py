"""C1 and C4 of PROMISES: a tricky request is read alike alone and behind nginx, or refused by one of the two.

Whatever is smuggled behind it is nobody's page and nobody's charge, and the next good call works.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Final, NamedTuple

import pytest

from deploying.front import Front
from running import V4_PATH, Running, start_server
from wire.source import Source, note_of

USER: Final = "5c2f338a000000000701e1c6"
OTHER: Final = "5c2f338a000000000701e1c7"
SMUGGLED: Final = "5c2f338a00000000deadbeef"
FAST: Final = ("--rate-per-minute", "60000", "--burst", "1000", "--daily-quota", "100000")
QUIET_SECONDS: Final = 0.7
"""So long without a byte behind an answer, and a connection that stays open says nothing more."""


class Place(NamedTuple):
    """The same server, asked by itself and through nginx; `others` is the token of an account that never asks."""

    alone: Running
    behind: Running
    source: Source
    token: str
    others: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("ingress")
    with closing(Source()) as source:
        server = start_server(folder / "data", source.settings)
        server.cli("account", "create", "victim", "--balance", "100000")
        others = json.loads(server.cli("token", "create", "--account", "victim", *FAST, "--json").stdout)["token"]
        front = Front(folder / "nginx", [server.address.removeprefix("http://")])
        front.start()
        yield Place(server, front.server(server), source, server.token, others)
        front.stop()
        server.stop()


def head(line: str, *headers: str) -> str:
    return "\r\n".join([line, "Host: localhost", *headers, "", ""])


def get(target: str, *headers: str) -> str:
    return head(f"GET {target} HTTP/1.1", "Connection: close", *headers)


def call(query: str, *headers: str, path: str = V4_PATH) -> str:
    """A call with the attacker's token."""
    return get(f"{path}?token=TOKEN&{query}", *headers)


INNER: Final = head(f"GET {V4_PATH}?token=TOKEN&userId={SMUGGLED} HTTP/1.1")
"""What is hidden behind another request."""
PLAIN: Final = {
    "plain": (call(f"userId={USER}"), 1),
    "plus": (call(f"userId=+{USER}+"), None),
    "encoded value": (call("userId=" + "".join(f"%{ord(one):02X}" for one in USER)), 1),
    "encoded name": (call(f"%75ser%49d={USER}"), 1),
    "name in capitals": (call(f"USERID={USER}"), 0),
    "encoded token's name": (get(f"{V4_PATH}?%74%6Fken=TOKEN&userId={USER}"), 1),
    "twice, equal": (call(f"userId={USER}&userId={USER}"), 0),
    "twice, different": (call(f"userId={USER}&userId={OTHER}"), 0),
    "twice, one encoded": (call(f"userId={USER}&user%49d={OTHER}"), 0),
    "tokens twice": (call(f"userId={USER}&token=OTHERS"), 0),
    "tokens twice, one encoded": (call(f"userId={USER}&%74oken=OTHERS"), 0),
    "token in query and header": (call(f"userId={USER}", "Authorization: Bearer OTHERS"), 0),
    "two headers": (
        get(f"{V4_PATH}?userId={USER}", "Authorization: Bearer TOKEN", "Authorization: Bearer OTHERS"),
        0,
    ),
    "two headers in one": (get(f"{V4_PATH}?userId={USER}", "Authorization: Bearer TOKEN, Bearer OTHERS"), 0),
    "list": (call(f"userId[]={USER}"), 0),
    "semicolon": (get(f"{V4_PATH}?token=TOKEN;userId={USER}"), 0),
    "semicolon in the path": (call(f"userId={USER}", path=f"{V4_PATH};x=1"), 0),
    "ampersand encoded": (get(f"{V4_PATH}?token=TOKEN%26userId={USER}"), 0),
    "plus encoded": (call(f"userId=%2B{USER}"), 0),
    "overlong": (call(f"userId={USER}%c0%80"), 0),
    "overlong slash in the path": (call(f"userId={USER}", path=V4_PATH.replace("/v4", "%c0%afv4")), 0),
    "NUL encoded": (call(f"userId={USER}%00"), 0),
    "line break encoded": (call(f"userId={USER}%0d%0aX: y"), None),
    "fragment": (call(f"userId={USER}#&userId={OTHER}"), None),
    "two question marks": (call(f"userId={USER}", path=f"{V4_PATH}?"), 0),
}
"""Requests of one address, and how many pages each brings; None where either may be."""
PATHS: Final = {
    "two slashes": (call(f"userId={USER}", path=V4_PATH.replace("/get", "//get")), None),
    "dot": (call(f"userId={USER}", path=V4_PATH.replace("/get", "/./get")), None),
    "up": (call(f"userId={USER}", path=f"/ping/..{V4_PATH}"), None),
    "up, encoded": (call(f"userId={USER}", path=f"/ping/%2e%2e{V4_PATH}"), None),
    "up and out": (call(f"userId={USER}", path=f"/../..{V4_PATH}"), None),
    "slash encoded": (call(f"userId={USER}", path=V4_PATH.replace("/v4", "%2Fv4")), None),
    "backslash": (call(f"userId={USER}", path=V4_PATH.replace("/v4", "\\v4")), 0),
    "letter encoded": (call(f"userId={USER}", path=V4_PATH.replace("/v4", "/%764")), None),
    "capitals": (call(f"userId={USER}", path=V4_PATH.upper()), 0),
    "slash at the end": (call(f"userId={USER}", path=f"{V4_PATH}/"), 0),
    "metrics, hidden": (get("/ping/..%2fmetrics"), 0),
    "metrics, two slashes": (get("//metrics"), 0),
    "manage, encoded": (get("/%6danage/accounts"), 0),
}
FORMS: Final = {
    "absolute form": (call(f"userId={USER}", path=f"http://localhost{V4_PATH}"), None),
    "absolute form of another host": (call(f"userId={USER}", path=f"http://evil.example{V4_PATH}"), None),
    "absolute form with a user": (call(f"userId={USER}", path=f"http://a:b@localhost{V4_PATH}"), None),
    "absolute form, other scheme": (call(f"userId={USER}", path=f"ftp://localhost{V4_PATH}"), None),
    "authority only": (get("localhost:80"), 0),
    "no slash": (call(f"userId={USER}", path=V4_PATH[1:]), 0),
    "asterisk": (get("*"), 0),
    "CONNECT": (head("CONNECT localhost:80 HTTP/1.1", "Connection: close"), 0),
    "HTTP/0.9": (f"GET {V4_PATH}?token=TOKEN&userId={USER}\r\n", None),
    "HTTP/1.0 without a host": (f"GET {V4_PATH}?token=TOKEN&userId={USER} HTTP/1.0\r\n\r\n", None),
    "HTTP/1.1 without a host": (f"GET {V4_PATH}?token=TOKEN&userId={USER} HTTP/1.1\r\nConnection: close\r\n\r\n", None),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 0),
    "HTTP/3.7": (call(f"userId={USER}").replace("HTTP/1.1", "HTTP/3.7"), 0),
    "space in the target": (call(f"userId={USER} x"), 0),
    "tab for space": (call(f"userId={USER}").replace("GET ", "GET\t"), 0),
    "method in small letters": (call(f"userId={USER}").replace("GET", "get"), 0),
    "two hosts": (call(f"userId={USER}", "Host: evil.example"), None),
    "host with a port": (call(f"userId={USER}").replace("Host: localhost", "Host: localhost:99999"), None),
    "host with a user": (call(f"userId={USER}").replace("Host: localhost", "Host: a@localhost"), None),
    "host with a path": (call(f"userId={USER}").replace("Host: localhost", "Host: localhost/x"), None),
    "host with a tab": (call(f"userId={USER}").replace("Host: localhost", "Host: local\thost"), None),
    "forwarded": (
        call(f"userId={USER}", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: evil", "Forwarded: for=1.1.1.1"),
        1,
    ),
    "another target in a header": (call(f"userId={USER}", f"X-Original-URL: {V4_PATH}?userId={OTHER}"), 1),
    "another method in a header": (call(f"userId={USER}", "X-HTTP-Method-Override: POST"), 1),
    "folded header": (call(f"userId={USER}", "X-Odd: a\r\n folded"), None),
    "folded first header": (call(f"userId={USER}").replace("Host:", " Host:"), None),
    "space before the colon": (call(f"userId={USER}", "Authorization : Bearer OTHERS"), None),
    "NUL in a header": (call(f"userId={USER}", "X-Odd: a\0b"), None),
    "carriage return in a header": (call(f"userId={USER}", "X-Odd: a\rAuthorization: Bearer OTHERS"), None),
    "bare line feeds": (call(f"userId={USER}").replace("\r\n", "\n"), None),
    "bare line feed in a header": (call(f"userId={USER}", "X-Odd: a\nAuthorization: Bearer OTHERS"), None),
    "underscore for a dash": (call(f"userId={USER}", "Content_Length: 5"), 1),
    "pipelined": (head(f"GET {V4_PATH}?token=TOKEN&userId={OTHER} HTTP/1.1") + call(f"userId={USER}"), 2),
}


def post(*headers: str, body: str) -> str:
    return head("POST /ping HTTP/1.1", *headers) + body


CHUNK: Final = f"{len(INNER):x}"
SMUGGLING: Final = {
    "CL.TE": post(f"Content-Length: {len(INNER) + 5}", "Transfer-Encoding: chunked", body=f"0\r\n\r\n{INNER}"),
    "TE.CL": post("Content-Length: 4", "Transfer-Encoding: chunked", body=f"{CHUNK}\r\n{INNER}\r\n0\r\n\r\n"),
    "two lengths": post("Content-Length: 0", f"Content-Length: {len(INNER)}", body=INNER),
    "two lengths, turned": post(f"Content-Length: {len(INNER)}", "Content-Length: 0", body=INNER),
    "list of lengths": post(f"Content-Length: {len(INNER)}, 0", body=INNER),
    "length with a plus": post(f"Content-Length: +{len(INNER)}", body=INNER),
    "length with a minus": post("Content-Length: -1", body=INNER),
    "length in hex": post(f"Content-Length: 0x{CHUNK}", body=INNER),
    "length with an underscore": post(f"Content_Length: {len(INNER)}", "Content-Length: 0", body=INNER),
    "length with a space": post(f"Content-Length : {len(INNER)}", body=INNER),
    "length folded": post(f"Content-Length:\r\n {len(INNER)}", body=INNER),
    "length huge": post(f"Content-Length: {2**64 + len(INNER)}", body=INNER),
    "TE with a tab": post("Content-Length: 4", "Transfer-Encoding:\tchunked", body=f"{CHUNK}\r\n{INNER}\r\n0\r\n\r\n"),
    "TE with a space": post(
        "Content-Length: 4", "Transfer-Encoding : chunked", body=f"{CHUNK}\r\n{INNER}\r\n0\r\n\r\n"
    ),
    "TE with a vertical tab": post(
        "Content-Length: 4", "Transfer-Encoding: \x0bchunked", body=f"{CHUNK}\r\n{INNER}\r\n0\r\n\r\n"
    ),
    "TE of another kind": post("Transfer-Encoding: xchunked", "Content-Length: 4", body=f"0\r\n\r\n{INNER}"),
    "TE twice": post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=f"0\r\n\r\n{INNER}"),
    "TE list": post("Transfer-Encoding: identity, chunked", "Content-Length: 0", body=f"0\r\n\r\n{INNER}"),
    "TE chunked, chunked": post("Transfer-Encoding: chunked, chunked", body=f"0\r\n\r\n{INNER}"),
    "TE capital": post("Content-Length: 5", "transfer-ENCODING: ChUnKeD", body=f"0\r\n\r\n{INNER}"),
    "TE in HTTP/1.0": post("Transfer-Encoding: chunked", f"Content-Length: {len(INNER)}", body=INNER).replace(
        "HTTP/1.1", "HTTP/1.0", 1
    ),
    "TE folded": post("X: y\r\n Transfer-Encoding: chunked", f"Content-Length: {len(INNER)}", body=INNER),
    "chunk size with a sign": post("Transfer-Encoding: chunked", body=f"+0\r\n\r\n{INNER}"),
    "chunk size in 0x": post("Transfer-Encoding: chunked", body=f"0x0\r\n\r\n{INNER}"),
    "chunk size huge": post("Transfer-Encoding: chunked", body=f"10000000000000000\r\n{INNER}"),
    "chunk with bare line feeds": post("Transfer-Encoding: chunked", body=f"1\nA\n0\n\n{INNER}"),
    "chunk extension with a line feed": post(
        "Transfer-Encoding: chunked", body=f"2;\nxx\r\n{CHUNK}\r\n{INNER}\r\n0\r\n\r\n"
    ),
    "chunk longer than said": post("Transfer-Encoding: chunked", body=f"1\r\nABC\r\n0\r\n\r\n{INNER}"),
    "trailers": post("Transfer-Encoding: chunked", body=f"0\r\nContent-Length: {len(INNER)}\r\n\r\n{INNER}"),
    "Expect": post("Expect: 100-continue", f"Content-Length: {len(INNER)}", body=INNER),
    "GET with a length": head(f"GET {V4_PATH}?token=TOKEN&userId={USER} HTTP/1.1", f"Content-Length: {len(INNER)}")
    + INNER,
    "GET with chunks": head(f"GET {V4_PATH}?token=TOKEN&userId={USER} HTTP/1.1", "Transfer-Encoding: chunked")
    + f"{CHUNK}\r\n{INNER}\r\n0\r\n\r\n",
    "upgrade": head("GET /ping HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: A")
    + INNER,
    "web socket": head("GET /ping HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA==")
    + INNER,
}
"""A request whose end two readers may see in different places, and behind that another one.

Each reader of RFC 9112 finds one, two or none; that is no fault, as long as each page is charged to who asked on this
connection, and comes back on it.
"""


PIPELINED: Final = {"trailers", "upgrade", "web socket", "length with an underscore", "chunk with bare line feeds"}
"""Here nginx sees the first request end before the second, which is one of its own: sent by whoever sent the first."""


def sent(server: Running, request: str, place: Place) -> list[str]:
    """Send bytes and say what came back, answer by answer: the creator of a page, an envelope's code, or a status."""
    host, port = server.address.removeprefix("http://").split(":")
    raw = request.replace("TOKEN", place.token).replace("OTHERS", place.others).encode("latin-1")
    received = bytearray()
    with socket.create_connection((host, int(port)), timeout=20) as line, suppress(OSError):
        line.sendall(raw)
        while part := line.recv(65_536):
            received += part
            line.settimeout(20 if "Connection: close" in request else QUIET_SECONDS)
    return list(told(bytes(received)))


def told(received: bytes) -> Iterator[str]:
    while received.startswith(b"HTTP/"):
        top, _, rest = received.partition(b"\r\n\r\n")
        stated = re.search(rb"(?i)\r\ncontent-length: *(\d+)", top)
        length = int(stated[1]) if stated else 0
        status, body, received = top[9:12].decode(), rest[:length], rest[length:]
        if status != "100":
            yield meant(body) if body.startswith(b"{") else f"status {status}"
    if received:  # HTTP/0.9 has no head
        yield meant(received) if received.startswith(b"{") else "no HTTP"


def meant(body: bytes) -> str:
    envelope = json.loads(body)
    data = envelope.get("data")
    notes = data.get("notes") if isinstance(data, dict) else None
    return f"page {notes[0]['id']}" if notes else f"code {envelope.get('code')}"


def balance(place: Place, account: str) -> int:
    return int(json.loads(place.alone.cli("account", "show", account, "--json").stdout)["balance"])


def pages(answers: list[str]) -> list[str]:
    return [one for one in answers if one.startswith("page ")]


@pytest.mark.parametrize("name", [*PLAIN, *PATHS, *FORMS])
def test_a_request_is_read_alike_alone_and_behind_nginx(place: Place, name: str) -> None:
    """Or refused by one of them; each page is one charge, of who asked, and the next good call works."""
    request, expected = (PLAIN | PATHS | FORMS)[name]
    before = balance(place, "test"), balance(place, "victim")
    alone, behind = (pages(sent(server, request, place)) for server in (place.alone, place.behind))
    assert alone == behind or not alone or not behind
    if expected is not None:
        assert (len(alone), len(behind)) == (expected, expected)
    assert set(alone) | set(behind) <= {f"page {note_of(USER)}", f"page {note_of(OTHER)}"}
    assert balance(place, "test") == before[0] - 10 * (len(alone) + len(behind))
    assert balance(place, "victim") == before[1]
    for server in (place.alone, place.behind):
        assert pages(sent(server, call(f"userId={USER}"), place)) == [f"page {note_of(USER)}"]


@pytest.mark.parametrize("name", SMUGGLING)
def test_what_is_smuggled_is_nobodys_page_and_nobodys_charge(place: Place, name: str) -> None:
    """Behind nginx the next caller on any connection gets its own page, and pays for that alone."""
    for server in (place.alone, place.behind):
        before = balance(place, "test"), balance(place, "victim")
        came = pages(sent(server, SMUGGLING[name], place))
        assert server is place.alone or name in PIPELINED or f"page {note_of(SMUGGLED)}" not in came
        for _ in range(4):  # on whatever connection nginx keeps to the server
            asked = get("/ping")
            assert pages(sent(server, asked, place)) == []
            answers = sent(server, call(f"userId={OTHER}").replace("TOKEN", "OTHERS"), place)
            assert answers == [f"page {note_of(OTHER)}"]
        assert balance(place, "victim") == before[1] - 40
        assert balance(place, "test") == before[0] - 10 * len(came)
