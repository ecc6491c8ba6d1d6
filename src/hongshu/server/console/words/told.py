"""Says in Chinese what errors and kept reasons say in English, by the patterns of their sentences. Pure."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

from hongshu.server.console.words import reasons, refusals

LONGEST: Final = 1000
"""Signs; a message that is longer is left as it is."""
DEEPEST: Final = 6
"""Sentences inside of sentences, such as what is wrong with several lines."""
CHINESE: Final[Mapping[str, str]] = {**refusals.CHINESE, **reasons.CHINESE}
NUMBERS: Final = frozenset({"number", "count", "least", "most", "balance", "held", "status"})
"""Values that are numbers: what else a sentence could be cut at inside of one is not taken for its end."""

_SUBJECT: Final = "userId "
_SUBJECTS: Final = "(?:userId|it|a creator) "
"""Lists and news name what they were given otherwise than calls do."""
_KEPT: Final = 256


class Pattern(NamedTuple):
    """A sentence to be recognised, and its Chinese."""

    english: re.Pattern[str]
    chinese: str


def in_chinese(message: str) -> str:
    """Return a message in Chinese, its values as they are; one that no pattern knows stays as it is."""
    return _told(message, DEEPEST) if len(message) <= LONGEST else message


def pieces(sentence: str) -> list[tuple[str, str | None]]:
    """Return the fixed texts of a sentence, each with the name of the value behind it; None at the end."""
    return [(text, name) for text, name, _, _ in string.Formatter().parse(sentence)]


@lru_cache(maxsize=_KEPT)
def _told(message: str, depth: int) -> str:
    """Return a message in Chinese. Kept, as a table tells the same reason again and again."""
    if not depth or message in CHINESE:
        return CHINESE.get(message, message)
    for pattern in _patterns():
        found = pattern.english.fullmatch(message)
        if found is not None:
            values = {name: _value(name, value, depth - 1) for name, value in found.groupdict().items()}
            return pattern.chinese.format(**values)
    return message


def _value(name: str, value: str, depth: int) -> str:
    inside: Callable[[str, int], str] | None = _INSIDE.get(name)
    return value if inside is None else inside(value, depth)


def _of_sources(given: str, depth: int) -> str:
    """Return reasons of sources, told as `name: why; name: why`."""
    parted = [one.partition(": ") for one in given.split("; ")]
    return "；".join(f"{name}：{_told(why, depth)}" if why else name for name, _, why in parted)


def _what(given: str, _: int) -> str:
    return refusals.WHATS.get(given, given)


_INSIDE: Final[Mapping[str, Callable[[str, int], str]]] = {
    **dict.fromkeys(("why", "more"), _told),
    **dict.fromkeys(("what", "other"), _what),
    "reasons": _of_sources,
}
"""Values that are told in Chinese too."""


@cache
def _patterns() -> Sequence[Pattern]:
    """Return the patterns, compiled when the first message is told: that takes longer than much else at a start."""
    return tuple(_compiled(CHINESE))


def _compiled(sentences: Mapping[str, str]) -> Iterable[Pattern]:
    """Return patterns of sentences with values, those with the longest fixed text first: they are the most special."""
    several = [one for one in sentences if "{" in one or one.startswith(_SUBJECT)]
    for english in sorted(several, key=lambda one: -sum(len(text) for text, _ in pieces(one))):
        yield Pattern(re.compile(_expression(english), re.DOTALL), sentences[english])


def _expression(sentence: str) -> str:
    """Return what matches a sentence, in linear time: each value ends where the text behind it first stands, for good.

    Only the last one may be tried again from the end, where its text has to stand.
    """
    (made, name), *others = pieces(sentence)
    made = re.escape(made)
    if sentence.startswith(_SUBJECT):
        made = _SUBJECTS + made.removeprefix(re.escape(_SUBJECT))
    while name is not None:
        text, following = others.pop(0) if others else ("", None)
        sign = "[0-9.,-]" if name in NUMBERS else "."
        made += f"(?>(?P<{name}>{sign}*?){re.escape(text)})" if following else f"(?P<{name}>{sign}*){re.escape(text)}"
        name = following
    return made
