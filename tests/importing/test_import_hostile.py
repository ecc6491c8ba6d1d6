"""Hostile and damaged files: what is good in them is taken, the rest is told, and nothing else happens."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hongshu.errors import UsageError
from hongshu.store.foreign import opened
from importing.imports import ANN, Importing, a_row, an_id, values

NESTED = 1_000_000


def a_line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


BAD_LINES = {
    "cut": b'{"note_id": "6850330000',
    "nested": b'{"a":' + b"[" * NESTED + b"]" * NESTED + b"}",
    "brackets": b"[" * NESTED,
    "no utf-8": b'{"note_id": "\xff\xfe"}',
    "no object": b"17",
    "nul": b"\x00\x00\x00",
    "many values": b'{"a":[' + b"1," * 200_000 + b"1]}",
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_one_bad_line_is_skipped_with_its_number(importing: Importing, name: str) -> None:
    """The lines before and after it are taken."""
    text = a_line(a_row(1)) + BAD_LINES[name] + b"\n" + a_line(a_row(2))
    told = importing.twice(importing.file("rows.jsonl", text))
    assert (told.rows, told.imported, told.faults) == (3, 2, 1)
    assert [number for _, number, _ in importing.told] == [2]


def test_a_line_without_an_end_is_passed_over(importing: Importing) -> None:
    """A line of 40 MB is told, not read; the next one is taken."""
    text = a_line(a_row(1)) + b'{"a":"' + b"x" * 40_000_000 + b'"}\n' + a_line(a_row(2))
    told = importing.run(importing.file("rows.jsonl", text))
    assert (told.rows, told.imported, told.faults) == (3, 2, 1)


@pytest.mark.parametrize("keep", [-1, -40, -400])
def test_a_list_that_is_cut_off_gives_what_stood_before(importing: Importing, keep: int) -> None:
    """Of three elements those that are whole are taken, and the cut is told."""
    text = json.dumps([a_row(1), a_row(2), a_row(3)], ensure_ascii=False).encode()
    told = importing.twice(importing.file("rows.json", text[:keep]))
    assert told.imported >= 2
    assert told.faults == 1
    assert importing.told[-1][1] == told.imported + 1


def test_a_list_with_an_element_that_is_too_deep_or_too_large(importing: Importing) -> None:
    """Both are told by their turn; a million brackets do not end the process."""
    deep = b"[" * NESTED + b"]" * NESTED
    large = b"[" + b"1," * 300_000 + b"1]"
    text = b"[" + a_line(a_row(1)) + b"," + deep + b"," + large + b"," + a_line(a_row(2)) + b"]"
    told = importing.twice(importing.file("rows.json", text))
    assert (told.imported, told.skipped) == (2, 2)


def test_text_that_no_database_holds_is_made_fit(importing: Importing) -> None:
    """NUL and lone surrogates become U+FFFD, in JSON and in tables, alike on both databases."""
    row = json.dumps(a_row(1, title="T", desc="D")).replace('"T"', r'"a\u0000b\ud800c"').replace('"D"', r'"\udfff😀"')
    importing.twice(importing.file("a.jsonl", row))
    importing.twice(importing.table([a_row(2, title="a\0b", nickname="n\0")], name="b.csv"))
    assert importing.kept(an_id(1)).note.title == "a\ufffdb\ufffdc"
    assert importing.kept(an_id(1)).note.text == "\ufffd😀"
    assert importing.kept(an_id(2)).note.title == "a\ufffdb"


def test_a_table_with_damaged_rows(importing: Importing) -> None:
    """Cut cells, cells too many, bytes of another encoding and a giant cell are told by row; the others are taken."""
    good = [importing.table([a_row(number)]).read_bytes().split(b"\r\n", 1)[1] for number in (1, 2, 3)]
    heading = importing.table([a_row(1)]).read_bytes().split(b"\r\n", 1)[0] + b"\r\n"
    names = heading.count(b",") + 1
    bad = [b"only,three,cells\r\n", b"x," * names + b"x\r\n", b"\xff\xfe," * (names - 1) + b"x\r\n"]
    giant = b'"' + b"y" * 3_000_000 + b'"' + b"," * (names - 1) + b"\r\n"
    text = heading + good[0] + bad[0] + bad[1] + good[1] + bad[2] + giant + good[2]
    told = importing.twice(importing.file("rows.csv", text))
    assert {identifier for _, identifier in importing.ids()} == {an_id(1), an_id(2), an_id(3)}
    assert told.faults >= 4
    assert [number for _, number, _ in importing.told][:3] == [3, 4, 6]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0" * 100, b"\xff\xd8\xff\xe0 jpeg", b"PAR1 no parquet", b"PK\x03\x04 no zip", b"{", b"["),
        *(b"<html></html>", b"SQLite format 3\0 no database", b"a,b\n1,2\n", b'"', b"\xef\xbb\xbf", b"%PDF-1.7"),
        bytes(range(256)) * 20,
    ],
    ids=range(14),
)
def test_files_of_other_kinds(importing: Importing, content: bytes) -> None:
    """A file that is named is a fault if it holds anything; in a folder beside others it is none."""
    path = importing.file("folder/thing", content)
    told = importing.twice(path)
    assert told.imported + told.unchanged == 0
    assert told.faults == told.rows == (1 if content.strip(b"\xef\xbb\xbf") else 0)
    importing.lines(a_row(1), name="folder/rows.jsonl")
    told = importing.twice(importing.folder / "folder")
    assert (told.imported, told.faults) == (1, 0)


def test_links_in_folders_are_not_followed(importing: Importing) -> None:
    """A loop of folders ends, a link to a file elsewhere is not read, a pipe does not hang."""
    importing.lines(a_row(1), name="tree/a/rows.jsonl")
    secret = importing.lines(a_row(2), name="elsewhere/rows.jsonl")
    (importing.folder / "tree/a/loop").symlink_to(importing.folder / "tree")
    (importing.folder / "tree/b.jsonl").symlink_to(secret)
    os.mkfifo(importing.folder / "tree/pipe.jsonl")
    told = importing.twice(importing.folder / "tree")
    assert (told.files, told.imported) == (1, 1)
    assert importing.ids() == {(ANN, an_id(1))}


@pytest.mark.parametrize("path", ["nothing", "nothing/at/all", "\udcff.jsonl"])
def test_what_is_not_there_is_said_before_anything_is_imported(importing: Importing, path: str) -> None:
    """One name is wrong: nothing is imported."""
    with pytest.raises(UsageError, match="there is no file or folder"):
        importing.run(importing.lines(a_row(1)), importing.folder / path)
    assert importing.ids() == set()


def a_hostile_database(path: Path) -> Path:
    """A view where notes are expected, triggers, a virtual table, a generated column, and text that is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    row = a_row(1)
    names = ", ".join(f'"{name}"' for name in row)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE xhs_note ({names}, more GENERATED ALWAYS AS (hex(zeroblob(100000000))) VIRTUAL)")
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO xhs_note ({names}) VALUES ({marks})", tuple(row.values()))
        bad = {**row, "note_id": an_id(2), "title": b"\xff\xfe bytes", "desc": "x" * 100}
        db.execute(f"INSERT INTO xhs_note ({names}) VALUES ({marks})", tuple(bad.values()))
        db.execute("UPDATE xhs_note SET title = CAST(title AS TEXT) WHERE note_id = ?", (an_id(2),))
        db.execute("CREATE TRIGGER t AFTER UPDATE ON xhs_note BEGIN SELECT RAISE(ABORT, 'no'); END")
        db.execute("CREATE VIEW xhs_creator AS SELECT 1 AS user_id, 2 AS fans UNION ALL SELECT * FROM xhs_creator")
        db.execute("CREATE VIRTUAL TABLE explore_data USING fts5(x)")
        db.commit()
    return path


