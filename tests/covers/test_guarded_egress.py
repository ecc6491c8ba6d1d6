"""P3 of PROMISES: of what strangers name only the open internet is dialled, and no more taken than asked for."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from covers.cdn import Cdn, Names, certificate, ok, refused
from hongshu.egress import Egress, GuardedEgress
from hongshu.errors import NoAnswerError, SourceError
from hongshu.formats.addresses import networks
from hongshu.models import Reply
from inner_addresses import INNER
from needed import leave_out

LOOPBACK = networks(["127.0.0.0/8", "::1/128"])


class Visits:
    """A guarded egress of one test."""

    def __init__(self, egress: GuardedEgress) -> None:
        self.egress = egress

    async def get(self, url: str, *, most_bytes: int = 1_000_000, timeout: float = 5.0) -> Reply:  # noqa: ASYNC109 - it is what is tested
        return await self.egress.get(url, most_bytes=most_bytes, timeout_seconds=timeout)

    async def refusal(self, url: str, *, most_bytes: int = 1_000_000, timeout: float = 5.0) -> str:  # noqa: ASYNC109 - it is what is tested
        with pytest.raises(SourceError) as refused:
            await self.get(url, most_bytes=most_bytes, timeout=timeout)
        assert "127.0.0.1" not in refused.value.message
        assert "secret" not in refused.value.message
        return refused.value.message


@pytest.fixture
async def allowed() -> AsyncIterator[Visits]:
    """May dial this machine."""
    egress = GuardedEgress("hongshu/test", LOOPBACK)
    yield Visits(egress)
    await egress.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Visits]:
    """May dial the open internet only."""
    egress = GuardedEgress("hongshu/test")
    yield Visits(egress)
    await egress.close()


async def test_a_small_answer_comes_as_it_was_sent(cdn: Cdn, allowed: Visits) -> None:
    """Status, headers and body arrive."""
    cdn.answers["/a"] = ok(b"\x00\xff body", "X-Kind: png")
    reply = await allowed.get(f"{cdn.address}/a")
    assert (reply.status, reply.body, reply.headers["X-Kind"]) == (200, b"\x00\xff body", "png")


async def test_the_address_is_asked_sign_by_sign(cdn: Cdn, allowed: Visits) -> None:
    """A signature covers the address as it was given: nothing in it is written another way."""
    target = "/spectrum/1040g!nd|x?imageView2/2/w/576|imageMogr2/strip&sign=0a%2fB%2F+&t=65&%zz"
    await allowed.get(cdn.address + target)
    assert cdn.heads[0].startswith(f"GET {target} HTTP/1.1\r\n")


async def test_nothing_is_sent_beside_the_question(cdn: Cdn, allowed: Visits) -> None:
    """No cookie of an earlier answer, no Referer, no login, no wish for an encoding."""
    cdn.answers["/a"] = ok(b"1", "Set-Cookie: spy=1; Path=/", "Set-Cookie: two=2")
    await allowed.get(f"{cdn.address}/a")
    await allowed.get(f"{cdn.address}/a")
    names = [line.partition(":")[0].lower() for line in cdn.heads[1].split("\r\n")[1:] if line]
    assert sorted(names) == ["accept", "accept-encoding", "host", "user-agent"]
    assert "accept-encoding: identity" in cdn.heads[1].lower()
    assert cdn.met == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(cdn: Cdn, allowed: Visits, status: int) -> None:
    """Where an answer points is another stranger's word."""
    cdn.answers["/a"] = refused(status, f"Location: {cdn.address}/b")
    assert (await allowed.get(f"{cdn.address}/a")).status == status
    assert cdn.paths == ["/a"]


@pytest.mark.parametrize("host", INNER.values(), ids=INNER)
async def test_this_machine_and_inner_networks_are_not_reached(cdn: Cdn, guarded: Visits, host: str) -> None:
    """However the address is written: no connection is opened."""
    assert "may not be asked" in await guarded.refusal(f"http://{host}:{cdn.port}/secret", timeout=2.0)
    assert cdn.met == 0


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
async def test_a_name_that_leads_inside_is_not_reached(cdn: Cdn, answers: list[str]) -> None:
    """What a name server says is looked at, not only what is written."""
    visits = Visits(GuardedEgress("hongshu/test", resolver=Names(inner=[answers])))
    assert "open internet" in await visits.refusal(f"http://inner.example:{cdn.port}/secret")
    assert cdn.met == 0
    await visits.egress.close()


