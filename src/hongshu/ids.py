"""Identifiers, and the times in them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

ID: Final = re.compile(r"[0-9a-f]{24}")
"""An id of a note or a user, as Xiaohongshu gives them."""
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_SIGNS: Final = 9
_SIGNS: Final = _TIME_SIGNS + 8
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)


def new_id(prefix: str, now_ns: int, entropy: bytes) -> str:
    """Return an identifier of our own, sortable by time: a prefix, 9 signs of time, and 5 random bytes as 8 signs."""
    chance = int.from_bytes(entropy[:5], "big")
    signs = _PAIRS[chance >> 30], _PAIRS[chance >> 20 & 1023], _PAIRS[chance >> 10 & 1023], _PAIRS[chance & 1023]
    return f"{prefix}_{_time_signs(now_ns // 1_000_000)}{''.join(signs)}"


def made_ms(identifier: str) -> int:
    """Return when an identifier of our own was made, in ms; raises `ValueError` for what is none."""
    _, _, signs = identifier.partition("_")
    if len(signs) != _SIGNS:
        raise ValueError(identifier)
    number = 0
    for sign in signs:
        number = number << 5 | _ALPHABET.index(sign)
    return number >> 5 * (_SIGNS - _TIME_SIGNS)


@lru_cache(maxsize=4)
def _time_signs(ms: int) -> str:
    return "".join(_ALPHABET[(ms >> 5 * place) & 31] for place in reversed(range(_TIME_SIGNS)))


def id_ms(identifier: str) -> int:
    """Return the creation time that the first 8 hex digits of a note or user id hold, in ms."""
    return int(identifier[:8], 16) * 1000
