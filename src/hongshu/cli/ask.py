"""`hongshu ask`."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from hongshu import analytics
from hongshu.analytics import Analyst, Frame
from hongshu.cli.listing import group_name
from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, notes, settings
from hongshu.errors import UsageError
from hongshu.formats.lists import named
from hongshu.store import creators as rooms
from hongshu.store import exporting

if TYPE_CHECKING:
    from hongshu.config import Loaded

_SHOWN: Final = 50
_SETTING: Final = re.compile(r"([a-z_]+)=(-?[0-9]+(?:\.[0-9]+)?)")


def ask(  # noqa: PLR0913 - one argument an option
    question: Annotated[str | None, Parameter(help="What to ask; without it, the questions are listed.")] = None,
    *,
    data: Annotated[str | None, Parameter(help="A data set of `hongshu export`, instead of what is kept here.")] = None,
    creator: Annotated[tuple[str, ...], Parameter(help="Id of a creator, or a profile link; may be repeated.")] = (),
    group: Annotated[str | None, Parameter(help="The creators of a group.")] = None,
    window: Annotated[str, Parameter(help="Days such as 90d, dates such as 2026-01-01..2026-03-31, or all.")] = "all",
    zone: Annotated[str, Parameter(help="Time zone of days and hours.")] = "Asia/Shanghai",
    set_: Annotated[
        tuple[str, ...],
        Parameter(name="--set", help="A number of the formula, such as threshold=100; may be repeated."),
    ] = (),
    engine: Annotated[Literal["duckdb", "spark"], Parameter(help="What reads the data set.")] = "duckdb",
    master: Annotated[str, Parameter(help="Where Spark runs.")] = "local[*]",
    out: Annotated[Path | None, Parameter(help="Write the rows to a file: .parquet, .csv or .jsonl.")] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Ask a data set, or what is kept, one question about creators; `--json` gives JSON lines."""
    if question is None:
        rows = [{"question": one, "about": analytics.about(one)} for one in analytics.question_names()]
        print_json(rows) if json else print_table(rows, empty="")
        return
    given = _settings(set_)
    with _opened(settings(config), data, engine, master, _Who(creator, group)) as analyst:
        frame = analyst.ask(question, analytics.window(window, zone, analyst), given)
        if out is not None:
            frame.write(out)
        elif json:
            for line in frame:
                print(msgspec.json.encode(line).decode())
        else:
            _show(frame)


class _Who:
    """Whose notes are asked; everyone's where nobody is named."""

    def __init__(self, creators: tuple[str, ...], group: str | None) -> None:
        self.creators = [named(one) for one in creators]
        self.group = None if group is None else group_name(group)

    @property
    def is_everyone(self) -> bool:
        return not self.creators and self.group is None


@contextmanager
def _opened(loaded: Loaded, data: str | None, engine: Any, master: str, who: _Who) -> Iterator[Analyst]:
    """Open what is asked; what is kept is read into files that are gone at the end."""
    if data is not None:
        if not who.is_everyone:
            raise UsageError("--creator and --group choose from what is kept; a data set is asked as a whole")
        with analytics.open_dataset(data, engine=engine, master=master) as analyst:
            yield analyst
        return
    if engine != "duckdb":
        raise UsageError("Spark reads data sets; pass one with --data, made by: hongshu export --out FOLDER")
    from hongshu.analytics.duck import open_tables  # noqa: PLC0415 - an extra
    from hongshu.engine.reporting import write_facts  # noqa: PLC0415 - an extra's

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with notes(loaded, in_bulk=True) as room:
            chosen = list(who.creators)
            if who.group is not None:
                chosen += room.read(lambda db: rooms.members(db, who.group or ""))
            elif who.is_everyone:
                chosen = room.read_at_length(exporting.creators)
            files = write_facts(room, list(dict.fromkeys(chosen)), folder)
        yield stack.enter_context(open_tables(files))


def _settings(given: tuple[str, ...]) -> dict[str, int | float]:
    found: dict[str, int | float] = {}
    for one in given:
        read = _SETTING.fullmatch(one)
        if not read or read[1] not in analytics.DEFAULTS:
            raise UsageError(f'"{one}" sets nothing; write NAME=NUMBER with one of: {", ".join(analytics.DEFAULTS)}')
        found[read[1]] = float(read[2]) if "." in read[2] else int(read[2])
    return found


def _show(frame: Frame) -> None:
    rows = [{name: _short(value) for name, value in line.items()} for line in islice(frame, _SHOWN)]
    print_table(rows, empty="there is nothing to answer with; collect creators, or pass a longer --window")
    if len(frame) > len(rows):
        print(f"… and {len(frame) - len(rows):,} more rows; write all with --out FILE or --json", file=sys.stderr)


def _short(value: object) -> object:
    return float(f"{value:.5g}") if isinstance(value, float) else value
