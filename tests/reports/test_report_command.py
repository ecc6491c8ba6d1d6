"""`hongshu report` and `hongshu ask` as they are typed, and the page that says how."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")
pytest.importorskip("xlsxwriter", reason="the extra `sheets` is not installed")

from running import environment

ROOT = Path(__file__).parents[2]
Known = tuple[Path, list[str]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(known: Known, tmp_path: Path) -> Run:
    """Run `hongshu` in an empty folder, beside a data directory with followed creators."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hongshu", *arguments]
        env = environment(known[0])
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)

    return call


def test_a_report_is_written_and_told(run: Run, known: Known, tmp_path: Path) -> None:
    ended = run("report", "creator", known[1][0], "--out", "report.html", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["file"], told["format"], told["creators"]) == ("report.html", "html", known[1][:1])
    assert told["bytes"] == (tmp_path / "report.html").stat().st_size
    assert len(told["findings"]) <= 5
    checked = run("report", "verify", "report.html", "--json")
    assert checked.returncode == 0, checked.stderr
    words = json.loads(checked.stdout)
    assert (words["ok"], words["data_sha256"]) == (True, told["data_sha256"])


def test_a_changed_report_ends_with_status_1(run: Run, known: Known, tmp_path: Path) -> None:
    assert run("report", "creator", known[1][0], "--out", "report.json").returncode == 0
    text = (tmp_path / "report.json").read_text()
    (tmp_path / "report.json").write_text(text.replace('"title": "', '"title": "better ', 1))
    ended = run("report", "verify", "report.json")
    assert ended.returncode == 1
    assert "the file was changed" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("creator", "USER", "--out", "report.pdf"), "ends in none of .html, .xlsx, .md, .json"),
        (("creator", "USER", "--out", "report.html", "--format", "md"), "leave one of them out"),
        (("creator", "USER", "--out", "report.html", "--window", "soon"), "is no window"),
        (("creator", "USER", "--out", "report.html", "--zone", "Mars/Olympus"), "is no time zone"),
        (("creator", "USER", "--out", "report.html", "--engine", "spark"), "pass one with --data"),
        (("creator", "someone", "--out", "report.html"), "pass the 24 hex digits"),
        (("compare", "USER", "--out", "report.html"), "two creators or more"),
        (("competitors", "--group", "nobody", "--out", "report.html"), "hongshu creator group"),
        (("creator", "USER", "--out", "report.html", "--data", "nowhere"), "hongshu export --out"),
        (("verify", "nothing.html"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(
    run: Run, known: Known, arguments: tuple[str, ...], says: str
) -> None:
    ended = run("report", *(known[1][0] if one == "USER" else one for one in arguments))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_creator_who_was_never_collected_is_told(run: Run) -> None:
    ended = run("report", "creator", "f" * 24, "--out", "report.html")
    assert ended.returncode == 1
    assert "hongshu collect " + "f" * 24 in ended.stderr


def test_a_folder_that_is_not_there_is_told(run: Run, known: Known) -> None:
    ended = run("report", "creator", known[1][0], "--out", "nowhere/report.md")
    assert ended.returncode == 1
    assert "nowhere/report.md cannot be written" in ended.stderr


def test_questions_are_listed_and_answered(run: Run, known: Known) -> None:
    listed = json.loads(run("ask", "--json").stdout)
    assert {"performance", "viral", "cadence"} <= {one["question"] for one in listed}
    lines = [json.loads(line) for line in run("ask", "performance", "--group", "rivals", "--json").stdout.splitlines()]
    assert [one["creator"] for one in lines] == sorted(known[1])
    few = [json.loads(line) for line in run("ask", "shares", "--creator", known[1][0], "--json").stdout.splitlines()]
    assert [(one["creator"], one["share_of_voice"]) for one in few] == [(known[1][0], 1)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nonsense",), "ask one of"),
        (("viral", "--set", "treshold=1"), "sets nothing"),
        (("viral", "--out", "viral.xls"), ".parquet, .csv, .jsonl"),
        (("viral", "--data", "x", "--group", "rivals"), "asked as a whole"),
        (("viral", "--engine", "spark"), "pass one with --data"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told(run: Run, arguments: tuple[str, ...], says: str) -> None:
    ended = run("ask", *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr


def test_the_page_that_says_how_can_be_typed(known: Known, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(known[0], data)
    page = (ROOT / "docs" / "howto" / "report.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in block.strip().splitlines() if line.startswith("hongshu")]
    assert len(lines) > 8
    examples = {"5c2f338a000000000701e1c6": known[1][0], "5c2f338a000000000701e1c7": known[1][1]}
    for line in lines:
        for example, creator in examples.items():
            line = line.replace(example, creator)  # noqa: PLW2901 - the same line, of known creators
        command = [sys.executable, "-m", *shlex.split(line)]
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment(data), capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, (line, ended.stderr)
    assert {"creator.html", "creator.xlsx", "creator.md", "compare.html", "rivals.html", "viral.csv"} <= {
        one.name for one in tmp_path.iterdir()
    }
