"""`hongshu fetch` and `hongshu source` beside each other."""

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


def test_a_page_that_nobody_recorded_fails_with_a_reason(hongshu: Hongshu, data_dir: Path) -> None:
    """Exit status 1, and the reason names the source."""
    write_capture(data_dir, note(0))
    ended = hongshu("fetch", "a" * 24)
    assert ended.returncode == 1
    assert "mine: this page was not recorded" in ended.stderr


def test_source_list_names_the_sources_in_order(hongshu: Hongshu, data_dir: Path) -> None:
    """A simulator also names its creators."""
    write_capture(data_dir, note(0))
    with (data_dir / "hongshu.toml").open("a", encoding="utf-8") as file:
        file.write(SIMULATOR)
    mine, simulator = json.loads(hongshu("source", "list", "--json").stdout)
    assert (mine["name"], mine["kind"], mine["healthy"], mine["paused"]) == ("mine", "replay", True, False)
    assert mine["creators"] == [USER]
    assert len(simulator["creators"]) == 200
