"""Deliveries: what was told and how that went; channels without their addresses; rules; for operators."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import stores
from console.visiting import Visitor, signed_in
from hongshu.ids import new_id
from hongshu.models import Kind, News, ReportNews, Scope
from hongshu.secret import Secret
from hongshu.store import channels, deliveries
from hongshu.store.base import Connection
from hongshu.store.channels import Channel, Closure, Rule
from hongshu.store.deliveries import Delivery, DeliveryState
from running import Running, run_quick

CREATOR = "5d00000000000000000000a1"
PAGE = "/console/deliveries"
KEY = "4174216298-a-secret-of-the-channel"
SETTLED = '[delivery]\nallow_networks = ["127.0.0.1/32"]\n[watch]\nserve = false\n'
SETTLED += f'[[channel]]\nname = "ops"\nurl = "discord://{KEY}/{KEY}"\n'


@pytest.fixture
def server(serve: Callable[..., Running]) -> Running:
    """A server that delivers nothing by itself, with a channel of its settings."""
    return serve(SETTLED)


@pytest.fixture
def service() -> Iterator[HTTPServer]:
    """A chat service of one's own, which takes everything."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    taking = HTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=taking.serve_forever, daemon=True).start()
    yield taking
    taking.shutdown()
    taking.server_close()


def operator(server: Running, *more: str, lang: str = "en") -> Visitor:
    name = f"op-{os.urandom(4).hex()}"
    assert run_quick("operator", "create", name, data_dir=server.data_dir).returncode == 0
    return signed_in(server.address, server.data_dir, "--operator", name, *more, lang=lang)


def done(data_dir: Path, work: Callable[[Connection], Any], *, writes: bool = True) -> Any:
    notes = stores.opened(data_dir, "notes")
    try:
        return notes.write(work) if writes else notes.read(work)
    finally:
        notes.close()


def delivery(
    number: int, channel: str = "ops", state: DeliveryState = DeliveryState.DELIVERED, **more: Any
) -> Delivery:
    at_ms = 1_795_000_000_000 + number
    news = (News(id=f"evt_{number}", kind=Kind.NEW, creator=CREATOR, seen_ms=at_ms, nickname="<i>阿柚</i>", title="T"),)
    return Delivery(
        **{
            "id": new_id("dlv", at_ms * 1_000_000, bytes(5)),
            "channel": channel,
            "created_ms": at_ms,
            "due_ms": at_ms,
            "news": news,
            "state": state,
            "tries": 2,
            "status": "HTTP 500 <b>no</b>",
            **more,
        }
    )


def shown(text: str) -> list[str]:
    return re.findall(r'<small class="id">(dlv_\w+)</small>', text)


def test_deliveries_are_listed_newest_first_with_tries_and_results(server: Running) -> None:
    """What others wrote is text; English and Chinese tell the same."""
    told = [delivery(1), delivery(2, "hook", DeliveryState.FAILED), delivery(3, state=DeliveryState.WAITING)]
    done(server.data_dir, lambda db: deliveries.add(db, told))
    answer = operator(server).get(PAGE)
    assert shown(answer.text) == [one.id for one in reversed(told)]
    assert "<i>阿柚" not in answer.text
    assert "<b>no" not in answer.text
    assert "阿柚" in answer.plain
    assert "published a note" in answer.plain
    assert "发布了新笔记" in operator(server, lang="zh").get(PAGE).plain


def test_channel_and_state_narrow_the_list_and_it_is_paged(server: Running) -> None:
    """Each delivery comes once."""
    told = [
        delivery(n, "hook" if n % 2 else "ops", DeliveryState.FAILED if n % 3 else DeliveryState.WAITING)
        for n in range(120)
    ]
    done(server.data_dir, lambda db: deliveries.add(db, told))
    visitor = operator(server)
    for query, wanted in {
        "": told,
        "?channel=hook": [one for one in told if one.channel == "hook"],
        "?state=waiting": [one for one in told if one.state is DeliveryState.WAITING],
        "?state=failed&channel=ops": [
            one for one in told if one.channel == "ops" and one.state is DeliveryState.FAILED
        ],
    }.items():
        path, found = PAGE + query, []
        while path:
            answer = visitor.get(path)
            found += shown(answer.text)
            older = re.search(r'href="([^"]+)" rel="next"', answer.text)
            path = older[1].replace("&amp;", "&") if older else ""
        assert found == [one.id for one in reversed(wanted)], query
    assert "Nothing matches." in visitor.get(f"{PAGE}?state=delivered").plain


