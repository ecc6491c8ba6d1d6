"""`hongshu version`."""

from __future__ import annotations

import platform

from hongshu import __version__
from hongshu.cli.printing import AsJson, print_json, print_words
from hongshu.store.sqlite import sqlite_version


def version(*, json: AsJson = False) -> None:
    """Show the version, and those of the parts that matter in a report."""
    words = {"hongshu": __version__, "python": platform.python_version(), "sqlite": sqlite_version()}
    if json:
        print_json(words)
    else:
        print_words(words)
