"""What was measured, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from closed_loop import Load

HEAD = ("server", "answers/s", "p50 ms", "p99 ms", "CPU µs an answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One contender in one round."""

    load: Load
    cpu_seconds: float | None = None

    @property
    def per_second(self) -> float:
        return self.load.answers / self.load.seconds

    @property
    def cpu_us(self) -> float | None:
        return None if self.cpu_seconds is None else self.cpu_seconds / self.load.answers * 1e6


Rounds = Mapping[str, Sequence[Round]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that has a target, once for each round; `cpu` is the same ratio of processor times."""

    what: str
    values: Sequence[float]
    target: str = ""
    cpu: Sequence[float] = ()

    def line(self) -> list[str]:
        return [self.what, cell(self.values, "{:,.3g}"), self.target or "–", cell(self.cpu, "{:,.3g}")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one benchmark came to: tables, figures, and everything once more for JSON."""

    about: str
    tables: Sequence[str]
    figures: Sequence[Figure] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    rounds: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Write it as Markdown."""
        told = [f"{name}: {value}" for name, value in self.told.items()]
        parts = [self.about, "\n".join(told), *self.tables, figures(self.figures)]
        return "\n\n".join(part for part in parts if part)

    def words(self) -> dict[str, Any]:
        """Return it for JSON, every round included."""
        told = {
            one.what: {"median": median(one.values), "values": list(one.values), "target": one.target}
            for one in self.figures
            if one.values
        }
        return {"about": self.about, "told": dict(self.told), "rounds": dict(self.rounds), "figures": told}


def table(rounds: Rounds) -> str:
    """Write medians with their range, one contender a line, as Markdown."""
    return grid(HEAD, [[name, *cells(ones)] for name, ones in rounds.items()])


def figures(measured: Sequence[Figure]) -> str:
    """Write figures and their targets, with the range over the rounds, as Markdown."""
    head = ("", "median (lowest–highest)", "target", "CPU time")
    return grid(head, [one.line() for one in measured]) if measured else ""


def ratio(rounds: Rounds, ours: str, other: str, target: str = "") -> Figure:
    """Return one contender's answers/s and CPU time over another's, round by round."""
    return Figure(
        what=f"{ours} ÷ {other}, answers/s",
        values=_ratio(rounds, ours, other, lambda one: one.per_second),
        target=target,
        cpu=_ratio(rounds, ours, other, lambda one: one.cpu_us),
    )


def p99(rounds: Rounds, name: str, what: str, target: str) -> Figure:
    """Return a contender's p99, round by round."""
    return Figure(what=what, values=[one.load.p99_ms for one in rounds[name]], target=target)


def grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows).replace("| --- ", "|---").replace("--- |", "---|")


def cell(values: Sequence[float], form: str) -> str:
    """Write a median with its range."""
    if not values:
        return "–"
    return f"{form.format(median(values))} ({form.format(min(values))}–{form.format(max(values))})"


def as_words(rounds: Rounds) -> dict[str, Any]:
    """Return every round for JSON."""
    return {
        name: [{**asdict(one.load), "per_second": one.per_second, "cpu_us": one.cpu_us} for one in ones]
        for name, ones in rounds.items()
    }


def cells(ones: Sequence[Round]) -> list[str]:
    """Write the numbers of a line."""
    return [
        cell([one.per_second for one in ones], "{:,.0f}"),
        cell([one.load.p50_ms for one in ones], "{:,.2f}"),
        cell([one.load.p99_ms for one in ones], "{:,.2f}"),
        cell([one.cpu_us for one in ones if one.cpu_us is not None], "{:,.0f}"),
    ]


def _ratio(rounds: Rounds, ours: str, other: str, value: Callable[[Round], float | None]) -> list[float]:
    pairs = [(value(one), value(its)) for one, its in zip(rounds[ours], rounds[other], strict=True)]
    return [one / its for one, its in pairs if one is not None and its]
