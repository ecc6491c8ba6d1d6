"""`hongshu batch`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, Whole, money, notes, settings
from hongshu.engine.collecting.orders import batch_of, budget_of, cancel_batch
from hongshu.engine.collecting.telling import batch_words, target_words
from hongshu.errors import UsageError
from hongshu.service.desk import Ledger
from hongshu.store import batches
from hongshu.store.base import Database
from hongshu.store.batches import Batch

app = App(name="batch", help="List, show and cancel batches of creators.")

EMPTY: Final = "there are no batches yet; `hongshu collect` makes one"
NOT_REACHED: Final = "not reached yet"

_LISTED: Final = (
    *("batch", "created", "state", "creators", "complete", "partial", "failed"),
    *("pages", "notes", "calls", "spend"),
)
OfBatch = Annotated[str, Parameter(help="Id of the batch.")]


@app.command(name="list")
def list_(
    *,
    limit: Annotated[Whole, Parameter(help="How many, at most 1000.")] = 50,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """List the newest batches."""
    if not 1 <= limit <= 1000:
        raise UsageError("--limit is a number from 1 to 1000")
    loaded = settings(config)
    with notes(loaded) as room, money(loaded) as ledger:
        rows = [_words(ledger, room, one) for one in room.read(lambda db: batches.listed(db, limit))]
    if json:
        print_json(rows)
    else:
        print_table([{name: row[name] for name in _LISTED} for row in rows], empty=EMPTY)


@app.command
def show(batch: OfBatch, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """Show a batch and how each of its creators stands."""
    loaded = settings(config)
    with notes(loaded) as room, money(loaded) as ledger:
        words = _words(ledger, room, batch_of(room, batch))
        targets = room.read(lambda db: batches.targets(db, batch))
    rows = [target_words(one, NOT_REACHED) for one in targets]
    if json:
        print_json({**words, "targets": rows})
        return
    print_words(words)
    print()
    print_table(rows, empty="")


@app.command
def cancel(batch: OfBatch, *, config: ConfigFile = None, json: AsJson = False) -> None:
    """End a batch for good; processes that work on it finish the pages in hand, and what was collected is kept."""
    loaded = settings(config)
    with notes(loaded) as room, money(loaded) as ledger:
        words = _words(ledger, room, cancel_batch(room, batch))
    print_json(words) if json else print_words(words)


def _words(ledger: Ledger, room: Database, batch: Batch) -> dict[str, Any]:
    targets = room.read(lambda db: batches.targets(db, batch.id))
    return batch_words(batch, targets, budget_of(ledger.database, batch.id))
