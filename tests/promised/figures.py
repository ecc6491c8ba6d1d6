"""Writes down how the tests of promises ended and what they measured: `pytest --figures=FILE`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from promised.promises import nodes


class Figures:
    """Hears of every test that ends, in any process, and adds to what a file holds from other runs.

    Each form of a test that tells a figure stands for itself, so that a short one does not take the place of a long
    one; the others are counted together.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._told: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = [str(value) for name, value in report.user_properties if name == "figure"]
        node = report.nodeid if told else _whole(report.nodeid)
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[node][report.outcome] += 1
            self._told[node] = told

    def pytest_sessionfinish(self) -> None:
        known: dict[str, Any] = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        wanted = tuple(nodes())
        day = datetime.now(UTC).date().isoformat()
        for node in map(_whole, self._outcomes):
            known.pop(node, None)
        for node, outcomes in self._outcomes.items():
            if node.startswith(wanted):
                known[node] = {"day": day, **outcomes, "figures": self._told[node]}
        self._file.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")


def _whole(node: str) -> str:
    """Return the name of a test without that of its form."""
    return node.partition("[")[0]
