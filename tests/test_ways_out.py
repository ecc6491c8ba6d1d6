"""P3 and P6 of PROMISES: who opens connections, and that all that outsiders name goes through one check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

SOURCES: Final = Path(__file__).parents[1] / "src/hongshu"
LIBRARIES: Final = {
    *("aiohttp", "h11", "httpx2", "httpx", "requests", "urllib3", "apprise", "fsspec", "psycopg", "websockets"),
    *("smtplib", "ftplib", "imaplib", "poplib", "telnetlib", "socketserver", "xmlrpc", "http.client", "urllib.request"),
    *("procrastinate", "playwright", "opentelemetry", "opentelemetry.exporter", "pyspark"),
}
"""What opens connections, or does it for who asks."""
CALLS: Final = {
    *("create_connection", "open_connection", "open_unix_connection", "create_datagram_endpoint", "urlopen"),
    *("sock_connect", "getaddrinfo", "socket"),
}
OUTSIDERS: Final = {
    "channels/chat.py": "apprise sends inside walls: engine/delivering/sending.py builds them around every send",
    "egress/__init__.py": "what outsiders name, looked at when it is dialled; and what the operator names",
}
"""Places that dial what an account, a note or a channel names."""
OPERATOR: Final = {
    "client/awaiting.py": "the user's own program and server",
    "client/blocking.py": "the user's own program and server",
    "client/lines.py": "the user's own program and server",
    "egress/exact.py": "hongshu conform: the server that stands on the command line",
    "egress/sessions.py": "sessions of the two above",
    "engine/exporting/remote.py": "hongshu export --out: an address that stands on the command line",
    "engine/jobs": "the queue, in the database of the settings",
    "server/run.py": "this server's own port: is it free, does it answer",
    "service/telling.py": "[otel] endpoint of the settings",
    "sources/browser.py": "[[source]] devtools: an address of this machine only",
    "store": "the database of the settings",
    "analytics/spark.py": "a cluster that the user's own program names",
}
"""Places that dial what only who has the machine can say, by what it is."""


def outgoing(tree: ast.AST) -> Iterator[str]:
    """What a file imports or calls to open connections."""
    for node in ast.walk(tree):
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            named = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
            yield node.func.attr
        yield from (one for one in named if {one, one.partition(".")[0]} & LIBRARIES)


def is_of(path: str, known: dict[str, str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in known)


def test_nothing_opens_connections_but_what_is_listed_here() -> None:
    """A file that begins to is to be thought about: who can say where it dials?"""
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        ways = set(outgoing(ast.parse(path.read_text("utf-8"))))
        if ways:
            found[str(path.relative_to(SOURCES))] = ways
    strange = {path: ways for path, ways in found.items() if not is_of(path, {**OUTSIDERS, **OPERATOR})}
    assert strange == {}
    unused = [one for one in {**OUTSIDERS, **OPERATOR} if not any(is_of(path, {one: ""}) for path in found)]
    assert unused == []


def test_what_outsiders_name_is_dialled_behind_the_one_check() -> None:
    """Covers, webhooks and chats have the guarded way only; walls stand around the one place that sends to chats."""
    for room in ("engine/covers.py", "engine/delivering", "channels"):
        files = [SOURCES / room] if room.endswith(".py") else sorted((SOURCES / room).rglob("*.py"))
        for path in files:
            text = path.read_text("utf-8")
            assert not re.search(r"\bEgress\b", text), path
            assert "hongshu.egress.sessions" not in text
    users = [str(one.relative_to(SOURCES)) for one in SOURCES.rglob("*.py") if "chat.send(" in one.read_text("utf-8")]
    assert users == ["engine/delivering/sending.py"]
    sending = ast.parse((SOURCES / users[0]).read_text("utf-8"))
    callers = {
        inner.name
        for inner in ast.walk(sending)
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(one, ast.Attribute) and one.attr == "_say_inside" for one in ast.walk(inner))
    }
    assert callers == {"_say"}
    [say] = [one for one in ast.walk(sending) if isinstance(one, ast.FunctionDef) and one.name == "_say"]
    [*_, walls] = say.body
    assert isinstance(walls, ast.With)
    assert "walled" in ast.unparse(walls.items[0])


def test_the_check_of_places_stands_in_one_function_each() -> None:
    """Whether an address is of the open internet is decided in one place, and asked by the two that open sockets."""
    deciding = [
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if re.search(r"is_private|is_global|is_link_local|169\.254", path.read_text("utf-8"))
    ]
    assert deciding == ["formats/addresses.py"]


@pytest.mark.parametrize(
    "command", ["version", "account list", "creator list", "config", "ledger verify", "source list"]
)
def test_commands_that_look_into_the_store_open_no_connection(command: str, tmp_path: Path) -> None:
    """As the interpreter itself sees it (PEP 578)."""
    code = (
        f"import os, sys; os.environ['HONGSHU_DATA_DIR'] = {str(tmp_path)!r}\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, told: seen.append((event, told)) if event.startswith('socket.') else None)\n"
        f"from hongshu.cli.main import run; status = run({command.split()!r})\n"
        "print(status, seen, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "0 []"
