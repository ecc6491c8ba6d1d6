"""Contenders take turns under load, and the money must be right at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import closed_loop
import machine
from contenders import BASELINE, Books, Contender
from installation import PRICE
from report import Round, Rounds

_WARM_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is done: so many rounds of so many seconds, over so many connections; `quick` only tries it out."""

    folder: Path
    rounds: int
    seconds: float
    connections: int
    quick: bool = False

    def read_whole(self, name: str) -> int:
        """Return how many answers are read to their end before a contender's rounds."""
        few = self.quick or name == BASELINE
        return 200 if few else 2000


class Till:
    """Compares what was charged with what was answered, over all contenders whose money is kept in the same books."""

    def __init__(self, contenders: Sequence[Contender]) -> None:
        self._books = {id(one.books): one.books for one in contenders if one.books is not None}
        self._before = {key: books.balance() for key, books in self._books.items()}
        self._answers = dict.fromkeys(self._books, 0)
        self._unread = dict.fromkeys(self._books, 0)

    def count(self, books: Books | None, answers: int, unread: int = 0) -> None:
        """Count answers, and how many more calls may have been paid for by callers who then hung up."""
        if books is not None:
            self._answers[id(books)] += answers
            self._unread[id(books)] += unread

    def close(self) -> None:
        """Exit where not every answer was charged its price once, or where books do not add up."""
        for key, books in self._books.items():
            charged = self._before[key] - books.balance()
            answers, unread = self._answers[key], self._unread[key]
            if charged % PRICE or not 0 <= charged // PRICE - answers <= unread:
                raise SystemExit(f"{answers} to {answers + unread} answers, but {charged} credits were charged")
            books.verify()


def take_turns(contenders: Sequence[Contender], effort: Effort) -> Rounds:
    """Warm up and check each contender, then let them take turns (A B C A B C …) at full load."""
    for one in contenders:
        warm_up(one, effort)
    till = Till(contenders)
    rounds: dict[str, list[Round]] = {one.name: [] for one in contenders}
    for _ in range(effort.rounds):
        for one in contenders:
            rounds[one.name].append(full_load(one, effort, till))
    till.close()
    return rounds


def warm_up(contender: Contender, effort: Effort) -> None:
    """Read a number of answers to their end: each has code 0, and together they cost exactly their price."""
    till = Till([contender])
    answers = effort.read_whole(contender.name)
    outcome = closed_loop.ask(contender.calls, connections=effort.connections, answers=answers)
    check_all_good(contender.name, outcome)
    till.count(contender.books, outcome.answers)
    till.close()
    closed_loop.press(contender.calls, connections=effort.connections, seconds=_WARM_SECONDS)
    machine.wait_for_rest(contender.pids)


def full_load(contender: Contender, effort: Effort, till: Till) -> Round:
    """Load one contender for one round; wrk hangs up on at most one paid call a connection."""
    began = machine.cpu_seconds(contender.pids)
    outcome = closed_loop.press(contender.calls, connections=effort.connections, seconds=effort.seconds)
    ended = machine.cpu_seconds(contender.pids)
    machine.wait_for_rest(contender.pids)
    check_all_good(contender.name, outcome)
    till.count(contender.books, outcome.answers, unread=effort.connections)
    used = None if began is None or ended is None else ended - began
    return Round(load=outcome, cpu_seconds=used)


def check_all_good(name: str, outcome: closed_loop.Load) -> None:
    """Exit where a call failed."""
    if outcome.failures or not outcome.answers:
        raise SystemExit(f"{name}: {outcome.failures} calls failed, {outcome.answers} were answered")
