"""Tokens as text: minted ones are told from anything else without a look-up."""

from __future__ import annotations

import re
import string
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from hongshu.formats import tokens

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
entropies = st.binary(min_size=tokens.ENTROPY_BYTES, max_size=tokens.ENTROPY_BYTES)
prefixes = st.sampled_from([tokens.API, tokens.OPERATOR])


@given(entropies, prefixes)
def test_a_minted_token_has_the_form_that_scanners_look_for(entropy: bytes, prefix: str) -> None:
    """A prefix, 30 base62 signs, then the CRC32 of all before it as 6 of them: to be checked offline by anyone."""
    token = tokens.minted(prefix, entropy)
    assert re.fullmatch(prefix + "_[0-9A-Za-z]{36}", token)
    number = 0
    for sign in token[-6:]:
        number = number * 62 + BASE62.index(sign)
    assert number == zlib.crc32(token[:-6].encode())
    assert tokens.well_formed(token, prefix)


@settings(max_examples=400)
@given(entropies, prefixes, st.data())
def test_no_token_with_one_sign_changed_is_well_formed(entropy: bytes, prefix: str, data: st.DataObject) -> None:
    """A slip of the hand is found wherever it is, and whatever the sign becomes."""
    token = tokens.minted(prefix, entropy)
    turn = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.one_of(st.sampled_from(BASE62 + "_-"), st.characters()).filter(lambda one: one != token[turn]))
    changed = token[:turn] + sign + token[turn + 1 :]
    assert not tokens.well_formed(changed, prefix)


@given(entropies, prefixes, st.data())
def test_no_token_with_two_signs_swapped_is_well_formed(entropy: bytes, prefix: str, data: st.DataObject) -> None:
    """Neighbours that changed places are found."""
    token = tokens.minted(prefix, entropy)
    turn = data.draw(st.integers(0, len(token) - 2))
    swapped = token[:turn] + token[turn + 1] + token[turn] + token[turn + 2 :]
    assert swapped == token or not tokens.well_formed(swapped, prefix)


@given(st.one_of(st.text(), st.from_regex(r"\A(hs|hso)_[0-9A-Za-z]{30,40}\Z")), prefixes)
def test_any_other_text_is_not_well_formed(text: str, prefix: str) -> None:
    """Nothing raises, and nothing without the checksum passes."""
    body, check = text[:-6], text[-6:]
    number = zlib.crc32(body.encode(errors="surrogatepass"))
    signs = ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        signs = BASE62[rest] + signs
    assert tokens.well_formed(text, prefix) == (
        check == signs and text.startswith(prefix + "_") and len(body) == len(prefix) + 31
    )


@given(entropies)
def test_a_token_of_one_kind_is_none_of_the_other(entropy: bytes) -> None:
    """An operator's token opens no API, and an API token manages nothing."""
    assert not tokens.well_formed(tokens.minted(tokens.OPERATOR, entropy), tokens.API)
    assert not tokens.well_formed(tokens.minted(tokens.API, entropy), tokens.OPERATOR)


@given(entropies, entropies, prefixes)
def test_different_chance_makes_different_tokens(one: bytes, other: bytes, prefix: str) -> None:
    """No token is minted twice but from the same bytes, up to what 30 base62 signs can hold."""
    span = 62**30
    alike = (int.from_bytes(one, "big") - int.from_bytes(other, "big")) % span == 0
    assert (tokens.minted(prefix, one) == tokens.minted(prefix, other)) == alike


@given(entropies, prefixes, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_what_is_stored_depends_on_the_installations_key(
    entropy: bytes, prefix: str, key: bytes, other_key: bytes
) -> None:
    """The hash is keyed, and what lists show is four signs of the secret and no more."""
    token = tokens.minted(prefix, entropy)
    assert (tokens.digest(key, token) == tokens.digest(other_key, token)) == (key == other_key)
    assert len(tokens.digest(key, token)) == 32
    assert tokens.shown_start(token) == token[: len(prefix) + 1 + 4]
