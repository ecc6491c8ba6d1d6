"""P3 of PROMISES: which addresses outsiders may name: one spelling of each, and only the open internet."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.formats.addresses import (
    LONGEST_ADDRESS,
    UnfitAddressError,
    WebAddress,
    is_public,
    is_under,
    is_within,
    may_dial,
    networks,
    read_address,
)

OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "47.117.133.51",
    "2606:4700:4700::1111",
    "2400:3200::1",
    "2001:4860:4860::8888",
    "2001:200::1",
    "2003::1",
    "::ffff:8.8.8.8",
    "::ffff:808:808",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]
CLOSED = [
    "0.0.0.0",  # noqa: S104 - nobody listens on it here
    "0.1.2.3",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "0:0:0:0:0:ffff:c0a8:0001",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.1.2.3",
    "64:ff9b:1::1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:c0a8:101::1",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
NO_ADDRESSES = [
    "",
    "localhost",
    "example.com",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "1.1.1",
    "1.1.1.1.",
    " 1.1.1.1",
    "1.1.1.1 ",
    "01.1.1.1",
    "1.1.1.256",
    "1.1.1.1/32",
    "1.1.1.1:80",
    "[2606:4700::1]",
    "2606:4700:::1",
    "①.1.1.1",
    "１.1.1.1",
    "1。1。1。1",
    "1.1.1.1\0",
    "1.1.1.1\n",
]
LOOPBACK = networks(["127.0.0.0/8", "::1/128"])


@pytest.mark.parametrize("address", OPEN)
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    """What stands beside the closed ranges is open, and what leads to an open IPv4 address too."""
    assert is_public(address)
    assert may_dial(address, 80)
    assert may_dial(address, 443)


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_with_a_special_purpose_are_not(address: str) -> None:
    """Loopback, private, link-local, shared, multicast, documentation, reserved, and every IPv6 form of them."""
    assert not is_public(address)
    assert not any(may_dial(address, port) for port in (80, 443, 8080))


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_only_the_plain_form_is_an_address(address: str) -> None:
    """What another reader may take for an address, or for another one, is none."""
    assert not is_public(address)
    everything = networks(["0.0.0.0/0", "::/0"])
    assert not is_public(address, everything)
    assert not is_within(address, everything)
    assert not any(may_dial(address, port, everything) for port in (80, 443))


@pytest.mark.parametrize("port", [0, 1, 22, 25, 79, 81, 6379, 8080, 8443, 65_535])
def test_only_the_ports_of_the_web_are_dialled(port: int) -> None:
    """Mail, databases and shells of the open internet are no place for a question in HTTP."""
    assert not may_dial("1.1.1.1", port)
    assert not may_dial("2606:4700::1", port)


def test_allowed_networks_are_open_at_any_port() -> None:
    """An inner mirror is dialled where its network is allowed, also by its IPv6 form, and nothing beside it."""
    for address in ("127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"):
        assert is_public(address, LOOPBACK)
        assert may_dial(address, 8080, LOOPBACK)
    for address in ("10.0.0.1", "128.0.0.1", "::2", "fe80::1", "169.254.169.254"):
        assert not may_dial(address, 8080, LOOPBACK)
    assert may_dial("fd00::5", 9000, networks(["fd00::/8"]))


def test_an_address_is_within_a_network_by_what_it_leads_to_as_well() -> None:
    """The port says nothing there, and neither does the open internet."""
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"):
        assert is_within(address, LOOPBACK)
    for address in ("128.0.0.1", "::2", "1.1.1.1", "2606:4700::1"):
        assert not is_within(address, LOOPBACK)
    assert not is_within("127.0.0.1", ())


@given(st.integers(0, 2**32 - 1).map(IPv4Address), st.sampled_from(["::ffff:{}", "64:ff9b::{}", "{}"]))
def test_every_ipv4_address_is_judged_alike_in_every_form(address: IPv4Address, form: str) -> None:
    """No IPv6 form opens what the plain form closes."""
    assert is_public(form.format(address)) == is_public(str(address))
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_is_open_is_global_to_everyone(address: IPv6Address) -> None:
    """Python's own list of special addresses holds nothing that is open here."""
    if is_public(str(address)):
        meant = address.sixtofour or address.ipv4_mapped or address
        assert meant.is_global
        assert not meant.is_multicast


@given(st.text(max_size=60))
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    """Whatever stands there: it is open, or it is not, or it is no address."""
    is_public(text)
    with suppress(UnfitAddressError):
        read_address(text)


