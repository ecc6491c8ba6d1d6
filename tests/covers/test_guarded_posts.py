"""Sending to what outsiders name: a message goes out as it is, only where it may, and its answer is read away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from covers.cdn import Cdn, Names, ok, refused
from hongshu.egress import GuardedEgress
from hongshu.errors import NoAnswerError, SourceError
from hongshu.formats.addresses import networks
from hongshu.models import Reply

LOOPBACK = networks(["127.0.0.0/8"])
ONLY_HTTPS = "the address may not be asked: outside the allowed networks only https may be"
NOT_OPEN = "the address may not be asked: it does not lead to the open internet"


class Sender:
    """Posts to one host of this machine."""

    def __init__(self, egress: GuardedEgress, cdn: Cdn) -> None:
        self.egress = egress
        self.cdn = cdn

    async def post(self, path: str = "/a", *, most_bytes: int = 1000, seconds: float = 5.0) -> Reply:
        return await self.egress.post(
            self.cdn.address + path,
            body=b'{"a":1}',
            headers={"X-A": "b"},
            most_bytes=most_bytes,
            timeout_seconds=seconds,
        )


@pytest.fixture
async def sender(cdn: Cdn) -> AsyncIterator[Sender]:
    egress = GuardedEgress("hongshu/test", LOOPBACK, cleartext=False)
    cdn.answers["/a"] = ok(b"thank you")
    yield Sender(egress, cdn)
    await egress.close()


def dialling(**names: list[list[str]]) -> GuardedEgress:
    return GuardedEgress("hongshu/test", LOOPBACK, resolver=Names(**names), cleartext=False)


async def why_not(egress: GuardedEgress, url: str) -> str:
    """Ask an address that may not be asked."""
    with pytest.raises(SourceError) as error:
        await egress.get(url, most_bytes=1000, timeout_seconds=5)
    await egress.close()
    return error.value.message


async def test_a_post_goes_out_as_it_is_and_its_answer_is_read_away(sender: Sender) -> None:
    """Status and headers are told, the body is not; the connection is used again."""
    for _ in range(2):
        reply = await sender.post()
        assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "image/png", b"")
    [head, _] = sender.cdn.heads
    assert head.startswith("POST /a HTTP/1.1\r\n")
    assert {"X-A: b", "User-Agent: hongshu/test", "Accept-Encoding: identity", "Content-Length: 7"} <= set(
        head.split("\r\n")
    )
    assert sender.cdn.met == 1


async def test_a_redirect_of_a_post_is_not_followed(sender: Sender) -> None:
    """Whoever was named gets the message, and nobody else."""
    sender.cdn.answers["/moved"] = refused(307, "Location: /a")
    reply = await sender.post("/moved")
    assert (reply.status, sender.cdn.paths) == (307, ["/moved"])


@pytest.mark.parametrize(("most_bytes", "met"), [(999_999, 1), (999_998, 2)])
async def test_of_a_larger_answer_the_rest_is_not_read(sender: Sender, most_bytes: int, met: int) -> None:
    """Beyond the bound the connection is given up, which is no error; here one byte comes late."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"a" * 1_000_000)[:-1])
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"a")
        await writer.drain()

    sender.cdn.answers["/a"] = answer
    for _ in range(2):
        assert (await sender.post(most_bytes=most_bytes)).status == 200
    assert sender.cdn.met == met


async def test_an_answer_whose_body_drips_or_breaks_is_an_answer(sender: Sender) -> None:
    """It was received: whether its body comes does not matter, and is not waited for."""

    async def broken(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Yes\r\nContent-Length: 50\r\n\r\nshort")
        await writer.drain()
        writer.close()

    sender.cdn.answers |= {"/drip": sender.cdn.endless(pause=0.05, part=b"a"), "/broken": broken}
    began = asyncio.get_running_loop().time()
    assert (await sender.post("/drip", most_bytes=10**6, seconds=30.0)).status == 200
    assert asyncio.get_running_loop().time() - began < 15
    assert (await sender.post("/broken")).status == 202


async def test_a_post_that_nobody_answers_ends_at_its_time(sender: Sender) -> None:
    """The time is that of the whole question."""

    async def silent(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    sender.cdn.answers["/silent"] = silent
    with pytest.raises(NoAnswerError):
        await sender.post("/silent", seconds=0.2)


async def test_without_tls_only_the_allowed_networks_are_dialled(cdn: Cdn) -> None:
    """However a name leads there; with TLS the open internet is, and nothing else."""
    cdn.answers["/a"] = ok(b"1")
    inside = dialling(inner=[["127.0.0.1"]])
    assert (await inside.get(f"http://inner.example:{cdn.port}/a", most_bytes=9, timeout_seconds=5)).body == b"1"
    await inside.close()
    for address in ("1.1.1.1", "10.0.0.1"):
        assert await why_not(dialling(other=[[address]]), "http://other.example/") == ONLY_HTTPS
        assert await why_not(dialling(), f"http://{address}/") == ONLY_HTTPS
    assert await why_not(dialling(other=[["10.0.0.1"]]), "https://other.example/") == NOT_OPEN
    assert await why_not(dialling(), "https://10.0.0.1/") == NOT_OPEN
    assert await why_not(GuardedEgress("hongshu/test"), "http://10.0.0.1/") == NOT_OPEN


@pytest.mark.parametrize(
    ("url", "cleartext", "why"),
    [
        ("http://127.0.0.1:8080/a", False, ""),
        ("http://127.0.0.1:8080/a", True, ""),
        ("https://127.0.0.1:8443/a", False, ""),
        ("https://1.1.1.1/a", False, ""),
        ("http://1.1.1.1/a", True, ""),
        ("http://1.1.1.1/a", False, ONLY_HTTPS),
        ("http://10.0.0.1/a", False, ONLY_HTTPS),
        ("http://10.0.0.1/a", True, NOT_OPEN),
        ("https://10.0.0.1/a", False, NOT_OPEN),
        ("https://1.1.1.1:8443/a", False, NOT_OPEN),
        ("https://[::1]/a", True, NOT_OPEN),
        ("ftp://1.1.1.1/a", True, "the address may not be asked: it is no plain http or https address"),
        ("http://127.1/a", True, "the address may not be asked: it is no plain http or https address"),
    ],
)
async def test_an_address_is_checked_without_asking_it(url: str, cleartext: bool, why: str) -> None:
    """By the same rules as where it is dialled."""
    egress = GuardedEgress("hongshu/test", LOOPBACK, cleartext=cleartext)
    if why:
        with pytest.raises(SourceError) as error:
            await egress.check(url)
        assert error.value.message == why
    else:
        await egress.check(url)
    await egress.close()
