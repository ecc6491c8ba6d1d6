"""`hongshu delivery`."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Final

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, Whole, notes, settings
from hongshu.engine.delivering.telling import delivery_words, send_again
from hongshu.errors import UsageError
from hongshu.formats.border import printable
from hongshu.store import deliveries
from hongshu.store.deliveries import DeliveryState

app = App(name="delivery", help="See what was told on channels, and send it again.")

EMPTY: Final = "nothing was to be told yet"


@app.command(name="list")
def list_(
    *,
    channel: Annotated[str | None, Parameter(help="On one channel only.")] = None,
    state: Annotated[DeliveryState | None, Parameter(help="waiting, delivered or failed.")] = None,
    limit: Whole = 50,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """List the newest deliveries: how often each was tried, what came of it, and when it is tried again."""
    if not 1 <= limit <= 10_000:
        raise UsageError("--limit is a number from 1 to 10000")
    with notes(settings(config)) as room:
        found = room.read(lambda db: deliveries.listed(db, channel=channel, state=state, limit=limit))
    rows = [delivery_words(one) for one in found]
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def resend(delivery: str, *, config: ConfigFile = None) -> None:
    """Send a delivery again, with its own id, at once and as often as a new one would be tried."""
    with notes(settings(config)) as room:
        room.write(lambda db: send_again(db, delivery, time.time_ns() // 1_000_000))
    print(f"{printable(delivery)} is due; `hongshu serve` or `hongshu watch run` sends it", file=sys.stderr)
