"""The border: what bytes from outside must be before anything reads them, and how text from outside is shown."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Any, Final

import msgspec

DEEPEST: Final = 64
MOST_VALUES: Final = 100_000
"""Values in one JSON text; decoded they take some ten times the memory of their text."""
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_ESCAPES: Final = re.compile(
    rb"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<bad>\\u0000|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)
_TOO_DEEP: Final = f"it is nested deeper than {DEEPEST} levels"
_SHOWN_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINER: Final = "\u200d"
_MOST_QUOTES: Final = 4 * MOST_VALUES
"""Around a name and a text for each value; more would take too much memory only to be counted."""
_PIECE: Final = 256 * 1024
_UTF_8: Final = codecs.getincrementaldecoder("utf-8")
_FIRST_IGNORED: Final = 0x034F
_IGNORED: Final = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2060, 0x206F), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
"""Default_Ignorable_Code_Points beside those that `printable` shows (Unicode, DerivedCoreProperties)."""
_PICTURES: Final = {"So", "Sk"}
_AS_PICTURE: Final = "\ufe0f"


class MalformedError(ValueError):
    """The bytes are not JSON that every store can keep."""


def clean_value(body: bytes) -> tuple[bytes, Any]:
    """Return JSON text that every database can hold, and what it says: UTF-8, no NUL, at most 64 levels deep.

    NUL and lone surrogates become U+FFFD, alike for every database. Raises `MalformedError` for anything else.
    """
    text = body.removeprefix(BYTE_ORDER_MARK)
    _check_text(text)
    text = without_bad_escapes(text)
    if text.count(b",") > MOST_VALUES and _has_too_many(text):
        raise MalformedError(f"it holds more than {MOST_VALUES:,} values")
    value = decoded(text)
    if depth(value) > DEEPEST:
        raise MalformedError(_TOO_DEEP)
    return text, value


def clean_json(body: bytes) -> bytes:
    """Return JSON text that every database can hold, see `clean_value`."""
    return clean_value(body)[0]


def _check_text(text: bytes) -> None:
    """Raise `MalformedError` where bytes are not UTF-8; piece by piece, for as text they may be four times as large."""
    decoder = _UTF_8()
    try:
        for start in range(0, len(text), _PIECE):
            decoder.decode(text[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise MalformedError("it is not UTF-8 text") from error


def without_bad_escapes(text: bytes) -> bytes:
    """Return JSON text with every escaped NUL and lone surrogate replaced by U+FFFD."""
    if b"\\u" in text and (b"\\u0000" in text or b"\\ud" in text or b"\\uD" in text):
        return _ESCAPES.sub(lambda found: b"\\ufffd" if found["bad"] else found[0], text)
    return text


def depth(value: object) -> int:
    """Return how many objects and lists of a decoded JSON value lie inside each other."""
    levels, inside = 0, [value] if isinstance(value, dict | list) else []
    while inside:
        levels += 1
        inside = [
            one
            for outer in inside
            for one in (outer.values() if type(outer) is dict else outer)
            if type(one) is dict or type(one) is list
        ]
    return levels


def _has_too_many(text: bytes) -> bool:
    """Say whether JSON text has too many commas, those inside strings not counted."""
    if text.count(b'"') > _MOST_QUOTES:
        return True
    structure = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    return sum(part.count(b",") for part in structure) > MOST_VALUES


def decoded(text: bytes, as_type: Any = Any) -> Any:
    """Decode JSON, or raise `MalformedError`."""
    try:
        return msgspec.json.decode(text, type=as_type)
    except RecursionError as error:
        raise MalformedError(_TOO_DEEP) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedError("it is not valid JSON") from error


def an_object(given: object) -> dict[str, Any]:
    """Return a decoded JSON value if it is an object, else an empty one."""
    return given if isinstance(given, dict) else {}


def a_text(given: object) -> str | None:
    """Return a decoded JSON value if it is a string."""
    return given if isinstance(given, str) else None


def a_flag(given: object) -> bool | None:
    """Return a decoded JSON value if it is true or false."""
    return given if isinstance(given, bool) else None


def printable(text: str) -> str:
    """Return text that cannot drive a terminal: control, bidirectional and invisible characters as escapes.

    Line breaks and tabs become spaces; joiners inside emoji stay.
    """
    return "".join(_shown(sign, before) for before, sign in zip(" " + text, text, strict=False))


def legible(text: str) -> str:
    """Return text in which nothing is hidden: as `printable`, and also what draws nothing at all as escapes.

    These are Unicode's Default_Ignorable_Code_Points (variation selectors, fillers, tags) and what is not assigned;
    the one that makes a picture of the sign before it stays.
    """
    shown = printable(text)
    return "".join(_drawn(sign, before) for before, sign in zip(" " + shown, shown, strict=False))


def _drawn(sign: str, before: str) -> str:
    if sign == _AS_PICTURE and (unicodedata.category(before) in _PICTURES or before in "0123456789#*"):
        return sign
    if ord(sign) < _FIRST_IGNORED or sign == _JOINER:
        return sign
    if unicodedata.category(sign) == "Cn" or any(first <= ord(sign) <= last for first, last in _IGNORED):
        return f"\\u{ord(sign):04x}"
    return sign


def _shown(sign: str, before: str) -> str:
    if sign in "\n\r\t":
        return " "
    if sign == _JOINER and (before == _AS_PICTURE or unicodedata.category(before) in _PICTURES):
        return sign
    if unicodedata.category(sign) in _SHOWN_CATEGORIES:
        return f"\\u{ord(sign):04x}"
    return sign
