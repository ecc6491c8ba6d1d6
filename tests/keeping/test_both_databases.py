"""One contract for both databases: what is written comes back alike, in the same order, under the same guards."""

from __future__ import annotations

import inspect
import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import apsw
import msgspec
import psycopg
import pytest

from databases import KINDS, Postgres, open_room
from hongshu.engine.money.accounting import Accounting, Allowance
from hongshu.engine.saver import save
from hongshu.engine.serving import at_hand
from hongshu.errors import StoreError, UsageError
from hongshu.formats.envelopes import read
from hongshu.life.walking import Walk
from hongshu.models import (
    BOTTOM,
    EVERYONE,
    TOP,
    Asked,
    Count,
    Counters,
    Event,
    Kept,
    Kind,
    Look,
    Note,
    Observation,
    Page,
    Place,
    Precision,
    Profile,
    Reply,
    Served,
    Shape,
    Stretch,
    Verdict,
)
from hongshu.sources.simulator import World
from hongshu.store import (
    accounts,
    batches,
    calls,
    coverage,
    creators,
    events,
    group,
    health,
    ledger,
    migrating,
    notes,
    observations,
    profiles,
    spending,
    timelines,
)
from hongshu.store.accounts import Account, Operator, Token
from hongshu.store.base import Connection, Database, among, read_together
from hongshu.store.batches import Batch, Course, Orders, State, Sum, Target
from hongshu.store.calls import CallRow, Slot, Sought
from hongshu.store.group import Changes, Hold, KeptAnswer, Wanted
from hongshu.store.ledger import Entered, Entry
from hongshu.store.timelines import Timeline

Where = tuple[str, Path | str]

TEXTS: Final = (
    *("", " ", "é", "e\u0301", "𠮷野家", "👩\u200d👩\u200d👧", "\u202eolleh", "\ufeff", "\uffff", "\U0010ffff"),
    *("\x01\x7f\x9f", "a\tb\r\n", "'; DROP TABLE ledger; --", "100 % $1 ? ?? :a", "\\x41\\", '"', "长" * 100_000),
)
NUMBERS: Final = (0, 1, 2**31, 2**53 + 1, 2**62, 2**63 - 1)
IDS: Final = ("_", "0", "A", "Z", "a", "z", "é", "中", "𠮷")
"""In the order of their UTF-8 bytes, which is nobody's alphabet."""
KEY: Final = bytes(32)
SIGNS: Final = bytes(range(256))
NOTE: Final = "6563d2a0000000000000abcd"


@pytest.fixture
def money(store: Where) -> Iterator[Database]:
    """The money room, empty."""
    with closing(open_room(store[0], "money", store[1])) as room:
        yield room


@pytest.fixture
def kept(store: Where) -> Iterator[Database]:
    """The notes room, empty."""
    with closing(open_room(store[0], "notes", store[1])) as room:
        yield room


def an_account(identifier: str, name: str = "", **more: Any) -> Account:
    told = {"zone": "UTC", "balance": 0, "held": 0, "active": True, "chain_head": b"", "created_ms": 1, **more}
    return Account(id=identifier, name=name or f"name of {identifier}", **told)


def a_token(identifier: str, account: str, **more: Any) -> Token:
    told = {"name": "", "shown_start": "hs_abcd", "scopes": ("user-notes",), "networks": (), "expires_ms": None, **more}
    limits = {"rate_per_minute": 60, "burst": 5, "daily_quota": 10, "active": True, "created_ms": 1}
    return Token(id=identifier, account=account, **{**limits, **told})


def an_entry(account: str, number: int, **more: Any) -> Entered:
    entry = Entry(id=f"led_{account}{number}", at_ms=number, account=account, **{"kind": "topup", "amount": 5, **more})
    return Entered(entry=entry, number=number, balance_after=5 * number, chain=bytes([number % 256]) * 32)


def a_hold(request_id: str, account: str, **more: Any) -> Hold:
    told = {"token_id": "tok", "endpoint": "e", "amount": 7, "day": "2026-11-23", "worker": "w", **more}
    return Hold(request_id=request_id, account=account, **{"lease_ms": 100, "began_ms": 1, **told})


def a_call(request_id: str, **more: Any) -> CallRow:
    told = {"at_ms": 1, "account": "a", "token_id": "tok", "endpoint": "e", "code": 0, "kind": "miss", "amount": 7}
    return CallRow(request_id=request_id, **{"duration_ms": 12, **told, **more})


def an_answer(account: str, key: str, **more: Any) -> KeptAnswer:
    told = {"question": "q", "request_id": "req", "source": "s", "recorded_ms": 1, "until_ms": 100, "body": b"\0\xff"}
    return KeptAnswer(account=account, idempotency_key=key, **{**told, **more})


def opened(room: Database, *ids: str) -> None:
    room.write(lambda db: [accounts.add_account(db, an_account(one)) for one in ids])


def test_accounts_come_back_as_they_were_written(money: Database) -> None:
    """Any text, the largest numbers, in the order of their ids; found by name and by id."""
    written = [an_account(f"acc_{at:02}", f"n{at}{text[:64]}", zone=text) for at, text in enumerate(TEXTS)]
    money.write(lambda db: [accounts.add_account(db, one) for one in written])
    assert money.read(accounts.accounts) == written
    moved = [
        msgspec.structs.replace(one, balance=number, held=number, entries=number, chain_head=SIGNS, seal=SIGNS[::-1])
        for one, number in zip(written, itertools.cycle(NUMBERS), strict=False)
    ]
    money.write(lambda db: accounts.move(db, moved))
    amended = msgspec.structs.replace(moved[3], zone="Asia/Kolkata", low_balance=2**62, active=False)
    money.write(lambda db: accounts.amend(db, amended))
    kept = [*moved[:3], amended, *moved[4:]]
    assert money.read(accounts.accounts) == kept
    assert money.read(accounts.balances) == (len(kept), sum(one.balance for one in kept))  # more than 64 bits hold
    assert money.read(accounts.low) == [(one.id, one.balance) for one in kept if one.is_low] != []
    names = {one.id: one.name for one in kept[2:9]}
    assert money.read(lambda db: accounts.names(db, [*names, "acc_none", *names])) == names
    assert money.read(lambda db: accounts.names(db, [])) == {}
    for one in (moved[2], amended):
        assert money.read(lambda db, one=one: accounts.account(db, one.name)) == one
        assert money.write(lambda db, one=one: accounts.locked(db, one.id)) == one
    assert money.read(lambda db: accounts.account(db, "nobody")) is None
    seals = {accounts.seal(key, one) for key in (KEY, SIGNS[:32]) for one in (*moved, amended)}
    assert len(seals) == 2 * len(moved)  # balance, entries and id are sealed, not the rest


