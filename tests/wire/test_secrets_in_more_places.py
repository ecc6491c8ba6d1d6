"""P1 of PROMISES: secrets of each kind, through the doors that are no calls, then looked for in all that is left.

Assistants over HTTP and stdio, the kit of conformance, the Python client with its logs, feeds, the console, channels,
data sets, reports, backups, traces, the queue of jobs, and what other users of the machine see of our processes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Final

import psycopg
import pytest

import stores
from assistants.talking import GREETING, message, post, process
from console.visiting import link, signed_in
from databases import Postgres
from hongshu.formats.webhooks import shown_secret
from running import SIMULATOR, Running, run_hongshu, start_server
from wire.test_secrets_everywhere import LOUD, Echo, counters, files, left_in, send, shown
from wire.test_traces import Collector
from working.crew import Crew

pytestmark = pytest.mark.xdist_group("secrets in more places")

USER: Final = "5c2f338a000000000701e1c6"
BY_DESIGN: Final = {"settings.toml", "hongshu.key", "hook.url", "source.token", "caller.token", "token"}
"""Files in which a secret stands because somebody wrote it there for us, and the key itself."""


@dataclass(kw_only=True)
class Left:
    """The secrets by their names, and what was left by the place that it was found in."""

    secrets: dict[str, str] = field(default_factory=dict)
    places: dict[str, bytes] = field(default_factory=dict)
    key: bytes = b""

    def leaks(self) -> dict[str, list[str]]:
        found = {
            place: [name for name, secret in self.secrets.items() if shown(secret, content)]
            for place, content in self.places.items()
        }
        return {place: names for place, names in found.items() if names}


def seen_of(pid: int) -> Iterator[tuple[str, bytes]]:
    """What the system tells of a process and of all that it started: arguments and environment."""
    with suppress(OSError):
        for name in ("cmdline", "environ"):
            yield f"{name} of {pid}", Path(f"/proc/{pid}/{name}").read_bytes()
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                yield from seen_of(int(child))


CLIENT: Final = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from hongshu import CallError, Client
token = open(sys.argv[1]).read()
for address, options in ((sys.argv[2], {}), (sys.argv[2], {"token_in": "query"}), (sys.argv[3], {"tries": 2})):
    with Client(token, base_url=address, **options) as client:
        print(client, vars(client), client._caller._endpoint)
        for user in (sys.argv[4], "nobody", token):
            try:
                print(repr(client.page(user)))
            except Exception as error:
                print(repr(error), error)
"""


def assistants(server: Running, folder: Path, left: Left) -> None:
    """Tools are asked by both transports, with secrets where none belongs."""
    api = left.secrets["caller"]
    page = {"name": "list_notes", "arguments": {"user": USER}}
    odd = ({"name": api}, {"name": "list_notes", "arguments": {"user": api}}, {"name": "usage", "token": api})
    calls = [GREETING, message("tools/list"), *(message("tools/call", one) for one in (page, *odd))]
    calls += [message(api), f'{{"jsonrpc":"2.0","id":"{api}"'.encode()]
    told = [post(server, one, MCP_Protocol_Version="2025-06-18", Mcp_Session_Id=api)[1] for one in calls]
    told.append(post(server, GREETING, Host=api)[1])
    told.append(post(server, GREETING, Authorization=f"Bearer {left.secrets['operator']}")[1])
    left.places["MCP over HTTP"] = b"\n".join(told)
    with process(server, folder) as talk:
        for number, one in enumerate(calls[:6]):
            talk.send(one)
            left.places[f"MCP over stdio {number}"] = json.dumps(talk.answer(1)).encode()


