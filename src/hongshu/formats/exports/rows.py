"""Rows as the store gives them → rows of an export, in the order of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hongshu.formats.exports.cells import Value, moment
from hongshu.formats.exports.coverage import Coverage, stretch_words
from hongshu.models import Profile, Stretch, Word

Values = tuple[Value, ...]

_COUNTERS: Final = ("likes", "collects", "comments", "shares")
_INEXACT: Final = msgspec.json.Decoder(dict[str, tuple[str, str]])
_TEXTS: Final = msgspec.json.Decoder(list[str])
_EXACT: Final = ("exact", None)
_UNKNOWN: Final = (None, None, None)


class Standing(Word):
    """What is known of a creator beside notes; profiles oldest first, stretches from the top down.

    `nickname` is that of the newest note that has one, seen at `nickname_ms`.
    """

    creator: str
    notes: int
    first_ms: int | None
    last_ms: int | None
    nickname: str | None
    nickname_ms: int
    stretches: tuple[Stretch, ...]
    profiles: tuple[Profile, ...]
    groups: tuple[str, ...]


def note_row(row: Sequence[Any]) -> Values:
    """Return a note; `row` is as `store.exporting` selects it."""
    creator, identifier, published, estimated, edited, kind, title, text, hashtags = row[:9]
    sticky, pin_rank, goods, cover, author, nickname, shape, source, first, last, missing, absent, absent_ms = row[
        14:27
    ]
    pinned = None if sticky is None and pin_rank is None else pin_rank is not None
    return (
        *(creator, identifier, published, bool(estimated), edited, kind, title, text, _TEXTS.decode(hashtags)),
        *_counters(row[9:13], row[13]),
        *(pinned, pin_rank, _flag(sticky), _flag(goods), cover, author, nickname, shape, source),
        *(first, last, missing, absent, absent_ms),
    )


def observation_row(row: Sequence[Any]) -> Values:
    """Return an observation."""
    return (*row[:3], *_counters(row[3:7], row[7]), row[8])


def event_row(row: Sequence[Any]) -> Values:
    """Return an event, which the store holds in the order of the columns; one of the creator's own has no note."""
    creator, identifier, note = row[:3]
    return (creator, identifier, note or None, *row[3:7])


def creator_row(standing: Standing, coverage: Coverage) -> Values:
    """Return a creator."""
    followers = next((one for one in reversed(standing.profiles) if one.followers is not None), None)
    price = next((one for one in reversed(standing.profiles) if one.price is not None), None)
    return (
        *(standing.creator, _nickname(standing), list(standing.groups)),
        *(standing.notes, standing.first_ms, standing.last_ms),
        *((followers.followers, followers.as_of_ms) if followers else (None, None)),
        *((price.price, price.currency, price.as_of_ms) if price else _UNKNOWN),
        *(coverage.state.value, coverage.from_ms, coverage.to_ms),
        _json([stretch_words(one) for one in standing.stretches]),
        _json([_profile_words(one) for one in standing.profiles]),
    )


def _nickname(standing: Standing) -> str | None:
    told = next((one for one in reversed(standing.profiles) if one.nickname is not None), None)
    if told is None or (standing.nickname is not None and standing.nickname_ms >= told.as_of_ms):
        return standing.nickname
    return told.nickname


def _profile_words(profile: Profile) -> dict[str, object]:
    return {
        "as_of": moment(profile.as_of_ms),
        "nickname": profile.nickname,
        "followers": profile.followers,
        "price": profile.price,
        "currency": profile.currency,
        "source": profile.source,
    }


def _counters(values: Sequence[int | None], inexact: str | None) -> list[Value]:
    """Return value, precision and text of each counter; the text only where it is not the number itself."""
    told = _INEXACT.decode(inexact) if inexact else {}
    cells: list[Value] = []
    for name, value in zip(_COUNTERS, values, strict=True):
        if value is None:
            cells += _UNKNOWN
        elif name in told:
            text, precision = told[name]
            cells += (value, precision, None if text == str(value) else text)
        else:
            cells += (value, *_EXACT)
    return cells


def _flag(number: int | None) -> bool | None:
    return None if number is None else bool(number)


def _json(words: object) -> str:
    return msgspec.json.encode(words).decode()
