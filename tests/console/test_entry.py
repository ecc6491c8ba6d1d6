"""The way into the console and out of it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

import stores
from console.spending import stored
from console.visiting import Answered, Visitor, link, signed_in
from databases import Postgres
from hongshu.formats import tokens
from hongshu.server.console.entry import TRIES_A_MINUTE, Tries
from running import SIMULATOR, Running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from running import start_server  # noqa: PLC0415 - beside the fixtures of all tests

    running = start_server(tmp_path_factory.mktemp("console"), SIMULATOR)
    running.cli("operator", "create", "root")
    yield running
    running.stop()


def test_the_command_prints_a_link_that_works_once_in_one_browser(server: Running) -> None:
    made = server.cli("login", "--account", "test", "--json")
    told = json.loads(made.stdout)
    assert set(told) == {"link", "role", "name", "read_only", "until"}
    path = "/" + told["link"].split("/", 3)[3]
    first, second = Visitor(server.address), Visitor(server.address)
    assert first.send(path, {}).headers["location"] == "/console"
    assert first.get("/console/tokens").status == 200
    again = second.send(path, {})
    assert again.status == 400
    assert "make another with: hongshu login" in again.plain
    assert second.get("/console/tokens").status == 401


def test_looking_at_a_link_does_not_use_it_up(server: Running) -> None:
    path = link(server.data_dir, "--account", "test")
    for _ in range(5):  # a chat that shows a preview, a scanner of mails
        assert Visitor(server.address).get(path).status == 200
    assert Visitor(server.address).send(path, {}).status == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(server: Running) -> None:
    answer = Visitor(server.address).send(link(server.data_dir, "--account", "test"), {})
    [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (True, "strict", "/console")
    assert not cookie["max-age"], "it goes with the browser"
    assert not cookie["secure"], "the address is plain HTTP"


def test_the_cookie_is_secure_behind_https(serve: Callable[..., Running]) -> None:
    behind = serve(SIMULATOR + '[server]\npublic_url = "https://hs.example"\n')
    made = behind.cli("login", "--account", "test")
    assert made.stdout.startswith("https://hs.example/console/sign-in/hsl_")
    answer = Visitor(behind.address).send("/" + made.stdout.strip().split("/", 3)[3], {})
    [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
    assert cookie["secure"]


def test_signing_out_ends_the_session_whoever_kept_the_cookie(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    kept = dict(visitor.cookies)
    assert visitor.post("/console/sign-out").headers["location"].startswith("/console/sign-in")
    assert "hongshu_session" not in visitor.cookies
    assert Visitor(server.address, kept).get("/console/tokens").status == 401


def test_a_second_sign_in_ends_the_session_before(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    kept = dict(visitor.cookies)
    path = link(server.data_dir, "--operator", "root")
    assert visitor.send(path, {"form_key": visitor.form_key()}).status == 303
    assert "operator" in visitor.get("/console/tokens").plain
    assert Visitor(server.address, kept).get("/console/tokens").status == 401


def test_a_form_from_elsewhere_changes_nothing(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    other = signed_in(server.address, server.data_dir, "--account", "test")
    fields = {"name": "stolen"}
    assert visitor.send("/console/tokens", fields).status == 403
    assert visitor.send("/console/tokens", {**fields, "form_key": "0" * 32}).status == 403
    assert visitor.send("/console/tokens", {**fields, "form_key": other.form_key()}).status == 403
    own = {**fields, "form_key": visitor.form_key()}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert visitor.send("/console/tokens", own, headers).status == 403
    assert visitor.send("/console/tokens", own, {"content-type": "text/plain"}).status == 400
    assert "stolen" not in visitor.get("/console/tokens").text
    assert visitor.send("/console/tokens", own, {"origin": server.address}).status == 201


def test_a_read_only_session_looks_and_changes_nothing(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test", "--read-only")
    page = visitor.get("/console/tokens")
    assert page.status == 200
    assert "Create token" not in page.text
    assert "read-only" in page.plain
    assert visitor.post("/console/tokens", {"name": "x"}).status == 403


@pytest.mark.parametrize("arguments", [(), ("--account", "test", "--operator", "root")])
def test_somebody_is_named(server: Running, arguments: tuple[str, ...]) -> None:
    refused = server.cli("login", *arguments)
    assert refused.returncode == 2
    assert "--account NAME or --operator NAME" in refused.stderr


def test_an_unknown_name_is_told(server: Running) -> None:
    refused = server.cli("login", "--account", "nobody")
    assert refused.returncode == 2
    assert "`hongshu account list` shows them" in refused.stderr


def test_the_language_follows_the_browser_and_can_be_chosen(server: Running) -> None:
    visitor = Visitor(server.address, lang="fr, zh-CN;q=0.8, en;q=0.5")
    page = visitor.get("/console/sign-in")
    assert 'lang="zh-CN"' in page.text
    assert "登录" in page.plain
    assert (
        visitor.send("/console/language", {"lang": "en", "back": "/sign-in"}).headers["location"] == "/console/sign-in"
    )
    assert "Sign in" in visitor.get("/console/sign-in").plain
    assert visitor.send("/console/language", {"lang": "xx"}).status == 400
    assert visitor.send("/console/theme", {"theme": "dark"}).status == 303
    assert 'data-theme="dark"' in visitor.get("/console/sign-in").text


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
def test_nobody_is_led_elsewhere(server: Running, back: str) -> None:
    answer = Visitor(server.address).send("/console/language", {"lang": "en", "back": back})
    assert answer.headers["location"] == "/console"


def test_links_that_open_nothing_cannot_be_tried_without_end(serve: Callable[..., Running]) -> None:
    visitor = Visitor(serve().address)
    wrong = f"/console/sign-in/{tokens.minted(tokens.LINK, b'x' * 30)}"
    said = [visitor.send(wrong, {}).plain for _ in range(TRIES_A_MINUTE + 3)]
    assert sum("make another" in one for one in said) <= TRIES_A_MINUTE
    assert "wait a minute" in said[-1]


def test_an_address_may_try_again_after_a_minute() -> None:
    now = [0.0]
    tries = Tries(lambda: now[0])
    for _ in range(TRIES_A_MINUTE):
        assert not tries.are_many("a")
        tries.failed("a")
    assert tries.are_many("a")
    assert not tries.are_many("b")
    now[0] = 61
    assert not tries.are_many("a")
    tries.failed("a")
    assert not tries.are_many("a")


def test_every_page_has_a_strict_policy_and_is_not_kept(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    for path in ("/console/sign-in", "/console/tokens", "/console/nothing", "/console/static/console.js"):
        headers = visitor.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert ("no-store" in headers["cache-control"]) == ("static" not in path)


def test_no_secret_stands_in_a_log_or_in_a_page_after_its_showing(serve: Callable[..., Running]) -> None:
    running = serve()
    path = link(running.data_dir, "--account", "test")
    visitor = Visitor(running.address)
    visitor.send(path, {})
    shown = visitor.post("/console/tokens", {"name": "mine"})
    [secret] = {
        one
        for one in shown.text.replace("&#34;", " ").replace("<", " ").split()
        if one.startswith("hs_") and len(one) > 36
    } or {""}
    assert secret
    session = visitor.cookies["hongshu_session"]
    for page in ("/console/tokens", "/console/batches", path):
        text = visitor.get(page).text
        assert secret not in text
        assert session not in text
    Visitor(running.address).send(path, {})
    running.stop()
    log = "\n".join(running.log)
    assert all(one not in log for one in (secret, session, path.rpartition("/")[2]))


def test_what_is_no_page_says_so_and_leads_on(server: Running, tmp_path: Path) -> None:
    del tmp_path
    visitor = signed_in(server.address, server.data_dir, "--account", "test", lang="zh")
    page = visitor.get("/console/nowhere")
    assert page.status == 404
    assert "没有这个页面" in page.plain


@pytest.mark.parametrize(
    "headers", [{"origin": "http://["}, {"origin": "null"}, {"origin": ""}, {"sec-fetch-site": "same-site"}]
)
def test_a_form_whose_page_nobody_knows_is_not_taken(server: Running, headers: dict[str, str]) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    own = {"name": "strange", "form_key": visitor.form_key()}
    assert visitor.send("/console/tokens", own, headers).status == 403
    assert visitor.send("/console/tokens", {**own, "form_key": [own["form_key"]] * 2}).status == 403
    assert "strange" not in visitor.get("/console/tokens").text


@pytest.mark.parametrize("origin", ["null", "https://evil.example"])
def test_nobody_is_signed_in_by_another_site(server: Running, origin: str) -> None:
    """The link is not used up by that."""
    path, visitor = link(server.data_dir, "--account", "test"), Visitor(server.address)
    assert visitor.send(path, {}, {"origin": origin}).status == 403
    assert visitor.cookies == {}
    assert visitor.send(path, {}, {"origin": server.address}).status == 303


def test_behind_a_proxy_that_changes_the_host_the_public_address_counts(serve: Callable[..., Running]) -> None:
    """Where it is not set, what to set is said."""
    behind = serve(SIMULATOR + '[server]\npublic_url = "https://HS.example:443"\n')
    through = {"host": "10.0.0.7:8080", "origin": "https://hs.example"}
    visitor = Visitor(behind.address)
    assert visitor.send("/console/theme", {"theme": "dark"}, through).status == 303
    assert visitor.send("/console/theme", {"theme": "dark"}, {**through, "origin": "https://x.example"}).status == 403
    unaware = Visitor(serve(name="unaware").address, lang="zh")
    refused = unaware.send("/console/theme", {"theme": "dark"}, through)
    assert refused.status == 403
    assert "请将 [server] public_url 设为浏览器中显示的地址" in refused.plain


def led_back(page: Answered) -> str:
    """Return where the forms below a page lead back to."""
    [back] = set(re.findall(r'name="back" value="(/[^"]*|)"', page.text))
    return html.unescape(back)


@pytest.mark.parametrize(
    ("back", "led"),
    [
        ("/中文", "/console/%E4%B8%AD%E6%96%87"),
        ("/creators?q=%E4%BD%A0%26&group=a+b", "/console/creators?q=%E4%BD%A0%26&group=a+b"),
        ("/x\r\nset-cookie: a=b", "/console"),
        ("/x\x7f", "/console"),
    ],
)
def test_the_way_back_is_an_address_whatever_it_holds(server: Running, back: str, led: str) -> None:
    answer = Visitor(server.address).send("/console/language", {"lang": "en", "back": back})
    assert (answer.status, answer.headers["location"]) == (303, led)
    assert answer.headers["set-cookie"].startswith("hongshu_lang=en")


@pytest.mark.parametrize("path", ["/creators?q=%E4%BD%A0%26&group=a+b", "/%E4%B8%AD%E6%96%87", "/usage?by=hour"])
def test_a_language_is_chosen_without_losing_the_page(server: Running, path: str) -> None:
    """Its query too, but for the word on what was done."""
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    page = visitor.get(f"/console{path}{'&' if '?' in path else '?'}done=signed_out")
    assert led_back(page) == path
    fields = {"form_key": visitor.form_key(), "lang": "zh", "back": led_back(page)}
    assert visitor.send("/console/language", fields).headers["location"] == f"/console{path}"


def test_a_page_that_answered_a_form_leads_back_to_one_that_can_be_loaded(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    [token, *_] = json.loads(server.cli("token", "list", "--account", "test", "--json").stdout)
    for path, back in (
        ("/ledger/verify", "/ledger"),
        (f"/tokens/{token['id']}/rotate", "/tokens"),
        ("/channels/x/test", ""),
        ("/sources/sim/nothing", "/sources/sim"),
        ("/batches/bat_x/cancel", "/batches/bat_x"),
    ):
        page = visitor.post(f"/console{path}")
        assert led_back(page) == back, (path, page.status)


def test_whoever_has_a_right_link_is_let_in_however_many_wrong_ones_came(serve: Callable[..., Running]) -> None:
    """Behind a proxy everybody has one address."""
    server = serve()
    visitor = Visitor(server.address)
    for number in range(TRIES_A_MINUTE + 1):
        wrong = tokens.minted(tokens.LINK, bytes([number]) * 30)
        assert visitor.send(f"/console/sign-in/{wrong}", {}).status == 400
    assert visitor.send(link(server.data_dir, "--account", "test"), {}).status == 303


def test_what_no_database_takes_as_text_is_left_out(serve: Callable[..., Running], postgres: Postgres) -> None:
    """NUL in addresses and queries, and halves of characters; PostgreSQL knows neither."""
    server = serve(f'store = "{postgres.new_database()}"\n{SIMULATOR}')
    server.cli("operator", "create", "root")
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    for bad in ("%00", "%ED%A0%80"):
        for path in (
            *("batches", "creators", "accounts", "sources", "covers", "creators/5d0000000000000000000c01/notes?q="),
            *("batches?before=", "watches?group=", "news?group=", "deliveries?channel=", "deliveries?before="),
            *(
                "creators?q=",
                "creators?group=",
                "calls?token_id=",
                "calls?request=",
                "ledger?account=",
                "usage?account=",
            ),
            *("tokens?account=", "compare?group=", "calls?source=", "accounts?q="),
        ):
            at = f"/console/{path}{'' if path.endswith('=') else '/'}x{bad}"
            assert visitor.get(at).status < 500, at
        for path in (
            f"deliveries/x{bad}/resend",
            f"feeds/x{bad}/revoke",
            f"channels/x{bad}/test",
            f"tokens/x{bad}/revoke",
        ):
            assert visitor.post(f"/console/{path}").status == 404, path


def test_a_page_is_read_though_nothing_can_be_written(serve: Callable[..., Running]) -> None:
    """A full disk: a session is not prolonged, and holds for as long as it did."""
    server = serve()
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    stored(server, lambda db: db.rows("UPDATE sessions SET until_ms = until_ms - 600000"))
    stores.refuse(server.data_dir, "money", "UPDATE", "sessions")
    assert visitor.get("/console/tokens").status == 200


def test_a_store_that_fails_is_told_wherever_it_is_noticed(serve: Callable[..., Running]) -> None:
    """On a page, where none is, and in the place of what a filter found."""
    server = serve()
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    stored(server, lambda db: db.rows("ALTER TABLE sessions RENAME TO gone"))
    for path in ("/console/tokens", "/console/nowhere"):
        answer = visitor.get(path)
        assert (answer.status, answer.text) == (503, "the store cannot be used; see the server's log")
    part = visitor.get("/console/creators?q=x", {"hx-request": "true", "hx-target": "found"})
    assert part.status == 503
    assert '<div id="found"><p class="said" role="alert">the store cannot be used' in "".join(part.text.splitlines())


def test_what_a_filter_found_is_replaced_by_why_there_is_nothing(server: Running) -> None:
    """Refused, failed, or signed out meanwhile."""
    part = {"hx-request": "true", "hx-target": "found"}
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    refused = visitor.get("/console/accounts?q=x", part)
    assert (refused.status, "For operators only" in refused.plain) == (403, True)
    failed = signed_in(server.address, server.data_dir, "--operator", "root").get("/console/watches/plan?calls=x", part)
    assert failed.status == 400
    gone = Visitor(server.address).get("/console/creators?q=x", part)
    assert (gone.status, gone.headers["hx-redirect"]) == (401, "/console/sign-in")
    for answer in (refused, failed, gone):
        assert re.match(r'\s*<div id="found">\s*<p class="said" role="alert">[^<]+</p>\s*</div>\s*$', answer.text)


def test_a_form_that_is_too_large_says_what_to_do(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    answer = visitor.post("/console/batches", {"creators": "a" * 1_100_000})
    assert answer.status == 400
    assert "name fewer creators at once, or use the commands" in answer.plain
