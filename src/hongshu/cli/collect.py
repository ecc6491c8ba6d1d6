"""`hongshu collect`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from hongshu.cli.listing import creators_of
from hongshu.cli.main import DONE, FAILED, PARTLY
from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.progress import Shown, shown
from hongshu.cli.setup import ConfigFile, Whole, give_way, settings
from hongshu.config import Config, Loaded
from hongshu.engine.asking.reports import mean_latency_seconds
from hongshu.engine.collecting.collector import Collector, Tools
from hongshu.engine.collecting.orders import Caps, batch_of, budget_of, open_batch, resume_batch
from hongshu.engine.collecting.plans import LATENCY_SECONDS, Plan, Terms, planned, prospect
from hongshu.engine.collecting.telling import done_words, target_words
from hongshu.errors import UsageError
from hongshu.formats.border import printable
from hongshu.formats.times import given_ms
from hongshu.service.whole import Service
from hongshu.store import batches
from hongshu.store.batches import Batch, Orders, State

SHOWN_REASONS: Final = 20
TICK_SECONDS: Final = 1.0
STOPPED: Final = "the run was stopped before"
FAILED_FOLDER: Final = "failed"


def collect(  # noqa: PLR0913 - each is an option
    *users: Annotated[str, Parameter(help="Ids of creators, links to their profiles, or shared text that holds one.")],
    from_: Annotated[
        str | None, Parameter(name="--from", help="A list of creators: text, CSV or XLSX; - is standard input.")
    ] = None,
    group: Annotated[str | None, Parameter(help="Every creator of a group.")] = None,
    column: Annotated[str | None, Parameter(help="The column of the list that names them.")] = None,
    skip_bad_lines: Annotated[bool, Parameter(negative=(), help="Leave out lines that name nobody.")] = False,
    plan: Annotated[bool, Parameter(negative=(), help="Say what it would take; nothing is sent.")] = False,
    resume: Annotated[str | None, Parameter(help="Go on with a batch, or help another process with it.")] = None,
    since: Annotated[str | None, Parameter(help="Down to notes published at this date (UTC) or RFC 3339 time.")] = None,
    until: Annotated[str | None, Parameter(help="From the notes published before this date or time.")] = None,
    max_notes: Annotated[Whole | None, Parameter(help="So many notes of each creator, or a few more.")] = None,
    max_calls: Annotated[Whole | None, Parameter(help="So many questions to sources in all.")] = None,
    max_spend: Annotated[Whole | None, Parameter(help="So many credits of sources in all.")] = None,
    full: Annotated[bool, Parameter(negative=(), help="Walk to the end, though it was known before.")] = False,
    covers: Annotated[bool, Parameter(negative=(), help="Keep the notes' cover images too.")] = False,
    background: Annotated[bool, Parameter(negative=(), help="Leave it to the server or workers, and end.")] = False,
    config: ConfigFile = None,
    json: AsJson = False,
) -> int:
    """Collect all notes of creators, the new ones first; `--json` prints an event a line.

    Ends with 0 where all are complete and 3 where some are not; what was collected is kept, and --resume goes on.
    """
    _check_bounds(max_notes, max_calls, max_spend)
    give_way()
    loaded = settings(config)
    orders = Orders(since_ms=_ms(since), until_ms=_ms(until), most_notes=max_notes, full=full, covers=covers)
    caps = Caps(calls=max_calls, credits=max_spend)
    if resume is not None and (users or from_ or group or plan or orders != Orders()):
        raise UsageError("--resume goes on with the batch as it was ordered; only caps can be given anew")

    if not loaded.config.source:
        raise UsageError("no source is configured; add one under [[source]] in hongshu.toml")

    def ordered(service: Service) -> Batch | Plan:
        notes, money = service.notes, service.ledger.database
        if resume is not None:
            return resume_batch(notes, money, resume, caps, served=background)
        creators = creators_of(users, from_, group, notes, column=column, skip_bad_lines=skip_bad_lines)
        if plan:
            return _planned(loaded.config, service, creators, orders)
        return open_batch(notes, money, creators, orders, caps, time.time_ns, served=background)

    return asyncio.run(_done(loaded, ordered, as_json=json))


async def _done(loaded: Loaded, ordered: Callable[[Service], Batch | Plan], *, as_json: bool) -> int:
    service = Service(loaded.config, loaded.data_dir, in_bulk=True)
    try:
        order = ordered(service)
        if isinstance(order, Plan):
            _show_plan(order, as_json=as_json)
            return DONE
        if order.served:
            _show_order(service, order, as_json=as_json)
            return DONE
        return await _run(service, order, loaded, as_json=as_json)
    finally:
        await service.close()


async def _run(service: Service, batch: Batch, loaded: Loaded, *, as_json: bool) -> int:
    """Work on a batch, show how it goes, and report."""
    standing = service.notes.read(lambda db: batches.counts(db, batch.id))
    way = shown(batch.id, sum(standing.values()), standing.get(State.COMPLETE, 0), as_json=as_json)
    collector = Collector(
        Tools(service.fetcher, service.notes_reader, service.notes_writer, service.covers),
        batch,
        max((one.concurrency for one in loaded.config.source), default=1),
        time.time_ns,
        way.tell,
    )
    beside = [
        asyncio.create_task(one)
        for one in (service.spending.keep_tidy(), service.health.keep_tidy(), _ticking(service, batch, way))
    ]
    _stop_at_signals(collector, batch)
    try:
        await collector.run()
    except asyncio.CancelledError:
        print(f"left; go on with: {_resume(batch)}", file=sys.stderr)
        return PARTLY
    finally:
        for one in beside:
            one.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        way.close()
    if collector.capped:
        service.notes.write(lambda db: batches.end_capped(db, batch.id, collector.stopped))
    await service.spending.flush()
    return _report(service, batch, loaded, collector, as_json=as_json)


def _show_order(service: Service, batch: Batch, *, as_json: bool) -> None:
    """Say how to follow what a server or worker collects."""
    counts = service.notes.read(lambda db: batches.counts(db, batch.id))
    words = {"batch": batch.id, "creators": sum(counts.values())}
    print_json(words) if as_json else print_words(words)
    print(f"a server or worker collects it; follow it with: hongshu batch show {batch.id}", file=sys.stderr)


async def _ticking(service: Service, batch: Batch, way: Shown) -> None:
    while True:
        budget = budget_of(service.ledger.database, batch.id)
        way.tick(budget.calls, budget.credits)
        await asyncio.sleep(TICK_SECONDS)


def _stop_at_signals(collector: Collector, batch: Batch) -> None:
    """Finish the pages in hand at the first Ctrl-C or SIGTERM; leave at the second."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()

    def asked_to_stop() -> None:
        if collector.stopped and main is not None:
            main.cancel()
            return
        print(f"finishing the pages in hand; again to leave at once; go on with: {_resume(batch)}", file=sys.stderr)
        collector.stop(STOPPED)

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, asked_to_stop)


