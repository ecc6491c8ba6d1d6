"""The cap on what a session of an assistant may spend: held before a page is asked for, exact over all processes."""

from __future__ import annotations

from typing import Final

import msgspec

from hongshu.engine.money.spending import Bounds, Granted, Spending
from hongshu.errors import UnpaidError
from hongshu.store import spending
from hongshu.store.reader import Reader
from hongshu.store.spending import Budget

_NAME: Final = ":assistants"
"""Among the sources whose spending is bounded; no source can have this name."""
_MOST_OPENED: Final = 10_000
_WITHIN_SECONDS: Final = 60.0


class Purse:
    """Holds what a page may cost, and takes what it did."""

    def __init__(self, pages: Spending, money: Reader, most_credits: int, price: int) -> None:
        self._spending = pages
        self._money = money
        self._most = most_credits
        self._bounds = Bounds(source=_NAME, call_cost=price)
        self._opened: set[str] = set()

    async def hold(self, session: str) -> str:
        """Hold the price of a page; raises `UnpaidError` where the session's cap leaves no room for it."""
        if session not in self._opened:
            if len(self._opened) >= _MOST_OPENED:
                self._opened.clear()
            await self._spending.open_budget(Budget(id=session, most_credits=self._most))
            self._opened.add(session)
        granted = await self._spending.begin(self._bounds, _WITHIN_SECONDS, session)
        if not isinstance(granted, Granted):
            raise UnpaidError(
                f"this session may spend {self._most} credits, which leaves no room for another page of"
                f" {self._bounds.at_most}; ask the user, who can start another session or raise the cap"
            )
        return granted.attempt

    def take(self, session: str, held: str, cost: int) -> None:
        """Close a hold with what the page cost; 0 gives all of it back."""
        bounds = msgspec.structs.replace(self._bounds, call_cost=cost)
        self._spending.end(bounds, held, "ok" if cost else "free", good=True, budget=session)

    async def left(self, session: str) -> int:
        """Return the credits that the cap leaves, once what was taken is written down."""
        await self._spending.flush()
        budget = await self._money.read(lambda db: spending.budget(db, session))
        return self._most - (budget.credits if budget is not None else 0)
