"""The operator's own browser, over the DevTools protocol: what the site's own page fetched is read, and nothing else.

For people who may look at these pages in their browser and want to keep what they see. One tab is opened beside theirs;
it goes to a creator's page and scrolls, as a reader would. The lists that the page then fetches for itself are read. No
request is made, changed or signed, no cookie is read or written, nothing is hidden and no challenge solved: at the
first one the page is given back as it is, which stops the source until its operator resumes it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from hongshu.errors import NoAnswerError, NotRecordedError, SourceError
from hongshu.formats import envelopes
from hongshu.models import Asked, Form, Page, Reply

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright, Response
    from playwright.async_api import Page as Tab

LISTS: Final = "/user_posted"
"""How the path of the site's own question for a list of notes ends."""
PROFILE: Final = "/user/profile/"
MOST_KEPT: Final = 60
"""Lists of one creator that are kept while its page is open: a question that is repeated asks the site for none."""
LARGEST_BODY: Final = 8 * 1024 * 1024

_FIRST_LIST_SECONDS: Final = 8.0
"""So long after a profile page its script may take to fetch the first list."""
_STEP_SECONDS: Final = 0.4
_STEP_PIXELS: Final = 1_500

Sleep = Callable[[float], Awaitable[None]]


class BrowserSource:
    """Reads the pages of one creator at a time in a tab of a browser that somebody else started and signed in to.

    `devtools` is where the browser listens, `site` where profiles stand; `pause` is from how many to how many seconds
    pass between two pages that are scrolled past within one question.
    """

    kind = "browser"
    speaks = frozenset({Form.WEB, Form.PROFILE})

    def __init__(
        self, name: str, devtools: str, site: str, pause: tuple[float, float], sleep: Sleep = asyncio.sleep
    ) -> None:
        self.name = name
        self._devtools = devtools
        self._site = site.rstrip("/")
        self._pause = pause
        self._sleep = sleep
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._tab: Tab | None = None
        self._view: _View | None = None
        self._one_at_a_time = asyncio.Lock()

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Return the list after a cursor as the site's page received it; the first one is always fetched anew.

        A cursor at which none of the site's own lists begins cannot be asked for: that is a `NotRecordedError`.
        """
        try:
            async with asyncio.timeout(timeout_seconds), self._one_at_a_time:
                return await self._read(asked)
        except TimeoutError as error:
            raise NoAnswerError from error

    def creators(self) -> tuple[str, ...]:
        """Return nothing: a browser does not say whom it could show."""
        return ()

    async def close(self) -> None:
        """Close the tab and let go of the browser, which stays as it was."""
        if self._view is not None:
            self._view.forget()
        for closing in (self._tab, self._browser):
            if closing is not None:
                with suppress(Exception):  # the browser may be gone, with all that it had open
                    await closing.close()
        if self._playwright is not None:
            await self._playwright.stop()
        self._tab = self._browser = self._playwright = self._view = None

    async def _read(self, asked: Asked) -> Reply:
        from playwright.async_api import Error  # noqa: PLC0415 - an extra

        try:
            view = self._view
            known = view is not None and view.creator == asked.creator and view.leads_to(asked.cursor)
            if view is None or asked.cursor is None or not known:
                view = await self._gone_to(asked.creator)
            while asked.cursor not in view.replies:
                if view.shows(asked.cursor):
                    raise NotRecordedError("none of the site's own lists begins after this note")
                reply = await self._scrolled(view)
                if not isinstance(envelopes.read(reply), Page):
                    return reply
                if not view.leads_to(asked.cursor):
                    await self._sleep(random.uniform(*self._pause))  # noqa: S311 - a pause guards nothing
            return view.replies[asked.cursor]
        except Error as error:
            await self.close()
            raise SourceError("the browser cannot be used; is it running, with --remote-debugging-port?") from error

    async def _gone_to(self, creator: str) -> _View:
        """Open a creator's page; what it shows first is kept as the page without a cursor, whatever it is."""
        tab = self._tab if self._tab is not None and not self._tab.is_closed() else await self._opened()
        if self._view is not None:
            self._view.forget()
        view = self._view = _View(creator)
        tab.remove_listener("response", self._heard)
        tab.on("response", self._heard)
        answer = await tab.goto(f"{self._site}{PROFILE}{creator}", wait_until="domcontentloaded")
        document = await _reply(answer) if answer is not None else Reply(body=b"")
        read = envelopes.read(document)
        if isinstance(read, Page) and read.notes:
            view.keep(None, document)
            return view
        # A page without notes, or without any: its script may fetch the first list; else it is what there is.
        first = await view.heard(None, _FIRST_LIST_SECONDS)
        view.keep(None, document if first is None else first)
        return view

    async def _opened(self) -> Tab:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - an extra

        if self._playwright is None:
            self._playwright = await async_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            self._browser = await self._playwright.chromium.connect_over_cdp(self._devtools)
        if not self._browser.contexts:
            raise SourceError("the browser has no window; open one and sign in there")
        self._tab = await self._browser.contexts[0].new_page()
        return self._tab

    async def _scrolled(self, view: _View) -> Reply:
        """Scroll down until the page has fetched its next list."""
        if self._tab is None or view.following is None:
            raise NotRecordedError("the creator's page does not lead to this note")
        while True:
            await self._tab.mouse.wheel(0, _STEP_PIXELS)
            reply = await view.heard(view.following, _STEP_SECONDS)
            if reply is not None:
                view.keep(view.following, reply)
                return reply

    def _heard(self, response: Response) -> None:
        """Keep the page's own question for a list of this creator, with its answer."""
        view = self._view
        if view is None:
            return
        address = urlsplit(response.url)
        given = parse_qs(address.query)
        if address.path.endswith(LISTS) and given.get("user_id") == [view.creator]:
            view.hears(given.get("cursor", [""])[0] or None, asyncio.ensure_future(_reply(response)))


