"""Values as the cells of CSV, XLSX and JSON lines, and cells back as values.

A text that a spreadsheet could take for a formula, that begins with the escape sign, or that is empty gets one escape
sign in front; whoever reads takes one escape sign off. So every text comes back as it was, and an empty cell is null.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from hongshu.formats.exports.kinds import Column, Type

Value = str | int | bool | list[str] | None
Cell = str | int | bool | datetime | None

ESCAPE: Final = "'"
SIGN: Final = "␛"
"""In XLSX, before what XML cannot hold."""
CELL_UNITS: Final = 32_767
"""UTF-16 code units that a cell of XLSX holds."""
EXACT_INTEGER: Final = 999_999_999_999_999
"""The largest whole number that every spreadsheet shows as it is."""
UTC_HEAD: Final = " (UTC)"

_BEGINS: Final = frozenset("=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−")
"""Signs that begin a formula, in any width."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn"})
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters that nobody sees."""
_TROUBLE: Final = (ESCAPE, "\t", "\r", "\n")
_NOT_IN_XML: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff␛]|_(?=x[0-9A-Fa-f]{4}_)")
_MARKED: Final = re.compile(r"_␛(?=x)|␛(u[0-9a-f]{4}|␛)")
_PART_SIGNS: Final = 5_000
"""Each may become six."""
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - cells of spreadsheets have no zone, ours are in UTC
_MS: Final = timedelta(milliseconds=1)
_MEMBERS: Final = {Type.TEXT: str, Type.INTEGER: int, Type.FLAG: bool, Type.TIME: str, Type.LIST: list}
_FLAGS: Final = {"true": True, "false": False}


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and that is not empty."""
    risky = not text or text.startswith(_TROUBLE) or _begins_a_formula(text)
    return ESCAPE + text if risky else text


def as_it_was(cell: str) -> str:
    """Undo `harmless`."""
    return cell.removeprefix(ESCAPE)


def for_xml(text: str) -> str:
    """Return a text that XML holds and every reader of XLSX gives back as it is written."""
    return _NOT_IN_XML.sub(_marked, text)


def from_xml(text: str) -> str:
    """Undo `for_xml`."""
    return _MARKED.sub(_unmarked, text)


def moment(ms: int) -> str:
    """Write a time as RFC 3339 in UTC, with milliseconds."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


def moment_ms(text: str) -> int:
    """Read what `moment` wrote; raises `ValueError` for anything else."""
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:
        raise ValueError(f"{text!r} does not say its zone")
    return (told.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _MS


def text_writer(column: Column) -> Callable[[Any], str]:
    """Return what writes the values of a column, other than null, as cells of CSV."""
    return _WRITERS[column.type]


def text_cell(column: Column, value: Value) -> str:
    """Return a value as a cell of CSV; null is the empty cell."""
    return "" if value is None else text_writer(column)(value)


def text_value(column: Column, cell: str) -> Value:
    """Undo `text_cell`; raises `ValueError` where the cell is not of the column's type."""
    if not cell:
        return None
    match column.type:
        case Type.INTEGER:
            return int(cell)
        case Type.TIME:
            return moment_ms(cell)
        case Type.FLAG if cell in _FLAGS:
            return _FLAGS[cell]
        case Type.FLAG:
            raise ValueError(f"{cell!r} is neither true nor false")
        case Type.LIST:
            return _texts(as_it_was(cell))
        case _:
            return as_it_was(cell)


def sheet_head(column: Column) -> str:
    """Return the heading of a column in XLSX, which says the zone of times."""
    return column.name + UTC_HEAD if column.type is Type.TIME else column.name


def sheet_cell(column: Column, value: Value) -> Cell:
    """Return a value as a typed cell of XLSX: whole numbers, true and false, times in UTC, or text."""
    if value is None or isinstance(value, bool):
        return value
    if column.type is Type.TIME:
        return _EPOCH + _whole(value) * _MS
    if isinstance(value, int):
        return value if -EXACT_INTEGER <= value <= EXACT_INTEGER else str(value)
    return for_xml(text_cell(column, value))


