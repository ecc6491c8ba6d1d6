"""P1 of PROMISES: sixty secrets pushed through every door of a server that says all it can, then looked for."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import itertools
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final
from urllib.parse import quote

import pytest

import stores
from databases import Postgres
from hongshu.cli.main import run
from hongshu.engine.money.accounting import Accounting, Allowance
from hongshu.service.desk import Ledger
from running import SIMULATOR, V4_PATH, Running, start_server

pytestmark = pytest.mark.xdist_group("secrets everywhere")

USER: Final = "5c2f338a000000000701e1c6"
ALLOWANCE: Final = Allowance(rate_per_minute=60_000, burst=1000, daily_quota=10_000)
LOUD: Final = {
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "default",
    "RUST_LOG": "trace",
    "RUST_BACKTRACE": "full",
    "GRANIAN_LOG_LEVEL": "debug",
    "GRANIAN_LOG_ACCESS_ENABLED": "true",
}
"""Whatever makes the interpreter, the HTTP server and its libraries say more."""


@lru_cache
def forms(secret: str) -> tuple[bytes, ...]:
    """A secret in plain, percent-encoded, hex, and base64 at each offset."""
    return tuple(dict.fromkeys(spelled(secret)))


def spelled(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield from ("".join(form.format(byte) for byte in raw).encode() for form in ("%{:02x}", "%{:02X}", "\\x{:02x}"))
    yield from (raw.hex().encode(), raw.hex().upper().encode())
    for offset in range(3):
        core = base64.b64encode(b"x" * offset + raw)[4 if offset else 0 : -4]
        yield from (core, core.replace(b"+", b"-").replace(b"/", b"_"))


def shown(secret: str, content: bytes) -> bool:
    return any(form in content for form in forms(secret))


@dataclass(kw_only=True)
class Found:
    """What a server left behind: its answers by the door they came from, its log, its files, its commands."""

    callers: list[str]
    sources: list[str]
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    places: dict[str, bytes] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)


class Echo(BaseHTTPRequestHandler):
    """A source that gives our token back in everything but a page."""

    def do_GET(self) -> None:
        told = f"{self.path} {self.headers}"
        number = int(self.server.server_address[1]) % 3
        body = json.dumps({"code": 100, "message": told, "data": {"why": told}}) if number else told
        self.send_response(302 if number == 2 else 401)
        self.send_header("Location", f"http://127.0.0.1:9/{quote(told)}")
        self.send_header("X-Told", quote(told))
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def sources_of(tokens: list[str], ports: list[int], folder: Path) -> str:
    """Ten failing sources, each with a token, in the settings or in a file of its own; then one that works."""
    written = []
    for number, (token, port) in enumerate(zip(tokens, itertools.cycle(ports), strict=False)):
        (folder / f"{number}.token").write_text(token, encoding="utf-8")
        given = f'token = "{token}"' if number % 2 else f'token_file = "{folder}/{number}.token"'
        written.append(f'[[source]]\nname = "s{number}"\nkind = "remote"\nurl = "http://127.0.0.1:{port}"\n{given}\n')
    return "".join(written) + SIMULATOR


def callers_of(books: Accounting, server: Running) -> tuple[list[str], list[str], str]:
    """Thirty-nine tokens and ten operators in every state, and the one operator who does the asking."""
    books.open_account("poor", balance=0, zone="UTC")
    books.open_account("gone", balance=1000, zone="UTC")
    made = [books.issue_token(("test", "poor", "gone")[one % 3], "", ALLOWANCE) for one in range(35)]
    api = [server.token, *(secret for _, secret in made)]
    for standing, _ in made[:3]:
        api.append(books.rotate_token(standing.token.id, 3600)[1])
    for standing, _ in made[3:6]:
        books.revoke_token(standing.token.id)
    operators = [books.add_operator(f"op{one}")[1] for one in range(10)]
    books.revoke_operator("op9")
    books.set_active("gone", active=False)
    return api, operators, operators[0]


def carrying(secret: str) -> Iterator[tuple[str, str, str, dict[str, str], bytes]]:
    """Door, method, target, headers and body of the requests of a caller."""
    encoded = "".join(f"%{byte:02x}" for byte in secret.encode())
    user, bearer = f"{V4_PATH}?userId={USER}", {"Authorization": f"Bearer {secret}"}
    yield "query", "GET", f"{user}&token={secret}", {}, b""
    yield "encoded", "GET", f"{user}&%74oke%6E={encoded}", {}, b""
    yield "bearer", "GET", user, bearer, b""
    yield "twice", "GET", f"{user}&token={secret}&token={encoded}", bearer, b""
    for name in ("Token", "token[]", "userId", "lastCursor", "x", encoded, "%00token", "token%20", ";token"):
        yield "other parameters", "GET", f"{user}&{name}={secret}", bearer, b""
    yield "user", "GET", f"{V4_PATH}?userId=https://www.xiaohongshu.com/user/profile/{secret}", bearer, b""
    yield "no value", "GET", f"{user}&{secret}", bearer, b""
    for path in ("", "/openapi", "/docs", V4_PATH, "/api/account/usage", "/manage", "/metrics", "/manage/accounts"):
        yield "path", "GET", f"{path}/{secret}", {}, b""
        yield "path", "POST", f"{path}/{encoded}?token={secret}", {}, secret.encode()
    for path in ("/", "/ping", "/healthz", "/readyz", "/metrics", "/api/account/usage", "/manage/ledger", "/docs"):
        yield "around", "GET", f"{path}?token={secret}&{secret}=x", {}, b""
        yield "around", "HEAD", path, bearer, b""
    basic = base64.b64encode(f"user:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Cookie": f"token={secret}", "User-Agent": secret, "X-Token": secret}
    headers |= {"Referer": f"http://127.0.0.1/?token={secret}", "Origin": f"http://{secret}", "Accept": secret}
    headers |= {"Host": secret, "Cache-Control": f"max-age={secret}", "X-Request-Id": secret, secret: secret}
    for name, value in headers.items():
        yield "headers", "GET", user, {name: value}, b""
        yield "headers", "GET", f"{user}&token={secret}", {name: value}, b""
    yield "key", "GET", f"{user}&token={secret}", {"Idempotency-Key": secret}, b""
    yield "key", "GET", user, {**bearer, "Idempotency-Key": f"call {secret}", "Cache-Control": "no-cache"}, b""
    yield "body", "POST", user, bearer, json.dumps({"token": secret}).encode()
    yield "body", "POST", "/manage/accounts", bearer, json.dumps({"name": secret, secret: 1}).encode()
    yield "broken", "GET", f"/{secret}\x01", {}, b""
    yield "broken", secret, user, {}, b""


def asked_by_an_operator(secret: str, operator: str) -> Iterator[tuple[str, str, str, dict[str, str], bytes]]:
    """The same of an operator who takes a secret for a name or an id; none of it is to be kept."""
    bearer = {"Authorization": f"Bearer {operator}"}
    for path in (
        "accounts/{}",
        "tokens/{}",
        "tokens?account={}",
        "ledger?account={}",
        "usage?account={}",
        "usage?by={}",
    ):
        yield "operator", "GET", f"/manage/{path.format(secret)}", bearer, b""
    for path in ("usage?since={}", "ledger?limit={}", "ledger/export?format={}", "ledger/export?account={}"):
        yield "operator", "GET", f"/manage/{path.format(secret)}", bearer, b""
    for path in ("tokens/{}/revoke", "tokens/{}/rotate", "ledger/{}/refund", "accounts/{}/suspend"):
        yield "operator", "POST", f"/manage/{path.format(secret)}", bearer, b""
    bodies: list[dict[str, object]] = [{"name": "n", secret: 1}, {"name": "n", "zone": secret}, {"name": {secret: 1}}]
    for body in bodies:
        yield "operator", "POST", "/manage/accounts", bearer, json.dumps(body).encode()
    for name, value in (("account", secret), ("scopes", [secret]), ("networks", [secret]), ("expires", secret)):
        yield "operator", "POST", "/manage/tokens", bearer, json.dumps({"account": "test", name: value}).encode()
    yield "operator", "POST", "/manage/tokens", bearer, b'{"account":"\xff' + secret.encode()
    yield "operator", "POST", "/manage/accounts/test/topup", bearer, secret.encode()


def send(server: Running, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """Send bytes as they stand; the answer with its headers, however little it is."""
    lines = [f"{method} {target} HTTP/1.1", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in {"Host": "localhost", **headers}.items()]
    with closing(http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=60)) as line:
        line.connect()
        line.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        raw = b"".join(iter(lambda: line.sock.recv(65536), b""))
    return int(raw[9:12]), raw


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != "hongshu.toml"]
    return {path.name: path.read_bytes() for path in found}


def left_in(data_dir: Path) -> dict[str, bytes]:
    """What a server keeps, in files or in its database."""
    return files(data_dir) | stores.dumped(data_dir)


def said(*arguments: str) -> bytes:
    """What a command prints on both streams, run here on the data directory of the environment."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        run(arguments)
    return out.getvalue().encode()


