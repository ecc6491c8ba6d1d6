"""The servers that are compared, each in a process of its own, set up alike."""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import baseline
from closed_loop import Calls
from hosting import HOST
from installation import BALANCE, Installation
from processes import READY_SECONDS, environment, free_port, script, serving

NOTES = 20
SMALLEST, LARGEST = 50_000, 60_000
HONGSHU = "hongshu"
UNMETERED = "without metering"
STATIC = "static body"
BASELINE = "FastAPI + SQLAlchemy"

_VARYING = {"date", "age", "x-request-id", "x-hongshu-balance", "ratelimit"}


class Books(Protocol):
    """Who keeps the money of one or more contenders."""

    def balance(self) -> int:
        """Return the credits that are left, of all accounts."""
        ...

    def verify(self) -> object:
        """Raise where the books do not add up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A running server: what to ask it, who keeps its money, and whose processor time counts."""

    name: str
    calls: Calls
    pids: tuple[int, ...]
    books: Books | None = None

    def asked(self, name: str, calls: Calls) -> Contender:
        """Return the same server, asked something else."""
        return replace(self, name=name, calls=calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page that every contender answers with."""

    creator: str
    body: bytes

    @property
    def notes(self) -> list[dict[str, Any]]:
        return list(json.loads(self.body)["data"]["notes"])

    def calls(self, port: int, *tokens: str, header: str = "") -> Calls:
        """Return the calls that ask a server for this page."""
        return Calls(urls=tuple(url(port, token, self.creator) for token in tokens), header=header)


@contextmanager
def hongshu(
    home: Installation, token: str, *, name: str = HONGSHU, workers: int = 1, pids: Sequence[int] = ()
) -> Iterator[tuple[Contender, Page]]:
    """Serve the product, with a page that it has at hand; the time of the processes in `pids` counts for it too."""
    port = free_port()
    command = [sys.executable, "-m", "hongshu", "serve", "--port", str(port), "--workers", str(workers)]
    with serving(command, port, home.folder / f"serve-{port}.log", environment(home.folder)) as pid:
        page = _page_at_hand(port, token, home.creators())
        calls = page.calls(port, token)
        yield Contender(name=name, calls=calls, pids=(pid, *pids), books=home), page


@contextmanager
def launched(
    home: Installation, page: Page, calls: Calls, way: str, *, name: str, pids: Sequence[int] = ()
) -> Iterator[Contender]:
    """Serve an installation by the launcher, with another metering; it must answer as the product does."""
    port = free_port()
    counters = home.folder / f"counters-{port}"
    counters.mkdir()
    there = {**environment(home.folder), "PROMETHEUS_MULTIPROC_DIR": str(counters)}
    with serving(script("launcher.py", port, way), port, home.folder / f"{way}-{port}.log", there) as pid:
        mine = page.calls(port, _token(calls))
        _same_answer(calls.urls[0], mine.urls[0])
        books = None if way == "unmetered" else home
        yield Contender(name=name, calls=mine, pids=(pid, *pids), books=books)


@contextmanager
def static_body(folder: Path, page: Page) -> Iterator[Contender]:
    """Serve the page's bytes from memory."""
    folder.mkdir()
    (folder / "body.json").write_bytes(page.body)
    port = free_port()
    with serving(script("static_body.py", port, folder / "body.json"), port, folder / "serve.log") as pid:
        yield Contender(name=STATIC, calls=page.calls(port, "none"), pids=(pid,))


@contextmanager
def fastapi_baseline(folder: Path, page: Page) -> Iterator[Contender]:
    """Serve the page's notes by FastAPI and SQLAlchemy."""
    folder.mkdir()
    token = "benchmark"
    baseline.prepare(folder, token, BALANCE, page.creator, page.notes)
    port = free_port()
    with serving(script("baseline.py", port, folder), port, folder / "serve.log") as pid:
        calls = page.calls(port, token)
        _same_notes(page, _get(calls.urls[0])[0])
        yield Contender(name=BASELINE, calls=calls, pids=(pid,), books=baseline.Books(folder))


def url(port: int, token: str, creator: str) -> str:
    """Return the address of a creator's first page."""
    return f"http://{HOST}:{port}{baseline.PATH}?{urllib.parse.urlencode({'token': token, 'userId': creator})}"


def _token(calls: Calls) -> str:
    [token] = urllib.parse.parse_qs(urllib.parse.urlsplit(calls.urls[0]).query)["token"]
    return token


def _page_at_hand(port: int, token: str, creators: list[str]) -> Page:
    """Find a creator whose first page is of the wanted size, and see that the second answer is a hit."""
    for creator in creators:
        address = url(port, token, creator)
        body, _ = _get(address)
        page = Page(creator=creator, body=body)
        if SMALLEST <= len(body) <= LARGEST and len(page.notes) == NOTES:
            body, headers = _get(address)
            if headers["x-hongshu-cache"] != "hit":
                raise RuntimeError(f"the second call was a {headers['x-hongshu-cache']}, not a hit")
            return Page(creator=creator, body=body)
    raise RuntimeError("no simulated creator has a first page of the wanted size")


def _same_answer(one: str, other: str) -> None:
    """See that two servers give the same bytes but for ids, balance, age and what is left of the limits."""
    (body, headers), (its_body, its_headers) = _get(one), _get(other)
    given = body.replace(headers["x-request-id"].encode(), b"")
    its = its_body.replace(its_headers["x-request-id"].encode(), b"")
    alike = all(headers[name] == its_headers.get(name) for name in headers.keys() - _VARYING)
    if given != its or headers.keys() != its_headers.keys() or not alike:
        raise RuntimeError(f"the launched server answers otherwise than the product: {its_headers}, {its[:500]!r}")


def _same_notes(page: Page, body: bytes) -> None:
    """See that the baseline gives every note whole; it writes null where a note is no video."""
    notes = json.loads(body)["data"]["notes"]
    given = [{name: value for name, value in note.items() if value is not None} for note in notes]
    if given != page.notes:
        raise RuntimeError("the baseline's notes differ from those of the page")


def _get(address: str) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(address, timeout=READY_SECONDS) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}
