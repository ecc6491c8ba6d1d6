"""Workers in processes of their own, on one PostgreSQL, and the batch that they collect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from databases import open_room
from running import environment, run_hongshu


class Crew:
    """A data directory whose store is a PostgreSQL, and the workers on it."""

    def __init__(self, folder: Path, store: str, source: str, more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.store = store
        self.workers: list[subprocess.Popen[str]] = []
        (folder / "hongshu.toml").write_text(f'store = "{store}"\n{more}{source}', encoding="utf-8")

    def add(self, *arguments: str, within: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start one more worker; `within` is a command that runs it elsewhere."""
        log = (self.folder / f"worker-{len(self.workers)}.log").open("w", encoding="utf-8")
        with log:
            process = subprocess.Popen(
                [*within, sys.executable, "-m", "hongshu", "worker", *arguments],
                env=environment(self.folder),
                stdout=log,
                stderr=log,
                text=True,
            )
        self.workers.append(process)
        return process

    def log(self) -> str:
        """What the workers said."""
        return "".join(one.read_text(encoding="utf-8") for one in sorted(self.folder.glob("worker-*.log")))

    def said(self, *arguments: str, **env: str) -> Any:
        """Run a command with `--json` and return what it prints."""
        ended = run_hongshu(*arguments, "--json", data_dir=self.folder, env=env)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def order(self, creators: Sequence[str], *options: str) -> str:
        """Leave a batch to the workers and return its id."""
        listed = self.folder / "creators.txt"
        listed.write_text("\n".join(creators), encoding="utf-8")
        return str(self.said("collect", "--from", str(listed), "--background", *options)["batch"])

    def standing(self, batch: str) -> dict[str, Any]:
        """How a batch stands."""
        [found] = [one for one in self.said("batch", "list") if one["batch"] == batch]
        return dict(found)

    def until_complete(self, batch: str, within: float) -> dict[str, Any]:
        """Wait until every creator of a batch is complete."""
        end = time.monotonic() + within
        while (found := self.standing(batch))["complete"] < found["creators"]:
            assert time.monotonic() < end, f"{found}\n{self.log()[-3000:]}"
            time.sleep(0.2)
        return found

    def status(self) -> dict[str, Any]:
        """What `worker status --json` prints, whatever it ends with."""
        ended = run_hongshu("worker", "status", "--json", data_dir=self.folder)
        return dict(json.loads(ended.stdout))

    def granted(self) -> list[float]:
        """When questions to sources were granted, in seconds, in order."""
        with closing(open_room("postgresql", "money", self.store)) as room:
            found = room.read(lambda db: db.rows("SELECT id, at_ms FROM attempts ORDER BY at_ms"))
        return [at_ms / 1000 for _, at_ms in found]

    def hurried(self) -> None:
        """Let every look that nobody has in hand be due."""
        with closing(open_room("postgresql", "notes", self.store)) as room:
            room.write(lambda db: db.rows("UPDATE watches SET next_ms = 0 WHERE worker = ''"))

    def kill(self, worker: subprocess.Popen[str]) -> None:
        """End a worker as a power cut would."""
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(10)

    def stop(self) -> list[int]:
        """Stop every worker and return how each ended."""
        for one in self.workers:
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
        return [one.wait(60) for one in self.workers]


def most_in_a_second(moments: Sequence[float]) -> int:
    """The most moments in any second, of moments in order."""
    return max((bisect_right(moments, at + 1.0) - place for place, at in enumerate(moments)), default=0)
