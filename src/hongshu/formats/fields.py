"""Which fields of a note came filled, and as what: so that a source whose answers lose a field is noticed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hongshu.formats.border import MalformedError, decoded
from hongshu.models import Note

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_MOST_FIELDS: Final = 120


def filled(note: Note) -> dict[str, str]:
    """Return the fields that a source gave of a note, with the kind of JSON value of each: `likes` is a `number`.

    A field inside an object is named `user.nickname`. What is null, or an empty text, list or object, is not filled.
    At most 120 fields, with plain names, are told: a source may send any.
    """
    try:
        given = decoded(note.raw)
    except MalformedError:
        return {}
    return dict(_up_to(_MOST_FIELDS, _fields(given))) if isinstance(given, dict) else {}


def _fields(given: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        kind = _kind(value)
        if not kind or not _NAME.fullmatch(name):
            continue
        yield inside + name, kind
        if kind == "object" and not inside:
            yield from _fields(value, f"{name}.")


def _up_to(most: int, fields: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for _, field in zip(range(most), fields, strict=False):
        yield field


def _kind(value: object) -> str:
    if value is None or value in ("", [], {}):
        return ""
    match value:
        case bool():
            return "flag"
        case str():
            return "text"
        case list():
            return "list"
        case dict():
            return "object"
        case _:
            return "number"
