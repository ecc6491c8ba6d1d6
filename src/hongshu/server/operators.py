"""How operators' routes reach the money side: off the event loop, and for operators only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from hongshu.errors import InvalidTokenError
from hongshu.formats import tokens
from hongshu.server.edge import Incoming
from hongshu.service.desk import Ledger, Window

T = TypeVar("T")


class Run(Protocol):
    """Does something with the money side at a window of the desk; see `hongshu.service.desk.Desk`."""

    async def __call__(self, act: Callable[[Ledger], T], *, window: Window = "acts") -> T: ...


async def check_operator(run: Run, incoming: Incoming) -> None:
    """Let an operator in, or raise `InvalidTokenError`; what cannot be a token of one is not even looked up."""
    secret = incoming.token
    if secret is None or not tokens.well_formed(secret, tokens.OPERATOR):
        raise InvalidTokenError
    await run(lambda desk: desk.accounting.operator_of(secret))
