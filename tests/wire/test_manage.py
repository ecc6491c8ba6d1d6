"""`/manage`: an operator's token or nothing; the verbs and words of the command line, with real HTTP statuses."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from starlette.routing import Route

import stores
from hongshu.cli.main import run
from hongshu.config import Config, StorePlace
from hongshu.server.app import Application
from hongshu.service.desk import Ledger
from hongshu.service.whole import Service
from running import SIMULATOR, Answer, Running, start_server

pytestmark = pytest.mark.xdist_group("manage")

Key = tuple[str, str]
ROOM: Final = ("accounts", "tokens", "operators", "ledger", "holds", "answers", "quotas")
BODIES: Final[Mapping[Key, Mapping[str, object] | None]] = {
    ("GET", "/manage/accounts"): None,
    ("POST", "/manage/accounts"): {"name": "made"},
    ("GET", "/manage/accounts/{account}"): None,
    ("POST", "/manage/accounts/{account}/topup"): {"amount": 5, "reference": "invoice"},
    ("POST", "/manage/accounts/{account}/adjust"): {"amount": -5, "reference": "slip"},
    ("POST", "/manage/accounts/{account}/suspend"): None,
    ("POST", "/manage/accounts/{account}/resume"): None,
    ("POST", "/manage/accounts/{account}/zone"): {"zone": "Europe/Berlin"},
    ("POST", "/manage/accounts/{account}/low-balance"): {"low_balance": 7},
    ("GET", "/manage/tokens"): None,
    ("POST", "/manage/tokens"): {"account": "test"},
    ("GET", "/manage/tokens/{token}"): None,
    ("POST", "/manage/tokens/{token}/revoke"): None,
    ("POST", "/manage/tokens/{token}/rotate"): {"grace": 60},
    ("GET", "/manage/ledger"): None,
    ("GET", "/manage/ledger/export"): None,
    ("GET", "/manage/ledger/verify"): None,
    ("GET", "/manage/ledger/orphans"): None,
    ("POST", "/manage/ledger/{entry}/refund"): None,
    ("GET", "/manage/usage"): None,
}
"""Every route with a body that it would take: the rule for each is an operator's token."""
WRONG: Final = ("", "5", 5.5, True, None, -(10**30), 10**30, 10**16, [], {})


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server, its operator, one whose token was revoked, and what stands in its money room."""

    server: Running
    operator: str
    revoked: str
    paths: Mapping[str, str]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with closing(http.client.HTTPConnection(self.server.address.removeprefix("http://"), timeout=30)) as line:
            line.request(method, path.format(**self.paths), raw, headers)
            answer = line.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def do(self, method: str, path: str, body: object = None) -> Answer:
        """Ask as the operator."""
        return self.ask(method, path, body, Authorization=f"Bearer {self.operator}")

    def words(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = self.do(method, path, body)
        assert answer.status == status, answer.raw
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Type"] == "application/json"
        return answer.body

    def state(self) -> list[object]:
        with closing(stores.opened(self.server.data_dir, "money")) as money:
            return money.read(lambda db: [db.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ROOM])


@pytest.fixture(scope="module")
def site(folder_of: Callable[[str], Path]) -> Iterator[Site]:
    """One server for all tests here, which make accounts of their own."""
    server = start_server(folder_of("managed"), SIMULATOR)
    with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
        operator, revoked = (ledger.accounting.add_operator(name)[1] for name in ("ann", "bob"))
        ledger.accounting.revoke_operator("bob")
        [issued] = ledger.accounting.tokens()
        [source] = json.loads(server.cli("source", "list", "--json").stdout)
        assert server.page(source["creators"][0]).code == 0
        entry = ledger.accounting.newest_entries(None, 1)[0].entry.id
    paths = {"account": "test", "token": issued.token.id, "entry": entry}
    yield Site(server=server, operator=operator, revoked=revoked, paths=paths)
    server.stop()


@pytest.fixture
def command(site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command on the server's data directory and return what it printed."""
    monkeypatch.setenv("HONGSHU_DATA_DIR", str(site.server.data_dir))
    monkeypatch.setenv("HONGSHU_STORE", stores.setting(site.server.data_dir))

    def call(*arguments: str) -> Any:
        capsys.readouterr()
        assert run(arguments) == 0
        return json.loads(capsys.readouterr().out)

    return call


