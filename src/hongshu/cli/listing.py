"""Who a command is about: as arguments, from a list, or a group."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from hongshu.errors import ErasedError, UsageError
from hongshu.formats.border import printable
from hongshu.formats.lists import BadLine, Listed, cells_of_rows, cells_of_text, listed, named, rows_of_text
from hongshu.models import Scope
from hongshu.sheets import rows_of_xlsx
from hongshu.store import creators as rooms
from hongshu.store import erased
from hongshu.store.base import Database

LARGEST_LIST: Final = 64 * 1024 * 1024
_SHOWN: Final = 20
LONGEST_GROUP: Final = 60
_SHEETS: Final = (b"PK", b"\xd0\xcf\x11\xe0")
"""How workbooks begin, those that cannot be read too."""


def creators_of(
    users: Sequence[str],
    file: str | None,
    group: str | None,
    notes: Database,
    *,
    column: str | None = None,
    skip_bad_lines: bool = False,
) -> tuple[str, ...]:
    """Return who is meant, each once; what names nobody, or whom nothing is kept of, is told on standard error.

    Raises `UsageError` where nobody is named, or something names nobody and is not to be skipped, and `ErasedError`
    where everybody who is named was erased.
    """
    named_here = given(users, file, column=column, skip_bad_lines=skip_bad_lines)
    group = None if group is None else group_name(group)
    members = notes.read(lambda db: rooms.members(db, group)) if group is not None else ()
    if group is not None and not members:
        raise UsageError(f'the group "{group}" has no members; add some with: hongshu creator group USER --add {group}')
    found = tuple(dict.fromkeys([*named_here, *members]))
    if not found:
        raise UsageError("nobody is named; pass ids or profile links, or a list with --from")
    return _not_erased(found, notes)


def given(
    users: Sequence[str], file: str | None, *, column: str | None = None, skip_bad_lines: bool = False
) -> tuple[str, ...]:
    """Return who is named by arguments and by a list, each once, be it nobody.

    Raises `UsageError` where something names nobody and is not to be skipped.
    """
    parts = [listed(enumerate(users, start=1))]
    if parts[0].bad:
        raise UsageError("; ".join(f"{one.text}: {one.why}" for one in parts[0].bad))
    if file is not None:
        parts.append(_told(_list(file, column), file, skip_bad_lines=skip_bad_lines))
    return tuple(dict.fromkeys(one for part in parts for one in part.creators))


def _not_erased(found: tuple[str, ...], notes: Database) -> tuple[str, ...]:
    gone = notes.read(lambda db: erased.among(db, found))
    if len(gone) == len(found):
        raise ErasedError(erased.told(sorted(gone)))
    if gone:
        print(f"{len(gone)} of {len(found)} creators were erased here and are left out", file=sys.stderr)
    return tuple(one for one in found if one not in gone)


def compared(users: Sequence[str], group: str | None, focus: str | None, notes: Database) -> tuple[str, ...]:
    """Return the creators that are set side by side, the one in focus first. Raises `UsageError` for fewer than two."""
    focused = None if focus is None else named(focus)
    chosen = creators_of(users or ([focused] if focused and group is None else users), None, group, notes)
    if focused and focused not in chosen:
        chosen = (focused, *chosen)
    if len(chosen) < 2:
        raise UsageError("a comparison takes two creators or more; name them, or a group with --group")
    return chosen


def group_name(given: str) -> str:
    """Return the name of a group, without space around it. Raises `UsageError` for what is none."""
    name = given.strip()
    if not name or len(name) > LONGEST_GROUP or not name.isprintable():
        raise UsageError(f"a group's name is 1 to {LONGEST_GROUP} printable signs")
    return name


def scope_of(creator: str | None, group: str | None, *, everyone: bool) -> tuple[Scope, str]:
    """Return whose events are meant: a creator's, a group's or everyone's. Raises `UsageError` where not one is."""
    if sum((creator is not None, group is not None, everyone)) != 1:
        raise UsageError("pass one of --creator, --group and --all")
    if creator is not None:
        return Scope.CREATOR, named(creator)
    return (Scope.GROUP, group_name(group)) if group is not None else (Scope.ALL, "")


def table_of(file: str) -> Iterator[tuple[int, Sequence[object]]]:
    """Return the numbered rows of a CSV or an XLSX workbook. Raises `UsageError` where it is neither."""
    content = _content(file)
    if content.startswith(_SHEETS):
        return enumerate(rows_of_xlsx(Path(file)), start=1)
    return rows_of_text(_text(content, file))


def _list(file: str, column: str | None) -> Listed:
    content = _content(file)
    if content.startswith(_SHEETS):
        return listed(cells_of_rows(enumerate(rows_of_xlsx(Path(file)), start=1), column))
    is_table = Path(file).suffix.lower() in {".csv", ".tsv"}
    return listed(cells_of_text(_text(content, file), column, is_table=is_table))


def _content(file: str) -> bytes:
    try:
        with Path(file).open("rb") if file != "-" else nullcontext(sys.stdin.buffer) as opened:
            content = opened.read(LARGEST_LIST + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror})") from error
    if len(content) > LARGEST_LIST:
        raise UsageError(f"{file} is larger than {LARGEST_LIST // 2**20} MB; split the list")
    if file == "-" and content.startswith(_SHEETS):
        raise UsageError("standard input is a spreadsheet; pass its path")
    return content


def _text(content: bytes, file: str) -> str:
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no text; save the list as UTF-8") from None
    print(f"{printable(file)} is not in UTF-8 and is read as GB18030", file=sys.stderr)
    return text


def _told(part: Listed, file: str, *, skip_bad_lines: bool) -> Listed:
    for one in part.bad[:_SHOWN]:
        print(_line(file, one), file=sys.stderr)
    if len(part.bad) > _SHOWN:
        print(f"… and {len(part.bad) - _SHOWN} more lines of {printable(file)}", file=sys.stderr)
    if part.repeated:
        print(f"{printable(file)} names {part.repeated} of its creators again; each counts once", file=sys.stderr)
    if part.bad and not skip_bad_lines:
        raise UsageError(
            f"{len(part.bad)} lines of {file} name nobody; mend them, or leave them out with --skip-bad-lines"
        )
    return part


def _line(file: str, bad: BadLine) -> str:
    return f'{printable(file)}, line {bad.number}: "{bad.text}": {bad.why}'
