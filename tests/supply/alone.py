"""Run in a network of its own: a server, what stands around it, and commands, each a process. Prints what it saw.

What the configuration names is on this machine: a V4 server as source, a collector of traces, a receiver of webhooks.
"""

from __future__ import annotations

import fcntl
import json
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from console.visiting import Answered, Visitor, signed_in
from running import Running, environment, run_quick, start_server
from supply.pages import Page, beyond, of_style
from waiting import eventually

CONFIG = """
[delivery]
allow_networks = ["127.0.0.1/32"]

[otel]
endpoint = "{receiver}"

[backup]
folder = "kept"

[[source]]
name = "far"
kind = "remote"
url = "{far}"
token = "any"
allow_cleartext = true

[[source]]
name = "sim"
kind = "simulator"
creators = 6
"""
LOADED_BY_READERS = re.compile(
    r"<img|&lt;img|<\?xml-stylesheet|enclosure|<(?:icon|logo|image)\b|\"(?:icon|favicon|image|banner_image)\""
)


class Receiver(BaseHTTPRequestHandler):
    """Takes whatever it is sent."""

    paths: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.paths.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up and running


@contextmanager
def received() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def far_away(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A V4 server of simulated creators; its address and some of them."""
    command = [sys.executable, "-m", "hongshu", "simulate", "--port", "0", "--creators", "6", "--json"]
    with subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        try:
            yield said["address"], said["creators"]
        finally:
            process.terminate()


def commanded(server: Running, *arguments: str) -> str:
    """Run a command, a slow one in a process of its own; it has to end well."""
    ended = run_quick(*arguments, data_dir=server.data_dir)
    assert ended.returncode == 0, f"{arguments}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def called(server: Running, creator: str) -> None:
    """Collected, at hand, walked through, refused."""
    assert server.page(creator).headers["X-Hongshu-Source"] == "far"
    assert server.page(creator).headers["X-Hongshu-Cache"] == "hit"
    assert server.whole(creator)
    assert server.page(creator, token="hs_nonsense").code == 100


def worked(server: Running, folder: Path, receiver: str, creators: list[str]) -> None:
    """Everything that the command line does with what was collected."""
    one, other, *_ = creators
    (folder / "hook").write_text(f"{receiver}/hook\n", encoding="utf-8")
    commanded(server, "channel", "add", "hook", "--file", str(folder / "hook"))
    commanded(server, "channel", "test", "hook")
    collected = commanded(server, "collect", one, other, "--json").splitlines()
    assert json.loads(collected[-1])["complete"] == 2
    commanded(server, "watch", "add", one, "--group", "all", "--notify", "hook")
    commanded(server, "watch", "run", "--once")
    for name in ("set", "notes.xlsx"):
        commanded(server, "export", "--out", str(folder / name))
    assert (folder / "set/manifest.json").is_file()
    assert json.loads(commanded(server, "ask", "cadence", "--data", str(folder / "set"), "--json").splitlines()[0])
    for name in ("report.html", "report.xlsx"):
        commanded(server, "report", "creator", one, "--out", str(folder / name), "--format", name.split(".")[1])
    commanded(server, "report", "verify", str(folder / "report.html"))
    commanded(server, "backup", str(folder / "backup"))
    commanded(server, "ledger", "verify")
    commanded(server, "conform", server.address, "--token", server.token, "--creator", one)


def visited(visitor: Visitor, first: str) -> dict[str, list[str]]:
    """Open a page and all of ours that it leads to, each once; tell what a browser would, or could, ask of others."""
    ours, waiting, seen = urlsplit(visitor.address).netloc, [first], dict[str, list[str]]()
    while waiting:
        asked = waiting.pop()
        path = urlsplit(asked).path
        if path in seen or "sign-" in path:
            continue
        answer = visitor.get(asked)
        assert answer.status == 200, (asked, answer.status)
        seen[path], opens = looked_at(answer, ours)
        waiting += [one for one in opens if one.startswith("/") and not one.startswith("//")]
    return seen


def looked_at(answer: Answered, ours: str) -> tuple[list[str], list[str]]:
    """Return the strangers of a page or a sheet of styles, and what it leads to."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind != "text/html":
        return (of_style(answer.text) if kind == "text/css" else []), []
    page = Page(answer.text)
    policy = answer.headers.get("content-security-policy") or "".join(page.policies)
    return [*page.strangers(ours), *beyond(policy)], page.opens


def fed(server: Running) -> list[str]:
    """Read a feed in each form; what it would have a reader load."""
    made = json.loads(commanded(server, "feed", "create", "--all", "--json"))
    texts = [server.get(urlsplit(made[form]).path).raw.decode() for form in ("atom", "rss", "json")]
    assert all(len(text) > 200 for text in texts)
    return [found for text in texts for found in LOADED_BY_READERS.findall(text)]


def described(server: Running) -> list[str]:
    """Read the OpenAPI documents; the hosts that they send callers to, other than ours."""
    servers = [
        one["url"]
        for lang in ("en", "zh")
        for one in server.get(f"/openapi/xiaohongshu-apis/user-published-notes-v4-{lang}.json").body["servers"]
    ]
    assert servers
    return [one for one in servers if one != server.address]


def everything(server: Running, folder: Path, receiver: str, creators: list[str]) -> dict[str, Any]:
    """Do all of it; what was opened, and who would be asked beside us."""
    called(server, creators[0])
    worked(server, folder, receiver, creators)
    report = Page((folder / "report.html").read_text(encoding="utf-8"))
    commanded(server, "operator", "create", "root")
    pages: dict[str, list[str]] = {}
    for who in ("--account", "test"), ("--operator", "root"):
        pages |= visited(signed_in(server.address, server.data_dir, *who), "/console")
    return {
        "pages": pages,
        "report": [*report.strangers(""), *beyond(report.policies[0])],
        "feeds": fed(server),
        "openapi": described(server),
    }


def main(folder: Path) -> None:
    raise_loopback()
    with received() as receiver, far_away(folder / "far") as (far, creators):
        server = start_server(folder / "data", CONFIG.format(receiver=receiver, far=far))
        try:
            told = everything(server, folder, receiver, creators)
        finally:
            stopped = server.stop()
        eventually(lambda: {"/hook", "/v1/traces"} <= set(Receiver.paths), expected=True)
        named = [urlsplit(one).netloc for one in (server.address, far, receiver)]
        print(json.dumps({**told, "stopped": stopped, "named": named}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