def test_tokens_and_operators_come_back_as_they_were_written(money: Database) -> None:
    """With scopes, networks and limits; by their secret, the one before it until its grace ends."""
    opened(money, "a")
    told = {"scopes": TEXTS[:8], "networks": TEXTS, "rate_per_minute": 10**9, "burst": 10**9, "daily_quota": 10**9}
    token = a_token("tok_1", "a", name=TEXTS[9], expires_ms=2**53 + 1, created_ms=2**53 + 1, **told)
    other = a_token("tok_2", "a")
    money.write(lambda db: [accounts.add_token(db, one, one.id.encode()) for one in (token, other)])
    assert money.read(accounts.tokens) == money.read(lambda db: accounts.tokens(db, "a")) == [token, other]
    assert money.read(lambda db: accounts.tokens(db, "b")) == []
    assert money.read(lambda db: accounts.newest_tokens(db, None, "u", 9)) == [other, token]
    assert money.read(lambda db: accounts.newest_tokens(db, "a", other.id, 9)) == [token]
    assert money.read(lambda db: accounts.newest_tokens(db, "a", "u", 1)) == [other]
    assert money.read(lambda db: [accounts.tokens_of(db, one) for one in "ab"]) == [(2, 2), (0, 0)]
    assert money.read(lambda db: accounts.token(db, "tok_3")) is None
    late = msgspec.structs.replace(other, tat_ns=2**63 - 1)
    money.write(lambda db: accounts.delay(db, [late]))
    money.write(lambda db: accounts.rotate_token(db, "tok_2", b"new", "hs_new0", 50))
    turned = msgspec.structs.replace(late, shown_start="hs_new0", former_until_ms=50)
    for secret, now_ms, found in ((b"new", 99, turned), (b"tok_2", 49, turned), (b"tok_2", 50, None), (b"x", 0, None)):
        standing = money.read(lambda db, secret=secret, now_ms=now_ms: accounts.standing(db, secret, now_ms))
        assert (standing and standing.token) == found
    money.write(lambda db: accounts.revoke_token(db, "tok_1"))
    assert money.read(lambda db: accounts.token(db, "tok_1")) == msgspec.structs.replace(token, active=False)
    ann = Operator(id="opr_1", name=TEXTS[7], active=True, created_ms=2**53 + 1)
    money.write(lambda db: accounts.add_operator(db, ann, b"ann"))
    assert money.read(lambda db: accounts.operator(db, b"ann")) == ann
    gone = msgspec.structs.replace(ann, active=False)
    assert money.write(lambda db: accounts.revoke_operator(db, "opr_1")) == gone
    assert money.read(accounts.operators) == [gone]
    assert money.read(lambda db: accounts.operator(db, b"ann")) is None
    assert [money.write(lambda db, one=one: accounts.keep_key_check(db, one, KEY)) for one in (b"\0k", b"x")] == [
        b"\0k"
    ] * 2
    assert money.read(accounts.key_check) == b"\0k"


@pytest.mark.parametrize("amount", [10**9, 2**31, 2**63])
@pytest.mark.parametrize("limit", ["rate_per_minute", "burst", "daily_quota"])
def test_a_limit_is_kept_or_refused_in_words(money: Database, limit: str, amount: int) -> None:
    """However large, it never becomes a failure of the store, nor another number."""
    books = Accounting(money, KEY, lambda: 1)
    books.open_account("a", balance=0, zone="UTC")
    allowance = Allowance(**{"rate_per_minute": 1, "burst": 1, "daily_quota": 1, limit: amount})
    try:
        issued, _ = books.issue_token("a", "", allowance)
    except UsageError:
        assert amount > 10**9
    else:
        assert getattr(books.token(issued.token.id).token, limit) == amount


def test_what_no_database_can_hold_is_not_found(money: Database) -> None:
    """A name with NUL, as any caller of a route can send it, is nobody's, and no failure."""
    assert money.read(lambda db: accounts.account(db, "a\0b")) is None
    assert money.read(lambda db: accounts.token(db, "\0")) is None
    assert money.read(lambda db: ledger.entry(db, "\0")) is None


def test_entries_come_back_as_they_were_written(money: Database) -> None:
    """In the order of their chain, whatever their ids; the newest first where that is asked."""
    opened(money, "a", "b")
    of = {"token_id": "t", "request_id": "r", "endpoint": "", "source": "中", "cache": "hit", "idempotency_key": " ~"}
    rows = [an_entry("a", number + 1, reference=text) for number, text in enumerate(TEXTS)]
    rows += [an_entry("b", 1), an_entry("b", 2**53 + 1, kind="charge", amount=-(2**62), **of)]
    rows.append(an_entry("b", 2**53 + 2, kind="refund", reference=f"led_b{2**53 + 1}"))
    money.write(lambda db: ledger.add(db, rows))
    assert money.read(lambda db: ledger.entered(db, "a", 0, 99)) == rows[:-3]
    assert money.read(lambda db: ledger.entered(db, "b", 1, 1)) == rows[-2:-1]
    assert [row[0] for row in money.read(lambda db: ledger.chain(db, "b", 0, 2))] == ["b", "b"]
    assert money.read(lambda db: ledger.entry(db, "led_a3")) == rows[2]
    assert money.read(lambda db: ledger.refund_of(db, f"led_b{2**53 + 1}")) == rows[-1].entry.id
    assert money.read(lambda db: ledger.newest(db, "b", 9)) == rows[:-4:-1]
    assert money.read(lambda db: ledger.newest(db, None, 2)) == rows[:-3:-1]
    assert money.read(ledger.accounts_named) == {"a", "b"}
    assert ledger.linked(KEY, b"", rows[0].entry, 5) != ledger.linked(KEY, b"", rows[-2].entry, 5)


@pytest.mark.parametrize(
    "act",
    [
        lambda db: db.rows("UPDATE ledger SET amount = 6"),
        lambda db: db.rows("DELETE FROM ledger WHERE number = 1"),
        lambda db: ledger.add(db, [an_entry("a", 1)]),
        lambda db: ledger.add(db, [an_entry("b", 3, kind="gift")]),
        lambda db: ledger.add(db, [an_entry("nobody", 1)]),
        lambda db: ledger.add(db, [an_entry("b", at, kind="refund", reference="led_1") for at in (5, 6)]),
        lambda db: accounts.move(db, [an_account("a", balance=-1)]),
        lambda db: accounts.move(db, [an_account("a", balance=5, held=6)]),
        lambda db: accounts.move(db, [an_account("a", balance=5, held=-1)]),
        lambda db: accounts.add_account(db, an_account("c", "name of a")),
        lambda db: accounts.add_token(db, a_token("t", "nobody"), b"x"),
        lambda db: accounts.add_token(db, a_token("t", "a", burst=0), b"x"),
        lambda db: [accounts.add_token(db, a_token(one, "a"), b"same") for one in ("t", "u")],
        lambda db: group.save(db, Changes(holds=[a_hold(one, "a", idempotency_key="k") for one in ("r", "s")])),
        lambda db: group.save(db, Changes(holds=[a_hold("r", "a", amount=-1)])),
        lambda db: group.save(db, Changes(used={("t", "2026-11-23"): -1})),
    ],
)
def test_what_must_never_be_is_refused_by_the_database(money: Database, act: Callable[[Connection], object]) -> None:
    """Nothing of the transaction remains, and the next one works."""
    opened(money, "a", "b")
    money.write(lambda db: (ledger.add(db, [an_entry("a", 1)]), accounts.move(db, [an_account("a", balance=5)])))
    with pytest.raises(StoreError):
        money.write(lambda db: (accounts.move(db, [an_account("b", balance=9)]), act(db)))
    assert [one.balance for one in money.read(accounts.accounts)] == [5, 0]
    assert money.read(lambda db: ledger.entered(db, "a", 0, 9)) == [an_entry("a", 1)]
    assert [money.read(lambda db: ledger.entered(db, "b", 0, 9)), money.read(group.holds)] == [[], (0, 0)]


