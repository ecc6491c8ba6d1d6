"""Where log lines go: standard error, one line each, warnings and above, nothing in them that drives a terminal."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from hongshu.formats.tokens import without_tokens


def configure() -> None:
    """Write logs to whatever standard error is when a line comes; tracebacks are told without what variables held."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
            _without_secrets,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _without_secrets(_: WrappedLogger, __: str, line: EventDict | str) -> str:
    return without_tokens(str(line))
