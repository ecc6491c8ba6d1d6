"""Batches: creators that are collected on order, how far that is, page by page, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from starlette.responses import StreamingResponse

from hongshu.engine.collecting.orders import new_batch
from hongshu.engine.collecting.serving import Serving
from hongshu.engine.collecting.telling import target_words
from hongshu.engine.fetcher import Work
from hongshu.engine.money.spending import Spending
from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.lists import cells_of_text, listed
from hongshu.formats.times import given_ms
from hongshu.models import Clock
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.creators import group_name
from hongshu.server.console.reading import Lists
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run
from hongshu.store import batches, creators, spending
from hongshu.store.base import Connection
from hongshu.store.batches import Batch, Course, Orders, State
from hongshu.store.spending import Budget
from hongshu.store.writer import GroupWriter

LISTED: Final = 20
TARGETS_SHOWN: Final = 500
MOST_CREATORS: Final = 20_000
MOST_OPEN: Final = 20
"""Batches that one account may have under way."""
SIGNS_OF_CHANCE: Final = 8
"""What an identifier ends in that is not its time."""
TOLD_EVERY_SECONDS: Final = 0.5
FOLLOWED_SECONDS: Final = 5.0
"""A browser that still follows then asks again: no stream keeps a server from stopping for longer."""


class Parts(NamedTuple):
    """What this room works with."""

    reader: Lists
    writer: GroupWriter[Work, Any]
    spending: Spending
    serving: Serving
    run: Run
    price: int
    """What a page costs an account, in credits."""
    clock: Clock


class Batches:
    """Lists, orders, follows and cancels batches; an account sees its own, and pays for them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reader = parts.reader

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/batches", Rule.LOOK, self.listed),
            Door("POST", "/batches", Rule.ACT, self.order),
            Door("GET", "/batches/{batch}", Rule.LOOK, self.show),
            Door("GET", "/batches/{batch}/progress", Rule.LOOK, self.follow),
            Door("POST", "/batches/{batch}/cancel", Rule.ACT, self.cancel),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """List batches, the newest first."""
        before = visit.query.get("before") or "c"
        found, known = await self._reader.read(partial(_listed, account=visit.own, before=before))
        names = await self._parts.run(lambda desk: desk.accounting.names(one.account for one, _ in found))
        words = {
            "rows": [{**_words(one, how), "account_name": names.get(one.account, "")} for one, how in found],
            "groups": known,
            "older": found[-1][0].id if len(found) == LISTED else "",
            "paged": "before" in visit.query,
            "price": self._parts.price,
            "given": visit.query.get("creators", ""),
        }
        return Page("batches.html", words)

    async def order(self, visit: Visit) -> Answer:
        """Open a batch, which the server begins at once; an account pays for each of its pages like for a call."""
        form = visit.form
        group, into = form.text("group"), form.text("into")
        if into and visit.own:
            raise UsageError("groups are changed by operators; leave the group to put them into empty")
        if into:
            group_name(into)
        members = await self._reader.read(lambda db: creators.members(db, group)) if group else []
        named = _named("\n".join(form.texts("creators")))
        whom = tuple(dict.fromkeys([*named, *members]))
        if not whom:
            raise UsageError("nobody is named; paste ids, profile links or shared texts, one a line, or choose a group")
        if len(whom) > MOST_CREATORS:
            raise UsageError(
                f"{len(whom):,} creators are named; the console takes {MOST_CREATORS:,}, `hongshu collect` any"
            )
        orders = Orders(
            since_ms=given_ms(form.text("since")) if form.text("since") else None,
            most_notes=form.bound("most_notes"),
            full=form.text("full") == "yes",
        )
        cap, once = form.bound("most_pages"), form.once()
        if visit.own:
            await self._check_may_order(visit.own)
        new = new_batch(orders, self._parts.clock, None if once is None else bytes.fromhex(once))
        batch = msgspec.structs.replace(new, served=True, account=visit.own or "")
        await self._parts.spending.open_budget(Budget(id=batch.id, most_calls=cap))
        opened: str = await self._parts.writer.write(lambda db: _created(db, batch, whom, into))
        self._parts.serving.wake()
        return Go(f"/batches/{opened}", "batch_begun")

    async def _check_may_order(self, account: str) -> None:
        """Raise `UsageError` where an account cannot pay for a page, or has very much under way."""
        its = await self._parts.run(lambda desk: desk.accounting.account(account))
        if its.balance - its.held < self._parts.price:
            raise UsageError(
                f"the balance does not pay for a page, which costs {self._parts.price} credits; ask an operator for a"
                " top-up"
            )
        number = await self._reader.read(lambda db: batches.number_open(db, account))
        if number >= MOST_OPEN:
            raise UsageError(f"{number} batches of yours are under way; wait for one to end, or cancel one")

    async def show(self, visit: Visit) -> Answer:
        """Show how a batch and each of its creators stands."""
        batch = await self._owned(visit)
        how, targets, nicknames = await self._reader.read(partial(_shown, batch=batch))
        budget = await self._parts.run(lambda desk: desk.database.read(lambda db: spending.budget(db, batch.id)))
        words = {
            "batch": _words(batch, how),
            "orders": batch.orders,
            "targets": [{**one, "nickname": nicknames.get(one["creator"])} for one in targets],
            "left_out": max(0, how["creators"] - len(targets)),
            "budget": budget or Budget(id=batch.id),
        }
        return Page("batch.html", words)

    async def follow(self, visit: Visit) -> Answer:
        """Tell a page how a batch goes on, as server-sent events, until nothing is left to do."""
        batch = await self._owned(visit)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._told(batch.id), media_type="text/event-stream", headers=headers)

    async def cancel(self, visit: Visit) -> Answer:
        """End a batch for good; what was collected is kept."""
        batch = await self._owned(visit)
        await self._parts.writer.write(lambda db: batches.cancel(db, batch.id))
        return Go(f"/batches/{batch.id}", "batch_cancelled")

    async def _told(self, batch_id: str) -> AsyncIterator[str]:
        yield "retry: 500\n\n"
        until, last = time.monotonic() + FOLLOWED_SECONDS, ""
        while time.monotonic() < until:
            batch, how = await self._reader.read(lambda db: (batches.batch(db, batch_id), _how(db, batch_id)))
            told = msgspec.json.encode({f"b-{name}": value for name, value in how.items()}).decode()
            if told != last:
                yield f"event: words\ndata: {told}\n\n"
                last = told
            if batch is None or _state(batch, how) != "running":
                yield "event: ended\ndata: {}\n\n"
                return
            await asyncio.sleep(TOLD_EVERY_SECONDS)

    async def _owned(self, visit: Visit) -> Batch:
        """Return the batch in the address, which is the visitor's to see."""
        found = await self._reader.read(lambda db: batches.batch(db, visit.path["batch"]))
        if found is None:
            raise NotKnownError("there is nothing of that name here")
        visit.check_own(found.account)
        return found


