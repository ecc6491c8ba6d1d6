"""What was measured, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from load import Load

TARGETS = {"static body": 0.50, "FastAPI + SQLAlchemy": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One contender in one round."""

    load: Load
    cpu_seconds: float | None

    @property
    def per_second(self) -> float:
        return self.load.answers / self.load.seconds

    @property
    def cpu_us(self) -> float | None:
        return None if self.cpu_seconds is None else self.cpu_seconds / self.load.answers * 1e6


Rounds = Mapping[str, Sequence[Round]]


def table(rounds: Rounds) -> str:
    """Write medians with their range, one contender a line, as Markdown."""
    lines = ["| server | answers/s | p50 ms | p99 ms | CPU µs an answer |", "|---|---|---|---|---|"]
    for name, ones in rounds.items():
        cells = [
            _cell([one.per_second for one in ones], "{:,.0f}"),
            _cell([one.load.p50_ms for one in ones], "{:,.2f}"),
            _cell([one.load.p99_ms for one in ones], "{:,.2f}"),
            _cell([one.cpu_us for one in ones if one.cpu_us is not None], "{:,.0f}"),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratios(rounds: Rounds) -> str:
    """Write the product's answers/s and CPU time over the others', with the range over the rounds, as Markdown."""
    lines = ["| hongshu ÷ | answers/s | target | CPU time |", "|---|---|---|---|"]
    for name, target in TARGETS.items():
        speed = _ratio(rounds, name, lambda one: one.per_second)
        cpu = _ratio(rounds, name, lambda one: one.cpu_us)
        lines.append(f"| {name} | {_cell(speed, '{:,.3g}')} | ≥ {target:g} | {_cell(cpu, '{:,.3g}')} |")
    return "\n".join(lines)


def as_json(rounds: Rounds) -> dict[str, Any]:
    """Return every round, and the medians of the ratios."""
    return {
        "rounds": {
            name: [{**asdict(one.load), "per_second": one.per_second, "cpu_us": one.cpu_us} for one in ones]
            for name, ones in rounds.items()
        },
        "ratios": {
            name: {"median": median(_ratio(rounds, name, lambda one: one.per_second)), "target": target}
            for name, target in TARGETS.items()
        },
    }


def _ratio(rounds: Rounds, other: str, value: Callable[[Round], float | None]) -> list[float]:
    """Return the product's value over another's, round by round."""
    pairs = [(value(ours), value(theirs)) for ours, theirs in zip(rounds["hongshu"], rounds[other], strict=True)]
    return [ours / theirs for ours, theirs in pairs if ours is not None and theirs]


def _cell(values: Sequence[float], form: str) -> str:
    if not values:
        return "–"
    return f"{form.format(median(values))} ({form.format(min(values))}–{form.format(max(values))})"
