"""The client for programs that run many calls at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import TYPE_CHECKING, Self, Unpack

import anyio

from hongshu.client.answers import NOTHING, Answer, Lost
from hongshu.client.asking import Send, Steps, Wish
from hongshu.client.frames import Library, framed
from hongshu.client.notes import Note, Page
from hongshu.client.options import Caller, Options, tell
from hongshu.client.walking import Since, Way
from hongshu.formats.links import creator_id
from hongshu.models import Asked

if TYPE_CHECKING:
    import httpx2

    from hongshu.client.frames import Frame


class AsyncClient:
    """Asks a V4 server for the notes of creators, as `Client` does, under asyncio or trio.

        async with hongshu.AsyncClient("hs_…") as client:
            async for note in client.notes("5c2f338a0000000000000001"):
                print(note.published, note.likes, note.title)

    An attempt ends at its time exactly. How many calls run at once is the caller's to say; a `CallError` is raised
    where a call comes to nothing.
    """

    def __init__(
        self,
        token: str,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        **options: Unpack[Options],
    ) -> None:
        from hongshu.client.lines import AwaitingLine  # noqa: PLC0415 - takes longer to load than all else here

        self._caller = Caller(token, **options)
        self._sleep = sleep
        self._line = AwaitingLine(options.get("verify", True), transport, trust_env=self._caller.trusts_env)

    async def page(
        self, user: str, *, cursor: str | None = None, idempotency_key: str | None = None, **wish: Unpack[Wish]
    ) -> Page:
        """Return one page of a creator, the first or the one after a cursor; `user` is an id or a profile link."""
        asked = Asked(creator=creator_id(user), cursor=cursor)
        return await self._carried_out(self._caller.conversation(asked, idempotency_key, wish))

    def pages(
        self, user: str, *, cursor: str | None = None, since: Since = None, **wish: Unpack[Wish]
    ) -> AsyncIterator[Page]:
        """Iterate over a creator's pages, from the first or the one after a cursor, down to `since` or the end."""
        return self._walked(Way(creator_id(user), cursor, since), wish)

    def notes(self, user: str, *, cursor: str | None = None, since: Since = None, **wish: Unpack[Wish]) -> AsyncNotes:
        """Iterate over a creator's notes, each once: the pinned ones of the first page, then from the newest down."""
        return AsyncNotes(self._told(Way(creator_id(user), cursor, since), wish))

    async def aclose(self) -> None:
        """Close the connections; the client cannot be used any more."""
        await self._line.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _walked(self, way: Way, wish: Wish) -> AsyncIterator[Page]:
        while not way.ended:
            page = await self._carried_out(self._caller.conversation(way.asked, None, wish))
            yield page
            way.took(page)

    async def _told(self, way: Way, wish: Wish) -> AsyncIterator[Note]:
        async for page in self._walked(way, wish):
            for note in way.fresh(page):
                yield note

    async def _carried_out(self, steps: Steps) -> Page:
        outcome: Answer | Lost = NOTHING
        with closing(steps):
            step = next(steps)
            while True:
                if isinstance(step, Send):
                    outcome = await self._line.sent(step)
                else:
                    tell(step)
                    await self._sleep(step.seconds)
                try:
                    step = steps.send(outcome)
                except StopIteration as end:
                    page: Page = end.value
                    return page


class AsyncNotes(AsyncIterator[Note]):
    """Notes as they come, page by page."""

    def __init__(self, notes: AsyncIterator[Note]) -> None:
        self._notes = notes

    async def __anext__(self) -> Note:
        return await anext(self._notes)

    async def to_frame(self, library: Library | None = None) -> Frame:
        """Take all notes that are left and return them as a frame, see `Page.to_frame`."""
        return framed([note async for note in self], library)