GOOD = [
    (
        "http://sns-img-hw.xhscdn.com/1000g0?imageView2/2/w/540/format/webp|imageMogr2/strip&x=1",
        "sns-img-hw.xhscdn.com",
        80,
    ),
    ("https://sns-i8.rednotecdn.com/1000g0", "sns-i8.rednotecdn.com", 443),
    ("HTTPS://CDN.Example/a", "cdn.example", 443),
    ("http://cdn.example", "cdn.example", 80),
    ("http://cdn.example:8080/", "cdn.example", 8080),
    ("http://a_b.cdn-1.example/!nc_n_webp_mw_1", "a_b.cdn-1.example", 80),
    ("http://xn--fiqs8s.example/X", "xn--fiqs8s.example", 80),
    ("http://192.0.2.1/a@b:c", "192.0.2.1", 80),
    ("http://[2001:db8::1]:81/", "2001:db8::1", 81),
    ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80),
    ("http://1.2.3.4.example/", "1.2.3.4.example", 80),
]
BAD = [
    "",
    "//cdn.example/a",
    "cdn.example/a",
    "ftp://cdn.example/a",
    "file:///etc/passwd",
    "gopher://cdn.example/_x",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "http:/cdn.example/a",
    "http:///a",
    "http://",
    " http://cdn.example/",
    "http://cdn.example/ ",
    "http://cdn.example/a b",
    "http://cdn.example/\r\nHost: other",
    "http://cdn.example/\0",
    "http://cdn.example/a#fragment",
    "http://cdn.example\\@127.0.0.1/",
    "http://cdn.example/\\..",
    "http://127.0.0.1\t/",
    "http://user@cdn.example/",
    "http://user:pass@cdn.example/",
    "http://cdn.example@127.0.0.1/",
    "http://cdn.example:80@127.0.0.1/",
    "http://127.0.0.1#@cdn.example/",
    "http://127.0.0.1?@cdn.example/",
    "http://cdn.example:/",
    "http://cdn.example:0/",
    "http://cdn.example:65536/",
    "http://cdn.example:99999/",
    "http://cdn.example:-1/",
    "http://cdn.example:8o/",
    "http://cdn.example:8080:80/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0X7F.0x0.0x0.0x1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://0/",
    "http://0x/",
    "http://1.1.1.256/",
    "http://1.2.3.4.5/",
    "http://cdn.example.0x7f/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://ｃｄｎ.example/",
    "http://cdn%2eexample/",
    "http://127.0.0.1%00.cdn.example/",
    "http://[::1/",
    "http://::1/",
    "http://[::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[v1.x]/",
    "http://[127.0.0.1]x/",
    "http://[1:2:3]/",
    "http://cdn..example/",
    "http://.cdn.example/",
    "http://cdn.example./",
    "http://-cdn.example/",
    "http://cdn-.example/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 130 + "example/",
    "http://cdn.example?x=1",
    "http://封面.example/",
    "http://cdn.example/封面.jpg",
    "http://cdn.example/\ud800",
    "http://cdn.example/" + "a" * LONGEST_ADDRESS,
]


@pytest.mark.parametrize(("url", "host", "port"), GOOD)
def test_a_plain_address_is_taken_apart(url: str, host: str, port: int) -> None:
    """Scheme, host and port as every other reader sees them; path and query untouched."""
    found = read_address(url)
    assert (found.host, found.port) == (host, port)
    parts = urlsplit(url)
    assert (found.scheme, found.host) == (parts.scheme, parts.hostname)
    assert found.path == (parts.path or "/")
    assert url.lower().endswith(found.target.lower()) or found.target == "/"


@pytest.mark.parametrize("url", BAD)
def test_any_other_spelling_is_refused(url: str) -> None:
    """What two readers could take for different places is asked by none."""
    with pytest.raises(UnfitAddressError, match=r"^it is no plain http or https address$"):
        read_address(url)


LONG_NAME = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])


@pytest.mark.parametrize(
    ("last", "beyond"),
    [
        ("http://cdn.example:1/", "http://cdn.example:0/"),
        ("http://cdn.example:65535/", "http://cdn.example:65536/"),
        (f"http://{LONG_NAME}/", f"http://{LONG_NAME}e/"),
        (f"http://{'a' * 63}.example/", f"http://{'a' * 64}.example/"),
        ("http://cdn.example/".ljust(LONGEST_ADDRESS, "a"), "http://cdn.example/".ljust(LONGEST_ADDRESS + 1, "a")),
    ],
)
def test_bounds_are_the_last_that_is_taken(last: str, beyond: str) -> None:
    """Ports, names (RFC 1035: 253 signs as text), labels and the whole."""
    assert read_address(last).host
    with pytest.raises(UnfitAddressError):
        read_address(beyond)


@given(st.from_regex(r"https?://[!-~]{1,30}/[!-~]{0,10}", fullmatch=True))
def test_an_address_that_is_taken_means_the_same_to_another_reader(url: str) -> None:
    """The host that is checked is the host that is asked."""
    try:
        found = read_address(url)
    except UnfitAddressError:
        return
    parts = urlsplit(url)
    assert found.host == parts.hostname
    assert found.port == (parts.port or {"http": 80, "https": 443}[parts.scheme])
    assert parts.username is None
    if set(found.host) <= set("0123456789."):
        assert str(ip_address(found.host)) == found.host


def test_a_host_is_under_a_domain_and_not_under_one_that_ends_alike() -> None:
    """Subdomains count; names that only look like them do not."""
    domains = ("xhscdn.com", "ci.xiaohongshu.com", "127.0.0.1")
    for host in ("xhscdn.com", "sns-img-hw.xhscdn.com", "a.b.xhscdn.com", "ci.xiaohongshu.com", "127.0.0.1"):
        assert is_under(host, domains)
    for host in ("evilxhscdn.com", "xhscdn.com.evil.example", "xiaohongshu.com", "com", "127.0.0.11", "xhscdn.co"):
        assert not is_under(host, domains)
    assert not is_under("xhscdn.com", ())


def test_the_address_is_told_in_its_parts() -> None:
    """Nothing is lost of what a signature covers."""
    url = "http://sns-na-i11.xhscdn.com/spectrum/1040g?imageView2/2/w/576|imageMogr2/strip&sign=0a%2Fb&t=65"
    assert read_address(url) == WebAddress(
        scheme="http", host="sns-na-i11.xhscdn.com", port=80, target=url.removeprefix("http://sns-na-i11.xhscdn.com")
    )
