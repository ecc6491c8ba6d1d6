"""The browser source against a real Chromium and a site of this machine: it reads, stops, and touches nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from browsing.chromium import Wiretap, chromium, close_tabs, open_tab, tabs
from browsing.site import OTHER, SESSION, USER, Site, made_up, recorded
from console.browsers import browser_or_leave
from hongshu.errors import NoAnswerError, NotRecordedError, SourceError
from hongshu.formats.envelopes import read
from hongshu.models import Asked, NoPage, Page, Trouble
from hongshu.sources.browser import BrowserSource
from running import Running, start_server
from source_contract import check_listing, check_nobody, check_words, page_of

UNTOUCHED = (
    "Cookie",
    "Fetch.",
    "setExtraHTTPHeaders",
    "setUserAgent",
    "Storage.",
    "setBypassCSP",
    "setRequestInterception",
)
"""What no command has in its name: cookies, requests of one's own or changed, another identity."""
LOGIN = (200, b"<!doctype html><title>login</title><form>sign in to go on</form>")
CAPTCHA = (461, json.dumps({"code": 0, "success": True, "data": {}}).encode())
EXPIRED = (200, json.dumps({"code": -100, "success": False, "msg": "x"}).encode())
BLOCK = (200, json.dumps({"code": 0, "success": True, "msg": "x", "data": {}}).encode())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    browser_or_leave()
    with chromium(tmp_path_factory.mktemp("profile")) as port:
        yield port


@pytest.fixture
def tap(browser: int) -> Iterator[Wiretap]:
    with Wiretap(browser) as tap:
        yield tap


@pytest.fixture(params=["made up", "recorded"])
def pages(request: pytest.FixtureRequest) -> list[list[dict[str, Any]]]:
    return made_up() if request.param == "made up" else recorded(request.getfixturevalue("samples"))


@pytest.fixture
def site(browser: int) -> Iterator[Site]:
    with Site(made_up()) as site:
        signed_in(browser, site)
        yield site


def signed_in(browser: int, site: Site) -> None:
    """Let the operator sign in, in a tab of its own."""
    open_tab(browser, f"{site.address}/sign-in")
    site.asked.clear()


@pytest.fixture
async def source(tap: Wiretap, site: Site) -> AsyncIterator[BrowserSource]:
    source = BrowserSource("mine", tap.address, site.address, (0.0, 0.0))
    yield source
    await source.close()


@pytest.mark.parametrize("rendered", [False, True], ids=["fetched", "rendered"])
async def test_it_reads_a_creator_to_the_end(
    browser: int, tap: Wiretap, pages: list[list[dict[str, Any]]], rendered: bool
) -> None:
    """31 notes, thirty more by scrolling, a last page: each list as the page received it."""
    with Site(pages, rendered=rendered) as site:
        signed_in(browser, site)
        source = BrowserSource("mine", tap.address, site.address, (0.0, 0.0))
        try:
            check_words(source)
            await check_listing(source, USER, site.ids)
            first = await page_of(source, Asked(creator=USER))
            assert len(first.notes) == 31
            assert first.notes[0].pinned
            await check_nobody(source)
        finally:
            await source.close()


async def test_it_touches_no_cookie_and_makes_no_request_of_its_own(
    browser: int, tap: Wiretap, site: Site, source: BrowserSource
) -> None:
    """What reaches the site is a profile page and what its own script asks, with the session that was there; and the
    browser is left as it was."""
    before = sorted(tabs(browser))
    await check_listing(source, USER, site.ids)
    assert {one.path for one in site.asked} <= {f"/user/profile/{USER}", "/api/sns/web/v1/user_posted", "/favicon.ico"}
    assert [one.query["cursor"] for one in site.lists] == [[""], *([page[-1]["note_id"]] for page in site.pages[:-1])]
    assert all(one.headers["X-S"] == "signed-by-the-page" for one in site.lists)
    assert all(SESSION in one.headers.get("Cookie", "") for one in site.asked)
    named = {method for method in tap.methods if any(word in method for word in UNTOUCHED)}
    assert named == set()
    assert "Page.navigate" in tap.methods
    assert not any("cookie" in json.dumps(one).lower() for one in tap.commands)
    await source.close()
    assert sorted(tabs(browser)) == before


