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
    """Hears of every test that ends, in any process, and adds to what a file holds from other runs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._told: dict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node, _, _ = report.nodeid.partition("[")
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[node][report.outcome] += 1
        if report.when == "call":
            self._told[node] += [str(value) for name, value in report.user_properties if name == "figure"]

    def pytest_sessionfinish(self) -> None:
        known: dict[str, Any] = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        wanted = tuple(nodes())
        for node, outcomes in self._outcomes.items():
            if node.startswith(wanted):
                told = self._told[node] or known.get(node, {}).get("figures", [])
                day = datetime.now(UTC).date().isoformat()
                known[node] = {"day": day, **outcomes, "figures": told}
        self._file.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")
