"""Clients that others wrote, unmodified, and the plain GET of a newcomer in six languages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from justoneapi import JustOneAPIClient

from running import Running

SAMPLES = Path(__file__).parents[2] / "src" / "hongshu" / "server" / "documentation" / "samples"
ADDRESS, TOKEN, USER = "http://127.0.0.1:8787", "YOUR_TOKEN", "5c2f338a000000000701e1c6"
RUN = {
    "list-notes.sh": ("bash", "curl"),
    "list_notes.py": (sys.executable,),
    "list-notes.mjs": ("node",),
    "ListNotes.java": ("java",),
    "list_notes.go": ("go",),
    "list_notes.php": ("php",),
}
COMMAND = {"list_notes.go": ("go", "run")}


@pytest.fixture
def unproxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names no proxy."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("unproxied")
def test_the_vendors_own_sdk_pages_through_a_creator_to_the_end(simulated: Running, creators: list[str]) -> None:
    """Pointed at this server by its base URL, it finds every note once, the way its documentation says."""
    prolific = next(user for user in creators if simulated.page(user).body["data"]["has_more"])
    expected = [note["id"] for note in simulated.whole(prolific)]
    found: list[str] = []
    cursor = None
    with JustOneAPIClient(token=simulated.token, base_url=simulated.address) as client:
        while True:
            answer = client.xiaohongshu.get_user_note_list_v4(user_id=prolific, last_cursor=cursor)
            assert answer.success, answer.message
            found += [note["id"] for note in answer.data["notes"]]
            if not answer.data["has_more"]:
                break
            cursor = answer.data["notes"][-1]["cursor"]
    assert found == expected
    assert len(found) == len(set(found)) > 20


@pytest.mark.usefixtures("unproxied")
def test_the_vendors_own_sdk_reads_a_refusal(simulated: Running, creators: list[str]) -> None:
    """A business code arrives as the SDK's own kind of failure, with our message."""
    with JustOneAPIClient(token="nonsense", base_url=simulated.address) as client:
        answer = client.xiaohongshu.get_user_note_list_v4(user_id=creators[0])
    assert (answer.success, answer.code, answer.data) == (False, 100, None)
    assert "token" in answer.message
    assert answer.raw_json["requestId"]


def test_every_sample_is_run_here() -> None:
    """A sample that stands in the documentation has been run."""
    assert {path.name for path in SAMPLES.iterdir()} == {f"{name}.txt" for name in RUN}


@pytest.mark.usefixtures("unproxied")
@pytest.mark.parametrize("name", RUN)
def test_the_plain_get_of_a_newcomer_works_in_each_language(
    simulated: Running, creators: list[str], tmp_path: Path, name: str
) -> None:
    """Only the three constants at the top are filled in; the program prints an answer with notes."""
    missing = [tool for tool in RUN[name] if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not on this machine")
    text = (SAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    for placeholder, value in ((ADDRESS, simulated.address), (TOKEN, simulated.token), (USER, creators[1])):
        assert text.count(placeholder) == 1
        text = text.replace(placeholder, value)
    program = tmp_path / name
    program.write_text(text, encoding="utf-8")
    go = {"GOCACHE": str(tmp_path / "cache"), "GOPATH": str(tmp_path / "go"), "GO111MODULE": "off"}
    done = subprocess.run(
        [*COMMAND.get(name, RUN[name][:1]), str(program)],
        env={**os.environ, **go},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["code"] == 0
    assert [note["user"]["userid"] for note in answer["data"]["notes"]] == [creators[1]] * len(answer["data"]["notes"])
    assert answer["data"]["notes"]