def test_calls_and_usage_come_back_as_they_were_written(money: Database) -> None:
    """Counted by slot, added up, marked, forgotten from the oldest on."""
    rows = [
        a_call(f"req_{at:02}", at_ms=number, amount=number, source=text)
        for at, (number, text) in enumerate(zip(itertools.cycle(NUMBERS), TEXTS, strict=False))
    ]
    money.write(lambda db: calls.add(db, rows))
    money.write(lambda db: calls.add(db, [a_call("req_00", code=500)]))  # a call is logged once
    paid = [row for row in rows if row.amount and row.at_ms < 2**62]
    assert money.read(lambda db: calls.undelivered(db, 2**62, 99)) == paid
    money.write(lambda db: calls.mark_delivered(db, [paid[0].request_id, "req_none"]))
    assert money.read(lambda db: calls.undelivered(db, 2**62, 2)) == paid[1:3]
    assert len(money.read(lambda db: calls.uncharged(db, 3))) == 3
    assert sorted(money.read(lambda db: calls.uncharged(db, 99))) == [("a", row.request_id) for row in rows]
    assert money.read(lambda db: calls.unlogged(db, 9)) == []
    money.write(lambda db: calls.forget(db, "req_05", 3))
    assert min(money.read(lambda db: calls.uncharged(db, 99))) == ("a", "req_03")
    slots = [
        Slot(account=one, hour_ms=2**53 + 1, token_id="t", endpoint=text, code=601, kind=text, source=text)
        for one, text in itertools.product("ab", TEXTS[:-1])
    ]
    money.write(lambda db: [calls.count(db, dict.fromkeys(slots, (1, 2**53))) for _ in range(2)])
    found = money.read(lambda db: [*calls.usage(db, "a", 2**53 + 1), *calls.usage(db, "b", 2**53 + 1)])
    assert {(one.slot, one.calls, one.credits) for one in found} == {(slot, 2, 2**54) for slot in slots}
    assert [money.read(lambda db: calls.usage(db, "c", 0)), money.read(lambda db: calls.usage(db, "a", 2**54))] == [
        [],
        [],
    ]
    assert money.read(calls.spent) == dict.fromkeys("ab", 2**54 * (len(TEXTS) - 1))


def test_a_call_that_lasted_through_a_step_of_the_clock_is_logged(money: Database) -> None:
    """However long it seems to have been; a call under way while the clock was set right by years is one."""
    lasted = a_call("req_1", duration_ms=56 * 365 * 86_400_000)
    money.write(lambda db: calls.add(db, [lasted]))
    assert money.read(lambda db: calls.undelivered(db, 9, 9)) == [lasted]


def test_a_group_comes_back_as_it_was_written(money: Database) -> None:
    """Holds, kept answers, quotas and all else of a group, found by any of what it is wanted by."""
    opened(money, *IDS)
    money.write(lambda db: [accounts.add_token(db, a_token(f"t{one}", one), one.encode()) for one in IDS])
    held = [
        a_hold(f"r{one}", one, question=text, lease_ms=2**53 + at)
        for at, (one, text) in enumerate(zip(IDS, TEXTS, strict=False))
    ]
    held += [a_hold("rk", "A", idempotency_key="key ~", worker="v", lease_ms=5, token_id="tA", day="2026-10-01")]
    kept = [an_answer(one, "key ~", question=text, body=text.encode()) for one, text in zip(IDS, TEXTS, strict=False)]
    changes = Changes(
        accounts=[an_account(one, balance=99, held=7) for one in IDS],
        tokens=[a_token("tA", "A", tat_ns=2**62)],
        used={("tA", "2026-11-23"): 2**53 + 1, ("tA", "2026-11-01"): 1, ("tA", "2026-10-01"): 4},
        holds=held,
        answers=kept,
        entries=[an_entry("A", 1)],
        calls=[a_call("r1")],
        delivered=["r1"],
    )
    money.write(lambda db: group.save(db, changes))
    wanted = Wanted(
        accounts=frozenset(IDS),
        tokens=frozenset({"tA"}),
        since_day="2026-11-22",
        requests=frozenset({"rA", "rz", "rk", "none"}),
        keys=frozenset({("A", "key ~"), ("é", "key ~"), ("é", "other")}),
    )
    rows = money.write(lambda db: group.load(db, wanted))
    assert rows.accounts == {one.id: one for one in changes.accounts}
    assert list(rows.accounts) == sorted(IDS)
    assert rows.tokens == {"tA": changes.tokens[0]}
    assert rows.used == {("tA", "2026-11-23"): 2**53 + 1, ("tA", "2026-10-01"): 4}
    assert rows.holds == {one.request_id: one for one in held if one.request_id in {"rA", "rz", "rk"}}
    assert rows.answers == {("A", "key ~"): kept[2], ("é", "key ~"): kept[6]}
    assert among(["b", "a", "c"]) == ("?, ?, ?, ?", ["a", "b", "c", "c"])
    look_at_parts(money, held, kept)


def look_at_parts(money: Database, held: Sequence[Hold], kept: Sequence[KeptAnswer]) -> None:
    assert money.read(group.holds) == (len(held), 7 * len(held))
    assert money.read(group.held_by_account) == {**dict.fromkeys(IDS, 7), "A": 14}
    assert money.read(lambda db: (group.held(db, ("A", "key ~")), group.held(db, ("é", "key ~")))) == (True, False)
    assert money.read(lambda db: group.kept_answer(db, ("中", "key ~"))) == kept[7]
    assert money.read(lambda db: group.kept_answer(db, ("中", "x"))) is None
    assert money.read(lambda db: group.used_on(db, "tA", "2026-11-23")) == 2**53 + 1
    assert money.read(lambda db: group.used_on(db, "tA", "2026-11-24")) == 0
    assert money.read(lambda db: group.overdue(db, 6, 2**60, 9)) == [held[-1]]
    server_ns = money.read(group.server_ns)
    assert (server_ns is None) == money.inline
    assert server_ns is None or abs(server_ns - time.time_ns()) < 60 * 10**9
    money.write(lambda db: group.renew(db, ["rk", "none"], 2**53))
    assert money.read(lambda db: group.overdue(db, 6, 2**60, 9)) == []
    assert len(money.read(lambda db: group.overdue(db, 6, 1000, 3))) == 3
    assert money.read(group.answers_bytes) == sum(len(one.body) for one in kept)
    money.write(lambda db: group.forget_answers(db, 101, 4))
    assert (
        len([one for one in kept if money.read(lambda db, one=one: group.kept_answer(db, (one.account, "key ~")))]) == 5
    )
    money.write(lambda db: group.save(db, Changes(holds_gone=["rk"], answers_gone=[(one, "key ~") for one in IDS])))
    assert money.read(lambda db: (group.held(db, ("A", "key ~")), group.answers_bytes(db))) == (False, 0)


def a_kept_note(second: int, text: str = "", **more: Any) -> Kept:
    counters = Counters(
        likes=Count(value=2**63 - 1, text="many", precision=Precision.AT_LEAST), shares=Count(value=0, text="0")
    )
    note = Note(
        id=f"{second:024x}",
        shape=Shape.WEB,
        raw=b"",
        wire=text.encode(),
        published_ms=second,
        estimated=bool(second % 2),
        title=text,
        text=text or None,
        nickname=text,
        counters=counters,
        pinned=more.get("pin_rank") is not None,
        goods=None if second % 2 else True,
        hashtags=(text,),
        edited_ms=2**53 + 1,
    )
    told = {"pin_rank": None, "first_seen_ms": 1, "last_seen_ms": 2**53 + 1, "source": text, **more}
    return Kept(note=note, **told)


