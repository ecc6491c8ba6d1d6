"""Batches as they are ordered: opened, gone on with, cancelled."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from hongshu.errors import NotKnownError, UsageError
from hongshu.ids import new_id
from hongshu.models import Clock, Word
from hongshu.store import batches, spending
from hongshu.store.base import Database
from hongshu.store.batches import Batch, Course, Orders
from hongshu.store.spending import Budget


class Caps(Word):
    """What a run may take of the sources from now on: questions, and credits; None is no cap."""

    calls: int | None = None
    credits: int | None = None

    @property
    def given(self) -> bool:
        """At least one is there."""
        return self.calls is not None or self.credits is not None


def new_batch(orders: Orders, clock: Clock, chance: bytes | None = None) -> Batch:
    """Return a batch that nobody has written yet; its id ends in what five bytes of chance say."""
    now_ns, chance = clock(), os.urandom(5) if chance is None else chance
    return Batch(id=new_id("bat", now_ns, chance), created_ms=now_ns // 1_000_000, course=Course.OPEN, orders=orders)


def open_batch(
    notes: Database,
    money: Database,
    creators: Sequence[str],
    orders: Orders,
    caps: Caps,
    clock: Clock,
    *,
    served: bool = False,
) -> Batch:
    """Write a batch with a target for each creator, and its budget first: there is none without one.

    A server or a worker collects it where it is `served`.
    """
    batch = msgspec.structs.replace(new_batch(orders, clock), served=served)
    budget = Budget(id=batch.id, most_calls=caps.calls, most_credits=caps.credits)
    money.write(lambda db: spending.set_budget(db, budget))
    notes.write(lambda db: batches.create(db, batch, creators))
    return batch


def resume_batch(notes: Database, money: Database, batch_id: str, caps: Caps, *, served: bool = False) -> Batch:
    """Return a batch to go on with, all that is not complete open again.

    Caps that are given count from now on. Else its own stay, unless it ended because they were used up: whoever
    resumes it then wants it complete. What was not complete of a `served` one is left to servers and workers again.
    Raises `NotKnownError`, and `UsageError` where it was cancelled, or is another's: a server or worker collects what
    was left to it, at the cost of whoever ordered it.
    """
    batch = batch_of(notes, batch_id)
    if batch.course is Course.CANCELLED:
        raise UsageError(f"{batch_id} was cancelled; collect its creators in a new batch")
    if batch.account:
        raise UsageError(f"{batch_id} was ordered at the console, whose server collects it; order there what is left")
    if batch.served and not served:
        raise UsageError(f"{batch_id} is left to a server or worker; hongshu collect --resume {batch_id} --background")
    if served and not batch.served:
        raise UsageError(f"{batch_id} is collected by commands; leave out --background")
    if caps.given or batch.course is Course.CAPPED:
        spent = budget_of(money, batch_id)
        budget = msgspec.structs.replace(
            spent,
            most_calls=None if caps.calls is None else spent.calls + caps.calls,
            most_credits=None if caps.credits is None else spent.credits + caps.credits,
        )
        money.write(lambda db: spending.set_budget(db, budget))
    notes.write(lambda db: batches.reopen(db, batch_id))
    return batch


def cancel_batch(notes: Database, batch_id: str) -> Batch:
    """End a batch; what was collected is kept. Raises `NotKnownError`."""
    batch_of(notes, batch_id)
    notes.write(lambda db: batches.cancel(db, batch_id))
    return batch_of(notes, batch_id)


def batch_of(notes: Database, batch_id: str) -> Batch:
    """Return a batch; raises `NotKnownError` where there is none of this id."""
    found = notes.read(lambda db: batches.batch(db, batch_id))
    if found is None:
        raise NotKnownError(f'there is no batch "{batch_id}"; `hongshu batch list` shows them')
    return found


def budget_of(money: Database, batch_id: str) -> Budget:
    """Return what a batch may take and took."""
    return money.read(lambda db: spending.budget(db, batch_id)) or Budget(id=batch_id)
