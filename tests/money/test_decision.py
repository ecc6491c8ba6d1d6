"""The decision about a call, pure: in the contract's order, to the credit, and in words that say what to do next."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongshu.engine.money.decision import USER_NOTES, Decision, Limits, Prices, Wish, decide, limits_of, screened
from hongshu.engine.money.limits import SECOND_NS
from hongshu.errors import CallError, InvalidParametersError, InvalidTokenError
from hongshu.models import Cache
from money.room import BEGIN_S, a_standing

at_leisure = settings(deadline=None)
NOW_NS = BEGIN_S * SECOND_NS
NOW_MS = BEGIN_S * 1000
ADDRESS = "203.0.113.7"
PRICE = 10

Case = dict[str, Any]
"""Words of `a_standing` and of `Wish`, `used`, and `unknown` for a token that there is not."""

GOOD: Mapping[str, Any] = {"balance": 100, "used": 4, "daily_quota": 5, "rate_per_minute": 60, "burst": 3}
FAULTS: Mapping[str, tuple[int, Case]] = {
    "unknown token": (100, {"unknown": True}),
    "revoked token": (100, {"active": False}),
    "expired token": (100, {"expires_ms": NOW_MS}),
    "lacking scope": (600, {"scope": "creators"}),
    "wrong address": (600, {"networks": ("198.51.100.0/24",)}),
    "suspended account": (600, {"suspended": True}),
    "wrong parameters": (400, {"fault": InvalidParametersError("lastCursor is not 24 hex digits")}),
    "too fast": (302, {"tat_ns": NOW_NS + 3 * SECOND_NS}),
    "used up": (303, {"used": 5}),
    "too poor": (601, {"balance": 100, "held": 91}),
}
ORDER = (100, 600, 400, 302, 303, 601)
WISHED = {"price", "scope", "address", "fault", "is_replay", "passed"}


def decided(case: Mapping[str, Any]) -> Decision:
    words = {**GOOD, **case}
    used, unknown = words.pop("used"), words.pop("unknown", False)
    wish = {"scope": USER_NOTES, "price": PRICE, "address": ADDRESS}
    wish |= {name: words.pop(name) for name in WISHED & words.keys()}
    return decide(None if unknown else a_standing(**words), used, Wish(**wish), NOW_NS)


def code(case: Mapping[str, Any]) -> int:
    refusal = decided(case).refusal
    return 0 if refusal is None else refusal.code


def refusal(case: Mapping[str, Any]) -> CallError:
    found = decided(case).refusal
    assert found is not None
    return found


def joined(names: tuple[str, ...]) -> Case:
    return {name: value for fault in names for name, value in FAULTS[fault][1].items()}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_has_its_code(fault: str) -> None:
    """And without any the call is let in, so that it is the fault that was refused."""
    assert code({}) == 0
    assert code(FAULTS[fault][1]) == FAULTS[fault][0]


@pytest.mark.parametrize("faults", list(itertools.combinations(FAULTS, 2)), ids=" and ".join)
def test_of_two_faults_the_earlier_is_told(faults: tuple[str, str]) -> None:
    """100, 600, 400, 302, 303, 601: a caller learns of the first only, in that one's own words."""
    codes = sorted((FAULTS[fault][0] for fault in faults), key=ORDER.index)
    assert code(joined(faults)) == codes[0]
    if codes[0] != codes[1]:
        first = min(faults, key=lambda fault: ORDER.index(FAULTS[fault][0]))
        assert refusal(joined(faults)).message == refusal(FAULTS[first][1]).message