def test_a_hostile_database_is_read_as_plain_tables_only(importing: Importing) -> None:
    """The two rows are taken; views, triggers, virtual tables and generated columns do not run, the file stays."""
    path = a_hostile_database(importing.folder / "evil.db")
    before = (path.read_bytes(), sorted(one.name for one in path.parent.iterdir()))
    told = importing.twice(path)
    assert (told.rows, told.imported) == (2, 2)
    assert (importing.kept(an_id(2)).note.title or "").startswith("\ufffd")
    assert (path.read_bytes(), sorted(one.name for one in path.parent.iterdir())) == before


def test_only_plain_tables_and_columns_are_offered(tmp_path: Path) -> None:
    """Neither the view nor the virtual table, nor the generated column."""
    with opened(a_hostile_database(tmp_path / "evil.db")) as database:
        tables = database.tables()
    assert "xhs_note" in tables
    assert "xhs_creator" not in tables
    assert "explore_data" not in tables
    assert "more" not in tables["xhs_note"]


def test_a_schema_that_was_written_over_is_refused(importing: Importing) -> None:
    """A table whose row in the schema names a view's text."""
    path = a_hostile_database(importing.folder / "evil.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE xhs_note(' WHERE name = 'xhs_note'")
        db.commit()
    told = importing.twice(path)
    assert (told.imported, told.faults) == (0, 1)


