"""P5 of PROMISES: erasing is physical, and a backup from before brings nobody back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import stores
from commanding import run_in
from erasing.searched import ids_in, named_in
from running import environment
from upstream import Upstream, creator

CREATORS = [creator(number) for number in range(2000)]
ERASED = 200


def listed(path: Path, creators: list[str]) -> str:
    path.write_text("\n".join(creators), encoding="utf-8")
    return str(path)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A source that knows all of them."""
    made = Upstream()
    yield made
    made.close()


@pytest.mark.timeout(600)
@pytest.mark.files("a byte search of the data directory")
def test_no_byte_of_200_creators_of_2000_is_left_before_and_after_an_older_backup_is_restored(
    tmp_path: Path, upstream: Upstream
) -> None:
    """Collected, watched, grouped, backed up, erased; then the backup is restored and all 2,000 are collected again."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    data.mkdir()
    (data / "hongshu.toml").write_text(f"{upstream.source}concurrency = 16\n", encoding="utf-8")

    def done(*arguments: str, status: int = 0) -> str:
        ended = run_in(environment(data), *arguments)
        assert ended.returncode == status, (arguments, ended.stderr)
        return ended.stdout

    everyone = listed(tmp_path / "everyone.txt", CREATORS)
    gone = CREATORS[::10]
    assert len(gone) == ERASED
    these = listed(tmp_path / "these.txt", gone)
    done("collect", "--from", everyone, "--json")
    done("watch", "add", "--from", these, "--group", "dear")
    done("backup", str(backup))
    about = {
        note
        for (note,) in stores.run(
            data, "notes", f"SELECT id FROM notes WHERE creator IN ({', '.join('?' * len(gone))})", *gone
        )
    }
    assert len(named_in(data, gone)) == ERASED
    assert about <= ids_in(data)

    told = json.loads(done("erase", "--from", these, "--json"))
    assert (told["erased"], told["left"], told["log_empty"]) == (ERASED, [], True)
    assert told["rows"]["notes"] == len(about)
    assert named_in(data, [*gone, *about]) == set()

    done("restore", str(backup), "--replace")
    assert named_in(data, [*gone, *about]) == set()
    again = done("collect", "--from", everyone, "--json")
    assert json.loads(again.splitlines()[-1])["creators"] == len(CREATORS) - ERASED
    assert named_in(data, [*gone, *about]) == set()
    assert len(named_in(data, CREATORS)) == len(CREATORS) - ERASED
