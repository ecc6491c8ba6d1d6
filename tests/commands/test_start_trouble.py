"""What is wrong with an installation is said in one clear line, with exit status 2 and no traceback."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from running import SIMULATOR

Hongshu = Callable[..., CompletedProcess[str]]


def assert_one_clear_line(ended: CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    for word in words:
        assert word in lines[0]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "hongshu.toml").write_text(SIMULATOR, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[server\nport = 1", ("hongshu.toml", "line 1")),
        ("[server]\nprot = 1", ("server.prot", "server.port")),
        ("[server]\nworkers = 'x'", ("server.workers", "whole number")),
        ("store = 'postgresql://u@h/d'", ("store",)),
        (
            "[[source]]\nname = 'a'\nkind = 'remote'\nurl = 'http://example.org'\ntoken = 't'",
            ("clear", "allow_cleartext"),
        ),
    ],
    ids=["broken TOML", "unknown key", "wrong type", "a later store", "a token in clear"],
)
def test_a_broken_configuration_is_one_line(
    hongshu: Hongshu, data_dir: Path, toml: str, words: tuple[str, ...]
) -> None:
    """The line names the place and what is right."""
    (data_dir / "hongshu.toml").write_text(toml, encoding="utf-8")
    assert_one_clear_line(hongshu("serve", "--port", "0"), *words)


def test_a_taken_port_is_one_line(hongshu: Hongshu, data_dir: Path) -> None:
    """The address is named, and the flag that chooses another port."""
    assert data_dir.is_dir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_one_clear_line(hongshu("serve", "--port", str(port)), f"127.0.0.1:{port}", "--port")


def test_a_data_directory_that_cannot_be_made_is_one_line(hongshu: Hongshu, tmp_path: Path) -> None:
    """A path below a file is no place for data."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert_one_clear_line(hongshu("account", "list", data_dir=tmp_path / "file" / "data"), "HONGSHU_DATA_DIR")


@pytest.mark.parametrize("name", ["notes.db", "money.db"])
@pytest.mark.parametrize("kind", ["text", "foreign", "cut", "scrambled"])
def test_a_store_that_is_no_store_is_one_line(hongshu: Hongshu, data_dir: Path, name: str, kind: str) -> None:
    """Neither a text, nor another program's database, nor a damaged one is served."""
    assert hongshu("fetch", "5c2f338a000000000701e1c6").returncode == 0
    assert hongshu("account", "create", "a").returncode == 0
    path = data_dir / name
    content = path.read_bytes()
    if kind == "text":
        path.write_bytes(b"This is not a database at all. " * 500)
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "scrambled":
        path.write_bytes(content[:4096] + bytes(reversed(content[4096:])))
    else:
        path.unlink()
        foreign = sqlite3.connect(path)
        foreign.execute("CREATE TABLE somebody_elses (x)")
        foreign.commit()
        foreign.close()
    assert_one_clear_line(hongshu("serve", "--port", "0"), name)


def test_a_newer_store_is_one_line(hongshu: Hongshu, data_dir: Path) -> None:
    """A database that a newer hongshu migrated is left alone."""
    assert hongshu("account", "create", "a").returncode == 0
    newer = sqlite3.connect(data_dir / "money.db")
    newer.execute("INSERT INTO migrations VALUES (999, '0999_future.sql', 'x')")
    newer.commit()
    newer.close()
    assert_one_clear_line(hongshu("account", "list"), "newer")


def test_a_missing_key_is_one_line(hongshu: Hongshu, data_dir: Path) -> None:
    """Without its key no token works, so a new one is not made up in silence."""
    assert hongshu("account", "create", "a").returncode == 0
    (data_dir / "hongshu.key").unlink()
    assert_one_clear_line(hongshu("account", "list"), "hongshu.key", "backup")


@pytest.mark.parametrize("arguments", [("nonsense",), ("fetch",), ("account", "create"), ("serve", "--prot", "1")])
def test_a_command_that_is_typed_wrong_exits_with_2(hongshu: Hongshu, arguments: tuple[str, ...]) -> None:
    """Usage errors say what is missing, without a traceback."""
    ended = hongshu(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip()


def test_the_key_and_the_data_directory_are_for_their_owner_only(hongshu: Hongshu, tmp_path: Path) -> None:
    """Nobody else on the machine can read them."""
    assert hongshu("account", "create", "a").returncode == 0
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / "hongshu.key").stat().st_mode & 0o077 == 0