def counters(folder: Path) -> dict[str, bytes]:
    """The files in which the processes of a server count, in its folder for what passes."""
    return {f"counters {path.name}": path.read_bytes() for path in folder.glob("hongshu-metrics-*/*")}


COMMANDS: Final = (
    *("config", "config --json", "account list --json", "account show test --json", "token list --json", "token list"),
    *("operator list --json", "source list --json", f"fetch {USER} --json", "source check", "ledger list --json"),
    *("ledger export --format csv", "ledger export --format jsonl", "ledger orphans --json", "ledger verify --json"),
    *("usage --json --by token", "usage --json --by source", "usage --by code", "version"),
)


def pushed(server: Running, found: Found, operator: str) -> None:
    for secret in found.callers:
        requests = itertools.chain(carrying(secret), asked_by_an_operator(secret, operator))
        for door, method, target, headers, body in requests:
            status, raw = send(server, method, target, headers, body)
            found.statuses.add(status)
            found.answers.setdefault(door, []).append(raw)
    for path in ("accounts", "tokens", "ledger", "ledger/export", "ledger/verify", "ledger/orphans", "usage?by=token"):
        _, raw = send(server, "GET", f"/manage/{path}", {"Authorization": f"Bearer {operator}"}, b"")
        found.answers.setdefault("looks", []).append(raw)
    for path in ("/metrics", "/api/account/usage", "/readyz", "/"):
        _, raw = send(server, "GET", path, {"Authorization": f"Bearer {server.token}"}, b"")
        found.answers["looks"].append(raw)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Everything that is left of a server after all secrets went through all its doors."""
    folder = tmp_path_factory.mktemp("secrets")
    echoes = [ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(4)]
    for one in echoes:
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
    upstream = [f"up_{secrets.token_hex(20)}" for _ in range(10)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**LOUD, "TMPDIR": str(folder)}.items():
            patch.setenv(name, value)
        ports = [9, *(one.server_address[1] for one in echoes)]
        server = start_server(folder / "data", sources_of(upstream, ports, folder))
        assert server.process.stderr is not None
        draining = threading.Thread(target=server.log.extend, args=(server.process.stderr,), daemon=True)
        draining.start()
        patch.setenv("HONGSHU_DATA_DIR", str(server.data_dir))
        patch.setenv("HONGSHU_STORE", stores.setting(server.data_dir))
        with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
            api, operators, operator = callers_of(ledger.accounting, server)
        left = Found(callers=[*api, *operators], sources=upstream)
        pushed(server, left, operator)
        left.places |= {f"running {name}": content for name, content in left_in(server.data_dir).items()}
        left.places |= counters(folder)
        left.places |= {command: said(*command.split()) for command in COMMANDS}
        server.process.terminate()
        assert server.process.wait(60) == 0
        draining.join(30)
        server.process.stderr.close()
        left.places |= left_in(server.data_dir)
    left.places["log"] = "".join(server.log).encode()
    for one in echoes:
        one.shutdown()
        one.server_close()
    return left


def test_all_doors_were_open(found: Found) -> None:
    """Below was pushed hard: 49 callers, 10 sources (a store's password makes 60), all kinds of answers."""
    assert (len(found.callers), len(found.sources)) == (49, 10)
    assert {200, 400, 401, 404, 405} <= found.statuses
    assert b'"code":0' in b"".join(found.answers["bearer"])
    assert b'"code":600' in b"".join(found.answers["bearer"])
    assert b'"code":100' in b"".join(found.answers["query"])
    assert b"s0" in found.places["log"]
    assert {"money.db", "notes.db", "running money.db", "log", "config --json"} <= set(found.places)
    counted = [content for name, content in found.places.items() if name.startswith("counters ")]
    assert b"hongshu_calls" in b"".join(counted)
    assert len(found.places["ledger export --format csv"].splitlines()) > 10


def seen(contents: list[bytes], among: list[str]) -> list[str]:
    """The secrets among some that contents show, by what stands around them."""
    whole = b"\n".join(contents)
    return [f"{one[:8]}…" for one in among if shown(one, whole)]


def test_no_secret_of_a_caller_is_in_any_file_log_metric_or_command(found: Found) -> None:
    """Not while the server runs, not after; in no form."""
    assert {name: leaked for name, content in found.places.items() if (leaked := seen([content], found.callers))} == {}


def test_no_secret_of_a_source_is_in_any_file_log_metric_command_or_answer(found: Found) -> None:
    """Even where the source itself sends it back."""
    places = {**found.places, **{door: b"\n".join(answers) for door, answers in found.answers.items()}}
    assert {name: leaked for name, content in places.items() if (leaked := seen([content], found.sources))} == {}


DOORS: Final = (
    "query",
    "encoded",
    "bearer",
    "twice",
    "other parameters",
    "user",
    "no value",
    "path",
    "around",
    "headers",
)


@pytest.mark.parametrize("door", [*DOORS, "key", "body", "broken", "looks", "operator"])
def test_no_answer_holds_a_secret(found: Found, door: str) -> None:
    """Neither the one that was just given, nor another."""
    answers = found.answers[door]
    leaking = [raw for raw in answers if seen([raw], found.callers)] if seen(answers, found.callers) else []
    assert leaking == [], f"{len(leaking)} of {len(found.answers[door])}"


def test_a_command_does_not_repeat_a_secret_that_was_taken_for_a_name(
    found: Found, hongshu: Callable[..., CompletedProcess[str]]
) -> None:
    """Who pastes a token where its id belongs is told so, without the token."""
    secret = found.callers[0]
    for command in ("token show", "token revoke", "token rotate", "account show", "operator revoke", "ledger refund"):
        ended = hongshu(*command.split(), secret)
        assert not shown(secret, f"{ended.stdout}{ended.stderr}".encode()), command


PASSWORD: Final = f"Pw{secrets.token_hex(16)}"
SPELLINGS: Final = (
    "postgresql://user:{}@127.0.0.1:9/db",
    "postgres://user:{}@127.0.0.1:9/db?connect_timeout=1",
    "postgresql://:{}@127.0.0.1:9/db",
    "postgresql://127.0.0.1:9/db?user=u&password={}",
    "postgresql://127.0.0.1:9/db?user=u&%70assword={}",
    "postgresql://127.0.0.1:9/db?sslpassword={}",
    "postgresql://user:a/{}@127.0.0.1:9/db",
    "postgresql://user:a?{}@127.0.0.1:9/db",
    "postgresql://user:a#{}@127.0.0.1:9/db",
    "postgresql://user:a@{}@127.0.0.1:9/db",
    "postgresql://user:a:{}@127.0.0.1:9/db",
    "postgresql://user:a%zz{}@127.0.0.1:9/db",
    "postgresql://user:[{}@127.0.0.1:9/db",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_password_of_a_store_is_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """However the address is written, by the settings' listing and by the error where nobody answers."""
    monkeypatch.setenv("HONGSHU_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HONGSHU_STORE", spelling.format(PASSWORD))
    for command in ("config", "config --json", "account list", "ledger verify --json"):
        words = said(*command.split())
        assert words
        assert not shown(PASSWORD, words), (command, words)
    monkeypatch.delenv("HONGSHU_STORE")
    (tmp_path / "hongshu.toml").write_text(f'store = "{spelling.format(PASSWORD)}"\nx = 1\n', encoding="utf-8")
    assert not shown(PASSWORD, said("config"))


def test_a_server_on_postgresql_tells_no_password(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the password in its address, one that this database does not ask for: no file, answer, log or command."""
    address = postgres.new_database()
    parameters = "&" if "?" in address else "?"
    folder = tmp_path_factory.mktemp("stored") / "data"
    server = start_server(folder, f'store = "{address}{parameters}password={PASSWORD}"\n{SIMULATOR}')
    monkeypatch.setenv("HONGSHU_DATA_DIR", str(folder))
    places = {command: said(*command.split()) for command in COMMANDS}
    for path in ("/metrics", "/readyz", "/", "/api/account/usage", f"{V4_PATH}?userId={USER}", "/manage/accounts/%00"):
        places[path] = send(server, "GET", path, {"Authorization": f"Bearer {server.token}"}, b"")[1]
    places["environment"] = b"".join(value.encode() for name, value in os.environ.items() if "HONGSHU" in name)
    assert server.stop() == 0
    places |= {**files(folder), "log": "".join(server.log).encode()}
    assert [name for name, content in places.items() if shown(PASSWORD, content)] == []


def test_what_is_looked_for_would_be_found() -> None:
    """A secret in any of the forms, inside something else."""
    secret = f"hs_{secrets.token_hex(18)}"
    for form in (
        secret,
        secret.encode().hex(),
        quote(quote(secret)),
        "".join(f"%{byte:02X}" for byte in secret.encode()),
    ):
        assert shown(secret, f"before{form}after".encode())
    for before in ("", "a", "ab", "abc"):
        assert shown(secret, base64.b64encode(f"{before}{secret}after".encode()))
        assert shown(secret, base64.urlsafe_b64encode(f"{before}{secret}".encode()))
    assert not shown(secret, secret[:20].encode())
