"""`hongshu usage`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from cyclopts import Parameter

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, money, quiet_settings
from hongshu.engine.money.telling import usage_words
from hongshu.engine.money.usage import report

EMPTY: Final = "no calls were made yet"


def usage(
    *,
    account: Annotated[str | None, Parameter(help="Name or id of one account; all without it.")] = None,
    by: Annotated[
        Literal["day", "hour", "token", "code", "source", "endpoint"], Parameter(help="What to sum by.")
    ] = "day",
    since: Annotated[str | None, Parameter(help="Date in the account's zone, or RFC 3339 time.")] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Show what was called and what it cost, in credits."""
    with money(quiet_settings(config)) as ledger:
        rows = [usage_words(one, by) for one in report(ledger.database, account, by, since)]
    if json:
        print_json(rows)
    else:
        print_table([{name: row[name] for name in row if name != "account"} for row in rows], empty=EMPTY)