@at_leisure
@given(faults=st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_of_any_faults_the_earliest_is_told(faults: set[str]) -> None:
    """However many things are wrong at once."""
    assert code(joined(tuple(sorted(faults)))) == min((FAULTS[one][0] for one in faults), key=ORDER.index)


@at_leisure
@given(faults=st.sets(st.sampled_from(sorted(FAULTS))))
def test_a_replay_passes_what_it_was_paid_for(faults: set[str]) -> None:
    """Behind 100, 600 and 400, and before rate, quota and balance, of which it takes nothing."""
    earlier = [FAULTS[one][0] for one in faults if FAULTS[one][0] in {100, 600, 400}]
    decision = decided({**joined(tuple(sorted(faults))), "is_replay": True})
    assert (decision.refusal.code if decision.refusal else 0) == min(earlier, key=ORDER.index, default=0)
    assert decision.standing is None


@at_leisure
@given(faults=st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_a_refused_call_leaves_no_rows_behind(faults: set[str]) -> None:
    """Neither the rate nor what is held moves for a call that is not let in."""
    decision = decided(joined(tuple(sorted(faults))))
    assert decision.refusal is not None
    assert decision.standing is None


def test_a_call_that_is_let_in_holds_its_price_and_counts() -> None:
    """Held grows by the price, the balance stays, the rate moves on by one call; the day it counts for is told."""
    decision = decided({"held": 20, "zone": "Asia/Shanghai"})
    assert decision.standing is not None
    assert (decision.standing.account.balance, decision.standing.account.held) == (100, 30)
    assert decision.standing.token.tat_ns == NOW_NS + SECOND_NS
    assert decision.day == "2026-09-21"
    told = limits_of(decision.standing, 5, NOW_NS)
    assert (told.used_today, told.left_today, told.rate_left, told.rate_full_in_seconds) == (5, 0, 2, 1)


def test_a_call_that_passed_before_meets_its_rate_only_once() -> None:
    """One that lost its hold is decided again by quota and balance; its rate was taken when it was admitted."""
    late = {"tat_ns": NOW_NS + 3 * SECOND_NS, "passed": True}
    decision = decided(late)
    assert decision.refusal is None
    assert decision.standing is not None
    assert decision.standing.token.tat_ns == late["tat_ns"]
    assert (code({**late, "used": 5}), code({**late, "balance": 9}), code({**late, "active": False})) == (303, 601, 100)


@pytest.mark.parametrize("fault", ["unknown token", "revoked token", "expired token"])
def test_a_caller_without_a_valid_token_learns_nothing(fault: str) -> None:
    """Every such token gets one and the same refusal, without limits, whatever else is wrong."""
    told = {
        (one.refusal.message, one.refusal.retry_after_seconds, one.limits)
        for other in FAULTS
        for one in [decided(joined((other, fault)))]
        if one.refusal is not None
    }
    assert told == {(refusal({"unknown": True}).message, None, None)}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_screen_decides_what_needs_no_lock(fault: str) -> None:
    """100, 600 and 400 are found before anything is locked, and nothing else is."""
    case = {**GOOD, **FAULTS[fault][1]}
    wish = {"scope": USER_NOTES, "price": PRICE, "address": ADDRESS}
    wish |= {name: case.pop(name) for name in WISHED & case.keys()}
    unknown = case.pop("unknown", False)
    del case["used"]
    found = screened(None if unknown else a_standing(**case), Wish(**wish), NOW_NS)
    expected = FAULTS[fault][0]
    assert (found.code if found else None) == (expected if expected in {100, 600, 400} else None)


def test_a_token_ends_at_its_millisecond() -> None:
    """It works to the last nanosecond before the millisecond of its expiry, and from that one on no more."""
    standing = a_standing(balance=100, expires_ms=NOW_MS)
    wish = Wish(scope=USER_NOTES, price=PRICE)
    assert screened(standing, wish, NOW_NS - 1) is None
    for later in (0, 1, 1_000_000, 10**18):
        found = screened(standing, wish, NOW_NS + later)
        assert found is not None
        assert found.code == 100


ALLOWED = {
    ("203.0.113.0/24", "203.0.113.7"),
    ("203.0.113.0/24", "203.0.113.255"),
    ("203.0.113.7/32", "203.0.113.7"),
    ("203.0.113.0/24", "::ffff:203.0.113.7"),
    ("203.0.113.0/24", "::FFFF:cb00:7107"),
    ("2001:db8::/32", "2001:db8::1"),
    ("2001:db8::/32", "2001:0DB8:0:0::1"),
    ("0.0.0.0/0", "192.0.2.1"),
    ("::/0", "2001:db8::1"),
}
NOT_ALLOWED = {
    ("203.0.113.0/24", "203.0.114.7"),
    ("203.0.113.7/32", "203.0.113.8"),
    ("203.0.113.0/24", "::ffff:203.0.114.7"),
    ("203.0.113.0/24", "2001:db8::1"),
    ("2001:db8::/32", "2001:db9::1"),
    ("2001:db8::/32", "203.0.113.7"),
    ("::/0", "203.0.113.7"),
    ("::ffff:0:0/96", "198.51.100.1"),
    *(("0.0.0.0/0", garbage) for garbage in ("", "unknown", "203.0.113.7:443", "203.0.113", "203.0.113.7/32", " ")),
    *(("0.0.0.0/0", garbage) for garbage in ("0x7f000001", "203.0.113.007", "２０３.0.113.7", "\udcff", "a" * 10_000)),
    *(("::/0", garbage) for garbage in ("[2001:db8::1]", "::ffff:999.0.0.1", "2001:db8::1/128")),
}


@pytest.mark.parametrize(("network", "address"), sorted(ALLOWED))
def test_an_address_inside_the_list_is_let_in(network: str, address: str) -> None:
    """IPv4, IPv6, and IPv4 as a socket for both shows it; one of several networks is enough."""
    assert code({"networks": (network,), "address": address}) == 0
    assert code({"networks": ("192.0.2.128/25", "2001:db9::/64", network), "address": address}) == 0


@pytest.mark.parametrize(("network", "address"), sorted(NOT_ALLOWED), ids=ascii)
def test_an_address_outside_the_list_or_none_at_all_is_not(network: str, address: str) -> None:
    """What is no address is outside of every list, even of all addresses; without a list anything goes."""
    assert code({"networks": (network,), "address": address}) == 600
    assert code({"networks": (), "address": address}) == 0


@pytest.mark.parametrize(("collected", "at_hand"), [(7, 3), (3, 7), (5, 0), (0, 5), (1, 1)])
def test_an_answer_costs_what_its_way_costs(collected: int, at_hand: int) -> None:
    """Collected for one or several, the price; at hand, the cached price; stale or paid before, nothing."""
    prices = Prices(collected=collected, at_hand=at_hand)
    assert {one: prices.of(one) for one in Cache} == {
        Cache.MISS: collected,
        Cache.COALESCED: collected,
        Cache.HIT: at_hand,
        Cache.STALE: 0,
        Cache.REPLAY: 0,
    }
    assert prices.highest == max(collected, at_hand)


@pytest.mark.parametrize(
    ("balance", "held", "price", "expected"),
    [(10, 0, 10, 0), (9, 0, 10, 601), (30, 20, 10, 0), (30, 21, 10, 601), (0, 0, 0, 0), (20, 20, 0, 0), (0, 0, 1, 601)],
)
def test_a_call_may_spend_all_that_is_free_and_no_more(balance: int, held: int, price: int, expected: int) -> None:
    """The price may equal what is free; what costs nothing needs nothing."""
    assert code({"balance": balance, "held": held, "price": price}) == expected


@at_leisure
@given(balance=st.integers(0, 10**15), held=st.integers(0, 10**15), price=st.integers(0, 10**6))
def test_what_is_held_never_exceeds_the_balance(balance: int, held: int, price: int) -> None:
    """To the credit, at sizes that no float could tell apart."""
    held = min(held, balance)
    decision = decided({"balance": balance, "held": held, "price": price})
    if decision.standing is None:
        assert balance - held < price
    else:
        assert held + price == decision.standing.account.held <= balance


def test_a_refusal_for_pace_names_the_rate_and_when_the_next_may_pass() -> None:
    """Its size, its burst, and the wait, in the message and for Retry-After."""
    told = refusal({"tat_ns": NOW_NS + 41 * SECOND_NS + 1, "rate_per_minute": 2, "burst": 2, "used": 0})
    for word in ("Rate Limit Exceeded", "2 calls a minute", "2 of them at once", "12 s"):
        assert word in told.message
    assert told.retry_after_seconds == 12


def test_a_refusal_for_the_day_names_the_quota_its_use_and_its_end() -> None:
    """Size, what is used, the day by name and zone, and the moment at which the next begins."""
    told = refusal({"used": 5, "zone": "Asia/Shanghai"})
    for word in ("Daily Quota Exceeded", "5 calls a day", "5 are used", "2026-09-21", "Asia/Shanghai"):
        assert word in told.message
    assert "2026-09-21T16:00:00Z" in told.message
    assert told.retry_after_seconds == 6400


def test_a_refusal_for_money_names_price_balance_and_what_is_held() -> None:
    """So that a caller sees whether a top-up or a moment's patience is what it needs."""
    told = refusal({"balance": 12, "held": 5, "price": 8})
    for word in ("Insufficient Balance", "costs 8 credits", "balance is 12", "5 of it held", "top-up"):
        assert word in told.message


@pytest.mark.parametrize("fault", FAULTS)
def test_every_refusal_says_what_to_do_and_no_more_than_its_caller_may_know(fault: str) -> None:
    """One line, no id, no secret; limits come with 302, 303 and 601 only."""
    decision = decided(FAULTS[fault][1])
    assert decision.refusal is not None
    assert "\n" not in decision.refusal.message
    assert not {"tok", "acc"} & set(decision.refusal.message.split())
    assert (decision.limits is not None) == (FAULTS[fault][0] in {302, 303, 601})


TOLD: Mapping[str, str] = {
    "unknown token": InvalidTokenError().message,
    "lacking scope": "Permission Denied. This token lacks the scope creators; ask the operator for one that has it.",
    "wrong address": ("Permission Denied. This token may not be used from this address; ask the operator to allow it."),
    "suspended account": "Permission Denied. The account is suspended; ask the operator to resume it.",
    "too fast": (
        "Rate Limit Exceeded. This token may make 60 calls a minute, 3 of them at once, and has; the next may pass in"
        " 1 s. Wait that long, then call again."
    ),
    "used up": (
        "Daily Quota Exceeded. This token may make 5 calls a day; 5 are used or in flight. The quota day 2026-09-21"
        " (UTC) ends at 2026-09-22T00:00:00Z; call again then."
    ),
    "too poor": (
        "Insufficient Balance. This call costs 10 credits; the balance is 100, 91 of it held by calls in flight. Ask"
        " the operator for a top-up, then call again."
    ),
}


@pytest.mark.parametrize("fault", TOLD)
def test_a_refusal_is_told_in_these_words(fault: str) -> None:
    """Callers read them, and some programs."""
    assert refusal(FAULTS[fault][1]).message == TOLD[fault]


@pytest.mark.parametrize("fault", ["too fast", "used up", "too poor"])
def test_a_refusal_comes_with_the_limits_as_they_stand(fault: str) -> None:
    """The same that a holder sees, with what is used, and as they were before the call."""
    case = {**GOOD, "zone": "Asia/Shanghai", **FAULTS[fault][1]}
    used = case.pop("used")
    decision = decided({**case, "used": used})
    assert decision.limits == limits_of(a_standing(**case), used, NOW_NS)
    assert decision.limits is not None
    assert decision.limits.used_today == used


def test_limits_say_everything_of_rate_and_quota() -> None:
    """Seconds are rounded up, so that nobody comes too early; what is over the quota is not owed."""
    standing = a_standing(
        balance=1, rate_per_minute=7, burst=3, daily_quota=5, tat_ns=NOW_NS + 9 * SECOND_NS, zone="Asia/Shanghai"
    )
    assert limits_of(standing, 6, NOW_NS + 1) == Limits(
        rate_per_minute=7,
        burst=3,
        rate_left=1,
        rate_full_in_seconds=9,
        daily_quota=5,
        day="2026-09-21",
        zone="Asia/Shanghai",
        used_today=6,
        day_ends_ms=(BEGIN_S + 6400) * 1000,
        day_ends_in_seconds=6400,
    )
    assert isinstance(limits_of(standing, 6, NOW_NS).day_ends_ms, int)
    assert limits_of(standing, 6, NOW_NS).left_today == 0
    assert limits_of(standing, 4, NOW_NS).left_today == 1


@pytest.mark.parametrize("before_ns", [1, SECOND_NS])
def test_the_last_second_of_a_day_is_waited_for(before_ns: int) -> None:
    """As is the last second before a call may pass: a wait of nothing would be answered in the same way again."""
    end_ns = limits_of(a_standing(balance=1), 0, NOW_NS).day_ends_ms * 1_000_000
    late = decide(a_standing(balance=100, daily_quota=5), 5, Wish(scope=USER_NOTES, price=1), end_ns - before_ns)
    assert late.refusal is not None
    assert (late.refusal.code, late.refusal.retry_after_seconds) == (303, 1)
    soon = decided({"tat_ns": NOW_NS + 2 * SECOND_NS + before_ns})
    assert soon.refusal is not None
    assert (soon.refusal.code, soon.refusal.retry_after_seconds) == (302, 1)


@pytest.mark.parametrize(("ahead_ns", "is_corrected"), [(0, False), (1, True), (10**15, True)])
def test_a_rate_from_before_a_clock_was_set_back_is_corrected(ahead_ns: int, is_corrected: bool) -> None:
    """To a whole burst ahead, and nothing else of the token; one that may be true is left as it is."""
    far = NOW_NS + 3 * SECOND_NS + ahead_ns
    decision = decided({"tat_ns": far})
    assert (decision.refusal.code if decision.refusal else 0) == 302
    corrected = a_standing(
        **{**{name: GOOD[name] for name in GOOD if name != "used"}, "tat_ns": NOW_NS + 3 * SECOND_NS}
    )
    assert decision.standing == (corrected if is_corrected else None)


def test_an_admitted_call_changes_its_rate_and_what_is_held_alone() -> None:
    """No refusal, no limits: those are told when it is charged."""
    decision = decided({"held": 20})
    expected = a_standing(balance=100, held=30, daily_quota=5, rate_per_minute=60, burst=3, tat_ns=NOW_NS + SECOND_NS)
    assert decision == Decision(refusal=None, standing=expected, day="2026-09-21")


def test_a_decision_changes_nothing_that_it_was_given() -> None:
    """The rows are frozen words: what a call leaves behind is another word."""
    standing = a_standing(balance=100)
    before = msgspec.structs.astuple(standing)
    wish = Wish(scope=USER_NOTES, price=1)
    assert decide(standing, 0, wish, NOW_NS) == decide(standing, 0, wish, NOW_NS)
    assert msgspec.structs.astuple(standing) == before