_numbers = itertools.count()


def an_account(site: Site, balance: int = 100) -> str:
    """Open an account of the test's own and return its name."""
    name = f"own {next(_numbers)}"
    site.words("POST", "/manage/accounts", {"name": name, "balance": balance}, status=201)
    return name


def error_of(answer: Answer) -> str:
    """What a refusal says; it is one object with one member."""
    assert answer.headers["Cache-Control"] == "private, no-store", answer.raw
    assert set(answer.body) == {"error"}, answer.raw
    return str(answer.body["error"])


async def built(folder: Path) -> set[Key]:
    """Build the application as a worker does, and return its routes for operators."""
    config = Config(store=StorePlace(stores.setting(folder)))
    application = Application(config, partial(Service, config, folder, time.time_ns), time.time_ns)
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    found: set[Key] = set()

    async def receive() -> dict[str, str]:
        return next(messages)

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete" and application._around is not None:
            routes = [one for one in application._around.routes if isinstance(one, Route)]
            inside = [one for one in routes if one.path.startswith("/manage")]
            found.update((method, one.path) for one in inside for method in (one.methods or {"ANY"}) - {"HEAD"})

    await application({"type": "lifespan"}, receive, send)
    return found


def test_every_route_has_its_rule(tmp_path: Path) -> None:
    """A route of the built application that stands not in the table here has no proof that strangers are refused."""
    assert asyncio.run(built(tmp_path)) == set(BODIES)


def strangers(site: Site) -> list[tuple[str, dict[str, str]]]:
    """What is not an operator's token, or not where one is looked for: query and headers."""
    api, good = site.server.token, site.operator
    bearers = ["", api, site.revoked, good[:-1], good[:-1] + "!", good.upper(), good + "x", "hso_", "null", "é" * 9]
    headers = [{}, *({"Authorization": f"Bearer {one}".encode().decode("latin-1")} for one in bearers)]
    headers += [{"Authorization": good}, {"Authorization": f"Basic {good}"}, {"Cookie": f"token={good}"}]
    headers += [{"X-Token": good}, {"Proxy-Authorization": f"Bearer {good}"}]
    return [*(("", one) for one in headers), (f"?token={api}", {}), (f"?token={site.revoked}", {}), (f"?x={good}", {})]


@pytest.mark.parametrize("key", BODIES, ids=" ".join)
def test_a_stranger_is_refused_and_changes_nothing(site: Site, key: Key) -> None:
    """401 for each wrong token alike, before anything else is looked at."""
    before, said = site.state(), set()
    for query, headers in strangers(site):
        for body in (BODIES[key], b"{"):
            answer = site.ask(key[0], key[1] + query, body, **headers)
            assert answer.status == 401, (headers, answer.raw)
            said.add(error_of(answer))
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(said) == 1
    assert site.state() == before


@pytest.mark.parametrize("key", BODIES, ids=" ".join)
def test_two_tokens_are_none(site: Site, key: Key) -> None:
    """Whichever of them is good: nothing is told and nothing changed."""
    before = site.state()
    for other in (site.operator, site.server.token):
        answer = site.ask(key[0], f"{key[1]}?token={other}", BODIES[key], Authorization=f"Bearer {site.operator}")
        assert answer.status in {400, 401}
        assert error_of(answer)
    assert site.state() == before


def test_an_account_is_opened_and_listed_as_by_the_command(site: Site, command: Callable[..., Any]) -> None:
    """201 with the same words; the name is taken from then on."""
    body = {"name": "shop", "balance": 70, "zone": "Europe/Berlin", "low_balance": 80}
    opened = site.words("POST", "/manage/accounts", body, status=201)
    assert opened == command("account", "show", "shop", "--json")
    assert (opened["balance"], opened["held"], opened["active"], opened["is_low"]) == (70, 0, True, True)
    assert site.words("GET", "/manage/accounts/shop") == opened
    assert site.words("GET", f"/manage/accounts/{opened['id']}") == opened
    assert site.words("GET", "/manage/accounts") == command("account", "list", "--json")
    again = site.do("POST", "/manage/accounts", body)
    assert (again.status, "exists already" in error_of(again)) == (409, True)


