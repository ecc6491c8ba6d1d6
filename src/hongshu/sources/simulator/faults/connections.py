"""Connections that fail: resets, cuts, drips, silence, HTTP that is none, and bodies that unpack to too much."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from hongshu.sources.simulator.faults.calls import Answer, Call, End, Fault, Steps

BOMB_BYTES: Final = 209 * 1024 * 1024
LARGE_BYTES: Final = 100 * 1024 * 1024

_DRIP_SECONDS: Final = 0.05
_LATE_SECONDS: Final = 1.0
_CHUNK: Final = 64 * 1024
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def head(body: bytes, *headers: bytes) -> bytes:
    """Return the head of an honest answer."""
    return _OK + b"".join(b"%b\r\n" % one for one in headers) + b"Content-Length: %d\r\n\r\n" % len(body)


def _late(call: Call) -> Steps:
    yield _LATE_SECONDS if call.seconds is None else call.seconds
    yield head(call.body) + call.body


def _hang(_: Call) -> Steps:
    yield from ()


def _hang_after_head(call: Call) -> Steps:
    yield head(call.body)


def _hang_midway(call: Call) -> Steps:
    yield head(call.body) + call.body[: len(call.body) // 2]


def _dripped(sent: bytes, call: Call) -> Steps:
    for sign in range(len(sent)):
        yield sent[sign : sign + 1]
        yield _DRIP_SECONDS if call.seconds is None else call.seconds


def _drip(call: Call) -> Steps:
    yield head(call.body)
    yield from _dripped(call.body, call)


def _drip_head(call: Call) -> Steps:
    yield from _dripped(head(call.body) + call.body, call)


def _reset(_: Call) -> Steps:
    yield End.RESET


def _closed(_: Call) -> Steps:
    yield End.CLOSED


def _reset_midway(call: Call) -> Steps:
    yield from _hang_midway(call)
    yield End.RESET


def _cut(call: Call) -> Steps:
    yield from _hang_midway(call)
    yield End.CLOSED


def _cut_chunks(call: Call) -> Steps:
    yield _OK + b"Transfer-Encoding: chunked\r\n\r\n"
    yield b"%x\r\n%b\r\n" % (len(call.body), call.body)
    yield End.CLOSED


def _bad_chunks(call: Call) -> Steps:
    yield _OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + call.body
    yield End.CLOSED


def _no_http(_: Call) -> Steps:
    yield b"SSH-2.0-OpenSSH_9.2\r\n"
    yield End.CLOSED


def _noise(_: Call) -> Steps:
    yield bytes(range(256)) * 16
    yield End.CLOSED


def _two_lengths(call: Call) -> Steps:
    yield _OK + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(call.body) + call.body
    yield End.CLOSED


def _length_below_zero(call: Call) -> Steps:
    yield _OK + b"Content-Length: -1\r\n\r\n" + call.body
    yield End.CLOSED


def _too_long(call: Call) -> Steps:
    """Send a second answer that nobody asked for behind the first."""
    body = b'{"code":0,"data":{}}'
    yield head(call.body) + call.body + head(body) + body


def _huge_head(call: Call) -> Steps:
    yield _OK + b"X-Long: " + b"a" * 1_000_000 + b"\r\n"
    yield b"Content-Length: %d\r\n\r\n" % len(call.body) + call.body
    yield End.CLOSED


def _many_heads(call: Call) -> Steps:
    yield b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 20_000
    yield head(call.body) + call.body


def _endless(_: Call) -> Steps:
    yield _OK + b"Connection: close\r\n\r\n"
    while True:
        yield b" " * _CHUNK


def _large(_: Call) -> Steps:
    yield _OK + b"Content-Length: %d\r\n\r\n" % LARGE_BYTES
    for _chunk in range(LARGE_BYTES // _CHUNK):
        yield b" " * _CHUNK


def _encoded(encoding: str, body: Callable[[Call], bytes]) -> Callable[[Call], Answer | Steps]:
    def make(call: Call) -> Steps:
        sent = body(call)
        yield head(sent, b"Content-Encoding: " + encoding.encode()) + sent

    return make


@cache
def _gzip_of_nothing() -> bytes:
    """Return gzip of many spaces, made in pieces."""
    machine = zlib.compressobj(9, wbits=31)
    return b"".join(_pieces(machine.compress)) + machine.flush()


def _pieces(compress: Callable[[bytes], bytes]) -> Iterator[bytes]:
    for _ in range(BOMB_BYTES // _CHUNK):
        yield compress(b" " * _CHUNK)


def _bomb(_: Call) -> bytes:
    return _gzip_of_nothing()


def _bomb_in_a_bomb(_: Call) -> bytes:
    return gzip.compress(_gzip_of_nothing())


def _zipped(call: Call) -> bytes:
    return gzip.compress(call.body, 1)


def _damaged(call: Call) -> bytes:
    sent = bytearray(_zipped(call))
    sent[len(sent) // 2] ^= 255
    return bytes(sent)


def _shut(name: str, about: str, make: Callable[[Call], Answer | Steps]) -> Fault:
    return Fault(name=name, about=about, make=make)


def _silent(name: str, about: str, make: Callable[[Call], Answer | Steps]) -> Fault:
    return Fault(name=name, about=about, make=make, hangs=True)


CONNECTIONS: Final = (
    Fault(name="late", about="the page, `seconds` late, else 1", make=_late, gives_page=True),
    _silent("hang", "silence", _hang),
    _silent("hang-after-head", "silence after the head", _hang_after_head),
    _silent("hang-midway", "silence after half of the body", _hang_midway),
    _silent("drip", "the body byte by byte, `seconds` between two of them, else 0.05", _drip),
    _silent("drip-head", "everything byte by byte, `seconds` between two of them, else 0.05", _drip_head),
    _shut("reset", "a reset before the answer", _reset),
    _shut("reset-midway", "a reset after half of the body", _reset_midway),
    _shut("closed", "an end before the answer", _closed),
    _shut("cut", "an end after half of the body", _cut),
    _shut("cut-chunks", "chunks without the last one", _cut_chunks),
    _shut("bad-chunks", "a chunk of -1 bytes", _bad_chunks),
    _shut("no-http", "another protocol's greeting", _no_http),
    _shut("noise", "bytes without a meaning", _noise),
    _shut("two-lengths", "two different lengths of one body", _two_lengths),
    _shut("length-below-zero", "a length of -1", _length_below_zero),
    Fault(name="two-answers", about="the page, and an answer that nobody asked for", make=_too_long, gives_page=True),
    _shut("huge-head", "a header line of a megabyte", _huge_head),
    Fault(name="many-heads", about="20,000 heads before the answer", make=_many_heads, gives_page=True),
    _shut("endless", "a body without an end", _endless),
    _shut("large", "a body of 100 MB", _large),
    Fault(name="gzip", about="the page in gzip", make=_encoded("gzip", _zipped), gives_page=True),
    _shut("gzip-damaged", "the page in gzip, damaged", _encoded("gzip", _damaged)),
    _shut("gzip-cut", "the page in gzip, without its end", _encoded("gzip", lambda call: _zipped(call)[:-9])),
    _shut(
        "gzip-two", "two gzip members, of which many readers see one", _encoded("gzip", lambda call: _zipped(call) * 2)
    ),
    _shut("gzip-not", "the page, said to be in gzip", _encoded("gzip", lambda call: call.body)),
    _shut("gzip-bomb", "gzip that unpacks to 209 MB", _encoded("gzip", _bomb)),
    _shut("gzip-gzip-bomb", "gzip in gzip that unpacks to 209 MB", _encoded("gzip, gzip", _bomb_in_a_bomb)),
    _shut("other-encoding", "the page, in an encoding that nobody asked for", _encoded("br", _zipped)),
)
