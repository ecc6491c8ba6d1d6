"""Reports are made in processes of their own: what they are told, what comes of them, and that none stays."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from pathlib import Path

import pytest

from delivering.posts import CREATOR
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.scheduling.making import Maker, arguments, command, file_name
from hongshu.errors import HongshuError
from hongshu.store.schedules import Order, Schedule
from waiting import eventually, eventually_some

AT_MS = 1_767_573_000_000
"""2026-01-05T08:30 in Shanghai, and the evening before in New York."""


def order(**more: object) -> Order:
    given: dict[str, object] = {
        "kind": "creator",
        "creators": (CREATOR,),
        "every": "day 09:00",
        "zone": "Asia/Shanghai",
        "channel": "all",
        "form": "html",
        "lang": "en",
        "window": "30d",
    }
    return Order(**{**given, **more})  # type: ignore[arg-type]


def a_schedule(**more: object) -> Schedule:
    return Schedule(id="sch_1", created_ms=1, order=order(**more), next_ms=1)


def a_maker(folder: Path, store: str = "sqlite") -> Maker:
    return Maker(ReportFiles(folder / "reports"), folder, store, time.time_ns)


def children() -> list[int]:
    """The processes that this one has begun and that live."""
    me = os.getpid()
    found = map(int, Path(f"/proc/{me}/task/{me}/children").read_text(encoding="ascii").split())
    return [one for one in found if b"\0report\0" in arguments_of(one)]


def arguments_of(process_id: int) -> bytes:
    return Path(f"/proc/{process_id}/cmdline").read_bytes()


async def test_making_that_is_given_up_leaves_neither_process_nor_file(tmp_path: Path) -> None:
    """The server stops: the process ends with it, and what it wrote goes."""
    making = asyncio.create_task(a_maker(tmp_path).make(a_schedule(), "dlv_1"))
    assert len(await eventually_some(children)) == 1
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    eventually(children, expected=[])
    assert ReportFiles(tmp_path / "reports").left() == []


async def test_the_address_of_the_store_is_shown_nowhere(tmp_path: Path) -> None:
    """Not among the arguments that everyone on the machine sees, and not in what is said of a failure."""
    maker = a_maker(tmp_path, "postgresql://ann:SECRET@127.0.0.1:1/db")
    making = asyncio.create_task(maker.make(a_schedule(), "dlv_1"))
    [shown] = map(arguments_of, await eventually_some(children))
    assert b"SECRET" not in shown
    with pytest.raises(HongshuError) as failed:
        await making
    assert "SECRET" not in failed.value.message
    assert "\n" not in failed.value.message


async def test_an_extra_that_lacks_is_told_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by the command itself; settings of this process mean nothing to the one that makes the report."""
    (tmp_path / "numpy.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HONGSHU_SERVER__PORT", "nonsense")
    with pytest.raises(HongshuError) as failed:
        await a_maker(tmp_path).make(a_schedule(), "dlv_1")
    assert 'pip install "hongshu[analytics]"' in failed.value.message


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, f"hongshu-creator-{CREATOR}-2026-01-05.html"),
        ({"zone": "America/New_York", "form": "xlsx"}, f"hongshu-creator-{CREATOR}-2026-01-04.xlsx"),
        ({"kind": "compare", "creators": (CREATOR, CREATOR)}, "hongshu-compare-2026-01-05.html"),
        ({"kind": "competitors", "group": "../a b/竞品\u202e"}, "hongshu-competitors-a-b-2026-01-05.html"),
        ({"kind": "competitors", "group": "竞品"}, "hongshu-competitors-2026-01-05.html"),
        ({"kind": "competitors", "group": "x" * 60}, f"hongshu-competitors-{'x' * 40}-2026-01-05.html"),
    ],
)
def test_a_file_is_named_by_what_it_is_about(more: dict[str, object], name: str) -> None:
    """In letters that every mail and file system takes; the day is the zone's."""
    assert file_name(order(**more), AT_MS) == name


def test_a_group_is_a_word_of_the_command_whatever_its_name(tmp_path: Path) -> None:
    """It is never read as an option, and the line to paste runs nothing else."""
    for group in ("--out=/etc/passwd", "$(id)", "a'; id #", "-h"):
        wanted = order(kind="competitors", creators=(), group=group)
        assert f"--group={group}" in arguments(wanted)
        assert shlex.split(command(wanted))[1:-1] == arguments(wanted)
