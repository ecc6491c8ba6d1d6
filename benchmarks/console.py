"""How fast pages of the console answer over a large installation: 1 M notes, 10 M calls in the log, 5,000 creators.

The stores are filled through their own functions; calls lie evenly over 90 days, of 40 accounts whose shares fall with
their place, one in 10,000 with a rare code. Beside them stand 40 batches of all creators, a watch of each, and 100,000
events. Pages are asked for one after the other over one connection, with a session's cookie; a time is that until the
last byte came. The first time of a page is told apart: nothing of what it reads was asked for before.
"""

from __future__ import annotations

import http.client
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import report
from command import main
from filling import creator_id, made_up, put
from hosting import HOST
from installation import Installation
from processes import environment, free_port, serving
from turns import Effort

from hongshu.engine.collecting.orders import new_batch
from hongshu.ids import new_id
from hongshu.models import EVERYONE, Event, Kind
from hongshu.service.desk import Ledger
from hongshu.service.places import open_room
from hongshu.store import batches, calls, creators, events, watches
from hongshu.store.base import Connection
from hongshu.store.batches import Batch, Orders, State, Target
from hongshu.store.calls import CallRow, Slot
from hongshu.store.sessions import Role

NOTES, CALLS, CREATORS = 1_000_000, 10_000_000, 5_000
QUICKLY: Final = 100
"""Quickly it is a hundredth of all."""
ACCOUNTS, DAYS, PAGES = 40, 90, 15
BATCHES, WATCHED, EVENTS = 40, 100, 20
"""Batches of all creators, creators that the largest account watches (all are), and events of each creator."""
MOST_MS: Final = 200

_HEAD = ("page", "first, ms", "again, ms", "size, KB")
_AT_ONCE = 50_000
_HOUR_MS: Final = 3_600_000
_RARE: Final = 500


