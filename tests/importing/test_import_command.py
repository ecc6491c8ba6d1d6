"""`hongshu import` as it is typed, and the page that says how."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from databases import open_room
from exporting import shelves
from hongshu.engine.exporting.exporter import Form
from importing.imports import Importing, a_note, a_page, a_row
from running import environment

HOWTO = Path(__file__).parents[2] / "docs/howto/import-from-other-tools.md"


@pytest.fixture
def files(tmp_path: Path) -> Importing:
    """A place for files; commands are run there."""
    (tmp_path / "data").mkdir()
    (tmp_path / "aside").mkdir()
    return Importing("sqlite", tmp_path / "aside", tmp_path / "here")


def run(files: Importing, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hongshu", "import", *arguments],
        cwd=files.folder,
        env=environment(files.folder.parent / "data"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_an_import_did_is_one_document(files: Importing) -> None:
    """Rows that are taken, repeated, and skipped; the first skipped ones are named by file and number."""
    files.lines(a_row(1), a_row(1), {"note_id": "x"}, name="rows.jsonl")
    ended = run(files, "rows.jsonl", "--json")
    told = json.loads(ended.stdout)
    assert ended.returncode == 3
    assert {name: told[name] for name in ("files", "rows", "imported", "unchanged", "skipped", "faults")} == {
        "files": 1,
        "rows": 3,
        "imported": 1,
        "unchanged": 1,
        "skipped": 1,
        "faults": 1,
    }
    assert sum(told["reasons"].values()) == 1
    assert ended.stderr.startswith("rows.jsonl, 3: ")


def test_words_for_people_tell_the_same(files: Importing) -> None:
    """A line for each count, and one for each reason."""
    files.lines(a_row(1), name="rows.jsonl")
    ended = run(files, "rows.jsonl")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"^imported +1$", ended.stdout, re.MULTILINE)
    again = run(files, "rows.jsonl")
    assert re.search(r"^imported +0\nunchanged +1$", again.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "name the files or folders to import"),
        (("nothing.jsonl",), 2, "nothing.jsonl"),
        (("rows.jsonl", "--zone", "Mars/Olympus"), 2, "is no time zone; write one such as Asia/Shanghai"),
        (("rows.jsonl", "--as-of", "soon"), 2, "is no date"),
        (("rows.jsonl", "--format", "excel"), 2, "excel"),
        (("rows.jsonl", "--format", "spider-xhs"), 1, "rows.jsonl, 1: "),
    ],
)
def test_what_cannot_be_imported_is_told_in_one_line(
    files: Importing, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """Exit status 2 for what was typed, 1 where no row was of use."""
    files.lines(a_row(1), name="rows.jsonl")
    ended = run(files, *arguments)
    assert ended.returncode == status
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_every_command_of_the_page_runs(files: Importing) -> None:
    """One after the other, with such files in place; pip is not asked."""
    files.lines(a_row(1), name="xhs_notes.jsonl")
    files.lines(a_row(2), name="media_crawler/data/xhs/jsonl/notes.jsonl")
    files.lines(a_row(3), name="datas/media_datas/notes.jsonl")
    files.table([a_row(4)], name="posts.csv")
    _a_download(files.folder / "Download/ExploreData.db")
    shelf = files.folder.parent / "shelf"
    shelf.mkdir()
    with closing(open_room("sqlite", "notes", shelf)) as room:
        shelves.fill(room)
        shelves.exported(room, files.folder / "dataset", Form.PARQUET, what=None)
    said = HOWTO.read_text(encoding="utf-8")
    commands = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", said, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) == 6
    for line in commands:
        program, verb, *arguments = line.split()
        assert (program, verb) == ("hongshu", "import")
        if "spider-xhs" in arguments:
            _a_tree(files, files.folder / "datas/media_datas")
        ended = run(files, *arguments)
        assert ended.returncode == 0, (line, ended.stdout, ended.stderr)


def _a_download(path: Path) -> None:
    import sqlite3  # noqa: PLC0415 - to make another tool's file

    names = ("采集时间", "作品ID", "作品类型", "作品标题", "作品描述", "作者ID", "作者昵称", "发布时间", "点赞数量")
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE explore_data ({', '.join(f'{name} TEXT' for name in names)})")
        row = ("2026-06-01_12:00:00", "6845d1c4000000000c03a1aa", "图文", "t", "d", "5c2f338a000000000701e1c6", "n")
        database.execute(
            "INSERT INTO explore_data VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, "2025-06-08_18:10:12", "1.2万")
        )
        database.commit()


def _a_tree(files: Importing, folder: Path) -> None:
    shutil.rmtree(folder)
    row = {
        "note_id": "6845d1c4000000000c03a1ab",
        "note_url": "https://www.xiaohongshu.com/explore/6845d1c4000000000c03a1ab",
        "note_type": "图集",
        "user_id": "5c2f338a000000000701e1c6",
        "home_url": "https://www.xiaohongshu.com/user/profile/5c2f338a000000000701e1c6",
        "nickname": "n",
        "avatar": "",
        "title": "t",
        "desc": "d",
        "liked_count": "10",
        "collected_count": "",
        "comment_count": "3",
        "share_count": "1",
        "video_cover": None,
        "video_addr": None,
        "image_list": [],
        "tags": ["a"],
        "upload_time": "2025-06-09 02:10:12",
        "ip_location": "上海",
    }
    files.file(str(folder.relative_to(files.folder) / "n_5c2f/t_6845/info.json"), json.dumps(row) + "\n")
    files.file(str(folder.relative_to(files.folder) / "n_5c2f/t_6845/detail.txt"), "t")


def test_a_page_of_another_shape_counts_as_of_the_day_that_is_named(files: Importing) -> None:
    """--as-of, in the zone that is named."""
    path = files.file("page.json", json.dumps(a_page(a_note(1))))
    ended = run(files, path.name, "--as-of", "2026-05-01", "--zone", "UTC", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["imported"]) == (0, 1)
    with closing(open_room("sqlite", "notes", files.folder.parent / "data")) as room:
        [(seen_ms,)] = room.read(lambda db: db.rows("SELECT last_seen_ms FROM notes"))
    assert seen_ms == 1_777_593_600_000
