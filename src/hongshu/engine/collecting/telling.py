"""Batches in the words of `hongshu collect --json` and `hongshu batch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hongshu.engine.collecting.collector import PageSaved
from hongshu.models import rfc3339
from hongshu.store.batches import Batch, Course, State, Target
from hongshu.store.spending import Budget


def page_words(batch_id: str, saved: PageSaved) -> dict[str, Any]:
    """Return the event of a page that was saved."""
    return {
        "event": "page",
        "batch": batch_id,
        "creator": saved.target.creator,
        "page": saved.target.pages,
        "notes": saved.notes,
        "new": saved.fresh,
        "changed": saved.changed,
    }


def target_words(target: Target, why: str = "") -> dict[str, Any]:
    """Return how a creator stands; `why` where the run ended before it was reached or complete."""
    waits = target.state is State.WAITING
    return {
        "creator": target.creator,
        "state": (State.PARTIAL if waits else target.state).value,
        "why": target.why or (why if waits else ""),
        "pages": target.pages,
        "notes": target.notes,
        "new": target.fresh,
        "changed": target.changed,
    }


def creator_words(batch_id: str, target: Target, why: str = "") -> dict[str, Any]:
    """Return the event of a creator with which the run is through."""
    return {"event": "creator", "batch": batch_id, **target_words(target, why)}


def batch_words(batch: Batch, targets: Sequence[Target], budget: Budget) -> dict[str, Any]:
    """Return how a batch stands."""
    complete = sum(one.state is State.COMPLETE for one in targets)
    failed = sum(one.state is State.FAILED for one in targets)
    state = "complete" if complete == len(targets) else "partial"
    return {
        "batch": batch.id,
        "state": Course.CANCELLED.value if batch.course is Course.CANCELLED else state,
        "created": rfc3339(batch.created_ms),
        "creators": len(targets),
        "complete": complete,
        "partial": len(targets) - complete - failed,
        "failed": failed,
        "pages": sum(one.pages for one in targets),
        "notes": sum(one.notes for one in targets),
        "new": sum(one.fresh for one in targets),
        "changed": sum(one.changed for one in targets),
        "calls": budget.calls,
        "spend": budget.credits,
        "max_calls": budget.most_calls,
        "max_spend": budget.most_credits,
        "served": batch.served,
    }


def done_words(
    batch: Batch, targets: Sequence[Target], budget: Budget, stopped: str, failed_file: str | None
) -> dict[str, Any]:
    """Return the report of a run, as its last event."""
    words = batch_words(batch, targets, budget)
    fresh = words["new"]
    unchanged = max(0, words["notes"] - fresh - words["changed"])
    return {
        "event": "done",
        **words,
        "unchanged": unchanged,
        "spend_per_new_note": round(words["spend"] / fresh, 2) if fresh else None,
        "stopped": stopped,
        "failed_file": failed_file,
    }
