"""What the proof of the ledger says of each thing that is wrong: whose it is, which entry, what there should be."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import pytest

from hongshu.engine.money import audit
from hongshu.engine.money.audit import Verified, verify
from hongshu.engine.money.entries import charge_id
from hongshu.engine.money.jobs import Paid
from hongshu.models import Cache
from money.room import KEY, Room

pytestmark = pytest.mark.files("somebody writes into them")

OPENING: Final = 100
DEAR, CHEAP, HELD = 7, 3, 7
LEFT: Final = OPENING - DEAR - CHEAP

PAST_THE_GUARDS: Final = (
    "DROP TRIGGER IF EXISTS ledger_stays_as_written",
    "DROP TRIGGER IF EXISTS ledger_stays_whole",
    "PRAGMA ignore_check_constraints = ON",
)

Told = tuple[str | None, str, int | None]
"""The account's name, what is said, and the number of the entry that it is said of."""


class Books:
    """One shop's ledger: an opening, a dear charge and a cheap one, and a call in flight."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.account = room.account("shop", OPENING).id
        self._token = room.token()
        [(opening,)] = room.rows("SELECT id FROM ledger")
        self.calls = [room.call(self._token) for _ in range(3)]
        self.entries = [opening, *(charge_id(call.request_id) for call in self.calls[:2])]

    async def trade(self) -> None:
        metering = self._room.metering()
        await metering.settle(self.calls[0], Paid(price=DEAR, cache=Cache.MISS, source="one", recorded_ms=1))
        await metering.settle(self.calls[1], Paid(price=CHEAP, cache=Cache.HIT, source="one", recorded_ms=1))
        await metering.admit(self.calls[2])

    def tamper(self, change: str) -> None:
        with closing(apsw.Connection(str(Path(self._room.store[1]) / "money.db"))) as stranger:
            for one in (*PAST_THE_GUARDS, change):
                stranger.execute(one).fetchall()

    def proof(self) -> Verified:
        return verify(self._room.database, KEY)

    def told(self) -> set[Told]:
        """Return what the proof finds; entries by their numbers."""
        numbers = {one: number for number, one in enumerate(self.entries, start=1)}
        found = self.proof().differences
        return {(one.account_name, one.what, numbers[one.entry] if one.entry else None) for one in found}


@pytest.fixture
async def books(file_room: Room) -> Books:
    made = Books(file_room)
    await made.trade()
    return made


SEAL: Final = ("shop", "the account's seal does not fit the end of its chain", None)
BROKEN: Final = "the entry does not follow from the one before"
WRONG_KIND: Final = "the entry holds something of a wrong kind"
WITHOUT_THE_FIRST: Final[set[Told]] = {
    ("shop", WRONG_KIND, 1),
    ("shop", BROKEN, 2),
    ("shop", "its number is 2, not 1", 2),
    ("shop", f"the balance after it is {OPENING - DEAR}, not {-DEAR}", 2),
}
"""A row that cannot be reckoned with is passed by, and the next does not follow from what there was before it."""
CASES: Final[dict[str, tuple[str, set[Told]]]] = {
    "more balance": (
        "UPDATE accounts SET balance = balance + 1",
        {SEAL, ("shop", f"the balance is {LEFT + 1}, but the sum of its entries is {LEFT}", None)},
    ),
    "an entry more": (
        "UPDATE accounts SET entries = entries + 1",
        {SEAL, ("shop", "the number of entries is 4, but the last entry's number is 3", None)},
    ),
    "less held": (
        "UPDATE accounts SET held = held - 2",
        {("shop", f"the held amount is {HELD - 2}, but the sum of its holds is {HELD}", None)},
    ),
    "a hold gone": (
        "DELETE FROM holds",
        {("shop", f"the held amount is {HELD}, but the sum of its holds is 0", None)},
    ),
    "more usage": (
        "UPDATE usage SET credits = credits + 5 WHERE kind = 'hit'",
        {("shop", f"the usage in credits is {DEAR + CHEAP + 5}, but the sum of its charges is {DEAR + CHEAP}", None)},
    ),
    "no usage": (
        "DELETE FROM usage",
        {("shop", f"the usage in credits is 0, but the sum of its charges is {DEAR + CHEAP}", None)},
    ),
    "another head": (
        "UPDATE accounts SET chain_head = zeroblob(32)",
        {SEAL, ("shop", "the account's chain ends in another entry than its last", None)},
    ),
    "another seal": ("UPDATE accounts SET seal = zeroblob(32)", {SEAL}),
    "another source": ("UPDATE ledger SET source = 'two' WHERE number = 2", {("shop", BROKEN, 2)}),
    "another link": (
        "UPDATE ledger SET chain = zeroblob(32) WHERE number = 2",
        {("shop", BROKEN, 2), ("shop", BROKEN, 3)},
    ),
    "another number": (
        "UPDATE ledger SET number = 9 WHERE number = 3",
        {
            ("shop", "its number is 9, not 3", 3),
            ("shop", "the number of entries is 3, but the last entry's number is 9", None),
        },
    ),
    "a cheaper charge": (
        "UPDATE ledger SET amount = -1 WHERE number = 2",
        {
            ("shop", BROKEN, 2),
            ("shop", f"the balance after it is {OPENING - DEAR}, not {OPENING - 1}", 2),
            ("shop", f"the usage in credits is {DEAR + CHEAP}, but the sum of its charges is {1 + CHEAP}", None),
            ("shop", "a charge whose call is not in the call log", 2),
        },
    ),
    "an amount that is text": (
        "UPDATE ledger SET amount = 'much' WHERE number = 3",
        {
            ("shop", WRONG_KIND, 3),
            ("shop", f"the balance is {LEFT}, but the sum of its entries is {LEFT + CHEAP}", None),
            ("shop", "the number of entries is 3, but the last entry's number is 2", None),
            ("shop", f"the usage in credits is {DEAR + CHEAP}, but the sum of its charges is {DEAR}", None),
            ("shop", "the account's chain ends in another entry than its last", None),
            ("shop", "a charge whose call is not in the call log", 3),
        },
    ),
    "a balance that is text": (
        "UPDATE ledger SET balance_after = 'all' WHERE number = 1",
        WITHOUT_THE_FIRST,
    ),
    "a link that is text": (
        "UPDATE ledger SET chain = 'x' WHERE number = 1",
        WITHOUT_THE_FIRST,
    ),
    "a paid call forgotten": (
        "DELETE FROM calls WHERE kind = 'hit'",
        {("shop", "a charge whose call is not in the call log", 3)},
    ),
}


@pytest.mark.parametrize(("change", "told"), CASES.values(), ids=CASES)
async def test_the_proof_says_what_is_wrong(books: Books, change: str, told: set[Told]) -> None:
    assert books.told() == set()
    books.tamper(change)
    assert books.told() == told


async def test_a_paid_call_that_is_not_in_the_ledger_is_named(books: Books) -> None:
    books.tamper("UPDATE calls SET request_id = 'req_x' WHERE kind = 'hit'")
    what = "the call req_x was answered with code 0 and is not in the ledger"
    assert ("shop", what, None) in books.told()


async def test_entries_of_an_account_that_there_is_not_are_told_under_its_id(books: Books) -> None:
    books.tamper("UPDATE ledger SET account = 'acc_gone' WHERE number = 3")
    [found] = [one for one in books.proof().differences if one.account == "acc_gone" and one.entry is None]
    assert (found.what, found.account_name) == ("entries of an account that there is not", None)


async def test_an_account_of_a_wrong_kind_ends_the_proof(books: Books) -> None:
    books.tamper("UPDATE accounts SET chain_head = 'x'")
    proof = books.proof()
    assert (proof.ok, proof.accounts, proof.entries) == (False, 0, 0)
    [found] = proof.differences
    assert (found.account, found.what) == ("", "an account holds something of a wrong kind")


async def test_a_ledger_longer_than_what_is_read_at_once_is_proved_whole(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_AT_ONCE", 2)
    proof = books.proof()
    assert (proof.ok, proof.accounts, proof.entries) == (True, 1, 3)
    books.tamper("UPDATE ledger SET source = 'two' WHERE number = 3")
    assert books.told() == {("shop", BROKEN, 3)}


async def test_no_more_than_so_many_differences_are_told(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_MOST_TOLD", 2)
    books.tamper("UPDATE ledger SET chain = zeroblob(32)")
    assert len(books.proof().differences) == 2