TOO_OFTEN = (429, json.dumps({"code": 300013, "success": False, "msg": "x"}).encode())
LED_AWAY = (200, json.dumps({"code": 0, "success": True, "go": "/sign-in"}).encode())
WALLS = {
    "a login wall": (0, *LOGIN),
    "a refusal without a word": (0, 403, b""),
    "a word of too often": (2, *TOO_OFTEN),
    "a page that leads to the login": (2, *LED_AWAY),
    "a captcha page": (1, *CAPTCHA),
    "a captcha while scrolling": (2, *CAPTCHA),
    "a login that expired": (2, *EXPIRED),
    "a block that looks like a success": (1, *BLOCK),
}


@pytest.mark.parametrize("wall", WALLS.values(), ids=WALLS)
async def test_a_challenge_is_given_back_as_what_it_is(site: Site, source: BrowserSource, wall: Any) -> None:
    """Nobody takes it for a page, and nothing is tried against it."""
    site.wall = wall
    found = read(await source.page(Asked(creator=USER), 20))
    if isinstance(found, Page):
        found = read(await source.page(Asked(creator=USER, cursor=found.notes[-1].id), 20))
    assert isinstance(found, NoPage)
    assert found.trouble in {Trouble.BLOCKED, Trouble.MALFORMED}
    asked = len(site.asked)
    await asyncio.sleep(1.0)
    assert len(site.asked) == asked


async def test_a_place_between_two_lists_cannot_be_asked_for(site: Site, source: BrowserSource) -> None:
    """Nothing is skipped, and nothing is made up: another source may know it."""
    first = await page_of(source, Asked(creator=USER))
    with pytest.raises(NotRecordedError):
        await source.page(Asked(creator=USER, cursor=first.notes[10].id), 20)
    with pytest.raises(NotRecordedError):
        await source.page(Asked(creator=USER, cursor=f"{'0' * 23}1"), 20)
    assert len(site.lists) <= 5


async def test_a_walk_that_was_broken_off_goes_on_by_scrolling_to_its_place(
    tap: Wiretap, site: Site, source: BrowserSource
) -> None:
    """A process that begins in the middle goes to the creator and down; each list is asked of the site once."""
    place = site.pages[1][-1]["note_id"]
    page = await page_of(source, Asked(creator=USER, cursor=place))
    assert [note.id for note in page.notes] == [one["note_id"] for one in site.pages[2]]
    again = await page_of(source, Asked(creator=USER, cursor=site.pages[0][-1]["note_id"]))
    assert len(again.notes) == 30
    assert len(site.lists) == 3


async def test_after_a_challenge_it_looks_again_and_not_at_what_it_kept(site: Site, source: BrowserSource) -> None:
    """The operator solves it and resumes: the same place is asked of the site anew."""
    first = await page_of(source, Asked(creator=USER))
    below = Asked(creator=USER, cursor=first.notes[-1].id)
    site.wall = (2, *CAPTCHA)
    assert isinstance(read(await source.page(below, 20)), NoPage)
    site.wall = None
    assert len((await page_of(source, below)).notes) == 30


async def test_a_tab_that_its_operator_closed_is_opened_again(browser: int, site: Site, source: BrowserSource) -> None:
    """Between two pages, or before a first one."""
    first = await page_of(source, Asked(creator=USER))
    close_tabs(browser, f"{site.address}/user/profile/{USER}")
    with suppress(SourceError):
        await source.page(Asked(creator=USER, cursor=first.notes[-1].id), 20)
    assert len((await page_of(source, Asked(creator=USER))).notes) == 31


async def test_a_question_that_ran_out_of_time_can_be_asked_again(site: Site, source: BrowserSource) -> None:
    """What the page had asked for meanwhile is not waited for in vain."""
    first = await page_of(source, Asked(creator=USER))
    below = Asked(creator=USER, cursor=first.notes[-1].id)
    site.delay_seconds = 2.0
    with pytest.raises(NoAnswerError):
        await source.page(below, 1.0)
    site.delay_seconds = 0.0
    assert len((await page_of(source, below)).notes) == 30


async def test_its_time_is_kept_and_a_browser_that_is_gone_is_told(site: Site, source: BrowserSource) -> None:
    """In words that say what to do."""
    with pytest.raises(NoAnswerError):
        await source.page(Asked(creator=USER), 0.01)
    away = BrowserSource("away", "http://127.0.0.1:9", site.address, (0.0, 0.0))
    with pytest.raises(SourceError, match="remote-debugging-port"):
        await away.page(Asked(creator=OTHER), 20)
    await away.close()


