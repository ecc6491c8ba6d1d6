"""Work on many machines: workers under a gate with one killed, what jobs cost, looks, and one server beside two.

All run on this one machine, on a private PostgreSQL whose commits are on disk when they are answered.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import closed_loop
import machine
import report
from closed_loop import Load
from command import main
from contenders import Contender, hongshu
from counting import creator
from installation import Installation
from on_postgres import postgres
from processes import environment, script
from report import Round
from turns import Effort, Till, check_all_good, warm_up

from hongshu.engine.jobs.dealing import CHUNK
from hongshu.store.postgres import PostgresDatabase

RATE, CREATORS, WORKERS = 400, 15_000, 3
WATCHED = 3_000
FREE = 3_000
NOTES = 10
"""Notes a page, all of them new where nobody was collected before."""
QUICK = 20
"""By which numbers are divided where the benchmark is only tried out."""


class Source:
    """The counting source in a process of its own."""

    def __init__(self, notes: int) -> None:
        self.process = subprocess.Popen(
            script("counting.py", notes), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def log(self) -> list[tuple[float, str]]:
        """Return when it was asked for whom."""
        with urllib.request.urlopen(f"{self.url}/log", timeout=60) as answer:
            return [(at, user) for at, user in json.loads(answer.read())]

    def until_asked(self, times: int) -> None:
        """Wait until it was asked so many times; what waits takes little of the machine that is measured."""
        while self._count() < times:
            time.sleep(0.5)

    def _count(self) -> int:
        with urllib.request.urlopen(f"{self.url}/count", timeout=60) as answer:
            return int(answer.read())

    def settings(self, manners: str) -> str:
        """Return it as the only source."""
        return f'[[source]]\nname = "up"\nkind = "remote"\ntoken = "any"\nurl = "{self.url}"\n{manners}'

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


class Crew:
    """A data directory, and workers on it."""

    def __init__(self, folder: Path, store: str, settings: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.store = store
        (folder / "hongshu.toml").write_text(f'store = "{store}"\n{settings}', encoding="utf-8")
        self.workers: list[subprocess.Popen[bytes]] = []

    def done(self, *words: str, may_fail: bool = False) -> Any:
        """Run a command and return what it prints as JSON."""
        ended = subprocess.run(
            [sys.executable, "-m", "hongshu", *words, "--json"],
            env=environment(self.folder),
            capture_output=True,
            check=not may_fail,
        )
        return json.loads(ended.stdout)

    def start(self, number: int) -> None:
        """Start workers, and wait until all have given a sign."""
        for _ in range(number):
            with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
                self.workers.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "hongshu", "worker"],
                        env=environment(self.folder),
                        stdout=log,
                        stderr=log,
                    )
                )
        while len(self.done("worker", "status", may_fail=True)["workers"]) < number:  # 1: work waits, and nobody yet
            time.sleep(0.2)

    def order(self, creators: Sequence[str]) -> str:
        """Leave a batch to the workers."""
        listed = self.folder / "creators.txt"
        listed.write_text("\n".join(creators), encoding="utf-8")
        return str(self.done("collect", "--from", str(listed), "--background")["batch"])

    def until_complete(self, batch: str) -> None:
        """Wait until a batch is complete."""
        while (found := self.done("batch", "list")[0])["complete"] < found["creators"]:
            if found["batch"] != batch or found["failed"]:
                raise SystemExit(f"the batch went wrong: {found}")
            time.sleep(1.0)

    def stop(self) -> None:
        """Stop the workers."""
        for one in self.workers:
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
        for one in self.workers:
            one.wait(60)


@contextmanager
def _crew(
    effort: Effort, name: str, manners: str, more: str = "", notes: int = NOTES
) -> Iterator[tuple[Crew, Source, int]]:
    with postgres(effort.folder / f"{name}-pg") as server:
        source = Source(notes)
        crew = Crew(effort.folder / name, server.url, more + source.settings(manners))
        try:
            yield crew, source, server.pid
        finally:
            crew.stop()
            source.close()


def gate(effort: Effort) -> report.Result:
    """Collect everyone once at the pace of the gate, with one of three workers killed midway; pages of one new note."""
    return _gate(effort, 1)


def full_gate(effort: Effort) -> report.Result:
    """Do the same with pages of ten new notes."""
    return _gate(effort, NOTES)


def _gate(effort: Effort, notes: int) -> report.Result:
    creators = [creator(number) for number in range(CREATORS // (QUICK if effort.quick else 1))]
    shares, seconds, repeated, busiest = [], [], [], []
    for turn in range(1 if effort.quick else min(3, effort.rounds)):
        with _crew(effort, f"gate-{notes}-{turn}", f"rate = {RATE}\nconcurrency = 32\n", notes=notes) as (
            crew,
            source,
            _,
        ):
            crew.start(WORKERS)
            batch = crew.order(creators)
            source.until_asked(len(creators) // 2)
            crew.workers[0].kill()
            source.until_asked(len(creators))
            crew.until_complete(batch)
            log = source.log()
        moments = [at for at, _ in log]
        took = moments[-1] - moments[0]
        seconds.append(took)
        shares.append(len(creators) / took / RATE)
        repeated.append(float(len(log) - len({user for _, user in log})))
        busiest.append(float(most_in_a_second(moments)))
        if {user for _, user in log} != set(creators):
            raise SystemExit("not everyone was collected")
    return report.Result(
        about=f"{len(creators):,} creators of one page (new notes on it: {notes}), a gate of {RATE} questions a second,"
        f" {WORKERS} workers, one killed midway.",
        tables=[],
        figures=[
            report.Figure(what="creators a second ÷ the gate", values=shares, target="≥ 0.95"),
            report.Figure(what="questions repeated", values=repeated, target="≤ 64, those in flight"),
            report.Figure(what="questions in the busiest second, at the source", values=busiest),
            report.Figure(what="seconds", values=seconds),
        ],
        told={},
        rounds={},
    )


def jobs(effort: Effort) -> report.Result:
    """Collect without a gate, by one worker and by two: pages a second, and processor time a page."""
    creators = [creator(number) for number in range(FREE // (QUICK if effort.quick else 1))]
    rates: dict[int, list[float]] = {1: [], 2: []}
    costs: dict[str, list[float]] = {"a worker": [], "PostgreSQL": []}
    for turn in range(1 if effort.quick else min(3, effort.rounds)):
        for number, its in rates.items():
            with _crew(effort, f"jobs-{turn}-{number}", "concurrency = 32\n") as (crew, source, server):
                crew.start(number)
                pids = [one.pid for one in crew.workers]
                before = machine.cpu_seconds(pids), machine.cpu_seconds([server])
                batch = crew.order(creators)
                source.until_asked(len(creators))
                crew.until_complete(batch)
                after = machine.cpu_seconds(pids), machine.cpu_seconds([server])
                moments = [at for at, _ in source.log()]
            its.append(len(moments) / (moments[-1] - moments[0]))
            if number == 1:
                for name, began, ended in zip(costs, before, after, strict=True):
                    costs[name].append(((ended or 0.0) - (began or 0.0)) / len(creators) * 1e6)
    return report.Result(
        about=f"{len(creators):,} creators of one page of ten new notes, no gate; a job is {CHUNK} of them.",
        tables=[],
        figures=[
            *(report.Figure(what=f"pages a second, workers: {number}", values=its) for number, its in rates.items()),
            *(report.Figure(what=f"CPU a page, {name}, µs", values=its) for name, its in costs.items()),
        ],
        told={"jobs a second": f"with one worker {max(rates[1]) / CHUNK:.1f}"},
        rounds={},
    )


def looks(effort: Effort) -> report.Result:
    """Look at everyone watched once more, nothing new to be seen: what a watched creator costs a look."""
    creators = [creator(number) for number in range(WATCHED // (QUICK if effort.quick else 1))]
    rates, costs, there = [], [], []
    for turn in range(1 if effort.quick else min(3, effort.rounds)):
        more = "[watch]\ncalls_per_day = 100000000\nconcurrency = 32\n"
        with _crew(effort, f"looks-{turn}", "concurrency = 32\n", more) as (crew, source, server):
            listed = crew.folder / "creators.txt"
            listed.write_text("\n".join(creators), encoding="utf-8")
            crew.done("watch", "add", "--from", str(listed))
            crew.start(1)
            source.until_asked(len(creators))
            pids = [crew.workers[0].pid]
            while crew.done("worker", "status")["workers"][0]["in_hand"]:
                time.sleep(0.5)
            with closing(PostgresDatabase(crew.store, "notes", synchronous=False)) as room:
                room.write(lambda db: db.rows("UPDATE watches SET next_ms = 0"))
            known = len(source.log())
            before = machine.cpu_seconds(pids), machine.cpu_seconds([server])
            source.until_asked(known + len(creators))
            after = machine.cpu_seconds(pids), machine.cpu_seconds([server])
            log = source.log()
        number = len(creators)
        rates.append(number / (log[known + number - 1][0] - log[known][0]))
        costs.append(((after[0] or 0.0) - (before[0] or 0.0)) / number * 1e6)
        there.append(((after[1] or 0.0) - (before[1] or 0.0)) / number * 1e6)
    return report.Result(
        about=f"{len(creators):,} watched creators, all due at once, one worker; ten known notes a look.",
        tables=[],
        figures=[
            report.Figure(what="looks a second", values=rates),
            report.Figure(what="CPU a look, the worker, µs", values=costs),
            report.Figure(what="CPU a look, PostgreSQL, µs", values=there),
        ],
        told={},
        rounds={},
    )


def replicas(effort: Effort) -> report.Result:
    """Ask one server, then two on the same PostgreSQL, half the callers each."""
    with postgres(effort.folder / "replicas-pg") as server:
        home = Installation(effort.folder / "replicas", server.url)
        token = home.open_account()
        with (
            hongshu(home, token, name="one", pids=[server.pid]) as (one, _),
            hongshu(home, token, name="other", pids=[server.pid]) as (other, _),
        ):
            for each in (one, other):
                warm_up(each, effort)
            till = Till([one, other])
            rounds: dict[str, list[Round]] = {"one server": [], "two servers": []}
            for _ in range(effort.rounds):
                rounds["one server"].append(_pressed([one], effort, till))
                rounds["two servers"].append(_pressed([one, other], effort, till))
            till.close()
    return report.Result(
        about="A page at hand on PostgreSQL, exact; both servers, the database and the callers share two cores.",
        tables=[report.table(rounds)],
        figures=[report.ratio(rounds, "two servers", "one server")],
        told={"PostgreSQL": server.version},
        rounds=report.as_words(rounds),
    )


def _pressed(contenders: Sequence[Contender], effort: Effort, till: Till) -> Round:
    """Load servers at once, the connections shared out evenly."""
    pids = {pid for one in contenders for pid in one.pids}
    each = effort.connections // len(contenders)
    began = machine.cpu_seconds(pids)
    with ThreadPoolExecutor(len(contenders)) as threads:
        loads = list(
            threads.map(lambda one: closed_loop.press(one.calls, connections=each, seconds=effort.seconds), contenders)
        )
    ended = machine.cpu_seconds(pids)
    machine.wait_for_rest(pids)
    for one, load in zip(contenders, loads, strict=True):
        check_all_good(one.name, load)
        till.count(one.books, load.answers, unread=each)
    together = Load(
        answers=sum(one.answers for one in loads),
        seconds=max(one.seconds for one in loads),
        p50_ms=max(one.p50_ms for one in loads),
        p99_ms=max(one.p99_ms for one in loads),
        failures=0,
    )
    return Round(load=together, cpu_seconds=None if began is None or ended is None else ended - began)


def most_in_a_second(moments: Sequence[float]) -> int:
    """Return the most moments in any second, of moments in order."""
    return max((bisect_right(moments, at + 1.0) - place for place, at in enumerate(moments)), default=0)


BENCHMARKS = {"gate": gate, "full-gate": full_gate, "jobs": jobs, "looks": looks, "replicas": replicas}

if __name__ == "__main__":
    main(BENCHMARKS, __doc__)
