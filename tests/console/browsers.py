"""Real browsers at the console: they ask no other host for anything, and complain of nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from console.visiting import link
from needed import leave_out
from running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

EXPECTED = ("status of 400", "status of 401", "status of 403", "status of 404")
"""What a browser says of a page that refuses, where a test has it refuse."""
MOMENT: Final = "() => new Promise(done => setTimeout(done, 50))"
"""Longer than what stands behind a part that was loaded waits before it loads another."""
MOST_MOMENTS: Final = 600


@dataclass
class Tab:
    """A page of a browser, what it asked of whom, and what it complained of."""

    page: Page
    address: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    waiting: set[Request] = field(default_factory=set)
    requests: int = 0

    def go(self, path: str) -> None:
        """Load a page of the console and whatever it loads after that."""
        self.page.goto(f"{self.address}{path}")
        for _ in range(MOST_MOMENTS):
            before = self.requests
            self.page.evaluate(MOMENT)
            if not self.waiting and self.requests == before:
                return
        raise AssertionError(f"{path} still loads {[one.url for one in self.waiting]}")

    def sign_in(self, server: Running, *who: str) -> None:
        """Follow a new link and press its button."""
        self.page.goto(f"{self.address}{link(server.data_dir, *who)}")
        self.page.click("main button")
        self.page.wait_for_selector("nav.side", state="attached")

    def check(self) -> None:
        """Fail where it asked another host, or complained."""
        assert self.strangers == []
        assert self.complaints == []


def browser_or_leave() -> None:
    """Skip, or fail where everything is required, without a browser or what drives it."""
    lacking = ""
    try:
        import playwright.sync_api  # noqa: F401, PLC0415 - whether it is there is the question
    except ImportError:
        lacking = "playwright is not installed"
    if not lacking and shutil.which("chromium") is None:
        lacking = "chromium is not installed"
    if lacking:
        leave_out(lacking)


@contextmanager
def tab(browser: Browser, address: str, lang: str = "en", width: int = 1280, **more: Any) -> Iterator[Tab]:
    """Open a page in a browser of its own, with a language and a width."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        locale="zh-CN" if lang == "zh" else "en-GB",
        accept_downloads=True,
        **more,
    )
    opened = Tab(context.new_page(), address)
    host = urlsplit(address).netloc

    def asked(request: Request) -> None:
        opened.requests += 1
        if request.resource_type != "eventsource":
            opened.waiting.add(request)
        if urlsplit(request.url).netloc != host and not request.url.startswith(("data:", "blob:")):
            opened.strangers.append(request.url)

    def ended(request: Request) -> None:
        opened.waiting.discard(request)

    def said(told: Any) -> None:
        if told.type in {"error", "warning"} and not any(one in told.text for one in EXPECTED):
            opened.complaints.append(told.text)

    opened.page.on("request", asked)
    opened.page.on("requestfinished", ended)
    opened.page.on("requestfailed", ended)
    opened.page.on("console", said)
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    try:
        yield opened
    finally:
        context.close()
