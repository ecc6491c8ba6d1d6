"""One group of calls, pure: every row that it leaves behind, to the last column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from hongshu.engine.money.book import ANSWERS_KEPT_NS, LEASE_NS, LONGEST_LEASE_MS, Book
from hongshu.engine.money.decision import USER_NOTES, limits_of
from hongshu.engine.money.entries import sealed, with_entry
from hongshu.engine.money.jobs import (
    Admit,
    Admitted,
    Call,
    Capture,
    Charged,
    Delivered,
    Done,
    Expire,
    Job,
    Log,
    Outcome,
    Paid,
    Pending,
    Refused,
    Release,
    Replay,
    Settle,
    Unwritten,
    WriteOut,
)
from hongshu.engine.money.limits import SECOND_NS
from hongshu.models import Cache
from hongshu.store.accounts import Standing
from hongshu.store.calls import CallRow, Slot
from hongshu.store.group import Changes, Hold, KeptAnswer, Rows
from hongshu.store.ledger import Entry
from money.room import BEGIN_S, KEY, a_standing

NOW_NS = BEGIN_S * SECOND_NS + 1_999_999
NOW_MS = BEGIN_S * 1000 + 1
BEGAN_NS = NOW_NS - 5_000_000
HOUR_MS = BEGIN_S * 1000 - BEGIN_S % 3600 * 1000
DAY = "2026-09-21"
PAGE = Paid(price=7, cache=Cache.MISS, source="one", recorded_ms=4, body=b"body")
STANDING = a_standing(balance=100, held=20, tat_ns=0)
USED = ("tok", DAY)


def a_call(number: int = 1, **more: Any) -> Call:
    words = {"account": "acc", "token_id": "tok", "endpoint": USER_NOTES, "key": "k", "question": "page 1"}
    return Call(request_id=f"req_{number}", began_ns=BEGAN_NS, **{**words, **more})


def a_hold(call: Call, amount: int = 20, **more: Any) -> Hold:
    words = {"request_id": call.request_id, "account": "acc", "token_id": "tok", "endpoint": USER_NOTES}
    words |= {"day": DAY, "worker": "wrk", "lease_ms": NOW_MS, "began_ms": 0}
    words |= {"idempotency_key": call.key, "question": call.question}
    return Hold(amount=amount, **{**words, **more})


def an_answer(call: Call, until_ms: int) -> KeptAnswer:
    return KeptAnswer(
        account="acc",
        idempotency_key=call.key or "",
        question=call.question,
        request_id="req_0",
        source="one",
        recorded_ms=4,
        until_ms=until_ms,
        body=b"kept",
    )


def a_book(
    *, holds: Iterable[Hold] = (), answers: Iterable[KeptAnswer] = (), standing: Standing = STANDING, ahead_ns: int = 0
) -> Book:
    rows = Rows(
        accounts={"acc": standing.account},
        tokens={"tok": standing.token},
        used={USED: 3},
        holds={one.request_id: one for one in holds},
        answers={(one.account, one.idempotency_key): one for one in answers},
    )
    return Book(rows, KEY, NOW_NS, "wrk", Unwritten(), ahead_ns=ahead_ns)


def done(book: Book, *jobs: Job) -> list[Outcome]:
    return [book.do(job) for job in jobs]


def logged(call: Call, **more: Any) -> CallRow:
    words = {"code": 0, "kind": "miss", "amount": 7, "source": "one", "keyed": 1, **more}
    return CallRow(
        request_id=call.request_id,
        at_ms=BEGAN_NS // 1_000_000,
        account="acc",
        token_id="tok",
        endpoint=USER_NOTES,
        duration_ms=5,
        **words,
    )


def slot(row: CallRow) -> Slot:
    return Slot(
        account="acc",
        hour_ms=HOUR_MS,
        token_id="tok",
        endpoint=USER_NOTES,
        code=row.code,
        kind=row.kind,
        source=row.source or "",
    )


def after_a_charge(call: Call, *, held: int, tat_ns: int | None) -> tuple[Changes, Standing]:
    """What a charge of `PAGE` leaves behind, and the standing after it."""
    entry = Entry(
        id=f"led_{call.request_id.removeprefix('req_')}",
        at_ms=NOW_MS,
        account="acc",
        kind="charge",
        amount=-7,
        token_id="tok",
        request_id=call.request_id,
        endpoint=USER_NOTES,
        source="one",
        cache="miss",
        idempotency_key=call.key,
    )
    account, entered = with_entry(msgspec.structs.replace(STANDING.account, held=held), entry, KEY)
    token = STANDING.token if tat_ns is None else msgspec.structs.replace(STANDING.token, tat_ns=tat_ns)
    answer = msgspec.structs.replace(
        an_answer(call, (NOW_NS + ANSWERS_KEPT_NS) // 1_000_000), request_id=call.request_id, body=b"body"
    )
    row = logged(call)
    changes = Changes(
        accounts=[sealed(account, KEY)],
        answers=[answer],
        entries=[entered],
        calls=[row],
        usage={slot(row): (1, 7)},
        tokens=[] if tat_ns is None else [token],
        used={} if tat_ns is None else {USED: 4},
        holds_gone=[call.request_id] if tat_ns is None else [],
        holds=[],
        answers_gone=[],
        delivered=[],
    )
    return changes, Standing(token=token, account=account)


def test_a_page_at_hand_leaves_its_charge_behind() -> None:
    """Entry, log row, kept answer, rate, quota and balance; what is told is what stands then."""
    book, call = a_book(), a_call()
    expected, standing = after_a_charge(call, held=20, tat_ns=NOW_NS + SECOND_NS)
    assert done(book, Settle(call=call, paid=PAGE)) == [
        Charged(cost=7, balance=93, limits=limits_of(standing, 4, NOW_NS))
    ]
    assert book.must_be_written
    assert repr(book.changes()) == repr(expected)


def test_a_captured_hold_leaves_its_charge_behind() -> None:
    """What was held is free, whatever the price; rate and quota were taken when it was admitted."""
    call = a_call()
    book = a_book(holds=[a_hold(call)])
    expected, standing = after_a_charge(call, held=0, tat_ns=None)
    assert done(book, Capture(call=call, paid=PAGE)) == [
        Charged(cost=7, balance=93, limits=limits_of(standing, 3, NOW_NS))
    ]
    assert repr(book.changes()) == repr(expected)


@pytest.mark.parametrize("key", ["k", None])
def test_an_admitted_call_leaves_its_hold_behind(key: str | None) -> None:
    """With a lease of whole milliseconds; the question stands there only where a key may ask it again."""
    book, call = a_book(), a_call(key=key)
    assert done(book, Admit(call=call, price=10)) == [Admitted()]
    changes = book.changes()
    hold = a_hold(
        call,
        10,
        lease_ms=(NOW_NS + LEASE_NS) // 1_000_000,
        began_ms=BEGAN_NS // 1_000_000,
        question="page 1" if key else None,
    )
    assert repr(changes.holds) == repr([hold])
    assert [one.held for one in changes.accounts] == [30]
    assert (changes.used, changes.calls, changes.entries) == ({USED: 4}, [], [])
    assert book.must_be_written


def test_a_hold_that_is_given_back_is_as_if_it_had_not_been() -> None:
    """In one group as well: its key is free for the next call, and no row of it is written."""
    book, first, second = a_book(), a_call(1), a_call(2)
    outcomes = done(book, Admit(call=first, price=10), Release(call=first, code=301), Admit(call=second, price=10))
    assert outcomes == [Admitted(), Done(), Admitted()]
    changes = book.changes()
    assert [one.request_id for one in changes.holds] == ["req_2"]
    assert (list(changes.holds_gone), changes.used) == ([], {USED: 4})
    assert [one.held for one in changes.accounts] == [30]
    assert list(changes.calls) == [logged(first, code=301, kind="failed", amount=0, source=None)]


def test_a_release_without_a_code_is_not_logged() -> None:
    """And one whose hold is gone gives nothing back."""
    call = a_call()
    book = a_book(holds=[a_hold(call)])
    done(book, Release(call=call, code=None), Release(call=call, code=None), Release(call=a_call(9), code=None))
    changes = book.changes()
    assert (list(changes.holds_gone), changes.used, list(changes.calls)) == (["req_1"], {USED: 2}, [])
    assert [one.held for one in changes.accounts] == [0]


def test_what_may_wait_does_not_have_to_be_written() -> None:
    """Log rows and deliveries ride along; a refusal is one of them."""
    book, poor = a_book(standing=a_standing(balance=6)), a_call(3)
    call = a_call(2, key=None)
    outcomes = done(
        book,
        Settle(call=poor, paid=PAGE),
        Log(call=call, code=500, kind="failed"),
        Log(call=call, code=500, kind="failed"),
        Delivered(request_id="req_0"),
    )
    [refused, *others] = outcomes
    assert isinstance(refused, Refused)
    assert (refused.error.code, others) == (601, [Done()] * 3)
    assert refused.limits == limits_of(a_standing(balance=6), 3, NOW_NS)
    row = logged(call, code=500, kind="failed", amount=0, source=None, keyed=0)
    refusal = logged(poor, code=601, kind="refused", amount=0, source=None)
    assert not book.must_be_written
    assert book.unwritten() == Unwritten(
        calls=((refusal, HOUR_MS), (row, HOUR_MS), (row, HOUR_MS)), delivered=("req_0",)
    )
    assert book.changes() == Changes(
        **{name: [] for name in ("accounts", "tokens", "holds_gone", "holds", "answers_gone", "answers", "entries")},
        calls=[refusal, row, row],
        usage={slot(refusal): (1, 0), slot(row): (2, 0)},
        delivered=["req_0"],
    )
    done(book, WriteOut())
    assert book.must_be_written


@pytest.mark.parametrize(("until_ms", "is_kept"), [(NOW_MS, False), (NOW_MS + 1, True)])
def test_an_answer_is_kept_until_its_millisecond(until_ms: int, is_kept: bool) -> None:
    """Then its key is free, and its row goes."""
    call = a_call()
    book = a_book(answers=[an_answer(call, until_ms)])
    [outcome] = done(book, Settle(call=call, paid=PAGE))
    assert isinstance(outcome, Replay if is_kept else Charged)
    assert list(book.changes().answers_gone) == ([] if is_kept else [("acc", "k")])
    assert [one.kind for one in book.changes().calls] == ["replay" if is_kept else "miss"]


@pytest.mark.parametrize("question", ["page 1", "page 2"])
@pytest.mark.parametrize("until_ms", [NOW_MS, NOW_MS + 1])
def test_an_answer_that_is_not_what_was_written_is_neither_told_nor_paid_for_again(
    until_ms: int, question: str
) -> None:
    """Nothing in it can be told, nor when its time is over, nor what was asked."""
    damaged = msgspec.structs.replace(an_answer(a_call(), until_ms), is_sound=False)
    book = a_book(answers=[damaged])
    outcomes = done(book, Settle(call=a_call(question=question), paid=PAGE), Admit(call=a_call(2), price=10))
    assert [one.error.code for one in outcomes if isinstance(one, Refused)] == [500, 500]
    changes = book.changes()
    assert (changes.answers_gone, changes.answers, changes.entries, changes.holds) == ([], [], [], [])
    assert [one.code for one in changes.calls] == [500, 500]


def test_a_key_in_flight_is_waited_for_and_another_question_is_refused() -> None:
    """Both by the hold alone; neither is charged."""
    book = a_book(holds=[a_hold(a_call(1))])
    same, other = a_call(2), a_call(3, question="page 2")
    [waits, refused] = done(book, Settle(call=same, paid=PAGE), Admit(call=other, price=10))
    assert waits == Pending()
    assert isinstance(refused, Refused)
    assert (refused.error.code, [one.code for one in book.changes().calls]) == (400, [400])
    assert refused.error.message.endswith(
        "this Idempotency-Key was used with other parameters; take a new key for each different call"
    )


def test_a_call_of_nobody_known_is_refused_and_counted_by_utc() -> None:
    """Its token or account is gone; what is logged of it has an hour all the same."""
    book = a_book(standing=a_standing(balance=100, zone="Asia/Kolkata"))
    [one, other] = done(book, Settle(call=a_call(1, account="gone"), paid=PAGE), Admit(call=a_call(2), price=10))
    assert isinstance(one, Refused)
    assert (one.error.code, other) == (100, Admitted())
    done(book, Log(call=a_call(3), code=301, kind="failed"))
    half_an_hour_ms = 1_800_000
    [utc, local] = [hour for _, hour in book.unwritten().calls]
    assert (utc, (local - utc) % 3_600_000) == (HOUR_MS, half_an_hour_ms)


def test_of_two_calls_under_a_key_in_one_group_one_is_charged() -> None:
    """The other has the first one's answer, though it is not in the database yet."""
    book = a_book()
    [first, second] = done(book, Settle(call=a_call(1), paid=PAGE), Settle(call=a_call(2), paid=PAGE))
    assert isinstance(first, Charged)
    assert isinstance(second, Replay)
    assert (second.answer.request_id, second.answer.body) == ("req_1", b"body")
    assert [one.entry.request_id for one in book.changes().entries] == ["req_1"]