def test_notes_come_back_as_they_were_written(kept: Database) -> None:
    """With every text and counter, raw forms and observations, in the order of their places, per audience."""
    written = [a_kept_note(at + 1, text) for at, text in enumerate(TEXTS)]
    pins = [a_kept_note(90, "low", pin_rank=1), a_kept_note(80, "high", pin_rank=0)]
    kept.write(lambda db: notes.put(db, "c", EVERYONE, [*written, *pins]))
    kept.write(lambda db: notes.put(db, "c", "acc_1", written[:1]))
    assert kept.read(lambda db: notes.known(db, "c", EVERYONE, [one.note.id for one in written])) == {
        one.note.id: one for one in written
    }
    wires = {one.note.id: one.note.wire for one in written}
    assert kept.read(lambda db: notes.wires(db, "c", EVERYONE, [*wires, "x"])) == wires
    assert kept.read(lambda db: notes.wires(db, "c", EVERYONE, [])) == {}
    shown = kept.read(lambda db: notes.shown_below(db, "c", EVERYONE, TOP, Place(3, ""), 99))
    assert shown == [notes.Shown(one.note.place, one.note.wire, one.source) for one in written[:1:-1]]
    assert [one.source for one in kept.read(lambda db: notes.shown_pinned(db, "c", EVERYONE))] == ["high", "low"]
    assert len(kept.read(notes.pinned("c", EVERYONE).of)) == 2
    assert kept.read(lambda db: notes.place_of(db, "c", "acc_1", written[0].note.id)) == written[0].note.place
    assert kept.read(lambda db: notes.place_of(db, "c", "acc_1", written[1].note.id)) is None
    sure, guessed = [msgspec.structs.replace(written[0].note, estimated=one) for one in (False, True)]
    for who, one, rank in (("sure", sure, None), ("pin", sure, 0), ("guessed", guessed, None)):
        told = msgspec.structs.replace(written[0], note=one, pin_rank=rank)
        kept.write(lambda db, who=who, told=told: notes.put(db, who, EVERYONE, [told]))
    asked = (("sure", sure), ("pin", sure), ("guessed", sure), ("x", sure))
    found = [kept.read(lambda db, who=who, one=one: notes.surely_at(db, who, EVERYONE, one.id)) for who, one in asked]
    assert found == [sure.place, None, None, None]
    assert [kept.read(lambda db, at=at: notes.any_below(db, "c", "acc_1", Place(at, ""))) for at in (1, 2)] == [
        False,
        True,
    ]
    kept.write(lambda db: notes.put_raws(db, "c", "", [(NOTE, b"older"), (NOTE, bytes(range(256)) * 99)]))
    assert kept.read(lambda db: (notes.raw(db, "c", "", NOTE), notes.raw(db, "c", "x", NOTE))) == (
        bytes(range(256)) * 99,
        None,
    )
    [row] = kept.read(lambda db: db.rows("SELECT creator, audience, id, raw, crc FROM raws"))
    assert notes.raw_in(row) == bytes(range(256)) * 99
    looks = [
        Observation(note_id=NOTE, seen_ms=at, counters=written[0].note.counters, source=TEXTS[9]) for at in NUMBERS
    ]
    for _ in range(2):
        kept.write(lambda db: observations.put(db, "c", "", looks[::-1]))
    assert kept.read(lambda db: observations.of_note(db, "c", "", NOTE)) == looks
    kept.write(lambda db: notes.mark_missing(db, "c", "", [written[2].note.id], 2**53 + 2))
    kept.write(lambda db: notes.unpin(db, "c", "", [pins[0].note.id], 7))
    standing = kept.read(notes.unpinned("c", "", TOP, BOTTOM).of)
    assert {one.place for one in standing} == {one.note.place for one in [*written, pins[0]]}
    missing = {one.place: one.missing_since_ms for one in standing if one.missing_since_ms is not None}
    assert missing == {written[2].note.place: 2**53 + 2, pins[0].note.place: 7}
    assert kept.read(notes.unpinned("c", "", written[2].note.place, written[0].note.place).of) == [
        notes.Standing(one.note.place, one.last_seen_ms, None) for one in written[:2]
    ]


def test_stretches_come_back_as_they_were_written(kept: Database) -> None:
    """From the top down, the difference alone written."""
    stretches = [
        Stretch(upper=Place(at + 10, one), lower=Place(at, "é"), seen_ms=2**53 + 1)
        for at, one in zip(range(900, 0, -100), IDS, strict=True)
    ]
    whole = [Stretch(upper=TOP, lower=Place(2**53 + 1, ""), seen_ms=1), *stretches]
    kept.write(lambda db: coverage.replace(db, "c", "", [], whole[:3]))
    kept.write(lambda db: coverage.replace(db, "c", "", whole[:3], whole))
    assert kept.read(lambda db: coverage.whole(db, "c", "")) == whole
    assert kept.read(lambda db: coverage.below(db, "c", "", Place(700, "é"))) == whole[4:]
    assert kept.read(lambda db: coverage.whole(db, "c", "acc_1")) == []


def test_questions_to_sources_come_back_as_they_were_written(money: Database) -> None:
    """What is open, what a day cost, when the next may be sent, and who rests; closed and old ones are not open."""
    assert money.read(lambda db: spending.any_before(db, "z")) is False
    first = money.write(lambda db: spending.load(db, ["a", "中"], "2026-01-01", ["att_1"]))
    assert (dict(first.next_ns), first.spent, first.open) == ({"a": 0, "中": 0}, {}, {})
    begun = [
        spending.Attempt(id=f"att_{turn}", source="中", day="2026-01-02", at_ms=number, credits=turn)
        for turn, number in enumerate(NUMBERS)
    ]
    took = {("中", "2026-01-01"): spending.Spent(calls=2, credits=2**53 + 1), ("a", "2026-01-02"): spending.Spent()}
    told = spending.Changes(next_ns={"中": 2**62}, spent=took, begun=begun)
    money.write(lambda db: spending.save(db, told))
    ended = msgspec.structs.replace(begun[1], credits=0, outcome="no answer", ended_ms=2**53)
    more = {("中", "2026-01-01"): spending.Spent(calls=3, credits=1)}
    money.write(lambda db: spending.save(db, spending.Changes(spent=more, ended=[ended])))
    ids = [one.id for one in begun]
    found = money.write(lambda db: spending.load(db, ["中"], "2026-01-01", ids))
    assert (dict(found.next_ns), found.spent) == ({"中": 2**62}, more)
    assert found.open == {one.id: one for one in begun if one.id != "att_1"}
    assert money.read(lambda db: spending.spent_since(db, "2026-01-02")) == {("a", "2026-01-02"): spending.Spent()}
    assert money.read(lambda db: spending.unknown(db, "att_5", 3)) == [begun[0], *begun[2:4]]
    money.write(lambda db: spending.forget(db, "att_5", 2))
    assert money.read(lambda db: spending.unknown(db, "att_9", 9)) == begun[2:]
    assert money.read(lambda db: (spending.any_before(db, "att_2"), spending.any_before(db, "att_3"))) == (False, True)
    for name, on in (("a", True), ("new", True), ("a", False)):
        money.write(lambda db, name=name, on=on: spending.pause(db, name, on=on))
    assert money.read(spending.paused) == {"new"}


def test_health_of_sources_comes_back_as_it_was_counted(money: Database) -> None:
    """Counts add up by hour and by day, the last answers stay beside each other, and an alarm keeps its beginning."""
    for hour, number in (("2026-01-01T23", 2), ("2026-01-01T23", 3), ("2026-01-02T00", 2**40)):
        counts = {("verdict", "ok"): number, ("field", TEXTS[3]): 1}
        money.write(lambda db, hour=hour, counts=counts: health.add(db, "中", hour, counts))
    whole = {("verdict", "ok"): 2**40 + 5, ("field", TEXTS[3]): 3}
    assert money.read(lambda db: health.counted(db, "中", "2026")) == whole
    before = {("verdict", "ok"): 5, ("field", TEXTS[3]): 2}
    assert money.read(lambda db: health.counted(db, "中", "2026", "2026-01-02T00")) == before
    assert list(money.read(lambda db: health.by_day(db, "中", "2026-01-01")).items()) == [
        ("2026-01-01", before),
        ("2026-01-02", {("verdict", "ok"): 2**40, ("field", TEXTS[3]): 1}),
    ]
    assert money.read(health.verdicts) == {"中": {"ok": 2**40 + 5}}
    last = [health.State(bad_ms=1, why=TEXTS[6], failures=2), health.State(bad_ms=3, failures=1)]
    last += [health.State(good_ms=2**53 + 1), health.State(bad_ms=4, why="é", failures=7)]
    seen = []
    for one in last:
        money.write(lambda db, one=one: health.note(db, "中", one))
        seen.append(money.read(health.states)["中"])
    assert seen == [
        health.State(bad_ms=1, why=TEXTS[6], failures=2),
        health.State(bad_ms=3, why=TEXTS[6], failures=3),
        health.State(good_ms=2**53 + 1, bad_ms=3, why=TEXTS[6], failures=0),
        health.State(good_ms=2**53 + 1, bad_ms=4, why="é", failures=7),
    ]
    alarms = [health.Alarm(source="中", field=one, since_ms=turn, why=one) for turn, one in enumerate(IDS)]
    money.write(lambda db: health.replace_alarms(db, "中", alarms[:2]))
    money.write(lambda db: health.replace_alarms(db, "a", [msgspec.structs.replace(alarms[3], source="a")]))
    again = [msgspec.structs.replace(one, since_ms=99) for one in alarms]
    money.write(lambda db: health.replace_alarms(db, "中", again))
    expected = sorted([*alarms[:2], *again[2:]], key=lambda one: one.field.encode())
    assert money.read(lambda db: health.alarms_of(db, "中")) == expected
    assert [one.source for one in money.read(health.alarms_of)] == ["a", *["中"] * len(IDS)]
    assert money.read(lambda db: [health.any_before(db, one) for one in ("2026-01-01T23", "2026-01-02")]) == [
        False,
        True,
    ]
    money.write(lambda db: health.forget(db, "2026-01-02"))
    assert money.read(lambda db: health.counted(db, "中", "2026"))["verdict", "ok"] == 2**40