def sheet_value(column: Column, cell: Any) -> Value:
    """Undo `sheet_cell`, with numbers as whole or floating ones; raises `ValueError` where the type is another."""
    if cell is None or (isinstance(cell, bool) and column.type is Type.FLAG):
        return cell
    if isinstance(cell, datetime) and column.type is Type.TIME:
        return round((cell.replace(tzinfo=None) - _EPOCH) / _MS)
    if isinstance(cell, int | float) and not isinstance(cell, bool) and column.type is Type.INTEGER:
        return int(cell)
    if not isinstance(cell, str):
        raise ValueError(f"{cell!r} does not belong into the column {column.name}")  # noqa: TRY004 - a cell, no argument
    return text_value(column, from_xml(cell))


def is_too_long(cell: Cell) -> bool:
    """Say whether no cell of XLSX holds this."""
    return isinstance(cell, str) and _units(cell) > CELL_UNITS


def sheet_parts(column: Column, value: Value) -> list[str]:
    """Return a text that no cell of XLSX holds in parts that one holds; an empty list where it fits."""
    cell = sheet_cell(column, value)
    if not is_too_long(cell):
        return []
    text = value if isinstance(value, str) else as_it_was(text_cell(column, value))
    return [for_xml(harmless(part)) for part in _pieces(text)]


def sheet_joined(column: Column, parts: Sequence[str]) -> Value:
    """Undo `sheet_parts`."""
    text = "".join(as_it_was(from_xml(part)) for part in parts)
    return _texts(text) if column.type is Type.LIST else text


def json_member(column: Column, value: Value) -> object:
    """Return a value as it stands in JSON: times as text, JSON as JSON."""
    if value is None:
        return None
    if column.type is Type.TIME:
        return moment(_whole(value))
    return msgspec.Raw(str(value).encode()) if column.type is Type.JSON else value


def json_value(column: Column, member: Any) -> Value:
    """Undo `json_member`, for decoded JSON; raises `ValueError` where it is not of the column's type."""
    if member is None:
        return None
    if column.type is Type.JSON:
        return msgspec.json.encode(member).decode()
    if not _fits(column, member):
        raise ValueError(f"{column.name} is of another type")
    value: Value = member
    if column.type is Type.TIME:
        value = moment_ms(member)
    elif column.type is Type.LIST:
        value = _texts(msgspec.json.encode(member))
    return value


def _begins_a_formula(text: str) -> bool:
    """Say whether the first sign that is seen is one that begins a formula."""
    for sign in text:
        if not (sign.isspace() or sign in _FILLERS or unicodedata.category(sign) in _UNSEEN):
            return sign in _BEGINS
    return False


def _fits(column: Column, member: object) -> bool:
    return type(member) is _MEMBERS[column.type]


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no time")
    return value


def _list(value: list[str]) -> str:
    return harmless(msgspec.json.encode(value).decode())


def _flag(value: bool) -> str:
    return "true" if value else "false"


_WRITERS: Final[Mapping[Type, Callable[[Any], str]]] = {
    Type.TEXT: harmless,
    Type.JSON: harmless,
    Type.LIST: _list,
    Type.INTEGER: str,
    Type.FLAG: _flag,
    Type.TIME: moment,
}


def _texts(written: str | bytes) -> list[str]:
    try:
        return msgspec.json.decode(written, type=list[str])
    except msgspec.MsgspecError as error:
        raise ValueError("it is no JSON list of texts") from error


def _units(text: str) -> int:
    return len(text) + sum(sign > "\uffff" for sign in text) if len(text) * 2 > CELL_UNITS else len(text)


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PART_SIGNS):
        yield text[start : start + _PART_SIGNS]


def _marked(found: re.Match[str]) -> str:
    sign = found[0]
    if sign == "_":
        return "_" + SIGN
    return SIGN + (SIGN if sign == SIGN else f"u{ord(sign):04x}")


def _unmarked(found: re.Match[str]) -> str:
    if found[1] is None:
        return "_"
    return SIGN if found[1] == SIGN else chr(int(found[1][1:], 16))


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()
