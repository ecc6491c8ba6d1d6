"""`hongshu account`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, Whole, accounting, quiet_settings
from hongshu.engine.money.telling import account_words
from hongshu.store.accounts import Account

app = App(name="account", help="Open, list, top up, correct and suspend accounts.")

EMPTY = "there are no accounts yet; open one with: hongshu account create NAME --balance 100000"


@app.command
def create(
    name: str,
    *,
    balance: Whole = 0,
    zone: str = "Asia/Shanghai",
    low_balance: Whole = 0,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Open an account.

    Parameters
    ----------
    name
        Name of the account.
    balance
        Credits to begin with, entered as a top-up.
    zone
        Time zone of its quota day, an IANA name.
    low_balance
        Credits below which the account is told as low; 0 for never.
    """
    with accounting(quiet_settings(config)) as books:
        opened = books.open_account(name, balance=balance, zone=zone, low_balance=low_balance)
    _print([opened], json=json, one=True)


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the accounts."""
    with accounting(quiet_settings(config)) as books:
        _print(books.accounts(), json=json)


@app.command
def show(name: str, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """Show one account."""
    with accounting(quiet_settings(config)) as books:
        _print([books.account(name)], json=json, one=True)


@app.command
def topup(
    name: str,
    amount: Whole,
    *,
    reference: Annotated[str, Parameter(help="What stands behind it, such as an invoice number.")],
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Add credits to an account."""
    with accounting(quiet_settings(config)) as books:
        _print([books.top_up(name, amount, reference)], json=json, one=True)


@app.command
def adjust(
    name: str,
    amount: Annotated[Whole, Parameter(help="Credits to add, or with a minus to take.", allow_leading_hyphen=True)],
    *,
    reason: Annotated[str, Parameter(help="Why, for the ledger.")],
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Correct an account's balance, with an entry in the ledger."""
    with accounting(quiet_settings(config)) as books:
        _print([books.adjust(name, amount, reason)], json=json, one=True)


@app.command
def zone(
    name: str,
    zone: Annotated[str, Parameter(help="An IANA name, such as Europe/Berlin.")],
    *,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Change the time zone of an account's quota day."""
    with accounting(quiet_settings(config)) as books:
        _print([books.set_zone(name, zone)], json=json, one=True)


@app.command
def low_balance(
    name: str,
    threshold: Annotated[Whole, Parameter(help="Credits; 0 for never.")],
    *,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Set the balance below which an account is told as low, in usage and metrics."""
    with accounting(quiet_settings(config)) as books:
        _print([books.set_low_balance(name, threshold)], json=json, one=True)


@app.command
def suspend(name: str, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """Refuse every call of an account until it is resumed."""
    with accounting(quiet_settings(config)) as books:
        _print([books.set_active(name, active=False)], json=json, one=True)


@app.command
def resume(name: str, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """Let a suspended account call again."""
    with accounting(quiet_settings(config)) as books:
        _print([books.set_active(name, active=True)], json=json, one=True)


def _print(found: Sequence[Account], *, json: bool, one: bool = False) -> None:
    rows = [account_words(account) for account in found]
    if json:
        print_json(rows[0] if one else rows)
    else:
        print_table(rows, empty=EMPTY)
