"""The operator's own browser, over the DevTools protocol: what the site's own page fetched is read, and nothing else.

For people who may look at these pages in their browser and want to keep what they see. One tab is opened beside theirs;
it goes to a creator's page and scrolls, as a reader would. The lists that the page then fetches for itself are read. No
request is made, changed or signed, no cookie is read or written, nothing is hidden and no challenge solved: at the
first one what came is given back as it is, which stops the source until its operator resumes it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from hongshu.errors import NoAnswerError, NotRecordedError, SourceError
from hongshu.formats import envelopes
from hongshu.models import Asked, Clock, Form, Page, Reply

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright, Response
    from playwright.async_api import Page as Tab

LISTS: Final = "/user_posted"
"""How the path of the site's own question for a list of notes ends."""
PROFILE: Final = "/user/profile/"
MOST_KEPT: Final = 60
"""Lists of one creator that are kept while its page is open: a question that is repeated asks the site for none."""
OLDEST_SECONDS: Final = 600.0
"""So long a page stays good for going on; after that the creator's page is opened anew."""
LARGEST_BODY: Final = 8 * 1024 * 1024

_FIRST_LIST_SECONDS: Final = 8.0
"""So long after a profile page its script may take to fetch the first list."""
_STEP_SECONDS: Final = 0.4
_STEP_PIXELS: Final = 1_500
_GONE: Final = "the browser cannot be used; is it running, with --remote-debugging-port?"

Sleep = Callable[[float], Awaitable[None]]