def test_budgets_come_back_as_they_were_written(money: Database) -> None:
    """What they took stays where their caps change, and adds up."""
    given = [
        spending.Budget(id="b1", most_calls=2**40, most_credits=None),
        spending.Budget(id="b2", most_calls=None, most_credits=0),
    ]
    for one in given:
        money.write(lambda db, one=one: spending.set_budget(db, one))
    found = money.write(lambda db: spending.load(db, ["a"], "2026-01-01", [], ["b1", "b2", "b3"]))
    assert dict(found.budgets) == {one.id: one for one in given}
    took = msgspec.structs.replace(given[0], calls=3, credits=2**53 + 1)
    money.write(lambda db: spending.save(db, spending.Changes(budgets=[took])))
    capped = spending.Budget(id="b1", most_calls=None, most_credits=7)
    money.write(lambda db: spending.set_budget(db, capped))
    after = msgspec.structs.replace(took, most_calls=None, most_credits=7)
    assert money.read(lambda db: [spending.budget(db, one) for one in ("b1", "b2", "b3")]) == [after, given[1], None]


def test_what_walks_ask_of_notes_is_told_alike(kept: Database) -> None:
    """Who stands above a place, who is missing since when, and in how many walks a note was absent."""
    written = [a_kept_note(at + 1, "text", last_seen_ms=10) for at in range(6)]
    kept.write(lambda db: notes.put(db, "c", EVERYONE, [*written, a_kept_note(90, "pinned", pin_rank=0)]))
    gone = [written[1].note, written[4].note]
    kept.write(lambda db: notes.mark_missing(db, "c", EVERYONE, [one.id for one in gone], 11))
    places = [one.note.place for one in written]
    assert kept.read(lambda db: notes.next_above(db, "c", EVERYONE, places[0], 2)) == places[2:4]
    assert kept.read(lambda db: notes.next_above(db, "c", EVERYONE, places[5], 2)) == []
    assert kept.read(lambda db: notes.number_and_oldest(db, "c", EVERYONE)) == (5, places[0].published_ms)
    assert kept.read(lambda db: notes.number_and_oldest(db, "nobody", EVERYONE)) == (0, 0)
    for upper, lower, as_of_ms, expected in (
        (TOP, BOTTOM, 11, [gone[1].id, gone[0].id]),
        (places[4], BOTTOM, 11, [gone[0].id]),
        (TOP, places[4], 11, [gone[1].id]),
        (TOP, BOTTOM, 10, []),
    ):
        found = kept.read(
            lambda db, upper=upper, lower=lower, as_of_ms=as_of_ms: notes.missing(
                db, "c", EVERYONE, upper, lower, as_of_ms
            )
        )
        assert [one.note.id for one in found] == expected
    absent = msgspec.structs.replace(written[4], absent=2, absent_ms=2**53 + 1, missing_since_ms=11)
    kept.write(lambda db: notes.note_absent(db, "c", EVERYONE, absent))
    assert kept.read(lambda db: notes.known(db, "c", EVERYONE, [absent.note.id]))[absent.note.id] == absent


def test_events_come_back_as_they_were_written(kept: Database) -> None:
    """Oldest first, each once, with what was and what is."""
    told = [
        Event(note_id=NOTE, kind=kind, seen_ms=at, details={text: (None, text), "edited_ms": (1, 2**53 + 1)})
        for at, (kind, text) in enumerate(zip(Kind, TEXTS, strict=False))
    ]
    for _ in range(2):
        kept.write(lambda db: events.add(db, "c", EVERYONE, "中", told[::-1]))
    kept.write(lambda db: events.add(db, "c", "acc_1", "sim", told[:1]))
    again = ("evt_1", "c", EVERYONE, NOTE, told[0].kind.value, told[0].seen_ms, "sim", "{}")
    kept.write(lambda db: events.put(db, [again]))
    assert kept.read(lambda db: events.of_creator(db, "c", EVERYONE)) == told
    assert kept.read(lambda db: events.of_creator(db, "c", "acc_1")) == told[:1]


def test_timelines_come_back_as_they_were_written(kept: Database) -> None:
    """The last one counts, each audience for itself."""
    for number in NUMBERS:
        told = Timeline(mark=Place(number, IDS[0]), complete_ms=number, whole_ms=0)
        kept.write(lambda db, told=told: timelines.write(db, "c", EVERYONE, told))
        assert kept.read(lambda db: timelines.read(db, "c", EVERYONE)) == told
    assert kept.read(lambda db: timelines.read(db, "c", "acc_1")) is None


def test_what_is_read_together_is_what_is_read_alone(kept: Database) -> None:
    """Each reading tells its own, also where another finds nothing; as often as it is asked."""
    one, told = a_kept_note(7, "é"), Timeline(mark=Place(7, IDS[0]), complete_ms=8, whole_ms=0)
    stretch = Stretch(upper=TOP, lower=one.note.place, seen_ms=1)
    readings = (
        *(notes.of_ids("c", EVERYONE, [one.note.id, "x"]), notes.of_ids("c", EVERYONE, []), notes.pinned("c", "")),
        *(coverage.of_all("c", EVERYONE), timelines.of("c", EVERYONE), timelines.of("c", "acc_1")),
    )
    assert kept.read(lambda db: read_together(db, readings)) == [{}, {}, [], [], None, None]
    kept.write(lambda db: notes.put(db, "c", EVERYONE, [one]))
    kept.write(lambda db: coverage.replace(db, "c", EVERYONE, [], [stretch]))
    kept.write(lambda db: timelines.write(db, "c", EVERYONE, told))
    for work in (kept.read, kept.write):
        assert work(lambda db: read_together(db, readings)) == [{one.note.id: one}, {}, [], [stretch], told, None]
        assert work(lambda db: [reading.of(db) for reading in readings[:4]]) == [{one.note.id: one}, {}, [], [stretch]]