def test_an_account_is_changed_as_by_the_command(site: Site, command: Callable[..., Any]) -> None:
    """Topped up, adjusted, suspended, resumed, moved, given a threshold; each answers with the account as it is."""
    name = an_account(site)
    at = f"/manage/accounts/{quote(name)}"
    changes = [
        (("topup", {"amount": 5, "reference": "r"}), ("balance", 105)),
        (("adjust", {"amount": -105, "reference": "r"}), ("balance", 0)),
        (("suspend", None), ("active", False)),
        (("resume", None), ("active", True)),
        (("zone", {"zone": "Asia/Kolkata"}), ("zone", "Asia/Kolkata")),
        (("low-balance", {"low_balance": 3}), ("low_balance", 3)),
    ]
    for (verb, body), (word, value) in changes:
        changed = site.words("POST", f"{at}/{verb}", body)
        assert changed[word] == value
        assert changed == command("account", "show", name, "--json")
    too_much = site.do("POST", f"{at}/adjust", {"amount": -1, "reference": "r"})
    assert (too_much.status, "cannot be taken" in error_of(too_much)) == (400, True)
    kinds = [one["kind"] for one in site.words("GET", f"/manage/ledger?account={quote(name)}")]
    assert kinds == ["adjust", "topup", "topup"]


def test_a_token_is_made_rotated_and_revoked_as_by_the_command(site: Site, command: Callable[..., Any]) -> None:
    """Its secret stands in the answers that make it, and works; then never again."""
    name = an_account(site)
    body = {"account": name, "name": "ci", "burst": 7, "networks": ["127.0.0.1"], "expires": "2030-01-31"}
    made = site.words("POST", "/manage/tokens", body, status=201)
    shown = command("token", "show", made["id"], "--json")
    assert {**made, "token": shown["token"]} == shown == site.words("GET", f"/manage/tokens/{made['id']}")
    assert (made["burst"], made["networks"], made["expires"]) == (7, ["127.0.0.1/32"], "2030-01-31T00:00:00Z")
    assert (made["rate_per_minute"], made["daily_quota"]) == (600, 100_000)
    plain = command("token", "create", "--account", name, "--json")
    limits = ("rate_per_minute", "burst", "daily_quota", "scopes", "expires", "networks")
    bare = site.words("POST", "/manage/tokens", {"account": name}, status=201)
    by_default = [600, 60, 100_000, ["user-notes"], None, []]
    assert [plain[one] for one in limits] == [bare[one] for one in limits] == by_default
    turned = site.words("POST", f"/manage/tokens/{made['id']}/rotate", {"grace": 60})
    secrets = (made["token"], turned["token"])
    assert [holder(site, one).body["code"] for one in secrets] == [0, 0]
    last = site.words("POST", f"/manage/tokens/{made['id']}/rotate", {})["token"]
    assert [holder(site, one).body["code"] for one in (*secrets, last)] == [100, 100, 0]
    assert site.words("GET", f"/manage/tokens?account={quote(name)}") == command(
        "token", "list", "--account", name, "--json"
    )
    assert site.words("POST", f"/manage/tokens/{made['id']}/revoke")["active"] is False
    assert holder(site, last).body["code"] == 100
    gone = site.do("POST", f"/manage/tokens/{made['id']}/rotate", {})
    assert (gone.status, "revoked" in error_of(gone)) == (400, True)


def holder(site: Site, token: str) -> Answer:
    return site.ask("GET", "/api/account/usage", Authorization=f"Bearer {token}")


