"""The schema in which the queue of jobs keeps its tables: made and upgraded once, and what we read and add there.

The tables and functions are Procrastinate's, whose files are handed in; what begins with `hongshu_` is ours. The queue
holds nothing that the notes do not know: where it is lost, claims end by themselves and are made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from hongshu.errors import StoreError
from hongshu.models import Word
from hongshu.store.postgres import APPLICATION
from hongshu.store.refusals import Place

SCHEMA: Final = "hongshu_jobs"
OPTIONS: Final = f"-c search_path={SCHEMA} -c synchronous_commit=off -c client_min_messages=warning"
"""What connections to the queue are opened with: it may lose its last moments, since claims end by themselves."""

_LOCK: Final = 0x4853_4A42
_CONNECT_SECONDS: Final = 5
_OURS: Final = """
CREATE TABLE IF NOT EXISTS hongshu_applied (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS hongshu_workers (
    worker BIGINT PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    lane TEXT NOT NULL,
    places INTEGER NOT NULL,
    version TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS hongshu_reasons (
    job BIGINT PRIMARY KEY REFERENCES procrastinate_jobs (id) ON DELETE CASCADE,
    why TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
);
"""


class Lane(Word):
    """One lane of a worker process: how many jobs it does at once and in hand, and seconds since its last sign."""

    worker: str
    lane: str
    places: int
    in_hand: int
    silent_s: float
    since_ms: int
    version: str


class Number(Word):
    """How many jobs of a kind stand how; `oldest_s` is for how many seconds the oldest has waited."""

    kind: str
    waiting: int
    in_hand: int
    failed: int
    oldest_s: float | None


class Failure(Word):
    """A job that failed for good."""

    id: int
    kind: str
    why: str
    at_ms: int
    arguments: Mapping[str, Any]


class JobsSchema:
    """The queue's schema in one PostgreSQL database; each call opens a connection, and is rare."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._place = Place(url)

    def prepare(self, schema: str, steps: Mapping[str, str]) -> None:
        """Make the tables, or bring them up to this version; whoever comes at the same time waits.

        `schema` is the text that makes all, `steps` are by name, in order, those that it replaces. Raises `StoreError`.
        """
        with self._connected() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            made = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchone() == (True,)
            if not made:
                connection.execute(schema.encode())
            connection.execute(_OURS)
            known = {name for (name,) in connection.execute("SELECT name FROM hongshu_applied").fetchall()}
            if known - steps.keys():
                raise StoreError("the queue of jobs was made by a newer hongshu; upgrade this one")
            for name in sorted(steps.keys() - known):
                if made:
                    connection.execute(steps[name].encode())
                connection.execute("INSERT INTO hongshu_applied VALUES (%s)", (name,))

    def announce(self, worker: int, lane: Lane) -> None:
        """Write down who a worker of Procrastinate's is; that goes with its row."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO hongshu_workers (worker, name, lane, places, version)"
                " SELECT id, %s, %s, %s, %s FROM procrastinate_workers WHERE id = %s ON CONFLICT DO NOTHING",
                (lane.worker, lane.lane, lane.places, lane.version, worker),
            )

    def forget_creators(self, creators: Sequence[str]) -> int:
        """Take creators out of what jobs are to do; return in how many they were. Nothing where there is no queue."""
        with self._connected() as connection:
            if connection.execute("SELECT to_regclass('procrastinate_jobs') IS NULL").fetchone() == (True,):
                return 0
            changed = connection.execute(
                "UPDATE procrastinate_jobs SET args = jsonb_set(args, '{creators}', coalesce((SELECT jsonb_agg(one)"
                " FROM jsonb_array_elements_text(args -> 'creators') AS one WHERE one <> ALL(%s)), '[]'))"
                " WHERE args -> 'creators' ?| %s",
                (list(creators), list(creators)),
            )
            return changed.rowcount

    def keep_reason(self, job: int, why: str) -> None:
        """Write down why a job failed for good."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO hongshu_reasons (job, why) SELECT id, %s FROM procrastinate_jobs WHERE id = %s"
                " ON CONFLICT (job) DO UPDATE SET why = excluded.why, at = now()",
                (why, job),
            )

    def forget(self, days: int) -> None:
        """Delete what failed for good before so many days, and ran or was aborted."""
        with self._connected() as connection:
            connection.execute(
                "DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing') AND id NOT IN"
                " (SELECT job FROM hongshu_reasons WHERE at > now() - make_interval(days => %s))",
                (days,),
            )

    def is_there(self) -> bool:
        """Say whether the tables were made: a worker ran here before."""
        return self._rows("SELECT to_regclass('hongshu_workers') IS NOT NULL") == [(True,)]

    def lanes(self) -> Sequence[Lane]:
        """Return the lanes of all workers; those of the dead stay until another worker starts."""
        rows = self._rows(
            "SELECT name, lane, places, (SELECT count(*) FROM procrastinate_jobs AS job WHERE job.worker_id = w.id"
            " AND job.status = 'doing'), extract(epoch FROM now() - w.last_heartbeat)::float8,"
            " (extract(epoch FROM since) * 1000)::bigint, version FROM procrastinate_workers AS w"
            " JOIN hongshu_workers ON worker = w.id ORDER BY name, lane"
        )
        return [_lane(row) for row in rows]

    def numbers(self) -> Sequence[Number]:
        """Return how many jobs there are of each kind."""
        rows = self._rows(
            "SELECT queue_name, count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),"
            " count(*) FILTER (WHERE status = 'failed'), (SELECT extract(epoch FROM now() - min(event.at))::float8 FROM"
            " procrastinate_events AS event JOIN procrastinate_jobs AS its ON its.id = event.job_id WHERE"
            " its.queue_name = job.queue_name AND its.status = 'todo') FROM procrastinate_jobs AS job"
            " GROUP BY queue_name ORDER BY queue_name"
        )
        return [
            Number(kind=kind, waiting=waiting, in_hand=in_hand, failed=failed, oldest_s=oldest)
            for kind, waiting, in_hand, failed, oldest in rows
        ]

    def failures(self, limit: int) -> Sequence[Failure]:
        """Return what failed for good, the latest first."""
        rows = self._rows(
            "SELECT job.id, queue_name, why, (extract(epoch FROM at) * 1000)::bigint, args"
            " FROM procrastinate_jobs AS job JOIN hongshu_reasons ON job = job.id WHERE status = 'failed'"
            " ORDER BY at DESC LIMIT %s",
            (limit,),
        )
        return [Failure(id=id_, kind=kind, why=why, at_ms=at, arguments=args) for id_, kind, why, at, args in rows]

    def _rows(self, text: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return connection.execute(text.encode(), values).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            with psycopg.connect(
                self.url, options=OPTIONS, connect_timeout=_CONNECT_SECONDS, application_name=APPLICATION
            ) as connection:
                yield connection
        except psycopg.Error as error:
            raise self._place.told(error) from error


def _lane(row: tuple[Any, ...]) -> Lane:
    worker, lane, places, in_hand, silent_s, since_ms, version = row
    return Lane(
        worker=worker,
        lane=lane,
        places=places,
        in_hand=in_hand,
        silent_s=silent_s,
        since_ms=since_ms,
        version=version,
    )
