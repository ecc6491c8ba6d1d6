"""`hongshu export` as it is typed, and the pages that say how."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import hostile
from databases import open_room
from exporting import shelves
from exporting.shelves import ANN, BEN
from hongshu.formats.exports import dictionary
from hongshu.formats.exports.kinds import What
from running import environment

ROOT = Path(__file__).parents[2]
Export = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where commands are run; beside it a data directory with a filled store."""
    (tmp_path / "data").mkdir()
    (tmp_path / "here").mkdir()
    with closing(open_room("sqlite", "notes", tmp_path / "data")) as room:
        shelves.fill(room)
    return tmp_path / "here"


@pytest.fixture
def run(folder: Path) -> Export:
    """Run a program in the folder."""

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        env = environment(folder.parent / "data")
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)

    return call


@pytest.fixture
def export(run: Export) -> Export:
    """Run `hongshu export`."""
    return lambda *arguments: run(sys.executable, "-m", "hongshu", "export", *arguments)


def words(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_one_document_says_what_was_written(export: Export, folder: Path) -> None:
    """A file by its ending, a folder otherwise; and who is not complete stands on standard error."""
    number = len(hostile.ALL) + 3
    ended = export("--out", "n.parquet", "--json")
    size = (folder / "n.parquet").stat().st_size
    told = {"out": "n.parquet", "format": "parquet", "files": 1, "rows": {"notes": number}, "bytes": size}
    assert words(ended) == told
    assert "2 of 3 creators are not covered completely" in ended.stderr
    told = words(export("--out", "set", "--format", "csv", "--json"))
    assert (told["format"], told["files"], list(told["rows"])) == ("csv", 4, [what.value for what in What])
    assert told["rows"]["notes"] == number
    assert sorted(path.name for path in (folder / "set").glob("*.csv")) == sorted(f"{what}.csv" for what in What)
    ended = export("--out", "o.jsonl", "--what", "observations", "--creator", ANN)
    assert re.fullmatch(r"\d+ observations → o\.jsonl \(1 file, [\d.]+ MB\)\n", ended.stdout)


def test_creators_may_be_named_by_link_and_times_by_date(export: Export, folder: Path) -> None:
    """Several creators together; the second bound is exclusive."""
    link = f"https://www.xiaohongshu.com/user/profile/{ANN}?xsec_token=x"
    arguments = ("--creator", link, "--creator", BEN, "--since", "2023-11-16", "--until", "2023-11-17T22:13:20Z")
    assert words(export("--out", "n.csv", *arguments, "--json"))["rows"] == {"notes": 2}
    with (folder / "n.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {one["creator"] for one in rows} == {ANN, BEN}
    assert all("2023-11-16" <= one["published_at"] < "2023-11-17T22:13:20" for one in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--out"),
        (("--out", "n.json"), ".parquet, .csv, .xlsx, .jsonl"),
        (("--out", "n.csv", "--format", "xlsx"), "leave one of them out"),
        (("--out", "n.csv", "--what", "likes"), "likes"),
        (("--out", "n.csv", "--creator", "somebody"), "user id"),
        (("--out", "n.csv", "--group", "nobody"), "nobody"),
        (("--out", "n.csv", "--since", "soon"), "is no date"),
        (("--out", "n.csv", "--since", "2026-01-02", "--until", "2026-01-02"), "--since must lie before --until"),
        (("--out", "none/n.csv"), "make it first"),
        (("--out", "s3://key:secret@bucket/n.csv"), "credentials come from the environment"),
    ],
)
def test_what_cannot_be_carried_out_is_told_in_one_line(
    export: Export, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Exit status 2, nothing on standard output, no file."""
    ended = export(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


def test_an_export_is_not_written_over_unasked(export: Export, folder: Path) -> None:
    """The line says how."""
    assert export("--out", "n.csv").returncode == 0
    before = (folder / "n.csv").read_bytes()
    ended = export("--out", "n.csv", "--creator", ANN)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "n.csv exists; name another one, or pass --overwrite" in ended.stderr
    assert (folder / "n.csv").read_bytes() == before
    assert export("--out", "n.csv", "--creator", ANN, "--overwrite").returncode == 0
    assert len((folder / "n.csv").read_bytes()) < len(before)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_on_data_sets_runs(run: Export, folder: Path) -> None:
    """One after the other, as a reader would; the extras that it installs exist."""
    page = "docs/howto/build-a-data-set.md"
    lines = [shlex.split(line) for block in blocks(page, "sh") for line in block.splitlines()]
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for program, *arguments in lines:
        if program == "pip":
            extras = re.findall(r"[a-z]+", arguments[-1].partition("[")[2])
            assert all(f"\n{extra} = [" in declared for extra in extras)
            continue
        assert program == "hongshu"
        ended = run(sys.executable, "-m", "hongshu", *arguments)
        assert ended.returncode == 0, (arguments, ended.stderr)
    for code in blocks(page, "python"):
        ended = run(sys.executable, "-c", code)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert BEN in ended.stdout
    assert {"dataset", "notes.xlsx", "growth.parquet", "beauty"} <= {path.name for path in folder.iterdir()}


def test_the_reference_holds_the_data_dictionary() -> None:
    """As the columns define it; after a change write `dictionary.page(What)` to the end of the page."""
    text = (ROOT / "docs/reference/datasets.md").read_text(encoding="utf-8")
    assert text.endswith("\n\n" + dictionary.page(What))
    named = re.findall(r"^\| `(\w+)`", dictionary.page(What), flags=re.MULTILINE)
    assert len(named) == sum(len(dictionary.words(what)) for what in What)
