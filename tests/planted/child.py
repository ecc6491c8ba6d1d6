"""Runs a few tests against a copy of the package and tells which failed: `child.py FOLDER_OF_THE_COPY NODE…`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import hongshu

NOT_THE_COPY = 99
PLUGINS = ["pytest_asyncio.plugin", "pytest_timeout"]
"""Those that the tests need; to load the others takes longer than most of the tests."""
LEFT_OUT = ["no:cacheprovider", "no:unraisableexception"]
"""What a mistake leaves open is told by the failure already."""


class Heard:
    """What became of each test; a set-up that failed or a test that was left out is trouble, and proves nothing."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed: list[str] = []
        self.trouble: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.skipped:
            (self.failed if report.failed else self.passed).append(report.nodeid)
        elif not report.passed:
            self.trouble.append(f"{report.nodeid} ({report.when}): {report.longreprtext}")


def main(copy: str, *nodes: str) -> int:
    """Run the tests and print, as the last line, what was heard of them."""
    if not Path(hongshu.__file__).is_relative_to(copy):
        print(f"{hongshu.__file__} is not in {copy}")
        return NOT_THE_COPY
    heard = Heard()
    plugins = [part for name in (*PLUGINS, *LEFT_OUT) for part in ("-p", name)]
    status = pytest.main([*plugins, "--timeout=60", "--tb=short", *nodes], plugins=[heard])
    print(json.dumps(vars(heard)))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