@pytest.mark.parametrize(("key", "body"), [(None, b"body"), ("k", None)])
def test_only_a_body_under_a_key_is_kept(key: str | None, body: bytes | None) -> None:
    """Without a key nobody can ask for it again."""
    book = a_book()
    [outcome] = done(book, Settle(call=a_call(key=key), paid=msgspec.structs.replace(PAGE, body=body)))
    assert isinstance(outcome, Charged)
    assert book.changes().answers == []


@pytest.mark.parametrize(("address", "code"), [("203.0.113.7", 0), ("198.51.100.7", 600), ("", 600)])
def test_a_call_is_decided_by_the_address_that_it_came_from(address: str, code: int) -> None:
    """It may have changed hands since it was screened."""
    book = a_book(standing=a_standing(balance=100, networks=("203.0.113.0/24",)))
    [outcome] = done(book, Settle(call=a_call(address=address), paid=PAGE))
    assert (outcome.error.code if isinstance(outcome, Refused) else 0) == code


def test_a_charge_on_a_day_without_calls_tells_that_none_is_used() -> None:
    """What was admitted before midnight counts for the day before."""
    hold = a_hold(a_call(), day="2026-09-20")
    rows = Rows(
        accounts={"acc": STANDING.account}, tokens={"tok": STANDING.token}, used={}, holds={"req_1": hold}, answers={}
    )
    [outcome] = done(Book(rows, KEY, NOW_NS, "wrk", Unwritten()), Capture(call=a_call(), paid=PAGE))
    assert isinstance(outcome, Charged)
    assert outcome.limits.used_today == 0


