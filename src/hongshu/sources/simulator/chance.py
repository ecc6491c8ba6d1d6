"""Chance that can be asked again: every draw is a digest of the seed and a name, never of what was drawn before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import count
from statistics import NormalDist
from struct import Struct
from typing import Final, TypeVar

T = TypeVar("T")

normal_quantile: Final = NormalDist().inv_cdf
_WORDS: Final = Struct("<8Q")


def root(seed: int) -> bytes:
    """Return the 16 bytes that stand in front of everything drawn from a seed."""
    return blake2b(str(seed).encode(), digest_size=16).digest()


def normal16(bits: int) -> float:
    """Turn 16 random bits into a standard normal value, within ±4.4."""
    return normal_quantile((bits + 0.5) / 65536)


def normal32(bits: int) -> float:
    """Turn 32 random bits into a standard normal value, within ±6.4."""
    return normal_quantile((bits + 0.5) / 4294967296)


class Draws:
    """An endless row of draws, told only by its name: equal names draw equal values."""

    def __init__(self, name: bytes) -> None:
        self._words: Iterator[int] = (
            word for turn in count() for word in _WORDS.unpack(blake2b(name + turn.to_bytes(4, "little")).digest())
        )

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw between `low` and `high`, both exclusive."""
        return low + (high - low) * ((next(self._words) >> 12) + 0.5) / 4503599627370496

    def normal(self, mean: float = 0.0, sigma: float = 1.0) -> float:
        """Draw from a normal distribution."""
        return mean + sigma * normal_quantile(self.uniform())

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[next(self._words) % len(options)]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in a drawn order."""
        return sorted(options, key=lambda _: next(self._words))
