"""`hongshu operator`."""

from __future__ import annotations

import sys

from cyclopts import App

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, accounting, quiet_settings
from hongshu.engine.money.telling import operator_words

app = App(name="operator", help="Create, list and revoke operators.")

EMPTY = "there are no operators yet; create one with: hongshu operator create NAME"


@app.command
def create(name: str, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """Create an operator, who may manage this installation. The token is shown here and nowhere else."""
    with accounting(quiet_settings(config)) as books:
        operator, secret = books.add_operator(name)
    if json:
        print_json(operator_words(operator, secret))
        return
    print(secret)
    print(f"{operator.id}: keep the token now, it is not shown again", file=sys.stderr)


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the operators."""
    with accounting(quiet_settings(config)) as books:
        rows = [operator_words(one) for one in books.operators()]
    if json:
        print_json(rows)
    else:
        print_table(rows, empty=EMPTY)


@app.command
def revoke(name: str, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """Switch an operator off for good, by name or id."""
    with accounting(quiet_settings(config)) as books:
        revoked = books.revoke_operator(name)
    if json:
        print_json(operator_words(revoked))
    else:
        print(f"{revoked.name} is revoked", file=sys.stderr)
