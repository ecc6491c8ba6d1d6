"""Traces by OpenTelemetry: the one place that knows its library."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hongshu import __version__
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Asked, Form, Reply
from hongshu.sources.base import Source

_PATIENCE_SECONDS: Final = 3.0
"""So long a group of spans is tried to be sent, and so much longer a server may take to stop."""
_PARENT: Final = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""What is taken of a caller's context (W3C Trace Context): ids in hex, and nothing that a caller could write there."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Telling:
    """Sends spans by OTLP over HTTP, in groups, from a thread of its own; a collector that is away loses them."""

    def __init__(self, endpoint: str, sample: float) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "hongshu", "service.version": __version__}),
            sampler=ParentBased(TraceIdRatioBased(sample)),
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_PATIENCE_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hongshu", __version__)

    def call(self, method: str, headers: Mapping[bytes, bytes]) -> AbstractContextManager[_Call]:
        """Trace a call, below the span that its headers name."""
        parent = headers.get(b"traceparent", b"")
        carrier = {"traceparent": parent.decode()} if _PARENT.fullmatch(parent) else {}
        return _Call(self._tracer, method if method in _METHODS else "_OTHER", carrier)

    def traced(self, source: Source) -> Source:
        """Return a source whose questions are traced."""
        return _TracedSource(source, self._tracer)

    async def close(self) -> None:
        """Send what is left, for a few seconds at most; what a silent collector has not taken then is lost."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=send, daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await done.wait()


class _Call:
    """One call's span, the one below which its questions stand."""

    def __init__(self, tracer: Tracer, method: str, carrier: Mapping[str, str]) -> None:
        self._opened: AbstractContextManager[Span] = tracer.start_as_current_span(
            f"{method} {V4_PATH}",
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": V4_PATH},
            record_exception=False,
        )
        self._span: Span | None = None

    def __enter__(self) -> Self:
        self._span = self._opened.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def ended(self, *, code: int, status: int, cache: str, request_id: str) -> None:
        if self._span is None:
            return
        told: dict[str, Any] = {"http.response.status_code": status, "hongshu.code": code, "hongshu.cache": cache}
        self._span.set_attributes({**told, "hongshu.request_id": request_id})
        if code == 500:
            _failed(self._span, "code 500")


class _TracedSource:
    """A source each of whose questions is a span."""

    def __init__(self, source: Source, tracer: Tracer) -> None:
        self._source = source
        self._tracer = tracer
        self.name = source.name
        self.kind = source.kind
        self.speaks: frozenset[Form] = source.speaks

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        told: dict[str, Any] = {"hongshu.source": self.name, "hongshu.source.kind": self.kind}
        with self._tracer.start_as_current_span(
            f"ask {self.name}",
            kind=SpanKind.CLIENT,
            attributes={**told, "hongshu.first": asked.cursor is None},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                reply = await self._source.page(asked, timeout_seconds)
            except BaseException as error:
                _failed(span, type(error).__name__)
                raise
            span.set_attributes({"http.response.status_code": reply.status, "hongshu.bytes": len(reply.body)})
            return reply

    def creators(self) -> tuple[str, ...]:
        return self._source.creators()

    async def close(self) -> None:
        await self._source.close()


def _failed(span: Span, why: str) -> None:
    span.set_status(Status(StatusCode.ERROR, why))
