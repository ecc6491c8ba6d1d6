"""Who may call, and what a call costs: a pure decision over the rows, and the transaction that writes it.

A call is screened without a lock, then settled: the decision is taken again over the rows as they stand inside the
transaction, and the charge, the ledger row and the call-log row are written together. An answer leaves after that
transaction is on disk.
"""

from __future__ import annotations

import os
from typing import Final

from hongshu.errors import CallError, InsufficientBalanceError, InvalidTokenError, PermissionDeniedError
from hongshu.formats import tokens
from hongshu.models import Cache, Clock, Served, Word, new_id
from hongshu.store import accounts
from hongshu.store.accounts import CallRow, Entry, Standing
from hongshu.store.base import Connection, Database
from hongshu.store.writer import GroupWriter

USER_NOTES: Final = "user-notes"
"""The scope, and the name in ledger and log, of the endpoint that lists a user's published notes."""


class Prices(Word):
    """What a page costs, in credits: one collected for the call, and one at hand."""

    collected: int = 10
    at_hand: int = 10

    def of(self, cache: Cache) -> int:
        """Return the price of an answer by how it came to be."""
        if cache in {Cache.MISS, Cache.COALESCED}:
            return self.collected
        return self.at_hand if cache is Cache.HIT else 0


class Caller(Word):
    """A caller who passed the screen; the hash finds the rows again when the call is settled."""

    secret_hash: bytes
    account: str
    token_id: str


class Charged(Word):
    """What a call cost and what is left, in credits."""

    cost: int
    balance: int


class Finished(Word):
    """A call that is over: who, which, when it began and how it ended."""

    caller: Caller
    request_id: str
    began_ns: int


def refusal(standing: Standing | None, scope: str, now_ms: int) -> CallError | None:
    """Decide 100 and 600: pure, over the rows of token and account."""
    if standing is None or not standing.token.active or _expired(standing, now_ms):
        return InvalidTokenError()
    if scope not in standing.token.scopes:
        return PermissionDeniedError(
            f"Permission Denied. This token lacks the scope {scope}; ask the operator for one that has it."
        )
    if not standing.account.active:
        return PermissionDeniedError("Permission Denied. The account is suspended; ask the operator to resume it.")
    return None


def shortage(standing: Standing, price: int) -> CallError | None:
    """Decide 601: pure, over the account's row."""
    free = standing.account.balance - standing.account.held
    if free >= price:
        return None
    return InsufficientBalanceError(
        f"Insufficient Balance. This call costs {price} credits; the balance is {standing.account.balance},"
        f" {standing.account.held} of it held by calls in flight. Ask the operator for a top-up, then call again."
    )


class Metering:
    """Screens and settles calls against `money.db`. Every method raises the `CallError` that refuses the call."""

    def __init__(self, money_db: Database, key: bytes, prices: Prices, clock: Clock) -> None:
        self._money = money_db
        self._writer = GroupWriter(money_db)
        self._key = key
        self._prices = prices
        self._clock = clock

    def screen(self, token: str | None, scope: str) -> Caller:
        """Let a caller in, or raise 100 or 600; reads only, takes no lock."""
        if token is None or not tokens.well_formed(token, tokens.API):
            raise InvalidTokenError
        secret_hash = tokens.digest(self._key, token)
        standing = self._money.read(lambda db: accounts.standing(db, secret_hash))
        refused = refusal(standing, scope, self._clock() // 1_000_000)
        if refused is not None or standing is None:
            raise refused or InvalidTokenError
        return Caller(secret_hash=secret_hash, account=standing.account.id, token_id=standing.token.id)

    def afford(self, caller: Caller) -> None:
        """Raise 601 before a source is asked for a caller who could not pay for the page."""
        standing = self._money.read(lambda db: accounts.standing(db, caller.secret_hash))
        refused = shortage(standing, self._prices.collected) if standing else InvalidTokenError()
        if refused is not None:
            raise refused

    async def settle(self, finished: Finished, scope: str, served: Served) -> Charged:
        """Decide again, charge and log a page that is about to be handed over, in one transaction.

        Returns when that is on disk.
        """
        return await self._writer.write(lambda db: self._settle(db, finished, scope, served))

    def log_failure(self, finished: Finished, scope: str, code: int) -> None:
        """Log a call that was refused or failed; its row rides with the next transaction, and nobody waits for it."""
        row = self._call_row(finished, scope, code=code, kind="refused" if code not in {301, 500} else "failed")
        self._writer.write_later(lambda db: accounts.log_call(db, row))

    def flush(self) -> None:
        """Write what is still waiting; for closing."""
        self._writer.flush()

    def _settle(self, db: Connection, finished: Finished, scope: str, served: Served) -> Charged:
        now_ns = self._clock()
        standing = accounts.standing(db, finished.caller.secret_hash)
        price = self._prices.of(served.cache)
        refused = refusal(standing, scope, now_ns // 1_000_000)
        if refused is None and standing is not None:
            refused = shortage(standing, price)
        if refused is not None or standing is None:
            raise refused or InvalidTokenError
        entry = Entry(
            id=new_id("led", now_ns, os.urandom(5)),
            at_ms=now_ns // 1_000_000,
            account=standing.account.id,
            kind="charge",
            amount=-price,
            token_id=standing.token.id,
            request_id=finished.request_id,
            endpoint=scope,
            source=served.source,
            cache=served.cache.value,
        )
        balance = accounts.enter(db, self._key, entry)
        accounts.log_call(
            db, self._call_row(finished, scope, code=0, kind=served.cache.value, cost=price, source=served.source)
        )
        return Charged(cost=price, balance=balance)

    def _call_row(
        self, finished: Finished, scope: str, *, code: int, kind: str, cost: int = 0, source: str | None = None
    ) -> CallRow:
        return CallRow(
            request_id=finished.request_id,
            at_ms=finished.began_ns // 1_000_000,
            account=finished.caller.account,
            token_id=finished.caller.token_id,
            endpoint=scope,
            code=code,
            kind=kind,
            amount=cost,
            duration_ms=max(0, (self._clock() - finished.began_ns) // 1_000_000),
            source=source,
        )


def _expired(standing: Standing, now_ms: int) -> bool:
    return standing.token.expires_ms is not None and standing.token.expires_ms <= now_ms
