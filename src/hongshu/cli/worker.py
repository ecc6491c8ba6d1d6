"""`hongshu worker`."""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib import import_module
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from hongshu.cli.main import DONE, FAILED
from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, Whole, jobs_needed, queue_url, settings, settle
from hongshu.config import Loaded
from hongshu.errors import UsageError
from hongshu.service.places import prepare_folder
from hongshu.service.whole import Service

app = App(name="worker", help="Do the work of an installation on PostgreSQL, on as many machines as you like.")

SHOWN_FAILURES: Final = 20
MOST_AT_ONCE: Final = 64


@app.default
def run(
    *,
    concurrency: Annotated[
        Whole | None, Parameter(help="Chunks of batches, and of looks, in hand at once; else what the settings say.")
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Collect, watch, deliver, report, export and back up until SIGTERM or Ctrl-C; the pages in hand are finished."""
    loaded = settings(config)
    url = queue_url(loaded)
    places = loaded.config.worker.concurrency if concurrency is None else concurrency
    if not 1 <= places <= MOST_AT_ONCE:
        raise UsageError(f"--concurrency is a number from 1 to {MOST_AT_ONCE}")
    if not loaded.config.source:
        print("hongshu: no source is configured; nothing is collected or looked at", file=sys.stderr)
    with jobs_needed():
        import_module("hongshu.service.working")
    prepare_folder(loaded.data_dir)
    asyncio.run(_work(loaded, url, places))
    return DONE


@app.command
def status(*, config: ConfigFile = None, json: AsJson = False) -> int:
    """Show who works, what waits and what failed; ends with 1 where jobs wait and nobody works."""
    url = queue_url(settings(config))
    with jobs_needed():
        from hongshu.engine.jobs.telling import standing  # noqa: PLC0415 - an extra
    words = standing(url, SHOWN_FAILURES)
    if json:
        print_json(words)
    else:
        _show(words)
    waits = any(one["waiting"] for one in words["jobs"])
    return FAILED if waits and not any(one["alive"] for one in words["workers"]) else DONE


async def _work(loaded: Loaded, url: str, places: int) -> None:
    from hongshu.service.working import working  # noqa: PLC0415 - an extra

    service = Service(loaded.config, loaded.data_dir, settings_file=loaded.file)
    worker, looker = working(service, url, places)
    settle()
    beside = [*service.keep_tidy(), asyncio.create_task(looker.keep_dividing())]
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, worker.stop)
    print(f"hongshu: working, {places} chunks of each kind at once; Ctrl-C ends it", file=sys.stderr, flush=True)
    try:
        await worker.run(places)
    finally:
        for one in beside:
            one.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await looker.leave()
        await service.close()


def _show(words: dict[str, Any]) -> None:
    print_table(words["workers"], empty="nobody works; start one with: hongshu worker")
    print()
    print_table(words["jobs"], empty="no job waits or is in hand")
    if words["failures"]:
        print()
        shown = [{name: value for name, value in one.items() if name != "arguments"} for one in words["failures"]]
        print_table(shown, empty="")
