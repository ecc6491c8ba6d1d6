"""Two portions at once: while one is read, another is computed over arrays."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from hongshu.analytics.duck.connections import Selects

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_AT_ONCE: Final = 2
_LOOKED: Final = 0.1
"""Seconds after which it is looked whether Ctrl+C was pressed."""

Add = Callable[["DuckDBPyConnection", Selects], None]
"""Adds what is answered about a portion, with a cursor of its own."""


def add_side_by_side(connection: DuckDBPyConnection, add: Add, portions: Sequence[Selects]) -> None:
    """Add portions, two at once where DuckDB has threads for it; a failure and Ctrl+C end what is under way, too."""
    [(threads,)] = connection.execute("SELECT current_setting('threads')").fetchall()
    free: SimpleQueue[DuckDBPyConnection] = SimpleQueue()

    def turn(portion: Selects) -> None:
        cursor = free.get()
        try:
            add(cursor, portion)
        finally:
            free.put(cursor)

    with _held_back() as pressed, ExitStack() as stack:
        cursors = [stack.enter_context(closing(connection.cursor())) for _ in range(min(_AT_ONCE, threads))]
        for cursor in cursors:
            free.put(cursor)
        with ThreadPoolExecutor(len(cursors)) as pool:
            waiting = {pool.submit(turn, portion) for portion in portions}
            try:
                while waiting and not pressed.is_set():
                    done, waiting = wait(waiting, _LOOKED, FIRST_COMPLETED)
                    for one in done:
                        one.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for cursor in cursors:
                    cursor.interrupt()
    if pressed.is_set():  # and whoever else hears of it went on: not all portions were added
        raise KeyboardInterrupt


@contextmanager
def _held_back() -> Iterator[threading.Event]:
    """Hold Ctrl+C back and tell that it was pressed, however often: a connection in use cannot be closed."""
    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if before in {None, signal.SIG_IGN} or threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed.is_set():
            signal.raise_signal(signal.SIGINT)
