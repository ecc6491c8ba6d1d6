"""`hongshu backup` and `hongshu restore`, beside a server that goes on serving."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from databases import Postgres
from running import SIMULATOR, Running, environment, run_hongshu

USER = "5d0000000000000000000c01"


def words(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_from_backup_to_a_server_on_another_machine(
    serve: Callable[..., Running], tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """The settings come along where there are none; tokens work, pages are at hand, the ledger is whole."""
    config = SIMULATOR
    if kind == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        config = f'store = "{postgres.new_database()}"\n{SIMULATOR}'
    server = serve(config)
    served = server.page(USER)
    taken = words(server.cli("backup", str(tmp_path / "b"), "--json"))
    assert (taken["accounts"], taken["notes"]) == (1, len(served.notes))
    assert taken["store"] == kind
    drilled = words(server.cli("restore", str(tmp_path / "b"), "--drill", "--json"))
    assert drilled["ok"] is True
    refused = server.cli("restore", str(tmp_path / "b"), "--replace")
    assert (refused.returncode, "stop" in refused.stderr) == (2, True), refused.stderr
    assert server.page(USER).code == 0
    server.stop()
    other = tmp_path / "other"
    if kind == "sqlite":
        told = words(run_hongshu("restore", str(tmp_path / "b"), "--json", data_dir=other))
        assert (other / "hongshu.toml").read_text() == (server.data_dir / "hongshu.toml").read_text()
    else:
        told = words(server.cli("restore", str(tmp_path / "b"), "--replace", "--json"))
        other = server.data_dir
        assert "schema hongshu_money_before_" in str(told["aside"])
    assert told["data_dir"] == str(other)
    again = serve(config, name=other.name)
    answer = again.get(f"/api/xiaohongshu/get-user-note-list/v4?token={server.token}&userId={USER}")
    assert (answer.code, answer.headers["X-Hongshu-Cache"]) == (0, "hit")
    assert json.loads(again.cli("ledger", "verify", "--json").stdout)["ok"]


def test_what_may_not_be_said_so_and_nothing_is_made(tmp_path: Path, hongshu: Callable[..., object]) -> None:
    """Each with what to do next, and exit status 1 or 2."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    cases = [
        (("backup",), "[backup] folder"),
        (("backup", "--list"), "[backup] folder"),
        (("backup", str(tmp_path / "full")), "name a folder that is not"),
        (("restore", str(tmp_path / "nowhere")), "no complete backup"),
        (("restore", str(tmp_path / "full"), "--drill", "--replace"), "leave --replace out"),
        (("backup", "/proc/nothing/here"), "cannot be written"),
    ]
    for arguments, said in cases:
        done = run_hongshu(*arguments, data_dir=tmp_path / "data")
        assert done.returncode in {1, 2}, arguments
        assert said in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["x"]


def test_the_folder_of_the_settings(tmp_path: Path) -> None:
    """A relative one lies in the data directory; so many are kept."""
    env = {"HONGSHU_BACKUP__FOLDER": "kept", "HONGSHU_BACKUP__KEEP": "2"}
    for _ in range(3):
        taken = words(run_hongshu("backup", "--json", data_dir=tmp_path / "data", env=env))
        time.sleep(1.0)  # they are named by their second
    listed = json.loads(run_hongshu("backup", "--list", "--json", data_dir=tmp_path / "data", env=env).stdout)
    assert len(listed) == 2
    assert listed[0] == taken
    assert str(taken["path"]).startswith(str(tmp_path / "data" / "kept"))


def test_one_that_is_killed_is_none(tmp_path: Path) -> None:
    """At any moment: there is a whole one or none, and what is left says what to do."""
    data = tmp_path / "data"
    run_hongshu("account", "create", "a", "--balance", "5", data_dir=data)
    began, whole = time.monotonic(), 0
    assert run_hongshu("backup", str(tmp_path / "measured"), data_dir=data).returncode == 0
    needed = time.monotonic() - began
    for number in range(6):
        place = tmp_path / f"b{number}"
        child = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "backup", str(place)],
            env=environment(data),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(needed * (number + 1) / 7)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if place.exists():
            whole += 1
            assert words(run_hongshu("restore", str(place), "--drill", "--json", data_dir=data))["entries"] == 1
        else:
            again = run_hongshu("backup", str(place), data_dir=data)
            assert again.returncode == 0 or f"remove {tmp_path}/.b{number}.partial" in again.stderr
    assert whole < 6


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run_hongshu("account", "create", "a", "--balance", "5", data_dir=data)
    body = os.urandom(2_000_000)
    name = hashlib.sha256(body).hexdigest()
    cover = data / "covers" / name[:2] / f"{name}.jpg"
    cover.parent.mkdir(parents=True)
    cover.write_bytes(body)
    run_hongshu("batch", "list", data_dir=data)
    done = subprocess.run(
        [sys.executable, "-m", "hongshu", "backup", str(tmp_path / "b")],
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    assert done.returncode == 1
    assert "disk" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
