"""What a value must be beside its type: each rule returns what is wrong with it, or an empty text."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from hongshu.secret import Secret

LONGEST_PAUSE: Final = 3600
HOURS: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PATH: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}")
SUCCESS: Final = re.compile(rf"{PATH.pattern}=-?[0-9]{{1,9}}")
DOMAIN: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
AT_ONCE: Final = "0"
DAILY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
EVERY: Final = re.compile(r"([1-9][0-9]{0,3})([mh])")
MILESTONE: Final = re.compile(r"(likes|collects|comments|shares)=([1-9][0-9]{0,9})")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def web_address(text: str) -> SplitResult | None:
    """Split an http or https address; None where it is another thing or holds a user name, a query or a fragment."""
    if not text.isprintable() or any(sign in text for sign in " \\@?#"):
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if usable else None


def is_loopback(host: str) -> bool:
    """Say whether what is sent to the host stays on this machine; other names than localhost do not count."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_fault(url: str) -> str:
    if web_address(url):
        return ""
    return "is not an http or https address; write one like https://host:8443, without user name, query or fragment"


def public_url_fault(url: str) -> str:
    return url_fault(url) if url else ""


def devtools_fault(url: str) -> str:
    parts = web_address(url)
    if parts is None or not is_loopback(parts.hostname or ""):
        return (
            "is no address of this machine; who reaches a browser's DevTools can do all that its user can, so keep it"
            " to http://127.0.0.1:9222"
        )
    return ""


def origins_fault(origins: tuple[str, ...]) -> str:
    for origin in origins:
        parts = web_address(origin)
        if parts is None or origin != f"{parts.scheme}://{parts.netloc}".lower():
            return (
                "holds something that is not an origin; write each like https://app.example, lower case, without a path"
            )
    return ""


class StorePlace(Secret):
    """Where everything is kept: "sqlite", or a database's address, of which the password is never shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return without_password(self.reveal())


def store_fault(place: StorePlace) -> str:
    store = place.reveal()
    if store == "sqlite":
        return ""
    if not store.startswith(("postgresql://", "postgres://")) or not store.isprintable() or " " in store:
        return 'is neither "sqlite" nor an address like postgresql://user@host/db; write one of the two'
    return ""


def without_password(store: str) -> str:
    """Return the address of a store as it may be shown: user, host and database, and no more of what stands in it."""
    scheme, separator, rest = store.partition("://")
    if not separator:
        return store
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    place, question, query = place.partition("?")
    shown = "&".join(part if _is_harmless(part) else f"{part.partition('=')[0]}=***" for part in query.split("&"))
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}{question}{shown}"


def _is_harmless(part: str) -> bool:
    return part.partition("=")[0] in {"", "host", "port", "dbname", "user", "sslmode", "connect_timeout"}


def host_fault(host: str) -> str:
    return "" if host else "is empty; write an address of this machine, such as 127.0.0.1"


def domains_fault(domains: tuple[str, ...]) -> str:
    if all(DOMAIN.fullmatch(domain) and len(domain) <= 253 for domain in domains):
        return ""
    return "holds something that is not a host's name; write each like cdn.example, lower case, without * and port"


def networks_fault(networks: tuple[str, ...]) -> str:
    try:
        for network in networks:
            ip_network(network)
    except ValueError:
        return "holds something that is not a network; write each like 192.168.1.0/24 or fd00::/8"
    return ""


def milestones(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return values by counter, out of texts like likes=10000. Raises `ValueError` for anything else."""
    found: dict[str, list[int]] = {}
    for text in texts:
        matched = MILESTONE.fullmatch(text)
        if matched is None:
            raise ValueError(text)
        found.setdefault(matched[1], []).append(int(matched[2]))
    return {name: tuple(sorted(set(values))) for name, values in found.items()}


def milestones_fault(texts: tuple[str, ...]) -> str:
    try:
        milestones(texts)
    except ValueError:
        return "holds something that is no milestone; write each like likes=10000"
    return ""


def name_fault(name: str) -> str:
    if NAME.fullmatch(name):
        return ""
    return "is not a source's name; write 1 to 32 of a-z, 0-9, _ and -, a letter or digit first"


def channel_name_fault(name: str) -> str:
    if NAME.fullmatch(name):
        return ""
    return "is not a channel's name; write 1 to 32 of a-z, 0-9, _ and -, a letter or digit first"


def digest_minutes(digest: str) -> list[int] | None:
    """Return the minutes of the day at which digests are sent; none for each event at once.

    None for what is no time of digests.
    """
    if digest == AT_ONCE:
        return []
    daily, every = DAILY.fullmatch(digest), EVERY.fullmatch(digest)
    if daily is not None:
        return [60 * int(daily[1]) + int(daily[2])]
    minutes_apart = int(every[1]) * (60 if every[2] == "h" else 1) if every else 0
    fits = minutes_apart and minutes_apart <= 24 * 60 and 24 * 60 % minutes_apart == 0
    return list(range(0, 24 * 60, minutes_apart)) if fits else None


def digest_fault(digest: str) -> str:
    if digest_minutes(digest) is not None:
        return ""
    return "is no time of digests; write 08:00 for once a day, 30m or 6h for every so often, or 0 for none"


def pause_fault(pause: tuple[float, float]) -> str:
    if 0 <= pause[0] <= pause[1] <= LONGEST_PAUSE:
        return ""
    return f"is not from the shorter to the longer, both from 0 to {LONGEST_PAUSE}; write it like [2.0, 5.0]"


def minutes(hours: str) -> tuple[int, int]:
    """Return the minutes of the day at which hours like 08:00-23:00 begin and end; empty means the whole day.

    Raises `ValueError` for anything else.
    """
    if not hours:
        return 0, 24 * 60
    found = HOURS.fullmatch(hours)
    if found is None:
        raise ValueError(hours)
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin == end or end > 24 * 60:
        raise ValueError(hours)
    return begin, end


def hours_fault(hours: str) -> str:
    try:
        minutes(hours)
    except ValueError:
        return "is no stretch of a day; write it like 08:00-23:00, or leave it empty for the whole day"
    return ""


def auth_fault(auth: str) -> str:
    way, _, name = auth.partition(":")
    if auth == "bearer" or (way in {"header", "query"} and WORD.fullmatch(name)):
        return ""
    return "says not how the token travels; write bearer, header:NAME or query:NAME"


def parameter_fault(name: str) -> str:
    return "" if WORD.fullmatch(name) else "is no parameter's name; write one like user_id"


def path_fault(path: str) -> str:
    return "" if PATH.fullmatch(path) else "is no way to a field; write it like data.data.notes"


def success_fault(success: tuple[str, ...]) -> str:
    if success and all(SUCCESS.fullmatch(one) for one in success):
        return ""
    return 'does not say what success is; write it like ["code=200", "data.code=0"]'


def zone_fault(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return "is no time zone; write its IANA name, such as Asia/Shanghai or UTC"
    return ""


def at_fault(at: str) -> str:
    try:
        moment = msgspec.convert(at, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        return "is not a time with its zone as in RFC 3339; write one like 2026-01-01T00:00:00Z"
    return "" if 0 <= moment.timestamp() < 2**32 else "is before 1970 or after 2106; write a time between them"


def token_fault(token: Secret) -> str:
    text = token.reveal()
    if len(text) <= 4096 and text.isascii() and text.isprintable() and " " not in text:
        return ""
    return "is no token: it is too long, or has a space or a sign outside ASCII; copy it again"
