"""Where log lines go: standard error, one line each, warnings and above, nothing in them that drives a terminal.

Whoever writes a line, a part of ours or a library, what has the shape of a secret is left out of it.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

from hongshu.formats.redaction import without_secrets

_formatter: Final = logging.Formatter()


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
    logging.setLogRecordFactory(_record)


def guard_threads() -> None:
    """Tell what nobody caught in a thread of this process without secrets, as `uncaught` does."""
    threading.excepthook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Tell what nobody caught; takes what `sys.excepthook` takes."""
    if issubclass(kind, SystemExit | KeyboardInterrupt):
        return
    lines = traceback.format_exception(kind, error, trace)
    sys.stderr.write(without_secrets("".join(lines)))


def _without_secrets(_: WrappedLogger, __: str, line: EventDict | str) -> str:
    return without_secrets(str(line))


def _record(*given: Any, **more: Any) -> logging.LogRecord:
    """Make a library's record; one that says a secret is made to say the same without it."""
    record = logging.LogRecord(*given, **more)
    try:
        said = record.getMessage()
    except Exception:  # its arguments do not fit: whoever writes it out says so
        return record
    told = without_secrets(said)
    if told != said:
        record.msg, record.args = told, ()
    if record.exc_info:
        record.exc_text = without_secrets(_formatter.formatException(record.exc_info))
    return record
