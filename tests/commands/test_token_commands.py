"""`hongshu token show|rotate` and `hongshu account adjust|zone|low-balance`, from the command line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import stores
from commanding import Command, Ended
from holding import holding
from hongshu.formats import tokens
from hongshu.service.desk import Ledger
from hongshu.store import accounts

PRICE: Final = 10
TOKEN_WORDS: Final = {
    *("id", "account", "token", "scopes", "rate_per_minute", "burst", "daily_quota", "expires", "active"),
    "account_name",
}


@pytest.fixture
def command(command: Command) -> Command:
    """Run a command on the test's data directory, where there is an account `team` of 100 credits."""
    assert command("account", "create", "team", "--balance", "100").status == 0
    return command


@pytest.fixture
def ledger(command: Command, data_dir: Path) -> Iterator[Ledger]:
    """The same money, looked at from inside."""
    with closing(Ledger(stores.setting(data_dir), data_dir, time.time_ns)) as opened:
        yield opened


def created(command: Command, *more: str) -> dict[str, Any]:
    return dict(command("token", "create", "--account", "team", *more, "--json").words)


def works(ledger: Ledger, secret: str, in_seconds: int = 0) -> bool:
    """Say whether a secret is known now, or will be in so many seconds."""
    digest = tokens.digest(ledger.key, secret)
    now_ms = time.time_ns() // 1_000_000 + in_seconds * 1000
    return ledger.database.read(lambda db: accounts.standing(db, digest, now_ms)) is not None


def refused(ended: Ended, word: str) -> None:
    """Nothing on standard output, words that help on standard error, exit status 2."""
    assert word
    assert (ended.status, ended.out) == (2, "")
    assert word in ended.err
    assert "Traceback" not in ended.err


def test_a_token_is_shown_without_its_secret(command: Command) -> None:
    """The fixed words, for programs and for people."""
    made = created(command, "--name", "ci", "--ip", "10.0.0.0/8", "--ip", "::1", "--expires", "2030-01-31")
    shown = command("token", "show", made["id"], "--json").words
    assert set(shown) >= TOKEN_WORDS
    assert shown["networks"] == ["10.0.0.0/8", "::1/128"]
    assert (shown["expires"], shown["account_name"], shown["name"]) == ("2030-01-31T00:00:00Z", "team", "ci")
    assert {**shown, "token": made["token"]} == made
    said = command("token", "show", made["id"])
    assert made["id"] in said.out
    for ended in (said, command("token", "show", made["id"], "--json"), command("token", "list", "--json")):
        assert made["token"] not in ended.out + ended.err
    refused(command("token", "show", "tok_none"), "token list")


def test_a_rotated_token_is_another_secret_of_the_same_token(command: Command, ledger: Ledger) -> None:
    """Without grace the former secret ends at once; id and limits stay."""
    made = created(command, "--burst", "7")
    turned = command("token", "rotate", made["id"], "--json").words
    assert turned["token"] != made["token"]
    assert tokens.well_formed(turned["token"], tokens.API)
    assert {name: turned[name] for name in TOKEN_WORDS - {"token"}} == {
        name: made[name] for name in TOKEN_WORDS - {"token"}
    }
    assert (works(ledger, turned["token"]), works(ledger, made["token"])) == (True, False)
    said = command("token", "rotate", made["id"])
    assert tokens.well_formed(said.out.strip(), tokens.API)
    assert said.out.strip() not in said.err
    assert not works(ledger, turned["token"])


def test_grace_keeps_the_former_secret_for_its_time_and_no_longer(command: Command, ledger: Ledger) -> None:
    """A second rotation leaves two secrets, never three."""
    first = created(command)
    second = command("token", "rotate", first["id"], "--grace", "3600", "--json").words
    assert second["former_secret_until"] is not None
    assert [works(ledger, one["token"]) for one in (first, second)] == [True, True]
    assert [works(ledger, one["token"], 3590) for one in (first, second)] == [True, True]
    assert [works(ledger, one["token"], 3601) for one in (first, second)] == [False, True]
    third = command("token", "rotate", first["id"], "--grace", "3600", "--json").words
    assert [works(ledger, one["token"]) for one in (first, second, third)] == [False, True, True]


def test_a_revoked_token_is_revoked_with_both_secrets(command: Command, ledger: Ledger) -> None:
    """It has no grace, and cannot be rotated into life."""
    made = created(command)
    turned = command("token", "rotate", made["id"], "--grace", "60", "--json").words
    assert command("token", "revoke", made["id"], "--json").words["active"] is False
    for secret in (made["token"], turned["token"]):
        digest = tokens.digest(ledger.key, secret)
        standing = ledger.database.read(lambda db, digest=digest: accounts.standing(db, digest, 0))
        assert standing is None or not standing.token.active
    refused(command("token", "rotate", made["id"]), "create another")


