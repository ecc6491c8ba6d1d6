"""`hongshu fetch` and `hongshu source`, and text from notes that tries to drive the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from running import SIMULATOR

Hongshu = Callable[..., CompletedProcess[str]]

USER = "5c2f338a000000000701e1c6"
HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202eback\u2066 [red]markup[/red] \u200b\x9b2J 你好 👩‍🍳"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def note(number: int, **members: Any) -> dict[str, Any]:
    identifier = f"{0x65000000 - number * 1000:08x}0000000000000001"
    return {"id": identifier, "title": "t", "type": "normal", "create_time": 0x65000000 - number * 1000, **members}


def write_capture(data_dir: Path, *notes: dict[str, Any], name: str = "page.json") -> None:
    captures = data_dir / "captures"
    captures.mkdir(exist_ok=True)
    body = {"code": 0, "data": {"notes": [{**one, "user": {"userid": USER}} for one in notes], "has_more": False}}
    (captures / name).write_text(json.dumps(body), encoding="utf-8")
    (data_dir / "hongshu.toml").write_text(
        '[[source]]\nname = "mine"\nkind = "replay"\nfolder = "captures"\n', encoding="utf-8"
    )


def test_a_page_is_a_readable_table(hongshu: Hongshu, data_dir: Path) -> None:
    """Data goes to standard output; what to do next goes to standard error."""
    (data_dir / "hongshu.toml").write_text(SIMULATOR, encoding="utf-8")
    shown = hongshu("fetch", f"https://www.xiaohongshu.com/user/profile/{USER}?x=1")
    assert shown.returncode == 0
    assert "published" in shown.stdout.splitlines()[0]
    assert "notes as of" in shown.stderr


def test_json_is_the_page_as_v4_data_and_may_be_recorded(hongshu: Hongshu, data_dir: Path, tmp_path: Path) -> None:
    """What `fetch --json` printed can be served again by a replay source."""
    (data_dir / "hongshu.toml").write_text(SIMULATOR, encoding="utf-8")
    page = json.loads(hongshu("fetch", USER, "--json").stdout)
    assert set(page) == {"notes", "tags", "has_more"}
    other = tmp_path / "other"
    write_capture(data_dir, name="unused.json")
    (data_dir / "captures" / "unused.json").write_text(json.dumps(page), encoding="utf-8")
    other.mkdir()
    (other / "hongshu.toml").write_text(
        f"[[source]]\nname = 'mine'\nkind = 'replay'\nfolder = '{data_dir / 'captures'}'\n", encoding="utf-8"
    )
    assert json.loads(hongshu("fetch", USER, "--json", data_dir=other).stdout) == page


def test_hostile_titles_are_shown_not_obeyed(hongshu: Hongshu, data_dir: Path) -> None:
    """Escape sequences, bidi marks and markup come out as text."""
    write_capture(data_dir, note(0, title=HOSTILE), note(1, title="ok", type=HOSTILE))
    shown = hongshu("fetch", USER)
    assert shown.returncode == 0, shown.stderr
    for sign in ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b"):
        assert sign not in shown.stdout + shown.stderr
    assert "[red]markup[/red]" in shown.stdout
    assert "\\u001b[31mred" in shown.stdout
    assert "你好 👩‍🍳" in shown.stdout


def test_a_page_that_nobody_recorded_fails_with_a_reason(hongshu: Hongshu, data_dir: Path) -> None:
    """Exit status 1, and the reason names the source."""
    write_capture(data_dir, note(0))
    ended = hongshu("fetch", "a" * 24)
    assert ended.returncode == 1
    assert "mine: this page was not recorded" in ended.stderr


def test_source_check_lists_every_file_taken_or_refused_and_why(
    hongshu: Hongshu, samples: Path, data_dir: Path
) -> None:
    """The folder of real captures: what is a page of one creator is taken, the rest is refused with its reason."""
    (data_dir / "hongshu.toml").write_text(
        f"[[source]]\nname = 'real'\nkind = 'replay'\nfolder = '{samples}'\n", encoding="utf-8"
    )
    [checked] = json.loads(hongshu("source", "check", "--json").stdout)
    files = {file["file"]: file for file in checked["files"]}
    assert set(files) == {path.name for path in samples.iterdir()}
    taken = {name for name, file in files.items() if file["taken"]}
    assert taken == {
        "app_user_posted_2023-05_page1.anon.json",
        "joa_v2_v4_user_excerpts_2025-11.anon.json",
        "joa_v4_docs_example.anon.json",
        "web_profile_state_2023-10_small_user_last_page.anon.json",
        "web_user_posted_2023-10_snapshot1.anon.json",
    }
    assert all(file["why"] for name, file in files.items() if name not in taken)
    assert "10 creators" in files["web_collect_page_2024-11-06_p1.anon.json"]["why"]
    assert "a block" in files["web_profile_shell_no_notes_2024-11.anon.html"]["why"]


def test_source_list_names_the_sources_in_order(hongshu: Hongshu, data_dir: Path) -> None:
    """A simulator also names its creators."""
    write_capture(data_dir, note(0))
    with (data_dir / "hongshu.toml").open("a", encoding="utf-8") as file:
        file.write(SIMULATOR)
    mine, simulator = json.loads(hongshu("source", "list", "--json").stdout)
    assert (mine["name"], mine["kind"], mine["healthy"], mine["paused"]) == ("mine", "replay", True, False)
    assert mine["creators"] == [USER]
    assert len(simulator["creators"]) == 200
