"""The way in and out: a link opens a session once, a button ends it; language and look are kept in cookies."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import RedirectResponse, Response

from hongshu.errors import InvalidTokenError, UsageError
from hongshu.server.console.base import PREFIX, Answer, Door, Page, Visit
from hongshu.server.console.console import COOKIE, LANG_COOKIE, THEME_COOKIE, THEMES, YEAR_SECONDS
from hongshu.server.console.forms import LANGUAGES
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run

TRIES_A_MINUTE: Final = 10
"""Links that open nothing, from one address; whoever sends more waits for each answer.

A right one opens a session all the same: behind a proxy, everybody has one address.
"""
WAITED_SECONDS: Final = 2.0
MOST_ADDRESSES: Final = 10_000


class Tries:
    """How often links that open nothing came from an address of late."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def are_many(self, client: str) -> bool:
        """Say whether too many came from an address."""
        since, count = self._failed.get(client, (0.0, 0))
        return count >= TRIES_A_MINUTE and self._clock() - since < 60

    def failed(self, client: str) -> None:
        """Note one more; of very many addresses the oldest are forgotten."""
        since, count = self._failed.pop(client, (self._clock(), 0))
        if self._clock() - since >= 60:
            since, count = self._clock(), 0
        self._failed[client] = since, count + 1
        if len(self._failed) > MOST_ADDRESSES:
            self._failed.popitem(last=False)


class Entry:
    """Signs people in and out."""

    def __init__(
        self,
        run: Run,
        tries: Tries | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._run = run
        self._tries = tries or Tries()
        self._sleep = sleep

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/sign-in", Rule.ANYONE, self.asked),
            Door("GET", "/sign-in/{link}", Rule.ANYONE, self.shown),
            Door("POST", "/sign-in/{link}", Rule.ANYONE, self.sign_in),
            Door("POST", "/sign-out", Rule.LOOK, self.sign_out),
            Door("POST", "/language", Rule.ANYONE, self.set_language),
            Door("POST", "/theme", Rule.ANYONE, self.set_theme),
        ]

    async def asked(self, _: Visit) -> Answer:
        """Say how a link is had."""
        return Page("sign_in.html", {"link": None})

    async def shown(self, visit: Visit) -> Answer:
        """Show a button: what looks at links before people do presses none, and uses none up."""
        return Page("sign_in.html", {"link": visit.path["link"]})

    async def sign_in(self, visit: Visit) -> Answer:
        """Open a session."""
        try:
            secret = await self._run(lambda desk: desk.signing.open(visit.path["link"]))
        except InvalidTokenError:
            raise UsageError(await self._why_not(visit.client)) from None
        if visit.secret:
            await self._run(lambda desk: desk.signing.end(visit.secret.reveal()))
        answer = Response(status_code=303, headers={"location": PREFIX})
        _keep(answer, COOKIE, secret, visit, hidden=True)
        return answer

    async def _why_not(self, client: str) -> str:
        """Return why a link opens nothing; of many from one address, a while later."""
        if self._tries.are_many(client):
            await self._sleep(WAITED_SECONDS)
            return "too many links that open nothing came from your address; wait a minute, then try again"
        self._tries.failed(client)
        return "this link was used, is older than ten minutes, or was never made; make another with: hongshu login"

    async def sign_out(self, visit: Visit) -> Answer:
        """End the session; the cookie alone would open nothing any more."""
        await self._run(lambda desk: desk.signing.end(visit.secret.reveal()))
        answer = Response(status_code=303, headers={"location": f"{PREFIX}/sign-in?done=signed_out"})
        answer.delete_cookie(COOKIE, path=PREFIX)
        return answer

    async def set_language(self, visit: Visit) -> Answer:
        """Keep a language."""
        return _kept(visit, LANG_COOKIE, visit.form.text("lang"), LANGUAGES)

    async def set_theme(self, visit: Visit) -> Answer:
        """Keep a look: light, dark, or as the system has it."""
        return _kept(visit, THEME_COOKIE, visit.form.text("theme"), THEMES)


def _kept(visit: Visit, name: str, value: str, among: tuple[str, ...]) -> Answer:
    if value not in among:
        raise UsageError(f"choose one of {', '.join(among)}")
    back = visit.form.text("back")
    if not back.startswith("/") or back.startswith("//") or "\\" in back or not back.isprintable():
        back = ""
    answer = RedirectResponse(PREFIX + back, 303)
    _keep(answer, name, value, visit, hidden=False)
    return answer


def _keep(answer: Response, name: str, value: str, visit: Visit, *, hidden: bool) -> None:
    answer.set_cookie(
        name,
        value,
        path=PREFIX if hidden else "/",
        max_age=None if hidden else YEAR_SECONDS,
        secure=visit.address.startswith("https:"),
        httponly=True,
        samesite="strict" if hidden else "lax",
    )