def _report(service: Service, batch: Batch, loaded: Loaded, collector: Collector, *, as_json: bool) -> int:
    batch = batch_of(service.notes, batch.id)
    targets = service.notes.read(lambda db: batches.targets(db, batch.id))
    left = [target_words(one, collector.stopped) for one in targets if one.state is not State.COMPLETE]
    failed_file = _write_failed(loaded.data_dir / FAILED_FOLDER / f"{batch.id}.txt", left)
    words = done_words(batch, targets, budget_of(service.ledger.database, batch.id), collector.stopped, failed_file)
    if batch.orders.covers:
        words["covers"] = msgspec.structs.asdict(collector.covers)
    if as_json:
        print_json(words)
    else:
        _show(words, left, batch)
    if not left:
        return DONE
    return FAILED if all(one["state"] == State.FAILED.value for one in left) and len(left) == len(targets) else PARTLY


def _show(words: dict[str, Any], left: Sequence[dict[str, Any]], batch: Batch) -> None:
    print_words({name: value for name, value in words.items() if name != "event"})
    if not left:
        return
    print()
    rows = [{name: one[name] for name in ("creator", "state", "pages", "notes", "why")} for one in left]
    print_table(rows[:SHOWN_REASONS], empty="")
    if len(rows) > SHOWN_REASONS:
        print(f"… and {len(rows) - SHOWN_REASONS} more, all in {words['failed_file']}", file=sys.stderr)
    print(f"go on with: {_resume(batch)}", file=sys.stderr)


def _write_failed(path: Path, left: Sequence[dict[str, Any]]) -> str | None:
    """Write who is not complete, and why, as a list that --from takes; return where, or None where all are."""
    if not left:
        path.unlink(missing_ok=True)
        return None
    path.parent.mkdir(exist_ok=True)
    lines = [f"{one['creator']}  # {one['state']}: {printable(one['why'])}\n" for one in left]
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def _resume(batch: Batch) -> str:
    return f"hongshu collect --resume {batch.id}"


def _planned(config: Config, service: Service, creators: Sequence[str], orders: Orders) -> Plan:
    """Plan with the first source, which is asked where it can answer."""
    first = config.source[0]
    now_ns = time.time_ns()
    found = service.notes.read(lambda db: prospect(db, creators, orders, now_ns // 1_000_000))
    seconds = service.ledger.database.read(lambda db: mean_latency_seconds(db, first.name)) or LATENCY_SECONDS
    return planned(
        found, Terms(seconds=seconds, credits=first.call_cost, at_once=first.concurrency, rate=first.rate or None)
    )


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    words = msgspec.structs.asdict(plan)
    if as_json:
        print_json(words)
    else:
        print_words(words)
        print("nothing was sent; without --plan it is collected", file=sys.stderr)


def _check_bounds(*bounds: int | None) -> None:
    if any(one is not None and one < 1 for one in bounds):
        raise UsageError("--max-notes, --max-calls and --max-spend are at least 1")


def _ms(given: str | None) -> int | None:
    return None if given is None else given_ms(given)
