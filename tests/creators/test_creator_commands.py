"""`hongshu creator`, `hongshu coverage`, and lists given to `hongshu collect`, as they are typed."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from running import run_quick

ONE, TWO = "5c2f338a000000000701e1c6", "65078e170000000090a7d847"
WORLD = '[[source]]\nname = "sim"\nkind = "simulator"\nseed = 7\nat = "2026-01-01T00:00:00Z"\ncall_cost = 10\n'
Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """Type a command in a data directory with one simulator whose clock stands."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "hongshu.toml").write_text(WORLD, encoding="utf-8")
    return lambda *arguments: run_quick(*arguments, data_dir=data)


def words(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def a_workbook(path: Path, rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_list_is_collected_and_shown(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"name,creator\na,{ONE}\nb,{TWO}\n", encoding="utf-8")
    assert words(typed("collect", "--from", str(tmp_path / "list.csv"), "--json"))["complete"] == 2
    listed = {one["creator"]: one for one in words(typed("creator", "list", "--json"))}
    assert listed.keys() == {ONE, TWO}
    assert all(one["complete"] and one["notes"] > 0 and one["nickname"] for one in listed.values())
    [whole] = words(typed("coverage", ONE, "--json"))
    assert (whole["from"], whole["state"], whole["to"][-1]) == (None, "complete", "Z")
    assert {one["creator"]: len(one["coverage"]) for one in words(typed("coverage", "--json"))} == {ONE: 1, TWO: 1}


def test_what_was_not_reached_is_told_as_partial(typed: Typed) -> None:
    ended = typed("collect", TWO, "--max-calls", "2", "--json")
    assert ended.returncode == 3, ended.stderr
    newest, rest = words(typed("coverage", TWO, "--json"))
    assert (newest["state"], rest["state"]) == ("complete", "partial")
    assert newest["from"] == rest["to"]
    assert rest["from"] is None


def test_bad_lines_stop_a_run_before_anything_is_sent(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{ONE}\nnobody\n", encoding="utf-8")
    ended = typed("collect", "--from", str(path))
    assert ended.returncode == 2
    assert 'line 2: "nobody"' in ended.stderr
    assert words(typed("batch", "list", "--json")) == []
    assert words(typed("collect", "--from", str(path), "--skip-bad-lines", "--json"))["creators"] == 1


def test_a_group_is_collected_as_a_whole(typed: Typed, tmp_path: Path) -> None:
    book = a_workbook(
        tmp_path / "group.xlsx", [["博主", "备注"], [ONE, 1], [f"看 www.xiaohongshu.com/user/profile/{TWO}", 2]]
    )
    assert words(typed("creator", "group", "--from", str(book), "--add", "rivals", "--json"))["members"] == 2
    assert words(typed("creator", "group", TWO, "--remove", "rivals", "--json"))["members"] == 1
    assert words(typed("creator", "groups", "--json")) == [{"group": "rivals", "members": 1}]
    assert words(typed("collect", "--group", "rivals", "--json"))["creators"] == 1
    [one] = words(typed("creator", "list", "--group", "rivals", "--json"))
    assert (one["creator"], one["groups"]) == (ONE, ["rivals"])
    ended = typed("collect", "--group", "nobodies")
    assert (ended.returncode, "no members" in ended.stderr) == (2, True)


PROFILES = f"""creator,nickname,followers,as_of,price,currency
{ONE},甲,"1,200",2026-01-01,5000.50,CNY
https://www.xiaohongshu.com/user/profile/{TWO},,3.1万,2026-01-02T00:00:00+08:00,,
{TWO},乙,many,2026-01-03,,
{TWO},乙,1,,,
{TWO},乙,1,2026-01-03,7,
"""


def test_followers_and_prices_are_imported_row_by_row(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "profiles.csv"
    path.write_text(PROFILES, encoding="utf-8-sig")
    ended = typed("creator", "import", str(path), "--json")
    assert ended.returncode == 3
    told = json.loads(ended.stdout)
    assert (told["rows"], told["imported"], told["unchanged"], told["skipped"]) == (5, 2, 0, 3)
    assert "line 4" in ended.stderr
    assert json.loads(typed("creator", "import", str(path), "--json").stdout)["unchanged"] == 2
    shown = words(typed("creator", "show", ONE, "--json"))
    assert shown["profiles"] == [
        {
            "as_of": "2026-01-01T00:00:00Z",
            "nickname": "甲",
            "followers": 1200,
            "price": "5000.5",
            "currency": "CNY",
            "source": "import:profiles",
        }
    ]
    [two] = words(typed("creator", "show", TWO, "--json"))["profiles"]
    assert (two["followers"], two["as_of"]) == (31_000, "2026-01-01T16:00:00Z")


def test_a_later_import_of_the_same_time_replaces(typed: Typed, tmp_path: Path) -> None:
    for followers in (1, 2):
        book = a_workbook(tmp_path / "p.xlsx", [["Creator", "Followers", "As_of"], [ONE, followers, "2026-01-01"]])
        assert words(typed("creator", "import", str(book), "--json"))["imported"] == 1
    assert [one["followers"] for one in words(typed("creator", "show", ONE, "--json"))["profiles"]] == [2]


def a_bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(64):
                part.write(bytes(1024 * 1024))
    return path


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 cut off", "damaged"),
        (b"\xff\xff\xfe\x00\x81", "no text"),
        (b"", "nobody is named"),
        (b"who,what\n1,2\n", "name nobody"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_one_line(typed: Typed, tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    ended = typed("collect", "--from", str(path))
    assert ended.returncode == 2
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_workbook_that_unpacks_to_too_much_is_refused(typed: Typed, tmp_path: Path) -> None:
    ended = typed("collect", "--from", str(a_bomb(tmp_path / "bomb.xlsx")))
    assert (ended.returncode, "unpacks to more" in ended.stderr) == (2, True)


def test_a_zip_file_that_is_no_workbook_is_refused(typed: Typed, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as other:
        other.writestr("a.txt", "x")
    (tmp_path / "a.xlsx").write_bytes(packed.getvalue())
    ended = typed("creator", "import", str(tmp_path / "a.xlsx"))
    assert (ended.returncode, "no .xlsx workbook" in ended.stderr) == (2, True)


def test_a_plan_sends_nothing(typed: Typed) -> None:
    plan = words(typed("collect", ONE, TWO, "--plan", "--json"))
    assert (plan["creators"], plan["known"], plan["calls"], plan["spend"]) == (2, 0, 10, 100)
    assert words(typed("batch", "list", "--json")) == []
    words(typed("collect", ONE, TWO, "--json"))
    after = words(typed("collect", ONE, TWO, "--plan", "--json"))
    assert (after["known"], after["least_calls"]) == (2, 2)


def test_a_batch_is_listed_shown_and_cancelled(typed: Typed) -> None:
    ended = typed("collect", ONE, TWO, "--max-calls", "1", "--json")
    done = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, done["event"], done["state"], done["calls"]) == (3, "done", "partial", 1)
    failed = Path(done["failed_file"]).read_text(encoding="utf-8")
    assert ONE in failed
    assert TWO in failed
    assert words(typed("collect", "--from", done["failed_file"], "--plan", "--json"))["creators"] == 2
    shown = words(typed("batch", "show", done["batch"], "--json"))
    assert {one["why"] for one in shown["targets"]} == {"not reached yet"}
    assert words(typed("batch", "cancel", done["batch"], "--json"))["state"] == "cancelled"
    ended = typed("collect", "--resume", done["batch"])
    assert (ended.returncode, "was cancelled" in ended.stderr) == (2, True)
    assert typed("collect", "--resume", "bat_none").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("collect",),
        ("collect", "nobody"),
        ("collect", ONE, "--max-calls", "0"),
        ("collect", ONE, "--since", "yesterday"),
        ("collect", ONE, "--resume", "bat_1"),
        ("creator", "group", ONE),
        ("creator", "group", ONE, "--add", "\n"),
        ("coverage", "nobody"),
        ("batch", "list", "--limit", "0"),
    ],
)
def test_a_command_that_cannot_be_carried_out_says_so_in_one_line(typed: Typed, arguments: tuple[str, ...]) -> None:
    ended = typed(*arguments)
    assert ended.returncode == 2, ended.stdout
    assert ended.stderr.startswith("hongshu: ")
    assert ended.stderr.count("\n") == 1


def test_without_a_source_nothing_is_tried(tmp_path: Path) -> None:
    ended = run_quick("collect", ONE, data_dir=tmp_path)
    assert (ended.returncode, "add one under [[source]]" in ended.stderr) == (2, True)