@pytest.mark.parametrize("grace", ["-1", "2592001", "1.5", "soon", "9" * 40])
def test_a_grace_time_that_is_none_is_refused(command: Command, ledger: Ledger, grace: str) -> None:
    """The secret stays the one that it was."""
    made = created(command)
    refused(command("token", "rotate", made["id"], "--grace", grace), "grace")
    assert works(ledger, made["token"])


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--rate-per-minute", "9" * 30, "at most 2147483647"),
        ("--burst", "9" * 30, "at most 2147483647"),
        ("--daily-quota", "9" * 30, "at most 2147483647"),
        ("--daily-quota", "-1", "the daily quota at least 0"),
        ("--rate-per-minute", "0", "rate and burst are at least 1"),
        ("--expires", "9999-12-31T23:59:59-12:00", "before 1970 or after 9998"),
        ("--expires", "0001-01-01T00:00:00+14:00", "before 1970 or after 9998"),
        ("--expires", "2027-13-01", '"2027-13-01" is no date'),
        ("--ip", "10.0.0.0/33", '"10.0.0.0/33" is no address or network'),
        ("--ip", "localhost", '"localhost" is no address or network'),
        ("--ip", "", "no address or network"),
        ("--name", "=" * 10, "a name has 1 to 64"),
        ("--name", "n" * 65, "a name has 1 to 64"),
        ("--scope", "", "the scopes are user-notes"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_words(command: Command, option: str, value: str, word: str) -> None:
    """And leaves a list behind that can still be shown."""
    ended = command("token", "create", "--account", "team", option, value)
    assert command("token", "list", "--json").words == []
    refused(ended, word)


@pytest.mark.parametrize(("amount", "left"), [("-5", 95), ("+5", 105), ("7", 107), ("-100", 0)])
def test_a_balance_is_adjusted_both_ways(command: Command, ledger: Ledger, amount: str, left: int) -> None:
    """With its reason in the ledger, down to nothing."""
    words = command("account", "adjust", "team", amount, "--reason", "a slip", "--json").words
    assert words["balance"] == left
    newest = command("ledger", "list", "--json").words[0]
    assert (newest["kind"], newest["amount"], newest["reference"]) == ("adjust", int(amount), "a slip")
    assert newest["balance_after"] == left
    assert ledger.verify().ok


@pytest.mark.parametrize(
    ("amount", "word"),
    [
        ("-101", "the balance is 100"),
        ("0", "from 1 to"),
        ("1.5", '"1.5" is no whole number'),
        ("all", '"all" is no whole number'),
        *((too_large, "to 1000000000000000") for too_large in ("1" + "0" * 16, "-" + "9" * 30, "9" * 30)),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused(command: Command, ledger: Ledger, amount: str, word: str) -> None:
    """Never below zero, never half a credit; nothing is written."""
    refused(command("account", "adjust", "team", amount, "--reason", "a slip"), word)
    assert command("account", "show", "team", "--json").words["balance"] == 100
    assert len(command("ledger", "list", "--json").words) == 1
    assert ledger.verify().ok


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "nul\x01", "r" * 201])
def test_an_adjustment_has_a_reason_of_one_line(command: Command, reason: str) -> None:
    """One that can be printed, in 200 signs; and none is no reason."""
    refused(command("account", "adjust", "team", "1", "--reason", reason), "reason")
    refused(command("account", "adjust", "team", "1"), "reason")
    assert command("account", "show", "team", "--json").words["balance"] == 100


async def held(ledger: Ledger, token_id: str, calls: int) -> None:
    """Leave calls in flight, each holding its price."""
    for _ in range(calls):
        await holding(ledger, ledger.accounting.token(token_id), PRICE)


def test_credits_that_calls_in_flight_hold_are_not_taken(command: Command, ledger: Ledger) -> None:
    """What is free can be, and the refusal says how much is held."""
    asyncio.run(held(ledger, created(command)["id"], 3))
    assert command("account", "show", "team", "--json").words["held"] == 30
    ended = command("account", "adjust", "team", "-71", "--reason", "a slip")
    refused(ended, "30")
    assert "held" in ended.err
    assert command("account", "adjust", "team", "-70", "--reason", "a slip", "--json").words["balance"] == 30
    assert ledger.verify().ok


def test_the_zone_of_an_account_is_changed(command: Command) -> None:
    """To an IANA name, and to nothing else."""
    assert command("account", "zone", "team", "Europe/Berlin", "--json").words["zone"] == "Europe/Berlin"
    for zone in ("Mars/Base", "", "CET+1", "../../etc/passwd", "/etc/passwd", "Asia", "é" * 300, "UTC\x01"):
        refused(command("account", "zone", "team", zone), "zone")
    assert command("account", "show", "team", "--json").words["zone"] == "Europe/Berlin"
    refused(command("account", "zone", "nobody", "UTC"), "account list")


def test_a_low_balance_is_told_from_its_threshold_on(command: Command) -> None:
    """Below it, not at it; 0 is never."""
    for threshold, low in ((100, False), (101, True), (0, False)):
        words = command("account", "low-balance", "team", str(threshold), "--json").words
        assert (words["low_balance"], words["is_low"]) == (threshold, low)
    command("account", "low-balance", "team", "96")
    assert command("account", "adjust", "team", "-5", "--reason", "spent", "--json").words["is_low"] is True
    assert command("account", "topup", "team", "1", "--reference", "r", "--json").words["is_low"] is False
    for threshold, word in (("-1", "from 0 to"), ("9" * 30, "from 0 to"), ("0.5", "whole"), ("low", "whole")):
        refused(command("account", "low-balance", "team", threshold), word)
    assert command("account", "show", "team", "--json").words["low_balance"] == 96
