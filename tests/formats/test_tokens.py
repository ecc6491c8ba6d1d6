"""Tokens as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.formats import tokens

ENTROPY = bytes(range(tokens.ENTROPY_BYTES))
KINDS = st.sampled_from([tokens.API, tokens.OPERATOR])


@given(KINDS, st.binary(min_size=tokens.ENTROPY_BYTES, max_size=tokens.ENTROPY_BYTES))
def test_a_minted_token_is_well_formed_for_its_own_kind_only(prefix: str, entropy: bytes) -> None:
    """A caller's token is no operator's token and the other way round."""
    token = tokens.minted(prefix, entropy)
    other = {tokens.API: tokens.OPERATOR, tokens.OPERATOR: tokens.API}[prefix]
    assert tokens.well_formed(token, prefix)
    assert not tokens.well_formed(token, other)
    assert token.isascii()
    assert token.replace("_", "").isalnum()


@given(KINDS, st.integers(0, 39), st.sampled_from("0aZ_-"))
def test_a_changed_token_is_not_well_formed(prefix: str, place: int, sign: str) -> None:
    """The checksum finds a typing error without a look-up."""
    token = tokens.minted(prefix, ENTROPY)
    changed = token[:place] + sign + token[place + 1 :]
    assert tokens.well_formed(changed, prefix) is (changed == token)


@pytest.mark.parametrize("text", ["", "hs_", "hs", "hs_" + "0" * 36, tokens.minted("hs", ENTROPY) + "\n"])
def test_what_only_looks_like_a_token_is_none(text: str) -> None:
    """Length, signs and checksum must all be right."""
    assert not tokens.well_formed(text, tokens.API)


def test_a_list_shows_the_start_of_a_token_and_no_more() -> None:
    """Enough to tell two apart, not enough to guess one."""
    token = tokens.minted(tokens.API, ENTROPY)
    assert tokens.shown_start(token) == token[: len("hs_") + tokens.SHOWN_SIGNS]


def test_a_token_is_stored_under_a_keyed_hash() -> None:
    """Neither the token nor an unkeyed hash of it can be found in the store."""
    token = tokens.minted(tokens.API, ENTROPY)
    assert tokens.digest(b"a" * 32, token) != tokens.digest(b"b" * 32, token)
    assert len(tokens.digest(b"a" * 32, token)) == 32
    assert token.encode() not in tokens.digest(b"a" * 32, token)
