"""What people tell of creators in a table: followers and prices, as of a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.counts import count
from hongshu.formats.lists import named
from hongshu.formats.times import given_ms
from hongshu.models import Precision, Word

COLUMNS: Final = ("creator", "nickname", "followers", "as_of", "price", "currency")
LONGEST_NICKNAME: Final = 200
_PRICE: Final = re.compile(r"(?:[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.[0-9]{1,6})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_DAY: Final = re.compile(r"([0-9]{4})[/.年]([0-9]{1,2})[/.月]([0-9]{1,2})日?")


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

    Raises `UsageError` with what is wrong with it, in words that are the same for every row.
    """
    try:
        creator = named(_text(row, "creator"))
    except InvalidParametersError as error:
        raise UsageError(f"creator: {error.message.replace('userId', 'it', 1)}") from error
    price, currency = _price(_text(row, "price")), _text(row, "currency")
    if currency and not _CURRENCY.fullmatch(currency):
        raise UsageError("the currency is not three capital letters, such as CNY")
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
    if isinstance(value, float):
        value = format(value, ".15g")
    return "" if value is None else str(value).replace("\0", "\ufffd").strip()


def _as_of_ms(value: object) -> int:
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value).strip()
    if not text:
        raise UsageError("as_of is missing: the date or RFC 3339 time at which this was so")
    day = _DAY.fullmatch(text)
    try:
        return given_ms(f"{day[1]}-{day[2]:0>2}-{day[3]:0>2}" if day else text)
    except UsageError as error:
        raise UsageError("as_of is no date such as 2027-01-31, and no RFC 3339 time") from error


def _followers(text: str) -> int | None:
    if not text:
        return None
    found = count(text)
    is_fraction = found is not None and found.precision is Precision.ROUNDED and text[-1].isdigit()
    if found is None or found.precision is Precision.AT_LEAST or is_fraction:
        raise UsageError("followers is no whole number such as 12300 or 1.2万")
    return found.value


def _price(text: str) -> str | None:
    if not text:
        return None
    if not _PRICE.fullmatch(text):
        raise UsageError("the price is no decimal number such as 1500 or 1500.50")
    return format(Decimal(text.replace(",", "")).normalize(), "f")
