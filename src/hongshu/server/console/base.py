"""The contract of this folder: a room has doors, a door has a rule and an act, and an act answers with a page.

class Tokens:
    def doors(self) -> list[Door]:
        return [Door("GET", "/tokens", Rule.LOOK, self.listed), …]

    async def listed(self, visit: Visit) -> Answer:
        return Page("tokens.html", {"tokens": …})
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from starlette.responses import Response

from hongshu.errors import NotKnownError
from hongshu.models import Word
from hongshu.secret import Secret
from hongshu.server.console.forms import Form
from hongshu.server.console.rules import Rule
from hongshu.store.sessions import Role, Session

PREFIX: Final = "/console"


class Visit(Word):
    """One request: who came (None: nobody knows), the language, and what was asked for; `address` is the server's."""

    session: Session | None
    lang: str
    address: str
    client: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    secret: Secret = Secret()
    """What opened the session; leaves this request in its cookie only."""

    @property
    def own(self) -> str | None:
        """Return the id of the account that is at the console; None for an operator, who sees all."""
        return self.session.who if self.session is not None and self.session.role is Role.ACCOUNT else None

    def account(self) -> str | None:
        """Return whose things are asked for: the visitor's own, or those of the account that an operator names."""
        return self.own or self.query.get("account") or None

    def check_own(self, account: str) -> None:
        """Raise `NotKnownError` where what belongs to an account is asked for by another one."""
        if self.own not in {None, account}:
            raise NotKnownError("there is nothing of that name here")


class Page(NamedTuple):
    """A template and the words that it is filled with."""

    template: str
    words: Mapping[str, Any]
    status: int = 200


class Go(NamedTuple):
    """On to another page of the console, with a word on what was done (a key of `words.DONE`)."""

    to: str
    done: str = ""


Answer = Page | Go | Response
Act = Callable[[Visit], Awaitable[Answer]]


class Door(NamedTuple):
    """A method and a path below `/console`, who is let in, and what is done then."""

    method: str
    path: str
    rule: Rule
    act: Act


class Room(Protocol):
    """Pages about one noun."""

    def doors(self) -> list[Door]:
        """Return the doors."""
        ...
