"""The call log: who is in it, how long it is kept, what it says of delivery, and what all that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

import stores
from hongshu.config import Config, MeteringConfig, StorePlace
from hongshu.engine.money.audit import verify
from hongshu.engine.money.decision import USER_NOTES
from hongshu.engine.money.jobs import Call, Charged, Paid
from hongshu.engine.money.metering import LEFT_AFTER_SECONDS, Metering
from hongshu.engine.money.usage import report
from hongshu.errors import InvalidTokenError, PermissionDeniedError
from hongshu.formats import tokens
from hongshu.ids import new_id
from hongshu.models import Cache
from hongshu.service.whole import Service
from hongshu.store import group
from hongshu.store.accounts import Token
from hongshu.store.calls import CallRow
from hongshu.store.group import Changes, KeptAnswer
from money.commits import commits
from money.room import KEY, UNLIMITED, Room, VirtualClock, code_of, paid

DAY_S = 86_400
KEPT_DAYS = 90
OVERDUE = 1203
"""More than two of the steps in which what is too old is deleted."""
BODY = b"\x28\xb5\x2f\xfd a page"


async def settled(room: Room, metering: Metering, token: Token, key: str | None = None) -> Call:
    """Settle a call for a page at hand."""
    call = room.call(token, key, "page 1")
    assert code_of(await metering.settle(call, paid(body=BODY if key else None))) == 0
    return call


def logged(room: Room) -> list[str]:
    return [row[0] for row in room.rows("SELECT request_id FROM calls ORDER BY request_id")]


def used(room: Room) -> tuple[int, int, int]:
    """Calls, charged ones and credits, as the usage has them."""
    [line] = report(room.database, "shop", "code", None)
    return line.calls, line.charged, line.credits


async def test_calls_are_forgotten_after_their_days_and_nothing_else_is(room: Room) -> None:
    """The row goes on the 91st day; ledger, balance and usage stay, and the proof holds before and after."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    old = await settled(room, metering, token)
    room.clock.pass_by(KEPT_DAYS * DAY_S - 1)
    await metering.tidy()
    assert logged(room) == [old.request_id]
    before = (room.balance(), room.charges(), used(room))
    room.clock.pass_by(DAY_S)
    await metering.tidy()
    assert logged(room) == []
    assert (room.balance(), room.charges(), used(room)) == before == (97, [old.request_id], (1, 1, 3))
    assert room.proven()


async def test_a_charge_whose_call_was_taken_out_is_found_after_older_ones_were_forgotten(room: Room) -> None:
    """Only what is older than the whole log may have no row in it."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    await settled(room, metering, token)
    room.clock.pass_by((KEPT_DAYS + 1) * DAY_S)
    later = [await settled(room, metering, token) for _ in range(3)]
    await metering.tidy()
    assert logged(room) == [one.request_id for one in later]
    assert room.proven()
    room.database.write(lambda db: db.rows("DELETE FROM calls WHERE request_id = ?", (later[1].request_id,)))
    [found] = verify(room.database, KEY).differences
    assert (found.entry, "call log" in found.what) == (f"led_{later[1].request_id.removeprefix('req_')}", True)


@pytest.mark.parametrize("days", [1, 7])
async def test_the_settings_say_for_how_many_days_calls_are_kept(tmp_path: Path, days: int) -> None:
    """`call_log_days`, as the service passes it on."""
    clock = VirtualClock()
    service = Service(
        Config(store=StorePlace(stores.setting(tmp_path)), metering=MeteringConfig(call_log_days=days)), tmp_path, clock
    )
    books, metering = service.ledger.accounting, service.metering
    books.open_account("shop", balance=10, zone="UTC")
    token = books.issue_token("shop", "", UNLIMITED)[0].token
    call = Call(
        request_id=new_id("req", clock(), bytes(5)),
        began_ns=clock(),
        account=token.account,
        token_id=token.id,
        endpoint=USER_NOTES,
    )
    assert isinstance(await metering.settle(call, Paid(price=3, cache=Cache.HIT, source="a", recorded_ms=0)), Charged)
    for seconds, left in ((days * DAY_S - 1, 1), (2, 0)):
        clock.pass_by(seconds)
        await metering.tidy()
        assert service.ledger.database.read(lambda db: db.rows("SELECT count(*) FROM calls")) == [(left,)]
    assert service.ledger.verify().ok
    await service.close()


def a_row(room: Room, token: Token, number: int) -> CallRow:
    return CallRow(
        request_id=new_id("req", room.clock(), number.to_bytes(5, "big")),
        at_ms=room.clock.now_ms,
        account=token.account,
        token_id=token.id,
        endpoint=USER_NOTES,
        code=301,
        kind="failed",
        amount=0,
        duration_ms=1,
    )


def an_answer(room: Room, token: Token, number: int) -> KeptAnswer:
    return KeptAnswer(
        account=token.account,
        idempotency_key=f"key {number}",
        question="page 1",
        request_id=f"req_{number}",
        source="one",
        recorded_ms=1,
        until_ms=room.clock.now_ms + DAY_S * 1000,
        body=BODY,
    )


async def test_one_tidying_forgets_all_that_is_too_old(room: Room) -> None:
    """However much it is: calls of more than 90 days, answers of more than a day; younger ones stay."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    rows = [a_row(room, token, number) for number in range(OVERDUE)]
    answers = [an_answer(room, token, number) for number in range(OVERDUE)]
    room.database.write(lambda db: group.save(db, Changes(calls=rows, answers=answers)))
    room.clock.pass_by((KEPT_DAYS + 1) * DAY_S)
    young = await settled(room, metering, token, "young")
    await metering.tidy()
    assert logged(room) == [young.request_id]
    assert room.rows("SELECT idempotency_key FROM answers") == [("young",)]


