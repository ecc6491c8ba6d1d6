"""Exports what is kept for everyone: creator by creator, into a draft that gets its name when it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from hongshu import __version__
from hongshu.engine.exporting import parquet
from hongshu.engine.exporting.lines import CsvTable, JsonLinesTable
from hongshu.engine.exporting.manifest import CoverageLines, file_words, write_manifest
from hongshu.engine.exporting.reading import Wanted, read_creator
from hongshu.engine.exporting.remote import RemoteTarget, is_address
from hongshu.engine.exporting.sheets import SheetTable
from hongshu.engine.exporting.tables import Table
from hongshu.engine.exporting.targets import MANIFEST, LocalTarget, Target
from hongshu.errors import HongshuError, NotKnownError
from hongshu.formats.exports import dictionary
from hongshu.formats.exports.cells import moment
from hongshu.formats.exports.columns import FORMAT_VERSION
from hongshu.formats.exports.coverage import State, coverage_words
from hongshu.formats.exports.kinds import What
from hongshu.models import Clock, Word
from hongshu.store import exporting
from hongshu.store.base import Database
from hongshu.store.exporting import Span

NOTED_EVERY: Final = 50
"""So many creators lie between two words about how far an export is."""


class Form(StrEnum):
    """How tables are written; each is the ending of a file's name as well."""

    PARQUET = "parquet"
    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


class Order(Word):
    """What is to be exported, in which form, and where to; `single` is one file, else it is a data set in a folder.

    Creators are those named and those of the group together; all where neither is given.
    """

    out: str
    form: Form
    single: bool
    what: tuple[What, ...]
    creators: tuple[str, ...] = ()
    group: str | None = None
    span: Span = Span()
    overwrite: bool = False


class Exported(Word):
    """What an export wrote: number and size of its files, rows by table, and how complete its creators are."""

    files: int
    bytes: int
    rows: Mapping[What, int]
    states: Mapping[State, int]


