"""The call log and the ledger by the page: complete, in order, each row once, however little one page looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from databases import open_room
from hongshu.engine.money import logbook
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.logbook import DAY_MS, HOUR_MS, LogPage, Search
from hongshu.errors import UsageError
from hongshu.ids import made_ms, new_id
from hongshu.store import accounts, calls
from hongshu.store.accounts import Account
from hongshu.store.base import Database
from hongshu.store.calls import CallRow, Slot, Sought
from money.room import BEGIN_S, KEY

BEGIN_MS = BEGIN_S * 1000
DAYS = 60
CALLS = 1500
SEARCHES = [
    Search(),
    Search(sought=Sought(account="acc_a")),
    Search(sought=Sought(account="acc_b")),
    Search(sought=Sought(account="acc_b", code=302)),
    Search(sought=Sought(code=500)),
    Search(sought=Sought(source="")),
    Search(sought=Sought(source="sim", kind="miss")),
    Search(sought=Sought(token_id="tok_acc_b")),
    Search(sought=Sought(account="nobody")),
    Search(sought=Sought(kind="hit"), since_ms=BEGIN_MS + 3 * DAY_MS + 5, until_ms=BEGIN_MS + 40 * DAY_MS + 7),
    Search(since_ms=BEGIN_MS + 10 * DAY_MS, until_ms=BEGIN_MS + 11 * DAY_MS),
    Search(sought=Sought(account="acc_a"), since_ms=BEGIN_MS + 1000 * DAY_MS),
]


def a_call(at_ms: int, chance: random.Random) -> tuple[CallRow, int]:
    """A call, and the hour in which its end is written down, up to fourteen minutes later."""
    account = chance.choices(["acc_a", "acc_b", "acc_c"], [100, 2, 20])[0]
    code, kind, source = chance.choice([(0, "hit", "sim")] * 5 + [(0, "miss", "sim"), (302, "refused", None)])
    if chance.random() < 0.01:
        code, kind, source = 500, "failed", None
    row = CallRow(
        request_id=new_id("req", at_ms * 1_000_000, chance.randbytes(5)),
        at_ms=at_ms,
        account=account,
        token_id=f"tok_{account}",
        endpoint="user-notes",
        code=code,
        kind=kind,
        amount=10 if code == 0 else 0,
        duration_ms=5,
        source=source,
    )
    return row, (at_ms + chance.choice([0, 0, 60_000, 840_000])) // HOUR_MS * HOUR_MS


@pytest.fixture
def money(store: tuple[str, Path | str]) -> Iterator[Database]:
    with closing(open_room(store[0], "money", store[1])) as database:
        yield database


@pytest.fixture
def rows(money: Database) -> Sequence[CallRow]:
    """Calls of sixty days, with quiet ones among them, newest first."""
    chance = random.Random(4)
    busy = [day for day in range(DAYS) if day not in range(15, 55)]
    made = [a_call(BEGIN_MS + chance.choice(busy) * DAY_MS + chance.randrange(DAY_MS), chance) for _ in range(CALLS)]
    _fill(money, made)
    return sorted((row for row, _ in made), key=lambda row: row.request_id, reverse=True)


def _fill(money: Database, made: Sequence[tuple[CallRow, int]]) -> None:
    counted: dict[Slot, tuple[int, int]] = {}
    for row, hour in made:
        named = {name: getattr(row, name) for name in ("account", "token_id", "endpoint", "code", "kind")}
        slot = Slot(**named, hour_ms=hour, source=row.source or "")
        number, credits_ = counted.get(slot, (0, 0))
        counted[slot] = number + 1, credits_ + row.amount

    def fill(db: calls.Connection) -> None:
        for name in ("acc_a", "acc_b", "acc_c"):
            its = Account(
                id=name, name=name, zone="UTC", balance=0, held=0, active=True, chain_head=b"", created_ms=BEGIN_MS
            )
            accounts.add_account(db, its)
        calls.add(db, [row for row, _ in made])
        calls.count(db, counted)

    money.write(fill)


def matches(row: CallRow, search: Search) -> bool:
    sought, at_ms = search.sought, made_ms(row.request_id)
    named = {name: getattr(sought, name) for name in ("account", "token_id", "code", "kind")}
    return (
        all(wanted in {None, getattr(row, name)} for name, wanted in named.items())
        and sought.source in {None, row.source or ""}
        and search.since_ms <= at_ms < (search.until_ms or 2**62)
    )


def paged(money: Database, search: Search, limit: int, most: int) -> list[LogPage]:
    pages: list[LogPage] = []
    before = None
    while not pages or before is not None:
        pages.append(money.read(lambda db, at=before: logbook.log_page(db, search, at, limit, most)))
        assert pages[-1].before is None or before is None or pages[-1].before < before, "every page goes further back"
        before = pages[-1].before
    return pages


@pytest.mark.parametrize("most", [10, 100_000])
def test_all_pages_together_hold_every_call_that_matches_once_and_in_order(
    money: Database, rows: Sequence[CallRow], most: int
) -> None:
    for search in SEARCHES:
        pages = paged(money, search, 20, most)
        expected = [row for row in rows if matches(row, search)]
        assert [row for page in pages for row in page.rows] == expected, search
        assert all(len(page.rows) <= 20 for page in pages)


def test_a_page_that_is_full_says_so_and_one_that_looked_at_enough_says_how_far(
    money: Database, rows: Sequence[CallRow]
) -> None:
    full, *_ = paged(money, SEARCHES[0], 20, 100_000)
    assert (len(full.rows), full.before, full.reached_ms) == (20, rows[19].request_id, None)
    stopped, *_ = paged(money, Search(sought=Sought(code=500)), 20, 10)
    assert stopped.before is not None
    assert stopped.reached_ms is not None
    assert stopped.reached_ms <= rows[0].at_ms


def test_days_without_calls_are_skipped_at_once(money: Database, rows: Sequence[CallRow]) -> None:
    """Between the newest calls of an account and its oldest lie forty quiet days, and one page goes over them."""
    found = [row for row in rows if row.account == "acc_b"]
    [page] = paged(money, Search(sought=Sought(account="acc_b")), 50, 100_000)
    assert list(page.rows) == found
    assert page.rows[0].at_ms - page.rows[-1].at_ms > 40 * DAY_MS


@pytest.mark.parametrize("minutes", [0, 7, 15, 29, 44, 59])
def test_no_call_is_lost_where_a_page_stops_looking(money: Database, minutes: int) -> None:
    """Thirty days before the newest, at any minute of an hour, calls stand close together; each is found once."""
    chance = random.Random(minutes)
    newest_ms = BEGIN_MS + 40 * DAY_MS + minutes * 60_000
    edge_ms = newest_ms - 30 * DAY_MS
    times = [newest_ms, *(edge_ms + 300_000 * step + chance.randrange(300_000) for step in range(-48, 49))]
    made = [a_call(at_ms, chance) for at_ms in times]
    _fill(money, made)
    search = Search(sought=Sought(kind="hit"), until_ms=newest_ms + 1)
    expected = sorted((row for row, _ in made if matches(row, search)), key=lambda row: row.request_id, reverse=True)
    found = [row for page in paged(money, search, 500, 100_000) for row in page.rows]
    assert found == expected


def test_an_empty_log_has_an_empty_page(money: Database) -> None:
    for search in SEARCHES:
        assert paged(money, search, 20, 10) == [LogPage(rows=())]


@pytest.mark.parametrize("cursor", ["req_", "x", "led_1m8dj2rfs8cwfr3m6", "req_1m8dj2rfs8cwfrIm6", "req_\0", "'"])
def test_what_is_no_place_in_the_log_is_refused(money: Database, rows: Sequence[CallRow], cursor: str) -> None:
    with pytest.raises(UsageError, match="begin with the newest"):
        money.read(lambda db: logbook.log_page(db, Search(), cursor, 20))


def test_totals_are_those_of_whole_hours(money: Database, rows: Sequence[CallRow]) -> None:
    found = money.read(lambda db: logbook.totals(db, Search(), BEGIN_MS, BEGIN_MS + DAYS * DAY_MS + HOUR_MS))
    assert (found.calls, found.credits) == (CALLS, sum(row.amount for row in rows))
    refused = Search(sought=Sought(account="acc_a", code=302))
    told = money.read(lambda db: logbook.totals(db, refused, 0, BEGIN_MS + 90 * DAY_MS))
    assert told.calls == sum(matches(row, refused) for row in rows)
    assert told.credits == 0
    asked = Search(since_ms=BEGIN_MS + 5 * DAY_MS + 12_345)
    assert money.read(lambda db: logbook.totals(db, asked, 0, 0)).since_ms == BEGIN_MS // HOUR_MS * HOUR_MS + 5 * DAY_MS


def test_the_ledger_by_the_page_holds_every_entry_once(money: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(BEGIN_S * 10**9, 2 * BEGIN_S * 10**9, 10**9))
    books = Accounting(money, KEY, lambda: next(clock))
    names = [books.open_account(name, balance=1000, zone="UTC").id for name in ("one", "two")]
    for number in range(60):
        books.adjust(names[number % 2], 1 + number, "because")
    books.top_up("one", 5, "more")
    monkeypatch.setattr(logbook, "ENTRIES_LOOKED_AT", 7)
    for account in (None, *names):
        every = books.newest_entries(account, 1000)
        for kind in (None, "topup", "adjust", "refund"):
            found, before, pages = [], None, 0
            while pages == 0 or before is not None:
                page = money.read(lambda db, at=before, of=account, its=kind: logbook.ledger_page(db, of, its, at, 4))
                found, before, pages = found + list(page.rows), page.before, pages + 1
            assert found == [one for one in every if kind in {None, one.entry.kind}], (account, kind)


def test_an_accounts_ledger_does_not_go_on_at_an_entry_of_another(money: Database) -> None:
    books = Accounting(money, KEY, lambda: BEGIN_S * 10**9)
    one, two = (books.open_account(name, balance=1000, zone="UTC").id for name in ("one", "two"))
    [entry] = books.newest_entries(one, 1)
    with pytest.raises(UsageError, match="begin with the newest"):
        money.read(lambda db: logbook.ledger_page(db, two, None, entry.entry.id, 4))
