"""The queue of jobs, on Procrastinate: hung up by one worker, done by whichever is free, once more where that dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

import structlog
from procrastinate import App, JobContext, PsycopgConnector, exceptions
from procrastinate.worker import Worker

from hongshu.errors import HongshuError, StoreDownError, StoreError
from hongshu.formats.border import printable
from hongshu.store.jobs import OPTIONS, JobsSchema

SIGN_SECONDS: Final = 2.0
"""How often a worker gives a sign of life."""
DEAD_AFTER_SECONDS: Final = 8.0
"""Without a sign for so long, a worker's jobs are done by others."""
RESCUE: Final = "rescue"
"""What finds jobs whose worker died; no one of the kinds that are dealt out."""
MOST_CONNECTIONS: Final = 4
FAILED_DAYS: Final = 7
"""For so long it is kept why a job failed."""

_POLL_SECONDS: Final = 1.0
_RESCUED_EVERY: Final = "* * * * * */4"
"""Seconds stand last."""
_DOWN: Final = "the queue of jobs cannot be used; check that PostgreSQL runs and lets us in"
_log = structlog.get_logger("hongshu.jobs")
for _name in ("procrastinate", "psycopg.pool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what they would say, with every argument, we say

Do = Callable[[int, Mapping[str, Any]], Awaitable[None]]
"""Do a job: in the how-manieth run (0, and more after a worker died), with its arguments."""


class Kind:
    """A kind of job: its name, which is its queue's too, what does it, and which of those that wait comes first."""

    def __init__(self, name: str, do: Do, priority: int = 0) -> None:
        self.name = name
        self.do = do
        self.priority = priority


class Board:
    """Where jobs are hung up and taken from; it must be opened."""

    def __init__(self, url: str, kinds: Sequence[Kind]) -> None:
        self.schema = JobsSchema(url)
        self.hear: Callable[[], None] = _nobody
        """Called whenever a job was done here."""
        self._kinds = {one.name: one for one in kinds}
        self._app = App(
            connector=PsycopgConnector(
                conninfo=url, kwargs={"options": OPTIONS}, min_size=1, max_size=MOST_CONNECTIONS, timeout=10.0
            ),
            import_paths=[],
        )
        self._dealt = {one.name: self._registered(one) for one in kinds}
        rescue = self._app.task(name=RESCUE, queue=RESCUE, priority=100, queueing_lock=RESCUE)(self._rescue)
        self._app.periodic(cron=_RESCUED_EVERY, periodic_id=RESCUE)(rescue)

    async def open(self) -> None:
        """Prepare the schema and connect. Raises `StoreError`."""
        await asyncio.to_thread(self.schema.prepare, _text("schema.sql"), _steps())
        await self._act(self._app.open_async)

    async def close(self) -> None:
        """Hang up."""
        await self._app.close_async()

    async def deal(self, kind: str, *, only_one: bool = False, alone: bool = False, **arguments: Any) -> bool:
        """Hang up a job; False where `only_one` may wait and one does. Of jobs `alone` one is in hand at a time."""
        queueing, lock = kind if only_one else None, kind if alone else None
        job = self._dealt[kind].configure(queueing_lock=queueing, lock=lock)
        try:
            await self._act(lambda: job.defer_async(**arguments))
        except exceptions.AlreadyEnqueued:
            return False
        return True

    async def waiting(self) -> dict[str, int]:
        """Return how many jobs wait, by kind. Raises `StoreDownError`."""
        found = await self._act(self._app.job_manager.list_queues_async)
        return {one["name"]: one["todo"] for one in found if one["name"] != RESCUE}

    def worker(self, name: str, kinds: Sequence[str], places: int) -> Worker:
        """Return a worker that does jobs of some kinds, so many at once, when it is run."""
        return Worker(
            app=self._app,
            name=name,
            queues=kinds,
            concurrency=places,
            fetch_job_polling_interval=_POLL_SECONDS,
            abort_job_polling_interval=60.0,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=SIGN_SECONDS,
            stalled_worker_timeout=DEAD_AFTER_SECONDS,
        )

    def _registered(self, kind: Kind) -> Any:
        async def do(context: JobContext, /, **arguments: Any) -> None:
            await self._done(kind, context, arguments)

        return self._app.task(name=kind.name, queue=kind.name, priority=kind.priority, pass_context=True)(do)

    async def _done(self, kind: Kind, context: JobContext, arguments: Mapping[str, Any]) -> None:
        """Do a job; what fails for good is kept with its reason, what met a store that is down is claimed again."""
        try:
            await kind.do(context.job.attempts, arguments)
        except StoreDownError as error:
            _log.error("a job met a store that is down", kind=kind.name, why=error.message)
        except HongshuError as error:
            await self._failed(kind, context, error.message)
            raise
        except Exception as error:
            _log.exception("a job failed unexpectedly", kind=kind.name, exc_info=error)
            await self._failed(kind, context, "it failed unexpectedly; the worker's log says why")
            raise
        finally:
            self.hear()

    async def _failed(self, kind: Kind, context: JobContext, why: str) -> None:
        _log.error("a job failed", kind=kind.name, job=context.job.id, why=why)
        if context.job.id is not None:
            try:
                await asyncio.to_thread(self.schema.keep_reason, context.job.id, printable(why))
            except StoreError as error:
                _log.error("why a job failed could not be written down", why=error.message)

    async def _rescue(self, timestamp: int) -> None:  # noqa: ARG002 - when it was due; periodic tasks are told
        """Let jobs whose worker gave no sign for a while be done by others."""
        jobs = self._app.job_manager
        for one in await jobs.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_SECONDS):
            if one.id is not None:
                _log.warning("a worker died; its job is done again", kind=one.queue, job=one.id)
                await jobs.retry_job_by_id_async(one.id, datetime.now(UTC))

    async def _act(self, act: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await act()
        except exceptions.AlreadyEnqueued:
            raise
        except exceptions.ConnectorException as error:
            raise StoreDownError(_DOWN) from error


async def not_here(_run: int, _given: Mapping[str, Any]) -> None:
    """Refuse to do a job, where jobs are only hung up."""
    raise HongshuError("this process hangs up jobs and does none")


def _nobody() -> None:
    """Tell nobody."""


def lane_kinds(kinds: Sequence[str], *, rescues: bool) -> list[str]:
    """Return the kinds of a lane; of a process, one lane rescues what dead workers left."""
    return [*kinds, *([RESCUE] if rescues else [])]


def _text(name: str) -> str:
    return (resources.files("procrastinate.sql") / name).read_text(encoding="utf-8")


def _steps() -> dict[str, str]:
    folder = resources.files("procrastinate.sql") / "migrations"
    return {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".sql")}
