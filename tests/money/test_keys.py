"""Idempotency: under one key an account is charged once and told the same bytes, whatever happens in between."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.book import LEASE_NS, Book
from hongshu.engine.money.jobs import (
    Admitted,
    Call,
    Charged,
    Expire,
    Outcome,
    Paid,
    Pending,
    Refused,
    Replay,
    Unwritten,
)
from hongshu.engine.money.limits import SECOND_NS
from hongshu.engine.money.metering import Metering
from hongshu.errors import CollectionFailedError, DamagedError, InvalidParametersError, StoreDownError
from hongshu.models import Cache
from hongshu.store.accounts import Token
from hongshu.store.group import Hold, Rows
from money.room import BEGIN_S, Room, a_standing, code_of

BODY = b"\x28\xb5\x2f\xfd the page as it left \x00\xff"
LEASE_S = LEASE_NS // SECOND_NS
DAY_S = 86_400
PAGE = Paid(price=7, cache=Cache.MISS, source="one", recorded_ms=1, body=BODY)
OTHER = msgspec.structs.replace(PAGE, body=b"another body", source="two", recorded_ms=2)


@pytest.fixture
def token(room: Room) -> Token:
    room.account(balance=100)
    return room.token()


@pytest.fixture
def metering(room: Room) -> Metering:
    return room.metering()


def body_of(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Replay), outcome
    return outcome.answer.body


async def charged(metering: Metering, call: Call, page: Paid = PAGE) -> None:
    """Admit and capture a call."""
    assert isinstance(await metering.admit(call), Admitted)
    assert isinstance(await metering.capture(call, page), Charged)


async def kinds(room: Room, metering: Metering) -> list[tuple[int, str, int]]:
    """Return code, kind and amount of every logged call, oldest first."""
    await metering.flush()
    return [tuple(row) for row in room.rows("SELECT code, kind, amount FROM calls ORDER BY request_id")]


async def test_the_same_question_under_a_key_gets_the_same_bytes(room: Room, token: Token, metering: Metering) -> None:
    """By each of the three ways to ask, for nothing, with the first call's id and source; each told once in the log."""
    first = room.call(token, "k", "page 1")
    await charged(metering, first)
    answers = [
        body_of(await metering.settle(room.call(token, "k", "page 1"), OTHER)),
        body_of(await metering.admit(room.call(token, "k", "page 1"))),
    ]
    kept = await metering.replay(room.call(token, "k", "page 1"))
    assert kept is not None
    assert [*answers, kept.body] == [BODY] * 3
    assert (kept.request_id, kept.source, kept.recorded_ms) == (first.request_id, "one", 1)
    assert (room.balance(), room.held(), room.charges()) == (93, 0, [first.request_id])
    assert await kinds(room, metering) == [(0, "miss", 7), *[(0, "replay", 0)] * 3]
    assert room.tables("quotas")["quotas"][0][-1] == 1
    assert room.proven()


async def test_a_page_at_hand_is_kept_under_its_key_too(room: Room, token: Token, metering: Metering) -> None:
    """What was settled at once is replayed like what was collected."""
    assert code_of(await metering.settle(room.call(token, "k", "page 1"), PAGE)) == 0
    assert body_of(await metering.settle(room.call(token, "k", "page 1"), OTHER)) == BODY
    assert room.balance() == 93


@pytest.mark.parametrize("changed", ["question = 'page 2'", "source = 'eno'", "until_ms = 1", "recorded_ms = 9"])
async def test_a_damaged_answer_is_neither_told_nor_paid_for_again(
    room: Room, token: Token, metering: Metering, changed: str
) -> None:
    """500 by each way to ask, until it is mended; another call of the same group is let in."""
    await charged(metering, room.call(token, "k", "page 1"))
    room.database.write(lambda db: db.rows(f"UPDATE answers SET {changed}"))
    asked = [room.call(token, "k", "page 1") for _ in range(3)]
    one, other, another = await asyncio.gather(
        metering.settle(asked[0], OTHER),
        metering.admit(asked[1]),
        metering.settle(room.call(token, "l", "page 1"), PAGE),
    )
    assert [code_of(outcome) for outcome in (one, other, another)] == [500, 500, 0]
    with pytest.raises(DamagedError, match="a row of answers"):
        await metering.replay(asked[2])
    assert (room.balance(), room.held(), len(room.charges())) == (86, 0, 2)


