"""Many callers at once, and what an operator sees of them from outside."""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from hongshu.engine.money.book import LEASE_NS
from hongshu.engine.money.limits import SECOND_NS
from hongshu.service.desk import Ledger
from running import V4_PATH, Running
from upstream import creator

REFUSED: Final = "refused to connect"
BROKEN: Final = "broken off"
LEASE_SECONDS: Final = LEASE_NS // SECOND_NS
_NAPS: Final = (0.02, 0.05, 0.1, 0.2)
_HELD: Final = re.compile(r"(\d+) of it\s+held")
_PATIENCE_SECONDS: Final = 90
_TRIES: Final = 5
"""How often an operator looks until the store can be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request and what came of it; `code` is None, and `message` says why, where no whole answer came."""

    call: int
    key: str | None
    began: float
    ended: float
    code: int | None
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")

    @property
    def held(self) -> int:
        """The credits that a 601 says are held by calls in flight."""
        found = _HELD.search(self.message)
        return int(found[1]) if found else 0


Again = Callable[[Attempt], bool]
"""Say whether to make a call once more after an attempt."""


def never(_: Attempt) -> bool:
    """Take any answer."""
    return False


def while_it_may_help(attempt: Attempt) -> bool:
    """Repeat what failed at a source, and what is too dear only while others hold credits."""
    return attempt.code == 301 or (attempt.code == 601 and attempt.held > 0)


def until_delivered(attempt: Attempt) -> bool:
    """Repeat until the answer is there."""
    return attempt.code != 0


class Line:
    """One kept connection; a request on it is sent once, whatever happens."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, address: str, target: str, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an answer; raises `OSError` or `EOFError` where there is none."""
        host, _, port = address.removeprefix("http://").partition(":")
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        assert self._reader is not None
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        return told, await self._reader.readexactly(int(told["content-length"]))

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        self._reader = self._writer = None


class Callers:
    """A number of callers, each with a connection of its own, who share a number of calls.

    `addresses` may change while they call. Calls ask for one creator after another, or all for `user`, `fresh` ones for
    what is collected now. Of `keys` there are as many as calls, or as told; calls with one key ask for one creator.
    Once `closing` is set nobody begins another call.
    """

    def __init__(
        self,
        addresses: list[str],
        tokens: Sequence[str],
        *,
        in_flight: int,
        key: str | None = None,
        keys: int = 10**9,
        fresh: bool = True,
        creators: int = 1000,
        user: str | None = None,
    ) -> None:
        assert key is None or keys % creators == 0
        self.addresses = addresses
        self.attempts: list[Attempt] = []
        self.flying: set[int] = set()
        self.closing = False
        self._tokens = tokens
        self._in_flight = in_flight
        self._key = key
        self._keys = keys
        self._user = user
        self._headers = {"Cache-Control": "no-cache"} if fresh else {}
        self._creators = creators

    @property
    def delivered(self) -> list[Attempt]:
        return self.of_code(0)

    def of_code(self, *codes: int | None) -> list[Attempt]:
        return [one for one in self.attempts if one.code in codes]

    async def make(self, calls: int, again: Again = never) -> None:
        """Make a number of calls, each once and then again as told."""
        numbers = iter(range(calls))
        async with asyncio.TaskGroup() as group:
            for place in range(min(self._in_flight, calls)):
                group.create_task(self._caller(place, numbers, again))

    async def _caller(self, place: int, numbers: Iterator[int], again: Again) -> None:
        line = Line()
        try:
            for number in numbers:
                naps = iter(_NAPS)
                while again(await self._attempt(line, place, number)):  # noqa: ASYNC110 - nobody says when it may help
                    await asyncio.sleep(next(naps, _NAPS[-1]))
                if self.closing:
                    return
        finally:
            await line.close()

    async def _attempt(self, line: Line, place: int, call: int) -> Attempt:
        key = None if self._key is None else f"{self._key}-{call % self._keys}"
        user = self._user or creator(call % self._creators)
        query = {"token": self._tokens[call % len(self._tokens)], "userId": user}
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": key}
        address = self.addresses[place % len(self.addresses)]
        began = time.monotonic()
        self.flying.add(place)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                told, body = await line.get(address, f"{V4_PATH}?{urllib.parse.urlencode(query)}", headers)
            words = json.loads(body)
            code, message = words["code"], words["message"] or ""
        except (OSError, EOFError) as error:
            await line.close()
            told, body, code = {}, b"", None
            message = REFUSED if isinstance(error, ConnectionRefusedError) else BROKEN
        finally:
            self.flying.discard(place)
        attempt = Attempt(
            call=call,
            key=key,
            began=began,
            ended=time.monotonic(),
            code=code,
            message=message,
            headers=told,
            body=body,
        )
        self.attempts.append(attempt)
        return attempt


