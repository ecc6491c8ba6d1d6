"""What was exported comes back whole: a store that imports an export exports the same again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from databases import open_room
from exporting import shelves
from exporting.shelves import ANN, BEN, SECOND_MS, exported
from hongshu.engine.exporting.exporter import Form
from hongshu.engine.saver import save
from hongshu.formats.envelopes import read
from hongshu.formats.exports.kinds import What
from hongshu.models import EVERYONE, Asked, Look, Page, Reply, Verdict
from hongshu.store import coverage
from hongshu.store.base import Database
from importing.imports import Importing


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Database]:
    """A store with hostile titles, histories, events, groups, profiles, a note that went, and one complete creator."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    with closing(open_room("sqlite", "notes", folder)) as room:
        shelves.fill(room)
        shown = {"notes": [shelves.a_note(3)], "has_more": False}
        page = read(Reply(body=json.dumps({"code": 0, "data": shown}).encode()))
        assert isinstance(page, Page)
        look = Look(page=page, source="one", seen_ms=SECOND_MS + 1, verdict=Verdict.OK)
        room.write(lambda db: save(db, Asked(creator=BEN), look, EVERYONE))
        yield room


def rows(folder: Path, form: Form) -> dict[str, list[Any]]:
    """Every table of a data set, by readers that are not ours."""
    if form is Form.PARQUET:
        found = {}
        for what in What:
            query = f"SELECT * FROM read_parquet('{folder}/{what}/**/*.parquet', hive_partitioning = false)"
            found[str(what)] = sorted(map(repr, duckdb.connect().execute(query).fetchall()))
        return found
    if form is Form.XLSX:
        openpyxl = pytest.importorskip("openpyxl")
        return {
            str(what): list(openpyxl.load_workbook(folder / f"{what}.xlsx").worksheets[0].iter_rows(values_only=True))
            for what in What
        }
    return {str(what): [(folder / f"{what}.{form}").read_bytes()] for what in What}


@pytest.mark.parametrize("form", Form)
def test_an_export_that_is_imported_exports_the_same_again(
    importing: Importing, shelf: Database, tmp_path: Path, form: Form
) -> None:
    """Notes with history, events, groups, followers and coverage, in each format, into either database."""
    exported(shelf, tmp_path / "first", form, what=None)
    told = importing.twice(tmp_path / "first")
    assert (told.skipped, told.unchanged) == (0, 0)
    exported(importing.database, tmp_path / "second", form, what=None)
    before, after = rows(tmp_path / "first", form), rows(tmp_path / "second", form)
    assert after == before
    assert all(len(found) for found in before.values())
    assert importing.stretches(BEN) == shelf.read(lambda db: coverage.whole(db, BEN, EVERYONE))
    assert importing.stretches(ANN) == shelf.read(lambda db: coverage.whole(db, ANN, EVERYONE)) != []


@pytest.mark.parametrize("form", [Form.JSONL, Form.PARQUET])
def test_one_file_of_notes_alone_brings_notes_but_no_coverage(
    importing: Importing, shelf: Database, tmp_path: Path, form: Form
) -> None:
    """The notes with their newest counters; nothing says that there were no others."""
    exported(shelf, tmp_path / f"notes.{form}", form, what=What.NOTES)
    importing.twice(tmp_path / f"notes.{form}")
    assert importing.ids() == {
        (creator, kept.note.id) for creator in (ANN, BEN) for kept in shelves.kept(shelf, creator)
    }
    assert importing.stretches(BEN) == []
    assert importing.happened(BEN) == []


def test_an_export_of_a_part_does_not_bring_back_coverage(
    importing: Importing, shelf: Database, tmp_path: Path
) -> None:
    """The notes of some days only: the creator's coverage would cover notes that are not here."""
    exported(shelf, tmp_path / "part", Form.JSONL, what=None, until_ms=(shelves.BEGAN_S + 2 * shelves.DAY_S) * 1000)
    importing.twice(tmp_path / "part")
    assert importing.stretches(BEN) == []


def test_an_older_export_over_newer_knowledge_changes_no_newest_value(
    importing: Importing, shelf: Database, tmp_path: Path
) -> None:
    """Imported into the store that it came from, which has looked again since: history and events stay as they are."""
    exported(shelf, tmp_path / "set", Form.JSONL, what=None)
    shelves.fill(importing.database)
    again = [shelves.a_note(3, likes=7), shelves.a_note(1, title="newest")]
    shelves.put(importing.database, BEN, again, SECOND_MS + 60_000, more=True)
    importing.twice(tmp_path / "set")
    assert importing.kept(shelves.an_id(1), BEN).note.title == "newest"
    assert importing.kept(shelves.an_id(3), BEN).last_seen_ms == SECOND_MS + 60_000
