"""`hongshu usage`: calls and credits by day, hour, token, code and source, and what they add up to."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

import stores
from commanding import Command
from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Paid, Replay
from hongshu.engine.money.metering import Metering, Terms
from hongshu.models import Cache
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Standing
from hongshu.store.reader import Reader

PRICE: Final = 10
ZONES: Final = {"berlin": "Europe/Berlin", "kolkata": "Asia/Kolkata"}
ALLOWANCE: Final = Allowance(rate_per_minute=10_000, burst=1000, daily_quota=100)
TIMES: Final = ("2026-03-27T22:30:00Z", "2026-03-27T23:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z")
"""In Berlin 23:30, 00:30 of the next day, and both sides of the hour that a spring night leaves out."""


class Trade:
    """Makes calls at times of the test's own."""

    def __init__(self, ledger: Ledger) -> None:
        self._now_ns = 0
        self._calls = 0
        terms = Terms(prices={USER_NOTES: Prices(collected=PRICE, at_hand=PRICE)}, calls_kept_days=3650)
        self._metering = Metering(ledger.database, Reader(ledger.database), None, ledger.key, terms, self._clock)

    def _clock(self) -> int:
        return self._now_ns

    def call(self, by: Standing, at: str, key: str | None = None) -> Call:
        self._now_ns = int(datetime.fromisoformat(at).timestamp()) * 10**9
        self._calls += 1
        return Call(
            request_id=f"req_{self._calls:017}",
            began_ns=self._now_ns,
            account=by.account.id,
            token_id=by.token.id,
            endpoint=USER_NOTES,
            key=key,
        )

    async def pay(self, by: Standing, at: str, source: str = "sim", key: str | None = None) -> None:
        paid = Paid(price=PRICE, cache=Cache.MISS, source=source, recorded_ms=0, body=b"x" if key else None)
        assert isinstance(await self._metering.settle(self.call(by, at, key), paid), Charged | Replay)

    async def fail(self, by: Standing, at: str, code: int) -> None:
        self._metering.log(self.call(by, at), code)
        await self._metering.flush()


async def traded(data_dir: Path) -> dict[str, Standing]:
    with closing(Ledger(stores.setting(data_dir), data_dir, lambda: 10**18)) as ledger:
        books, trade = ledger.accounting, Trade(ledger)
        by = {}
        for name, zone in ZONES.items():
            books.open_account(name, balance=1000, zone=zone)
            by[name] = books.issue_token(name, "", ALLOWANCE)[0]
        by["second"] = books.issue_token("berlin", "second", ALLOWANCE)[0]
        books.open_account("idle", balance=0, zone="UTC")
        for at in TIMES:
            await trade.pay(by["berlin"], at)
            await trade.pay(by["kolkata"], at, source="joa")
        await trade.pay(by["second"], TIMES[3], source="joa", key="k")
        await trade.pay(by["second"], TIMES[3], source="joa", key="k")
        await trade.fail(by["berlin"], TIMES[0], 400)
        await trade.fail(by["berlin"], TIMES[3], 301)
        assert ledger.verify().ok
        return by


@pytest.fixture
def made(data_dir: Path) -> dict[str, Standing]:
    """Calls of two accounts in two zones, three tokens, with failures and one replay."""
    return asyncio.run(traded(data_dir))


def used(command: Command, by: str, *more: str) -> list[tuple[Any, ...]]:
    """Value, calls, charged calls and credits of each line."""
    rows = command("usage", "--by", by, *more, "--json").words
    assert all(set(one) == {"account", "account_name", by, "calls", "charged", "credits"} for one in rows)
    return [(one[by], one["calls"], one["charged"], one["credits"]) for one in rows]


@pytest.mark.usefixtures("made")
def test_days_are_those_of_the_accounts_zone(command: Command) -> None:
    """The same moments fall on other days in Berlin and in Kolkata, half an hour off the hour."""
    assert used(command, "day", "--account", "berlin") == [
        ("2026-03-27", 2, 1, 10),
        ("2026-03-28", 1, 1, 10),
        ("2026-03-29", 5, 3, 30),
    ]
    assert used(command, "day", "--account", "kolkata") == [("2026-03-28", 2, 2, 20), ("2026-03-29", 2, 2, 20)]
    assert command("usage", "--json").words == command("usage", "--by", "day", "--json").words