def _named(text: str) -> tuple[str, ...]:
    found = listed(cells_of_text(text))
    if found.bad:
        told = "; ".join(f'line {one.number} "{one.text}": {one.why}' for one in found.bad[:3])
        more = f" … and {len(found.bad) - 3} more" if len(found.bad) > 3 else ""
        raise UsageError(f"{told}{more}")
    return found.creators


def _listed(
    db: Connection, account: str | None, before: str
) -> tuple[list[tuple[Batch, Mapping[str, int]]], list[str]]:
    found = batches.listed(db, LISTED, account=account, before=before)
    return [(one, _how(db, one.id)) for one in found], list(creators.groups(db))


def _created(db: Connection, batch: Batch, whom: tuple[str, ...], into: str) -> str:
    """Write a batch and return its id; that of the one that the same form, sent twice, has made."""
    for one in batches.listed(db, LISTED, account=batch.account):
        if one.id[-SIGNS_OF_CHANCE:] == batch.id[-SIGNS_OF_CHANCE:]:
            return one.id
    batches.create(db, batch, whom)
    if into:
        creators.add_members(db, into, whom)
    return batch.id


def _shown(db: Connection, batch: Batch) -> tuple[Mapping[str, int], list[dict[str, Any]], dict[str, str | None]]:
    shown = batches.first_targets(db, batch.id, TARGETS_SHOWN)
    known = creators.known(db, [one.creator for one in shown])
    waits = "" if batch.course is not Course.OPEN else "waiting"
    rows = [
        {**target_words(one), "state": waits if one.state is State.WAITING and waits else target_words(one)["state"]}
        for one in shown
    ]
    return _how(db, batch.id), rows, {one.creator: one.nickname for one in known}


def _how(db: Connection, batch_id: str) -> dict[str, int]:
    """Return how many creators of a batch stand how, and what was collected."""
    sums = batches.sums(db, batch_id)
    counts = {state: one.targets for state, one in sums.items()}
    creators_, waiting = sum(counts.values()), counts.get(State.WAITING, 0)
    return {
        "creators": creators_,
        "waiting": waiting,
        "ended": creators_ - waiting,
        **{one.value: counts.get(one, 0) for one in (State.COMPLETE, State.PARTIAL, State.FAILED)},
        "pages": sum(one.pages for one in sums.values()),
        "notes": sum(one.notes for one in sums.values()),
        "new": sum(one.fresh for one in sums.values()),
        "changed": sum(one.changed for one in sums.values()),
    }


def _state(batch: Batch, how: Mapping[str, int]) -> str:
    if batch.course is Course.CANCELLED:
        return "cancelled"
    if how["waiting"]:
        return "capped" if batch.course is Course.CAPPED else "running" if batch.served else "left"
    return "complete" if how["complete"] == how["creators"] else "partial"


def _words(batch: Batch, how: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": batch.id,
        "created_ms": batch.created_ms,
        "state": _state(batch, how),
        "why": batch.why,
        "account": batch.account,
        **how,
    }
