"""Tokens as text: a prefix, 30 base62 signs of chance, and 6 of CRC32, so that leaked ones can be found offline."""

from __future__ import annotations

import hmac
import re
import zlib
from typing import Final

API: Final = "hs"
OPERATOR: Final = "hso"
LINK: Final = "hsl"
SESSION: Final = "hss"
ENTROPY_BYTES: Final = 30
SHOWN_SIGNS: Final = 4
"""Signs of the secret part that stay visible in lists."""

_LONGEST: Final = 64
_SIGNS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM: Final = re.compile(r"(hs|hso|hsl|hss)_([0-9A-Za-z]{30})([0-9A-Za-z]{6})")


def minted(prefix: str, entropy: bytes) -> str:
    """Return a new token made of at least 30 random bytes; two values in 256 lean, which leaves 178 bits."""
    secret = _base62(int.from_bytes(entropy, "big"), 30)
    return f"{prefix}_{secret}{_checksum(prefix, secret)}"


def well_formed(token: str, prefix: str) -> bool:
    """Say whether a text has the form and checksum of a token; no look-up is needed for one that has not."""
    found = _FORM.fullmatch(token)
    return found is not None and found[1] == prefix and found[3] == _checksum(prefix, found[2])


def may_be_one(text: str | None) -> bool:
    """Say whether a text is worth a closer look."""
    return text is not None and len(text) <= _LONGEST and text.isascii()


def holds_one(text: str) -> bool:
    """Say whether a token of ours stands anywhere in a text."""
    return any(found[3] == _checksum(found[1], found[2]) for found in _FORM.finditer(text))


def without_tokens(text: str) -> str:
    """Return a text with the secret part of every token in it left out, real or not."""
    return _FORM.sub(lambda found: f"{found[1]}_…", text)


def digest(key: bytes, token: str | None) -> bytes:
    """Return the keyed hash under which a token is stored."""
    return hmac.digest(key, (token or "").encode(), "sha256")


def shown_start(token: str) -> str:
    """Return the first signs of a token, enough to tell it from others in a list."""
    return token[: token.index("_") + 1 + SHOWN_SIGNS]


def _checksum(prefix: str, secret: str) -> str:
    return _base62(zlib.crc32(f"{prefix}_{secret}".encode()), 6)


def _base62(number: int, length: int) -> str:
    signs = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        signs.append(_SIGNS[rest])
    return "".join(reversed(signs))
