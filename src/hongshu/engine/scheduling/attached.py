"""Runs the command line as `python -m hongshu` does, and ends with whoever started it: standard input ends then."""

from __future__ import annotations

import os
import runpy
import threading
from contextlib import suppress


def main() -> None:
    """Run a command; standard input is a pipe, the other end of which is held by whoever waits for the command."""
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    runpy.run_module("hongshu", run_name="__main__", alter_sys=True)


def _end_with_the_other() -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)


if __name__ == "__main__":
    main()
