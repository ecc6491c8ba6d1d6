"""Which rows a group of calls is decided on, and that what it leaves behind is what the next one reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import pytest

from hongshu.engine.money.jobs import (
    Admit,
    Call,
    Capture,
    Delivered,
    Expire,
    Log,
    Paid,
    Release,
    Settle,
    Unwritten,
    WriteOut,
    wanted,
)
from hongshu.engine.money.limits import SECOND_NS
from hongshu.models import Cache
from hongshu.store import group
from hongshu.store.base import among, among_pairs
from hongshu.store.calls import CallRow
from hongshu.store.group import Changes, Hold, KeptAnswer, Rows, Wanted
from money.room import BEGIN_S, Room

T = TypeVar("T")
NOW_NS: Final = BEGIN_S * SECOND_NS
"""2026-09-21 in UTC."""
WRITTEN: Final = Unwritten()
"""Nothing waits to be written."""
PAID: Final = Paid(price=7, cache=Cache.MISS, source="one", recorded_ms=1)


def a_call(number: int, key: str | None = None) -> Call:
    return Call(
        request_id=f"req_{number}",
        began_ns=NOW_NS,
        account=f"acc_{number}",
        token_id=f"tok_{number}",
        endpoint="one",
        key=key,
    )


def a_hold(number: int, **given: Any) -> Hold:
    told: dict[str, Any] = {
        "account": f"acc_{number}",
        "token_id": f"tok_{number}",
        "day": "2026-09-21",
        "lease_ms": 50,
    }
    of = {"request_id": f"req_{number}", "endpoint": "one", "amount": 7, "worker": "wrk_1", "began_ms": 40}
    return Hold(**{**told, **of, **given})


def an_answer(number: int, **given: Any) -> KeptAnswer:
    told: dict[str, Any] = {"account": "acc_1", "idempotency_key": f"key {number}", "question": "one", "source": "two"}
    rest = {"request_id": f"req_{number}", "recorded_ms": 3, "until_ms": 100 + number, "body": bytes([number, 0, 255])}
    return KeptAnswer(**{**told, **rest, **given})


def a_row(number: int) -> CallRow:
    return CallRow(
        request_id=f"req_{number}",
        at_ms=1,
        account=f"acc_{number}",
        token_id=f"tok_{number}",
        endpoint="one",
        code=0,
        kind="hit",
        amount=0,
        duration_ms=1,
        source=None,
        keyed=0,
    )


def rows_of(*jobs: Any, unwritten: Unwritten = WRITTEN) -> dict[str, Any]:
    """Return what is wanted for jobs, without what is wanted for none."""
    found = msgspec.structs.asdict(wanted(jobs, unwritten, NOW_NS))
    assert found.pop("since_day") == "2026-09-19"
    return {name: set(one) for name, one in found.items() if one}


WHOLE = {"accounts": {"acc_1"}, "tokens": {"tok_1"}}
KEYED = {"keys": {("acc_1", "k")}}
HELD = {"requests": {"req_1"}}


@pytest.mark.parametrize(
    ("job", "rows"),
    [
        (Settle(call=a_call(1), paid=PAID), WHOLE),
        (Settle(call=a_call(1, "k"), paid=PAID), WHOLE | KEYED),
        (Admit(call=a_call(1), price=7), WHOLE),
        (Admit(call=a_call(1, "k"), price=7), WHOLE | KEYED),
        (Capture(call=a_call(1), paid=PAID), WHOLE | HELD),
        (Capture(call=a_call(1, "k"), paid=PAID), WHOLE | HELD | KEYED),
        (Release(call=a_call(1), code=301), WHOLE | HELD),
        (Release(call=a_call(1, "k"), code=None), WHOLE | HELD | KEYED),
        (Log(call=a_call(1, "k"), code=400, kind="refused"), {"accounts": {"acc_1"}}),
        (Expire(hold=a_hold(1)), WHOLE | HELD),
        (Delivered(request_id="req_1"), {}),
        (WriteOut(), {}),
    ],
)
def test_a_job_is_decided_on_its_own_rows(job: Any, rows: dict[str, Any]) -> None:
    assert rows_of(job) == rows


def test_a_group_is_decided_on_the_rows_of_all_its_jobs_and_of_what_was_not_written() -> None:
    jobs = [Delivered(request_id="req_9"), Admit(call=a_call(1), price=7), Release(call=a_call(2, "k"), code=301)]
    assert rows_of(*jobs, unwritten=Unwritten(calls=((a_row(3), 0),))) == {
        "accounts": {"acc_1", "acc_2", "acc_3"},
        "tokens": {"tok_1", "tok_2"},
        "requests": {"req_2"},
        "keys": {("acc_2", "k")},
    }


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_days_are_wanted_from_two_before_that_of_greenwich_on(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """Wherever the machine is: a day earlier is that of a zone in the west, two that of a database's slower clock."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = {wanted([], WRITTEN, NOW_NS + hours * 3600 * SECOND_NS).since_day for hours in (-14, 9)}
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == {"2026-09-19"}