def test_only_the_answer_that_makes_a_secret_holds_it(site: Site) -> None:
    """Nothing that an operator can look at shows one again."""
    name = an_account(site)
    made = site.words("POST", "/manage/tokens", {"account": name}, status=201)
    turned = site.words("POST", f"/manage/tokens/{made['id']}/rotate", {"grace": 60})
    secrets = [site.operator, site.server.token, made["token"], turned["token"]]
    assert len(set(secrets)) == 4
    for method, path in BODIES:
        if method == "GET":
            raw = site.do("GET", path.replace("{token}", made["id"])).raw
            assert [one for one in secrets if one.encode() in raw] == []


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("ledger", "ledger list --limit 100"),
        ("ledger?limit=2&account=test", "ledger list --limit 2 --account test"),
        ("ledger/verify", "ledger verify"),
        ("ledger/orphans", "ledger orphans"),
        ("usage", "usage"),
        *(
            (f"usage?by={by}&account=test", f"usage --by {by} --account test")
            for by in ("hour", "token", "code", "source")
        ),
        ("usage?by=day&since=2020-01-01", "usage --by day --since 2020-01-01"),
        ("tokens", "token list"),
    ],
)
def test_what_is_shown_is_what_the_command_prints(
    site: Site, command: Callable[..., Any], path: str, arguments: str
) -> None:
    """The same document, word for word."""
    assert site.words("GET", f"/manage/{path}") == command(*arguments.split(), "--json")


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv"), ("jsonl", "application/jsonl")])
def test_an_export_is_what_the_command_writes(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str, kind: str
) -> None:
    """Line for line, for all accounts and for one."""
    monkeypatch.setenv("HONGSHU_DATA_DIR", str(site.server.data_dir))
    monkeypatch.setenv("HONGSHU_STORE", stores.setting(site.server.data_dir))
    for more in ((), ("--account", "test")):
        capsys.readouterr()
        assert run(["ledger", "export", "--format", form, *more]) == 0
        answer = site.do("GET", f"/manage/ledger/export?format={form}" + ("&account=test" if more else ""))
        assert (answer.status, answer.raw.decode()) == (200, capsys.readouterr().out)
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_an_accounts_name_stands_beside_its_id(site: Site) -> None:
    """In every answer that names an account, and in no line of an export, whose columns are fixed."""
    name = an_account(site)
    token = site.words("POST", "/manage/tokens", {"account": name}, status=201)
    entries = site.words("GET", "/manage/ledger?limit=1000")
    answers = [
        [token, *site.words("GET", "/manage/tokens")],
        entries,
        site.words("GET", f"/manage/ledger?account={quote(name)}"),
        site.words("GET", "/manage/usage?account=test"),
        [holder(site, token["token"]).body["data"]],
    ]
    names = {one["id"]: one["name"] for one in site.words("GET", "/manage/accounts")}
    for rows in answers:
        assert rows
        for one in rows:
            assert one["account_name"] == names[one["account"]], one
    assert {one["account_name"] for one in entries} >= {name, "test"}
    for form in ("csv", "jsonl"):
        assert b"account_name" not in site.do("GET", f"/manage/ledger/export?format={form}").raw


def test_a_refund_is_made_once(site: Site) -> None:
    """201 with the entry, then 409; what is no charge is 400."""
    made = site.words("POST", "/manage/ledger/{entry}/refund", status=201)
    assert (made["kind"], made["reference"]) == ("refund", site.paths["entry"])
    assert made["account_name"] == "test"
    again = site.do("POST", "/manage/ledger/{entry}/refund")
    assert (again.status, made["id"] in error_of(again)) == (409, True)
    assert site.do("POST", f"/manage/ledger/{made['id']}/refund").status == 400


@pytest.mark.parametrize("name", ["nobody", "%00", "a%00b", "%2e%2e", "%F0%9F%8E%88", "%ff", "x" * 3000, "'; --"])
def test_what_there_is_not_is_404(site: Site, name: str) -> None:
    """For every route that names an account, a token or an entry, and every list of one account."""
    before = site.state()
    lists = ("tokens", "ledger", "ledger/export", "usage")
    told = [
        *((method, path.format(account=quote(name, safe="%"), token=quote(name, safe="%"), entry=quote(name, safe="%")))
          for method, path in BODIES if "{" in path),
        *(("GET", f"/manage/{one}?account={quote(name, safe='%')}") for one in lists),
    ]  # fmt: skip
    bodies = {method + path.rpartition("/")[2]: body for (method, path), body in BODIES.items()}
    for method, path in told:
        answer = site.do(method, path, bodies.get(method + path.rpartition("/")[2]))
        assert answer.status == 404, (method, path, answer.raw)
        assert error_of(answer)
    assert site.state() == before


@pytest.mark.parametrize("key", BODIES, ids=" ".join)
def test_another_method_is_405(site: Site, key: Key) -> None:
    """With the methods that are allowed, and in the words of these routes."""
    before = site.state()
    allowed = {method for method, path in BODIES if path == key[1]}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        answer = site.do(method, key[1], {})
        assert answer.status == 405
        assert error_of(answer)
        assert {one.strip() for one in answer.headers["Allow"].split(",")} - {"HEAD"} == allowed
    assert site.state() == before