class _View:
    """What one creator's open page has shown: replies by the cursor that it asked with, and the cursor to come."""

    def __init__(self, creator: str) -> None:
        self.creator = creator
        self.replies: dict[str | None, Reply] = {}
        self.following: str | None = None
        self._notes: set[str] = set()
        self._coming: dict[str | None, asyncio.Future[Reply]] = {}
        self._news = asyncio.Event()

    def leads_to(self, cursor: str | None) -> bool:
        """Say whether the list after a cursor was shown, or is the next one."""
        return cursor in self.replies or (cursor is not None and cursor == self.following)

    def shows(self, cursor: str | None) -> bool:
        """Say whether a note was shown after which no list begins."""
        return cursor in self._notes and cursor != self.following

    def forget(self) -> None:
        """Let go of answers that nobody waits for."""
        for coming in self._coming.values():
            coming.cancel()

    def hears(self, cursor: str | None, reply: asyncio.Future[Reply]) -> None:
        """Note that the page asked for a list; the answer is on its way."""
        self._coming[cursor] = reply
        self._news.set()

    async def heard(self, cursor: str | None, seconds: float) -> Reply | None:
        """Wait for the answer to the page's own question with a cursor; None where it asks none in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while cursor not in self._coming:
                    self._news.clear()
                    await self._news.wait()
        coming = self._coming.pop(cursor, None)
        return await coming if coming is not None else None

    def keep(self, cursor: str | None, reply: Reply) -> None:
        """Keep a reply, and where the next one begins."""
        self.replies[cursor] = reply
        while len(self.replies) > MOST_KEPT:
            del self.replies[next(iter(self.replies))]
        read = envelopes.read(reply)
        more = isinstance(read, Page) and read.notes and read.has_more is not False
        self._notes |= {note.id for note in read.notes} if isinstance(read, Page) else set()
        self.following = read.notes[-1].id if isinstance(read, Page) and more else None


async def _reply(response: Response) -> Reply:
    """Return what a response of the page was; a body that the browser no longer has is empty."""
    from playwright.async_api import Error  # noqa: PLC0415 - an extra

    body = b""
    with suppress(Error):
        body = await response.body()
    return Reply(status=response.status, body=body[:LARGEST_BODY])
