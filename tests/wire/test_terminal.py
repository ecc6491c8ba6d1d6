"""P4 of PROMISES: what people see in a terminal: readable, and never driven by what strangers wrote."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hostile
from running import SIMULATOR, environment

USER = "5c2f338a000000000701e1c6"
TITLES = [hostile.kept(one) for one in hostile.SHORT]
"""One a note."""
DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
RICHS_OWN = re.compile("\x1b\\[[0-9;]*m")


def page_of(titles: list[str]) -> dict[str, Any]:
    notes = [
        {
            "id": f"63f1a2b30000000012{number:06x}",
            "title": title,
            "create_time": 1_700_000_000 - number,
            "user": {"userid": USER},
            "type": title,
            "likes": title,
        }
        for number, title in enumerate(titles)
    ]
    return {"code": 0, "data": {"notes": notes, "has_more": False}}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory whose only source is a recorded page of hostile titles."""
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "page.json").write_text(json.dumps(page_of(list(hostile.SHORT))), encoding="utf-8")
    (tmp_path / "data").mkdir()
    config = f'[cache]\npage_size = 500\n[[source]]\nname = "captured"\nkind = "replay"\nfolder = "{folder}"\n'
    (tmp_path / "data" / "hongshu.toml").write_text(config, encoding="utf-8")
    return tmp_path / "data"


def in_a_terminal(*arguments: str, data_dir: Path) -> str:
    """What a command shows in a terminal of 200 columns."""
    ours, theirs = pty.openpty()
    env = {**environment(data_dir), "TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"}
    command = [sys.executable, "-m", "hongshu", *arguments]
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while part := read(ours):
            shown += part
        assert process.wait(30) == 0
    os.close(ours)
    return shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


def test_a_page_is_a_table_with_a_line_for_each_note(hongshu: Callable[..., Any], tmp_path: Path) -> None:
    """Every id, title and count stands whole in its line, and the way to the next page is told beside it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hongshu.toml").write_text(SIMULATOR, encoding="utf-8")
    [source] = json.loads(hongshu("source", "list", "--json").stdout)
    done = [hongshu("fetch", user, "--json") for user in source["creators"][:8]]
    pages = [json.loads(one.stdout) for one in done]
    user, page = next((user, page) for user, page in zip(source["creators"], pages, strict=False) if page["has_more"])
    shown = hongshu("fetch", f"https://www.xiaohongshu.com/user/profile/{user}?xsec_token=x")
    assert shown.returncode == 0, shown.stderr
    head, *lines = shown.stdout.splitlines()
    assert head.split() == ["published", "id", "type", "pin", "likes", "collects", "comments", "title"]
    assert len(lines) == len(page["notes"])
    for line, note in zip(lines, page["notes"], strict=True):
        assert note["id"] in line
        assert f" {note['likes']} " in line
        assert "".join(note["title"].split()[:1]) in line
        assert ("📌" in line) == note["sticky"]
    assert f"hongshu fetch {user} --cursor {page['notes'][-1]['cursor']}" in shown.stderr
    assert "\x1b" not in shown.stdout


def test_json_is_the_data_of_a_v4_answer_on_one_line(hongshu: Callable[..., Any], data_dir: Path) -> None:
    """Nothing but JSON on standard output, the recorded notes in it, control characters escaped."""
    done = hongshu("fetch", USER, "--json", data_dir=data_dir)
    data = json.loads(done.stdout)
    assert set(data) == {"notes", "tags", "has_more"}
    assert [note["title"] for note in data["notes"]] == TITLES
    assert [note["cursor"] for note in data["notes"]] == [note["id"] for note in data["notes"]]
    assert done.stdout.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f]", done.stdout)


def test_hostile_titles_are_text_where_output_is_piped(hongshu: Callable[..., Any], data_dir: Path) -> None:
    """Escape sequences, bidirectional marks and markup are shown, each note stays in its line."""
    done = hongshu("fetch", USER, data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    assert DRIVING.findall(done.stdout) == []
    assert len(done.stdout.splitlines()) == 1 + len(TITLES)
    for shown in (
        *("\\u001b]0;owned\\u0007title of the window", "\\u001b[2J\\u001b[1;31mcleared", "\\u009b31m", "\\u001b]52;c;"),
        *("[red]markup[/red] [link=https://evil.example]here[/link] [/nothing]", "\\u202egnp.exe\\u202c"),
        *("two lines", "safe\\u0008", "one\\u2028two", "\\u200b\\u200c", "plain 中文标题 👩‍👩‍👧 stays"),
    ):
        assert shown in done.stdout


def test_hostile_titles_are_text_in_a_terminal(data_dir: Path) -> None:
    """Only our own colours drive the terminal; a title brings no sequence and no markup of its own."""
    shown = in_a_terminal("fetch", USER, data_dir=data_dir)
    without_colours = RICHS_OWN.sub("", shown).replace("\r\n", "\n")
    assert DRIVING.findall(without_colours) == []
    assert set(RICHS_OWN.findall(shown)) <= {"\x1b[0m", "\x1b[1m"}
    assert "[red]markup[/red]" in without_colours
    assert "cleared" in without_colours


def test_hostile_file_names_are_text_when_captures_are_listed(hongshu: Callable[..., Any], data_dir: Path) -> None:
    """The name of a file is a stranger's text too."""
    (data_dir.parent / "captures" / "\x1b[31mred\u202e[b]name.json").write_text("{}", encoding="utf-8")
    done = hongshu("source", "check", data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    assert DRIVING.findall(done.stdout) == []
    assert "\\u001b[31mred\\u202e[b]name.json" in done.stdout


def test_hostile_arguments_and_settings_are_text_in_error_messages(hongshu: Callable[..., Any], data_dir: Path) -> None:
    """What was typed or configured comes back in one line that drives nothing."""
    hostile = "\x1b[31mred\u202e[b]x[/b]"
    named = (("fetch", hostile), ("account", "show", hostile), ("source", "check", hostile))
    for arguments in (*named, ("fetch", USER, "--cursor", hostile), ("token", "revoke", hostile)):
        done = hongshu(*arguments, data_dir=data_dir)
        assert done.returncode == 2
        assert DRIVING.findall(done.stderr) == [], arguments
    (data_dir / "hongshu.toml").write_text(f'[server]\n"{json.dumps(hostile)[1:-1]}" = 1\n', encoding="utf-8")
    done = hongshu("fetch", USER, data_dir=data_dir)
    assert done.returncode == 2
    assert DRIVING.findall(done.stderr) == []
