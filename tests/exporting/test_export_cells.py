"""The rules by which values become cells: whatever a text holds, it comes back, and is no formula on its way."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hostile
from hongshu.formats.exports import cells
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import Column, Type, What

COLUMNS = [column for what in What for column in TABLES[what]]
MS = st.integers(0, 253_402_300_799_999)
TEXTS = st.one_of(st.text(), st.sampled_from(hostile.ALL), st.text("=+-@'\t\r\n ␛_x0041＝＠\x00\x1f\ufffe\u200b"))
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.TEXT: TEXTS,
    Type.INTEGER: st.integers(0, 2**63 - 1),
    Type.FLAG: st.booleans(),
    Type.TIME: MS,
    Type.LIST: st.lists(TEXTS, max_size=3),
    Type.JSON: st.sampled_from(['{"title":["=1","<a>"]}', "[]", "{}"]),
}
GIVEN = st.sampled_from(COLUMNS).flatmap(lambda column: st.tuples(st.just(column), st.none() | VALUES[column.type]))


def begins_a_formula(text: str) -> bool:
    """A reading of the rule of its own: the first sign that is seen, at its plain width."""
    seen = [
        sign
        for sign in text
        if not sign.isspace() and unicodedata.category(sign) not in {"Cc", "Cf", "Mn", "Me", "Cn", "Co"}
    ]
    return bool(seen) and unicodedata.normalize("NFKC", seen[0])[0] in "=+-@−"


@settings(deadline=None)
@given(TEXTS)
def test_a_cell_never_begins_like_a_formula_and_gives_the_text_back(text: str) -> None:
    """Not with a sign of any width, nor behind space that is not seen, nor with a tab or line break."""
    cell = cells.harmless(text)
    assert cell
    assert not begins_a_formula(cell)
    assert cell[0] not in "\t\r\n"
    assert cells.as_it_was(cell) == text
    assert len(cell) <= len(text) + 1


@pytest.mark.parametrize("text", ["a", "a=1", "1-1", "你好", "#标签", "“=1”", "2024-01-01", " a", "(=1)"])
def test_a_plain_text_stands_as_it_is(text: str) -> None:
    """The rule changes nothing that is no danger."""
    assert cells.harmless(text) == text


@settings(deadline=None)
@given(TEXTS)
def test_xml_holds_every_text_and_no_reader_takes_it_for_an_escape(text: str) -> None:
    """XML 1.0 names what it holds; `_x0041_` is read as "A" by some readers of workbooks and not by others."""
    cell = cells.for_xml(text)
    assert re.fullmatch(r"[\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*", cell)
    assert not re.search("_x[0-9A-Fa-f]{4}_", cell)
    assert cells.from_xml(cell) == text


@settings(deadline=None)
@given(GIVEN)
def test_every_value_comes_back_from_a_line_of_csv(given_value: tuple[Column, Any]) -> None:
    """Through the standard library's reader; null is the empty cell, and nothing else is."""
    column, value = given_value
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(["a", cells.text_cell(column, value)])
    [[_, cell]] = csv.reader(io.StringIO(line.getvalue(), newline=""))
    assert (cell == "") == (value is None)
    assert cells.text_value(column, cell) == value


@settings(deadline=None)
@given(GIVEN)
def test_every_value_comes_back_from_a_cell_of_a_workbook(given_value: tuple[Column, Any]) -> None:
    """Times as datetimes with milliseconds, numbers beyond 15 digits as text."""
    column, value = given_value
    cell = cells.sheet_cell(column, value)
    assert cells.sheet_value(column, cell) == value
    assert not isinstance(cell, int) or abs(cell) < 10**15


@settings(deadline=None)
@given(GIVEN)
def test_every_value_comes_back_from_json(given_value: tuple[Column, Any]) -> None:
    """Through JSON text."""
    import msgspec  # noqa: PLC0415 - as any reader of JSON would

    column, value = given_value
    text = msgspec.json.encode({"it": cells.json_member(column, value)})
    back = cells.json_value(column, msgspec.json.decode(text)["it"])
    assert back == value


@settings(deadline=None, max_examples=40)
@given(st.sampled_from("a=📌␛\x01'"), st.integers(1, 70_000), st.sampled_from(["", "x", "="]))
def test_a_text_longer_than_a_cell_comes_back_from_its_parts(sign: str, length: int, end: str) -> None:
    """Each part fits, counted in UTF-16 units, and is harmless by itself."""
    column = next(one for one in COLUMNS if one.name == "title")
    text = sign * length + end
    parts = cells.sheet_parts(column, text)
    whole = cells.for_xml(cells.harmless(text))
    assert bool(parts) == (len(whole.encode("utf-16-le")) > 2 * cells.CELL_UNITS)
    if parts:
        assert all(len(part.encode("utf-16-le")) <= 2 * cells.CELL_UNITS for part in parts)
        assert not any(begins_a_formula(part) for part in parts)
        assert cells.sheet_joined(column, parts) == text


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("likes", "many"),
        ("published_at", "2026-01-01"),
        ("published_at", "then"),
        ("goods", "yes"),
        ("hashtags", "[1]"),
    ],
)
def test_a_cell_of_another_type_is_refused(name: str, cell: str) -> None:
    """A time must say its zone."""
    column = next(one for one in COLUMNS if one.name == name)
    with pytest.raises(ValueError, match=r"."):
        cells.text_value(column, cell)
    with pytest.raises(ValueError, match=r"."):
        cells.json_value(column, {"it": cell})