def commands(server: Running, folder: Path, left: Left) -> None:
    """Commands that make files, talk to servers, or are given a token: their output, and what they made."""
    token = folder / "caller.token"
    token.write_text(left.secrets["caller"], encoding="utf-8")
    env = {"TMPDIR": str(folder / "tmp")}
    for number, line in enumerate(
        (
            f"collect {USER}",
            f"conform {server.address} --token @{token} --creator {USER} --json",
            f"fetch {USER} --json",
            f"export --out {folder}/set --format csv",
            f"export --out {folder}/notes.xlsx",
            f"import {folder}/set",
            f"report creator {USER} --out {folder}/report.html",
            "channel list --json",
            "channel test hook",
            "feed create --all",
            "completion bash",
            f"backup {folder}/backup",
            "config --json",
        )
    ):
        done = run_hongshu(*line.split(), data_dir=server.data_dir, env=env)
        assert "Traceback" not in done.stderr, done.stderr
        said = done.stdout + done.stderr
        if line.startswith("feed create"):
            left.secrets["feed"] = re.findall(r"/feeds/([\w-]{20,})\.atom", said)[0]
            continue  # it shows the address, this once
        left.places[f"{number} {line.partition(' /')[0]}"] = said.encode()


def pages(server: Running, left: Left) -> None:
    """Documentation, feeds, metrics, and the console as an operator sees it; the session is one of the secrets."""
    sign_in = link(server.data_dir, "--operator", "root")
    left.secrets["link"] = sign_in.rpartition("/")[2]
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    left.secrets["session"] = next(iter(re.findall(r"hss_\w{36}", repr(vars(visitor)))))
    for path in ("", "creators", "watches", "deliveries", "sources", "accounts", "reports", "backups", "nowhere"):
        left.places[f"console {path}"] = visitor.get(f"/console/{path}").text.encode()
    api = left.secrets["caller"]
    for path in ("/docs", "/docs?lang=zh", f"/docs?lang={api}", "/metrics", "/openapi", f"/feeds/{api}.atom", "/"):
        left.places[path.replace(api, "…")] = send(server, "GET", path, {"Cookie": f"hongshu_session={api}"}, b"")[1]
    send(server, "GET", f"/feeds/{left.secrets['feed']}.atom", {}, b"")
    left.places["feed, revoked"] = send(server, "GET", f"/feeds/{left.secrets['feed'][:-1]}.rss", {}, b"")[1]


