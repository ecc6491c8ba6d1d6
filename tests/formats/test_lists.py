"""Lists of creators as people keep them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.lists import cells_of_text, listed, named

ONE, TWO, THREE = "5c2f338a000000000701e1c6", "5c2f338a000000000701e1c7", "65078e170000000090a7d847"
LINK = f"https://www.xiaohongshu.com/user/profile/{TWO}"
SHARED = f"我在小红书发现了「某某」的主页 {LINK}?xsec_token=AB==&xhsshare=CopyLink 复制后打开【小红书】查看"


def read(text: str, column: str | None = None) -> tuple[tuple[str, ...], list[int], int]:
    found = listed(cells_of_text(text, column))
    return found.creators, [one.number for one in found.bad], found.repeated


@pytest.mark.parametrize(
    ("text", "creator"),
    [
        (ONE, ONE),
        (LINK, TWO),
        (LINK.removeprefix("https://"), TWO),
        (f"{LINK}?xsec_token=x&tab=note", TWO),
        (f"https://www.rednote.com/user/profile/{ONE}", ONE),
        (SHARED, TWO),
        (f"{LINK} {LINK}", TWO),
    ],
)
def test_an_id_a_link_or_shared_text_names_a_creator(text: str, creator: str) -> None:
    assert named(text) == creator


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://xhslink.com/a/AbCd 复制打开", "open it in a browser"),
        (f"{LINK} https://www.xiaohongshu.com/user/profile/{ONE}", "several profiles"),
        ("rednote_9527", "RED id"),
        (ONE.upper(), "lower-case"),
        (f"https://evil.example/user/profile/{ONE}", "neither"),
        (f"{LINK}00", "no profile"),
        ("x" * 1_000_000, "longer than"),
        ("\u202e\x00\x1b[31m", "neither"),
    ],
)
def test_what_names_nobody_says_what_to_do(text: str, why: str) -> None:
    with pytest.raises(InvalidParametersError, match=why):
        named(text)


def test_plain_lines_are_read_in_order_each_once() -> None:
    text = f"# my creators\n\n{THREE}\n  {ONE}  # a rival\r\n{SHARED}\nnobody at all\n{ONE}\n"
    assert read(text) == ((THREE, ONE, TWO), [6], 1)


@pytest.mark.parametrize("header", ["creator", "User_ID", "url", "博主", "用户主页url"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_column_of_a_table_is_found_by_its_name(header: str, delimiter: str) -> None:
    rows = [("name", header, "remark"), ('"a, b; c"', ONE, "x"), ("d", LINK, ""), ("e", "", "y"), ("f", "?", "")]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert read(text) == ((ONE, TWO), [5], 0)


def test_a_column_may_be_named() -> None:
    text = f"who,also\n{ONE},{TWO}\n"
    assert read(text, "ALSO") == ((TWO,), [], 0)
    with pytest.raises(UsageError, match="there are: who, also"):
        read(text, "third")


def test_a_list_with_a_header_of_its_only_column_is_a_table() -> None:
    assert read(f"creator\n{ONE}\n") == ((ONE,), [], 0)


def test_quoted_line_breaks_keep_their_lines_numbers() -> None:
    assert read(f'remark,creator\n"two\nlines",{ONE}\n"x",?\n') == ((ONE,), [4], 0)


def test_bad_lines_are_told_short_and_printable() -> None:
    [bad] = listed([(3, "\x1b[2J" + "y" * 5_000)]).bad
    assert (bad.number, "\x1b" in bad.text, len(bad.text) < 100) == (3, False, True)


@given(st.text(max_size=300), st.none() | st.just("creator"))
def test_any_text_is_read_or_refused(text: str, column: str | None) -> None:
    try:
        found = listed(cells_of_text(text, column))
    except UsageError:
        return
    assert len(set(found.creators)) == len(found.creators)
