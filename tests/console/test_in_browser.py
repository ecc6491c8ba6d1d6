"""The console in a real browser, from the first link to a token that is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hostile
from console import spending
from console.browsers import browser_or_leave, tab
from console.looked import stored
from hongshu.store import sessions
from reports.photographs import browsing
from running import SIMULATOR, Running, start_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LANGUAGES = ("en", "zh")
WORDS = 500
WIDER = "() => document.documentElement.scrollWidth - innerWidth"
OVERLAPS = """() => {
    const rects = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode, range = document.createRange();
        if (!text.data.trim() || text.parentElement.closest("svg, option, pre, .unseen, .skip, .topbar")) continue;
        if (!text.parentElement.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true})) continue;
        range.selectNodeContents(text);
        for (const one of range.getClientRects())
            if (one.width > 4 && one.height > 4 && one.left < innerWidth) rects.push([one, text.data.trim()]);
    }
    const found = [];
    for (let a = 0; a < rects.length; a++) for (let b = a + 1; b < rects.length; b++) {
        const [one, other] = [rects[a][0], rects[b][0]];
        const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (wide > 4 && high > 6 && found.length < 5) found.push(`${rects[a][1]} / ${rects[b][1]}`);
    }
    return found;
}"""
"""Texts that lie on each other."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser_or_leave()
    with browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start_server(tmp_path_factory.mktemp("browser"), SIMULATOR)
    running.cli("operator", "create", "root")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def people(server: Running) -> list[str]:
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    return list(source["creators"])


def curl(command: str) -> dict[str, Any]:
    """Type the line that a page shows."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(["sh", "-c", f"{command} -s"], capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_walk_through_the_console(
    browser: Browser, server: Running, people: list[str], lang: str, tmp_path: Path
) -> None:
    """Add a creator, watch it being collected, read its page, take a report along; make a token, use it, revoke it."""
    creator = people[LANGUAGES.index(lang)]
    with tab(browser, server.address, lang) as one:
        page = one.page
        one.sign_in(server, "--account", "test")
        assert page.evaluate("document.documentElement.lang") == ("zh-CN" if lang == "zh" else "en")

        one.go("/console/creators")
        page.fill("textarea[name=creators]", f"https://www.xiaohongshu.com/user/profile/{creator}")
        page.click("form[action='/console/batches'] button")
        page.wait_for_url("**/console/batches/bat_*")
        page.wait_for_selector("main .lead .state.complete", timeout=60_000)

        page.click(f"a[href='/console/creators/{creator}']")
        page.wait_for_url(f"**/console/creators/{creator}")
        page.wait_for_selector("#numbers .canvas svg, .canvas svg", timeout=60_000)
        assert page.evaluate(WIDER) <= 0

        page.click("a[href^='/console/reports?kind=creator']")
        page.wait_for_selector("form[action='/console/reports']")
        with page.expect_download(timeout=120_000) as downloading:
            page.click("form[action='/console/reports'] button.main")
        report = tmp_path / downloading.value.suggested_filename
        downloading.value.save_as(report)
        assert report.suffix == ".html"
        verified = subprocess.run(
            [sys.executable, "-m", "hongshu", "report", "verify", str(report)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stderr

        one.go("/console/tokens")
        page.fill("input[name=name]", f"walk {lang}")
        page.click("form[action='/console/tokens'] button.main")
        page.wait_for_selector(".copied code >> nth=1")
        secret, command = page.locator(".copied code").all_text_contents()
        answered = curl(re.sub(r"userId=\w+", f"userId={creator}", command))
        assert answered["code"] == 0

        one.go("/console/calls")
        page.fill("input[name=request]", answered["requestId"])
        page.wait_for_selector(f"#found >> text={answered['requestId']}")

        one.go("/console/tokens")
        assert secret not in page.content()
        row = page.locator("tr", has_text=f"walk {lang}")
        page.once("dialog", lambda asked: asked.accept())
        row.locator("form[action$='/revoke'] button").click()
        page.wait_for_selector(f"tr:has-text('walk {lang}') .state.revoked")
        refused = curl(re.sub(r"userId=\w+", f"userId={creator}", command))
        assert refused["code"] == 100

        page.click("nav.side form[action='/console/sign-out'] button")
        page.wait_for_url("**/console/sign-in**")
        one.check()


def pages(server: Running, creator: str) -> list[str]:
    """Return an address of every page that there is."""
    batches = json.loads(server.cli("batch", "list", "--json").stdout)
    account = json.loads(server.cli("account", "show", "test", "--json").stdout)["id"]
    return [
        *("/console", "/console/creators", f"/console/creators/{creator}", f"/console/creators/{creator}/notes"),
        *(f"/console/compare?creators={creator}", "/console/news", "/console/batches", "/console/watches"),
        *(f"/console/batches/{one['batch']}" for one in batches[:1]),
        *("/console/reports", "/console/datasets", "/console/tokens", "/console/ledger", "/console/ledger/orphans"),
        *("/console/calls", "/console/usage", "/console/accounts", f"/console/accounts/{account}", "/console/sources"),
        *(
            "/console/sources/sim",
            "/console/watches/plan",
            "/console/deliveries",
            "/console/backups",
            "/console/nothing",
            "/docs",
        ),
    ]


@pytest.mark.parametrize(("lang", "dark", "width"), [("en", False, 1280), ("zh", True, 375)])
def test_no_page_shuts_anybody_out(
    browser: Browser, server: Running, people: list[str], lang: str, dark: bool, width: int
) -> None:
    """No serious finding of axe on any page; none is wider than the screen, complains, or asks another host."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - not where there is no browser

    collected(server, people[2:4])
    found: dict[str, list[str]] = {}
    with tab(browser, server.address, lang, width, color_scheme="dark" if dark else "light", bypass_csp=True) as one:
        one.sign_in(server, "--operator", "root")
        for path in ["/console/sign-in", *pages(server, people[2])]:
            one.go(path)
            if "/creators/" in path and "/notes" not in path:
                one.page.wait_for_selector(".canvas svg", timeout=60_000)
            told = Axe().run(one.page).response["violations"]
            serious = [
                f"{it['id']}: {it['nodes'][0]['html'][:160]}" for it in told if it["impact"] in {"serious", "critical"}
            ]
            if one.page.evaluate(WIDER) > 0:
                serious.append(f"wider by {one.page.evaluate(WIDER)}")
            serious += [f"on each other: {pair}" for pair in one.page.evaluate(OVERLAPS)]
            if serious:
                found[path] = serious
        one.check()
    assert found == {}


