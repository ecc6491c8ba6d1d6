"""Accounts, tokens and operators from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from running import run_quick

Hongshu = Callable[..., CompletedProcess[str]]


@pytest.fixture
def quick(tmp_path: Path) -> Hongshu:
    """Run what prepares or looks, on the same data directory, in the test's own process."""
    return lambda *arguments: run_quick(*arguments, data_dir=tmp_path / "data")


def printed(ended: CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_an_account_is_opened_topped_up_suspended_and_listed(hongshu: Hongshu) -> None:
    """The words are the fixed ones, and a top-up needs a reference."""
    opened = printed(hongshu("account", "create", "team", "--balance", "100", "--zone", "Europe/Berlin", "--json"))
    assert set(opened) >= {"id", "name", "balance", "held", "zone", "active"}
    assert (opened["balance"], opened["held"], opened["zone"], opened["active"]) == (100, 0, "Europe/Berlin", True)
    assert hongshu("account", "topup", "team", "5").returncode == 2
    assert printed(hongshu("account", "topup", "team", "5", "--reference", "r", "--json"))["balance"] == 105
    assert printed(hongshu("account", "suspend", "team", "--json"))["active"] is False
    assert printed(hongshu("account", "resume", "team", "--json"))["active"] is True
    assert [one["name"] for one in printed(hongshu("account", "list", "--json"))] == ["team"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("account", "create", "team"), "exists already"),
        (("account", "create", "b", "--balance", "-1"), "whole number"),
        (("account", "create", "b", "--zone", "Mars/Base"), "time zone"),
        (("account", "create", ""), "letters"),
        (("account", "topup", "team", "0", "--reference", "r"), "whole number"),
        (("account", "show", "nobody"), "no account"),
        (("token", "create", "--account", "nobody"), "no account"),
        (("token", "create", "--account", "team", "--scope", "all"), "user-notes"),
        (("token", "create", "--account", "team", "--burst", "0"), "at least 1"),
        (("token", "create", "--account", "team", "--expires", "soon"), "2027-01-31"),
        (("token", "revoke", "tok_none"), "token list"),
        (("operator", "revoke", "nobody"), "operator list"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    hongshu: Hongshu, quick: Hongshu, arguments: tuple[str, ...], word: str
) -> None:
    """One line, exit status 2, and nothing has changed."""
    quick("account", "create", "team")
    before = quick("account", "list", "--json").stdout
    ended = hongshu(*arguments)
    assert ended.returncode == 2
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr
    assert quick("account", "list", "--json").stdout == before


def test_a_tokens_secret_is_shown_once(hongshu: Hongshu, tmp_path: Path) -> None:
    """Lists show its first signs only, and no file holds it."""
    hongshu("account", "create", "team")
    made = printed(hongshu("token", "create", "--account", "team", "--name", "ci", "--json"))
    assert made["token"].startswith("hs_")
    assert len(made["token"]) == 39
    [listed] = printed(hongshu("token", "list", "--json"))
    assert listed["token"] == made["token"][:7] + "…"
    assert {**listed, "token": made["token"]} == made
    for file in (tmp_path / "data").iterdir():
        assert made["token"].encode() not in file.read_bytes()
    assert printed(hongshu("token", "revoke", made["id"], "--json"))["active"] is False


def test_operators_are_made_listed_and_revoked(hongshu: Hongshu) -> None:
    """Their token is another kind, and shown once."""
    made = printed(hongshu("operator", "create", "ann", "--json"))
    assert made["token"].startswith("hso_")
    assert hongshu("operator", "create", "ann").returncode == 2
    [listed] = printed(hongshu("operator", "list", "--json"))
    assert listed == {"id": made["id"], "name": "ann", "active": True}
    assert printed(hongshu("operator", "revoke", "ann", "--json"))["active"] is False
    assert printed(hongshu("operator", "create", "ann", "--json"))["id"] != made["id"]


def test_config_shows_every_value_with_its_origin_and_no_secret(hongshu: Hongshu, tmp_path: Path) -> None:
    """A remote source's token is starred."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hongshu.toml").write_text(
        '[[source]]\nname = "joa"\nkind = "remote"\npreset = "justone"\ntoken = "very-secret"\n', encoding="utf-8"
    )
    table, document = hongshu("config"), hongshu("config", "--json", HONGSHU_SERVER__PORT="9000")
    assert "very-secret" not in table.stdout + table.stderr + document.stdout + document.stderr
    words = printed(document)
    assert words["config"]["server"]["port"] == 9000
    assert words["origins"]["server.port"] == "environment HONGSHU_SERVER__PORT"
    assert words["config"]["source"][0]["token"] == "***"


def test_the_key_and_the_data_directory_are_for_their_owner_only(hongshu: Hongshu, tmp_path: Path) -> None:
    """Nobody else on the machine can read them."""
    assert hongshu("account", "create", "team").returncode == 0
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / "hongshu.key").stat().st_mode & 0o077 == 0