def export(database: Database, order: Order, clock: Clock, tell: Callable[[int, int], None] | None = None) -> Exported:
    """Export; nothing has the target's name before all is complete and on disk.

    `tell` hears of how many creators of how many are done. Raises `UsageError` for what cannot be carried out as typed,
    `SetupError` where an extra lacks, and `HongshuError` with one line where the disk does not take it.
    """
    if database.inline:
        database.read(exporting.unmapped)
    creators = _creators(database, order)
    make = RemoteTarget if is_address(order.out) else LocalTarget
    target: Target = make(order.out, single=order.single, overwrite=order.overwrite)
    try:
        target.check()
        draft = target.open_draft()
        run = _Run(
            database=database,
            order=order,
            creators=creators,
            folder=draft / "made",
            scratch=draft / "scratch",
            now=moment(clock() // 1_000_000),
            tell=tell,
        )
        return _made(run, target)
    except OSError as error:
        raise HongshuError(
            f"{order.out} cannot be written ({error.strerror or error}); see to the disk, then export again"
        ) from error
    finally:
        target.discard()


class _Run(Word):
    """One export under way: complete files go to `folder`, all else to `scratch`."""

    database: Database
    order: Order
    creators: Sequence[str]
    folder: Path
    scratch: Path
    now: str
    tell: Callable[[int, int], None] | None

    @property
    def manifest(self) -> Path:
        """Where the manifest is made: in a data set, or apart."""
        return (self.scratch if self.order.single else self.folder) / MANIFEST


def _made(run: _Run, target: Target) -> Exported:
    run.folder.mkdir()
    run.scratch.mkdir()
    with closing(CoverageLines(run.scratch / "coverage")) as coverage, _tables(run) as tables:
        states = _filled(run, tables, coverage)
        written = [one for table in tables.values() for one in table.close()]
        rows = {what: table.rows for what, table in tables.items()}
        files = [file_words(run.folder, one) for one in written]
        write_manifest(run.manifest, _head(run.now), _told(run.order, rows), files, coverage)
    if run.order.single:
        target.publish_file(run.folder / written[0].path, run.manifest)
    else:
        _write_dictionary(run)
        target.publish_folder(run.folder)
    return Exported(files=len(files), bytes=sum(one["bytes"] for one in files), rows=rows, states=states)


def _filled(run: _Run, tables: Mapping[What, Table], coverage: CoverageLines) -> dict[State, int]:
    """Write every creator, and return how many are covered how."""
    states = dict.fromkeys(State, 0)
    wanted = Wanted(what=frozenset(run.order.what), span=run.order.span, raws=run.order.form is Form.JSONL)
    for number, creator in enumerate(run.creators):
        if run.tell and number % NOTED_EVERY == 0:
            run.tell(number, len(run.creators))
        read = read_creator(run.database, creator, wanted)
        for portion in read.portions:
            tables[portion.what].write(portion.rows, portion.raws)
        states[read.coverage.state] += 1
        coverage.add(coverage_words(creator, read.coverage, read.standing.stretches))
    return states


def _creators(database: Database, order: Order) -> list[str]:
    """Return whom to export; in the order of the id, for a data set by the id's hash first."""
    found = {*order.creators}
    if order.group is not None:
        members = database.read(lambda db: exporting.members(db, str(order.group)))
        if not members:
            raise NotKnownError(f'there is no creator in the group "{order.group}"; `hongshu creator group` adds some')
        found.update(members)
    if not order.creators and order.group is None:
        found.update(database.read_at_length(exporting.creators))
    divided = not order.single and order.form is Form.PARQUET
    return sorted(found, key=lambda creator: (parquet.hash_of(creator) if divided else "", creator))


@contextmanager
def _tables(run: _Run) -> Iterator[dict[What, Table]]:
    """Open the tables of an export; what is open at the end, complete or not, is closed."""
    with ExitStack() as stack:
        divided = run.order.form is Form.PARQUET
        duck: Any = stack.enter_context(parquet.opened(run.scratch)) if divided else None
        tables: dict[What, Table] = {}
        for what in run.order.what:
            tables[what] = _table(run, what, duck)
            stack.callback(tables[what].abandon)
        yield tables


def _table(run: _Run, what: What, duck: Any) -> Table:
    order, folder, scratch = run.order, run.folder, run.scratch
    name = Path(order.out).name if order.single else f"{what.value}.{order.form.value}"
    match order.form:
        case Form.CSV:
            return CsvTable(what, folder, name)
        case Form.JSONL:
            return JsonLinesTable(what, folder, name)
        case Form.XLSX:
            return SheetTable(what, folder, name, scratch)
        case Form.PARQUET if order.single:
            return parquet.ParquetFile(what, folder, name, scratch, duck)
        case Form.PARQUET:
            return parquet.ParquetFolder(what, folder, scratch, duck)


def _write_dictionary(run: _Run) -> None:
    """Write the data dictionary into a data set, for people and for programs."""
    text = "# Data dictionary\n\n" + dictionary.page(run.order.what)
    (run.folder / "dictionary.md").write_text(text, encoding="utf-8")
    words = {what.value: dictionary.words(what) for what in run.order.what}
    (run.folder / "dictionary.json").write_bytes(msgspec.json.format(msgspec.json.encode(words), indent=2) + b"\n")


def _head(now: str) -> dict[str, Any]:
    return {"hongshu": __version__, "format_version": FORMAT_VERSION, "exported_at": now}


def _told(order: Order, rows: Mapping[What, int]) -> dict[str, Any]:
    """Return what the manifest says beside files and coverage."""
    span = order.span
    told: dict[str, Any] = {
        "format": order.form.value,
        "parameters": {
            "what": [what.value for what in order.what],
            "creators": list(order.creators) or None,
            "group": order.group,
            "since": None if span.since_ms is None else moment(span.since_ms),
            "until": None if span.until_ms is None else moment(span.until_ms),
        },
        "rows": {what.value: number for what, number in rows.items()},
    }
    if order.form is Form.PARQUET:
        told["duckdb"] = parquet.version()
        if not order.single:
            told["partitions"] = {"creator_hash": parquet.HASH_DIGITS, "month": True}
    if order.single:
        told["columns"] = dictionary.words(order.what[0])
    return told
