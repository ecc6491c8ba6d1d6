"""P1 of PROMISES: a token travels in and is written nowhere: no log, no file, no answer, in no encoding."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

import stores
from running import SIMULATOR, V4_PATH, Answer, Running

USER = "5c2f338a000000000701e1c6"
UPSTREAM_TOKEN = "up_9f8e7d6c5b4a39281706f5e4d3c2b1a0"
HEADERS = ["Authorization", "Cookie", "X-Token", "Referer", "User-Agent", "Host", "Cache-Control", "Origin"]
DEAD = (
    '[[source]]\nname = "dead"\nkind = "remote"\nurl = "http://127.0.0.1:9"\ntoken_file = "../upstream.token"\n'
    "allow_cleartext = true\n"
)


def encodings(secret: str) -> Iterator[bytes]:
    """A secret and what it looks like percent-encoded, in base64 at each offset, in hex, and in UTF-16."""
    raw = secret.encode()
    yield raw
    yield raw[::-1]
    yield raw.split(b"_", 1)[1]
    for form in ("%{:02x}", "%{:02X}", "\\x{:02x}", "\\u{:04x}"):
        yield "".join(form.format(byte) for byte in raw).encode()
    yield quote(quote(secret, safe=""), safe="").encode()
    yield from (raw.hex().encode(), raw.hex().upper().encode())
    yield from (secret.encode("utf-16-le"), secret.encode("utf-16-be"))
    for offset in range(3):
        whole = base64.b64encode(b"x" * offset + raw)
        core = whole[4 if offset else 0 : -4]
        yield from (core, core.replace(b"+", b"-").replace(b"/", b"_"))


def percent_encoded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def raw_call(server: Running, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
    with closing(http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=20)) as connection:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def carrying_the_token(token: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Requests that carry a token in every place and shape that comes to mind: method, target, headers."""
    spelled = [token, percent_encoded(token), percent_encoded(token).upper(), f"{token}%00", f"+{token}"]
    names = ["token", "%74oken", "Token", "lastCursor", "x", "userId", percent_encoded("token"), "token[]", "token%00"]
    bearer = ("Authorization", f"Bearer {token}")
    for name in names:
        for value in spelled:
            yield "GET", f"{V4_PATH}?userId={USER}&{name}={value}", []
            yield "GET", f"{V4_PATH}?userId=!&{name}={value}", [bearer]
            yield "GET", f"{V4_PATH}?{name}={value}&{name}={value}&userId={USER}", []
    for value in spelled:
        for path in (f"/{value}", f"{V4_PATH}/{value}", f"/openapi/{value}.json", f"/?token={value}", f"/ping?{value}"):
            yield "GET", path, []
        yield "POST", f"{V4_PATH}?token={value}&userId={USER}", []
        yield "GET", f"{V4_PATH}?userId=https://www.xiaohongshu.com/user/{value}", [bearer]
    yield "GET", f"{V4_PATH}?userId={USER}", [bearer]
    yield "GET", f"{V4_PATH}?userId={USER}", [bearer, bearer]
    for name in (*HEADERS, token):
        yield "GET", f"{V4_PATH}?userId={USER}", [(name, token)]
        yield "GET", f"{V4_PATH}?userId={USER}&token={token}", [(name, f"Token {token}"), ("Idempotency-Key", token)]


def places(secret: str, content: bytes) -> list[bytes]:
    """The forms of a secret that a content holds."""
    return [form for form in encodings(secret) if form in content]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("source", [SIMULATOR, DEAD], ids=["good source", "failing source"])
def test_a_callers_token_is_written_nowhere(serve: Callable[..., Running], tmp_path: Path, source: str) -> None:
    """Not in the log, not in any file of the data directory while it runs or after, not in an answer."""
    (tmp_path / "upstream.token").write_text(UPSTREAM_TOKEN + "\n")
    server = serve(source)
    token = server.token
    codes = set()
    for method, target, headers in carrying_the_token(token):
        answer = raw_call(server, method, target, headers)
        codes |= {answer.code} if target.startswith(V4_PATH + "?") else set()
        found = places(token, answer.raw + str(answer.headers).encode())
        assert found == [], f"{method} {target} {headers}: {answer.raw[:500]!r}"
    assert codes == {0 if source is SIMULATOR else 301, 100, 400}
    running = files(server.data_dir) | stores.dumped(server.data_dir)
    assert {"notes.db", "money.db", "hongshu.key"} <= set(running)
    assert server.stop() == 0
    log = "".join(server.log).encode()
    assert places(token, log) == []
    assert places(UPSTREAM_TOKEN, log) == []
    for name, content in [*running.items(), *files(server.data_dir).items(), *stores.dumped(server.data_dir).items()]:
        assert places(token, content) + places(UPSTREAM_TOKEN, content) == [], name
    if source is DEAD:
        assert b"source failed" in log


def test_what_the_test_above_looks_for_is_found_where_it_is() -> None:
    """A token that stands in something, in any of the forms, is seen."""
    token = "hs_abcdefghijklmnopqrstuvwxyz0123456789"
    for wrapped in (b"pre%b", b"pre-%b-post", b"\0%b\0"):
        assert places(token, wrapped % token.encode())
        assert places(token, base64.b64encode(wrapped % token.encode()))
        assert places(token, base64.urlsafe_b64encode(wrapped % token.encode()))
    assert places(token, percent_encoded(token).encode())
    assert places(token, token.encode().hex().encode())
    assert places(token, b"hs_abcdefghijk") == []


def test_no_command_shows_a_secret_again(serve: Callable[..., Running], tmp_path: Path) -> None:
    """After `token create`, no command tells the token, the operator's or the one for a source."""
    (tmp_path / "upstream.token").write_text(UPSTREAM_TOKEN + "\n")
    server = serve(DEAD)
    operator = json.loads(server.cli("operator", "create", "boss", "--json").stdout)["token"]
    shown = ""
    for command in (
        *("config", "account list", "account show test", "token list", "operator list", "source list"),
        *("source check", f"fetch {USER}", "version"),
    ):
        for arguments in (command.split(), [*command.split(), "--json"]):
            done = server.cli(*arguments)
            shown += done.stdout + done.stderr
    assert re.search(r"\*\*\*", shown)
    for secret in (server.token, operator, UPSTREAM_TOKEN):
        assert places(secret, shown.encode()) == []
    key = (server.data_dir / "hongshu.key").read_bytes()
    assert key.hex() not in shown
    assert (server.data_dir / "hongshu.key").stat().st_mode & 0o077 == 0