class Store:
    """The rows of groups in a room, where two accounts have a token each."""

    def __init__(self, room: Room) -> None:
        self.database = room.database
        self.account = room.account("shop", 100)
        self.token = room.token("shop")
        self.other = room.token("shop")

    def load(self, **given: Any) -> Rows:
        told = {
            "accounts": frozenset({self.account.id}),
            "tokens": frozenset({self.token.id}),
            "since_day": "2026-09-19",
        }
        return self.database.write(lambda db: group.load(db, Wanted(**{**told, **given})))

    def save(self, **changes: Any) -> bool:
        return self.database.write(lambda db: group.save(db, Changes(**changes)))

    def read(self, work: Callable[..., T], *given: Any) -> T:
        return self.database.read(lambda db: work(db, *given))

    def hold(self, number: int, **given: Any) -> Hold:
        return a_hold(number, **{"account": self.account.id, "token_id": self.token.id, **given})

    def answer(self, number: int, **given: Any) -> KeptAnswer:
        return an_answer(number, account=self.account.id, **given)


@pytest.fixture
def kept(room: Room) -> Store:
    return Store(room)


def test_nothing_to_write_is_told_as_that(kept: Store) -> None:
    assert not kept.save()
    assert kept.save(used={(kept.token.id, "2026-09-21"): 1})


def test_holds_are_read_as_they_were_written_by_request_and_by_key(kept: Store) -> None:
    plain, keyed = kept.hold(1), kept.hold(2, idempotency_key="k", question="page 1", amount=0)
    assert kept.save(holds=[plain, keyed])
    assert kept.load().holds == {}
    assert kept.load(requests=frozenset({"req_1", "req_9"})).holds == {"req_1": plain}
    assert kept.load(keys=frozenset({(kept.account.id, "k")})).holds == {"req_2": keyed}
    both = kept.load(requests=frozenset({"req_1", "req_2"}), keys=frozenset({(kept.account.id, "k"), ("acc_9", "k")}))
    assert both.holds == {"req_1": plain, "req_2": keyed}
    assert kept.read(group.held, (kept.account.id, "k"))
    assert not kept.read(group.held, (kept.account.id, "other"))
    assert kept.save(holds_gone=["req_2"])
    assert kept.read(group.holds) == (1, 7)
    assert kept.read(group.held_by_account) == {kept.account.id: 7}
    assert not kept.read(group.held, (kept.account.id, "k"))


def test_answers_are_read_as_they_were_written_by_key(kept: Store) -> None:
    one, two = kept.answer(1), kept.answer(2)
    key = (kept.account.id, "key 1")
    assert kept.save(answers=[one, two])
    assert kept.load().answers == {}
    assert kept.load(keys=frozenset({key})).answers == {key: one}
    assert kept.read(group.kept_answer, key) == one
    assert kept.read(group.kept_answer, (kept.account.id, "key 9")) is None
    assert kept.read(group.kept_answer, ("acc_9", "key 1")) is None
    assert kept.read(group.answers_bytes) == 6
    assert kept.save(answers_gone=[key])
    assert kept.load(keys=frozenset({key, (kept.account.id, "key 2")})).answers == {(kept.account.id, "key 2"): two}


def test_answers_whose_time_is_over_are_forgotten_so_many_at_once(kept: Store) -> None:
    kept.save(answers=[kept.answer(number) for number in range(5)])
    assert kept.database.write(lambda db: group.forget_answers(db, 104, 3))
    assert not kept.database.write(lambda db: group.forget_answers(db, 104, 3))
    assert kept.read(group.kept_answer, (kept.account.id, "key 4")) == kept.answer(4)
    assert kept.read(group.answers_bytes) == 3


def test_days_in_use_are_read_from_a_day_on_and_those_of_holds(kept: Store) -> None:
    mine, others = kept.token.id, kept.other.id
    old, new = "2026-09-18", "2026-09-19"
    kept.save(used={(mine, old): 3, (mine, new): 4, (others, new): 5}, holds=[kept.hold(1, day=old)])
    assert kept.load().used == {(mine, new): 4}
    assert kept.load(tokens=frozenset({mine, others})).used == {(mine, new): 4, (others, new): 5}
    assert kept.load(requests=frozenset({"req_1"})).used == {(mine, old): 3, (mine, new): 4}
    kept.save(used={(mine, new): 6})
    assert kept.read(group.used_on, mine, new) == 6
    assert kept.read(group.used_on, mine, "2026-09-20") == 0
    assert kept.read(group.used_on, others, old) == 0


def test_accounts_and_tokens_are_those_that_are_wanted(kept: Store) -> None:
    rows = kept.load()
    assert rows.accounts == {kept.account.id: kept.account}
    assert rows.tokens == {kept.token.id: kept.token}


def test_holds_are_overdue_after_their_lease_and_before_any_that_could_be_given(kept: Store) -> None:
    leases = {1: 99, 2: 100, 3: 120, 4: 121}
    kept.save(holds=[kept.hold(number, lease_ms=lease) for number, lease in leases.items()])
    found = kept.read(group.overdue, 100, 20, 9)
    assert {one.request_id for one in found} == {"req_1", "req_4"}
    assert len(kept.read(group.overdue, 100, 20, 1)) == 1
    kept.database.write(lambda db: group.renew(db, ["req_4", "req_1"], 110))
    assert kept.read(group.overdue, 100, 20, 9) == []


@pytest.mark.parametrize(("values", "marks"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16)])
def test_lists_have_few_lengths_and_hold_what_was_given(values: int, marks: int) -> None:
    """A database prepares a text for each length: powers of two, the last value repeated."""
    given = [f"v{number}" for number in range(values)]
    text, listed = among({*given})
    assert (text.count("?"), len(listed)) == (marks, marks)
    filled = given or [""]
    assert listed == filled + filled[-1:] * (marks - len(filled))
    if given:
        text, parts = among_pairs({(one, one.upper()) for one in given})
        assert text == ", ".join(["(?, ?)"] * marks)
        assert parts == [part for one in listed for part in (one, one.upper())]
