"""The three servers that are compared, each in a process of its own, set up alike."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import baseline
from hosting import HOST

PRICE = 10
BALANCE = 10**12
NOTES = 20
SMALLEST, LARGEST = 50_000, 60_000

_HERE = Path(__file__).parent
_READY_SECONDS = 30.0
_CONFIG = f"""
[server]
http_status = "mapped"
[cache]
max_age = 315360000
[metering]
price = {PRICE}
cached_price = {PRICE}
[[source]]
name = "sim"
kind = "simulator"
seed = 7
at = "2026-01-01T00:00:00Z"
"""
_LIMITS = ("--rate-per-minute", "1000000000", "--burst", "1000000000", "--daily-quota", "1000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A running server: whom to ask, what it says it charged, and whose processor time counts."""

    name: str
    url: str
    pid: int
    balance: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page that every contender answers with."""

    creator: str
    body: bytes

    @property
    def notes(self) -> list[dict[str, Any]]:
        return list(json.loads(self.body)["data"]["notes"])


@contextmanager
def hongshu(folder: Path) -> Iterator[tuple[Contender, Page]]:
    """Serve the product, with a page that it has at hand."""
    folder.mkdir()
    (folder / "hongshu.toml").write_text(_CONFIG, encoding="utf-8")
    _run(folder, "account", "create", "bench", "--balance", str(BALANCE))
    token = _run(folder, "token", "create", "--account", "bench", *_LIMITS)["token"]
    [source] = _run(folder, "source", "list")
    port = _free_port()
    command = [sys.executable, "-m", "hongshu", "serve", "--port", str(port), "--workers", "1"]
    with _serving(command, port, folder / "serve.log", _environment(folder)) as pid:
        page = _page_at_hand(port, token, source["creators"])
        url = _url(port, token, page.creator)

        def balance() -> int:
            return int(_run(folder, "account", "show", "bench")["balance"])

        yield Contender(name="hongshu", url=url, pid=pid, balance=balance), page


@contextmanager
def static_body(folder: Path, page: Page) -> Iterator[Contender]:
    """Serve the page's bytes from memory."""
    folder.mkdir()
    (folder / "body.json").write_bytes(page.body)
    port = _free_port()
    command = [sys.executable, str(_HERE / "static_body.py"), str(port), str(folder / "body.json")]
    with _serving(command, port, folder / "serve.log") as pid:
        yield Contender(name="static body", url=_url(port, "none", page.creator), pid=pid)


@contextmanager
def fastapi_baseline(folder: Path, page: Page) -> Iterator[Contender]:
    """Serve the page's notes by FastAPI and SQLAlchemy."""
    folder.mkdir()
    token = "benchmark"
    baseline.prepare(folder, token, BALANCE, page.creator, page.notes)
    port = _free_port()
    command = [sys.executable, str(_HERE / "baseline.py"), str(port), str(folder)]
    with _serving(command, port, folder / "serve.log") as pid:
        url = _url(port, token, page.creator)
        _same_notes(page, _get(url)[0])
        yield Contender(name="FastAPI + SQLAlchemy", url=url, pid=pid, balance=lambda: baseline.balance(folder))


def _page_at_hand(port: int, token: str, creators: list[str]) -> Page:
    """Find a creator whose first page is of the wanted size, and see that the second answer is a hit."""
    for creator in creators:
        url = _url(port, token, creator)
        body, _ = _get(url)
        page = Page(creator=creator, body=body)
        if SMALLEST <= len(body) <= LARGEST and len(page.notes) == NOTES:
            body, headers = _get(url)
            if headers["x-hongshu-cache"] != "hit":
                raise RuntimeError(f"the second call was a {headers['x-hongshu-cache']}, not a hit")
            return Page(creator=creator, body=body)
    raise RuntimeError("no simulated creator has a first page of the wanted size")


def _same_notes(page: Page, body: bytes) -> None:
    """See that the baseline gives every note whole; it writes null where a note is no video."""
    notes = json.loads(body)["data"]["notes"]
    given = [{name: value for name, value in note.items() if value is not None} for note in notes]
    if given != page.notes:
        raise RuntimeError("the baseline's notes differ from those of the page")


@contextmanager
def _serving(command: list[str], port: int, log: Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server until the end of the block; its processes get SIGTERM, and SIGKILL if that is not heard."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_for(port, process, log)
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=2):
            return
        time.sleep(0.05)
    raise RuntimeError(f"a server did not start: {log.read_text(errors='replace')}")


def _get(url: str) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=_READY_SECONDS) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def _url(port: int, token: str, creator: str) -> str:
    return f"http://{HOST}:{port}{baseline.PATH}?{urllib.parse.urlencode({'token': token, 'userId': creator})}"


def _run(folder: Path, *arguments: str) -> Any:
    """Run one command of the product and return what it says."""
    command = [sys.executable, "-m", "hongshu", *arguments, "--json"]
    done = subprocess.run(command, env=_environment(folder), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"hongshu {' '.join(arguments)} failed: {done.stderr}")
    return json.loads(done.stdout)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not re.match("HONGSHU_", name)}
    return {**kept, "HONGSHU_DATA_DIR": str(folder)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
