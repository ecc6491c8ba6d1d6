"""The way to sources: what they send is unpacked up to a bound, and what cannot be a page of theirs is refused."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from covers.cdn import Cdn, certificate, ok, refused
from hongshu.egress import LARGEST_BODY, LARGEST_RATIO, Egress
from hongshu.errors import NoAnswerError, SourceError
from hongshu.models import Reply
from needed import leave_out

SMALL = 64 * 1024
ODD = bytes(range(256))


class Way:
    """The way to one host."""

    def __init__(self, egress: Egress, cdn: Cdn) -> None:
        self.egress = egress
        self.cdn = cdn

    async def get(self, body: bytes, *headers: str, timeout: float = 5.0) -> Reply:  # noqa: ASYNC109 - it is what is tested
        self.cdn.answers["/a"] = ok(body, *headers)
        return await self.egress.get(f"{self.cdn.address}/a", params={}, headers={}, timeout_seconds=timeout)

    async def unzipped(self, packed: bytes) -> bytes:
        return (await self.get(packed, "Content-Encoding: gzip")).body

    async def refusal(self, body: bytes, *headers: str) -> str:
        with pytest.raises(SourceError) as error:
            await self.get(body, *headers)
        return error.value.message


@pytest.fixture
async def way(cdn: Cdn) -> AsyncIterator[Way]:
    egress = Egress("hongshu/test")
    yield Way(egress, cdn)
    await egress.close()


def packed(size: int, ratio: float) -> bytes:
    """A gzip of a text that unpacks to `size` bytes, which are so many times as many as it has itself."""
    zeros = gzip.compress(b"0" * size, mtime=0)
    name = b"n" * (int(size / ratio) - len(zeros) - 1) + b"\0"  # RFC 1952: flag 8, after a head of ten bytes
    return zeros[:3] + b"\x08" + zeros[4:10] + name + zeros[10:]


async def test_a_bomb_takes_no_more_memory_than_the_largest_page(way: Way) -> None:
    """What unpacks to 256 MiB is given up at 8: it is not unpacked first and measured then."""
    bomb = gzip.compress(bytes(256 * 1024 * 1024))
    assert len(bomb) < LARGEST_BODY
    tracemalloc.start()
    try:
        assert "unpacks to too much" in await way.refusal(bomb, "Content-Encoding: gzip")
        assert tracemalloc.get_traced_memory()[1] < 5 * LARGEST_BODY
    finally:
        tracemalloc.stop()


async def test_a_page_may_unpack_to_just_so_many_times_its_size(way: Way) -> None:
    """Small ones to any number of times."""
    size = 2_000_000
    assert len(packed(size, LARGEST_RATIO)) == size // LARGEST_RATIO
    assert len(await way.unzipped(packed(size, LARGEST_RATIO))) == size
    assert "unpacks to too much" in await way.refusal(packed(size + 1, LARGEST_RATIO), "Content-Encoding: gzip")
    assert len(await way.unzipped(gzip.compress(bytes(SMALL)))) == SMALL
    assert "unpacks to too much" in await way.refusal(gzip.compress(bytes(SMALL + 1)), "Content-Encoding: gzip")


@pytest.mark.parametrize("more", [0, 1])
async def test_the_largest_body_is_taken_and_one_byte_more_is_not(way: Way, more: int) -> None:
    """As it comes, and as it unpacks."""
    plain = ODD * (LARGEST_BODY // len(ODD)) + b"x" * more
    for body, encoding in ((plain, "identity"), (packed(len(plain), 90), "gzip")):
        if more:
            message = await way.refusal(body, f"Content-Encoding: {encoding}")
            assert message.endswith(f"larger than {LARGEST_BODY} bytes") or "too much" in message
        else:
            assert len((await way.get(body, f"Content-Encoding: {encoding}")).body) == LARGEST_BODY


@pytest.mark.parametrize(
    "named", [["gzip"], ["x-gzip"], [" GZIP "], ["identity, gzip"], ["identity", "gzip"], ["gzip,"]]
)
async def test_gzip_is_unpacked_however_it_is_named(way: Way, named: list[str]) -> None:
    """In any case, by its old name, with what stands for no encoding beside it."""
    headers = [f"Content-Encoding: {one}" for one in named]
    assert (await way.get(gzip.compress(b"a page", mtime=0), *headers)).body == b"a page"


@pytest.mark.parametrize("named", ["", "identity", "IDENTITY", "identity, identity"])
async def test_what_is_not_encoded_is_left_as_it_is(way: Way, named: str) -> None:
    """Even where it looks like gzip."""
    body = gzip.compress(b"x", mtime=0)
    assert (await way.get(body, f"Content-Encoding: {named}")).body == body


@pytest.mark.parametrize("named", ["br", "deflate", "gzip, gzip", "gzip, br", "zstd"])
async def test_encodings_that_were_not_asked_for_are_refused(way: Way, named: str) -> None:
    """And so is one inside another, whatever it would unpack to."""
    refusal = await way.refusal(gzip.compress(gzip.compress(b"x", mtime=0)), f"Content-Encoding: {named}")
    assert refusal == "the answer is encoded in a way that was not asked for"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (gzip.compress(b"a page", mtime=0)[:-1], "not whole"),
        (gzip.compress(b"a page", mtime=0) + b"x", "not whole"),
        (gzip.compress(b"a page", mtime=0) * 2, "not whole"),
        (b"", "not whole"),
        (b"a page", "damaged"),
        (zlib.compress(b"a page"), "damaged"),
        (gzip.compress(b"a page", mtime=0)[:-8] + bytes(8), "damaged"),
    ],
)
async def test_gzip_that_is_not_whole_is_no_page(way: Way, body: bytes, why: str) -> None:
    """Cut, damaged, with something behind it, or none at all."""
    assert why in await way.refusal(body, "Content-Encoding: gzip")


async def test_a_redirect_is_an_answer_and_is_not_followed(way: Way) -> None:
    """The token would go wherever the source says."""
    way.cdn.answers["/b"] = refused(302, "Location: /a")
    reply = await way.egress.get(f"{way.cdn.address}/b", params={"q": "1"}, headers={"X-A": "b"}, timeout_seconds=5)
    assert (reply.status, reply.headers["Location"], way.cdn.paths) == (302, "/a", ["/b"])
    assert "GET /b?q=1 " in way.cdn.heads[0]
    assert "X-A: b\r\n" in way.cdn.heads[0]
    assert "User-Agent: hongshu/test\r\n" in way.cdn.heads[0]
    assert "Accept-Encoding: gzip\r\n" in way.cdn.heads[0]


async def test_the_time_is_that_of_the_whole_answer(way: Way) -> None:
    """A drip that never ends is no answer in time."""
    way.cdn.answers["/drip"] = way.cdn.endless(pause=0.05, part=b"a")
    with pytest.raises(NoAnswerError):
        await way.egress.get(f"{way.cdn.address}/drip", params={}, headers={}, timeout_seconds=0.3)


async def test_a_connection_that_fails_is_told_without_address_and_token(way: Way) -> None:
    """Neither what was asked nor what came instead of an answer is in the words."""
    way.cdn.answers["/a"] = b"SSH-2.0-OpenSSH_9.2\r\n"
    with pytest.raises(SourceError) as error:
        await way.egress.get(f"{way.cdn.address}/a", params={"token": "s3cret"}, headers={}, timeout_seconds=5)
    assert error.value.message.startswith("the connection failed (")
    assert not any(word in error.value.message for word in ("s3cret", "127.0.0.1", "SSH", str(way.cdn.port)))


async def test_certificates_of_sources_are_checked(tmp_path: Path) -> None:
    """By the file that the settings name, where they do; else by the system's own, which know nothing of this one."""
    tls = certificate(tmp_path, "localhost")
    if tls is None:
        leave_out("this system has no openssl to make a certificate with")
    host = Cdn(tls=tls)
    await host.start()
    host.answers["/a"] = ok(b"1")
    trusting, strange = Egress("hongshu/test", tmp_path / "localhost.pem"), Egress("hongshu/test")
    url = f"https://localhost:{host.port}/a"
    assert (await trusting.get(url, params={}, headers={}, timeout_seconds=5)).body == b"1"
    with pytest.raises(SourceError, match="Certificate"):
        await strange.get(url, params={}, headers={}, timeout_seconds=5)
    for one in (trusting, strange):
        await one.close()
    await host.close()
