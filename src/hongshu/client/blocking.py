"""The client for programs that wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Self, Unpack

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


class Client:
    """Asks a V4 server for the notes of creators.

    Calls that fail are repeated as `docs/reference/client.md` says, and with their keys never paid twice. Threads may
    share one client. `transport` takes another way to the network; `sleep` is how it pauses.

        with hongshu.Client("hs_…") as client:
            for note in client.notes("5c2f338a0000000000000001"):
                print(note.published, note.likes, note.title)

    All methods raise `CallError` (see `hongshu.errors`) where a call comes to nothing.
    """

    def __init__(
        self,
        token: str,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **options: Unpack[Options],
    ) -> None:
        from hongshu.client.lines import BlockingLine  # noqa: PLC0415 - takes longer to load than all else here

        self._caller = Caller(token, **options)
        self._sleep = sleep
        self._line = BlockingLine(options.get("verify", True), transport, trust_env=self._caller.trusts_env)

    def page(
        self, user: str, *, cursor: str | None = None, idempotency_key: str | None = None, **wish: Unpack[Wish]
    ) -> Page:
        """Return one page of a creator, the first or the one after a cursor; `user` is an id or a profile link."""
        asked = Asked(creator=creator_id(user), cursor=cursor)
        return self._carried_out(self._caller.conversation(asked, idempotency_key, wish))

    def pages(
        self, user: str, *, cursor: str | None = None, since: Since = None, **wish: Unpack[Wish]
    ) -> Iterator[Page]:
        """Iterate over a creator's pages, from the first or the one after a cursor, down to `since` or the end."""
        way = Way(creator_id(user), cursor, since)
        return self._walked(way, wish)

    def notes(self, user: str, *, cursor: str | None = None, since: Since = None, **wish: Unpack[Wish]) -> Notes:
        """Iterate over a creator's notes, each once: the pinned ones of the first page, then from the newest down."""
        way = Way(creator_id(user), cursor, since)
        return Notes(note for page in self._walked(way, wish) for note in way.fresh(page))

    def close(self) -> None:
        """Close the connections; the client cannot be used any more."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _walked(self, way: Way, wish: Wish) -> Iterator[Page]:
        while not way.ended:
            page = self._carried_out(self._caller.conversation(way.asked, None, wish))
            yield page
            way.took(page)

    def _carried_out(self, steps: Steps) -> Page:
        outcome: Answer | Lost = NOTHING
        with closing(steps):
            step = next(steps)
            while True:
                if isinstance(step, Send):
                    outcome = self._line.sent(step)
                else:
                    tell(step)
                    self._sleep(step.seconds)
                try:
                    step = steps.send(outcome)
                except StopIteration as end:
                    page: Page = end.value
                    return page


class Notes(Iterator[Note]):
    """Notes as they come, page by page."""

    def __init__(self, notes: Iterator[Note]) -> None:
        self._notes = notes

    def __next__(self) -> Note:
        return next(self._notes)

    def to_frame(self, library: Library | None = None) -> Frame:
        """Take all notes that are left and return them as a frame, see `Page.to_frame`."""
        return framed(list(self), library)
