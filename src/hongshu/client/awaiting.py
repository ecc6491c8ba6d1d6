"""The client for programs that run many calls at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import TYPE_CHECKING, Self, Unpack

import anyio

from hongshu.client.answers import Answer, Lost
from hongshu.client.asking import Send, Steps, Wish
from hongshu.client.frames import Library, framed
from hongshu.client.notes import Note, Page
from hongshu.client.options import HEADERS, LARGEST_BODY, Caller, Options, tell
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
        import httpx2  # noqa: PLC0415 - with the first client: it takes longer to load than all else here

        self._caller = Caller(token, **options)
        self._sleep = sleep
        self._http = httpx2.AsyncClient(
            headers=HEADERS,
            verify=options.get("verify", True),
            transport=transport,
            trust_env=self._caller.trusts_env,
            timeout=None,  # an attempt's own time bounds it
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        )

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
        await self._http.aclose()

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
        outcome: Answer | Lost | None = None
        with closing(steps):
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration as end:
                    page: Page = end.value
                    return page
                if isinstance(step, Send):
                    outcome = await self._sent(step)
                else:
                    outcome = None
                    tell(step)
                    await self._sleep(step.seconds)

    async def _sent(self, step: Send) -> Answer | Lost:
        from httpx2 import HTTPError, InvalidURL  # noqa: PLC0415 - loaded with the client

        try:
            with anyio.fail_after(step.timeout_seconds):
                question = self._http.stream("GET", step.url, params=step.params, headers=step.headers)
                async with question as response:
                    body = bytearray()
                    async for part in response.aiter_bytes():
                        body += part
                        if len(body) > LARGEST_BODY:
                            return Lost(why=f"The answer is larger than {LARGEST_BODY} bytes.")
                    return Answer(status=response.status_code, headers=response.headers, body=bytes(body))
        except TimeoutError:
            return Lost(why=f"There was no whole answer within {step.timeout_seconds:.3g} s.")
        except (HTTPError, InvalidURL) as error:
            return Lost(why=f"The connection failed ({type(error).__name__}).")


class AsyncNotes(AsyncIterator[Note]):
    """Notes as they come, page by page."""

    def __init__(self, notes: AsyncIterator[Note]) -> None:
        self._notes = notes

    async def __anext__(self) -> Note:
        return await anext(self._notes)

    async def to_frame(self, library: Library | None = None) -> Frame:
        """Take all notes that are left and return them as a frame, see `Page.to_frame`."""
        return framed([note async for note in self], library)
