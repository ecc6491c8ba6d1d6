"""Exports at the console: made, downloaded, and bounded."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import signal
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from console.looked import GROUP, a_server, stored
from console.visiting import Answered, Visitor, signed_in
from hongshu.errors import ConflictError, HongshuError, OverloadedError, UsageError
from hongshu.server.console.downloads import AT_ONCE, Downloads, Job, remove_abandoned
from hongshu.store import creators
from running import Running
from waiting import eventually


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
    before = set(Path(tempfile.gettempdir()).glob("hongshu-file-*/hongshu-notes.csv"))
    made(account, "csv")
    until = time.monotonic() + 10
    while (left := set(Path(tempfile.gettempdir()).glob("hongshu-file-*/hongshu-notes.csv")) - before) and (
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


async def test_some_files_are_made_at_once_and_no_more() -> None:
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


async def written(given: Sequence[str], _what: str, _seconds: float) -> None:
    write(Path(next(one for one in given if one.startswith("--out=")).removeprefix("--out=")))


async def silent() -> dict[str, Any]:
    return await asyncio.Event().wait() or {}


async def test_a_place_is_free_when_its_file_was_sent_and_not_before() -> None:
    """However slow its reader is; whoever hangs up gives it back."""
    taken, hung_up = asyncio.Event(), asyncio.Event()

    async def send(_: Any) -> None:
        await taken.wait()

    async def left() -> dict[str, Any]:
        await hung_up.wait()
        return {"type": "http.disconnect"}

    downloads = Downloads(written)
    made = [await downloads.made(a_job(most_bytes=10_000)) for _ in range(AT_ONCE)]
    readers = [asyncio.create_task(one({"type": "http"}, left, send)) for one in made]
    await asyncio.sleep(0)
    with pytest.raises(ConflictError, match="made or sent already"):
        await downloads.made(a_job(most_bytes=10_000))
    hung_up.set()
    taken.set()
    await asyncio.gather(*readers, return_exceptions=True)
    again = await downloads.made(a_job(most_bytes=10_000))
    await again({"type": "http"}, silent, _taken)


async def _taken(_: Any) -> None:
    return None


async def test_who_stops_makes_no_files_and_waits_for_no_slow_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of either."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def slow(_given: Sequence[str], _what: str, _seconds: float) -> None:
        await asyncio.sleep(60)

    async def send(_: Any) -> None:
        await asyncio.sleep(60)

    sending, making = Downloads(written), Downloads(slow)
    download = await sending.made(a_job(most_bytes=10_000))
    reader = asyncio.create_task(download({"type": "http"}, silent, send))
    maker = asyncio.create_task(making.made(a_job()))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(asyncio.gather(sending.stop(0.1), making.stop(0.1)), 10)
    with pytest.raises(OverloadedError, match="is stopping"):
        await maker
    with pytest.raises(OverloadedError, match="is stopping"):
        await making.made(a_job())
    await asyncio.gather(reader, return_exceptions=True)
    assert folders(tmp_path) == []


async def test_folders_of_who_was_killed_are_removed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = await Downloads(written).made(a_job(most_bytes=10_000))
    abandoned(tmp_path)
    remove_abandoned()
    assert len(folders(tmp_path)) == 2, "one in use, and one of somebody else"
    await made({"type": "http"}, silent, _taken)
    assert [one.name for one in folders(tmp_path)] == ["hongshu-file-another's"]


def abandoned(folder: Path) -> None:
    for name, file in (("hongshu-file-killed", ".lock"), ("hongshu-file-another's", "a file")):
        (folder / name).mkdir()
        (folder / name / file).touch()


def folders(folder: Path) -> list[Path]:
    return list(folder.glob("hongshu-file-*"))


SLOW = """
import sys, time
from importlib.abc import MetaPathFinder

class Slow(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "hongshu.cli.main":
            time.sleep(60)

if "export" in sys.orig_argv:
    sys.meta_path.insert(0, Slow())
"""
"""Lets the command that exports take a minute."""


def ending_while_a_file_is_made(
    serve: Callable[..., Running], folder: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[[Running], None]
) -> tuple[Answered | None, float, list[str]]:
    """Return what whoever asked for a file was answered, how long the end took, and which commands still run."""
    (folder / "late").mkdir()
    (folder / "late" / "sitecustomize.py").write_text(SLOW, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder / "late"))
    monkeypatch.setenv("TMPDIR", str(folder))
    server = serve()
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    fields = {"format": "csv", "what": "notes", "form_key": visitor.form_key()}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(visitor.send, "/console/datasets", fields)
        eventually(lambda: len(folders(folder)) and len(running(folder)), 1)
        began = time.monotonic()
        end(server)
        server.process.wait(60)
        seconds = time.monotonic() - began
        answer = None if asked.exception() else asked.result()
    eventually(lambda: running(folder), [])
    return answer, seconds, running(folder)


def running(folder: Path) -> list[str]:
    """Return the commands that write into a folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"--out={folder}" in line:
            found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes as Linux tells them")
def test_a_stop_waits_for_no_file(
    serve: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked for it is told; neither its command nor its folder is left."""
    answer, seconds, left = ending_while_a_file_is_made(
        serve, tmp_path, monkeypatch, lambda server: server.process.send_signal(signal.SIGTERM)
    )
    assert answer is not None
    assert (answer.status, "the server is stopping" in answer.plain) == (503, True)
    assert seconds < 20
    assert left == []
    assert folders(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes as Linux tells them")
def test_a_command_ends_with_a_server_that_is_killed(
    serve: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one to start removes the folder."""

    def kill(server: Running) -> None:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text(encoding="ascii")
        for one in (server.process.pid, *map(int, children.split())):
            os.kill(one, signal.SIGKILL)

    _, _, left = ending_while_a_file_is_made(serve, tmp_path, monkeypatch, kill)
    assert left == []
    assert len(folders(tmp_path)) == 1
    serve(name="next")
    assert folders(tmp_path) == []
