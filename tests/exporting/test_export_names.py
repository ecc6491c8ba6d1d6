"""A name stands for something complete: failures, kills, targets that exist, addresses, what is not installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import fsspec
import pytest

from databases import open_room
from exporting import shelves
from exporting.shelves import ANN, exported
from hongshu.engine.exporting.exporter import Form
from hongshu.errors import ConflictError, HongshuError, SetupError, UsageError
from hongshu.formats.exports.kinds import What
from hongshu.store.base import Database
from hongshu.store.sqlite import SqliteDatabase

EXPORT = """
import resource, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from databases import open_room
from exporting.shelves import exported
from hongshu.engine.exporting.exporter import Form
from hongshu.errors import HongshuError
from hongshu.formats.exports.kinds import What
"""
"""What a process of its own begins with."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with closing(open_room("sqlite", "notes", tmp_path)) as room:
        shelves.fill(room)
        assert isinstance(room, SqliteDatabase)
        yield room


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def there(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def process(code: str, *arguments: object) -> subprocess.Popen[str]:
    begin = EXPORT.format(tests=str(Path(__file__).parents[1]))
    command = [sys.executable, "-c", begin + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("form", list(Form))
def test_what_exists_is_not_written_over_unasked(database: Database, out: Path, form: Form) -> None:
    """A file stays as it is; with `overwrite` it is replaced, and so is a data set of ours."""
    (out / f"n.{form}").write_bytes(b"mine")
    with pytest.raises(ConflictError, match="--overwrite"):
        exported(database, out / f"n.{form}", form)
    assert (out / f"n.{form}").read_bytes() == b"mine"
    assert there(out) == [f"n.{form}"]
    exported(database, out / f"n.{form}", form, overwrite=True)
    assert (out / f"n.{form}").read_bytes() != b"mine"
    exported(database, out / "set", form, what=None)
    (out / "set/old").touch()
    with pytest.raises(ConflictError, match="--overwrite"):
        exported(database, out / "set", form, what=None)
    exported(database, out / "set", form, what=None, overwrite=True)
    assert not (out / "set/old").exists()
    assert there(out) == [f"n.{form}", f"n.{form}.manifest.json", "set"]


def test_a_folder_that_is_no_data_set_is_never_removed(database: Database, out: Path) -> None:
    """Not even with `overwrite`; an empty one may be filled."""
    (out / "mine").mkdir()
    (out / "mine/thesis.txt").touch()
    with pytest.raises(ConflictError, match="no data set of hongshu"):
        exported(database, out / "mine", Form.CSV, what=None, overwrite=True)
    assert (out / "mine/thesis.txt").exists()
    with pytest.raises(ConflictError, match="is a folder"):
        exported(database, out / "mine", Form.CSV, overwrite=True)
    (out / "empty").mkdir()
    exported(database, out / "empty", Form.CSV, what=None)
    assert (out / "empty/manifest.json").exists()
    with pytest.raises(UsageError, match="make it first"):
        exported(database, out / "none/n.csv", Form.CSV)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("single", [True, False])
def test_a_failed_export_leaves_nothing(database: SqliteDatabase, out: Path, form: Form, single: bool) -> None:
    """The last creator's rows cannot be read: no file, no draft, and what stood there still stands."""
    spoiled = "UPDATE notes SET hashtags = 'no JSON', crc = NULL WHERE creator = ?"
    exported(database, out / "n", form, what=None, single=False)
    before = {path: path.read_bytes() for path in (out / "n").rglob("*") if path.is_file()}
    database.write(lambda db: db.rows(spoiled, (ANN,)))
    name = f"x.{form}" if single else "n"
    with pytest.raises(Exception, match="JSON"):
        exported(database, out / name, form, what=What.NOTES if single else None, overwrite=True)
    assert there(out) == ["n"]
    assert {path: path.read_bytes() for path in (out / "n").rglob("*") if path.is_file()} == before


ENDLESS = """
database = open_room("sqlite", "notes", sys.argv[1])
form = Form(sys.argv[3])
what = What.NOTES if sys.argv[4] == "file" else None
order = dict(creators=tuple(f"{number:024x}" for number in range(300_000)))
exported(database, sys.argv[2], form, what=what, **order)
"""


@pytest.mark.parametrize(("form", "kind"), [("parquet", "folder"), ("csv", "file")])
def test_a_killed_export_has_no_name_and_the_next_one_removes_its_draft(
    database: Database, out: Path, tmp_path: Path, form: str, kind: str
) -> None:
    """As `kill -9` ends it; a draft of an export that lives is left alone."""
    name = out / ("n.csv" if kind == "file" else "set")
    running = [process(ENDLESS, tmp_path, name, form, kind) for _ in range(2)]
    try:
        end = time.monotonic() + 30
        while len(list(out.glob(".*.draft/scratch/coverage"))) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        assert len(list(out.glob(".*.draft/scratch/coverage"))) == 2
        running[0].kill()
        running[0].wait()
        assert not name.exists()
        done = exported(database, name, Form(form), what=What.NOTES if kind == "file" else None)
        assert done.rows[What.NOTES] == len(shelves.told(database))
        assert len(list(out.glob(".*.draft"))) == 1
    finally:
        for one in running:
            one.kill()
            one.wait()
            one.stdout.close()


FULL = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = open_room("sqlite", "notes", sys.argv[1])
for form in Form:
    for what in (What.NOTES, None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.RLIM_INFINITY))
        try:
            exported(database, Path(sys.argv[2], f"n.{form}" if what else f"set-{form}"), form, what=what)
        except HongshuError as error:
            print(error.message.replace("\\n", "BREAK"))
        else:
            print("written")
"""


def test_a_full_disk_is_told_in_one_line(database: Database, out: Path, tmp_path: Path) -> None:
    """A bound on the size of files stands for it: whatever writes, nothing is left."""
    said = process(FULL, tmp_path, out).communicate(timeout=60)[0].splitlines()
    assert len(said) == 2 * len(Form)
    assert all("cannot be written" in line and "BREAK" not in line for line in said), said
    assert there(out) == []


def test_an_export_to_a_folder_that_may_not_be_written_is_told(database: Database) -> None:
    """In one line, with the path."""
    with pytest.raises(HongshuError, match=r"/proc/n\.csv cannot be written"):
        exported(database, "/proc/n.csv", Form.CSV)


@pytest.mark.parametrize("name", ["[a]*?'n;--.csv", "名字 📌.csv", "-n.csv", "a'b.parquet", "[x].parquet", "%s.xlsx"])
def test_any_name_of_a_file_is_taken_as_it_is(database: Database, out: Path, name: str) -> None:
    """Patterns and quotes in paths mean themselves, in the folder's name too."""
    folder = out / "it's [x]*"
    folder.mkdir()
    exported(database, folder / name, Form(name.rpartition(".")[2]))
    assert there(folder) == sorted([name, f"{name}.manifest.json"])
    exported(database, folder / "set", Form.PARQUET, what=None)


def test_an_address_gets_the_same_bytes_with_the_manifest_last(database: Database, out: Path) -> None:
    """`memory://` stands for any; what is there is not written over unasked."""
    memory = fsspec.filesystem("memory")
    exported(database, out / "n.csv", Form.CSV)
    exported(database, "memory://exports/n.csv", Form.CSV)
    assert memory.cat("/exports/n.csv") == (out / "n.csv").read_bytes()
    assert memory.cat("/exports/n.csv.manifest.json") == (out / "n.csv.manifest.json").read_bytes()
    exported(database, out / "set", Form.PARQUET, what=None)
    exported(database, "memory://exports/set", Form.PARQUET, what=None)
    here = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.glob("set/**/*") if path.is_file()}
    assert {path.removeprefix("/exports/"): memory.cat(path) for path in memory.find("/exports/set")} == here
    for name, what in (("n.csv", What.NOTES), ("set", None)):
        with pytest.raises(ConflictError, match="--overwrite"):
            exported(database, f"memory://exports/{name}", Form.CSV, what=what)
        exported(database, f"memory://exports/{name}", Form.CSV, what=what, overwrite=True)
    assert min(memory.ls("/exports/set", detail=False)) == "/exports/set/creators.csv"
    memory.pipe("/exports/mine/thesis.txt", b"")
    with pytest.raises(ConflictError, match="no data set of hongshu"):
        exported(database, "memory://exports/mine", Form.CSV, what=None, overwrite=True)