def test_batches_come_back_as_they_were_written(kept: Database) -> None:
    """Orders and courses, and targets with the walk on which they are."""
    orders = Orders(since_ms=2**40, until_ms=None, most_notes=3, full=True)
    told = [Batch(id=f"bat_{one}", created_ms=2**53, course=Course.OPEN, orders=orders) for one in range(3)]
    for one in told:
        kept.write(lambda db, one=one: batches.create(db, one, ["c1", "c2", "c3"]))
    assert kept.read(lambda db: [batches.batch(db, "bat_1"), batches.batch(db, "bat_9")]) == [told[1], None]
    assert kept.read(lambda db: batches.listed(db, 2)) == told[:0:-1]
    kept.write(lambda db: batches.set_course(db, "bat_2", Course.CAPPED))
    assert kept.read(lambda db: batches.listed(db, 1))[0].course is Course.CAPPED
    walk = Walk(cursor=NOTE, marks=bytes(range(256)), newest=Place(5, "é"), oldest_ms=2**53 + 1)
    there = Target(number=1, creator="c2", walk=walk, pages=3, notes=4, fresh=5, changed=6, tries=7, why=TEXTS[9])
    kept.write(lambda db: batches.checkpoint(db, "bat_1", there))
    found = kept.read(lambda db: batches.targets(db, "bat_1"))
    assert found == [Target(number=0, creator="c1"), there, Target(number=2, creator="c3")]
    assert kept.read(lambda db: batches.counts(db, "bat_1")) == {State.WAITING: 3}
    ended = msgspec.structs.replace(there, state=State.COMPLETE, walk=Walk(ended=True, complete=True))
    kept.write(lambda db: batches.checkpoint(db, "bat_1", ended))
    failed = Target(number=2, creator="c3", state=State.FAILED, walk=Walk(ended=True, why="no end"))
    kept.write(lambda db: batches.checkpoint(db, "bat_1", failed))
    assert kept.read(batches.mean_pages) == 3.0
    kept.write(lambda db: batches.reopen(db, "bat_1"))
    found = kept.read(lambda db: batches.targets(db, "bat_1"))
    assert found == [Target(number=0, creator="c1"), ended, Target(number=2, creator="c3")]
    kept.write(lambda db: batches.cancel(db, "bat_1"))
    assert kept.read(lambda db: batches.counts(db, "bat_1")) == {State.COMPLETE: 1, State.CANCELLED: 2}


def test_a_target_is_in_one_hand_at_a_time(kept: Database) -> None:
    """The first that is due, until it is given back, its lease ends or it is not open any more."""

    def claimed(worker: str, now_ms: int) -> int | None:
        target = kept.write(lambda db: batches.claim(db, "b", worker, now_ms, now_ms + 100))
        return None if target is None else target.number

    kept.write(
        lambda db: batches.create(
            db, Batch(id="b", created_ms=1, course=Course.OPEN, orders=Orders()), ["c1", "c2", "c3"]
        )
    )
    kept.write(lambda db: batches.checkpoint(db, "b", Target(number=1, creator="c2", due_ms=1000)))
    assert [claimed("w1", 10), claimed("w2", 10), claimed("w2", 10)] == [0, 2, None]
    held = [("w1", 0), ("w2", 0), ("w2", 2), ("w2", 9)]
    assert [kept.write(lambda db, one=one: batches.is_held(db, "b", one[1], one[0])) for one in held] == [
        *(True, False, True, False)
    ]
    assert kept.write(lambda db: read_together(db, [batches.held_by(db, "b", at, worker) for worker, at in held])) == [
        *(True, False, True, False)
    ]
    assert [kept.read(lambda db, one=one: batches.is_in_hand(db, "b", one[1], one[0])) for one in held] == [
        *(True, False, True, False)
    ]
    assert kept.read(lambda db: batches.next_due_ms(db, "b")) == 110
    kept.write(lambda db: batches.renew(db, "w1", "b", 500))
    assert [claimed("w3", 111), claimed("w3", 112)] == [2, None]
    kept.write(lambda db: batches.give_back(db, "b", 0))
    assert claimed("w3", 113) == 0
    kept.write(lambda db: batches.let_go(db, "b", "w3"))
    assert [claimed("w1", 114), claimed("w1", 115)] == [0, 2]
    kept.write(lambda db: batches.renew(db, "w1", "b", 5000))
    assert [claimed("w2", 999), claimed("w2", 1000)] == [None, 1]
    kept.write(lambda db: batches.cancel(db, "b"))
    assert kept.write(lambda db: batches.is_held(db, "b", 0, "w1")) is False
    assert kept.read(lambda db: batches.next_due_ms(db, "b")) is None


def test_creators_come_back_as_they_were_told(kept: Database) -> None:
    """Profiles by their time, groups with their members, and what is known of notes."""
    told = [
        Profile(creator="c1", as_of_ms=at, nickname=text, followers=2**40, price="5000.5", currency="CNY", source="中")
        for at, text in enumerate(TEXTS)
    ]
    assert [kept.write(lambda db, one=one: profiles.put(db, one)) for one in (*told, told[3])] == [
        *(True for _ in told),
        False,
    ]
    again = msgspec.structs.replace(told[3], followers=None, price=None, currency=None, nickname=None)
    assert kept.write(lambda db: profiles.put(db, again)) is True
    assert kept.read(lambda db: profiles.of_creator(db, "c1")) == [*told[:3:-1], again, *told[2::-1]]
    for name, members in (("中", ["c2", "c1"]), ("b", ["c3"]), ("中", ["c1"])):
        kept.write(lambda db, name=name, members=members: creators.add_members(db, name, members))
    kept.write(lambda db: creators.remove_members(db, "中", ["c2", "nobody"]))
    assert kept.read(creators.groups) == {"b": 1, "中": 1}
    assert kept.read(lambda db: creators.members(db, "中")) == ["c1"]
    assert kept.read(lambda db: creators.groups_of(db, "c1")) == ["中"]
    written = [a_kept_note(at + 1, "text", last_seen_ms=at + 50) for at in range(3)]
    kept.write(lambda db: notes.put(db, "c9", EVERYONE, written))
    kept.write(lambda db: notes.put(db, "c8", "acc_1", written))
    timeline = Timeline(mark=TOP, complete_ms=2**53, whole_ms=0)
    kept.write(lambda db: timelines.write(db, "c9", EVERYONE, timeline))
    [one, other] = kept.read(lambda db: creators.known(db, ["c9", "c8"]))
    assert (one.notes, one.newest_ms, one.seen_ms, one.complete_ms) == (3, written[2].note.published_ms, 52, 2**53)
    assert (one.nickname, other.notes, other.newest_ms) == (written[2].note.nickname, 0, None)
    assert kept.read(creators.everyone) == ["c1", "c3", "c9"]


def test_pages_of_calls_and_usage_are_told_alike(money: Database) -> None:
    """Calls between two ids, newest first; hours, totals and sums of what they were rolled up to."""
    opened(money, "a", "b")
    rows = [
        a_call(f"req_{at:02}", account="ab"[at % 2], code=(0, 0, 301)[at % 3], source=None if at % 3 == 2 else TEXTS[1])
        for at in range(12)
    ]
    money.write(lambda db: calls.add(db, rows))
    assert money.read(lambda db: [calls.call(db, "req_03"), calls.call(db, "none"), calls.call(db, "\0")]) == [
        *(rows[3], None, None)
    ]
    assert money.read(calls.ends) == ("req_00", "req_11")
    assert money.read(lambda db: calls.stretch(db, "req_02", "req_09", 4)) == (4, "req_05")
    assert money.read(lambda db: calls.stretch(db, "req_02", "req_04", 9)) == (2, "req_02")
    assert money.read(lambda db: calls.stretch(db, "req_50", "req_99", 9)) == (0, "req_50")
    sought = Sought(account="a", code=301, source="")
    found = money.read(lambda db: calls.logged(db, sought, "req_00", "req_99", 9))
    assert found == [one for one in rows[::-1] if one.account == "a" and one.code == 301]
    assert money.read(lambda db: calls.logged(db, Sought(), "req_02", "req_08", 2)) == [rows[7], rows[6]]
    assert money.read(lambda db: calls.newest_durations(db, 3)) == [12, 12, 12]
    slots = {
        Slot(account=one, hour_ms=hour, token_id="t", endpoint="e", code=code, kind="miss", source="s"): (3, 2**40)
        for one, hour, code in itertools.product("ab", (0, 3_600_000), (0, 301))
    }
    money.write(lambda db: calls.count(db, slots))
    assert money.read(lambda db: calls.hours(db, Sought(account="a"), 0, 2**50)) == [3_600_000, 0]
    assert money.read(lambda db: calls.hours(db, Sought(code=9), 0, 2**50)) == []
    assert money.read(lambda db: calls.totals(db, Sought(code=0), 0, 2**50)) == (12, 4 * 2**40)
    assert money.read(lambda db: calls.totals(db, Sought(account="c"), 0, 2**50)) == (0, 0)
    summed = money.read(lambda db: calls.sums(db, "a", "code", 0, 2**50))
    assert [(one.value, one.calls, one.charged, one.credits) for one in summed] == [
        *((0, 6, 6, 2 * 2**40), (301, 6, 0, 2 * 2**40))
    ]
    assert len(money.read(lambda db: calls.sums(db, None, "source", 1, 2**50))) == 2
    assert min(money.read(lambda db: calls.by_hour(db, 1))) == ("a", 3_600_000, 0, 3, 2**40)
    together = money.read(lambda db: calls.sums_in_zone(db, "UTC", "code", 0, 3_600_000))
    assert [(one.account, one.value, one.calls, one.charged, one.credits) for one in together] == [
        *(("", 0, 6, 6, 2 * 2**40), ("", 301, 6, 0, 2 * 2**40))
    ]
    assert money.read(lambda db: calls.sums_in_zone(db, "Asia/Shanghai", "code", 0, 2**50)) == []