async def test_another_question_under_a_used_key_is_refused(room: Room, token: Token, metering: Metering) -> None:
    """With 400 and words that say to take another key, by each way to ask; the first answer stays."""
    await charged(metering, room.call(token, "k", "page 1"))
    other = [room.call(token, "k", "page 2") for _ in range(3)]
    for outcome in (await metering.settle(other[0], OTHER), await metering.admit(other[1])):
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, InvalidParametersError)
        assert "Idempotency-Key" in outcome.error.message
    with pytest.raises(InvalidParametersError, match="Idempotency-Key"):
        await metering.replay(other[2])
    assert body_of(await metering.settle(room.call(token, "k", "page 1"), OTHER)) == BODY
    assert (room.balance(), len(room.charges())) == (93, 1)


async def test_a_key_in_flight_refuses_another_question_at_once(room: Room, token: Token, metering: Metering) -> None:
    """Nobody need wait to learn that the key is taken for something else."""
    assert isinstance(await metering.admit(room.call(token, "k", "page 1")), Admitted)
    assert code_of(await metering.settle(room.call(token, "k", "page 2"), PAGE)) == 400
    assert code_of(await metering.admit(room.call(token, "k", "page 2"))) == 400


async def test_a_key_means_nothing_to_another_account(room: Room, token: Token, metering: Metering) -> None:
    """It gets its own page, and pays for it; another token of the same account gets the first one's answer."""
    await charged(metering, room.call(token, "k", "page 1"))
    room.account("other", balance=100)
    stranger = room.token("other")
    assert await metering.replay(room.call(stranger, "k", "page 1")) is None
    await charged(metering, room.call(stranger, "k", "page 1"), OTHER)
    assert body_of(await metering.admit(room.call(stranger, "k", "page 1"))) == OTHER.body
    assert body_of(await metering.admit(room.call(token, "k", "page 1"))) == BODY
    assert body_of(await metering.admit(room.call(room.token(), "k", "page 1"))) == BODY
    assert (room.balance(), room.balance("other")) == (93, 93)


async def test_a_key_is_free_again_after_a_day(room: Room, token: Token, metering: Metering) -> None:
    """To the millisecond, for any question, whether or not the old answer was cleared away by then."""
    await charged(metering, room.call(token, "k", "page 1"))
    room.clock.pass_by(DAY_S - 0.001)
    assert body_of(await metering.settle(room.call(token, "k", "page 1"), OTHER)) == BODY
    room.clock.pass_by(0.001)
    assert await metering.replay(room.call(token, "k", "page 2")) is None
    assert code_of(await metering.settle(room.call(token, "k", "page 2"), OTHER)) == 0
    assert body_of(await metering.settle(room.call(token, "k", "page 2"), PAGE)) == OTHER.body
    assert room.balance() == 86
    room.clock.pass_by(DAY_S + 1)
    await metering.tidy()
    assert room.tables("answers") == {"answers": []}
    await charged(metering, room.call(token, "k", "page 3"))
    assert room.balance() == 79


async def test_while_the_first_is_in_flight_others_wait(room: Room, token: Token, metering: Metering) -> None:
    """They get no answer and leave no trace; after a failure the next is let in, after a success it replays."""
    first, second = room.call(token, "k", "page 1"), room.call(token, "k", "page 1")
    assert isinstance(await metering.admit(first), Admitted)
    before = room.tables()
    assert isinstance(await metering.admit(second), Pending)
    assert isinstance(await metering.settle(room.call(token, "k", "page 1"), PAGE), Pending)
    assert room.tables() == before
    metering.release(first, 301)
    await metering.no_longer_pending(second, asyncio.get_running_loop().time() + 20)
    await charged(metering, second)
    assert body_of(await metering.admit(room.call(token, "k", "page 1"))) == BODY
    assert room.charges() == [second.request_id]
    assert await kinds(room, metering) == [(301, "failed", 0), (0, "miss", 7), (0, "replay", 0)]


async def test_who_waits_for_a_key_longer_than_the_deadline_gets_301(
    room: Room, token: Token, metering: Metering
) -> None:
    """And is told to come back with the same key."""
    call = room.call(token, "k", "page 1")
    await metering.admit(call)
    with pytest.raises(CollectionFailedError, match="same key"):
        await metering.no_longer_pending(call, asyncio.get_running_loop().time() + 0.05)


async def test_only_successes_are_remembered(room: Room, token: Token, metering: Metering) -> None:
    """A key whose call was refused or failed is as good as new, for any question."""
    poor = room.token(allowance=Allowance(rate_per_minute=60, burst=5, daily_quota=0))
    assert code_of(await metering.settle(room.call(poor, "k", "page 1"), PAGE)) == 303
    failed = room.call(token, "k", "page 2")
    await metering.admit(failed)
    metering.release(failed, 500)
    await metering.flush()
    await charged(metering, room.call(token, "k", "page 3"))
    assert room.balance() == 93


