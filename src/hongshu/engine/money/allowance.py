"""What a token may do: as it is asked for, filled up from the settings, and checked."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from hongshu.config import LimitsConfig
from hongshu.engine.money.decision import SCOPES
from hongshu.errors import UsageError
from hongshu.formats.times import given_ms
from hongshu.models import Word

LARGEST_LIMIT: Final = 2**31 - 1

_MAPPED_BITS: Final = 96


class Allowance(Word):
    """What a token may do: calls a minute, at once and a day, until when (ms; None for ever), and from where."""

    rate_per_minute: int
    burst: int
    daily_quota: int
    scopes: tuple[str, ...] = SCOPES
    expires_ms: int | None = None
    networks: tuple[str, ...] = ()


class Draft(Word):
    """An allowance as it is asked for; limits that are None are those of `[limits]`."""

    rate_per_minute: int | None = None
    burst: int | None = None
    daily_quota: int | None = None
    scopes: tuple[str, ...] = SCOPES
    expires: str | None = None
    networks: tuple[str, ...] = ()

    def allowance(self, defaults: LimitsConfig) -> Allowance:
        """Fill it up; raises `UsageError` for an expiry that is no time."""
        return Allowance(
            rate_per_minute=defaults.rate_per_minute if self.rate_per_minute is None else self.rate_per_minute,
            burst=defaults.burst if self.burst is None else self.burst,
            daily_quota=defaults.daily_quota if self.daily_quota is None else self.daily_quota,
            scopes=self.scopes,
            expires_ms=None if self.expires is None else given_ms(self.expires),
            networks=self.networks,
        )


def check_allowance(allowance: Allowance) -> None:
    """Raise `UsageError` for what no token can have."""
    if min(allowance.rate_per_minute, allowance.burst) < 1 or allowance.daily_quota < 0:
        raise UsageError("rate and burst are at least 1, the daily quota at least 0")
    if max(allowance.rate_per_minute, allowance.burst, allowance.daily_quota) > LARGEST_LIMIT:
        raise UsageError(f"rate, burst and daily quota are at most {LARGEST_LIMIT}")
    unknown = sorted(set(allowance.scopes) - set(SCOPES))
    if unknown or not allowance.scopes:
        raise UsageError(f"unknown scope {', '.join(unknown) or '(none)'}; the scopes are {', '.join(SCOPES)}")
    for one in allowance.networks:
        network(one)


def network(text: str) -> IPv4Network | IPv6Network:
    """Read an address or a network; one of IPv4 inside IPv6 is the IPv4 one."""
    try:
        found = ip_network(text, strict=False)
    except ValueError as error:
        raise UsageError(f'"{text}" is no address or network; write one like 203.0.113.0/24') from error
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is None or found.prefixlen < _MAPPED_BITS:
        return found
    return IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))
