"""Traces of calls and of the questions to sources that they lead to, sent to the address that is configured, or none.

A span tells what was called and what came of it; no token, account, creator or address of a peer stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol, Self

from hongshu.config import OtelConfig
from hongshu.errors import SetupError
from hongshu.sources.base import Source

_MISSING: Final = 'traces need OpenTelemetry; install it with: pip install "hongshu[otel]"'


class Span(Protocol):
    """What is told of one call when it has ended."""

    def ended(self, *, code: int, status: int, cache: str, request_id: str) -> None:
        """Tell what came of a call."""
        ...


class Tracing(Protocol):
    """Traces calls and questions."""

    def call(self, method: str, headers: Mapping[bytes, bytes], /) -> AbstractContextManager[Span]:
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

    def call(self, *_: object) -> AbstractContextManager[Span]:
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


def tracing_of(config: OtelConfig) -> Tracing:
    """Return what traces, as the settings say. Raises `SetupError` with what to install."""
    if not config.endpoint:
        return Silent()
    try:
        from hongshu.service.telling import Telling  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError(_MISSING) from error
    return Telling(config.endpoint, config.sample)
