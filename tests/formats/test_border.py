"""What bytes from outside must be, and how text from outside is shown."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hongshu.formats.border import DEEPEST, MOST_VALUES, MalformedError, clean_json, decoded, depth, printable

LONE = "\ufffd"


def read(text: bytes) -> Any:
    """Decode what the border let through."""
    return msgspec.json.decode(clean_json(text))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("红书".encode("gbk"), id="GBK"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'"\xff"', id="a byte that never occurs"),
        pytest.param(b'"\xc0\xaf"', id="an overlong slash"),
        pytest.param(b'"\xc0\x80"', id="an overlong NUL"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate written in bytes"),
        pytest.param(b'"\xf5\x80\x80\x80"', id="above U+10FFFF"),
        pytest.param("红".encode()[:2], id="a cut sign"),
    ],
)
def test_what_is_not_utf8_is_refused(body: bytes) -> None:
    """Only UTF-8 passes the border."""
    with pytest.raises(MalformedError, match="UTF-8"):
        clean_json(body)


def test_a_byte_order_mark_is_taken_off() -> None:
    """Files written on Windows begin with one."""
    assert read(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(rb'"a\u0000b"', f"a{LONE}b", id="NUL"),
        pytest.param(rb'"\u0000\u0000"', LONE * 2, id="two NULs"),
        pytest.param(rb'"\ud83d"', LONE, id="lone high"),
        pytest.param(rb'"\uD83D"', LONE, id="lone high in capitals"),
        pytest.param(rb'"\ude00"', LONE, id="lone low"),
        pytest.param(rb'"\uDe00"', LONE, id="lone low in mixed case"),
        pytest.param(rb'"\ude00\ud83d"', LONE * 2, id="wrong way round"),
        pytest.param(rb'"\ud83d\ud83d\ude00"', f"{LONE}\U0001f600", id="a lone one before a pair"),
        pytest.param(rb'"\ud83d\ude00\ude00"', f"\U0001f600{LONE}", id="a lone one after a pair"),
        pytest.param(rb'"\ud83dx\ude00"', f"{LONE}x{LONE}", id="parted by a letter"),
        pytest.param(rb'"\ud83d\\ude00"', f"{LONE}\\ude00", id="a lone one before an escaped backslash"),
        pytest.param(rb'"\\\u0000"', f"\\{LONE}", id="NUL after an escaped backslash"),
    ],
)
def test_nul_and_lone_surrogates_become_the_replacement_character(body: bytes, text: str) -> None:
    """What some database could not hold is replaced, alike for all."""
    assert read(body) == text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rb'"\ud83d\ude00"', id="pair"),
        pytest.param(rb'"\uD83D\uDE00"', id="pair in capitals"),
        pytest.param(rb'"\udbff\udfff"', id="the last pair"),
        pytest.param(rb'"\\u0000"', id="an escaped backslash, then u0000"),
        pytest.param(rb'"\\\\u0000"', id="two escaped backslashes, then u0000"),
        pytest.param(rb'"\\ud83d"', id="an escaped backslash, then ud83d"),
        pytest.param(rb'"\u00001"'.replace(b"0000", b"0001"), id="another control character"),
        pytest.param(rb'"\ufffd \ue000 \ud7ff"', id="neighbours of the surrogates"),
        pytest.param('"红薯😀"'.encode(), id="plain signs"),
        pytest.param(b'{"a":1.10,"b":1E5,"c":18446744073709551617}', id="numbers"),
    ],
)
def test_everything_else_is_left_as_it_was(body: bytes) -> None:
    """Valid pairs, escaped backslashes and numbers are not touched."""
    assert clean_json(body) == body


def test_names_of_members_are_cleaned_too() -> None:
    """A NUL in a name would reach a database as well."""
    assert read(rb'{"a\u0000":1,"\ud800":2}') == {f"a{LONE}": 1, LONE: 2}


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_sixty_four_levels_pass_and_sixty_five_do_not(pair: tuple[bytes, bytes]) -> None:
    """The depth limit is exact."""
    opening, closing = pair
    deepest = opening * 64 + b"0" + closing * 64
    assert clean_json(deepest) == deepest
    with pytest.raises(MalformedError, match="64"):
        clean_json(opening * 65 + b"0" + closing * 65)
    assert DEEPEST == 64


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        pytest.param(b"1", 0, id="a number"),
        pytest.param(b"[]", 1, id="empty array"),
        pytest.param(b'[{"a":[1]},[2]]', 3, id="mixed"),
        pytest.param(b"[[],[],[]]", 2, id="side by side"),
        pytest.param(b"[[],[],[[]]]", 3, id="arrays, the deepest last"),
        pytest.param(b'{"a":{},"b":{},"c":{"d":{}}}', 3, id="objects, the deepest last"),
        pytest.param(b'"' + b"[{" * 100 + b'"', 0, id="brackets in a string"),
        pytest.param(rb'["\"[[[", "\\", ["]]]"]]', 2, id="brackets after an escaped quote"),
        pytest.param(rb'{"[[[": "\\"}', 1, id="brackets in a name"),
    ],
)
def test_depth_counts_brackets_outside_strings(text: bytes, levels: int) -> None:
    """What stands inside a string is no structure."""
    assert depth(json.loads(text)) == levels


def test_a_page_full_of_brackets_in_strings_passes() -> None:
    """A `widgets_context` is JSON in a string, as deep as it likes."""
    body = json.dumps({"widgets_context": json.dumps({"a": [[]]}) + "[" * 500}).encode()
    assert clean_json(body) == body


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'"' + rb"\"" * 4_000_000, id="a string without an end"),
        pytest.param(b'"' + rb"\"" * 4_000_000 + b"\\", id="an escape without an end"),
        pytest.param(b'"' * 8_000_001, id="quotes"),
        pytest.param(b"[" * 8_000_000, id="brackets"),
        pytest.param(b"\\" * 8_000_001, id="backslashes"),
        pytest.param(rb'"' + rb"\u0000" * 1_000_000, id="NULs"),
    ],
)
def test_eight_hostile_megabytes_are_refused_in_time(body: bytes) -> None:
    """No reply within the size limit can hold the process up."""
    with pytest.raises(MalformedError):
        decoded(clean_json(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"a":1', id="cut"),
        pytest.param(b'{"a":1}{', id="something after it"),
        pytest.param(b'"a\x00b"', id="a raw NUL"),
        pytest.param(b'"a\x1bb"', id="a raw control character"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(rb'"\x41"', id="an escape of JavaScript"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"1" * 10_000, id="a number of 10000 digits"),
        pytest.param(b"1e999", id="a number out of range"),
    ],
)
def test_what_is_not_json_raises_one_error(body: bytes) -> None:
    """A caller has one error to expect, whatever is wrong."""
    with pytest.raises(MalformedError):
        decoded(body)


SIGNS = st.characters() | st.characters(categories=["Cs"]) | st.sampled_from('\x00\\"u0dD8[]{}')
TEXTS = st.lists(SIGNS, max_size=12).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def written(value: object, *, ascii_only: bool) -> bytes:
    """Write JSON text, surrogates always escaped, since bytes cannot hold them."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    return "".join(f"\\u{ord(sign):04x}" if "\ud800" <= sign <= "\udfff" else sign for sign in text).encode()