async def test_a_name_that_changes_its_mind_is_looked_at_where_it_is_dialled(cdn: Cdn) -> None:
    """Rebinding: first an allowed address, later another one of this machine. The second is never dialled."""
    names = Names(rebinding=[["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]])
    visits = Visits(GuardedEgress("hongshu/test", networks(["127.0.0.1/32"]), resolver=names))
    cdn.answers["/a"] = ok(b"1", "Connection: close")
    url = f"http://rebinding.example:{cdn.port}/a"
    other = Cdn("127.0.0.2")
    await other.start()
    assert (await visits.get(url)).body == b"1"
    moved = f"http://rebinding.example:{other.port}/a"
    assert "open internet" in await visits.refusal(moved)
    assert (await visits.get(url)).body == b"1"
    assert names.asked == 3
    assert other.met == 0
    await visits.egress.close()
    await other.close()


async def test_an_answer_with_open_and_closed_addresses_uses_the_open_ones_only(cdn: Cdn) -> None:
    """Addresses that may not be dialled are left out, in whatever order they come."""
    for order in (["10.0.0.1", "127.0.0.1", "::1"], ["127.0.0.1", "192.168.0.1"], ["::1", "127.0.0.1"]):
        names = Names(mixed=[order])
        visits = Visits(GuardedEgress("hongshu/test", networks(["127.0.0.1/32"]), resolver=names))
        cdn.answers["/a"] = ok(b"1", "Connection: close")
        assert (await visits.get(f"http://mixed.example:{cdn.port}/a")).body == b"1"
        await visits.egress.close()


@pytest.mark.parametrize("port", [25, 6379, 8080])
async def test_an_open_address_is_dialled_only_where_the_web_is_served(port: int) -> None:
    """Another port of the open internet is refused before anything is sent."""
    visits = Visits(GuardedEgress("hongshu/test", resolver=Names(mail=[["1.1.1.1"], ["2606:4700::1111"]])))
    for _ in range(2):
        assert "open internet" in await visits.refusal(f"http://mail.example:{port}/")
    await visits.egress.close()


async def test_an_address_inside_is_refused_with_default_ports_too(guarded: Visits) -> None:
    """No port makes an inner address a place of the open internet."""
    for url in ("http://127.0.0.1/", "https://127.0.0.1/", "http://[::1]/", "https://192.168.0.1/"):
        assert "open internet" in await guarded.refusal(url)


async def test_an_endless_body_is_cut_and_takes_little_memory(cdn: Cdn, allowed: Visits) -> None:
    """What is too large is refused while it comes, and the connection is given up."""
    cdn.answers["/endless"] = cdn.endless()
    tracemalloc.start()
    try:
        assert "larger than 1000000 bytes" in await allowed.refusal(f"{cdn.address}/endless")
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
    await asyncio.sleep(0.05)
    sent = cdn.sent
    await asyncio.sleep(0.1)
    assert cdn.sent == sent < 30_000_000


async def test_a_body_that_says_that_it_is_too_large_is_not_read(cdn: Cdn, allowed: Visits) -> None:
    """The refusal does not wait for the body."""

    async def hung(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
        await asyncio.sleep(60)

    cdn.answers["/large"] = hung
    assert "larger" in await allowed.refusal(f"{cdn.address}/large")


async def test_a_body_of_just_the_largest_size_is_taken(cdn: Cdn, allowed: Visits) -> None:
    """The bound is what may still come."""
    cdn.answers["/a"] = ok(b"a" * 1000)
    assert len((await allowed.get(f"{cdn.address}/a", most_bytes=1000)).body) == 1000
    assert "larger" in await allowed.refusal(f"{cdn.address}/a", most_bytes=999)


@pytest.mark.parametrize("headers", [["Content-Encoding: gzip"], ["Content-Encoding: br"], ["Content-Encoding: x, y"]])
async def test_an_encoded_body_is_refused(cdn: Cdn, allowed: Visits, headers: Sequence[str]) -> None:
    """Nothing is unpacked: what unpacks to too much is never met."""
    cdn.answers["/a"] = ok(gzip.compress(b"0" * 5_000_000), *headers)
    refusal = await allowed.refusal(f"{cdn.address}/a")
    assert refusal == "the answer is encoded in a way that was not asked for"


@pytest.mark.parametrize("named", ["", "identity", "Identity"])
async def test_a_body_that_is_said_not_to_be_encoded_is_taken(cdn: Cdn, allowed: Visits, named: str) -> None:
    """By a header that says nothing, or says so."""
    cdn.answers["/a"] = ok(b"1", f"Content-Encoding: {named}")
    assert (await allowed.get(f"{cdn.address}/a")).body == b"1"


@pytest.mark.parametrize(("host", "family"), [("1.1.1.1", socket.AF_INET), ("2606:4700::1", socket.AF_INET6)])
@pytest.mark.parametrize("port", [80, 443])
def test_the_open_internet_is_dialled(host: str, family: int, port: int) -> None:
    """A socket is made for it; nothing is sent."""
    for egress in (GuardedEgress("hongshu/test"), GuardedEgress("hongshu/test", LOOPBACK)):
        made = egress._socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)))
        assert (made.family, made.type, made.proto) == (family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.close()


@pytest.mark.parametrize("part", [b"a", b""])
async def test_a_slow_drip_ends_at_the_deadline(cdn: Cdn, allowed: Visits, part: bytes) -> None:
    """The time is that of the whole answer, not of each part of it."""
    cdn.answers["/drip"] = cdn.endless(pause=0.05, part=part)
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoAnswerError):
        await allowed.get(f"{cdn.address}/drip", timeout=0.4)
    assert 0.3 < asyncio.get_running_loop().time() - began < 3.0


async def test_headers_without_an_end_end_too(cdn: Cdn, allowed: Visits) -> None:
    """Neither endless headers nor endless interim answers keep a caller."""

    async def headers(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000_000):
            writer.write(b"X-%d: %b\r\n" % (number, b"a" * 1000))
            await writer.drain()

    async def interim(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    cdn.answers |= {"/headers": headers, "/interim": interim}
    assert await allowed.refusal(f"{cdn.address}/headers", timeout=3.0)
    with pytest.raises(NoAnswerError):
        await allowed.get(f"{cdn.address}/interim", timeout=0.4)


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"]
)
async def test_what_is_no_whole_answer_is_an_error_of_ours(cdn: Cdn, allowed: Visits, answer: bytes) -> None:
    """A connection that is closed in the middle leaves nothing behind that looks like a body."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    cdn.answers["/cut"] = cut
    assert "connection failed" in await allowed.refusal(f"{cdn.address}/cut")


@pytest.mark.parametrize("url", ["ftp://cdn.example/", "file:///etc/passwd", "http://", "", "http://a b/", "x" * 10**6])
async def test_what_is_no_web_address_is_not_asked(guarded: Visits, url: str) -> None:
    """The refusal says so in words that do not repeat the address."""
    assert len(await guarded.refusal(url)) < 200


async def test_certificates_are_checked(tmp_path: Path) -> None:
    """A certificate that nobody trusts, or of another name, is refused; a trusted one of the name is taken."""
    tls = certificate(tmp_path, "cdn.example")
    if tls is None:
        leave_out("this system has no openssl to make a certificate with")
    host = Cdn(tls=tls)
    await host.start()
    host.answers["/a"] = ok(b"1")
    names = {"cdn": [["127.0.0.1"]], "other": [["127.0.0.1"]]}
    trusting = Visits(
        GuardedEgress("hongshu/test", LOOPBACK, ca_file=tmp_path / "cdn.example.pem", resolver=Names(**names))
    )
    strange = Visits(GuardedEgress("hongshu/test", LOOPBACK, resolver=Names(**names)))
    assert (await trusting.get(f"https://cdn.example:{host.port}/a")).body == b"1"
    assert "Certificate" in await trusting.refusal(f"https://other.example:{host.port}/a")
    assert "Certificate" in await strange.refusal(f"https://cdn.example:{host.port}/a")
    assert len(host.heads) == 1
    for one in (trusting, strange):
        await one.egress.close()
    await host.close()


async def test_the_way_to_our_own_sources_is_as_it_was(cdn: Cdn) -> None:
    """Sources that the operator names may stand on this machine; gzip is asked for and unpacked."""
    cdn.answers["/a"] = ok(gzip.compress(b"a page"), "Content-Encoding: gzip")
    egress = Egress("hongshu/test")
    reply = await egress.get(f"{cdn.address}/a", params={}, headers={}, timeout_seconds=5)
    assert reply.body == b"a page"
    assert "accept-encoding: gzip" in cdn.heads[0].lower()
    await egress.close()
