"""What one installs: the same bytes from the same sources, and all of it without a network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from running import environment

ROOT = Path(__file__).parents[2]
BUILD = (
    "import os, sys; os.umask(int(sys.argv[1], 8)); from flit_core import buildapi as b;"
    " print(b.build_sdist(sys.argv[2])); print(b.build_wheel(sys.argv[2]))"
)
EPOCH = "1767225600"
PACKED = ("src", "docs", "requirements")
FILES = ("pyproject.toml", "README.md", "README.zh.md", "CHANGELOG.md", "LICENSE")
ALONE = ("unshare", "--map-root-user", "--net")
"""Runs a command in a network of its own, with nobody in it."""


def sources(folder: Path, *, touched: int, mode: int) -> Path:
    """A copy of the sources whose files have other times and rights."""
    ignored = shutil.ignore_patterns("__pycache__", "screens", "tutorials")
    for name in PACKED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    for one in folder.rglob("*"):
        if one.is_file():
            one.chmod(mode)
        os.utime(one, (touched, touched))
    return folder


def built(folder: Path, to: Path, umask: str) -> dict[str, str]:
    """Build both forms; tell the hash of each file."""
    to.mkdir()
    subprocess.run(
        [sys.executable, "-I", "-c", BUILD, umask, str(to)],
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        check=True,
        capture_output=True,
        timeout=120,
    )
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in to.iterdir()}


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """Whenever, wherever and by whom: and the wheel of the sdist is the wheel of the tree."""
    one = built(sources(tmp_path / "one", touched=1_700_000_000, mode=0o644), tmp_path / "a", "022")
    other = built(sources(tmp_path / "other", touched=1_750_000_000, mode=0o600), tmp_path / "b", "077")
    assert one == other
    assert sorted(name.rpartition(".")[2] for name in one) == ["gz", "whl"]
    [packed] = (tmp_path / "a").glob("*.tar.gz")
    shutil.unpack_archive(packed, tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    [wheel] = [name for name in one if name.endswith(".whl")]
    assert built(unpacked, tmp_path / "c", "022")[wheel] == one[wheel]
    assert (unpacked / "docs/quickstart.md").is_file()


def test_make_dist_builds_both(tmp_path: Path) -> None:
    """The target that the contributing page names, with the time that it is given."""
    if shutil.which("make") is None or not (ROOT / ".venv/core.stamp").is_file():
        pytest.skip("this is no set-up by make")
    command = ["make", "--no-print-directory", "dist", f"DIST={tmp_path}", f"SOURCE_DATE_EPOCH={EPOCH}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    assert sorted(done.stdout.split()) == sorted(one.name for one in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 2


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(one) for one in command],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        env={**environment(Path(env["HOME"])), **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_core_install_from_wheels_needs_no_network(tmp_path: Path) -> None:
    """Into an empty folder, in a network with nobody in it; the command works there, and so does the client."""
    if sys.platform != "linux" or subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network of one's own can be made here")
    base, wheels, home = Path(sys._base_executable), tmp_path / "wheels", tmp_path / "home"
    home.mkdir()
    built(sources(tmp_path / "tree", touched=1_700_000_000, mode=0o644), wheels, "022")
    fetch = (base, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--require-hashes")
    subprocess.run(
        [*map(str, fetch), "-r", str(ROOT / "requirements/core.txt"), "-d", str(wheels)], check=True, timeout=280
    )
    run(base, "-m", "venv", "--without-pip", tmp_path / "venv", HOME=str(home))
    python = tmp_path / "venv/bin/python"
    install = (base, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--find-links", wheels)
    run(*ALONE, *install, "hongshu", HOME=str(home))
    told = run(*ALONE, tmp_path / "venv/bin/hongshu", "version", "--json", HOME=str(home))
    assert json.loads(told.stdout)["hongshu"]
    client = 'import hongshu; print(hongshu.Client("t").page.__name__)'
    assert run(*ALONE, python, "-c", client, HOME=str(home)).stdout == "page\n"
