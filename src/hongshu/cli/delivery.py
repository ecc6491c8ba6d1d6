"""`hongshu delivery`."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, Whole, notes, settings
from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.border import printable
from hongshu.models import rfc3339
from hongshu.store import deliveries
from hongshu.store.deliveries import Delivery, DeliveryState

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
    rows = [_words(one) for one in found]
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def resend(delivery: str, *, config: ConfigFile = None) -> None:
    """Send a delivery again, with its own id, at once and as often as a new one would be tried."""
    with notes(settings(config)) as room:
        if not room.write(lambda db: deliveries.again(db, delivery, time.time_ns() // 1_000_000)):
            known = room.read(lambda db: deliveries.delivery(db, delivery))
            if known is not None and known.report is not None:
                anew = f"hongshu report schedule run {known.report.schedule}"
                raise UsageError(f"the file of this report is there no more; make and send it anew with: {anew}")
            raise NotKnownError(f'there is no delivery "{printable(delivery)}"; `hongshu delivery list` shows them')
    print(f"{printable(delivery)} is due; `hongshu serve` or `hongshu watch run` sends it", file=sys.stderr)


def _words(one: Delivery) -> dict[str, Any]:
    waits = one.state is DeliveryState.WAITING
    return {
        "delivery": one.id,
        "channel": one.channel,
        "state": one.state.value,
        "events": len(one.news),
        "kinds": sorted({each.kind.value for each in one.news}) or (["report"] if one.report else []),
        "created": rfc3339(one.created_ms),
        "tries": one.tries,
        "last_try": None if one.last_ms is None else rfc3339(one.last_ms),
        "next_try": rfc3339(one.due_ms) if waits else None,
        "status": one.status,
        "report": one.report.file if one.report else None,
    }