def measure(effort: Effort) -> report.Result:
    """Fill an installation, serve it, and ask for every page."""
    part = QUICKLY if effort.quick else 1
    site = Installation(effort.folder / "data")
    site.run("operator", "create", "root")
    for place in range(ACCOUNTS):
        site.run("account", "create", f"account {place}", "--balance", "1000000000")
    began = time.perf_counter()
    people = _fill_notes(site.folder, NOTES // part, CREATORS // part)
    accounts = _fill_calls(site.folder, CALLS // part)
    batch = _fill_work(site.folder, people)
    filled = time.perf_counter() - began
    port = free_port()
    command = [sys.executable, "-m", "hongshu", "serve", "--port", str(port)]
    with serving(command, port, effort.folder / "log", environment(site.folder)):
        times = {
            f"{who}: {name}": _times(port, cookie, path, effort)
            for who, cookie in _cookies(site.folder, port).items()
            for name, path in _pages(people, accounts, batch, operates=who == "operator").items()
        }
    again = {name: median(spent) for name, (_, spent, _) in times.items()}
    return report.Result(
        about=f"{NOTES // part:,} notes of {CREATORS // part:,} creators, {CALLS // part:,} calls.",
        told={"filling": f"{filled:,.0f} s"},
        tables=[
            report.grid(
                _HEAD,
                [
                    [name, f"{first:,.0f}", report.cell(spent, "{:,.0f}"), f"{size / 1000:,.0f}"]
                    for name, (first, spent, size) in times.items()
                ],
            )
        ],
        figures=[
            report.Figure(what="the slowest page, median, ms", values=[max(again.values())], target=f"≤ {MOST_MS}"),
            report.Figure(what="the slowest first time, ms", values=[max(first for first, _, _ in times.values())]),
        ],
        rounds={name: list(spent) for name, (_, spent, _) in times.items()},
    )


def _pages(people: list[str], accounts: list[str], batch: str, *, operates: bool) -> Mapping[str, str]:
    creator, account = people[len(people) // 2], accounts[-1]
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 40 * 86_400))
    shared = {
        "home": "/console",
        "creators": "/console/creators",
        "creators, a nickname": "/console/creators?q=%E5%90%8D%E5%AD%9777",
        "creators, a group": "/console/creators?group=rivals",
        "a creator": f"/console/creators/{creator}",
        "its notes": f"/console/creators/{creator}/notes",
        "its notes, a word": f"/console/creators/{creator}/notes?q=%E4%B8%AD%E5%9B%BD",
        "compare": "/console/compare",
        "news": "/console/news",
        "batches": "/console/batches",
        "a batch": f"/console/batches/{batch}",
        "watches": "/console/watches",
        "reports": "/console/reports",
        "datasets": "/console/datasets",
        "tokens": "/console/tokens",
        "ledger": "/console/ledger",
        "calls": "/console/calls",
        "calls, a rare code": f"/console/calls?code={_RARE}",
        "calls, since a day": f"/console/calls?since={since}",
        "usage by day": "/console/usage?by=day",
        "usage by hour": "/console/usage?by=hour",
    }
    operators = {
        "accounts": "/console/accounts",
        "an account": f"/console/accounts/{account}",
        "calls of a small account": f"/console/calls?account={account}",
        "calls of a small account, a rare code": f"/console/calls?account={account}&code={_RARE}",
        "sources": "/console/sources",
        "the plan": "/console/watches/plan",
        "deliveries": "/console/deliveries",
        "orphans": "/console/ledger/orphans",
    }
    return {**shared, **(operators if operates else {})}


def _times(port: int, cookie: str, path: str, effort: Effort) -> tuple[float, list[float], int]:
    """Return the first time, the others, and the bytes of a page."""
    with _connected(port) as connection:
        spent, size = zip(*(_asked(connection, path, cookie) for _ in range(2 if effort.quick else PAGES)), strict=True)
    return spent[0], list(spent[1:]), size[0]


@contextmanager
def _connected(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    try:
        yield connection
    finally:
        connection.close()


def _asked(connection: http.client.HTTPConnection, path: str, cookie: str) -> tuple[float, int]:
    began = time.perf_counter()
    connection.request("GET", path, headers={"cookie": cookie, "accept-language": "en"})
    answer = connection.getresponse()
    body = answer.read()
    spent = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {body[-500:].decode()}")
    return spent, len(body)


def _cookies(data: Path, port: int) -> Mapping[str, str]:
    """Sign in as the operator and as the largest account."""
    cookies = {}
    with closing(Ledger("sqlite", data, time.time_ns)) as ledger:
        links = {
            "operator": ledger.signing.link(Role.OPERATOR, "root")[0],
            "account": ledger.signing.link(Role.ACCOUNT, "account 0")[0],
        }
    for who, link in links.items():
        with _connected(port) as connection:
            headers = {"content-type": "application/x-www-form-urlencoded"}
            connection.request("POST", f"/console/sign-in/{link}", "", headers)
            answer = connection.getresponse()
            answer.read()
            cookies[who] = answer.headers["set-cookie"].partition(";")[0]
    return cookies


def _fill_notes(data: Path, wanted: int, number: int) -> list[str]:
    """Write creators with as many notes each, a first observation of each, and raw forms; a few are in a group."""
    chance = random.Random(11)  # noqa: S311 - texts, no secret
    kept = [made_up(place, chance) for place in range(wanted // number)]
    people = [creator_id(place) for place in range(number)]

    def put_named(db: Connection, creator: str, nickname: str) -> None:
        put(
            db,
            creator,
            [msgspec.structs.replace(one, note=msgspec.structs.replace(one.note, nickname=nickname)) for one in kept],
        )

    with closing(open_room("sqlite", data, "notes")) as room:
        for place, creator in enumerate(people):
            room.write(partial(put_named, creator=creator, nickname=f"名字{place}"))
        room.write(lambda db: creators.add_members(db, "rivals", people[::50]))
    return sorted(people)


def _fill_work(data: Path, people: list[str]) -> str:
    """Write batches of every creator, half of them the largest account's, watches of all, and events of each.

    Return the newest batch, which is the account's.
    """
    with closing(Ledger("sqlite", data, time.time_ns)) as ledger:
        account = ledger.accounting.account("account 0").id
    now_ms = time.time_ns() // 1_000_000
    done = [
        Target(number=place, creator=one, state=State.COMPLETE, pages=9, notes=200, fresh=150)
        for place, one in enumerate(people)
    ]
    with closing(open_room("sqlite", data, "notes")) as room:
        for number in range(BATCHES):
            new = new_batch(Orders(), time.time_ns)
            batch = msgspec.structs.replace(new, served=True, account=account if number % 2 else "")
            room.write(partial(_put_batch, batch=batch, people=people, done=done))
        room.write(lambda db: watches.add(db, people[:WATCHED], now_ms + 86_400_000, account))
        room.write(lambda db: watches.add(db, people, now_ms + 86_400_000))
        for one in people:
            happened = [
                Event(note_id=f"{place:024x}", kind=Kind.NEW, seen_ms=now_ms - 3_600_000 * place)
                for place in range(EVENTS)
            ]
            room.write(partial(events.add, creator=one, audience=EVERYONE, source="sim", events=happened))
        room.write(lambda db: db.rows("DELETE FROM outbox"))  # nobody is to be told in this run
    return batch.id


def _put_batch(db: Connection, batch: Batch, people: list[str], done: list[Target]) -> None:
    batches.create(db, batch, people)
    for one in done:
        batches.checkpoint(db, batch.id, one)
    batches.end_served(db, batch.id)


def _fill_calls(data: Path, wanted: int) -> list[str]:
    """Write calls and what they are rolled up to, oldest first; return the accounts, the largest first."""
    chance = random.Random(12)  # noqa: S311 - no secret
    with closing(Ledger("sqlite", data, time.time_ns)) as ledger:
        accounts = sorted(ledger.accounting.accounts(), key=lambda one: int(one.name.split()[1]))
        ids = [one.id for one in accounts]
        weights = [1 / (1 + place) ** 2 for place in range(len(ids))]
        first_ms = time.time_ns() // 1_000_000 - DAYS * 24 * _HOUR_MS
        step_ms = DAYS * 24 * _HOUR_MS / wanted
        for start in range(0, wanted, _AT_ONCE):
            whose = chance.choices(ids, weights, k=_AT_ONCE)
            rows = [_row(first_ms + int((start + place) * step_ms), one, chance) for place, one in enumerate(whose)]
            counted: dict[Slot, tuple[int, int]] = {}
            for row in rows:
                slot = _slot(row)
                its = counted.get(slot, (0, 0))
                counted[slot] = its[0] + 1, its[1] + row.amount
            ledger.database.write(partial(_put_calls, rows=rows, counted=counted))
    return ids


def _put_calls(db: Connection, rows: list[CallRow], counted: Mapping[Slot, tuple[int, int]]) -> None:
    calls.add(db, rows)
    calls.count(db, counted)


def _row(at_ms: int, account: str, chance: random.Random) -> CallRow:
    code = _RARE if chance.random() < 1e-4 else chance.choices((0, 301, 302), (90, 4, 6))[0]
    return CallRow(
        request_id=new_id("req", at_ms * 1_000_000, chance.randbytes(5)),
        at_ms=at_ms,
        account=account,
        token_id=f"tok_{account[4:]}",
        endpoint="user-notes",
        code=code,
        kind="miss" if code == 0 else "failed" if code in {301, _RARE} else "refused",
        amount=10 if code == 0 else 0,
        duration_ms=chance.randrange(5, 2000),
        source="sim" if code == 0 else None,
        delivered=1,
    )


def _slot(row: CallRow) -> Slot:
    return Slot(
        account=row.account,
        hour_ms=row.at_ms // _HOUR_MS * _HOUR_MS,
        token_id=row.token_id,
        endpoint=row.endpoint,
        code=row.code,
        kind=row.kind,
        source=row.source or "",
    )


if __name__ == "__main__":
    main({"console": measure}, __doc__)
