"""`hongshu export`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from hongshu.cli.printing import AsJson, print_json, print_words
from hongshu.cli.setup import ConfigFile, give_way, jobs_needed, notes, queue_url, settings
from hongshu.config import Loaded
from hongshu.engine.exporting.exporter import Exported, Form, Order, export
from hongshu.errors import UsageError
from hongshu.formats.exports.coverage import State
from hongshu.formats.exports.kinds import What
from hongshu.formats.links import creator_id
from hongshu.formats.times import given_ms
from hongshu.models import rfc3339
from hongshu.service.places import prepare_folder
from hongshu.store.exporting import Span

_FORMS: Final = {f".{form.value}": form for form in Form}
_OTHERS: Final = {".json", ".ndjson", ".tsv", ".txt", ".xls", ".zip", ".gz", ".zst", ".db", ".sqlite"}
_WORD_EVERY_SECONDS: Final = 5.0

Kinds = Literal["notes", "observations", "events", "creators"]
Forms = Literal["parquet", "csv", "xlsx", "jsonl"]


def export_(  # noqa: PLR0913 - one argument an option
    *,
    out: Annotated[str, Parameter(help="File ending in .parquet, .csv, .xlsx or .jsonl, a folder, or an address.")],
    what: Annotated[
        Kinds | None, Parameter(help="Rows of a file (notes without it), or the one table of a folder.")
    ] = None,
    form: Annotated[Forms | None, Parameter(name="--format", help="Format; parquet in a folder.")] = None,
    creator: Annotated[tuple[str, ...], Parameter(help="Id of a creator, or a profile link; may be repeated.")] = (),
    group: Annotated[str | None, Parameter(help="The creators of a group.")] = None,
    since: Annotated[str | None, Parameter(help="Published, seen or happened at this time or later.")] = None,
    until: Annotated[str | None, Parameter(help="Published, seen or happened before this time.")] = None,
    overwrite: Annotated[bool, Parameter(negative=(), help="Replace a file, or a data set of hongshu.")] = False,
    background: Annotated[
        bool, Parameter(negative=(), help="Leave it to a worker, for which PATH must mean the same, and end.")
    ] = False,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Export what is kept as one file or as a data set; it gets its name when it is complete."""
    chosen, single = _form(out, form)
    whats = (What(what),) if what else ((What.NOTES,) if single else tuple(What))
    order = Order(
        out=out,
        form=chosen,
        single=single,
        what=whats,
        creators=tuple(dict.fromkeys(creator_id(one) for one in creator)),
        group=group,
        span=_span(since, until),
        overwrite=overwrite,
    )
    loaded = settings(config)
    prepare_folder(loaded.data_dir)
    if background:
        _leave(loaded, order, json=json)
        return
    give_way()
    with notes(loaded, in_bulk=True) as room, _ended_by_sigterm():
        exported = export(room, order, time.time_ns, _Words(quiet=json))
    _tell(order, exported, json=json)


def _leave(loaded: Loaded, order: Order, *, json: bool) -> None:
    """Hang up a job for a worker; what it exports into is named by its whole path."""
    url = queue_url(loaded)
    with jobs_needed():
        from hongshu.service.working import leave_export  # noqa: PLC0415 - an extra
    out = order.out if "://" in order.out else str(Path(order.out).absolute())
    leave_export(url, _arguments(msgspec.structs.replace(order, out=out)))
    words = {"out": out, "left_to": "a worker"}
    print_json(words) if json else print_words(words)
    print("follow it with: hongshu worker status", file=sys.stderr)


def _arguments(order: Order) -> list[str]:
    """Return what follows `hongshu export` where an order is typed."""
    span = {"since": order.span.since_ms, "until": order.span.until_ms}
    return [
        f"--out={order.out}",
        f"--format={order.form.value}",
        *([f"--what={order.what[0].value}"] if len(order.what) == 1 else []),
        *(f"--creator={one}" for one in order.creators),
        *([f"--group={order.group}"] if order.group is not None else []),
        *(f"--{name}={rfc3339(ms)}" for name, ms in span.items() if ms is not None),
        *(["--overwrite"] if order.overwrite else []),
    ]


def _form(out: str, form: str | None) -> tuple[Form, bool]:
    """Return the format, and whether the export is one file."""
    ending = PurePosixPath(out).suffix.lower()
    named = _FORMS.get(ending)
    if ending in _OTHERS:
        raise UsageError(f'"{ending}" is no format of exports; end PATH in {", ".join(_FORMS)}, or name a folder')
    if named and form and named is not Form(form):
        raise UsageError(f"PATH ends in {ending}, but --format says {form}; leave one of them out")
    return named or Form(form or Form.PARQUET), named is not None


def _span(since: str | None, until: str | None) -> Span:
    span = Span(
        since_ms=None if since is None else given_ms(since),
        until_ms=None if until is None else given_ms(until),
    )
    if span.since_ms is not None and span.until_ms is not None and span.since_ms >= span.until_ms:
        raise UsageError("--since must lie before --until")
    return span


def _tell(order: Order, exported: Exported, *, json: bool) -> None:
    if json:
        print_json(_words(order, exported))
    else:
        rows = ", ".join(f"{number:,} {what.value}" for what, number in exported.rows.items())
        size = exported.bytes / 1_000_000
        print(f"{rows} → {order.out} ({exported.files:,} file{'s' * (exported.files != 1)}, {size:,.1f} MB)")
    lacking = exported.states[State.PARTIAL] + exported.states[State.NONE]
    if lacking:
        print(
            f"{lacking:,} of {sum(exported.states.values()):,} creators are not covered completely; the manifest says"
            " what is",
            file=sys.stderr,
        )


def _words(order: Order, exported: Exported) -> dict[str, Any]:
    return {
        "out": order.out,
        "format": order.form.value,
        "files": exported.files,
        "rows": {what.value: number for what, number in exported.rows.items()},
        "bytes": exported.bytes,
    }


class _Words:
    """Says on standard error how far a long export is."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._next = time.monotonic() + _WORD_EVERY_SECONDS

    def __call__(self, done: int, of: int) -> None:
        if not self._quiet and time.monotonic() >= self._next:
            print(f"{done:,} of {of:,} creators", file=sys.stderr)
            self._next = time.monotonic() + _WORD_EVERY_SECONDS


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that no draft is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