@pytest.mark.parametrize(
    "address",
    [
        "s3://key:secret@bucket/n.csv",
        "s3://b/n.csv?token=secret",
        "simplecache::s3://secret/n.csv",
        "file:///secret.csv",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_repeated(database: Database, address: str) -> None:
    """What stood on a command line may be in other people's lists of processes already; it need not be in logs too."""
    with pytest.raises(UsageError) as refused:
        exported(database, address, Form.CSV)
    assert "secret" not in refused.value.message


def test_an_address_without_its_driver_says_what_to_install(database: Database) -> None:
    """One line; fsspec knows which package."""
    with pytest.raises(SetupError, match=r"s3://.*s3fs") as refused:
        exported(database, "s3://bucket/n.csv", Form.CSV)
    assert "\n" not in refused.value.message
    with pytest.raises(SetupError, match="nothing://"):
        exported(database, "nothing://bucket/n.csv", Form.CSV)


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("duckdb", "n.parquet", "analytics"), ("xlsxwriter", "n.xlsx", "sheets"), ("fsspec", "memory://n.csv", "cloud")],
)
def test_an_extra_that_is_not_installed_is_named(
    database: Database, out: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, extra: str
) -> None:
    """With the line that installs it, and nothing is left."""
    monkeypatch.setitem(sys.modules, module, None)
    path = name if "://" in name else out / name
    with pytest.raises(SetupError, match=rf'pip install "hongshu\[{extra}\]"'):
        exported(database, path, Form(name.rpartition(".")[2]))
    assert there(out) == []


