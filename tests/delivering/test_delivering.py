"""Each event is told at least once on each channel that is to hear of it, with one id, whatever receivers do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook

import stores
from covers.cdn import Names
from delivering.posts import BEGIN_MS, CREATOR, SECRET, Post
from delivering.receivers import Receiver, answer, drip, flood, hang, reset
from hongshu.formats.webhooks import shown_secret
from hongshu.models import Kind, Scope
from hongshu.store import channels, creators, deliveries, events
from hongshu.store.deliveries import DeliveryState
from hongshu.store.health import State

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = await Receiver().start()
    yield one
    await one.close()


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = Post(stores.kept(tmp_path))
    yield made
    made.close()


async def test_an_event_is_told_where_a_rule_says_so(store: tuple[str, Path | str], receiver: Receiver) -> None:
    """To all, to those who follow a group or a creator, once each; kinds that a rule does not name stay untold."""
    post = Post(store)
    post.room.write(lambda db: creators.add_members(db, "rivals", [CREATOR]))
    for name in ("all", "group", "creator", "other", "pins", "none"):
        post.channel(name, f"{receiver.url}&{name}")
    post.rule("all")
    post.rule("group", scope=Scope.GROUP, who="rivals")
    post.rule("creator", Kind.NEW, scope=Scope.CREATOR, who=CREATOR)
    post.rule("creator", Kind.NEW, Kind.EDITED, scope=Scope.ALL)
    post.rule("other", scope=Scope.CREATOR, who="5c2f338a0000000000000000")
    post.rule("pins", Kind.PINNED)
    [note] = post.happen(1)
    post.happen(1, kind=Kind.MISSED)
    await post.deliver()
    assert sorted(one.path.rpartition("&")[2] for one in receiver.posts) == ["all", "creator", "group"]
    assert {json.loads(one.body)["data"]["note"]["id"] for one in receiver.posts} == {note}
    assert post.room.read(events.number_waiting) == 0
    assert {one.state for one in post.listed()} == {DeliveryState.DELIVERED}
    post.close()


async def test_old_notes_that_come_into_sight_are_no_news(post: Post, receiver: Receiver) -> None:
    """What was published long before the watch began is not told as new; what was scheduled just before it is."""
    post.channel("all", receiver.url)
    post.rule("all")
    post.happen(1)
    old = post.happen(1, first=-30 * 86_400)
    late = post.happen(1, first=-5 * 86_400)
    await post.deliver()
    told = {json.loads(one.body)["data"]["note"]["id"] for one in receiver.posts}
    assert not told & set(old)
    assert set(late) <= told
    assert len(told) == 2
    post.close()


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        (answer(500), "HTTP 500"),
        (answer(404), "HTTP 404"),
        (answer(302, "Location: http://127.0.0.1:1/elsewhere"), "HTTP 302; redirects are not followed"),
        (answer(200, body=b"no"), ""),
        (hang, "no answer within 0.5 s"),
        (reset, "the connection failed (ServerDisconnectedError)"),
    ],
)
async def test_what_is_no_success_is_tried_ten_times_over_days_with_one_id(
    post: Post, behave: object, status: str
) -> None:
    """On a virtual clock; then it has failed, is listed, and is sent again when somebody says so."""
    receiver = await Receiver(behave).start()  # type: ignore[arg-type]
    post.terms = msgspec.structs.replace(post.terms, timeout=0.5 if behave is hang else 20.0)
    post.channel("all", receiver.url)
    post.rule("all")
    post.happen(1)
    began_ms = post.clock.now_ms
    await post.deliver()
    [one] = post.listed()
    if not status:
        assert (one.state, one.tries, one.status) == (DeliveryState.DELIVERED, 1, "HTTP 200")
        await receiver.close()
        return
    while one.state is DeliveryState.WAITING:
        assert one.status == status
        post.clock.wait(one.due_ms - post.clock.now_ms - 1_000)
        await post.deliver()
        assert post.listed() == [one], "not before its time"
        post.clock.wait(one.due_ms - post.clock.now_ms)
        await post.deliver()
        [one] = post.listed()
    assert (one.state, one.tries) == (DeliveryState.FAILED, 10)
    assert len(receiver.posts) == 10 or behave is hang
    assert 66 * HOUR_MS < post.clock.now_ms - began_ms < 85 * HOUR_MS
    assert {each.headers["webhook-id"] for each in receiver.posts} == {one.id}
    assert len({each.body for each in receiver.posts}) == 1
    receiver.behave = answer(204)
    assert post.room.write(lambda db: deliveries.again(db, one.id, post.clock.now_ms))
    await post.deliver()
    assert receiver.posts[-1].headers["webhook-id"] == one.id
    assert post.listed()[0].state is DeliveryState.DELIVERED
    await receiver.close()
    post.close()


async def test_what_is_sent_is_signed_with_every_secret_at_the_time_of_the_try(post: Post, receiver: Receiver) -> None:
    """By the specification's library, whose clock is the real one."""
    post.clock.wait(time.time_ns() // 1_000_000 - post.clock.now_ms)
    post.channel("all", receiver.url, b"n" * 32, SECRET)
    post.rule("all")
    post.happen(1)
    await post.deliver()
    [one] = receiver.posts
    for secret in (b"n" * 32, SECRET):
        Webhook(shown_secret(secret)).verify(one.body, one.headers)
    assert one.headers["content-type"] == "application/json"
    assert "authorization" not in one.headers
    post.close()


@pytest.mark.parametrize("behave", [drip, flood])
async def test_a_receiver_that_talks_without_end_is_not_listened_to(post: Post, behave: object) -> None:
    """Its 200 counts; 64 KiB are read at most, and none of it is kept."""
    receiver = await Receiver(behave).start()  # type: ignore[arg-type]
    post.channel("all", receiver.url)
    post.rule("all")
    post.terms = msgspec.structs.replace(post.terms, timeout=5.0)
    post.happen(1)
    async with asyncio.timeout(10):
        await post.deliver()
    assert [one.status for one in post.listed()] == ["HTTP 200"]
    await receiver.close()
    post.close()


async def test_gone_closes_the_channel_until_it_is_opened(post: Post, receiver: Receiver) -> None:
    """410: nothing more is sent or gathered there; other channels go on."""
    gone = await Receiver(answer(410)).start()
    post.channel("gone", gone.url)
    post.channel("all", receiver.url)
    post.rule("gone")
    post.rule("all")
    post.happen(1)
    await post.deliver()
    post.happen(3, first=10)
    await post.deliver()
    assert (len(gone.posts), len(receiver.posts)) == (1, 4)
    assert post.room.read(channels.closures)["gone"].why == "HTTP 410"
    assert [one.state for one in post.listed() if one.channel == "gone"] == [DeliveryState.FAILED]
    post.room.write(lambda db: channels.reopen(db, "gone"))
    post.happen(1, first=20)
    await post.deliver()
    assert len(gone.posts) == 2
    await gone.close()
    post.close()


async def test_retry_after_is_waited_for(post: Post, receiver: Receiver) -> None:
    """A receiver that is busy names its time, up to a day."""
    receiver.behave = answer(503, "Retry-After: 7200")
    post.channel("all", receiver.url)
    post.rule("all")
    post.happen(1)
    await post.deliver()
    [one] = post.listed()
    assert one.due_ms - post.clock.now_ms == pytest.approx(2 * HOUR_MS, abs=5_000)
    post.close()


async def test_slow_receivers_delay_nobody(post: Post, receiver: Receiver) -> None:
    """Fifty messages to one that hangs, and fifty to one that does not: these are there before the first gives up."""
    slow = await Receiver(hang).start()
    post.terms = msgspec.structs.replace(post.terms, timeout=8.0)
    post.channel("a-slow", slow.url)
    post.channel("quick", receiver.url)
    post.rule("a-slow")
    post.rule("quick")
    post.happen(50)
    deliverer, sender = post.deliverer()
    running = asyncio.create_task(deliverer.run())
    async with asyncio.timeout(6):
        while len(receiver.posts) < 50:  # noqa: ASYNC110 - a receiver is watched from outside
            await asyncio.sleep(0.02)
    assert len(slow.posts) == post.terms.at_once
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await sender.close()
    await slow.close()
    post.close()


async def test_a_name_that_changes_between_check_and_send_never_reaches_the_canary(
    post: Post, receiver: Receiver
) -> None:
    """Saved and sent while it leads to an allowed address; later it leads to this machine's other one: not dialled."""
    canary = await Receiver(host="127.0.0.2").start()
    post.resolver = Names(hooks=[["127.0.0.1"], ["127.0.0.2"], ["::ffff:127.0.0.2"], ["::1"], ["127.0.0.1"]])
    for name, port in (("good", receiver.port), ("evil", canary.port)):
        post.channel(name, f"http://hooks.example:{port}/{name}")
    post.rule("good")
    post.happen(1)
    await post.deliver()
    assert len(receiver.posts) == 1
    post.room.write(lambda db: channels.remove(db, "good"))
    post.rule("evil")
    post.happen(3, first=10)
    await post.deliver()
    assert canary.met == 0
    assert all("the address may not be asked" in one.status for one in post.listed() if one.channel == "evil")
    await canary.close()
    post.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[fe80::1]",
        "192.168.1.1",
        "localhost",
    ],
)
async def test_inner_addresses_are_never_dialled(post: Post, host: str) -> None:
    """Loopback, private, link-local, shared, mapped: refused at every send, in words without the address."""
    post.resolver = Names(localhost=[["127.0.0.3"]])
    post.channel("all", f"https://{host}/SECRET-PART")
    post.rule("all")
    post.happen(1)
    await post.deliver()
    [one] = post.listed()
    assert one.status == "the address may not be asked: it does not lead to the open internet"
    post.close()


