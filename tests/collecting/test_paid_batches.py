"""Pages that an account pays for: each that was saved for it is charged once, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collecting.test_collecting_batches import AT_MS, CREATORS, Frozen, source_of
from collecting.worlds import Clock, Site
from hongshu.egress import GuardedEgress
from hongshu.engine.collecting import paying
from hongshu.engine.collecting.collector import Collector, Tools
from hongshu.engine.collecting.orders import Caps, cancel_batch, resume_batch
from hongshu.engine.collecting.paying import AccountPays, Payer
from hongshu.engine.collecting.serving import OF_EACH, Serving
from hongshu.engine.covers import CoverFiles, CoverPolicy, Covers
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.audit import verify
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Outcome, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.engine.watching.looking import Terms as Watching
from hongshu.engine.watching.looking import Tools as WatchingTools
from hongshu.engine.watching.monitor import Monitor
from hongshu.errors import StoreDownError, UnpaidError, UsageError
from hongshu.store import batches, watches
from hongshu.store.accounts import Token
from hongshu.store.base import Connection
from hongshu.store.batches import Batch, Course, State
from hongshu.store.reader import Reader
from money.room import UNLIMITED

KEY = bytes(range(32))
PRICE = 10


class Paying(Site):
    """A site with an account that pays for what is collected."""

    def __init__(self, where: tuple[str, Path | str], source: Frozen, clock: Clock) -> None:
        super().__init__(where, source, clock)
        self.accounting = Accounting(self.money, KEY, clock)
        self.accounting.open_account("a", balance=1_000_000, zone="Asia/Shanghai")
        self.metering = self.metered(Metering)

    def metered(self, kind: type[Metering]) -> Metering:
        terms = Terms(prices={USER_NOTES: Prices(collected=PRICE, at_hand=PRICE)})
        return kind(self.money, Reader(self.money), None, KEY, terms, self.clock)

    def payer(self, rate: int = 60_000_000, burst: int = 1_000_000) -> AccountPays:
        allowance = msgspec.structs.replace(UNLIMITED, rate_per_minute=rate, burst=burst)
        token: Token = self.accounting.issue_token("a", "", allowance)[0].token
        return AccountPays(self.metering, token.account, token.id, self.clock)

    def collector(self, batch: Batch, payer: Payer, at_once: int = 4) -> Collector:
        return Collector(self.tools(), batch, at_once, self.clock, self.told.append, payer)

    def tools(self) -> Tools:
        _, fetcher, reader, writer = self.parts()
        covers = Covers(
            reader,
            writer,
            GuardedEgress("test", ()),
            CoverFiles(self.folder, self.clock),
            CoverPolicy(hosts=()),
            self.clock,
        )
        return Tools(fetcher, reader, writer, covers)

    def ordered(self, creators: Sequence[str] = CREATORS, caps: Caps = Caps()) -> Batch:  # noqa: B008 - it is frozen
        batch = self.order(creators, caps=caps)
        account = self.accounting.account("a").id
        self.notes.write(
            lambda db: db.rows("UPDATE batches SET served = 1, account = ? WHERE id = ?", (account, batch.id))
        )
        return self.batch(batch)

    def batch(self, batch: Batch) -> Batch:
        found = self.notes.read(lambda db: batches.batch(db, batch.id))
        assert found is not None
        return found

    def pages(self, batch: Batch) -> int:
        return sum(one.pages for one in self.targets(batch))

    async def spent(self) -> int:
        await self.metering.flush()
        assert verify(self.money, KEY).ok
        account = self.accounting.account("a")
        assert account.held == 0
        return 1_000_000 - account.balance

    async def codes(self) -> dict[int, int]:
        await self.metering.flush()
        return dict(self.money.read(lambda db: db.rows("SELECT code, count(*) FROM calls GROUP BY code")))


@pytest.fixture
def site(store: tuple[str, Path | str]) -> Iterator[Paying]:
    made = Paying(store, Frozen(late=0.02), Clock(AT_MS))
    yield made
    made.close()


async def test_each_saved_page_is_charged_once(site: Paying) -> None:
    batch = site.ordered()
    await site.collector(batch, site.payer()).run()
    assert site.pages(batch) == len(source_of(site).asked)
    assert await site.spent() == PRICE * site.pages(batch)


async def test_what_waits_for_the_rate_when_a_batch_is_cancelled_is_not_asked_for(site: Paying) -> None:
    """Many creators are in hand and wait for their turn; after the cancel only the page in hand is paid."""
    batch = site.ordered()
    source_of(site).late = 0.0
    running = asyncio.create_task(site.collector(batch, site.payer(rate=600, burst=2), at_once=10).run())
    while site.pages(batch) < 4:  # noqa: ASYNC110 - the store tells nobody
        await asyncio.sleep(0.02)
    cancel_batch(site.notes, batch.id)
    asked = len(source_of(site).asked)
    await asyncio.wait_for(running, 20)
    assert len(source_of(site).asked) <= asked + 1
    assert await site.spent() == PRICE * site.pages(batch)


async def test_a_page_of_a_target_that_another_worker_took_costs_nothing(site: Paying) -> None:
    """As after a lease that ended: what this worker saves then is paid by whoever has the target."""
    batch = site.ordered()
    source_of(site).late = 0.1
    running = asyncio.create_task(site.collector(batch, site.payer()).run())
    while site.pages(batch) < 3 or len(source_of(site).asked) == site.pages(batch):  # noqa: ASYNC110 - the store tells nobody
        await asyncio.sleep(0.005)
    ahead_ms = site.clock.now_ms + 60_000
    taken = "UPDATE targets SET worker = 'other', lease_ms = ? WHERE batch = ? AND state = 'waiting'"
    site.notes.write(lambda db: db.rows(taken, (ahead_ms, batch.id)))
    await asyncio.sleep(0.3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert site.pages(batch) < len(source_of(site).asked)
    assert await site.spent() == PRICE * site.pages(batch)


async def test_the_cap_of_a_batch_leaves_no_failed_calls(site: Paying) -> None:
    batch = site.ordered(caps=Caps(calls=7))
    collector = site.collector(batch, site.payer())
    await collector.run()
    assert collector.capped
    assert await site.codes() == {0: 7}
    assert await site.spent() == 7 * PRICE


async def test_a_charge_that_is_refused_ends_the_batch(site: Paying) -> None:
    """The hold was lost and the account is suspended meanwhile: nothing more is collected for nothing."""
    batch = site.ordered()
    source_of(site).late = 0.3
    collector = site.collector(batch, site.payer(), at_once=1)
    running = asyncio.create_task(collector.run())
    while not source_of(site).asked:  # noqa: ASYNC110 - the source tells nobody
        await asyncio.sleep(0.01)
    site.accounting.set_active("a", active=False)
    site.clock.wait(60_000)  # the lease of the hold has ended
    await site.metered(Metering).tidy()  # as another process does
    await asyncio.wait_for(running, 20)
    assert collector.capped
    assert len(source_of(site).asked) <= 3
    assert await site.spent() == 0


class Down(Metering):
    """A money room that is down for the first charges."""

    tries = 0

    async def capture(self, call: Call, paid: Paid) -> Outcome:
        self.tries += 1
        if self.tries <= 2:
            raise StoreDownError("the disk is away")
        return await super().capture(call, paid)


async def test_a_saved_page_is_charged_when_the_store_is_back(site: Paying) -> None:
    site.metering = site.metered(Down)
    batch = site.ordered(CREATORS[:1])
    await site.collector(batch, site.payer()).run()
    assert await site.spent() == PRICE * site.pages(batch) > 0


class Away(Metering):
    """A money room that is down whenever something is to be charged."""

    async def capture(self, call: Call, paid: Paid) -> Outcome:
        raise StoreDownError("the disk is away")


async def test_a_page_that_cannot_be_charged_leaves_nothing_held(site: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paying, "CAPTURE_TRIES", 1)
    site.metering = site.metered(Away)
    batch = site.ordered(CREATORS[:1])
    with pytest.raises(StoreDownError):
        await site.collector(batch, site.payer()).run()
    await site.metering.flush()
    account = site.accounting.account("a")
    assert (account.balance, account.held) == (1_000_000, 0)
    assert set(await site.codes()) == {500}


async def test_a_batch_of_the_console_is_not_gone_on_with_from_the_command_line(site: Paying) -> None:
    batch = site.ordered(caps=Caps(calls=3))
    await site.collector(batch, site.payer()).run()
    site.notes.write(lambda db: batches.end_capped(db, batch.id, "used up"))
    with pytest.raises(UsageError, match="console"):
        resume_batch(site.notes, site.money, batch.id, Caps(calls=5))
    assert site.batch(batch).course is Course.CAPPED
    assert site.budget(batch).most_calls == 3


def test_a_cancelled_batch_stays_cancelled(site: Paying) -> None:
    batch = site.ordered()
    cancel_batch(site.notes, batch.id)
    site.notes.write(lambda db: batches.end_capped(db, batch.id, "used up"))
    assert site.batch(batch).course is Course.CANCELLED


def test_who_orders_many_batches_does_not_keep_others_waiting(site: Paying) -> None:
    mine = sorted((site.ordered(CREATORS[:1]) for _ in range(OF_EACH + 3)), key=lambda one: one.id)
    site.accounting.open_account("b", balance=0, zone="Asia/Shanghai")
    other = site.order(CREATORS[:1])
    site.notes.write(lambda db: db.rows("UPDATE batches SET served = 1, account = 'b' WHERE id = ?", (other.id,)))
    served = site.notes.read(lambda db: batches.to_serve(db, 16, OF_EACH))
    assert {one.id for one in served} == {one.id for one in mine[:OF_EACH]} | {other.id}


def test_a_batch_that_is_done_is_not_looked_at_again(site: Paying) -> None:
    """Until it is opened again; one with something left stays."""
    batch = site.ordered(CREATORS[:1])
    site.notes.write(lambda db: batches.end_served(db, batch.id))
    assert site.notes.read(lambda db: batches.to_serve(db, 16, 4))
    site.notes.write(lambda db: db.rows("UPDATE targets SET state = ?", (State.FAILED.value,)))
    site.notes.write(lambda db: batches.end_served(db, batch.id))
    assert not site.notes.read(lambda db: batches.to_serve(db, 16, 4))
    assert site.batch(batch).served
    site.notes.write(lambda db: batches.reopen(db, batch.id))
    assert site.notes.read(lambda db: batches.to_serve(db, 16, 4))


class Failing:
    """A writer of notes that is down for so many writes."""

    def __init__(self, writer: Any, times: int) -> None:
        self._writer, self.times = writer, times

    async def write(self, work: Any) -> Any:
        if self.times:
            self.times -= 1
            raise StoreDownError("the disk is away")
        return await self._writer.write(work)


async def test_serving_goes_on_after_a_store_that_was_down(site: Paying) -> None:
    """What cannot be noted of one batch ends no other's."""
    refused, batch = site.ordered(CREATORS[:1]), site.order(CREATORS[1:2])
    site.notes.write(lambda db: db.rows("UPDATE batches SET served = 1 WHERE id = ?", (batch.id,)))
    tools = site.tools()
    writer: Any = Failing(tools.writer, 1)

    async def payer_of(account: str) -> Payer:
        if account:
            raise UnpaidError("the token is revoked")
        return site.payer()

    serving = Serving(tools._replace(writer=writer), 2, payer_of, site.clock)
    running = asyncio.create_task(serving.run())
    for _ in range(400):
        if site.batch(refused).course is Course.CAPPED and not site.targets(batch)[0].state.open:
            break
        await asyncio.sleep(0.02)
    serving.stop()
    await asyncio.wait_for(running, 10)
    assert site.batch(refused).why == "the token is revoked"
    assert site.targets(batch)[0].state is State.COMPLETE


