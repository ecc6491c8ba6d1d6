"""`hongshu ask --engine spark` as it is typed, on a data set that was exported."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analytics.datasets import creator, note, wrote
from analytics.engines import needs_spark
from running import environment

NOTES = [note(10 * place, 3, 1, title=f"note {place}", tags=["x"]) for place in range(1, 9)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    needs_spark()
    folder = wrote(tmp_path, NOTES, [creator(first=0)])
    shutil.rmtree(folder / "scratch")
    return folder


def ask(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hongshu", "ask", *arguments]
    env = environment(folder / "data")
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=280, check=False)


def test_both_engines_answer_alike_on_the_command_line(dataset: Path) -> None:
    answers = []
    for engine in (["--engine", "duckdb"], ["--engine", "spark", "--master", "local[1]"]):
        ended = ask("performance", "--data", str(dataset), *engine, "--json", folder=dataset)
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""
        answers.append([json.loads(line) for line in ended.stdout.splitlines()])
    assert answers[0] == answers[1]
    assert answers[0][0]["n"] == 8


def test_a_folder_without_notes_is_told_by_spark_too(dataset: Path) -> None:
    ended = ask("performance", "--data", str(dataset / "creators"), "--engine", "spark", folder=dataset)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "hongshu export --out" in ended.stderr
