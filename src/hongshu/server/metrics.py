"""What is counted, as Prometheus text: over all processes of this server, and the store's own totals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hongshu.engine.asking.reports import SourceTotals, source_totals
from hongshu.engine.money.metering import GroupDone, Metering
from hongshu.engine.money.usage import Totals, totals
from hongshu.errors import HongshuError, StoreError
from hongshu.server.edge import INCOMING, Incoming, is_on_this_machine
from hongshu.server.operators import Run, check_operator
from hongshu.service.desk import Ledger

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which the processes of one server share their counters."""

_PROXIED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
"""Headers by which a reverse proxy on this machine shows that the request may come from another."""
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

_log = structlog.get_logger("hongshu.metrics")


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counted: dict[tuple[int, str], tuple[Counter, Histogram]] = {}
        self._calls = Counter(
            "hongshu_calls", "Answered calls of the V4 endpoint.", ("code", "cache"), registry=self.registry
        )
        self._seconds = Histogram(
            "hongshu_call_seconds",
            "Seconds from a call's arrival to its answer.",
            ("cache",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._group_jobs = Histogram(
            "hongshu_money_group_jobs",
            "Steps of calls that shared one money transaction.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self._group_seconds = Histogram(
            "hongshu_money_commit_seconds",
            "Seconds that a money transaction took, its sync included.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._lost_rows = Counter(
            "hongshu_lost_log_rows", "Notes beside the money that could not be written.", registry=self.registry
        )
        self._lost: Callable[[], int] = int
        self._lost_told = 0

    def watch(self, lost: Callable[[], int]) -> None:
        """Take over from now on what this process has lost, which `lost` tells."""
        self._lost = lost

    def answered(self, code: int, cache: str, seconds: float) -> None:
        """Count an answered call."""
        self.take_over_lost()
        counted = self._counted.get((code, cache))
        if counted is None:
            counted = self._counted[code, cache] = (self._calls.labels(str(code), cache), self._seconds.labels(cache))
        counted[0].inc()
        counted[1].observe(seconds)

    def take_over_lost(self) -> None:
        """Count what was lost since the last time, in the counter that the processes share."""
        lost = self._lost()
        if lost > self._lost_told:
            self._lost_rows.inc(lost - self._lost_told)
            self._lost_told = lost

    def grouped(self, done: GroupDone) -> None:
        """Count a money transaction."""
        self._group_jobs.observe(done.jobs)
        self._group_seconds.observe(done.seconds)

    def text(self, totals: Totals, sources: Mapping[str, SourceTotals]) -> bytes:
        """Return everything as Prometheus text; from any thread."""
        registry = self.registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types for it
        of_the_store = CollectorRegistry()
        of_the_store.register(_Store(totals))
        of_the_store.register(_Sources(sources))
        return generate_latest(registry) + generate_latest(of_the_store)


class Scrape:
    """Answers `GET /metrics`: to this machine, and elsewhere or through a proxy to operators."""

    def __init__(self, metrics: Metrics, metering: Metering, run: Run) -> None:
        self._metrics = metrics
        self._run = run
        metrics.watch(lambda: metering.lost_log_rows)

    def _text(self, desk: Ledger) -> bytes:
        return self._metrics.text(totals(desk.database), desk.database.read_at_length(source_totals))

    async def answer(self, request: Request) -> Response:
        """Return the metrics as Prometheus text."""
        incoming: Incoming = request.scope[INCOMING]
        try:
            if not is_on_this_machine(incoming.address) or _PROXIED & incoming.headers.keys():
                await check_operator(self._run, incoming)
            self._metrics.take_over_lost()
            text = await self._run(self._text, window="totals")
        except StoreError as error:
            _log.error("the store failed", why=error.message)
            return PlainTextResponse("the store cannot be used; see the server's log\n", status_code=503)
        except HongshuError:
            return PlainTextResponse(
                "an operator's token is needed from another machine or through a proxy\n", status_code=401
            )
        return Response(text, media_type=CONTENT_TYPE)


class _Sources(Collector):
    """How the sources did, and how they do."""

    def __init__(self, sources: Mapping[str, SourceTotals]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("hongshu_source_calls", "Questions to a source.", labels=("source", "verdict"))
        spent = CounterMetricFamily("hongshu_source_credits", "Credits that a source took.", labels=("source",))
        failures = GaugeMetricFamily(
            "hongshu_source_failures_in_a_row", "Failures since the last good answer.", labels=("source",)
        )
        paused = GaugeMetricFamily("hongshu_source_paused", "1 where the operator paused it.", labels=("source",))
        alarms = GaugeMetricFamily(
            "hongshu_source_field_alarms", "Fields that come otherwise than usual.", labels=("source",)
        )
        for source, told in self._sources.items():
            for verdict, number in told.verdicts.items():
                calls.add_metric((source, verdict), number)
            spent.add_metric((source,), told.credits)
            failures.add_metric((source,), told.failures)
            paused.add_metric((source,), int(told.paused))
            alarms.add_metric((source,), told.alarms)
        yield from (calls, spent, failures, paused, alarms)


class _Store(Collector):
    """The totals as gauges."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[GaugeMetricFamily]:
        told = self._totals
        gauges = (
            ("hongshu_accounts", "Accounts.", told.accounts),
            ("hongshu_balance_credits", "Balance of all accounts, in credits.", told.balance),
            ("hongshu_held_credits", "Credits held by calls in flight.", told.held),
            ("hongshu_holds", "Calls in flight that hold credits.", told.holds),
            ("hongshu_kept_answers_bytes", "Bytes of answers kept for Idempotency-Keys.", told.kept_answers_bytes),
        )
        for name, about, value in gauges:
            yield GaugeMetricFamily(name, about, value=value)
        low = GaugeMetricFamily(
            "hongshu_low_balance_credits", "Balance of each account below its threshold.", labels=("account",)
        )
        for account, balance in told.low:
            low.add_metric((account,), balance)
        yield low