@pytest.mark.parametrize("path", ["", "/", "/accounts/", "/nothing", "/accounts/test/close", "/tokens/a/b/c"])
def test_an_address_that_is_none_is_404(site: Site, path: str) -> None:
    """In the words of these routes."""
    answer = site.do("GET", f"/manage{path}")
    assert answer.status == 404
    assert error_of(answer)


TAKING: Final = [key for key, body in BODIES.items() if body is not None]
BAD: Final = {
    "cut off": b"{",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"1e999",
    "not UTF-8": b'{"name":"\xff"}',
    "a lone surrogate": b'{"name":"\\ud800"}',
    "two documents": b"{}{}",
    "a form": b"name=x&amount=5",
    "deep": b"[" * 200_000,
    "a deep member": b'{"x":' * 50_000,
    "large": b'{"name":"' + b"x" * 1_100_000 + b'"}',
    "large and blank": b" " * 1_100_000 + b"{}",
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("key", TAKING, ids=" ".join)
def test_a_body_that_is_no_object_is_refused(site: Site, key: Key, bad: str) -> None:
    """400, or 413 where it is too large; one line, and nothing changed."""
    before = site.state()
    answer = site.do(*key, BAD[bad])
    assert answer.status in ({400, 413} if "large" in bad else {400}), answer.raw
    assert "\n" not in error_of(answer)
    assert site.state() == before


@pytest.mark.parametrize("key", TAKING, ids=" ".join)
def test_a_body_with_an_unknown_or_missing_or_wrong_member_is_refused(site: Site, key: Key) -> None:
    """Every member of every body: what it must not be, and the mistyped one that would be ignored elsewhere."""
    before = site.state()
    good = dict(BODIES[key] or {})
    bodies: list[dict[str, object]] = [{**good, "unknown": 1}, {**good, "Amount": 1}]
    bodies += [{one: value for one, value in good.items() if one != name} for name in good if name != "grace"]
    bodies += [{**good, name: wrong} for name in good for wrong in WRONG if type(wrong) is not type(good[name])]
    bodies += [{**good, name: wrong} for name in good for wrong in (10**30, -(10**30), 10**16, "\0", "\n", "x" * 5000)]
    for body in bodies:
        answer = site.do(*key, body)
        assert answer.status in {400, 404}, (body, answer.raw)
        assert error_of(answer)
    assert site.state() == before


@pytest.mark.parametrize("name", ["rate_per_minute", "burst", "daily_quota", "scopes", "networks", "expires", "name"])
@pytest.mark.parametrize("wrong", [-1, 1.5, 10**30, 2**63, "x" * 99, ["all"], [5], True, "9999-12-31T23:59:59-12:00"])
def test_a_token_that_cannot_be_is_refused(site: Site, name: str, wrong: object) -> None:
    """With 400, never with a failure of the store, and the list of tokens can still be shown."""
    before = site.state()
    answer = site.do("POST", "/manage/tokens", {"account": "test", name: wrong})
    assert answer.status == 400, answer.raw
    assert error_of(answer)
    assert site.state() == before
    assert site.do("GET", "/manage/tokens").status == 200


@pytest.mark.parametrize(
    "query",
    [
        *(f"ledger?limit={one}" for one in ("0", "-1", "x", "1.5", "", "9" * 30, "%D9%A1")),
        *(f"usage?{one}" for one in ("by=week", "by=", "since=soon", "since=", "since=2026-02-30")),
        *(f"ledger/export?format={one}" for one in ("xml", "", "CSV")),
    ],
)
def test_a_query_that_cannot_be_is_refused(site: Site, query: str) -> None:
    """With 400 and what it may be."""
    answer = site.do("GET", f"/manage/{query}")
    assert answer.status == 400, answer.raw
    assert error_of(answer)


def test_the_server_is_whole_after_all_that(site: Site) -> None:
    """The ledger is proven and calls are answered."""
    assert site.words("GET", "/manage/ledger/verify")["ok"] is True
    assert holder(site, site.server.token).body["code"] == 0
