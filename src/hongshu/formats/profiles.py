"""What people tell of creators in a table: followers and prices, as of a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.counts import count
from hongshu.formats.lists import named
from hongshu.formats.times import given_ms
from hongshu.models import Precision, Word

COLUMNS: Final = ("creator", "nickname", "followers", "as_of", "price", "currency")
LONGEST_NICKNAME: Final = 200
_LARGEST_PRICE: Final = Decimal(10) ** 12
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class ToldProfile(Word):
    """What one row tells of a creator; None is not told. The price is a decimal number as text."""

    creator: str
    as_of_ms: int
    nickname: str | None
    followers: int | None
    price: str | None
    currency: str | None


def read_profile(row: Mapping[str, object]) -> ToldProfile:
    """Read a row by the names of its columns, in lower case.

    Raises `UsageError` with what is wrong with it.
    """
    try:
        creator = named(_text(row, "creator"))
    except InvalidParametersError as error:
        raise UsageError(error.message.replace("userId", "creator", 1)) from error
    price, currency = _price(_text(row, "price")), _text(row, "currency")
    if currency and not _CURRENCY.fullmatch(currency):
        raise UsageError(f'the currency "{currency[:20]}" is not three capital letters, such as CNY')
    if price is not None and not currency:
        raise UsageError("a price needs its currency, such as CNY")
    nickname = _text(row, "nickname")
    if len(nickname) > LONGEST_NICKNAME:
        raise UsageError(f"the nickname is longer than {LONGEST_NICKNAME} signs")
    return ToldProfile(
        creator=creator,
        as_of_ms=_as_of_ms(row.get("as_of")),
        nickname=nickname or None,
        followers=_followers(_text(row, "followers")),
        price=price,
        currency=currency or None,
    )


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).replace("\0", "\ufffd").strip()


def _as_of_ms(value: object) -> int:
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    text = "" if value is None else str(value).strip()
    if not text:
        raise UsageError("as_of is missing: the date or RFC 3339 time at which this was so")
    return given_ms(text)


def _followers(text: str) -> int | None:
    if not text:
        return None
    found = count(text.replace(",", ""))
    if found is None or found.precision is Precision.AT_LEAST:
        raise UsageError(f'followers "{text[:20]}" is no number')
    return found.value


def _price(text: str) -> str | None:
    if not text:
        return None
    try:
        price = Decimal(text.replace(",", ""))
    except InvalidOperation as error:
        raise UsageError(f'the price "{text[:20]}" is no number') from error
    if not price.is_finite() or not 0 <= price <= _LARGEST_PRICE:
        raise UsageError(f'the price "{text[:20]}" is below 0 or too large')
    return format(price.normalize(), "f")
