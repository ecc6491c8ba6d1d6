"""How one page is asked for, without input or output: what to send, how long to pause, when to give up.

A conversation is a generator of steps. A driver carries each one out, in whatever colour, and sends in what came of the
last question (after a pause it is not looked at); the page is what the generator returns.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from ipaddress import ip_address
from typing import Final, Literal, TypedDict
from urllib.parse import SplitResult, urlsplit

from hongshu.client.answers import Answer, Lost, page_of
from hongshu.client.notes import Page
from hongshu.errors import CallError, UsageError
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Asked, Word
from hongshu.secret import Secret

LOCAL: Final = "http://127.0.0.1:8787"
"""Where a server of one's own listens."""

QUERY: Final = "query"
_QUERY_ONLY: Final = "justoneapi.com"
"""The hosted API reads the token in the query only."""
_LONGEST_KEY: Final = 255
_WAITS: Final = frozenset({302, 303})
_REPEATED: Final = frozenset({301, 302, 500})
"""What is asked again after a pause of our own; 302 where the server states none."""


class Send(Word):
    """Send this, and wait so long at most for the whole answer."""

    url: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    timeout_seconds: float

    def __repr__(self) -> str:
        return "Send(…)"  # the token is in it


class Pause(Word):
    """Wait; `why` tells a log."""

    seconds: float
    why: str


Step = Send | Pause
Steps = Generator[Step, Answer | Lost, Page]


class Wish(TypedDict, total=False):
    """How old a page may be; without a wish the server decides."""

    max_age_seconds: int
    """A stored page may be so old."""
    fresh: bool
    """Collect it now."""
    stored_only: bool
    """Never collect: a page that is not stored is a `CollectionFailedError`."""


class Patience(Word):
    """How long to go on with one page.

    An attempt takes `timeout_seconds` at most, all attempts and pauses together `deadline_seconds`. `tries` counts
    attempts that fail (301, 500, no answer); waiting for a rate or quota (302, 303) is bounded by the deadline alone.
    """

    tries: int = 6
    timeout_seconds: float = 65.0
    deadline_seconds: float = 300.0
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0


class Endpoint:
    """The endpoint of one server, as one caller asks it."""

    def __init__(
        self, token: str, base_url: str, *, token_in: Literal["header", "query"] | None, allow_cleartext: bool
    ) -> None:
        address = _address(base_url)
        if address.username or address.password:
            raise UsageError("base_url holds a user name; pass the token as token")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise UsageError("token is no access token; pass the one that `hongshu token create` printed")
        if address.scheme == "http" and not allow_cleartext and not is_loopback(base_url):
            raise UsageError(
                "over http the token travels in clear; write https://…, or pass allow_cleartext=True if the way is safe"
            )
        hosted = f".{address.hostname}".endswith(f".{_QUERY_ONLY}")
        in_query = hosted if token_in is None else token_in == QUERY
        self.token = Secret(token)
        self._url = base_url.rstrip("/") + V4_PATH
        self._in_query = in_query

    def question(self, asked: Asked, key: str | None, wish: Wish, timeout_seconds: float) -> Send:
        """Return what to send to ask for a page."""
        token = self.token.reveal()
        headers = {} if self._in_query else {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if said := _cache_control(wish):
            headers["Cache-Control"] = said
        params = {**({"token": token} if self._in_query else {}), "userId": asked.creator}
        if asked.cursor is not None:
            params["lastCursor"] = asked.cursor
        return Send(url=self._url, params=params, headers=headers, timeout_seconds=timeout_seconds)


def conversation(
    question: Callable[[float], Send],
    asked: Asked,
    patience: Patience,
    clock: Callable[[], float],
    chance: Callable[[], float],
    token: str = "",
) -> Steps:
    """Ask for one page until it comes, cannot come, or time is over; raises the last `CallError`.

    `question` gives what to send within a time; `clock` counts seconds, `chance` gives numbers from 0 to 1; the `token`
    stands in no error, whatever a server says.
    """
    ends = clock() + patience.deadline_seconds
    failures = limits = 0
    while True:
        outcome = yield question(max(0.001, min(patience.timeout_seconds, ends - clock())))
        try:
            return page_of(outcome, asked, token)
        except CallError as error:
            limited = error.code in _WAITS and error.retry_after_seconds is not None
            limits += limited
            failures += not limited
            seconds = _pause(error, limits if limited else failures, patience, chance)
            if seconds is None or clock() + seconds >= ends:
                raise
            yield Pause(seconds=seconds, why=f"code {error.code} ({type(error).__name__})")


def checked_key(key: str) -> str:
    """Return an idempotency key; raises `UsageError` where it can be none."""
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise UsageError("an idempotency key is 1 to 255 printable ASCII characters")
    return key


def is_loopback(url: str) -> bool:
    """Say whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _pause(error: CallError, times: int, patience: Patience, chance: Callable[[], float]) -> float | None:
    """Return how long to wait before the next attempt, in seconds; None where there is none.

    A limit is waited for as long as the server says. After a failure, or where it says nothing, pauses grow twofold,
    each of them by chance up to half shorter: who failed together does not come back together. `times` counts them.
    """
    stated = error.retry_after_seconds
    backoff: float = min(patience.longest_pause_seconds, patience.first_pause_seconds * 2.0 ** min(times - 1, 32))
    backoff *= 1 - chance() / 2
    if error.code in _WAITS and stated is not None:
        return stated + chance() * min(1.0, stated / 4) if stated else backoff
    if error.code not in _REPEATED or not error.retryable or times >= patience.tries:
        return None
    return backoff if error.code == 301 or stated is None else max(backoff, float(stated))


def _address(base_url: str) -> SplitResult:
    """Take the server's address apart; raises `UsageError` with what to write where it is none."""
    try:
        address = urlsplit(base_url)
        fits = address.scheme in {"http", "https"} and bool(address.hostname) and not address.query + address.fragment
        fits = fits and base_url.isascii() and base_url.isprintable() and (address.port or 1) > 0
        fits = fits and all(0 < len(label) < 64 for label in (address.hostname or "").rstrip(".").split("."))
    except ValueError:
        fits = False
    if not fits:
        raise UsageError("base_url is no address of a server; write http://127.0.0.1:8787 or https://host")
    return address


def _cache_control(wish: Wish) -> str:
    unknown = wish.keys() - Wish.__annotations__.keys()
    if unknown:
        raise UsageError(f"{', '.join(sorted(unknown))} is no wish; there are {', '.join(Wish.__annotations__)}")
    said = []
    if wish.get("fresh"):
        said.append("no-cache")
    if wish.get("stored_only"):
        said.append("only-if-cached")
    age = wish.get("max_age_seconds")
    if age is not None:
        if not isinstance(age, int) or age < 0:
            raise UsageError("max_age_seconds is a whole number from 0")
        said.append(f"max-age={age:d}")
    return ", ".join(said)
