"""`hongshu source pause|resume|list`: the operator stops asking a source, and running servers follow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from commanding import Command
from running import SIMULATOR, Running


def test_a_paused_source_is_listed_as_such_until_it_is_resumed(command: Command, data_dir: Path) -> None:
    """An unknown name is refused, with the names there are."""
    data_dir.mkdir()
    (data_dir / "hongshu.toml").write_text(SIMULATOR, encoding="utf-8")

    def paused() -> list[bool]:
        return [one["paused"] for one in command("source", "list", "--json").words]

    assert paused() == [False]
    [name] = [one["name"] for one in command("source", "list", "--json").words]
    for act, state in (("pause", True), ("pause", True), ("resume", False)):
        ended = command("source", act, name)
        assert (ended.status, ended.out) == (0, "")
        assert paused() == [state]
    ended = command("source", "pause", "nobody")
    assert (ended.status, ended.out) == (2, "")
    assert f'there is no source "nobody"; the sources are {name}' in ended.err


def test_a_running_server_follows(serve: Callable[..., Running]) -> None:
    """Within some seconds it answers 301 and says why, and when the source is resumed it collects again."""
    server = serve()
    [listed] = json.loads(server.cli("source", "list", "--json").stdout)
    source, creator = listed["name"], listed["creators"][0]

    def collected(code: int) -> str:
        end = time.monotonic() + 10
        while True:
            answer = server.page(creator, Cache_Control="no-cache")
            if answer.code == code:
                return answer.raw.decode()
            assert time.monotonic() < end, answer.raw[:300]
            time.sleep(0.1)

    collected(0)
    server.cli("source", "pause", source)
    assert f"{source}: paused until the operator resumes it" in collected(301)
    server.cli("source", "resume", source)
    collected(0)
