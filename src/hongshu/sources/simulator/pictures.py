"""Small made-up pictures, so that covers can be kept without any network."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Final

WIDTH: Final = 48
HEIGHT: Final = 64

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def picture(key: str) -> bytes:
    """Return the picture of a media key as PNG: two colours of its own, one fading into the other."""
    drawn = blake2b(key.encode("utf-8", "replace"), digest_size=6).digest()
    rows = b"".join(b"\0" + _colour(drawn[:3], drawn[3:], row) * WIDTH for row in range(HEIGHT))
    header = b"".join(size.to_bytes(4, "big") for size in (WIDTH, HEIGHT)) + b"\x08\x02\0\0\0"
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _colour(top: bytes, bottom: bytes, row: int) -> bytes:
    return bytes((high * (HEIGHT - row) + low * row) // HEIGHT for high, low in zip(top, bottom, strict=True))


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + name + content + check
