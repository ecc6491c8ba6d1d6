"""The client for programs that wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Self, Unpack

from hongshu.client.answers import Answer, Lost
from hongshu.client.asking import Send, Steps, Wish
from hongshu.client.frames import Library, framed
from hongshu.client.notes import Note, Page
from hongshu.client.options import HEADERS, LARGEST_BODY, LONGEST_SILENCE_SECONDS, Caller, Options, tell
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
        import httpx2  # noqa: PLC0415 - with the first client: it takes longer to load than all else here

        self._caller = Caller(token, **options)
        self._sleep = sleep
        self._http = httpx2.Client(
            headers=HEADERS,
            verify=options.get("verify", True),
            transport=transport,
            trust_env=self._caller.trusts_env,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        )

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
        self._http.close()

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
        outcome: Answer | Lost | None = None
        with closing(steps):
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration as end:
                    page: Page = end.value
                    return page
                if isinstance(step, Send):
                    outcome = self._sent(step)
                else:
                    outcome = None
                    tell(step)
                    self._sleep(step.seconds)

    def _sent(self, step: Send) -> Answer | Lost:
        """Send a question; a body that drips ends at most one silence after its time."""
        from httpx2 import HTTPError, InvalidURL  # noqa: PLC0415 - loaded with the client

        ends = time.monotonic() + step.timeout_seconds
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), step.timeout_seconds)
        request = self._http.build_request(
            "GET", step.url, params=step.params, headers=step.headers, extensions={"timeout": timeouts}
        )
        try:
            with closing(self._http.send(request, stream=True, follow_redirects=False)) as response:
                timeouts["read"] = max(0.001, min(LONGEST_SILENCE_SECONDS, ends - time.monotonic()))
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > LARGEST_BODY:
                        return Lost(why=f"The answer is larger than {LARGEST_BODY} bytes.")
                    if time.monotonic() > ends:
                        return Lost(why=f"There was no whole answer within {step.timeout_seconds:.3g} s.")
                return Answer(status=response.status_code, headers=response.headers, body=bytes(body))
        except (HTTPError, InvalidURL) as error:
            return Lost(why=f"The connection failed ({type(error).__name__}).")


class Notes(Iterator[Note]):
    """Notes as they come, page by page."""

    def __init__(self, notes: Iterator[Note]) -> None:
        self._notes = notes

    def __next__(self) -> Note:
        return next(self._notes)

    def to_frame(self, library: Library | None = None) -> Frame:
        """Take all notes that are left and return them as a frame, see `Page.to_frame`."""
        return framed(list(self), library)