async def test_looks_that_wait_for_an_accounts_rate_keep_no_others_waiting(site: Paying) -> None:
    """Ten looks of a poor rate come first; the operators' two are made in the same run, and the poor are put off."""
    account, now_ms = site.accounting.account("a").id, site.clock.now_ms
    site.notes.write(lambda db: watches.add(db, CREATORS[:10], now_ms - 1000, account))
    site.notes.write(partial(_due_first))
    site.notes.write(lambda db: watches.add(db, CREATORS[10:], now_ms))
    spending, fetcher, reader, writer = site.parts()
    poor = site.payer(rate=1, burst=1)
    nobody = site.payer()

    async def payer_of(its: str) -> Payer:
        return poor if its else nobody

    tools = WatchingTools(fetcher, reader, writer, spending.open_budget, payer_of)
    monitor = Monitor(tools, Watching(calls_a_day=1_000_000, at_once=2, silence_days=0), site.clock)
    await asyncio.wait_for(monitor.once(), 30)
    looked = [one for one in CREATORS if _watch(site, one).last_ms is not None]
    assert set(CREATORS[10:]) <= set(looked)
    put_off = sorted(_watch(site, one).next_ms for one in CREATORS[:10] if one not in looked)
    assert len(put_off) >= 8
    assert len(set(put_off)) == len(put_off)
    assert all(one > now_ms + 30_000 for one in put_off)


def _due_first(db: Connection) -> None:
    db.rows("UPDATE watches SET next_ms = next_ms - 1000")


def _watch(site: Paying, creator: str) -> watches.Watch:
    found = site.notes.read(lambda db: watches.watch(db, creator))
    assert found is not None
    return found


def test_very_many_creators_are_asked_for_at_once(site: Paying) -> None:
    """More than a statement may have values."""
    some = [f"{number:024x}" for number in range(40_000)]
    site.notes.write(lambda db: watches.add(db, [*some[:3], *some[-3:]], 1, "acc_x"))
    assert len(site.notes.read(lambda db: watches.since(db, some))) == 6
    assert site.notes.read(lambda db: watches.paid_by(db, some, "acc_x")) == [*some[:3], *some[-3:]]