def test_a_delivery_is_sent_again_with_its_own_id(server: Running) -> None:
    """As the command does it; one that is not there, and a report without its file, say what to do."""
    report = ReportNews(
        schedule="sch_1",
        kind="creator",
        title="T",
        creators=(CREATOR,),
        group="",
        lang="en",
        since_ms=1,
        until_ms=2,
        as_of_ms=2,
        findings=(),
        file="r.html",
        media_type="text/html",
        bytes=1,
        sha256="00",
        command="hongshu report",
    )
    failed, sent = delivery(1, state=DeliveryState.FAILED), delivery(2, news=(), report=report)
    done(server.data_dir, lambda db: deliveries.add(db, [failed, sent]))
    visitor = operator(server)
    again = visitor.post(f"{PAGE}/{failed.id}/resend", of=PAGE)
    assert (again.status, again.headers["location"]) == (303, f"{PAGE}?done=delivery_due")
    assert done(server.data_dir, lambda db: deliveries.delivery(db, failed.id), writes=False).state == "waiting"
    assert visitor.post(f"{PAGE}/dlv_nothing/resend", of=PAGE).status == 404
    gone = visitor.post(f"{PAGE}/{sent.id}/resend", of=PAGE)
    assert gone.status == 400
    assert "hongshu report schedule run sch_1" in gone.plain


def test_channels_and_rules_are_shown_without_addresses(server: Running) -> None:
    """Neither the settings' channel nor an added one shows where it leads; a closure says why."""
    hook = Channel(
        name="hook", address=Secret("https://hook.example/secret/path\nwhsec_" + "A" * 40), quiet_hours="23:00-08:00"
    )
    rules = [
        Rule(id="rul_1", scope=Scope.ALL, who="", kinds=(), channel="ops"),
        Rule(id="rul_2", scope=Scope.GROUP, who="<u>rivals</u>", kinds=(Kind.BREAKOUT,), channel="hook"),
        Rule(id="rul_3", scope=Scope.CREATOR, who=CREATOR, kinds=(Kind.NEW,), channel="hook"),
    ]

    def wrote(db: Connection) -> None:
        channels.put(db, hook)
        channels.close(db, Closure(channel="hook", closed_ms=1_795_000_000_000, why="HTTP 410"))
        channels.add_rules(db, rules)

    done(server.data_dir, wrote)
    visitor = operator(server)
    answer = visitor.get(PAGE)
    for hidden in (KEY, "hook.example", "secret/path", "whsec_", "<u>rivals"):
        assert hidden not in answer.text
    for told in ("HTTP 410", "23:00-08:00", "Everyone who is watched", "a note breaks out", "rul_3"):
        assert told in answer.plain
    assert 'class="state closed"' in answer.text
    opened = visitor.post("/console/channels/hook/open", of=PAGE)
    assert opened.headers["location"] == f"{PAGE}?done=channel_opened"
    assert 'class="state closed"' not in visitor.get(PAGE).text


def test_a_channel_is_tested_and_the_page_says_how_that_went(server: Running, service: HTTPServer) -> None:
    """Taken or not; never with the address."""
    good = Channel(name="mine", address=Secret(f"ntfy://127.0.0.1:{service.server_port}/a-topic"))
    bad = Channel(name="gone", address=Secret("ntfy://127.0.0.1:9/a-topic"))
    done(server.data_dir, lambda db: (channels.put(db, good), channels.put(db, bad)))
    visitor = operator(server)
    taken = visitor.post("/console/channels/mine/test", of=PAGE)
    assert taken.status == 200
    assert "The test message was taken." in taken.plain
    refused = visitor.post("/console/channels/gone/test", of=PAGE)
    assert "The test message was not taken." in refused.plain
    assert "a-topic" not in taken.text + refused.text
    assert visitor.post("/console/channels/nowhere/test", of=PAGE).status == 404


def test_empty_lists_say_what_to_do_in_both_languages(serve: Callable[..., Running]) -> None:
    """Deliveries, channels and rules each."""
    server = serve("")
    answer = operator(server).get(PAGE)
    for advice in ("hongshu channel add NAME", "hongshu rule add --all"):
        assert advice in answer.plain
    assert "没有渠道" in operator(server, lang="zh").get(PAGE).plain


def test_accounts_are_kept_out_and_who_may_look_only_sends_nothing(server: Running) -> None:
    """403, and no button."""
    done(server.data_dir, lambda db: deliveries.add(db, [delivery(1)]))
    account = signed_in(server.address, server.data_dir, "--account", "test")
    assert account.get(PAGE).status == 403
    looker = operator(server, "--read-only")
    assert "/resend" not in looker.get(PAGE).text
    for path in (f"{PAGE}/{delivery(1).id}/resend", "/console/channels/ops/test", "/console/channels/ops/open"):
        assert looker.post(path, of=PAGE).status == 403
        assert account.post(path).status == 403
