"""`hongshu import`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import Parameter

from hongshu.cli.main import DONE, FAILED, PARTLY
from hongshu.cli.printing import AsJson, print_json, print_words
from hongshu.cli.setup import ConfigFile, give_way, notes, settings
from hongshu.engine.importing.importer import EXAMPLES, Importer, Orders, Outcome, paths_of
from hongshu.errors import UsageError
from hongshu.formats.border import printable
from hongshu.formats.imports.base import Tool
from hongshu.formats.imports.detecting import Way
from hongshu.formats.times import given_ms
from hongshu.service.whole import REST_IN_BULK

Formats = Literal["auto", "v4", "web", "mediacrawler", "xhs-downloader", "spider-xhs", "tikhub", "hongshu"]


def import_(
    *files: Annotated[Path, Parameter(help="Files, or folders that are read with all that is in them.")],
    form: Annotated[Formats, Parameter(name="--format", help="Whose rows they are; told by the content.")] = "auto",
    zone: Annotated[str, Parameter(help="Time zone of the machine that wrote times without one.")] = "Asia/Shanghai",
    as_of: Annotated[
        str | None, Parameter(help="When it was collected, where rows do not say; else the file's own time.")
    ] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> int:
    """Import what other tools or an export of hongshu hold; the same again changes nothing, newer live data stays.

    Ends with 0 when done, 1 where no row was of use, 3 where some rows or files were skipped for faults.
    """
    if not files:
        raise UsageError("name the files or folders to import")
    tool = None if form == "auto" else Tool(form)
    orders = Orders(
        paths=paths_of(files),
        way=Way(tool=tool, zone=_zone(zone)),
        as_of_ms=None if as_of is None else given_ms(as_of, zone),
    )
    give_way()
    with notes(settings(config), in_bulk=True) as room:
        outcome = Importer(room, orders, time.time_ns, _tell, rest=REST_IN_BULK).run()
    words = msgspec.structs.asdict(outcome)
    print_json(words) if json else _show(words)
    return _status(outcome)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f'"{printable(name)}" is no time zone; write one such as Asia/Shanghai or UTC') from error


def _tell(path: str, number: int, why: str) -> None:
    place = f"{path}, {number}" if number else path
    print(f"{printable(place)}: {printable(why)}", file=sys.stderr)


def _show(words: dict[str, Any]) -> None:
    told = {"reasons": words.pop("reasons"), "doubts": words.pop("doubts")}
    print_words(words)
    if words["skipped"] > EXAMPLES:
        print(f"… and {words['skipped'] - EXAMPLES} more were skipped", file=sys.stderr)
    for name, counts in told.items():
        for text, number in counts.items():
            print(f"{name}: {number} × {printable(text)}")


def _status(outcome: Outcome) -> int:
    if not outcome.imported + outcome.unchanged:
        return FAILED
    return PARTLY if outcome.faults else DONE