def test_pages_of_the_ledger_are_told_alike(money: Database) -> None:
    """Rows of all accounts between two ids, or of one between two numbers; of a kind or of any."""
    opened(money, "A", "B")
    entries = [an_entry("A", number, kind=("topup", "charge")[number % 2]) for number in range(1, 7)]
    other = an_entry("B", 1)
    money.write(lambda db: ledger.add(db, [*entries, other]))
    assert money.read(lambda db: ledger.stretch(db, "led_z", 3)) == (3, "led_A5")
    assert money.read(lambda db: ledger.stretch(db, "led_", 3)) == (0, "")
    assert money.read(lambda db: ledger.between(db, None, "led_A5", "led_z", 9)) == [other, entries[5], entries[4]]
    assert money.read(lambda db: ledger.between(db, "charge", "", "led_A6", 2)) == [entries[4], entries[2]]
    assert money.read(lambda db: ledger.numbered(db, "A", None, (2, 4), 9)) == [entries[2], entries[1]]
    assert money.read(lambda db: ledger.numbered(db, "A", "topup", (1, 9), 2)) == [entries[5], entries[3]]
    keyed = an_entry("A", 7, idempotency_key=TEXTS[5])
    money.write(lambda db: ledger.add(db, [keyed]))
    asked = [("A", 6, TEXTS[5]), ("A", 7, TEXTS[5]), ("B", 0, TEXTS[5]), ("A", 0, "none"), ("A", -900, TEXTS[5])]
    assert money.read(lambda db: [ledger.is_entered(db, *one) for one in asked]) == [True, False, False, False, True]


def test_batches_that_a_server_collects_are_told_alike(kept: Database) -> None:
    """The oldest first, while something is left to do; their first targets, and what was collected."""
    orders = Orders()
    told = [
        Batch(id=f"bat_{at}", created_ms=1, course=Course.OPEN, orders=orders, account="ab"[at % 2], served=at != 1)
        for at in range(4)
    ]
    for one in told:
        kept.write(lambda db, one=one: batches.create(db, one, ["c1", "c2", "c3"]))
    assert kept.read(lambda db: batches.to_serve(db, 2, 9)) == [told[0], told[2]]
    assert kept.read(lambda db: batches.to_serve(db, 9, 1)) == [told[0], told[3]]
    assert kept.read(lambda db: [batches.number_open(db, one) for one in "abc"]) == [2, 1, 0]
    assert kept.read(lambda db: batches.listed(db, 9, account="b")) == [told[3], told[1]]
    assert kept.read(lambda db: batches.listed(db, 9, account="b", before="bat_3")) == [told[1]]
    done = Target(number=0, creator="c1", state=State.COMPLETE, pages=2, notes=30, fresh=20, changed=1)
    kept.write(lambda db: batches.checkpoint(db, "bat_0", done))
    assert kept.read(lambda db: batches.first_targets(db, "bat_0", 2)) == [done, Target(number=1, creator="c2")]
    assert kept.read(lambda db: batches.sums(db, "bat_0")) == {
        State.COMPLETE: Sum(targets=1, pages=2, notes=30, fresh=20, changed=1),
        State.WAITING: Sum(targets=2, pages=0, notes=0, fresh=0, changed=0),
    }
    assert kept.read(lambda db: batches.sums(db, "none")) == {}
    kept.write(lambda db: batches.cancel(db, "bat_2"))
    for one in ("bat_0", "bat_2"):
        kept.write(lambda db, one=one: batches.end_capped(db, one, TEXTS[3]))
        kept.write(lambda db, one=one: batches.end_served(db, one))
    assert kept.read(lambda db: batches.to_serve(db, 9, 9)) == [told[3]]
    capped, cancelled = kept.read(lambda db: [batches.batch(db, one) for one in ("bat_0", "bat_2")])
    assert (capped.course, capped.why) == (Course.CAPPED, TEXTS[3])
    assert (cancelled.course, cancelled.served) == (Course.CANCELLED, True)


def test_pages_of_creators_and_notes_are_told_alike(kept: Database) -> None:
    """Found by id, nickname or group; named by their newest note; their notes newest first, some by a word."""
    people = ["c1", "c2", "c3"]
    for one in people:
        notes_ = [a_kept_note(second, f"{one} 标题 100%_{second}") for second in (1, 2, 3)]
        kept.write(lambda db, one=one, notes_=notes_: notes.put(db, one, EVERYONE, notes_))
    kept.write(lambda db: creators.add_members(db, "Rivals", ["c1", "c3"]))
    assert kept.read(lambda db: creators.names(db, [*people, "none"])) == {
        **{one: f"{one} 标题 100%_3" for one in people},
        "none": None,
    }
    assert kept.read(lambda db: creators.groups_of_each(db, people)) == {"c1": ["Rivals"], "c2": [], "c3": ["Rivals"]}
    assert kept.read(lambda db: creators.groups_of_each(db, [])) == {}

    def found(words: str, group: str = "", after: str = "", limit: int = 9) -> list[str]:
        return list(kept.read(lambda db: creators.search(db, words, group, after, limit)).creators)

    assert (found(""), found("", "Rivals"), found("", "", "c1", 1)) == (people, ["c1", "c3"], ["c2"])
    assert (found("C2 标题"), found("rival"), found("nobody")) == (["c2"], ["c1", "c3"], [])

    def lines(words: str, before: tuple[int, str] = (2**62, "g"), limit: int = 9) -> list[str]:
        return [one.id for one in kept.read(lambda db: creators.lines(db, "c1", words, before, limit))]

    ids = [f"{second:024x}" for second in (3, 2, 1)]
    assert (lines(""), lines("", (3, ids[0]), 1), lines("100%_2"), lines("%%%")) == (ids, ids[1:2], ids[1:2], [])
    state = kept.read(lambda db: creators.state(db, people))
    assert (state.notes, state == kept.read(lambda db: creators.state(db, people))) == (9, True)
    kept.write(lambda db: notes.put(db, "c1", EVERYONE, [a_kept_note(4, "new")]))
    assert kept.read(lambda db: creators.state(db, people)) != state


STORE: Final = [
    *(accounts, ledger, calls, group, spending, health),
    *(notes, coverage, events, timelines, batches, creators, profiles),
]


