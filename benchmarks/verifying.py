"""How long `hongshu ledger verify` takes to prove a million rows, which the product's own functions have written."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from typing import Any

import report
from installation import MOST, PRICE, Installation
from on_postgres import postgres
from turns import Effort

from hongshu.engine.money.allowance import Allowance
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Outcome, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.ids import new_id
from hongshu.models import Cache
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Standing
from hongshu.store.reader import Reader

ROWS, ROWS_ON_POSTGRES, ROWS_QUICKLY = 1_000_000, 200_000, 100_000
ACCOUNTS = 20
TARGET_SECONDS = 10

_HEAD = ("database", "rows", "seconds", "CPU seconds", "seconds, scaled to 1 M rows")
_AT_ONCE = 5000
_STEP_NS = 2_000_000
_BEGIN_NS = 1_760_000_000 * 10**9
_SEED = 11


def measure(effort: Effort) -> report.Result:
    """Fill a store with charges, then prove it as often as there are rounds; on both databases."""
    with postgres(effort.folder / "pg") as server:
        cases = {
            "SQLite": (Installation(effort.folder / "sqlite"), ROWS),
            "PostgreSQL": (Installation(effort.folder / "postgres", server.url), ROWS_ON_POSTGRES),
        }
        proofs: dict[str, list[Proof]] = {name: [] for name in cases}
        empty = {name: _after_the_first(home) for name, (home, _) in cases.items()}
        for home, wanted in cases.values():
            fill(home, ROWS_QUICKLY if effort.quick else wanted)
        for _ in range(effort.rounds):
            for name, (home, _) in cases.items():
                proofs[name].append(prove(home))
    scaled = {name: [_scaled(one, empty[name]) for one in ones] for name, ones in proofs.items()}
    return report.Result(
        about=f"`hongshu ledger verify --json` as a process: {ACCOUNTS} accounts, a call-log row for each charge.",
        tables=[report.grid(_HEAD, [_line(name, proofs[name], scaled[name]) for name in cases])],
        figures=[
            report.Figure(what="SQLite, 1 M rows, seconds", values=scaled["SQLite"], target=f"≤ {TARGET_SECONDS}"),
            report.Figure(what="PostgreSQL, scaled to 1 M rows, seconds", values=scaled["PostgreSQL"]),
        ],
        rounds={name: [asdict(one) for one in ones] for name, ones in proofs.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One run of the command; `cpu_seconds` are its own, not those of a database server."""

    rows: int
    seconds: float
    cpu_seconds: float


def prove(home: Installation) -> Proof:
    """Run the command and time it, its start included."""
    began, used = time.perf_counter(), _children_seconds()
    rows = home.verify()
    return Proof(rows=rows, seconds=time.perf_counter() - began, cpu_seconds=_children_seconds() - used)


def _after_the_first(home: Installation) -> Proof:
    """Prove an empty ledger, once its files are there."""
    prove(home)
    return prove(home)


def _scaled(one: Proof, empty: Proof) -> float:
    return empty.seconds + (one.seconds - empty.seconds) * ROWS / one.rows


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _line(name: str, proofs: list[Proof], scaled: list[float]) -> list[str]:
    return [
        name,
        f"{proofs[0].rows:,}",
        report.cell([one.seconds for one in proofs], "{:,.2f}"),
        report.cell([one.cpu_seconds for one in proofs], "{:,.2f}"),
        report.cell(scaled, "{:,.2f}"),
    ]


def fill(home: Installation, rows: int) -> None:
    """Open accounts and charge them in any order, each call at its own time."""
    clock = _Clock()
    ledger = Ledger(home.store, home.folder, clock)
    try:
        paying = [_payer(ledger, number, PRICE * rows) for number in range(ACCOUNTS)]
        asyncio.run(_charge(ledger, clock, paying, rows - ACCOUNTS))
    finally:
        ledger.close()
    if home.balance() != PRICE * (rows * ACCOUNTS - (rows - ACCOUNTS)):
        raise SystemExit("the accounts were charged wrongly")
    if home.verify() != rows:
        raise SystemExit(f"the ledger has other than {rows} rows")


class _Clock:
    """Goes on by itself from call to call."""

    def __init__(self) -> None:
        self.now_ns = _BEGIN_NS

    def __call__(self) -> int:
        return self.now_ns


async def _charge(ledger: Ledger, clock: _Clock, paying: list[Standing], calls: int) -> None:
    """Settle calls for a page at hand; those that wait at the same time share a commit."""
    chance = random.Random(_SEED)  # noqa: S311 - which account calls, no secret
    terms = Terms(prices={USER_NOTES: Prices(collected=PRICE, at_hand=PRICE)})
    metering = Metering(ledger.database, Reader(ledger.database), None, ledger.key, terms, clock)

    def settling() -> Coroutine[Any, Any, Outcome]:
        clock.now_ns += _STEP_NS
        one = chance.choice(paying)
        call = Call(
            request_id=new_id("req", clock.now_ns, chance.randbytes(5)),
            began_ns=clock.now_ns,
            account=one.account.id,
            token_id=one.token.id,
            endpoint=USER_NOTES,
        )
        paid = Paid(price=PRICE, cache=Cache.HIT, source="sim", recorded_ms=clock.now_ns // 1_000_000)
        return metering.settle(call, paid)

    while calls:
        group = min(_AT_ONCE, calls)
        outcomes = await asyncio.gather(*(settling() for _ in range(group)))
        if not all(isinstance(one, Charged) for one in outcomes):
            raise SystemExit("a charge was refused")
        calls -= group


def _payer(ledger: Ledger, number: int, balance: int) -> Standing:
    allowance = Allowance(rate_per_minute=MOST, burst=MOST, daily_quota=MOST)
    opened = ledger.accounting.open_account(f"bench {number}", balance=balance, zone="Asia/Shanghai")
    return ledger.accounting.issue_token(opened.id, "", allowance)[0]