async def test_a_replay_comes_before_rate_quota_and_balance(room: Room) -> None:
    """A caller that has used up everything still gets what it paid for, and not what it did not."""
    room.account(balance=7)
    token = room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=1))
    metering = room.metering()
    await charged(metering, room.call(token, "k", "page 1"))
    assert code_of(await metering.settle(room.call(token, "new", "page 1"), PAGE)) == 302
    assert body_of(await metering.admit(room.call(token, "k", "page 1"))) == BODY
    room.accounting.set_active("shop", active=False)
    assert code_of(await metering.admit(room.call(token, "k", "page 1"))) == 600
    room.accounting.set_active("shop", active=True)
    room.accounting.revoke_token(token.id)
    assert code_of(await metering.admit(room.call(token, "k", "page 1"))) == 100


async def lapsed(room: Room, token: Token, key: str | None) -> tuple[Call, Metering, Metering]:
    """Admit a call whose process then stands still until another has given its hold back."""
    slow, other = room.metering(), room.metering()
    call = room.call(token, key, "page 1")
    assert isinstance(await slow.admit(call), Admitted)
    room.clock.pass_by(LEASE_S)
    await other.tidy()
    assert room.held() == 7, "a lease holds to its end"
    room.clock.pass_by(0.002)
    await other.tidy()
    assert (room.held(), room.tables("holds")["holds"]) == (0, [])
    return call, slow, other


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_call_that_lost_its_hold_is_decided_again(room: Room, token: Token, key: str | None) -> None:
    """It is charged once, counted once, and its rate is not taken twice."""
    token = room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=5))
    call, slow, _ = await lapsed(room, token, key)
    assert room.rows("SELECT used FROM quotas WHERE token_id = ?", (token.id,)) == [(0,)]
    assert code_of(await slow.capture(call, PAGE)) == 0
    assert (room.balance(), room.held(), room.charges()) == (93, 0, [call.request_id])
    assert room.rows("SELECT used FROM quotas WHERE token_id = ?", (token.id,)) == [(1,)]
    assert room.proven()


async def test_a_call_that_lost_its_hold_is_refused_where_the_money_is_gone(room: Room, token: Token) -> None:
    """Nobody is let into debt for a process that stood still; the refusal is logged, and nothing is charged."""
    call, slow, other = await lapsed(room, token, "k")
    room.accounting.adjust("shop", -94, "spent elsewhere")
    assert code_of(await slow.capture(call, PAGE)) == 601
    assert (room.balance(), room.charges()) == (6, [])
    assert await kinds(room, slow) == [(601, "refused", 0)]
    assert await other.replay(room.call(token, "k", "page 1")) is None
    assert room.proven()


async def test_a_key_that_was_answered_meanwhile_is_not_charged_twice(room: Room, token: Token) -> None:
    """A second process took the key over; the first, when it wakes, tells that one's answer."""
    call, slow, other = await lapsed(room, token, "k")
    await charged(other, room.call(token, "k", "page 1"), OTHER)
    assert body_of(await slow.capture(call, PAGE)) == OTHER.body
    assert room.balance() == 93
    await other.flush()
    assert await kinds(room, slow) == [(0, "replay", 0), (0, "miss", 7)]
    assert room.proven()


async def test_a_key_that_another_holds_by_now_is_waited_for(room: Room, token: Token) -> None:
    """The first, when it wakes, is one of those who wait; whoever ends first is the one that is charged."""
    call, slow, other = await lapsed(room, token, "k")
    second = room.call(token, "k", "page 1")
    assert isinstance(await other.admit(second), Admitted)
    assert isinstance(await slow.capture(call, PAGE), Pending)
    assert code_of(await other.capture(second, OTHER)) == 0
    assert body_of(await slow.admit(call)) == OTHER.body
    assert (room.balance(), room.charges()) == (93, [second.request_id])


async def test_two_processes_know_each_others_keys(room: Room, token: Token) -> None:
    """A key is one for all processes on a store: in flight in one, it is pending in the other; then it is replayed."""
    one, two = room.metering(), room.metering()
    call = room.call(token, "k", "page 1")
    await one.admit(call)
    assert isinstance(await two.admit(room.call(token, "k", "page 1")), Pending)
    assert isinstance(await two.settle(room.call(token, "k", "page 1"), OTHER), Pending)
    await one.capture(call, PAGE)
    assert body_of(await two.admit(room.call(token, "k", "page 1"))) == BODY
    assert room.charges() == [call.request_id]