@pytest.mark.parametrize("module", STORE, ids=lambda one: one.__name__)
def test_every_function_of_the_store_is_proven_here(module: ModuleType) -> None:
    """A new one has no place in the store before it has one in these files."""
    here = Path(__file__)
    paging = here.parents[1] / "console" / "test_paging_on_both_databases.py"
    claims = here.parents[1] / "working" / "test_claims.py"
    beside = here, here.with_name("test_watches_in_databases.py"), paging, claims
    mine = "".join(file.read_text(encoding="utf-8") for file in beside)
    inside = {"as_account", "as_token", "issued", "locking", "told"}  # each a half of another
    named = [name for name, one in inspect.getmembers(module, inspect.isfunction) if one.__module__ == module.__name__]
    short = module.__name__.rpartition(".")[2]
    unproven = [one for one in named if not one.startswith("_") and not re.search(rf"\b{short}\.{one}\b", mine)]
    assert unproven == sorted(inside & set(named))


def test_one_failing_work_is_undone_alone(money: Database) -> None:
    """Whether it raises by itself or the database refuses it, the others of the transaction stay."""

    def opening(identifier: str, *, then: Exception | None = None) -> Callable[[Connection], str]:
        def work(db: Connection) -> str:
            accounts.add_account(db, an_account(identifier))
            if then is not None:
                raise then
            return identifier

        return work

    works = [opening("a"), opening("b", then=UsageError("no")), opening("a"), opening("c")]
    first, second, third, fourth = money.write_all(works)
    assert (first, fourth) == ("a", "c")
    assert isinstance(second, UsageError)
    assert isinstance(third, StoreError)
    assert [one.id for one in money.read(accounts.accounts)] == ["a", "c"]


OTHER = """
import sys
sys.path.insert(0, sys.argv[1])
from databases import open_room
from hongshu.store import accounts
room = open_room(sys.argv[2], "money", sys.argv[3])
if len(sys.argv) > 4:
    room.write(lambda db: db.rows("UPDATE accounts SET balance = 9"))
print(len(room.read(accounts.accounts)))
room.close()
"""


def another_process(store: Where, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OTHER, str(Path(__file__).parents[1]), store[0], str(store[1]), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_read_sees_one_state_while_another_process_writes(money: Database, store: Where) -> None:
    """What is committed meanwhile is seen by the next read, not by this one; writing does not wait for readers."""
    opened(money, "a")

    def work(db: Connection) -> list[int]:
        seen = [one.balance for one in accounts.accounts(db)]
        writer = another_process(store, "write")
        _, err = writer.communicate(timeout=60)
        assert writer.returncode == 0, err
        return seen + [one.balance for one in accounts.accounts(db)]

    assert money.read(work) == [0, 0]
    assert [one.balance for one in money.read(accounts.accounts)] == [9]


def recorded(store: Where, room: str) -> list[Any]:
    with closing(open_room(store[0], room, store[1])) as last:
        return last.read(lambda db: db.rows("SELECT number, sha256 FROM migrations ORDER BY number"))


def test_eight_threads_that_open_a_new_database_migrate_it_once(store: Where) -> None:
    """All of them can use it at once, and every migration is recorded once."""
    for room in ("money", "notes"):
        with ThreadPoolExecutor(8) as threads:
            for one in [*threads.map(lambda _, room=room: open_room(store[0], room, store[1]), range(8))]:
                assert one.is_usable()
                one.close()
        assert recorded(store, room) == [(at, step.sha256) for at, step in enumerate(migrating.steps(room), start=1)]


def test_eight_processes_that_open_a_new_database_migrate_it_once(store: Where) -> None:
    """The same from outside: nobody is refused, nothing is done twice."""
    processes = [another_process(store) for _ in range(8)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert [(out.strip(), code) for out, _, code in ended] == [("0", 0)] * 8, ended
    assert len(recorded(store, "money")) == len(migrating.steps("money"))


def run_on(store: Where, room: str, *statements: str) -> None:
    """Do something to the database without us."""
    if store[0] == "sqlite":
        with closing(apsw.Connection(str(Path(store[1]) / f"{room}.db"))) as stranger:
            for statement in statements:
                stranger.execute(statement).fetchall()
        return
    with psycopg.connect(str(store[1]), autocommit=True) as server:
        server.execute(f"CREATE SCHEMA IF NOT EXISTS hongshu_{room}")
        server.execute(f"SET search_path TO hongshu_{room}")
        for statement in statements:
            server.execute(statement)


@pytest.mark.parametrize("room", ["money", "notes"])
def test_a_database_of_something_else_is_refused_and_left_alone(store: Where, room: str) -> None:
    """One line says what to do, and no table of ours appears in it."""
    run_on(store, room, "CREATE TABLE theirs (id INTEGER)")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"something else.*choose another") as raised:
            open_room(store[0], room, store[1])
        assert "\n" not in raised.value.message
    run_on(store, room, "CREATE TABLE accounts (id INTEGER)", "CREATE TABLE migrations (id INTEGER)")


@pytest.mark.parametrize(
    "newer", ["INSERT INTO migrations VALUES (99, 'later', 'x')", "UPDATE migrations SET sha256 = 'x' WHERE number = 1"]
)
def test_a_newer_database_is_refused_in_one_line(store: Where, newer: str) -> None:
    """So is one whose migrations were other ones."""
    recorded(store, "money")
    run_on(store, "money", newer)
    with pytest.raises(StoreError, match="newer hongshu; upgrade") as raised:
        open_room(store[0], "money", store[1])
    assert "\n" not in raised.value.message


WORLD: Final = World(5, 30, page_size=6)
SEEN_MS: Final = 1_762_000_000_000
ODD: Final = (
    rb'{"code":0,"data":{"notes":[{"id":"6563d2a0000000000000abcd","title":"a\u0000b\ud800c \ud83d\ude00 \udc00",'
    rb'"desc":"\\u0000 \uD800\u0041 #\u4e2d[\u8bdd\u9898]#","likes":9007199254740993,"view_count":18446744073709551617,'
    rb'"create_time":1700000000,"ratio":1.10,"user":{"userid":"5f0000000000000000000001","nickname":"\uFFFF\u202e"}}],'
    rb'"has_more":false}}'
)


def pages() -> Iterator[tuple[Asked, bytes]]:
    for creator in WORLD.creators[:3]:
        cursor = None
        for _ in range(3):
            asked = Asked(creator=creator, cursor=cursor)
            body = WORLD.page(asked, SEEN_MS)
            yield asked, body
            found = msgspec.json.decode(body)["data"]["notes"]
            if not found:
                break
            cursor = found[-1]["cursor"]
    yield Asked(creator="5f0000000000000000000001"), ODD


def saved_and_served(room: Database) -> list[tuple[list[bytes], Served]]:
    answers = []
    for asked, body in pages():
        page = read(Reply(body=body))
        assert isinstance(page, Page)
        look = Look(page=page, source="sim", seen_ms=SEEN_MS, verdict=Verdict.OK)
        saved = room.write(lambda db, asked=asked, look=look: save(db, asked, look, EVERYONE))
        shown = room.read(lambda db, asked=asked: at_hand(db, asked, EVERYONE, not_before_ms=0, page_size=4))
        assert shown is not None
        answers.append(([one.wire for one in saved.notes], shown.served))
    return answers


def test_pages_saved_on_either_database_are_served_with_equal_bytes(tmp_path: Path, postgres: Postgres) -> None:
    """Pinned notes, later pages, escaped NUL and lone surrogates, numbers that no double can hold."""
    places = dict(zip(KINDS, (tmp_path, postgres.new_database()), strict=True))
    served = []
    for kind, where in places.items():
        with closing(open_room(kind, "notes", where)) as room:
            served.append(saved_and_served(room))
    assert served[0] == served[1]
    assert all(shown.wires for _, shown in served[0])
    [wire] = served[0][-1][0]
    assert b"18446744073709551617" in wire
    assert b"\\u0000" not in wire.replace(b"\\\\u0000", b"")
    assert wire.count(b"\\ufffd") + wire.count("\ufffd".encode()) == 4