class BrowserSource:
    """Reads the pages of one creator at a time in a tab of a browser that somebody else started and signed in to.

    `devtools` is where the browser listens, `site` where profiles stand; `pause` is from how many to how many seconds
    pass between two lists that are scrolled past within one question.
    """

    kind = "browser"
    speaks = frozenset({Form.WEB, Form.PROFILE})

    def __init__(
        self,
        name: str,
        devtools: str,
        site: str,
        pause: tuple[float, float],
        clock: Clock = time.time_ns,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._devtools = devtools
        self._site = site.rstrip("/")
        self._pause = pause
        self._clock = clock
        self._sleep = sleep
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._tab: Tab | None = None
        self._view: _View | None = None
        self._one_at_a_time = asyncio.Lock()

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Return the list after a cursor as the site's page received it; the first one is always fetched anew.

        A cursor at which none of the site's own lists begins cannot be asked for: that is a `NotRecordedError`. Where
        something else came than a list, that is returned, and the tab stays as it is.
        """
        try:
            async with asyncio.timeout(timeout_seconds), self._one_at_a_time:
                reply = await self._read(asked)
        except TimeoutError as error:
            self._forget()
            raise NoAnswerError from error
        if not isinstance(envelopes.read(reply), Page):
            self._forget()
        return reply

    def creators(self) -> tuple[str, ...]:
        """Return nothing: a browser does not say whom it could show."""
        return ()

    async def close(self) -> None:
        """Close the tab and let go of the browser, which stays as it was."""
        self._forget()
        tab, browser, driver = self._tab, self._browser, self._playwright
        self._tab = self._browser = self._playwright = None
        with suppress(Exception):  # the browser may be gone, with all that it had open
            if tab is not None:
                await tab.close()
            if browser is not None:
                await browser.close()
        with suppress(Exception):
            if driver is not None:
                await driver.stop()

    def _forget(self) -> None:
        """Look at the creator's page anew next time."""
        if self._view is not None:
            self._view.forget()
            self._view = None

    async def _read(self, asked: Asked) -> Reply:
        from playwright.async_api import Error  # noqa: PLC0415 - an extra

        try:
            view = self._view
            if view is None or asked.cursor is None or not view.serves(asked, self._clock()):
                view = await self._gone_to(asked.creator)
            while asked.cursor not in view.replies:
                if not view.may_lead_to(asked.cursor):
                    raise NotRecordedError("none of the site's own lists begins after this note")
                reply = await self._scrolled(view)
                if not isinstance(envelopes.read(reply), Page):
                    return reply
                if asked.cursor not in view.replies and view.following != asked.cursor:
                    await self._sleep(random.uniform(*self._pause))  # noqa: S311 - a pause guards nothing
            return view.replies[asked.cursor]
        except Error as error:
            await self.close()
            raise SourceError(_GONE) from error

    async def _gone_to(self, creator: str) -> _View:
        """Open a creator's page; what it shows first is kept as the list without a cursor, whatever it is."""
        from playwright.async_api import Error  # noqa: PLC0415 - an extra

        tab = self._tab if self._tab is not None and not self._tab.is_closed() else await self._opened()
        self._forget()
        view = self._view = _View(creator, self._clock())
        try:
            await tab.goto(f"{self._site}{PROFILE}{creator}", wait_until="domcontentloaded", timeout=0)
        except Error as error:  # an empty refusal, or led elsewhere: then what came is known all the same
            if view.document is None:
                raise SourceError("the creator's page cannot be opened in the browser") from error
        document = await view.document if view.document is not None else Reply(body=b"")
        read = envelopes.read(document)
        if not (isinstance(read, Page) and read.notes):
            # A page without notes, or none at all: its script may fetch the first list; else it is what there is.
            first = await view.heard(None, _FIRST_LIST_SECONDS)
            document = document if first is None else first
        view.keep(None, document)
        return view

    async def _opened(self) -> Tab:
        """Attach to the browser where that is not done, and open a tab beside the operator's."""
        attaching = asyncio.ensure_future(self._attached())
        try:
            browser = await asyncio.shield(attaching)
        except asyncio.CancelledError:
            attaching.add_done_callback(_unless_cancelled)
            raise
        if not browser.contexts:
            raise SourceError("the browser has no window; open one and sign in there")
        self._tab = await browser.contexts[0].new_page()
        self._tab.on("response", self._heard)
        return self._tab

    async def _attached(self) -> Browser:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - an extra

        if self._browser is not None and self._browser.is_connected():
            return self._browser
        try:
            if self._playwright is None:
                self._playwright = await async_playwright().start()
            chromium = self._playwright.chromium
            # Without its defaults: downloads, focus and dialogs of the operator's other tabs stay as they are.
            self._browser = await chromium.connect_over_cdp(self._devtools, no_defaults=True)
        except Exception as error:  # the driver's own end is no error of its library
            await self.close()
            raise SourceError(_GONE) from error
        return self._browser

    async def _scrolled(self, view: _View) -> Reply:
        """Scroll down until the page has fetched its next list, or something else came in its place."""
        if self._tab is None or view.following is None:
            raise NotRecordedError("the creator's page does not lead to this note")
        cursor = view.following
        while True:
            await self._tab.mouse.wheel(0, _STEP_PIXELS)
            reply = await view.heard(cursor, _STEP_SECONDS)
            if reply is not None:
                view.keep(cursor, reply)
                return reply
            if view.elsewhere is not None:
                return await view.elsewhere

    def _heard(self, response: Response) -> None:
        """Keep the page itself, and its own questions for lists of this creator, with what came."""
        view = self._view
        if view is None:
            return
        address = urlsplit(response.url)
        given = parse_qs(address.query)
        if address.path.endswith(LISTS) and given.get("user_id") == [view.creator]:
            view.hears(given.get("cursor", [""])[0] or None, asyncio.ensure_future(self._reply(response)))
        elif response.request.is_navigation_request() and response.frame.parent_frame is None:
            view.shown(asyncio.ensure_future(self._reply(response)))

    async def _reply(self, response: Response) -> Reply:
        """Return what a response of the page was; a body that the browser no longer has is empty."""
        from playwright.async_api import Error  # noqa: PLC0415 - an extra

        body = b""
        with suppress(Error):
            body = await response.body()
        return Reply(status=response.status, body=body[:LARGEST_BODY], collected_ms=self._clock() // 1_000_000)


class _View:
    """What one creator's open page has shown: replies by the cursor that it asked with, and the cursor to come."""

    def __init__(self, creator: str, opened_ns: int) -> None:
        self.creator = creator
        self.replies: dict[str | None, Reply] = {}
        self.following: str | None = None
        self.document: asyncio.Future[Reply] | None = None
        """The page itself: the last one that the tab went to before its first list."""
        self.elsewhere: asyncio.Future[Reply] | None = None
        """Where the tab was led to afterwards."""
        self._opened_ns = opened_ns
        self._notes: set[str] = set()
        self._coming: dict[str | None, asyncio.Future[Reply]] = {}
        self._news = asyncio.Event()

    def serves(self, asked: Asked, now_ns: int) -> bool:
        """Say whether one may go on from here to a cursor."""
        young = now_ns - self._opened_ns < OLDEST_SECONDS * 1e9
        known = asked.cursor in self.replies or self.may_lead_to(asked.cursor)
        return young and self.creator == asked.creator and self.elsewhere is None and known

    def may_lead_to(self, cursor: str | None) -> bool:
        """Say whether a list after a cursor may still come."""
        return self.following is not None and (cursor == self.following or cursor not in self._notes)

    def shown(self, page: asyncio.Future[Reply]) -> None:
        """Note where the tab went."""
        if self.replies:
            self.elsewhere = page
        else:
            self.document = page

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
        coming = self._coming.get(cursor)
        return await coming if coming is not None else None

    def forget(self) -> None:
        """Let go of answers that nobody waits for."""
        for coming in (*self._coming.values(), self.document, self.elsewhere):
            if coming is not None:
                coming.cancel()

    def keep(self, cursor: str | None, reply: Reply) -> None:
        """Keep a reply, and where the next one begins."""
        self._coming.pop(cursor, None)
        self.replies[cursor] = reply
        while len(self.replies) > MOST_KEPT:
            del self.replies[next(iter(self.replies))]
        read = envelopes.read(reply)
        more = isinstance(read, Page) and read.notes and read.has_more is not False
        self._notes |= {note.id for note in read.notes} if isinstance(read, Page) else set()
        self.following = read.notes[-1].id if isinstance(read, Page) and more else None


def _unless_cancelled(attaching: asyncio.Future[Browser]) -> None:
    """Look at an end that nobody waits for: what was attached to is used by the next question."""
    if not attaching.cancelled():
        attaching.exception()
