"""The contract of a check: what it sends, what it sees, what it says of it.

A check is a generator of probes, without input or output of its own; each is sent for it, and what came is given back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlencode

from hongshu.formats.border import MalformedError, an_object, clean_value, printable
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Word
from hongshu.secret import Secret

_LONGEST_WORD: Final = 160
_NUMBER: Final = re.compile(r"[0-9]{1,15}")

Headers = tuple[tuple[str, str], ...]


class Subject(Word):
    """Who is asked about whom, and with what; the tokens of accounts that may not are there where the user has some."""

    creator: str
    token: Secret
    most_pages: int = 20
    slowest_seconds: float = 60.0
    token_without_scope: Secret | None = None
    token_without_balance: Secret | None = None
    token_at_its_rate: Secret | None = None
    """Its rate lets one call through, and the next one not."""
    token_at_its_quota: Secret | None = None


class Probe(Word):
    """One request. `target` stands after the server's address; with `raw` the whole request is these bytes.

    `good` are requests that should bring a page: a failure that may pass is tried again before it counts.
    """

    target: str
    method: str = "GET"
    headers: Headers = ()
    raw: bytes | None = None
    good: bool = False

    def __repr__(self) -> str:
        return "Probe(…)"  # the token is in it


class Seen(Word):
    """What came of a probe; where it was no HTTP answer, `trouble` says why and the rest is empty.

    `envelope` is the body as an object, empty where it is none.
    """

    probe: Probe
    status: int = 0
    headers: Headers = ()
    body: bytes = b""
    rest: bytes = b""
    seconds: float = 0.0
    trouble: str = ""
    envelope: Mapping[str, Any] = {}

    def header(self, name: str) -> str | None:
        """Return a header, its lines joined (RFC 9110, 5.3)."""
        lines = [value for key, value in self.headers if key == name]
        return ", ".join(lines) if lines else None

    @property
    def code(self) -> int | None:
        """The business code; None where the body has none that is a whole number."""
        code = self.envelope.get("code")
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @property
    def told(self) -> str:
        """What came, in a few words: `code 301, "…"`, or `HTTP 502`, or why there was no answer."""
        if self.trouble:
            return self.trouble
        if self.code is None:
            return f"HTTP {self.status} without a code"
        message = self.envelope.get("message")
        http = "" if self.status == 200 else f" (HTTP {self.status})"
        return f"code {self.code}{http}" + (f", {quoted(message)}" if message else "")


def object_in(body: bytes) -> dict[str, Any]:
    """Return a body as an object; empty where it is none."""
    try:
        return an_object(clean_value(body)[1])
    except MalformedError:
        return {}


class Page(Word):
    """A page as it was seen: its notes decoded, and whether more follow."""

    cursor: str | None
    notes: tuple[dict[str, Any], ...]
    has_more: bool
    body: bytes

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(str(note.get("id")) for note in self.notes)


class Visit:
    """What has been seen of a server so far."""

    def __init__(self, subject: Subject, host: str, prefix: str) -> None:
        self.subject = subject
        self.host = host
        """The server's name with its port, as the header Host has it."""
        self.prefix = prefix
        """What stands before every target in the server's own address."""
        self.seen: list[Seen] = []
        self.pages: list[Page] = []
        """The creator's pages, from the first one down."""

    @property
    def first(self) -> Page:
        return self.pages[0]

    def ask(self, *extra: tuple[str, str], cursor: str | None = None, headers: Headers = ()) -> Probe:
        """Return a request that should bring a page."""
        query = [("token", self.subject.token.reveal()), ("userId", self.subject.creator), *extra]
        if cursor is not None:
            query.append(("lastCursor", cursor))
        return Probe(target=f"{V4_PATH}?{urlencode(query)}", headers=headers, good=True)

    def refusable(self, query: str, headers: Headers = (), *, token: str | None = None) -> Probe:
        """Return a request with a query of its own behind the token, the usual one or another."""
        return self.bare(f"token={quote(token or self.subject.token.reveal())}&{query}", headers)

    def bare(self, query: str, headers: Headers = ()) -> Probe:
        """Return a request with just this query, without a token."""
        return Probe(target=f"{V4_PATH}?{query}", headers=headers)

    @property
    def user(self) -> str:
        """The part of a query that names the creator."""
        return f"userId={self.subject.creator}"


State = Literal["passed", "deviates", "not offered", "not checked"]


class Findings:
    """What one check says."""

    def __init__(self) -> None:
        self.deviations: list[str] = []
        self.remarks: list[str] = []
        self.skipped: tuple[State, str] | None = None

    def deviates(self, what: str) -> None:
        """Say what is not as the contract has it; the same words are said once."""
        if what not in self.deviations:
            self.deviations.append(what)

    def remarks_on(self, what: str) -> None:
        """Say what is allowed, and worth knowing; the same words are said once."""
        if what not in self.remarks:
            self.remarks.append(what)

    def not_offered(self, what: str) -> None:
        """Say that the server does not offer what was to be checked, and need not."""
        self.skipped = ("not offered", what)

    def not_checked(self, why: str) -> None:
        """Say why nothing could be checked."""
        self.skipped = ("not checked", why)

    @property
    def state(self) -> State:
        if self.deviations:
            return "deviates"
        return self.skipped[0] if self.skipped else "passed"


Steps = Generator[Probe, Seen, None]


class Check(NamedTuple):
    """One check: its name, the sentence of the contract, how it goes, and whether it needs the creator's pages."""

    name: str
    contract: str
    run: Callable[[Visit, Findings], Steps]
    needs_pages: bool = True


def quoted(given: object) -> str:
    """Return a value from outside as it may be shown, cut."""
    text = given if isinstance(given, str) else repr(given) if isinstance(given, list | dict) else str(given)
    shown = printable(text[:_LONGEST_WORD])
    return f'"{shown}…"' if len(text) > _LONGEST_WORD else f'"{shown}"'


def number_in(text: str | None) -> int | None:
    """Return a header's whole number of up to 15 digits; None where it is none."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def begins_alike(first: Page, page: Page) -> bool:
    """Say whether two pages begin at the same place, as far as the creator may have posted or pinned meanwhile."""
    return not first.ids or len(set(first.ids) & set(page.ids)) * 2 >= min(len(first.ids), len(page.ids))
