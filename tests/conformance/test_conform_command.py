"""`hongshu conform`: what it prints, how it ends, and where the token may stand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.wrong_server import TOKEN, USER, Wrong

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_server_that_conforms_ends_with_0_and_a_line_of_what_it_took(hongshu: Run, tmp_path: Path) -> None:
    """The token may stand in a file, and appears nowhere."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with Wrong() as server:
        done = hongshu("conform", server.address, "--token", f"@{tmp_path / 'token'}", "--creator", USER)
    assert done.returncode == 0, done.stdout
    assert "✓ paging: The last note's cursor leads to the next page" in done.stdout
    assert "? scope" in done.stdout
    assert "0 deviate" in done.stderr
    assert " credits, the slowest answer" in done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_server_that_deviates_ends_with_1_and_says_where(hongshu: Run) -> None:
    """As lines for people and as one document for programs."""
    with Wrong({"400 before 100"}) as server:
        command = ("conform", server.address, "--token", TOKEN, "--creator", USER)
        told, document = hongshu(*command), hongshu(*command, "--json")
    assert (told.returncode, document.returncode) == (1, 1)
    assert "✗ order of refusal" in told.stdout
    found = json.loads(document.stdout)
    assert (found["server"], found["conforms"], document.stderr) == (server.address, False, "")
    [check] = [one for one in found["checks"] if one["name"] == "order of refusal"]
    assert (check["state"], bool(check["deviations"])) == ("deviates", True)
    assert {"calls", "paid_calls", "credits", "slowest_seconds"} <= found.keys()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ftp://host", "--token", "t", "--creator", USER), "write https://host"),
        (("http://127.0.0.1:1/?x=1", "--token", "t", "--creator", USER), "holds a query"),
        (("http://127.0.0.1:1", "--token", "", "--creator", USER), "a token is one word"),
        (("http://127.0.0.1:1", "--token", "@/no/such/file", "--creator", USER), "cannot be read"),
        (("http://127.0.0.1:1", "--token", "t", "--creator", "x"), "24 hex digits"),
        (("http://127.0.0.1:1", "--token", "t", "--creator", USER, "--max-pages", "0"), "more than 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(hongshu: Run, arguments: tuple[str, ...], words: str) -> None:
    """Nothing is sent, and the status is 2."""
    done = hongshu("conform", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