def texts_of(value: Any) -> list[str]:
    """Return every string of a JSON value, names included."""
    if isinstance(value, dict):
        return [text for name, inner in value.items() for text in (name, *texts_of(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [value] if isinstance(value, str) else []


@given(VALUES, st.booleans())
@example(["\ud83d\ude00", "\\u0000", "\\\\\x00"], True)
def test_any_json_text_is_refused_or_comes_out_clean(value: object, ascii_only: bool) -> None:
    """What passes the border can be decoded and holds no NUL and no surrogate."""
    try:
        text = clean_json(written(value, ascii_only=ascii_only))
    except MalformedError:
        return
    for string in texts_of(msgspec.json.decode(text)):
        assert "\x00" not in string
        assert not any("\ud800" <= sign <= "\udfff" for sign in string)


@given(VALUES)
def test_cleaning_twice_changes_nothing_more(value: object) -> None:
    """The border is idempotent."""
    once = clean_json(written(value, ascii_only=True))
    assert clean_json(once) == once


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_cleaned_or_refused(body: bytes) -> None:
    """Nothing but `MalformedError` comes out of the border."""
    with contextlib.suppress(MalformedError):
        decoded(clean_json(body))


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("\x1b[2J", id="clear the screen"),
        pytest.param("\x1b]8;;https://evil.invalid\x07", id="a link"),
        pytest.param("\x9b31m", id="a one-byte CSI"),
        pytest.param("\x00", id="NUL"),
        pytest.param("\x08\x7f", id="backspace and delete"),
        pytest.param("\u202e", id="right-to-left override"),
        pytest.param("\u2066\u2069", id="isolates"),
        pytest.param("\u200e\u200f\u061c", id="direction marks"),
        pytest.param("\u200b\u2060\ufeff", id="zero-width"),
        pytest.param("a\u200db", id="a joiner between letters"),
        pytest.param("\u200d", id="a joiner alone"),
        pytest.param("\xad", id="soft hyphen"),
        pytest.param("\u2028\u2029", id="line and paragraph separator"),
        pytest.param("\x85", id="next line"),
        pytest.param("\ud83d", id="lone surrogate"),
        pytest.param("\U000e0041", id="a tag character"),
    ],
)
def test_what_could_drive_a_terminal_or_hide_is_shown_as_an_escape(hostile: str) -> None:
    """Nothing invisible is left, and what it was can be read."""
    shown = printable(f"红{hostile}薯")
    hidden = [sign for sign in hostile if not (sign.isascii() and sign.isprintable())]
    assert not set(hidden) & set(shown)
    assert shown.count("\\u") == len(hidden)
    assert (shown[0], shown[-1]) == ("红", "薯")
    shown.encode("utf-8")


@pytest.mark.parametrize("hostile", ["\x1b", "\u202e", "\u200b", "\ufeff", "\u200d\u200d"])
@pytest.mark.parametrize("before", ["😀", "❤️", "👩🏽", "👩‍💻"])
def test_after_an_emoji_only_a_joiner_is_left_alone(before: str, hostile: str) -> None:
    """A picture is no cover for what could drive a terminal."""
    shown = printable(f"{before}{hostile}x")
    assert "\\u" in shown
    assert hostile not in shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("“海达”!!应金现住——重活…", id="CJK"),
        pytest.param("한국어 日本語 ไทย", id="other scripts"),
        pytest.param("📸‼️1️⃣❌", id="emoji with variation selectors"),
        pytest.param("👩‍👩‍👧‍👦", id="a family"),
        pytest.param("👩🏽‍💻", id="a skin tone"),
        pytest.param("🏳️‍🌈❤️‍🔥🧑‍🎄", id="joined after a variation selector"),
        pytest.param("naïve café", id="accents"),
        pytest.param(r"C:\temp {\"a\"}", id="backslashes"),
    ],
)
def test_readable_text_is_left_alone(text: str) -> None:
    """CJK and emoji, with the joiners inside them, are shown as they are."""
    assert printable(text) == text


def test_line_breaks_and_tabs_become_spaces() -> None:
    """A note cannot begin a line of its own in a table."""
    assert printable("a\nb\r\tc") == "a b  c"


def test_so_many_values_pass_and_one_more_does_not() -> None:
    """They are counted before anything is decoded; what stands inside strings is no value."""
    most = b"[" + b",".join([b"1"] * (MOST_VALUES + 1)) + b"]"
    assert clean_json(most) == most
    with pytest.raises(MalformedError, match="more than 100,000 values"):
        clean_json(most[:-1] + b",1]")
    commas = b'["' + b"," * (MOST_VALUES + 5) + b'"]'
    assert clean_json(commas) == commas


@pytest.mark.parametrize("at", [256 * 1024 - 1, 256 * 1024 - 2, 256 * 1024 - 3, 0])
def test_text_is_text_across_the_pieces_in_which_it_is_checked(at: int) -> None:
    """A character may lie on the border of two pieces, and half of one may not stand at the end."""
    text = b'"' + b"a" * at + "😀".encode() + b'"'
    assert clean_json(text) == text
    with pytest.raises(MalformedError, match="UTF-8"):
        clean_json(text[:-2])