LARGE = """
import threading
database = open_room("sqlite", "notes", sys.argv[1])
def high() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
some = tuple(f"{number:024x}" for number in range(40))
exported(database, sys.argv[2] + "/some." + sys.argv[3], Form(sys.argv[3]), creators=some)
few = high()
exported(database, sys.argv[2] + "/all." + sys.argv[3], Form(sys.argv[3]))
print(few, high())
"""


def test_memory_stays_flat(database: SqliteDatabase, out: Path, tmp_path: Path) -> None:
    """An export of 160,000 notes with long texts, 240 MB as JSON, takes hardly more than one of 40,000."""
    text = "很长的正文" * 60

    def multiply(number: int) -> None:
        shown = "SELECT * FROM notes WHERE creator = ? AND audience = '' ORDER BY id LIMIT 1"
        [row] = database.read(lambda db: db.rows(shown, (ANN,)))
        names = [name for _, name, *_ in database.read(lambda db: db.rows("SELECT * FROM pragma_table_info('notes')"))]
        other = {"text": text, "creator": f"{number:024x}", "crc": None, "wire_crc": None}
        words = dict(zip(names, row, strict=True)) | other
        rows = [tuple((words | {"id": f"{one:024x}"}).values()) for one in range(1000)]
        marks = ", ".join("?" * len(names))
        database.write(lambda db: db.many(f"INSERT INTO notes ({', '.join(names)}) VALUES ({marks})", rows))

    for number in range(160):
        multiply(number)
    for form in (Form.PARQUET, Form.JSONL):
        few, many = map(int, process(LARGE, tmp_path, out, form.value).communicate(timeout=120)[0].split())
        assert few < many + 1 < few + 100_000, (form, few, many)


def test_a_stopped_export_removes_its_draft(database: Database, out: Path, tmp_path: Path) -> None:
    """SIGTERM, by the command; SIGINT is the same."""
    del database
    code = """
import signal
from hongshu.cli.export import _ended_by_sigterm
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background of a shell ignores it
database = open_room("sqlite", "notes", sys.argv[1])
with _ended_by_sigterm():
    exported(database, sys.argv[2], Form.CSV, creators=tuple(f"{number:024x}" for number in range(300_000)))
"""
    for number in (signal.SIGTERM, signal.SIGINT):
        one = process(code, tmp_path, out / "n.csv")
        while not list(out.glob(".*.draft/scratch/coverage")) and one.poll() is None:
            time.sleep(0.02)
        assert one.poll() is None
        os.kill(one.pid, number)
        assert "KeyboardInterrupt" in one.communicate(timeout=30)[0]
        assert there(out) == []


def test_the_manifest_names_the_file_and_its_columns(database: Database, out: Path) -> None:
    """The one beside a single file tells what the dictionary of a folder tells."""
    exported(database, out / "n.csv", Form.CSV)
    manifest = json.loads((out / "n.csv.manifest.json").read_bytes())
    assert [one["path"] for one in manifest["files"]] == ["n.csv"]
    assert manifest["columns"][0]["name"] == "creator"
    assert {"hongshu", "format_version", "exported_at", "parameters", "rows", "coverage"} <= set(manifest)