async def test_of_many_at_once_under_one_key_one_is_let_in(room: Room, token: Token) -> None:
    """In two processes and in one group alike; after its capture every other gets its bytes."""
    meterings = [room.metering(), room.metering()]
    calls = [room.call(token, "k", "page 1") for _ in range(20)]
    outcomes = await asyncio.gather(*(meterings[turn % 2].admit(call) for turn, call in enumerate(calls)))
    [winner] = [turn for turn, outcome in enumerate(outcomes) if isinstance(outcome, Admitted)]
    assert sum(isinstance(outcome, Pending) for outcome in outcomes) == 19
    assert code_of(await meterings[winner % 2].capture(calls[winner], PAGE)) == 0
    others = [(turn, call) for turn, call in enumerate(calls) if turn != winner]
    told = await asyncio.gather(*(meterings[turn % 2].settle(call, OTHER) for turn, call in others))
    assert {body_of(outcome) for outcome in told} == {BODY}
    assert (room.balance(), room.charges()) == (93, [calls[winner].request_id])


async def test_a_hold_lives_as_long_as_its_process_gives_signs_of_life(room: Room, token: Token) -> None:
    """A call in flight that takes long keeps its hold: its process renews the lease whenever it tidies."""
    metering, other = room.metering(), room.metering()
    call = room.call(token, "k", "page 1")
    await metering.admit(call)
    room.clock.pass_by(LEASE_S - 1)
    await metering.tidy()
    room.clock.pass_by(LEASE_S - 1)
    await other.tidy()
    assert room.held() == 7
    assert code_of(await metering.capture(call, PAGE)) == 0


@pytest.mark.parametrize(("ends_in_s", "lapses"), [(-1, True), (0, False), (LEASE_S, False), (3 * LEASE_S, True)])
def test_a_hold_that_was_renewed_meanwhile_does_not_lapse(ends_in_s: int, lapses: bool) -> None:
    """What another process saw as overdue is looked at again under the lock; no lease reaches far into the future."""
    now_ms = BEGIN_S * 1000
    account, token = a_standing(balance=9, held=7).account, a_standing().token
    words = {
        "account": account.id,
        "token_id": token.id,
        "endpoint": "",
        "amount": 7,
        "day": "2026-09-21",
        "began_ms": 0,
    }
    hold = Hold(request_id="req", worker="wrk", lease_ms=now_ms + ends_in_s * 1000, **words)
    rows = Rows(
        accounts={account.id: account}, tokens={}, used={(token.id, "2026-09-21"): 1}, holds={"req": hold}, answers={}
    )
    book = Book(rows, b"", BEGIN_S * SECOND_NS, "other", Unwritten())
    book.do(Expire(hold=msgspec.structs.replace(hold, lease_ms=now_ms - 1)))
    changes = book.changes()
    assert list(changes.holds_gone) == (["req"] if lapses else [])
    assert [one.held for one in changes.accounts] == ([0] if lapses else [])
    assert dict(changes.used) == ({(token.id, "2026-09-21"): 0} if lapses else {})


async def test_a_hold_whose_call_ended_in_a_fault_lapses_though_its_process_is_busy(room: Room, token: Token) -> None:
    """Where a charge could not be written its lease ends the hold, whatever else the process has in flight."""
    worker = room.worker()
    metering = worker.metering
    failing, other = room.call(token, "k", "page 1"), room.call(token)
    await metering.admit(failing)
    await metering.admit(other)
    room.interrupt(worker)
    with pytest.raises(StoreDownError):
        await metering.capture(failing, msgspec.structs.replace(PAGE, body=bytes(50_000)))
    room.resume(worker)
    room.clock.pass_by(LEASE_S - 1)
    await metering.tidy()
    room.clock.pass_by(2)
    await metering.tidy()
    assert room.rows("SELECT request_id FROM holds") == [(other.request_id,)]
    assert isinstance(await metering.admit(room.call(token, "k", "page 1")), Admitted)


async def test_a_kept_answer_is_written_with_its_charge(room: Room, token: Token, metering: Metering) -> None:
    """Byte for byte, and in one transaction: a reader of the database finds both or neither."""
    both = "SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM ledger WHERE kind = 'charge')"
    for number in range(1, 6):
        await charged(metering, room.call(token, f"k{number}", "page 1"))
        assert room.rows(both) == [(number, number)]
    room.interrupt(room.workers[0])
    with pytest.raises(StoreDownError):
        await metering.settle(room.call(token, "k", "page 1"), msgspec.structs.replace(PAGE, body=bytes(50_000)))
    assert room.rows(both) == [(5, 5)]
    assert {bytes(row[0]) for row in room.rows("SELECT body FROM answers")} == {BODY}