def test_a_keyboard_is_enough(browser: Browser, server: Running) -> None:
    with tab(browser, server.address) as one:
        one.sign_in(server, "--account", "test")
        one.go("/console/tokens")
        one.page.keyboard.press("Tab")
        assert one.page.evaluate("document.activeElement.className") == "skip"
        one.page.keyboard.press("Enter")
        assert one.page.evaluate("document.activeElement.id") == "main"
        for _ in range(40):
            one.page.keyboard.press("Tab")
            if one.page.evaluate("document.activeElement.name") == "name":
                break
        one.page.keyboard.type("by keys")
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector(".copied code >> nth=1")
        one.check()


def test_a_search_after_the_session_ended_leads_to_the_way_in(browser: Browser, server: Running) -> None:
    with tab(browser, server.address) as one:
        one.sign_in(server, "--account", "test")
        one.go("/console/creators")
        spending.stored(server, sessions.end_all)
        one.page.locator("input[name=q]").press_sequentially("momo")
        one.page.wait_for_url("**/console/sign-in")
        one.page.wait_for_selector("text=hongshu login --account NAME")
        one.check()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_wrong_filter_says_so_where_its_results_stood(browser: Browser, server: Running, lang: str) -> None:
    """And a right one behind it is answered there too; another language keeps the filter."""
    spending.stored(server, lambda db: db.rows("DELETE FROM login_links"))
    said = {"en": "calls a day is a whole number", "zh": "每日调用次数应为"}[lang]
    with tab(browser, server.address, lang) as one:
        one.sign_in(server, "--operator", "root")
        one.go("/console/watches/plan")
        for given in ("many", "0" * 12 + "1999999999999"):
            one.page.fill("input[name=calls]", given)
            one.page.keyboard.press("Enter")
            one.page.wait_for_selector(f"#found .said[role=alert] >> text={said}")
            one.page.fill("input[name=calls]", "30")
            one.page.keyboard.press("Enter")
            one.page.wait_for_selector("#found .said", state="detached")
        one.page.select_option("#set-lang", "en" if lang == "zh" else "zh")
        one.page.wait_for_url("**/console/watches/plan?calls=30")
        assert one.page.input_value("input[name=calls]") == "30"
        one.check()


def test_hostile_words_run_nowhere_and_are_shown(browser: Browser, server: Running, people: list[str]) -> None:
    """500 titles, nicknames, texts, hashtags and names of groups that would run if any page let them: the corpus."""
    creator = people[5]
    collected(server, [creator])
    words = [f"{number}-{hostile.kept(text)}" for number, text in zip(range(WORDS), cycle(hostile.ALL), strict=False)]
    spoil(server, creator, words)
    with tab(browser, server.address) as one:
        one.sign_in(server, "--operator", "root")
        one.page.add_init_script("window.ran = 0;")
        seen = ""
        for path in pages(server, creator):
            one.go(path)
            one.page.wait_for_timeout(50)
            assert one.page.evaluate("window.ran") == 0, path
            assert (
                one.page.evaluate("document.querySelectorAll('[onerror], [onload], [onclick], svg script').length") == 0
            )
            seen += one.page.inner_text("body")
        for start in (7, *range(0, WORDS, 50)):
            one.go(f"/console/creators/{creator}/notes?q={start}-")
            seen += one.page.inner_text("body")
        assert "<img src=x onerror=window.ran=1>" in seen
        assert one.strangers == []
        assert [told for told in one.complaints if "Content Security Policy" in told] == []


def spoil(server: Running, creator: str, words: list[str]) -> None:
    """Put hostile words wherever others' words are kept."""

    def spoiled(db: Any) -> None:
        ids = [one for (one,) in db.rows("SELECT id FROM notes WHERE creator = ? ORDER BY id", (creator,))]
        for place, one in enumerate(ids):
            word = words[place % len(words)]
            tags = json.dumps([word[:60]])
            db.rows(
                "UPDATE notes SET crc = NULL, title = ?, text = ?, nickname = ?, hashtags = ?"
                " WHERE creator = ? AND id = ?",
                (word, words[(place + len(ids)) % len(words)], words[0], tags, creator, one),
            )
            db.rows(
                "INSERT INTO events (id, creator, audience, note, kind, seen_ms, source, details)"
                " VALUES (?, ?, '', ?, 'edited', ?, ?, ?)",
                (
                    f"evt_{place:020d}",
                    creator,
                    one,
                    1_790_000_000_000 + place,
                    word,
                    json.dumps({"title": [word, word]}),
                ),
            )
        db.rows("INSERT INTO memberships (name, creator) VALUES (?, ?)", (words[1][:50], creator))

    stored(server, spoiled)


def collected(server: Running, creators: list[str]) -> None:
    done = server.cli("collect", *creators)
    assert done.returncode == 0, done.stderr