async def test_without_tls_nothing_leaves_the_allowed_networks(post: Post) -> None:
    """A public receiver must speak https."""
    post.resolver = Names(hooks=[["1.1.1.1"]])
    post.channel("all", "http://hooks.example/x")
    post.rule("all")
    post.happen(1)
    await post.deliver()
    assert "only https may be" in post.listed()[0].status
    post.close()


async def test_a_digest_gathers_until_its_time(post: Post, receiver: Receiver) -> None:
    """One message at eight, with all that happened till then; what happens later goes into the next one."""
    post.channel("all", receiver.url, digest="08:00", zone="Asia/Shanghai")
    post.rule("all")
    for turn in range(3):
        post.happen(2, first=10 * turn)
        await post.deliver()
        post.clock.wait(60_000)
    assert receiver.posts == []
    [one] = post.listed()
    assert (one.digest, len(one.news)) == (True, 6)
    assert one.due_ms == BEGIN_MS + DAY_MS
    post.clock.wait(one.due_ms - post.clock.now_ms)
    await post.deliver()
    [sent] = receiver.posts
    assert len(json.loads(sent.body)["data"]["events"]) == 6
    post.happen(1, first=50)
    await post.deliver()
    assert [len(each.news) for each in post.listed()] == [6, 1]
    post.close()


