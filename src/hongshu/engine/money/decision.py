"""Whether a call may be made, pure: over the rows of its token and account, in the contract's order.

100 token · 600 permission · 400 parameters · (replay) · 302 rate · 303 daily quota · 601 balance.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from hongshu.engine.money.limits import Pace, ahead_ns, day_ends_ns, interval_ns, pace, quota_day, seconds_up
from hongshu.errors import (
    CallError,
    InsufficientBalanceError,
    InvalidTokenError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitedError,
)
from hongshu.models import Cache, Word, rfc3339
from hongshu.store.accounts import Account, Standing, Token

USER_NOTES: Final = "user-notes"
"""The scope, and the name in ledger and log, of the endpoint that lists a user's published notes."""
SCOPES: Final = (USER_NOTES,)


class Prices(Word):
    """What an answer of an endpoint costs, in credits: one collected for the call, and one at hand."""

    collected: int = 10
    at_hand: int = 10

    @property
    def highest(self) -> int:
        return max(self.collected, self.at_hand)

    def of(self, cache: Cache) -> int:
        """Return the price of an answer by how it came to be; one that is stale or a replay is free."""
        if cache in {Cache.MISS, Cache.COALESCED}:
            return self.collected
        return self.at_hand if cache is Cache.HIT else 0


FREE: Final = Prices(collected=0, at_hand=0)


class Wish(Word):
    """What a call asks for.

    `price` is what must be free, in credits. `fault` is what is wrong with its parameters. A replay was paid for
    before; a call that `passed` the limits once, and lost its hold, meets its rate only once.
    """

    scope: str
    price: int
    address: str = ""
    fault: CallError | None = None
    is_replay: bool = False
    passed: bool = False


class Limits(Word):
    """What a token's limits say after a decision; times in seconds, the day's end in ms."""

    rate_per_minute: int
    burst: int
    rate_left: int
    rate_full_in_seconds: int
    daily_quota: int
    day: str
    zone: str
    used_today: int
    day_ends_ms: int
    day_ends_in_seconds: int

    @property
    def left_today(self) -> int:
        return max(0, self.daily_quota - self.used_today)


class Decision(Word):
    """What was decided: a refusal, with the limits where the caller may know them, or the rows of an admitted call.

    An admitted call's account then holds the price; it counts for the quota of `day`. A refusal leaves rows behind only
    where a clock was set back, a replay none.
    """

    refusal: CallError | None
    standing: Standing | None = None
    day: str = ""
    limits: Limits | None = None


def screened(standing: Standing | None, wish: Wish, now_ns: int) -> CallError | None:
    """Decide 100, 600 and 400: whether this caller may ask this at all."""
    if standing is None or not standing.token.active or _expired(standing.token, now_ns):
        return InvalidTokenError()
    if wish.scope not in standing.token.scopes:
        return PermissionDeniedError(
            f"Permission Denied. This token lacks the scope {wish.scope}; ask the operator for one that has it."
        )
    if standing.token.networks and not _allowed(standing.token.networks, wish.address):
        return PermissionDeniedError(
            "Permission Denied. This token may not be used from this address; ask the operator to allow it."
        )
    if not standing.account.active:
        return PermissionDeniedError("Permission Denied. The account is suspended; ask the operator to resume it.")
    return wish.fault


def decide(standing: Standing | None, used_today: int, wish: Wish, now_ns: int) -> Decision:
    """Decide everything, in the contract's order.

    `used_today` is how much of the token's quota of the present local day is in use, calls in flight included.
    """
    refused = screened(standing, wish, now_ns)
    if refused is not None or standing is None:
        return Decision(refusal=refused or InvalidTokenError())
    account, token = standing.account, standing.token
    if wish.is_replay:
        return Decision(refusal=None)
    paced = pace(token.rate_per_minute, token.burst, token.tat_ns, now_ns)
    if paced.wait_ns and not wish.passed:
        return _held_up(standing, used_today, paced, now_ns)
    if used_today >= token.daily_quota:
        refused = _used_up(limits_of(standing, used_today, now_ns))
    elif account.balance - account.held < wish.price:
        refused = _too_poor(account, wish.price)
    if refused is not None:
        return Decision(refusal=refused, limits=limits_of(standing, used_today, now_ns))
    after = Standing(
        token=token if wish.passed else msgspec.structs.replace(token, tat_ns=paced.tat_ns),
        account=msgspec.structs.replace(account, held=account.held + wish.price),
    )
    return Decision(refusal=None, standing=after, day=quota_day(account.zone, now_ns))


def _held_up(standing: Standing, used_today: int, paced: Pace, now_ns: int) -> Decision:
    """Refuse a call that comes too early; a state from before a clock was set back is corrected, once."""
    token = standing.token
    at_most_ns = now_ns + token.burst * interval_ns(token.rate_per_minute)
    corrected = msgspec.structs.replace(standing, token=msgspec.structs.replace(token, tat_ns=at_most_ns))
    return Decision(
        refusal=_too_fast(token, seconds_up(paced.wait_ns)),
        standing=corrected if token.tat_ns > at_most_ns else None,
        limits=limits_of(standing, used_today, now_ns),
    )


def limits_of(standing: Standing, used_today: int, now_ns: int) -> Limits:
    """Return what a token's limits say now."""
    account, token = standing.account, standing.token
    ahead = ahead_ns(token.rate_per_minute, token.burst, token.tat_ns, now_ns)
    day = quota_day(account.zone, now_ns)
    ends_ns = day_ends_ns(account.zone, day)
    return Limits(
        rate_per_minute=token.rate_per_minute,
        burst=token.burst,
        rate_left=token.burst - -(-ahead // interval_ns(token.rate_per_minute)),
        rate_full_in_seconds=seconds_up(ahead),
        daily_quota=token.daily_quota,
        day=day,
        zone=account.zone,
        used_today=used_today,
        day_ends_ms=ends_ns // 1_000_000,
        day_ends_in_seconds=seconds_up(max(0, ends_ns - now_ns)),
    )


def _too_fast(token: Token, wait_seconds: int) -> CallError:
    return RateLimitedError(
        f"Rate Limit Exceeded. This token may make {token.rate_per_minute} calls a minute, {token.burst} of them at"
        f" once, and has; the next may pass in {wait_seconds} s. Wait that long, then call again.",
        retry_after_seconds=max(1, wait_seconds),
    )


def _used_up(limits: Limits) -> CallError:
    return QuotaExceededError(
        f"Daily Quota Exceeded. This token may make {limits.daily_quota} calls a day; {limits.used_today} are used or"
        f" in flight. The quota day {limits.day} ({limits.zone}) ends at {rfc3339(limits.day_ends_ms)}; call again"
        " then.",
        retry_after_seconds=max(1, limits.day_ends_in_seconds),
    )


def _too_poor(account: Account, price: int) -> CallError:
    return InsufficientBalanceError(
        f"Insufficient Balance. This call costs {price} credits; the balance is {account.balance}, {account.held} of it"
        " held by calls in flight. Ask the operator for a top-up, then call again."
    )


def _expired(token: Token, now_ns: int) -> bool:
    return token.expires_ms is not None and token.expires_ms <= now_ns // 1_000_000


def _allowed(networks: tuple[str, ...], address: str) -> bool:
    try:
        at = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(at, "ipv4_mapped", None) or at
    return any(mapped in network for network in map(_network, networks))


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)
