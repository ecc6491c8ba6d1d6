"""Counters as sources write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.formats.counts import LARGEST, count
from hongshu.models import Precision

EXACT, ROUNDED, AT_LEAST = Precision.EXACT, Precision.ROUNDED, Precision.AT_LEAST


@pytest.mark.parametrize(
    ("given", "value", "precision"),
    [
        pytest.param(0, 0, EXACT, id="zero"),
        pytest.param(1481, 1481, EXACT, id="int"),
        pytest.param(2**53 + 1, 2**53 + 1, EXACT, id="above 2^53"),
        pytest.param(2**63 - 1, 2**63 - 1, EXACT, id="the largest that a database holds"),
        pytest.param("0", 0, EXACT, id="zero as text"),
        pytest.param("51070", 51070, EXACT, id="digits"),
        pytest.param("1,234", 1234, EXACT, id="thousands apart"),
        pytest.param("1,234,567", 1_234_567, EXACT, id="millions apart"),
        pytest.param(" 346 ", 346, EXACT, id="spaces around"),
        pytest.param("１２３", 123, EXACT, id="full-width digits"),
        pytest.param("１，２３４", 1234, EXACT, id="full-width comma"),
        pytest.param("2万", 20_000, ROUNDED, id="万"),
        pytest.param("3.1万", 31_000, ROUNDED, id="3.1万"),
        pytest.param("３．１万", 31_000, ROUNDED, id="full-width 3.1万"),
        pytest.param("3.1 万", 31_000, ROUNDED, id="a space before the unit"),
        pytest.param("0.9万", 9_000, ROUNDED, id="below one unit"),
        pytest.param("12.5", 12, ROUNDED, id="a part of a like"),
        pytest.param("2千", 2_000, ROUNDED, id="千"),
        pytest.param("1.5亿", 150_000_000, ROUNDED, id="亿"),
        pytest.param("1.2w", 12_000, ROUNDED, id="w"),
        pytest.param("1.2W", 12_000, ROUNDED, id="W"),
        pytest.param("1.2k", 1_200, ROUNDED, id="k"),
        pytest.param("1.2K", 1_200, ROUNDED, id="K"),
        pytest.param("3.4m", 3_400_000, ROUNDED, id="m"),
        pytest.param("10万+", 100_000, AT_LEAST, id="10万+"),
        pytest.param("10+", 10, AT_LEAST, id="10+"),
        pytest.param("1千+", 1_000, AT_LEAST, id="1千+"),
        pytest.param("10万＋", 100_000, AT_LEAST, id="full-width plus"),
    ],
)
def test_a_counter_is_read_with_its_value_and_precision(given: object, value: int, precision: Precision) -> None:
    """A plain number is exact, one with a unit is rounded, one with a plus sign is a lower bound."""
    found = count(given)
    assert found is not None
    assert (found.value, found.precision) == (value, precision)
    assert type(found.value) is int


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param("   ", id="blank"),
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param(-1, id="negative int"),
        pytest.param("-1", id="negative text"),
        pytest.param("-3.1万", id="negative with unit"),
        pytest.param(2**63, id="2^63"),
        pytest.param(10**4000, id="a very large int"),
        pytest.param("9223372036854775808", id="2^63 as text"),
        pytest.param("99999999999999亿", id="too large with its unit"),
        pytest.param(3.5, id="float"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param("NaN", id="NaN as text"),
        pytest.param("Infinity", id="infinity as text"),
        pytest.param("None", id="None as text"),
        pytest.param("1e9", id="exponent"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("1_000", id="underscore"),
        pytest.param("赞", id="the word shown for none"),
        pytest.param("万", id="a unit without a number"),
        pytest.param("+", id="a plus without a number"),
        pytest.param("3.1万赞", id="words after it"),
        pytest.param("1万2千", id="two units"),
        pytest.param("1 2", id="two numbers"),
        pytest.param("1.2.3", id="two points"),
        pytest.param(",5", id="a comma first"),
        pytest.param("1,5万", id="a decimal comma"),
        pytest.param("1,", id="a comma last"),
        pytest.param("1,,234", id="two commas"),
        pytest.param([12], id="array"),
        pytest.param({"value": 12}, id="object"),
        pytest.param(b"12", id="bytes"),
    ],
)
def test_what_says_nothing_is_unknown_and_not_zero(given: object) -> None:
    """A missing, empty, negative, too large or unreadable counter is None."""
    assert count(given) is None


@pytest.mark.parametrize("text", ["3.1万", "10万+", "1,234", " 12 ", "１２３", "1.2w"])
def test_the_text_is_kept_as_the_source_wrote_it(text: str) -> None:
    """Value and precision stand beside the raw text, not instead of it."""
    found = count(text)
    assert found is not None
    assert found.text == text


def test_the_text_of_an_int_is_its_digits() -> None:
    """A JSON number has no other raw text than its digits."""
    found = count(1481)
    assert found is not None
    assert found.text == "1481"


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9" * 5_000_000, id="digits"),
        pytest.param("1" + ",000" * 1_000_000, id="groups"),
        pytest.param("1" + " " * 5_000_000 + "万", id="spaces"),
        pytest.param("㍿" * 2_000_000, id="signs that unfold to four"),
        pytest.param("0." + "0" * 5_000_000 + "1", id="decimals"),
    ],
)
def test_a_hostile_long_text_is_unknown_at_once(text: str) -> None:
    """Megabytes where a counter should stand cost no time and mean nothing."""
    assert count(text) is None


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())))
def test_every_counter_is_a_number_that_every_database_holds(given: object) -> None:
    """Whatever comes, the result is None or within 0 … 2^63-1."""
    found = count(given)
    assert found is None or 0 <= found.value <= LARGEST


@given(st.integers(0, LARGEST))
def test_an_int_and_its_digits_say_the_same(number: int) -> None:
    """Sources that write counters as strings mean the same numbers."""
    assert count(number) == count(str(number))


@given(st.integers(1, 9999), st.integers(0, 9), st.sampled_from([("千", 10**3), ("万", 10**4), ("亿", 10**8)]))
def test_a_unit_multiplies_without_the_error_of_floats(whole: int, tenth: int, unit: tuple[str, int]) -> None:
    """4.1万 is 41000 and not 40999."""
    found = count(f"{whole}.{tenth}{unit[0]}")
    assert found is not None
    assert found.value == Decimal(f"{whole}.{tenth}") * unit[1]