def test_a_damaged_database_gives_what_stood_before_the_damage(importing: Importing) -> None:
    """Pages in the middle are overwritten: rows before them are taken, the damage is told."""
    path = importing.folder / "cut.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    row = a_row(1)
    with closing(sqlite3.connect(path)) as db:
        names = ", ".join(f'"{name}"' for name in row)
        db.execute(f"CREATE TABLE xhs_note ({names})")
        rows = [tuple(a_row(number, desc="x" * 900).values()) for number in range(1, 60)]
        db.executemany(f"INSERT INTO xhs_note VALUES ({', '.join('?' * len(row))})", rows)
        db.commit()
    content = bytearray(path.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half : half + 8192] = b"\xff" * 8192
    path.write_bytes(content)
    told = importing.run(path)
    assert told.imported > 0
    assert told.faults == 1


def test_a_database_with_a_write_ahead_log_is_read_with_it(importing: Importing) -> None:
    """What another program has committed to the log counts, and the log stays."""
    path = importing.folder / "live.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    row = a_row(1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        names = ", ".join(f'"{name}"' for name in row)
        db.execute(f"CREATE TABLE xhs_note ({names})")
        db.execute(f"INSERT INTO xhs_note VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        db.commit()
        assert importing.run(path).imported == 1
        assert path.with_name("live.db-wal").stat().st_size > 0


def a_bomb(path: Path) -> Path:
    """A workbook of which one part unpacks to half a gigabyte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(500):
                part.write(b" " * 1_000_000)
    return path


def test_a_workbook_that_unpacks_to_too_much_is_refused(importing: Importing) -> None:
    """It is told in one line, and other files are taken."""
    told = importing.run(a_bomb(importing.folder / "bomb.xlsx"), importing.lines(a_row(1)))
    assert (told.imported, told.faults) == (1, 1)


def test_cells_with_formulas_are_their_values_or_unknown(importing: Importing) -> None:
    """A formula that no spreadsheet has worked out says nothing; text that looks like one stays text."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    row = a_row(1, title="plain", liked_count="=1+1", nickname='=HYPERLINK("http://x","y")')
    sheet.append(list(row))
    sheet.append(list(row.values()))
    path = importing.folder / "formulas.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    importing.twice(path)
    note = importing.kept(an_id(1)).note
    assert (note.title, note.nickname, values(note.counters)[0]) == ("plain", None, None)
    importing.twice(importing.table([a_row(2, title="=1+1")]))
    assert importing.kept(an_id(2)).note.title == "=1+1"


LIMITED = """
import resource, sys, time
from pathlib import Path
from zoneinfo import ZoneInfo
from hongshu.engine.importing.importer import Importer, Orders
from hongshu.formats.imports.detecting import Way
from hongshu.store.sqlite import SqliteDatabase

path = Path(sys.argv[1])
database = SqliteDatabase(path.with_suffix(".db"), "notes", synchronous="OFF")
resource.setrlimit(resource.RLIMIT_DATA, (400_000_000, 400_000_000))
orders = Orders(paths=(path,), way=Way(tool=None, zone=ZoneInfo("UTC")))
print(Importer(database, orders, time.time_ns, lambda *_: None).run().rows)
"""


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv"])
def test_memory_stays_bounded_for_files_larger_than_it(tmp_path: Path, name: str) -> None:
    """80 MB of rows that repeat are read by a process that may hold 400 MB, itself and SQLite's cache included."""
    line = json.dumps(a_row(1, desc="长" * 10_000), ensure_ascii=False)
    path = tmp_path / name
    with path.open("w", encoding="utf-8") as file:
        if name.endswith("csv"):
            row = a_row(1, desc="长" * 10_000)
            text = ",".join(str(value).replace(",", " ") for value in row.values())
            file.write(",".join(row) + "\n" + (text + "\n") * 2600)
        elif name.endswith("jsonl"):
            file.write((line + "\n") * 2600)
        else:
            file.write("[" + ",".join([line] * 2600) + "]")
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == "2600\n", done.stderr[-2000:]
