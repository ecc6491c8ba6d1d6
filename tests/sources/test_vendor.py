"""Other vendors: each is asked in its own words, and its answer is believed only where all of it says success."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hongshu.config import VendorConfig
from hongshu.engine.asking.lessons import lesson
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import judge
from hongshu.models import Asked, Envelope, Form, NoPage, Page, Reply, Trouble
from hongshu.secret import Secret
from hongshu.service.sources import build_source

CREATOR = "5c2f338a000000000701e1c6"
CURSOR = "64a1b2c30000000012345678"
NOTE = {"id": CURSOR, "title": "t", "user": {"userid": CREATOR}, "likes": 12345678901234567890}
GOOD = {"code": 200, "data": {"code": 0, "data": {"notes": [NOTE], "has_more": True}}}
TOKEN = "vendor-token-1"


class Vendor:
    """Answers one body to whatever it is asked, and keeps the question."""

    def __init__(self) -> None:
        self.body: Any = GOOD
        self.target = ""
        self.headers: dict[str, str] = {}
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        self.target = first.split(" ")[1]
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = json.dumps(self.body).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    @property
    def asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    made = Vendor()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/list"
    yield made
    server.close()


async def asked(vendor: Vendor, cursor: str | None = CURSOR, **facts: Any) -> Page | NoPage:
    config = VendorConfig(name="v", url=vendor.url, token=Secret(TOKEN), **facts)
    source = build_source(config, lambda: 0)
    try:
        return read(await source.page(Asked(creator=CREATOR, cursor=cursor), 5))
    finally:
        await source.close()


async def test_a_vendor_is_asked_in_its_own_words(vendor: Vendor) -> None:
    """Creator and cursor as parameters, the token as a bearer; the page keeps every digit of the source."""
    page = await asked(vendor)
    assert isinstance(page, Page)
    assert (page.form, page.has_more, [note.id for note in page.notes]) == (Form.VENDOR, True, [CURSOR])
    assert b"12345678901234567890" in page.notes[0].raw
    assert vendor.asked == {"user_id": [CREATOR], "cursor": [CURSOR]}
    assert vendor.headers["authorization"] == f"Bearer {TOKEN}"
    await asked(vendor, cursor=None)
    assert vendor.asked == {"user_id": [CREATOR]}


@pytest.mark.parametrize("auth", ["header:X-Key", "query:key"])
async def test_the_token_travels_in_one_place_only(vendor: Vendor, auth: str) -> None:
    """As the facts say."""
    await asked(vendor, auth=auth)
    shown = f"{vendor.target} {vendor.headers}"
    assert shown.count(TOKEN) == 1
    assert "authorization" not in vendor.headers
    assert (vendor.headers.get("x-key") == TOKEN) == (auth == "header:X-Key")


async def test_a_further_vendor_is_a_few_facts(vendor: Vendor) -> None:
    """Other names, another envelope, another word for success."""
    vendor.body = {"status": {"ok": 1}, "result": {"list": [NOTE], "has_more": False}}
    facts = {
        "user_parameter": "uid",
        "cursor_parameter": "after",
        "notes_at": "result.list",
        "success": ("status.ok=1",),
    }
    page = await asked(vendor, **facts)
    assert isinstance(page, Page)
    assert (page.form, page.has_more, len(page.notes)) == (Form.VENDOR, False, 1)
    assert vendor.asked == {"uid": [CREATOR], "after": [CURSOR]}
    vendor.body = {"status": {"ok": True}, "result": {"list": [NOTE]}}
    assert isinstance(await asked(vendor, **facts), NoPage)


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ({"code": 200, "data": {"code": -1, "data": {"notes": []}}}, Trouble.BLOCKED),
        ({"code": 200, "data": {"code": 300012, "data": {"notes": []}}}, Trouble.BLOCKED),
        ({"code": 200, "data": {"code": -510000, "data": {}}}, Trouble.NOT_FOUND),
        ({"code": 402, "data": None}, Trouble.REFUSED),
        ({"code": 200.0, "data": {"code": 0, "data": {"notes": []}}}, Trouble.MALFORMED),
        ({"code": "200", "data": {"code": 0, "data": {"notes": []}}}, Trouble.MALFORMED),
        ({"code": 200, "data": {"data": {"notes": []}}}, Trouble.MALFORMED),
        ({"code": 200, "data": {"code": 0, "data": {}}}, Trouble.BLOCKED),
        ({"code": 200, "data": {"code": 0}}, Trouble.BLOCKED),
        ({"code": 200, "data": {"code": 0, "data": {"notes": {}}}}, Trouble.MALFORMED),
        ({"code": 200, "data": {"code": 0, "data": [NOTE]}}, Trouble.BLOCKED),
        ({"code": 0, "data": {"notes": [NOTE]}}, Trouble.REFUSED),
        ({"detail": "not enough credits"}, Trouble.MALFORMED),
        ([], Trouble.MALFORMED),
    ],
)
async def test_what_does_not_say_success_in_full_is_no_page(vendor: Vendor, body: Any, trouble: Trouble) -> None:
    """The outer code and the inner one, each the very integer."""
    vendor.body = body
    found = await asked(vendor)
    if body == {"code": 0, "data": {"notes": [NOTE]}}:
        assert isinstance(found, NoPage)
        return
    assert isinstance(found, NoPage)
    assert found.trouble is trouble


def test_a_vendors_refusal_of_our_account_rests_it() -> None:
    """402 as a code is our balance there; 429 asks us to wait."""
    envelope = Envelope(notes_at=("data", "notes"), success=((("code",), 200),))
    for code, effect in ((401, "rest"), (402, "rest"), (403, "rest"), (429, "wait"), (500, "failed")):
        page = read(Reply(body=json.dumps({"code": code}).encode(), envelope=envelope))
        judged = judge(page, Asked(creator=CREATOR), speaks=frozenset({Form.VENDOR}), notes_known=False)
        assert lesson(200, {}, page, judged, 0).effect.value == effect


def test_the_known_vendors_have_the_same_facts() -> None:
    """Their addresses are all that differs."""
    for preset, host in (("tikhub", "api.tikhub.io"), ("spiderhubs", "api.spiderhubs.com")):
        config = VendorConfig(name="v", preset=preset, token=Secret("t"))
        assert config.address.startswith(f"https://{host}/")
        assert config.conflict() is None
