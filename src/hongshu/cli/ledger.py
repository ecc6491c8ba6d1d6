"""`hongshu ledger`."""

from __future__ import annotations

import sys
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, Whole, accounting, money, quiet_settings
from hongshu.engine.money.telling import (
    ENTRY_COLUMNS,
    csv_line,
    entry_lines,
    entry_rows,
    orphan_rows,
    verified_words,
)

app = App(name="ledger", help="List, export and prove the ledger; find and refund what was never delivered.")

EMPTY: Final = "the ledger has no entries yet; the first is an account's top-up"
NO_ORPHANS: Final = "every charge without a key is noted as handed over"

_SHOWN: Final = ("at", "id", "account_name", "kind", "amount", "balance_after", "source", "cache", "reference")
OfAccount = Annotated[str | None, Parameter(help="Name or id of one account; all without it.")]


@app.command(name="list")
def list_(
    *,
    account: OfAccount = None,
    limit: Annotated[Whole, Parameter(help="How many entries, at most 5000.")] = 50,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """List the newest entries."""
    with accounting(quiet_settings(config)) as books:
        rows = entry_rows(books, books.newest_entries(account, max(1, limit)))
    if json:
        print_json(rows)
    else:
        print_table([{name: row[name] for name in _SHOWN} for row in rows], empty=EMPTY)


@app.command
def export(
    *,
    account: OfAccount = None,
    form: Annotated[Literal["csv", "jsonl"], Parameter(name="--format", help="Lines of JSON, or CSV.")] = "jsonl",
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Write every entry, account by account in the order of its chain, to standard output."""
    form = "jsonl" if json else form
    with accounting(quiet_settings(config)) as books:
        owners = [books.account(account)] if account else books.accounts()
        if form == "csv":
            sys.stdout.write(csv_line(ENTRY_COLUMNS))
        for owner in owners:
            number: int | None = 0
            while number is not None:
                lines, number = entry_lines(books, owner.id, number, form)
                sys.stdout.write(lines)


@app.command
def verify(*, config: ConfigFile = None, json: AsJson = False) -> int:
    """Prove that every balance is the sum of its entries and no entry was changed; exit status 1 where not."""
    with money(quiet_settings(config)) as ledger:
        verified = ledger.verify()
    if json:
        print_json(verified_words(verified))
    else:
        print(f"{verified.accounts} accounts, {verified.entries} entries, {len(verified.differences)} differences")
        print_table(verified_words(verified)["differences"], empty="the ledger is as it should be")
    return 0 if verified.ok else 1


@app.command
def orphans(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List charges without an Idempotency-Key whose answers are not noted as handed over, and not refunded."""
    with accounting(quiet_settings(config)) as books:
        rows = orphan_rows(books, books.orphans())
    if json:
        print_json(rows)
    else:
        print_table([{name: row[name] for name in row if name != "account"} for row in rows], empty=NO_ORPHANS)


@app.command
def refund(
    entry: Annotated[str, Parameter(help="Id of the charge, led_…")],
    *,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Give back what a charge took, once."""
    with accounting(quiet_settings(config)) as books:
        [words] = entry_rows(books, [books.refund(entry)])
    if json:
        print_json(words)
    else:
        print_table([{name: words[name] for name in _SHOWN}], empty=EMPTY)