async def test_quiet_hours_hold_news_back(post: Post, receiver: Receiver) -> None:
    """At midnight UTC it is quiet until six; every event still is a message of its own."""
    post.channel("all", receiver.url, quiet_hours="23:00-06:00", zone="UTC")
    post.rule("all")
    post.happen(2)
    await post.deliver()
    assert receiver.posts == []
    post.clock.wait(6 * HOUR_MS + 1)
    await post.deliver()
    assert len(receiver.posts) == 2
    post.close()


async def test_trouble_with_a_source_is_told_once_on_channels_of_its_own(post: Post, receiver: Receiver) -> None:
    """When it begins and when it is over; other channels, and paused sources, hear nothing of it."""
    post.channel("ops", f"{receiver.url}&ops", sources=True)
    post.channel("all", f"{receiver.url}&all")
    post.rule("all", *Kind)
    ill = State(bad_ms=BEGIN_MS - 5_000, why="blocked", failures=50)
    for states in (
        {"joa": ill},
        {"joa": ill},
        {"joa": ill, "tik": msgspec.structs.replace(ill, paused=True)},
        {"joa": State(good_ms=BEGIN_MS)},
        {},
    ):
        post.states = states
        await post.deliver()
        post.clock.wait(60_000)
    told = [(one.path.rpartition("&")[2], json.loads(one.body)) for one in receiver.posts]
    assert [(path, body["type"]) for path, body in told] == [("ops", "source.trouble")] * 2
    assert [body["data"]["details"]["why"]["is"] for _, body in told] == ["blocked", None]
    assert told[0][1]["data"]["details"]["source"] == {"was": None, "is": "joa"}
    post.close()


async def test_channels_that_are_gone_hold_nothing_up(post: Post, receiver: Receiver) -> None:
    """What waits for a channel that was removed has failed, with the reason."""
    post.channel("all", receiver.url, quiet_hours="23:00-06:00")
    post.rule("all")
    post.happen(2)
    await post.deliver()
    post.room.write(lambda db: channels.remove(db, "all"))
    post.clock.wait(7 * HOUR_MS)
    await post.deliver()
    assert {(one.state, one.status) for one in post.listed()} == {
        (DeliveryState.FAILED, "the channel is closed or not there any more")
    }
    post.happen(1, first=10)
    await post.deliver()
    assert len(post.listed()) == 2
    post.close()
