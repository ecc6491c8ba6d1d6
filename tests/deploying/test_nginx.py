"""The sample configuration under a real nginx: what it writes down, what it repeats, and what callers cannot forge."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from deploying.front import NGINX, Front, free_port, program, stubs, upstreams
from process_tree import workers_of
from running import SIMULATOR, V4_PATH, Running
from waiting import eventually
from wire.source import Source, note_of
from wire.test_secrets_everywhere import carrying, send, shown

USER = "5c2f338a000000000701e1c6"
PRICE = 10
TLS = ("ssl_certificate", "ssl_certificate_key", "ssl_protocols")
Fronted = Callable[..., Front]


@pytest.fixture
def fronted(tmp_path: Path) -> Iterator[Fronted]:
    """Start nginx before some servers: `fronted("127.0.0.1:1", …)`; it ends with the test."""
    started: list[Front] = []

    def start(*servers: str, **options: str) -> Front:
        front = Front(tmp_path / f"nginx{len(started)}", servers, **options)  # type: ignore[arg-type]
        started.append(front)
        front.start()
        return front

    yield start
    for one in started:
        one.stop()


def place(server: Running) -> str:
    return server.address.removeprefix("http://")


def nobody() -> str:
    """A place at which nobody listens."""
    return f"127.0.0.1:{free_port()}"


def secret_of(prefix: str = "hs") -> str:
    """Something of the form of a token, and of nothing else here."""
    return f"{prefix}_{secrets.token_hex(18)}"


# --- The files themselves


def test_nginx_takes_the_sample_as_it_stands(tmp_path: Path) -> None:
    """With the addresses that stand in it; all that is changed are ports and places of files."""
    named = re.findall(r"server (\S+) max_fails", (NGINX / "hongshu-upstream.conf").read_text(encoding="utf-8"))
    assert len(set(named)) == 2
    assert named == named[:2] * 2
    checked = Front(tmp_path, named[:2]).check()
    assert (checked.returncode, "warn" in checked.stderr) == (0, False), checked.stderr


def test_nginx_takes_the_lines_for_tls_once_their_names_are_filled_in(tmp_path: Path) -> None:
    """The commented lines are what nginx understands."""
    front = Front(tmp_path, [nobody()])
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2")
    command = [program("openssl"), *made, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    site = (NGINX / "hongshu.conf").read_text(encoding="utf-8")
    lines = re.findall(r"^    #   (\S.*)$", site, flags=re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["listen", "listen", "server_name", *TLS]
    site = re.sub(r"^    (?:listen|server_name|access_log) .*\n", "", site, flags=re.MULTILINE)
    site = re.sub(r"^    #   (?=\S)", "    ", site, flags=re.MULTILINE)
    site = site.replace("/etc/ssl/hongshu/fullchain.pem", str(certificate))
    site = site.replace("/etc/ssl/hongshu/privkey.pem", str(key))
    (tmp_path / "site.conf").write_text(site.replace(":443", ":8443").replace(" 443", " 8443"), encoding="utf-8")
    checked = front.check()
    assert checked.returncode == 0, checked.stderr


def test_the_servers_of_compose_are_written_as_those_of_machines(tmp_path: Path) -> None:
    """But for how they are looked up, which older versions of nginx do not know, the two files say the same."""
    one, other = (
        upstreams((NGINX / f"hongshu-upstream{name}.conf").read_text(encoding="utf-8"), ["a:1", "b:2"])
        for name in ("", ".compose")
    )
    assert [line.strip() for line in one.splitlines() if line.strip() and line[0] != "#"] == [
        line.strip() for line in other.splitlines() if line.strip() and line[0] != "#"
    ]
    given = (NGINX / "hongshu-upstream.compose.conf").read_text(encoding="utf-8")
    assert re.findall(r"server (\S+) resolve ", given) == ["server:8787"] * 2


def test_nginx_waits_longer_than_any_call_takes() -> None:
    """A call is answered within 60 s; and what a browser waits for is made in half an hour."""
    site = (NGINX / "hongshu.conf").read_text(encoding="utf-8")
    assert [int(one) for one in re.findall(r"proxy_read_timeout (\d+)s;", site)] == [75, 1900]


# --- What is written down


def broken(secret: str) -> Iterator[bytes]:
    """What is no request, each with a token in it."""
    target = f"{V4_PATH}?token={secret}&userId={USER}"
    yield f"GET {target}\r\n".encode()
    yield f"GET {target} HTTP/9.9\r\nHost: a\r\n\r\n".encode()
    yield f"GET {target} HTTX\r\n\r\n".encode()
    yield f"{secret} {target} HTTP/1.1\r\n\r\n".encode()
    yield f"{secret.upper().replace('_', '-')} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"GET {target} HTTP/1.1\r\n\r\n".encode()
    yield f"GET {target} HTTP/1.1\r\nHost: a/{secret}\r\n\r\n".encode()
    yield f"GET {target} HTTP/1.1\r\nHost: a\r\nHost: {secret}\r\n\r\n".encode()
    yield f"GET {target} HTTP/1.1\r\nHost: a\r\nX: {secret * 600}\r\n\r\n".encode()
    yield f"GET {target}{'&x=y' * 6000} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"GET {target}\x00 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"GET /%zz{secret} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"GET /../{secret} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"GET http://{secret}/{secret}?token={secret} HTTP/1.0\r\n\r\n".encode()
    yield f"GET {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{secret}\r\n".encode()
    yield f"POST /manage/accounts?token={secret} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n".encode()
    yield f"TRACE /?token={secret} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield f"CONNECT {secret}:443 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + secret.encode()
    yield b"\x16\x03\x01\x02\x00\x01\x00" + secret.encode() + b"\r\n"


def push(front: Front, secret: str) -> set[int]:
    """Send a token through every door of nginx, whole, broken, and left in the middle; the statuses that came."""
    through = Running(front.address, front.folder, None, secret)  # type: ignore[arg-type]
    statuses = {send(through, *request)[0] for _, *request in carrying(secret)}  # type: ignore[arg-type]
    for path in (f"/feeds/{secret}.atom", f"/console/sign-in/{secret}", f"/console/{secret}", f"/{secret}"):
        statuses.add(front.get(path).status)
    for raw in broken(secret):
        with through.dial() as line:
            line.settimeout(2)
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                found = re.match(rb"HTTP/1.\d (\d+)", line.recv(65536))
                statuses.add(int(found[1]) if found else 0)
    with through.dial() as line:  # a caller who hangs up
        line.sendall(f"GET {V4_PATH}?token={secret}&userId={USER} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return statuses


def test_no_log_of_nginx_holds_a_token(serve: Callable[..., Running], fronted: Fronted) -> None:
    """Good calls, refused ones, no requests at all, servers that are away or break off: no token in any form."""
    server = serve()
    with stubs(True, True) as broken_off:
        fronts = {
            "good": fronted(place(server), nobody()),
            "away": fronted(nobody(), nobody()),
            "breaking off": fronted(*(one.place for one in broken_off)),
            "no such socket": fronted(f"unix:{server.data_dir}/none"),
        }
        tokens = [server.token, *(secret_of(prefix) for prefix in ("hs", "hso", "hsl", "hss"))]
        statuses = {name: {one for secret in tokens for one in push(front, secret)} for name, front in fronts.items()}
        assert fronts["good"].server(server).page(USER).code == 0
    assert {200, 400, 401, 404, 405, 413, 414} <= statuses["good"]
    assert 503 in statuses["away"] & statuses["breaking off"] & statuses["no such socket"]
    for name, front in fronts.items():
        front.stop()
        assert len(front.lines) > 100, name
        assert (front.folder / "everything.log").read_bytes() == b"", name
        assert [one for one in tokens if shown(one, front.logged.encode()) or one[4:] in front.logged] == [], name


@pytest.mark.parametrize("level", ["error", "crit"])
def test_an_error_log_would_hold_the_token(fronted: Fronted, tmp_path: Path, level: str) -> None:
    """So there is none for requests: even above `error`, where servers cannot be reached for an unusual reason."""
    secret = secret_of()
    front = fronted(f"unix:{tmp_path}/none", error_log=f"error_log {tmp_path}/leaks.log {level};")
    assert front.get(f"{V4_PATH}?token={secret}&userId={USER}").status == 503
    assert shown(secret, (tmp_path / "leaks.log").read_bytes())
    assert not shown(secret, front.logged.encode())


def test_a_line_of_the_log_tells_what_happened_to_a_call(serve: Callable[..., Running], fronted: Fronted) -> None:
    """Which server was asked, what it said, and the id of the request at hongshu; of the path what is known."""
    server = serve()
    front = fronted(place(server))
    answer = front.server(server).page(USER)
    front.get("/console/sign-in/hsl_x")
    front.get("/apiary")
    front.stop()
    told = [re.sub(r'(seconds|connected)="?[\d.]+"?', r"\1", line.split(maxsplit=1)[1]) for line in front.lines]
    assert re.fullmatch(
        rf'127\.0\.0\.1 GET {V4_PATH} 200 bytes=\d+ seconds to="{place(server)}" said="200" connected sent="\d+"'
        rf' request="{answer.headers["X-Request-Id"]}" id=req_[0-9a-f]{{32}}',
        told[0],
    )
    assert [line.split()[2] for line in told[1:]] == ["/console", "elsewhere"]


# --- What is repeated


def test_one_dead_server_of_two_makes_no_failed_call(serve: Callable[..., Running], fronted: Fronted) -> None:
    """Each call is answered by the other and charged once; nobody waits."""
    server = serve(SIMULATOR + "[cache]\nmax_age = 0\n")
    front = fronted(nobody(), place(server))
    began = time.monotonic()
    answers = [front.server(server).page(USER) for _ in range(60)]
    assert time.monotonic() - began < 30
    assert [one.code for one in answers] == [0] * 60
    assert server.balance() == 1_000_000 - 60 * PRICE
    assert any('said="502 : 200"' in line for line in front.lines)


def test_a_server_that_dies_while_others_call_fails_none_that_it_was_not_working_on(
    serve: Callable[..., Running], fronted: Fronted
) -> None:
    """Two servers on one store; one is stopped. Whoever calls afterwards is answered."""
    server = serve(SIMULATOR)
    other = serve(SIMULATOR, token=server.token)
    front = fronted(place(server), place(other))
    assert [front.server(server).page(USER).code for _ in range(10)] == [0] * 10
    assert other.stop() == 0
    assert [front.server(server).page(USER).code for _ in range(40)] == [0] * 40
    assert server.balance() == 1_000_000 - 50 * PRICE


def test_a_server_that_nothing_comes_back_from_costs_two_seconds_and_no_call(
    serve: Callable[..., Running], fronted: Fronted
) -> None:
    """A machine that is gone refuses no connection; the call goes to the other one after the time to connect."""
    server = serve()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        full = [socket.socket() for _ in range(3)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(silent.getsockname())
        time.sleep(0.1)
        front = fronted(f"127.0.0.1:{silent.getsockname()[1]}", place(server))
        began = time.monotonic()
        assert [front.server(server).page(USER).code for _ in range(5)] == [0] * 5
        assert 1.5 < time.monotonic() - began < 8
        for one in full:
            one.close()
    assert any('said="504 : 200"' in line for line in front.lines)


def test_a_call_that_was_sent_is_not_repeated(fronted: Fronted) -> None:
    """Its server may have charged it: the caller is told so, in an envelope, with the words of a failure."""
    with stubs(True, True) as (one, other):
        front = fronted(one.place, other.place)
        answer = front.get(f"{V4_PATH}?token=t&userId={USER}")
        assert len(one.heads + other.heads) == 1
    assert (answer.status, answer.code, answer.body["data"]) == (503, 500, None)
    assert "may have been charged" in answer.body["message"]
    assert answer.headers["X-Request-Id"] == answer.body["requestId"]
    assert answer.body["requestId"] in front.lines[0]
    assert (answer.headers["Retry-After"], answer.headers["Content-Type"]) == ("2", "application/json; charset=utf-8")


@pytest.mark.parametrize("path", [f"{V4_PATH}?", "/api/xiaohongshu/get%2Duser-note-list/v4?", "//api/./x/../ping?"])
def test_no_spelling_of_the_address_is_repeated_where_it_is_a_call(fronted: Fronted, path: str) -> None:
    """What hongshu reads as a call nginx does too; what it would not read so may be repeated."""
    with stubs(True, True) as (one, other):
        fronted(one.place, other.place).get(f"{path}token=t")
        assert len(one.heads + other.heads) == (2 if "ping" in path else 1)


def test_a_call_with_a_key_is_repeated_once_where_its_server_breaks_off(fronted: Fronted) -> None:
    """Under its key it is charged once, however often it is made; it is not made for ever."""
    with stubs(True, False) as (one, other):
        front = fronted(one.place, other.place)
        assert front.get(f"{V4_PATH}?token=t&userId={USER}", Idempotency_Key="k").code == 0
        assert (len(one.heads), len(other.heads)) == (1, 1)
        assert [head["idempotency-key"] for _, head in one.heads + other.heads] == ["k", "k"]
    with stubs(True, True, True) as broken_off:
        front = fronted(*(one.place for one in broken_off))
        answer = front.get(f"{V4_PATH}?token=t&userId={USER}", Idempotency_Key="k")
        assert sum(len(one.heads) for one in broken_off) == 2
        assert "same Idempotency-Key" in answer.body["message"]


def test_a_post_is_not_repeated_and_a_look_is(fronted: Fronted) -> None:
    """A top-up that was sent may have happened; to look twice harms nobody."""
    with stubs(True, True) as (one, other):
        front = fronted(one.place, other.place)
        through = Running(front.address, front.folder, None, "")  # type: ignore[arg-type]
        send(through, "POST", "/manage/accounts/a/topup", {}, b"{}")
        assert len(one.heads + other.heads) == 1
        fronted(one.place, other.place).get("/console/creators")
        assert len(one.heads + other.heads) == 3


def test_without_any_server_the_answer_is_an_envelope_that_says_nothing_was_charged(fronted: Fronted) -> None:
    """For a call and for everything else."""
    front = fronted(nobody(), nobody())
    for path in (f"{V4_PATH}?token=t", f"{V4_PATH}?token=t", "/readyz"):
        answer = front.get(path)
        assert (answer.status, answer.code) == (503, 500)
        assert "nothing was charged" in answer.body["message"]


@pytest.mark.parametrize("key", ["", "k"])
def test_a_worker_that_is_killed_during_a_call_charges_it_at_most_once(
    serve: Callable[..., Running], fronted: Fronted, key: str
) -> None:
    """With a key the other server answers it, once the hold of the dead one has ended; without, the caller is told."""
    upstream = Source()
    server = serve(upstream.settings)
    other = serve(upstream.settings, token=server.token)
    front = fronted(place(server), place(other))
    with ThreadPoolExecutor(1) as pool, closing(upstream):
        with upstream.keeping():
            asked = pool.submit(front.server(server).page, USER, **({"Idempotency_Key": key} if key else {}))
            eventually(lambda: upstream.asked, [USER])
            for worker in workers_of(server):
                os.kill(worker, signal.SIGKILL)
            if not key:
                answer = asked.result()
        answer = asked.result()
    if key:
        assert (answer.code, answer.notes[0]["id"]) == (0, note_of(USER))
        assert other.balance() == 1_000_000 - PRICE
    else:
        assert "may have been charged" in answer.body["message"]
        assert upstream.asked == [USER]
    verified = other.cli("ledger", "verify", "--json")
    assert json.loads(verified.stdout)["ok"], verified.stdout


def test_a_rolling_restart_as_documented_fails_no_call(serve: Callable[..., Running], fronted: Fronted) -> None:
    """Take a server out of the list, reload, stop it, start it, put it back: twice, under callers without keys."""
    servers = [serve(SIMULATOR)]
    servers.append(serve(SIMULATOR, token=servers[0].token))
    front = fronted(*map(place, servers))
    ended, codes = time.monotonic() + 60, list[int | str]()
    running = [True]

    def call() -> None:
        while running[0] and time.monotonic() < ended:
            try:
                codes.append(front.server(servers[0]).page(USER).code)
            except OSError as error:
                codes.append(repr(error))

    with ThreadPoolExecutor(4) as pool:
        calling = [pool.submit(call) for _ in range(4)]
        for out, stays in ((0, 1), (1, 0)):
            front.set_servers([place(servers[stays]), f"{place(servers[out])} down"])
            front.reload()
            before = len(codes)
            assert servers[out].stop() == 0
            servers[out] = serve(SIMULATOR, token=servers[0].token)
            front.set_servers(list(map(place, servers)))
            front.reload()
            eventually(lambda before=before: len(codes) > before + 20, True)
        running[0] = False
        for one in calling:
            one.result()
    assert len(codes) > 100
    assert set(codes) == {0}
    assert servers[0].balance() == 1_000_000 - len(codes) * PRICE


# --- What callers cannot forge


FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "X_Forwarded_For": "203.0.113.7",
    "X-Real-IP": "203.0.113.7",
    "Forwarded": "for=203.0.113.7",
    "Via": "1.1 evil.example",
}


@pytest.mark.parametrize("path", [f"{V4_PATH}?token=t", "/console/", "/ping"])
def test_a_caller_cannot_forge_where_it_comes_from(fronted: Fronted, path: str) -> None:
    """Its own words about that are dropped, at every address; what nginx sees is told instead."""
    with stubs(False) as [server]:
        front = fronted(server.place)
        through = Running(front.address, front.folder, None, "")  # type: ignore[arg-type]
        assert send(through, "GET", path, {**FORGED, "x-forwarded-for": "203.0.113.8"}, b"")[0] == 200
        [(_, head)] = server.heads
    assert {name: value for name, value in head.items() if name.startswith(("x-", "x_", "forw", "via"))} == {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
    }
    assert "203.0.113" not in str(head)


def test_the_network_of_a_token_cannot_be_forged_and_metrics_stay_in(
    serve: Callable[..., Running], fronted: Fronted
) -> None:
    """Behind nginx a token for another network is refused, whatever the caller says; nobody gets at the counters."""
    server = serve()
    made = server.cli("token", "create", "--account", "test", "--ip", "203.0.113.0/24", "--json")
    front = fronted(place(server))
    through = Running(front.address, server.data_dir, server.process, json.loads(made.stdout)["token"])
    for name, value in FORGED.items():
        assert through.page(USER, **{name.replace("-", "_"): value}).code == 600
    assert through.get("/metrics").status == 404
    assert server.get("/metrics").status == 200
    assert server.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status == 401


def test_a_call_is_never_sent_on_a_kept_connection(fronted: Fronted) -> None:
    """What else is asked may keep one open; a call neither takes it nor leaves one behind."""
    with stubs(False) as [server]:
        front = fronted(server.place)
        for path in ("/ping", V4_PATH, "/ping", V4_PATH):
            front.get(path)
        kept = [head.get("connection", "") for _, head in server.heads]
    assert kept == ["", "close", "", "close"]