@pytest.mark.parametrize(("ahead_ns", "duration_ms"), [(0, 5), (2_000_000, 3), (10**9, 0)])
def test_how_long_a_call_took_is_told_by_the_clock_that_it_began_by(ahead_ns: int, duration_ms: int) -> None:
    """The group's time may be another machine's; no call takes less than nothing."""
    book = a_book(ahead_ns=ahead_ns)
    done(book, Log(call=a_call(), code=301, kind="failed"))
    assert [one.duration_ms for one in book.changes().calls] == [duration_ms]


@pytest.mark.parametrize(
    ("lease_ms", "lapses"),
    [(NOW_MS - 1, True), (NOW_MS, False), (NOW_MS + LONGEST_LEASE_MS, False), (NOW_MS + LONGEST_LEASE_MS + 1, True)],
)
def test_a_hold_lapses_when_its_lease_is_over_or_was_never_given(lease_ms: int, lapses: bool) -> None:
    """To the millisecond, whatever nanoseconds the group has."""
    hold = a_hold(a_call(), lease_ms=lease_ms)
    book = a_book(holds=[hold])
    done(book, Expire(hold=hold))
    assert list(book.changes().holds_gone) == (["req_1"] if lapses else [])
    assert book.must_be_written == lapses


def test_a_hold_of_a_day_that_nobody_counts_is_given_back_to_nobody() -> None:
    """The use of a quota never falls below nothing."""
    hold = a_hold(a_call(), day="2026-09-20")
    book = a_book(holds=[hold])
    done(book, Release(call=a_call(), code=None))
    assert book.changes().used == {("tok", "2026-09-20"): 0}


def test_an_expired_hold_of_another_group_is_left_alone() -> None:
    """It ended meanwhile: there is nothing to give back."""
    book = a_book()
    assert done(book, Expire(hold=a_hold(a_call()))) == [Done()]
    assert not book.must_be_written
    assert list(book.changes().holds_gone) == []


def test_a_rate_from_before_a_clock_was_set_back_is_written_with_the_refusal() -> None:
    """Else every call would be refused for as long as the clock was wrong."""
    book = a_book(standing=a_standing(balance=100, burst=3, tat_ns=NOW_NS + 10**15))
    [outcome] = done(book, Settle(call=a_call(), paid=PAGE))
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, book.must_be_written) == (302, True)
    assert [one.tat_ns for one in book.changes().tokens] == [NOW_NS + 3 * SECOND_NS]