def a_client(server: Running, folder: Path, dead: str) -> bytes:
    """What a program with the Python client prints at the loudest."""
    arguments = [str(folder / "caller.token"), server.address, dead, USER]
    return subprocess.run([sys.executable, "-c", CLIENT, *arguments], capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("more")
    echo, collector = (ThreadingHTTPServer(("127.0.0.1", 0), one) for one in (Echo, Collector))
    for one in (echo, collector):
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
    Collector.bodies.clear()
    found = Left(secrets={"source": f"up_{os.urandom(20).hex()}", "webhook": shown_secret(os.urandom(32))})
    found.secrets["address"] = f"HOOK{os.urandom(16).hex()}"
    (folder / "tmp").mkdir()
    (folder / "source.token").write_text(found.secrets["source"], encoding="utf-8")
    hook = f"http://127.0.0.1:{echo.server_port}/{found.secrets['address']}"
    (folder / "hook.url").write_text(f"{hook}\n{found.secrets['webhook']}\n", encoding="utf-8")
    dead = f"http://127.0.0.1:{echo.server_port}"
    config = (
        f'[otel]\nendpoint = "http://127.0.0.1:{collector.server_port}"\n[mcp]\nhttp = true\n'
        '[delivery]\nallow_networks = ["127.0.0.0/8"]\n'
        f'[[channel]]\nname = "hook"\nurl_file = "{folder}/hook.url"\n'
        f'[[source]]\nname = "echo"\nkind = "remote"\nurl = "{dead}"\ntoken_file = "{folder}/source.token"\n{SIMULATOR}'
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**LOUD, "TMPDIR": str(folder / "tmp")}.items():
            patch.setenv(name, value)
        server = start_server(folder / "data", config)
        assert server.process.stderr is not None
        draining = threading.Thread(target=server.log.extend, args=(server.process.stderr,), daemon=True)
        draining.start()
        found.secrets["caller"] = server.token
        made = json.loads(server.cli("operator", "create", "root", "--json").stdout)
        found.secrets["operator"] = made["token"]
        for user in (USER, "nobody"):
            server.page(user)
        assistants(server, folder, found)
        commands(server, folder, found)
        pages(server, found)
        found.places["client"] = a_client(server, folder, dead)
        found.places |= dict(seen_of(server.process.pid))
        found.places |= counters(folder / "tmp")
        assert server.process.terminate() is None
        assert server.process.wait(60) == 0
        draining.join(30)
        server.process.stderr.close()
    found.places["log"] = "".join(server.log).encode()
    found.places["spans"] = b"".join(body for _, body in Collector.bodies)
    found.places |= {name: text for name, text in left_in(folder).items() if name not in BY_DESIGN}
    found.places |= stores.dumped(folder / "data")
    found.key = (folder / "data" / "hongshu.key").read_bytes()
    assert (folder / "backup" / "hongshu.key").read_bytes() == found.key  # else nothing of it could be used again
    for one in (echo, collector):
        one.shutdown()
        one.server_close()
    return found


def test_all_of_it_was_done(left: Left) -> None:
    """Each secret was made, each place has something in it."""
    assert len(left.secrets) == 8
    assert all(left.secrets.values())
    for place in (
        "MCP over HTTP",
        "MCP over stdio 2",
        "client",
        "log",
        "spans",
        "report.html",
        "notes.csv",
        "/metrics",
    ):
        assert left.places[place], place
    assert b"list_notes" in left.places["MCP over HTTP"]
    assert b"DEBUG" in left.places["client"]
    assert b"hongshu.source" in left.places["spans"]
    assert sum(name.startswith("cmdline of") for name in left.places) >= 2
    assert any(name.endswith(".xlsx") for name in left.places)


def test_no_secret_is_in_any_place(left: Left) -> None:
    """In no encoding."""
    assert left.leaks() == {}


def test_the_installations_key_is_in_no_place_but_its_file_and_its_backup(left: Left) -> None:
    """A backup holds it by design: without it no token of the backup would work. Guard it as you guard the store."""
    found = [name for name, content in left.places.items() if left.key in content or left.key.hex().encode() in content]
    assert found == []


def test_the_queue_of_jobs_and_its_workers_tell_no_secret(tmp_path: Path, postgres: Postgres) -> None:
    """In PostgreSQL, with a password in its address: rows of every schema, arguments of processes, logs, reports."""
    password, token = f"Pw{os.urandom(16).hex()}", f"up_{os.urandom(20).hex()}"
    address = postgres.new_database()
    url = f"{address}{'&' if '?' in address else '?'}password={password}"
    (tmp_path / "source.token").write_text(token, encoding="utf-8")
    source = '[[source]]\nname = "dead"\nkind = "remote"\nurl = "http://127.0.0.1:9"\n'
    source += f'token_file = "{tmp_path}/source.token"\n'
    crew = Crew(tmp_path / "crew", url, source + SIMULATOR)
    worker = crew.add()
    batch = crew.order([USER])
    crew.until_complete(batch, 60)
    places = dict(seen_of(worker.pid))
    places["status"] = json.dumps(crew.status()).encode()
    assert crew.stop() == [0]
    with closing(psycopg.connect(address, autocommit=True)) as db:
        tables = db.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'hongshu%'").fetchall()
        for schema, table in tables:
            with db.cursor().copy(f'COPY "{schema}"."{table}" TO STDOUT') as rows:
                places[f"{schema}.{table}"] = b"".join(map(bytes, rows))
    places |= files(crew.folder)
    assert "hongshu_jobs.procrastinate_jobs" in places
    leaking = {name for name, content in places.items() if shown(password, content) or shown(token, content)}
    assert leaking == set()