@pytest.fixture
def settings(tap: Wiretap, site: Site) -> Callable[[str], str]:
    def told(more: str) -> str:
        return f"""
[[source]]
name = "mine"
kind = "browser"
devtools = "{tap.address}"
site = "{site.address}"
pause = [0.0, 0.0]
rate = 50
{more}
"""

    return told


def started(folder: Path, config: str) -> Running:
    """A server whose account is there before its private source is."""
    server = start_server(folder, "")
    token = server.token
    server.stop()
    return start_server(folder, config, token=token)


def paused(server: Running) -> bool:
    [told] = json.loads(server.cli("source", "list", "--json").stdout)
    return bool(told["paused"])


@pytest.mark.timeout(200)
def test_a_server_collects_for_its_owner_alone_and_stops_at_the_first_challenge(
    tmp_path: Path, site: Site, settings: Callable[[str], str]
) -> None:
    """The owner gets V4 pages, others none; a captcha stops the source, also after a restart, until it is resumed."""
    server = started(tmp_path / "data", settings('owner = "test"'))
    try:
        assert [note["id"] for note in server.whole(USER)] == site.ids
        note = server.page(USER).notes[1]
        assert (note["likes"], note.get("create_time"), note.get("desc")) == (11, None, None)
        opened = server.cli("account", "create", "other", "--balance", "1000")
        assert opened.returncode == 0
        stranger = json.loads(server.cli("token", "create", "--account", "other", "--json").stdout)["token"]
        assert server.page(USER, token=stranger).code == 301

        site.wall = (1, *CAPTCHA)
        assert server.page(USER, Cache_Control="no-cache").code == 301
        assert paused(server)
        asked = len(site.asked)
        site.wall = None
        assert server.page(OTHER).code == 301
        server.stop()
        server = start_server(tmp_path / "data", settings('owner = "test"'), token=server.token)
        assert server.page(OTHER).code == 301
        assert len(site.asked) == asked

        checked = server.cli("source", "check", "mine", "--json")
        assert (checked.returncode, json.loads(checked.stdout)[0]["verdict"]) == (1, "paused")
        assert server.cli("fetch", OTHER).returncode == 1
        assert len(site.asked) == asked
        assert server.cli("source", "resume", "mine").returncode == 0
        deadline = time.monotonic() + 20
        while server.page(USER, Cache_Control="no-cache").code != 0:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert not paused(server)
    finally:
        server.stop()


def test_a_challenge_that_a_check_meets_stops_it_too(
    tmp_path: Path, site: Site, settings: Callable[[str], str]
) -> None:
    """A check is a look like any other."""
    server = started(tmp_path / "data", settings('owner = "test"'))
    try:
        assert server.cli("source", "check", "mine", "--creator", USER).returncode == 0
        site.wall = (1, *CAPTCHA)
        assert server.cli("source", "check", "mine", "--creator", USER).returncode == 1
        assert paused(server)
    finally:
        server.stop()


def test_the_daily_cap_is_kept(tmp_path: Path, site: Site, settings: Callable[[str], str]) -> None:
    """Two questions a day are two, whoever asks."""
    server = started(tmp_path / "data", settings('owner = "test"\ndaily_calls = 2'))
    try:
        codes = [server.page(USER, Cache_Control="no-cache").code for _ in range(4)]
    finally:
        server.stop()
    assert codes == [0, 0, 301, 301]
    assert len(site.lists) == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "the account that the signed-in session belongs to"),
        ('owner = "test"\nshared = true', "not everyone's"),
        ("shared = true\nconcurrency = 2", "from 1 to 1"),
        ('shared = true\ndevtools = "http://192.0.2.1:9222"', "no address of this machine"),
    ],
)
def test_settings_that_would_leak_are_refused(hongshu: Any, tmp_path: Path, more: str, words: str) -> None:
    """With what to write instead."""
    (tmp_path / "data").mkdir()
    lines = f'[[source]]\nname = "mine"\nkind = "browser"\n{more}\n'
    (tmp_path / "data" / "hongshu.toml").write_text(lines)
    done = hongshu("config")
    assert done.returncode == 2
    assert words in done.stderr
