"""The systemd units: verified by systemd itself, and held against what hongshu needs and does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploying.front import program
from deploying.typed import ROOT, refused, settings
from hongshu.server.run import LONGEST_STOP_SECONDS
from needed import leave_out
from running import SIMULATOR, Running, environment, run_hongshu

FOLDER = ROOT / "deploy" / "systemd"
UNITS = ("hongshu.service", "hongshu-worker@.service")
INSTALLED = "/opt/hongshu/bin/hongshu"
HIGHEST_EXPOSURE = 20
"""In tenths, of 10.0; systemd calls what is below 2.0 well kept."""


def text_of(unit: str) -> str:
    return (FOLDER / unit).read_text(encoding="utf-8")


def lines_of(unit: str) -> dict[str, list[str]]:
    """The values of each key of a unit."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in re.findall(r"^(\w+)=(.*)$", text_of(unit), flags=re.MULTILINE):
        found[key].append(value)
    return dict(found)


def installed(unit: str, folder: Path) -> Path:
    """A unit whose program lies where it is to be found, as one that somebody could start."""
    stand_in = folder / "hongshu"
    stand_in.write_text("#!/bin/sh\n", encoding="utf-8")
    stand_in.chmod(0o755)
    path = folder / unit.replace("@.", "@1.")
    path.write_text(text_of(unit).replace(INSTALLED, str(stand_in)), encoding="utf-8")
    return path


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, unit: str) -> None:
    """Every key is known, every value is understood, what is started is there."""
    verified = analyzed("verify", "--man=no", str(installed(unit, tmp_path)))
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_systemd_would_find_a_misspelt_line(tmp_path: Path) -> None:
    """The check above has teeth."""
    path = installed(UNITS[0], tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("ProtectHome=", "ProtectHomes="), encoding="utf-8")
    assert "ProtectHomes" in analyzed("verify", "--man=no", str(path)).stderr


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_leaves_little_open(tmp_path: Path, unit: str) -> None:
    """By systemd's own reckoning of what a service could do to the machine."""
    path = installed(unit, tmp_path)
    checked = analyzed("security", "--no-pager", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", str(path))
    if "unrecognized option" in checked.stderr:
        leave_out("this systemd cannot weigh units that are not installed; version 251 can")
    assert checked.returncode == 0, checked.stdout[-300:] + checked.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_what_a_unit_starts_and_sets_is_known_to_hongshu(unit: str) -> None:
    """Commands are taken by the command line; the data directory is the one that systemd makes for this user alone."""
    lines = lines_of(unit)
    for line in [*lines["ExecStart"], *lines["ExecStartPre"]]:
        assert line.split()[0] == INSTALLED
        assert refused(line.split()[1:]) == ""
    given = dict(line.split("=", 1) for line in lines["Environment"])
    assert str(settings(given).data_dir) == f"/var/lib/{lines['StateDirectory'][0]}"
    assert (lines["StateDirectoryMode"], lines["UMask"]) == (["0700"], ["0077"])
    assert lines["User"] == lines["Group"] == ["hongshu"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_gives_the_time_to_finish_and_starts_again(unit: str) -> None:
    """Later than the server kills its own workers; a start may migrate for an hour; a store that is away is retried."""
    lines = lines_of(unit)
    assert int(lines["TimeoutStopSec"][0]) > LONGEST_STOP_SECONDS
    assert int(lines["TimeoutStartSec"][0]) > 3600
    assert (lines["KillMode"], lines["KillSignal"]) == (["mixed"], ["SIGTERM"])
    assert (lines["Restart"], lines["StartLimitIntervalSec"]) == (["on-failure"], ["0"])


def test_the_two_units_differ_in_what_they_start_only() -> None:
    """Both are kept as well."""
    server, worker = map(lines_of, UNITS)
    assert {key for key in server if server[key] != worker.get(key)} == {"Description", "ExecStart"}
    assert set(server) == set(worker)


def calls_of(group: str) -> set[str]:
    """The system calls of a group of systemd's, with those of the groups in it."""
    words = [line.strip() for line in analyzed("syscall-filter", group).stdout.splitlines()[1:]]
    names = {one for one in words if one and one[0] not in "@#"}
    return names.union(*(calls_of(one) for one in words if one.startswith("@")))


def under_strace(counts: Path, *arguments: str) -> list[str]:
    """A command of hongshu, with whose system calls a file is filled when it and its children have ended."""
    return [program("strace"), "-f", "-qq", "-c", "-o", str(counts), sys.executable, "-m", "hongshu", *arguments]


def counted(counts: Path) -> set[str]:
    lines = [line.split() for line in counts.read_text(encoding="utf-8").splitlines()[2:]]
    return {line[-1] for line in lines if line and line[-1].isidentifier() and line[-1] != "total"}


@contextmanager
def serving(counts: Path, data_dir: Path) -> Iterator[str]:
    """Serve under strace; the address."""
    process = subprocess.Popen(
        under_strace(counts, "serve", "--port", "0"),
        env=environment(data_dir),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    with process, process.stderr:
        found = next((at for line in process.stderr if (at := re.search(r"serving at (http://\S+)", line))), None)
        if found is None:
            leave_out("strace may not look at other processes here")
        try:
            yield found[1]
        finally:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
            os.kill(int(children[0]), signal.SIGTERM)
    assert process.returncode == 0


def test_hongshu_makes_no_system_call_that_the_units_forbid(tmp_path: Path) -> None:
    """A server that answers, and commands that collect, report and back up: all they ask of the kernel is allowed."""
    allowed, *less = lines_of(UNITS[0])["SystemCallFilter"]
    assert [one[:2] for one in less] == ["~@"]
    permitted = calls_of(allowed) - calls_of(less[0].removeprefix("~"))
    assert {"execve", "setpriority", "fdatasync"} <= permitted
    assert "chown" not in permitted
    data, counts = tmp_path / "data", tmp_path / "calls"
    data.mkdir()
    (data / "hongshu.toml").write_text(SIMULATOR, encoding="utf-8")
    run_hongshu("account", "create", "test", "--balance", "1000", data_dir=data)
    made = json.loads(run_hongshu("token", "create", "--account", "test", "--json", data_dir=data).stdout)
    [source] = json.loads(run_hongshu("source", "list", "--json", data_dir=data).stdout)
    creator = source["creators"][0]
    with serving(counts, data) as address:
        server = Running(address, data, None, made["token"])  # type: ignore[arg-type]
        assert server.page(creator).code == 0
        assert {server.get(path).status for path in ("/docs", "/metrics", "/console/sign-in")} == {200}
    asked = counted(counts)
    assert {"listen", "fdatasync"} <= asked
    for arguments in (
        ("collect", creator),
        ("report", "creator", creator, "--out", str(tmp_path / "a.html")),
        ("backup", str(tmp_path / "backup")),
    ):
        subprocess.run(
            under_strace(counts, *arguments), env=environment(data), check=True, capture_output=True, timeout=120
        )
        asked |= counted(counts)
    of_root = {"fchown"} if os.geteuid() == 0 else set()  # by SQLite, for root only
    assert asked - permitted - of_root == set()