def delivered(room: Room, ids: Sequence[str]) -> list[int]:
    """Whether each of these calls is noted as handed over."""
    marks = dict(room.rows("SELECT request_id, delivered FROM calls"))
    return [marks[one] for one in ids]


async def test_a_delivery_is_noted_with_a_later_commit_and_costs_none(room: Room) -> None:
    """However long nothing else is written, no transaction is made for it; the next charge brings it along."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    calls = [await settled(room, metering, token) for _ in range(3)]
    spare = 0 if room.kind == "sqlite" else 2  # a server has some of its own
    with commits(room) as made:
        for one in calls:
            metering.delivered(one.request_id)
        await asyncio.sleep(6 * LEFT_AFTER_SECONDS)
        assert made() <= spare
        assert delivered(room, [one.request_id for one in calls]) == [0, 0, 0]
        await settled(room, metering, token)
        assert 1 <= made() <= 1 + spare
    assert delivered(room, [one.request_id for one in calls]) == [1, 1, 1]


async def test_a_delivery_is_noted_only_when_the_answer_has_surely_left(room: Room) -> None:
    """A commit right after the answer was handed to the HTTP server does not say so yet; a later one does."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    first = await settled(room, metering, token)
    metering.delivered(first.request_id)
    second = await settled(room, metering, token)
    assert delivered(room, [first.request_id, second.request_id]) == [0, 0]
    metering.delivered(second.request_id)
    await asyncio.sleep(6 * LEFT_AFTER_SECONDS)
    await settled(room, metering, token)
    assert delivered(room, [first.request_id, second.request_id]) == [1, 1]


async def test_a_crash_before_the_answer_had_surely_left_leaves_an_orphan(room: Room) -> None:
    """It may have reached its caller or not: it is listed, once it is old enough, and can be refunded."""
    room.account(balance=100)
    token, dying, metering = room.token(), room.worker(), room.metering()
    early, late = [await settled(room, dying.metering, token) for _ in range(2)]
    dying.metering.delivered(early.request_id)
    await asyncio.sleep(6 * LEFT_AFTER_SECONDS)
    dying.metering.delivered(late.request_id)
    keyed = await settled(room, dying.metering, token, "key")
    dying.die()
    room.workers.remove(dying)
    room.clock.pass_by(3600)
    await metering.tidy()
    assert delivered(room, [early.request_id, late.request_id, keyed.request_id]) == [1, 0, 0]
    [orphan] = room.accounting.orphans()
    assert orphan.request_id == late.request_id
    room.accounting.refund(f"led_{late.request_id.removeprefix('req_')}")
    assert room.accounting.orphans() == []
    assert room.proven()


async def test_who_may_not_call_is_logged_and_who_is_nobody_is_not(room: Room) -> None:
    """A 600 of each kind is a row of its account and counts in its usage; a 100 belongs to no account."""
    room.account(balance=100)
    room.account("idle", balance=100)
    metering = room.metering()
    scope, suspended, good, revoked = room.issued(), room.issued("idle"), room.issued(), room.issued()
    away = room.issued(allowance=msgspec.structs.replace(UNLIMITED, networks=("203.0.113.0/24",)))
    other = "UPDATE tokens SET scopes = '[\"other\"]' WHERE id = ?"
    room.database.write(lambda db: db.rows(other, (scope[0].id,)))
    room.accounting.set_active("idle", active=False)
    room.accounting.revoke_token(revoked[0].id)
    unknown = tokens.minted(tokens.API, bytes(30))
    for number, (_, secret) in enumerate((scope, away, suspended, away)):
        with pytest.raises(PermissionDeniedError):
            await metering.screen(secret, USER_NOTES, "127.0.0.1", f"req_{number}")
    for secret in (unknown, revoked[1], "hs_nothing", None):
        with pytest.raises(InvalidTokenError):
            await metering.screen(secret, USER_NOTES, "127.0.0.1", "req_nobody")
    assert (await metering.screen(good[1], USER_NOTES, "127.0.0.1", "req_good")).token_id == good[0].id
    await metering.flush()
    rows = room.rows("SELECT request_id, token_id, code, kind, amount FROM calls ORDER BY request_id")
    assert rows == [
        (f"req_{number}", one[0].id, 600, "refused", 0) for number, one in enumerate((scope, away, suspended, away))
    ]
    for name, expected in (("shop", 3), ("idle", 1)):
        [line] = report(room.database, name, "code", None)
        assert (line.value, line.calls, line.charged, line.credits) == (600, expected, 0, 0)
    assert room.proven()