@pytest.mark.usefixtures("made")
def test_hours_begin_in_the_accounts_zone(command: Command) -> None:
    """Each as a time in UTC; the hour that a spring night leaves out is none."""
    hours = [one[0] for one in used(command, "hour", "--account", "berlin")]
    assert hours == ["2026-03-27T22:00:00Z", "2026-03-27T23:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"]
    hours = [one[0] for one in used(command, "hour", "--account", "kolkata")]
    assert hours == list(TIMES)


def test_tokens_codes_and_sources_are_told_apart(command: Command, made: dict[str, Standing]) -> None:
    """A replay is a call that was not charged; a failure has a code and no source."""
    first, second = made["berlin"].token.id, made["second"].token.id
    assert used(command, "token", "--account", "berlin") == sorted([(first, 6, 4, 40), (second, 2, 1, 10)])
    assert used(command, "code", "--account", "berlin") == [(0, 6, 5, 50), (301, 1, 0, 0), (400, 1, 0, 0)]
    by_source = {line[0]: line[1:] for line in used(command, "source", "--account", "berlin")}
    assert by_source["sim"] == (4, 4, 40)
    assert by_source["joa"][1:] == (1, 10)
    assert sum(line[0] for line in by_source.values()) == 8


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("by", ["day", "hour", "token", "code", "source"])
def test_every_view_adds_up_to_the_same(command: Command, by: str) -> None:
    """All calls of all accounts, and the credits that left their balances."""
    rows = command("usage", "--by", by, "--json").words
    assert sum(one["calls"] for one in rows) == 12
    assert sum(one["charged"] for one in rows) == 9
    assert sum(one["credits"] for one in rows) == 90
    assert {one["account_name"] for one in rows} == set(ZONES)
    balances = [one["balance"] for one in command("account", "list", "--json").words]
    assert sum(balances) == 2000 - 90


@pytest.mark.usefixtures("made")
def test_one_account_is_asked_for_by_name_or_id(command: Command) -> None:
    """Nothing of another is told, and one that never called has no lines."""
    named = command("usage", "--account", "berlin", "--json").words
    assert {one["account_name"] for one in named} == {"berlin"}
    assert command("usage", "--account", named[0]["account"], "--json").words == named
    assert command("usage", "--account", "idle", "--json").words == []


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("since", "calls"),
    [
        ("2026-03-27", 8),
        ("2026-03-28", 6),
        ("2026-03-29", 5),
        ("2026-03-30", 0),
        ("2026-03-27T23:00:00Z", 6),
        ("2026-03-28T00:00:00+01:00", 6),
        ("2026-03-29T01:00:00Z", 4),
        ("1970-01-01", 8),
    ],
)
def test_usage_is_shown_from_a_day_or_a_time_on(command: Command, since: str, calls: int) -> None:
    """A date is one of the account's zone, a time says its own."""
    assert sum(one[1] for one in used(command, "code", "--account", "berlin", "--since", since)) == calls


@pytest.mark.usefixtures("made")
def test_people_get_a_table(command: Command) -> None:
    """With the accounts' names; and a word where there is nothing."""
    table = command("usage").out
    assert "berlin" in table
    assert "2026-03-28" in table
    empty = command("usage", "--account", "idle")
    assert (empty.status, empty.out, empty.err.count("\n")) == (0, "", 1)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--by", "week"), "day"),
        (("--since", "yesterday"), "2027-01-31"),
        (("--since", "2026-02-30"), "no date"),
        (("--account", "nobody"), "account list"),
        (("--account", ""), "account list"),
        (("--everything",), "everything"),
    ],
)
def test_what_cannot_be_shown_is_said(command: Command, arguments: tuple[str, ...], word: str) -> None:
    """With exit status 2, in words that help."""
    ended = command("usage", *arguments, "--json")
    assert (ended.status, ended.out) == (2, "")
    assert word in ended.err
    assert "Traceback" not in ended.err


def test_another_zone_counts_nothing_again(command: Command, made: dict[str, Standing]) -> None:
    """After a change of zone the calls are still as many, in the hours in which they were."""
    before = used(command, "hour", "--account", "berlin")
    assert command("account", "zone", "berlin", "UTC").status == 0
    assert used(command, "hour", "--account", "berlin") == before
    assert sum(one[1] for one in used(command, "day", "--account", made["berlin"].account.id)) == 8
