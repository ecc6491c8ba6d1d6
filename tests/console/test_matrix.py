"""Every operation, asked by everyone: nobody, the owner, another account, those who may only look, and operators."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.routing import Route

from console.looked import stored
from console.visiting import Visitor, signed_in
from hongshu.config import load
from hongshu.models import Kind, News, Scope
from hongshu.secret import Secret
from hongshu.server.app import Application
from hongshu.server.console.base import PREFIX, Door
from hongshu.server.console.downloads import Downloads
from hongshu.server.console.rooms import rooms
from hongshu.service.whole import Service
from hongshu.store import channels, deliveries, feeds, schedules
from hongshu.store.base import Connection
from hongshu.store.channels import Channel, Closure
from hongshu.store.deliveries import Delivery, DeliveryState
from hongshu.store.feeds import Feed
from hongshu.store.schedules import Order, Schedule
from running import SIMULATOR, Running, start_server

ANYONE, SHARED, OWN, OPERATED = "anyone", "shared", "own", "operated"
"""Asked for by whom: anybody, whoever is signed in, whose it is, operators. With "!", it changes something."""
KINDS: Final[Mapping[str, str]] = {
    "GET /sign-in": ANYONE,
    "GET /sign-in/{link}": ANYONE,
    "POST /sign-in/{link}": ANYONE,
    "POST /language": ANYONE,
    "POST /theme": ANYONE,
    "POST /sign-out": SHARED,
    "GET ": SHARED,
    "GET /creators": SHARED,
    "GET /creators/{creator}": SHARED,
    "GET /creators/{creator}/numbers": SHARED,
    "GET /creators/{creator}/notes": SHARED,
    "GET /covers/{media:path}": SHARED,
    "GET /compare": SHARED,
    "GET /compare/numbers": SHARED,
    "GET /news": SHARED,
    "GET /reports": SHARED,
    "POST /reports": f"{SHARED}!",
    "GET /datasets": SHARED,
    "POST /datasets": f"{SHARED}!",
    "GET /batches": SHARED,
    "POST /batches": f"{SHARED}!",
    "GET /batches/{batch}": OWN,
    "GET /batches/{batch}/progress": OWN,
    "POST /batches/{batch}/cancel": f"{OWN}!",
    "GET /tokens": SHARED,
    "POST /tokens": f"{SHARED}!",
    "POST /tokens/{token}/rotate": f"{OWN}!",
    "POST /tokens/{token}/revoke": f"{OWN}!",
    "GET /ledger": SHARED,
    "GET /ledger/export": SHARED,
    "GET /calls": SHARED,
    "GET /calls/export": SHARED,
    "GET /usage": SHARED,
    "GET /watches": SHARED,
    "POST /watches": f"{SHARED}!",
    "POST /watches/change": f"{SHARED}!",
    "POST /watches/{creator}/{change}": f"{OWN}!",
    "GET /watches/plan": OPERATED,
    "POST /ledger/verify": OPERATED,
    "GET /ledger/orphans": OPERATED,
    "POST /ledger/{entry}/refund": f"{OPERATED}!",
    "GET /accounts": OPERATED,
    "POST /accounts": f"{OPERATED}!",
    "GET /accounts/{account}": OPERATED,
    "POST /accounts/{account}/topup": f"{OPERATED}!",
    "POST /accounts/{account}/adjust": f"{OPERATED}!",
    "POST /accounts/{account}/suspend": f"{OPERATED}!",
    "POST /accounts/{account}/resume": f"{OPERATED}!",
    "POST /accounts/{account}/zone": f"{OPERATED}!",
    "POST /accounts/{account}/low-balance": f"{OPERATED}!",
    "GET /sources": OPERATED,
    "GET /sources/{source}": OPERATED,
    "POST /sources/{source}/pause": f"{OPERATED}!",
    "POST /sources/{source}/resume": f"{OPERATED}!",
    "GET /deliveries": OPERATED,
    "POST /deliveries/{delivery}/resend": f"{OPERATED}!",
    "POST /channels/{channel}/test": f"{OPERATED}!",
    "POST /channels/{channel}/open": f"{OPERATED}!",
    "GET /backups": OPERATED,
    "POST /backups": f"{OPERATED}!",
    "POST /groups": f"{OPERATED}!",
    "POST /feeds": f"{OPERATED}!",
    "POST /feeds/{feed}/revoke": f"{OPERATED}!",
    "POST /reports/schedules/{schedule}/remove": f"{OPERATED}!",
}
OUTSIDE: Final[Mapping[str, int]] = {
    "/": 200,
    "/ping": 200,
    "/healthz": 200,
    "/readyz": 200,
    "/docs": 200,
    "/metrics": 200,
    "/api/account/usage": 401,
    "/feeds/{key}.{form}": 404,
    f"{PREFIX}/static/{{name}}": 404,
    "/openapi/xiaohongshu-apis/user-published-notes-v4-en.json": 200,
    "/openapi/xiaohongshu-apis/user-published-notes-v4-zh.json": 200,
}
"""What stands beside the console and `/manage`, and what somebody without a token is answered (from this machine)."""
WHO: Final = ("nobody", "owner", "other", "owner, read-only", "operator", "operator, read-only")
LET_IN: Final = range(200, 500)
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "POST /accounts": {"name": "new"},
    "POST /accounts/{account}/topup": {"amount": "5", "reference": "matrix"},
    "POST /accounts/{account}/adjust": {"amount": "5", "reason": "matrix"},
    "POST /accounts/{account}/zone": {"zone": "UTC"},
    "POST /accounts/{account}/low-balance": {"low_balance": "5"},
    "POST /groups": {"group": "matrix", "creators": "5d0000000000000000000c01"},
    "POST /feeds": {"creators": "5d0000000000000000000c01"},
}
"""What operators fill in where something is asked for."""

QUERIES: Final = {"GET /compare/numbers": "?creators={creator}%0A{another}"}
"""What a page does not go without."""


@pytest.fixture(scope="module")
def server(folder_of: Callable[[str], Path]) -> Iterator[Running]:
    config = SIMULATOR + '[server]\nhttp_status = "mapped"\n[watch]\nserve = false\n[backup]\nfolder = "kept"\n'
    running = start_server(folder_of("matrix"), config)
    running.cli("operator", "create", "root")
    running.cli("account", "create", "other", "--balance", "1000")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def visitors(server: Running) -> Mapping[str, Visitor]:
    at = server.address, server.data_dir
    return {
        "nobody": Visitor(server.address),
        "owner": signed_in(*at, "--account", "test"),
        "other": signed_in(*at, "--account", "other"),
        "owner, read-only": signed_in(*at, "--account", "test", "--read-only"),
        "operator": signed_in(*at, "--operator", "root"),
        "operator, read-only": signed_in(*at, "--operator", "root", "--read-only"),
    }


@pytest.fixture(scope="module")
def things(server: Running, visitors: Mapping[str, Visitor]) -> Mapping[str, str]:
    """What the owner has, by the names that stand in addresses."""
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    creator, another, *_ = source["creators"]
    owner = visitors["owner"]
    made = owner.post("/console/batches", {"creators": creator}, of="/console/batches")
    watched = owner.post("/console/watches", {"creators": creator}, of="/console/watches")
    assert (made.status, watched.status) == (303, 303), made.plain + watched.plain
    [token, *_] = json.loads(server.cli("token", "list", "--account", "test", "--json").stdout)
    assert {server.page(one).code for one in (creator, another)} == {0}
    entries = json.loads(server.cli("ledger", "list", "--account", "test", "--json").stdout)
    entry = next(one for one in entries if one["kind"] == "charge")
    stored(server, planted)
    return {
        "creator": creator,
        "another": another,
        "batch": made.headers["location"].rpartition("/")[2].partition("?")[0],
        "token": token["id"],
        "entry": entry["id"],
        "account": token["account"],
        "source": "sim",
        "change": "pause",
        "link": "hsl_x",
        "media:path": "none",
        "delivery": "dlv_1",
        "channel": "hook",
        "feed": "fed_1",
        "schedule": "sch_1",
    }


def planted(db: Connection) -> None:
    """Keep what operators do something with: a delivery that failed, its closed channel, a feed and a schedule."""
    news = News(id="evt_1", kind=Kind.NEW, creator="5d0000000000000000000c01", seen_ms=1_795_000_000_000)
    failed = Delivery(
        id="dlv_1", channel="hook", created_ms=1, due_ms=1, news=(news,), state=DeliveryState.FAILED, tries=9
    )
    order = Order(
        kind="creator",
        creators=(news.creator,),
        every="Mon 09:00",
        zone="UTC",
        channel="hook",
        form="html",
        lang="en",
        window="30d",
    )
    channels.put(db, Channel(name="hook", address=Secret("ntfy://127.0.0.1:9/closed")))
    channels.close(db, Closure(channel="hook", closed_ms=1, why="HTTP 410"))
    deliveries.add(db, [failed])
    feeds.add(db, Feed(id="fed_1", scope=Scope.CREATOR, who=news.creator, lang="en", created_ms=1), "a hash")
    schedules.add(db, Schedule(id="sch_1", created_ms=1, order=order, next_ms=4_000_000_000_000))


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Door], set[str]]]:
    """The doors of the console, and the paths of all routes."""
    folder = tmp_path_factory.mktemp("doors")
    loaded = load(
        file=None,
        flags={},
        environ={"HONGSHU_DATA_DIR": str(folder), "HONGSHU_SOURCE": '[{"name":"sim","kind":"simulator"}]'},
    )
    service = Service(loaded.config, folder)
    try:
        doors = [door for room in rooms(loaded.config, service, Downloads(service.maker.run)) for door in room.doors()]
        built = Application(loaded.config, lambda _: service, lambda: 0)
        yield doors, {route.path for route in built.around(service).routes if isinstance(route, Route)}
    finally:
        service.notes.close()
        service.ledger.close()


def test_every_door_stands_in_the_matrix(application: tuple[list[Door], set[str]]) -> None:
    """A new door without a line here fails; so does a line without a door."""
    doors, _ = application
    assert {f"{one.method} {one.path}" for one in doors} == set(KINDS)


def test_every_route_outside_the_console_is_told(application: tuple[list[Door], set[str]]) -> None:
    doors, paths = application
    inside = {PREFIX + one.path for one in doors}
    assert {one for one in paths if one not in inside and not one.startswith("/manage")} == set(OUTSIDE)


@pytest.mark.parametrize("path", OUTSIDE)
def test_what_nobody_is_answered_outside(server: Running, path: str) -> None:
    answer = server.get(re.sub(r"\{\w+\}", "x", path))
    assert answer.status == OUTSIDE[path]


def test_operators_routes_take_no_session_and_no_token_of_the_api(
    server: Running, visitors: Mapping[str, Visitor], application: tuple[list[Door], set[str]]
) -> None:
    _, paths = application
    managed = sorted(one for one in paths if one.startswith("/manage"))
    assert len(managed) > 10
    for path in managed:
        for method in ("GET", "POST"):
            for headers in ({}, {"authorization": f"Bearer {server.token}"}, _cookie(visitors["operator"])):
                assert _status(server, method, re.sub(r"\{\w+\}", "x", path), headers) in {401, 405}


@pytest.mark.parametrize("operation", sorted(KINDS, key=lambda one: (one.startswith("POST"), one)))
def test_an_operation_is_for_whom_it_is_for(
    server: Running, visitors: Mapping[str, Visitor], things: Mapping[str, str], operation: str
) -> None:
    del server
    method, _, path = operation.partition(" ")
    address = PREFIX + re.sub(r"\{([\w:]+)\}", lambda found: things[found[1]], path)
    if operation == "POST /sign-out":
        assert visitors["nobody"].send(address, {}).status == 401
        return  # whom it is for is shown in test_entry, and would be out after it
    kind = KINDS[operation]
    for who in sorted(WHO, key=lambda one: one in {"owner", "operator"}):  # whose it is comes last: it may be gone then
        visitor = visitors[who]
        key = "" if who == "nobody" else visitor.form_key()
        form = {"form_key": key, **FIELDS.get(operation, {})}
        answer = visitor.get(address) if method == "GET" else visitor.send(address, form)
        assert answer.status in allowed(kind, who), (who, answer.status, answer.plain[-300:])


def allowed(kind: str, who: str) -> Any:
    """Return with which statuses somebody may be answered; what is let in may fail for what was asked.

    What is operated is there, so that a door that finds nothing is not taken for one that lets in.
    """
    changes, kind = kind.endswith("!"), kind.rstrip("!")
    if kind == ANYONE:
        return set(LET_IN) - {401, 403}
    if who == "nobody":
        return {401}
    if kind == OPERATED and not who.startswith("operator"):
        return {403}
    if changes and who.endswith("read-only"):
        return {403}
    if kind == OWN and who == "other":
        return {404}
    let_in = {OPERATED: set(range(200, 400)), OWN: set(LET_IN) - {404}}
    return let_in.get(kind, set(LET_IN)) - {401, 403}


@pytest.mark.parametrize("operation", [one for one in KINDS if one.startswith("GET")])
def test_a_page_shows_what_there_is(visitors: Mapping[str, Visitor], things: Mapping[str, str], operation: str) -> None:
    """To an operator, on either kind of store; of covers none is kept."""
    path = re.sub(r"\{([\w:]+)\}", lambda found: things[found[1]], operation.removeprefix("GET "))
    answer = visitors["operator"].get(PREFIX + path + QUERIES.get(operation, "").format(**things))
    assert answer.status == (404 if "/covers/" in path else 200), answer.plain[-300:]


def test_lists_show_an_account_nothing_of_another(visitors: Mapping[str, Visitor], things: Mapping[str, str]) -> None:
    marks = [things["batch"], things["token"], things["entry"], things["account"]]
    account = things["account"]
    for path in (
        "",
        "/batches",
        "/tokens",
        "/ledger",
        "/ledger/export",
        "/calls",
        "/calls/export",
        "/usage",
        "/watches",
    ):
        for query in ("", f"?account={account}", "?account=test"):
            text = visitors["other"].get(f"{PREFIX}{path}{query}").text
            assert [one for one in marks if one in text and one not in query] == [], path + query


def _cookie(visitor: Visitor) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}


def _status(server: Running, method: str, path: str, headers: Mapping[str, str]) -> int:
    request = urllib.request.Request(server.address + path, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
