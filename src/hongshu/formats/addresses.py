"""Which addresses outsiders may name: web addresses in one plain spelling, IP addresses of the open internet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from hongshu.models import Word

Network = IPv4Network | IPv6Network

LONGEST_ADDRESS: Final = 4096
OPEN_PORTS: Final = frozenset({80, 443})

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ADDRESS: Final = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[!-~]*)?"
)
_LABEL: Final = re.compile(r"[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?")
_LIKE_A_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WHY: Final = "it is no plain http or https address"
_CLOSED_4: Final = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # one cloud's inner services stand at this address of the open internet
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_OPEN_6: Final = IPv6Network("2000::/3")
_CLOSED_6: Final = tuple(IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64: Final = IPv6Network("64:ff9b::/96")


class UnfitAddressError(ValueError):
    """The address is none that outsiders may name."""


class WebAddress(Word):
    """An http or https address in parts: scheme and host in lower case, IPv6 without brackets, path with query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


def read_address(url: str) -> WebAddress:
    """Take a web address apart; only one spelling is right, so that no two readers can take it for different places.

    Raises `UnfitAddressError` for user names, fragments, backslashes, what is not ASCII, hosts that are numbers in
    another form than 192.0.2.1, and all else that is not http or https.
    """
    found = _ADDRESS.fullmatch(url) if len(url) <= LONGEST_ADDRESS else None
    if found is None or any(sign in (found["target"] or "") for sign in '#\\"<>'):
        raise UnfitAddressError(_WHY)
    scheme = found["scheme"].lower()
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise UnfitAddressError(_WHY)
    return WebAddress(scheme=scheme, host=_host(found["host"].lower()), port=port, target=found["target"] or "/")


def is_under(host: str, domains: Iterable[str]) -> bool:
    """Say whether a host is one of some domains, or below one of them."""
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks in CIDR form; raises `ValueError`."""
    return tuple(ip_network(text) for text in texts)


def is_public(address: str, allowed_networks: Sequence[Network] = ()) -> bool:
    """Say whether an IP address is one of the open internet, or in one of the allowed networks.

    Loopback, private, link-local, shared (CGNAT), multicast, documentation, reserved and tunnel addresses are not; an
    IPv6 address that leads to an IPv4 one (mapped, NAT64, 6to4) is what that one is. Text in any other form than the
    plain one is no address. By the registries of special-purpose addresses, RFC 6890 and its successors.
    """
    given = _read(address)
    return given is not None and (_is_within(given, allowed_networks) or _is_open(_meant(given)))


def may_dial(address: str, port: int, allowed_networks: Sequence[Network] = ()) -> bool:
    """Say whether a connection may be opened: in allowed networks at any port, else only where the web is served."""
    given = _read(address)
    if given is None:
        return False
    return _is_within(given, allowed_networks) or (port in OPEN_PORTS and _is_open(_meant(given)))


def is_within(address: str, allowed_networks: Sequence[Network]) -> bool:
    """Say whether an IP address is in one of some networks."""
    given = _read(address)
    return given is not None and _is_within(given, allowed_networks)


def _read(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _is_within(address: IPv4Address | IPv6Address, allowed: Sequence[Network]) -> bool:
    return any(one in network for one in (address, _meant(address)) for network in allowed)


def _host(host: str) -> str:
    if host.startswith("["):
        return _plain_ip(host[1:-1])
    labels = host.split(".")
    if _LIKE_A_NUMBER.fullmatch(labels[-1]):
        return _plain_ip(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UnfitAddressError(_WHY)
    return host


def _plain_ip(host: str) -> str:
    if _read(host) is None:
        raise UnfitAddressError(_WHY)
    return host


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_open(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)
