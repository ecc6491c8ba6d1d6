"""Exports read back through second libraries: DuckDB, Python's csv and json, openpyxl; on both databases."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import openpyxl
import pytest

import hostile
from databases import open_room
from exporting import shelves
from exporting.shelves import ANN, BEN, CAT, FIRST_MS, SECOND_MS, an_id, exported, moment
from hongshu.engine.exporting.exporter import Form
from hongshu.engine.exporting.sheets import SheetTable
from hongshu.errors import NotKnownError
from hongshu.formats.exports.cells import sheet_head, sheet_joined, sheet_value, text_value
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import Type, What
from hongshu.models import EVERYONE, Observation
from hongshu.store import notes, observations
from hongshu.store.base import Connection, Database

CONTINUED_SHEETS = ["continued", *(f"continued {number}" for number in range(2, 6))]


@pytest.fixture
def database(store: tuple[str, Path | str]) -> Iterator[Database]:
    """A filled store, on each database."""
    with closing(open_room(store[0], "notes", store[1])) as room:
        shelves.fill(room)
        yield room


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def from_parquet(path: Path, what: What = What.NOTES) -> list[dict[str, Any]]:
    names = ", ".join(f'"{column.name}"' for column in TABLES[what])
    pattern = str(path / what.value / "**" / "*.parquet") if path.is_dir() else str(path)
    found = duckdb.execute(f"SELECT {names} FROM read_parquet(?)", [pattern])
    return [dict(zip([column.name for column in TABLES[what]], row, strict=True)) for row in found.fetchall()]


def from_csv(path: Path, what: What = What.NOTES) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *lines = csv.reader(file)
    assert head == [column.name for column in TABLES[what]]
    return [
        {
            column.name: _timed(column.type, text_value(column, cell))
            for column, cell in zip(TABLES[what], line, strict=True)
        }
        for line in lines
    ]


def from_workbook(path: Path, what: What = What.NOTES) -> list[dict[str, Any]]:
    head, *lines = openpyxl.load_workbook(path)[what.value].values
    assert list(head) == [sheet_head(column) for column in TABLES[what]]
    return [
        {
            column.name: _timed(column.type, sheet_value(column, cell))
            for column, cell in zip(TABLES[what], line, strict=True)
        }
        for line in lines
    ]


def from_json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def _timed(kind: Type, value: Any) -> Any:
    return moment(value) if kind is Type.TIME else value


def test_notes_read_back_as_the_store_has_them(database: Database, out: Path) -> None:
    """From every format, hostile titles and unknown counters included, and nothing that is one account's."""
    told = shelves.told(database)
    assert len(told) == len(hostile.ALL) + 3
    for form in Form:
        done = exported(database, out / f"n.{form}", form)
        assert (done.files, done.rows) == (1, {What.NOTES: len(told)})
    assert from_parquet(out / "n.parquet") == told
    assert from_csv(out / "n.csv") == told
    assert from_workbook(out / "n.xlsx") == told
    lines = from_json_lines(out / "n.jsonl")
    for line, words in zip(lines, told, strict=True):
        raw = line.pop("raw")
        kept = database.read(lambda db, words=words: notes.raw(db, words["creator"], EVERYONE, words["id"]))
        assert raw == json.loads(kept)
        as_text = {
            name: None if value is None else f"{value.isoformat(timespec='milliseconds')}Z"
            for name, value in words.items()
            if hasattr(value, "isoformat")
        }
        assert line == {**words, **as_text, **{name: None for name, value in words.items() if value is None}}


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(database: Database, out: Path) -> None:
    """Every cell is text, a number, a flag or a time, whatever the titles hold."""
    for what in What:
        exported(database, out / f"{what}.xlsx", Form.XLSX, what=what)
        book = openpyxl.load_workbook(out / f"{what}.xlsx")
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} <= {"s", "n", "b", "d"}
        assert not [cell for cell in cells if cell.hyperlink is not None]
        assert not book.defined_names


