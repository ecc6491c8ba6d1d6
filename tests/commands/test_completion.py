"""`hongshu completion`: what it prints completes commands and options in the shell it is for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["hongshu", "sou"], {"source"}),
        (["hongshu", "source", "he"], {"health"}),
        (["hongshu", "report", "schedule", "a"], {"add"}),
        (["hongshu", "collect", "--max-c"], {"--max-calls"}),
    ],
)
def test_bash_completes(hongshu: Run, tmp_path: Path, typed: list[str], completed: set[str]) -> None:
    """Commands below commands, and options."""
    place = tmp_path / "hongshu.bash"
    place.write_text(hongshu("completion", "bash").stdout)
    words = f"COMP_WORDS=({chr(32).join(typed)}); COMP_CWORD={len(typed) - 1}"
    script = f'source "{place}"; {words}; _hongshu; echo "${{COMPREPLY[@]}}"'
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert set(told.stdout.split()) == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_takes_what_is_printed_for_it(hongshu: Run, tmp_path: Path, shell: str) -> None:
    """Its own parser finds nothing wrong."""
    done = hongshu("completion", shell)
    assert (done.returncode, "collect" in done.stdout) == (0, True)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not on this machine")
    place = tmp_path / "completion"
    place.write_text(done.stdout)
    subprocess.run([shell, "-n", str(place)], check=True, timeout=60)


def test_a_shell_that_nobody_knows_is_refused(hongshu: Run) -> None:
    """With those that there are."""
    done = hongshu("completion", "tcsh")
    assert (done.returncode, done.stdout) == (2, "")
    assert "fish" in done.stderr
