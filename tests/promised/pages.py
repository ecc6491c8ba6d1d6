"""Writes the pages of what is promised: each promise, its tests, and what they last found (`make promises`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))

from promised.promises import Promise, promises

DOCS: Final = Path(__file__).parents[2] / "docs"
FIGURES: Final = DOCS / "figures.json"
ABOUT: Final = {
    "security": """\
# What is promised: security

Who may see what, and what strangers' bytes can do. Made from the results of the tests (`make promises`); how to report
a hole is in [SECURITY](../SECURITY.md), what is shipped in [supply](reference/supply.md).""",
    "reliability": """\
# What is promised: reliability

What holds for money, results and operation, whatever happens. Made from the results of the tests (`make promises`);
long forms of them are run by `make soak`, benchmarks are in [performance](performance.md).""",
}


def page(name: str, figures: Mapping[str, Any]) -> str:
    """Return a page in Markdown."""
    parts = [ABOUT[name], *("\n".join(_section(one, figures)) for one in promises() if one.page == name)]
    return "\n\n".join(parts) + "\n"


def _section(promise: Promise, figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {promise.number}"
    yield f"\n{promise.says}\n"
    if promise.not_met:
        yield f"**Not met:** {promise.not_met}\n"
    for test in promise.tests:
        found = {node: told for node, told in figures.items() if node.startswith(test)}
        yield f"- [`{test.removeprefix('tests/')}`](../{test.partition('::')[0]}): {_outcome(found)}"
        yield from (f"  - {figure}" for told in found.values() for figure in told["figures"])


def _outcome(found: Mapping[str, Any]) -> str:
    if not found:
        return "not run yet"
    counts = {what: sum(told.get(what, 0) for told in found.values()) for what in ("passed", "failed", "skipped")}
    day = max(told["day"] for told in found.values())
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number) + f" ({day})"


def known() -> dict[str, Any]:
    """Return what the tests last found."""
    return dict(json.loads(FIGURES.read_text("utf-8"))) if FIGURES.exists() else {}


if __name__ == "__main__":
    for name in ABOUT:
        (DOCS / f"{name}.md").write_text(page(name, known()), "utf-8")
