"""Exports at the console: made, downloaded, and bounded."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from console.looked import GROUP, a_server, stored
from console.visiting import Answered, Visitor
from hongshu.errors import ConflictError, HongshuError, UsageError
from hongshu.server.console.downloads import AT_ONCE, Downloads, Job
from hongshu.store import creators
from running import Running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, list[str]]]:
    running, people = a_server(tmp_path_factory.mktemp("datasets"), known=3)
    stored(running, lambda db: creators.add_members(db, GROUP, people[:2]))
    yield running, people
    running.stop()


@pytest.fixture(scope="module")
def server(world: tuple[Running, list[str]]) -> Running:
    return world[0]


def made(visitor: Visitor, form: str, **fields: str) -> Answered:
    return visitor.post("/console/datasets", {"format": form, "what": "notes", **fields})


def authors(text: str) -> set[str]:
    return {row["creator"] for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}


def test_notes_are_downloaded_as_csv_of_some_creators_or_all(
    account: Visitor, world: tuple[Running, list[str]]
) -> None:
    """Those named, those of a group, or everyone."""
    people = world[1]
    everyone, one, group = (
        made(account, "csv"),
        made(account, "csv", creators=people[2]),
        made(account, "csv", group=GROUP),
    )
    assert authors(everyone.text) == set(people[:3])
    assert authors(one.text) == {people[2]}
    assert authors(group.text) == set(people[:2])
    assert re.fullmatch(r'attachment; filename="hongshu-notes-[0-9-]{10}\.csv"', one.headers["content-disposition"])
    assert one.headers["content-type"].startswith("text/csv")
    assert one.headers["x-content-type-options"] == "nosniff"


def test_a_time_and_a_table_can_be_chosen(account: Visitor) -> None:
    """As lines of JSON."""
    lines = [json.loads(line) for line in made(account, "jsonl", what="creators").text.splitlines()]
    assert len(lines) == 3
    assert made(account, "jsonl", since="2001-01-01", until="2001-02-01").text == ""


def test_a_data_set_is_one_archive_with_its_manifest(account: Visitor) -> None:
    """Of Parquet files, a manifest, and a dictionary."""
    sent = made(account, "dataset")
    assert sent.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(sent.raw)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert json.loads(archive.read("hongshu-dataset/manifest.json"))["rows"]["notes"] > 0
    assert any(name.endswith(".parquet") for name in names)
    assert "hongshu-dataset/dictionary.md" in names


def test_a_workbook_and_a_parquet_file_are_what_they_say(account: Visitor) -> None:
    """By their first bytes."""
    assert made(account, "xlsx").raw.startswith(b"PK")
    assert made(account, "parquet").raw.startswith(b"PAR1")


@pytest.mark.parametrize(
    ("form", "fields", "advice"),
    [
        ("exe", {}, "format is one of"),
        ("csv", {"what": "secrets"}, "what is one of"),
        ("csv", {"since": "yesterday"}, "is no date"),
        ("csv", {"since": "2026-02-01", "until": "2026-01-01"}, "lies before"),
        ("csv", {"group": "no such"}, "choose another one"),
        ("csv", {"creators": "$(reboot)"}, "line 1"),
    ],
)
def test_what_cannot_be_exported_says_why(account: Visitor, form: str, fields: dict[str, str], advice: str) -> None:
    """Nothing of what is typed reaches a shell."""
    answer = made(account, form, **fields)
    assert answer.status == 400
    assert advice in answer.plain


def test_no_file_is_left_behind(account: Visitor) -> None:
    """What was sent is gone from the machine."""
    before = set(Path(tempfile.gettempdir()).glob("hongshu-*/hongshu-notes.csv"))
    made(account, "csv")
    until = time.monotonic() + 10
    while (left := set(Path(tempfile.gettempdir()).glob("hongshu-*/hongshu-notes.csv")) - before) and (
        time.monotonic() < until
    ):
        time.sleep(0.05)  # it goes when the last byte has left
    assert left == set()


def write(path: Path) -> None:
    path.write_bytes(bytes(2000))


def is_there(path: Path) -> bool:
    return path.exists()


def a_job(**more: Any) -> Job:
    given = {
        "what": "export",
        "given": [],
        "out": "a.csv",
        "name": "a.csv",
        "media_type": "text/csv",
        "most_bytes": 1000,
        "seconds": 9.0,
        "too_large": "run: hongshu export",
    }
    return Job(**{**given, **more})


async def test_what_grows_too_large_is_ended_and_removed() -> None:
    """And the command for larger ones is named."""
    ended, seen = list[str](), list[Path]()

    async def run(given: Sequence[str], _what: str, _seconds: float) -> None:
        out = Path(next(one for one in given if one.startswith("--out=")).removeprefix("--out="))
        seen.append(out)
        write(out)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    with pytest.raises(UsageError, match="run: hongshu export"):
        await Downloads(run).made(a_job())
    assert ended == ["ended"]
    assert not is_there(seen[0].parent)


async def test_two_files_are_made_at_once_and_no_more() -> None:
    """Who comes later is told to wait; a place is free again after a failure."""
    going = asyncio.Event()

    async def run(_given: Sequence[str], _what: str, _seconds: float) -> None:
        await going.wait()
        raise HongshuError("it failed")

    downloads = Downloads(run)
    under_way = [asyncio.create_task(downloads.made(a_job())) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(ConflictError, match="wait a moment"):
        await downloads.made(a_job())
    going.set()
    assert all(isinstance(one, HongshuError) for one in await asyncio.gather(*under_way, return_exceptions=True))
    with pytest.raises(HongshuError, match="it failed"):
        await downloads.made(a_job())
