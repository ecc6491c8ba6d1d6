"""Traces of calls and of the questions to sources that they lead to, sent to the address that is configured, or none.

A span tells what was called and what came of it; no token, account, creator or address of a peer stands in it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from hongshu import __version__
from hongshu.config import OtelConfig
from hongshu.errors import SetupError
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Asked, Form, Reply
from hongshu.sources.base import Source

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

_MISSING: Final = 'traces need OpenTelemetry; install it with: pip install "hongshu[otel]"'
_PATIENCE_SECONDS: Final = 3.0
"""So long a group of spans is tried to be sent, and so much longer a server may take to stop."""
_PARENT: Final = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""What is taken of a caller's context (W3C Trace Context): ids in hex, and nothing that a caller could write there."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Span(Protocol):
    """What is told of one call when it has ended."""

    def ended(self, *, code: int, status: int, cache: str, request_id: str) -> None:
        """Tell what came of a call."""
        ...


class Tracing(Protocol):
    """Traces calls and questions."""

    def call(self, method: str, headers: Mapping[bytes, bytes]) -> AbstractContextManager[Span]:
        """Trace a call, below the span that its headers name (W3C Trace Context)."""
        ...

    def traced(self, source: Source) -> Source:
        """Return a source whose questions are traced."""
        ...

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        ...


class Silent:
    """Traces nothing."""

    def call(self, method: str, headers: Mapping[bytes, bytes]) -> AbstractContextManager[Span]:  # noqa: ARG002 - the contract's
        """Trace nothing."""
        return _NOTHING

    def traced(self, source: Source) -> Source:
        """Return the source as it is."""
        return source

    async def close(self) -> None:
        """Do nothing."""


class _Nothing:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ended(self, *, code: int, status: int, cache: str, request_id: str) -> None:
        pass


_NOTHING: Final = _Nothing()


class Telling:
    """Sends spans by OTLP over HTTP, in groups, from a thread of its own; a collector that is away loses them."""

    def __init__(self, config: OtelConfig) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SetupError(_MISSING) from error
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "hongshu", "service.version": __version__}),
            sampler=ParentBased(TraceIdRatioBased(config.sample)),
        )
        exporter = OTLPSpanExporter(endpoint=f"{config.endpoint.rstrip('/')}/v1/traces", timeout=_PATIENCE_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hongshu", __version__)

    def call(self, method: str, headers: Mapping[bytes, bytes]) -> AbstractContextManager[Span]:
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
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - an extra
            TraceContextTextMapPropagator,
        )

        self._opened: AbstractContextManager[OtelSpan] = tracer.start_as_current_span(
            f"{method} {V4_PATH}",
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": V4_PATH},
            record_exception=False,
        )
        self._span: OtelSpan | None = None

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
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra

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


def _failed(span: OtelSpan, why: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - an extra

    span.set_status(Status(StatusCode.ERROR, why))


def tracing_of(config: OtelConfig) -> Tracing:
    """Return what traces, as the settings say. Raises `SetupError` with what to install."""
    return Telling(config) if config.endpoint else Silent()