def test_a_data_set_holds_all_tables_divided_by_hash_and_month(database: Database, out: Path) -> None:
    """Each file holds the rows of its part only, and the manifest tells each of them."""
    done = exported(database, out / "set", Form.PARQUET, what=None)
    key = lambda one: (one["creator"], one["id"])  # noqa: E731 - an order, named
    assert sorted(from_parquet(out / "set"), key=key) == shelves.told(database)
    manifest = json.loads((out / "set/manifest.json").read_text(encoding="utf-8"))
    files = {path.relative_to(out / "set").as_posix() for path in out.glob("set/**/*.parquet")}
    assert {one["path"] for one in manifest["files"]} == files
    assert done.files == len(files)
    for one in manifest["files"]:
        body = (out / "set" / one["path"]).read_bytes()
        assert (one["bytes"], one["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        rows = duckdb.execute("SELECT * FROM read_parquet(?)", [str(out / "set" / one["path"])]).fetchall()
        assert one["rows"] == len(rows)
        parts = dict(part.split("=") for part in one["path"].split("/")[1:-1])
        assert {hashlib.sha256(row[0].encode()).hexdigest()[:1] for row in rows} == {parts["creator_hash"]}
        if one["what"] == "notes":
            assert {row[2].strftime("%Y-%m") for row in rows} == {parts["month"]}
    assert manifest["rows"] == {what.value: done.rows[what] for what in What}
    assert sum(one["bytes"] for one in manifest["files"]) == done.bytes
    dictionary = json.loads((out / "set/dictionary.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in dictionary["notes"]] == [column.name for column in TABLES[What.NOTES]]
    assert "| `likes` |" in (out / "set/dictionary.md").read_text(encoding="utf-8")


def test_observations_and_events_read_back_as_the_store_has_them(database: Database, out: Path) -> None:
    """Growth and edits of the shared rows, in a fixed order."""
    exported(database, out / "o.parquet", Form.PARQUET, what=What.OBSERVATIONS)
    exported(database, out / "e.parquet", Form.PARQUET, what=What.EVENTS)
    exported(database, out / "e.csv", Form.CSV, what=What.EVENTS)
    observations = from_parquet(out / "o.parquet", What.OBSERVATIONS)
    grown = [one for one in observations if one["note"] == an_id(1) and one["creator"] == BEN]
    assert [(one["seen_at"], one["likes"], one["likes_text"]) for one in grown] == [
        (moment(FIRST_MS), 31_000, "3.1万"),
        (moment(SECOND_MS), 2**62, None),
    ]
    assert [(one["collects"], one["collects_precision"], one["collects_text"]) for one in grown] == [
        (1234, "exact", "1,234")
    ] * 2
    rows = database.read(
        lambda db: db.rows("SELECT creator, note FROM observations WHERE audience = '' ORDER BY creator, note, seen_ms")
    )
    assert [(one["creator"], one["note"]) for one in observations] == [*map(tuple, rows)]
    events = from_parquet(out / "e.parquet", What.EVENTS)
    kinds = {(one["note"], one["kind"]) for one in events}
    seen = {(an_id(3), "new"), (an_id(2), "unpinned"), (an_id(1), "edited")}
    assert kinds == seen | {(an_id(1), "milestone"), (None, "silence")}
    [edited] = [json.loads(one["details"]) for one in events if one["kind"] == "edited"]
    assert edited["title"] == ["t", "=t"]
    assert from_csv(out / "e.csv", What.EVENTS) == events


def test_creators_are_told_with_profiles_and_coverage(database: Database, out: Path) -> None:
    """Who is complete and who is not; a creator of whom only one account knows is left out."""
    for form in (Form.PARQUET, Form.CSV, Form.XLSX):
        exported(database, out / f"c.{form}", form, what=What.CREATORS)
    rows = from_parquet(out / "c.parquet", What.CREATORS)
    assert from_csv(out / "c.csv", What.CREATORS) == rows == from_workbook(out / "c.xlsx", What.CREATORS)
    ann, ben, cat = rows
    assert [one["creator"] for one in rows] == [ANN, BEN, CAT]
    assert (ann["nickname"], ann["groups"], ann["notes"]) == ("阿安", ["=all"], len(hostile.ALL))
    assert (ann["coverage_state"], ann["complete_from"], ann["complete_to"]) == ("complete", None, moment(FIRST_MS))
    assert (ben["coverage_state"], ben["complete_to"]) == ("partial", moment(SECOND_MS))
    assert ben["complete_from"] == moment((shelves.BEGAN_S + shelves.DAY_S) * 1000)
    assert (cat["coverage_state"], cat["notes"], cat["nickname"]) == ("none", 0, "=猫")
    assert (cat["followers"], cat["followers_as_of"]) == (10, moment(FIRST_MS))
    assert (cat["price"], cat["currency"], cat["price_as_of"]) == ("12.50", "CNY", moment(SECOND_MS))
    assert [one["followers"] for one in json.loads(cat["profiles"])] == [10, None]
    assert json.loads(ben["coverage"])[0]["to"] is None


def test_creators_groups_and_times_bound_an_export(database: Database, out: Path) -> None:
    """Named creators and those of a group together; notes by publish time, the rest by its own."""
    exported(database, out / "a.csv", Form.CSV, creators=(ANN,), since_ms=(shelves.BEGAN_S + 5 * shelves.DAY_S) * 1000)
    assert [one["id"] for one in from_csv(out / "a.csv")] == [an_id(n) for n in range(5, len(hostile.ALL) + 1)]
    exported(database, out / "b.csv", Form.CSV, group="beauty", until_ms=(shelves.BEGAN_S + 2 * shelves.DAY_S) * 1000)
    assert [(one["creator"], one["id"]) for one in from_csv(out / "b.csv")] == [(BEN, an_id(1))]
    exported(database, out / "c.csv", Form.CSV, what=What.CREATORS, creators=(ANN,), group="beauty")
    assert [one["creator"] for one in from_csv(out / "c.csv", What.CREATORS)] == [ANN, BEN, CAT]
    exported(database, out / "o.csv", Form.CSV, what=What.OBSERVATIONS, since_ms=SECOND_MS)
    assert {one["seen_at"] for one in from_csv(out / "o.csv", What.OBSERVATIONS)} == {moment(SECOND_MS)}
    exported(database, out / "e.csv", Form.CSV, what=What.EVENTS, until_ms=SECOND_MS)
    assert from_csv(out / "e.csv", What.EVENTS) == []
    manifest = json.loads((out / "b.csv.manifest.json").read_text(encoding="utf-8"))
    assert manifest["parameters"]["group"] == "beauty"
    assert [one["creator"] for one in manifest["coverage"]] == [BEN, CAT]
    with pytest.raises(NotKnownError, match="nobody"):
        exported(database, out / "d.csv", Form.CSV, group="nobody")


def test_an_asked_creator_who_is_unknown_is_told_as_not_covered(database: Database, out: Path) -> None:
    """No row, but a line in the manifest."""
    exported(database, out / "a.parquet", Form.PARQUET, what=What.CREATORS, creators=("f" * 24,))
    assert from_parquet(out / "a.parquet", What.CREATORS) == []
    manifest = json.loads((out / "a.parquet.manifest.json").read_text(encoding="utf-8"))
    assert manifest["coverage"] == [
        {"creator": "f" * 24, "state": "none", "complete_from": None, "complete_to": None, "known": []}
    ]


def test_two_exports_are_the_same_bytes(database: Database, out: Path) -> None:
    """But for the time in the first line of the manifest."""
    for form in Form:
        for name in ("one", "two"):
            (out / name).mkdir(exist_ok=True)
            exported(database, out / name / f"n.{form}", form)
            exported(database, out / name / f"set-{form}", form, what=None)
    one, two = (
        {path.relative_to(out / name): path.read_bytes() for path in sorted((out / name).rglob("*")) if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two


def test_an_empty_store_exports_empty_tables(tmp_path: Path) -> None:
    """Files with their headings and no rows; a Parquet folder has its manifest."""
    with closing(open_room("sqlite", "notes", tmp_path)) as database:
        for form in Form:
            assert exported(database, tmp_path / f"n.{form}", form).rows == {What.NOTES: 0}
            assert sum(exported(database, tmp_path / f"set-{form}", form, what=None).rows.values()) == 0
    assert (
        from_parquet(tmp_path / "n.parquet") == from_csv(tmp_path / "n.csv") == from_workbook(tmp_path / "n.xlsx") == []
    )
    assert (tmp_path / "n.jsonl").read_bytes() == b""
    assert json.loads((tmp_path / "set-parquet/manifest.json").read_bytes())["coverage"] == []


def test_a_creator_with_more_rows_than_are_read_at_once_is_exported_whole(database: Database, out: Path) -> None:
    """4,500 notes and 13,500 observations, some of notes that are pinned, each once and in order."""
    [one] = [one for one in shelves.kept(database, BEN) if one.note.id == an_id(2)]
    ids = [f"{number:024x}" for number in range(4500)]
    many = [
        msgspec.structs.replace(
            one, note=msgspec.structs.replace(one.note, id=name), pin_rank=int(name, 16) % 7 or None
        )
        for name in ids
    ]
    seen = [
        Observation(note_id=name, seen_ms=FIRST_MS + number, counters=one.note.counters, source="one")
        for name in ids
        for number in range(3)
    ]

    def put(db: Connection) -> None:
        notes.put(db, CAT, EVERYONE, many)
        observations.put(db, CAT, EVERYONE, seen)

    database.write(put)
    exported(database, out / "n.csv", Form.CSV, creators=(CAT,))
    exported(database, out / "o.csv", Form.CSV, what=What.OBSERVATIONS, creators=(CAT,))
    assert [row["id"] for row in from_csv(out / "n.csv")] == ids
    rows = [(row["note"], row["seen_at"]) for row in from_csv(out / "o.csv", What.OBSERVATIONS)]
    assert rows == [(one.note_id, moment(one.seen_ms)) for one in seen]


def test_rows_beyond_a_sheet_go_to_the_next_and_long_texts_on_in_their_own(tmp_path: Path) -> None:
    """Nothing is cut: what no cell holds is put together again from the sheet "continued"."""
    title = "=" + "长\x01📌" * 20_000
    texts = ["a", title, "b", title[:40_000], "c"]
    empty = dict.fromkeys(column.name for column in TABLES[What.NOTES])
    rows = [tuple({**empty, "id": f"{number}", "title": text}.values()) for number, text in enumerate(texts)]
    with closing(SheetTable(What.NOTES, tmp_path, "n.xlsx", tmp_path, most_rows=20)) as table:
        table.write(rows * 5)
    book = openpyxl.load_workbook(tmp_path / "n.xlsx")
    assert book.sheetnames == ["notes", *CONTINUED_SHEETS[:4], "notes 2", *CONTINUED_SHEETS[4:]]
    column = next(column for column in TABLES[What.NOTES] if column.name == "title")
    continued = [row for name in CONTINUED_SHEETS for row in list(book[name].values)[1:]]
    found = []
    for sheet in ("notes", "notes 2"):
        head, *lines = book[sheet].values
        for row, line in enumerate(lines, start=2):
            cell = line[head.index("title")]
            parts = [part for name, at, _, _, part in continued if (name, at) == (sheet, row)]
            found.append(sheet_joined(column, [cell, *parts]) if parts else sheet_value(column, cell))
    assert found == texts * 5
    assert all(len(str(cell).encode("utf-16-le")) <= 65_534 for sheet in book for line in sheet.values for cell in line)
