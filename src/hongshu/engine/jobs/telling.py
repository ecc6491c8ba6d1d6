"""Workers and jobs in the words of `hongshu worker status --json`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hongshu.engine.jobs.board import DEAD_AFTER_SECONDS, RESCUE
from hongshu.models import rfc3339
from hongshu.store.jobs import JobsSchema, Lane


def standing(url: str, failures: int) -> dict[str, Any]:
    """Return who works, what waits, and the latest failures. Raises `StoreError`."""
    schema = JobsSchema(url)
    if not schema.is_there():
        return {"workers": [], "jobs": [], "failures": []}
    return {
        "workers": _workers(schema.lanes()),
        "jobs": [
            {
                "kind": one.kind,
                "waiting": one.waiting,
                "in_hand": one.in_hand,
                "failed": one.failed,
                "oldest_s": None if one.oldest_s is None else round(one.oldest_s, 1),
            }
            for one in schema.numbers()
            if one.kind != RESCUE
        ],
        "failures": [
            {"job": one.id, "kind": one.kind, "at": rfc3339(one.at_ms), "why": one.why, "arguments": one.arguments}
            for one in schema.failures(failures)
        ],
    }


def _workers(lanes: Sequence[Lane]) -> list[dict[str, Any]]:
    """Return one line for each process: its lanes give signs and have jobs together."""
    by_name: dict[str, list[Lane]] = defaultdict(list)
    for one in lanes:
        by_name[one.worker].append(one)
    return [
        {
            "worker": name,
            "alive": min(one.silent_s for one in its) < DEAD_AFTER_SECONDS,
            "since": rfc3339(min(one.since_ms for one in its)),
            "last_sign_s": round(min(one.silent_s for one in its), 1),
            "concurrency": its[0].places,
            "in_hand": sum(one.in_hand for one in its),
            "version": its[0].version,
        }
        for name, its in sorted(by_name.items())
    ]