class Operator:
    """What an operator does and sees, through the routes of whichever server is at `addresses`."""

    def __init__(self, server: Running, addresses: list[str]) -> None:
        made = server.cli("operator", "create", "test", "--json")
        assert made.returncode == 0, made.stderr
        self._secret = json.loads(made.stdout)["token"]
        self._addresses = addresses

    def asked(self, path: str, method: str | None = None, **body: Any) -> bytes:
        """What a route under `/manage` answers; it is a POST where there is a body."""
        request = urllib.request.Request(
            f"{self._addresses[0]}/manage/{urllib.parse.quote(path, safe='/?=&')}",
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {self._secret}"},
            method=method,
        )
        for left in reversed(range(_TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    if body or method or error.code != 503 or not left:
                        raise
        raise AssertionError("not reached")

    def account(self, name: str = "test") -> dict[str, Any]:
        """An account."""
        return dict(json.loads(self.asked(f"accounts/{name}")))

    def opens(self, name: str, **given: Any) -> str:
        """Open an account with plenty of credits, if nothing else is said, and return a token of it."""
        self.asked("accounts", name=name, **{"balance": 10**9, "zone": zone_far_from_midnight(), **given})
        return self.token(name)["token"]

    def token(self, name: str = "test", **limits: int) -> dict[str, Any]:
        """A new token of an account, with no limit but those given (rate_per_minute, burst, daily_quota)."""
        none = {"rate_per_minute": 10**9, "burst": 10**9, "daily_quota": 10**9}
        return dict(json.loads(self.asked("tokens", account=name, **{**none, **limits})))

    def charges(self, name: str = "test") -> list[dict[str, Any]]:
        """The charges among an account's ledger entries."""
        lines = self.asked(f"ledger/export?account={name}").splitlines()
        return [entry for line in lines if (entry := json.loads(line))["kind"] == "charge"]

    def charged_calls(self, name: str = "test") -> int:
        """How many calls with code 0 the call log has, other than replays."""
        return sum(row["charged"] for row in json.loads(self.asked(f"usage?account={name}&by=code")))

    def settles(self, least: int, name: str = "test") -> None:
        """Wait until an account was charged so often, and then until no more is charged."""
        end, before = time.monotonic() + _PATIENCE_SECONDS, -1
        while (now := len(self.charges(name))) < least or before < now:
            assert time.monotonic() < end, f"{now} of {least} calls were charged"
            before = now
            time.sleep(0.5)

    def assert_proven(self) -> None:
        """The ledger is as it should be."""
        verified = json.loads(self.asked("ledger/verify"))
        assert verified["ok"], verified
        assert verified["entries"] > 0

    def seconds_until_nothing_is_held(self, within: float, name: str = "test") -> float:
        """Wait until no credits of an account are held, and say how long that took."""
        began = time.monotonic()
        while (now := self.account(name))["held"]:
            assert time.monotonic() - began < within, f"{now['held']} credits are held after {within} s"
            time.sleep(0.1)
        return time.monotonic() - began


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two processes on one store, and their operator."""

    server: Running
    operator: Operator

    @property
    def addresses(self) -> list[str]:
        return [self.server.address]


def zone_far_from_midnight() -> str:
    """A zone in which today does not end soon."""
    zones = ("Asia/Shanghai", "America/New_York")
    return next(zone for zone in zones if 0 < datetime.now(ZoneInfo(zone)).hour < 22)


def used_today(server: Running, token: str) -> int:
    """How many units of its quota a token has used today."""
    return int(server.get(f"/api/account/usage?token={token}").body["data"]["today"]["used"])


def orphans_in_three_minutes(server: Running) -> set[str]:
    """The requests that `ledger orphans` will list once everything is old enough to be listed."""
    store = tomllib.loads((server.data_dir / "hongshu.toml").read_text(encoding="utf-8")).get("store", "sqlite")
    ledger = Ledger(store, server.data_dir, lambda: time.time_ns() + 180 * 10**9)
    try:
        return {one.request_id for one in ledger.accounting.orphans(100_000)}
    finally:
        ledger.close()


def assert_charged_once_each(callers: Callers, charged: list[dict[str, Any]], price: int) -> None:
    """One charge of the price for each code 0, and no other charge."""
    assert sorted(one["request_id"] for one in charged) == sorted(one.request_id for one in callers.delivered)
    assert {one["amount"] for one in charged} == {-price}
    assert {one.headers["x-hongshu-cost"] for one in callers.delivered} == {str(price)}


def assert_nothing_was_locked(callers: Callers, servers: Sequence[Running]) -> None:
    """No answer and no line of a log speaks of a lock."""
    said = {one.message for one in callers.attempts} | {line for server in servers for line in server.log}
    assert [line for line in said if "lock" in line.lower()] == []
