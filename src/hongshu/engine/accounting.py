"""Accounts, tokens and operators from the operator's side: open, top up, issue, revoke."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hongshu.engine.metering import USER_NOTES
from hongshu.errors import UsageError
from hongshu.formats import tokens
from hongshu.models import Clock, Word, new_id
from hongshu.store import accounts
from hongshu.store.accounts import Account, Entry, Operator, Token
from hongshu.store.base import Connection, Database

SCOPES: Final = (USER_NOTES,)
LARGEST_AMOUNT: Final = 10**15

_NAME: Final = re.compile(r"[\w][\w .@-]{0,63}")


class Allowance(Word):
    """What a token may do: calls a minute, calls at once, calls a day, and until when (ms; None for ever)."""

    rate_per_minute: int
    burst: int
    daily_quota: int
    scopes: tuple[str, ...] = SCOPES
    expires_ms: int | None = None


class Accounting:
    """Keeps `money.db` from the operator's side. Every method raises `UsageError` for what cannot be done as asked."""

    def __init__(self, money_db: Database, key: bytes, clock: Clock) -> None:
        self._money = money_db
        self._key = key
        self._clock = clock

    def open_account(self, name: str, *, balance: int, zone: str) -> Account:
        """Open an account; its balance, in credits, is entered as a top-up."""
        _check_name(name)
        _check_zone(zone)
        _check_amount(balance, least=0)

        def work(db: Connection) -> Account:
            if accounts.account(db, name):
                raise UsageError(f'an account named "{name}" exists already; choose another name')
            account_id = self._id("acc")
            accounts.add_account(db, account_id, name, zone, self._now_ms())
            if balance:
                self._top_up(db, account_id, balance, "opening balance")
            return _found(db, account_id)

        return self._money.write(work)

    def accounts(self) -> list[Account]:
        """Return all accounts."""
        return self._money.read(accounts.accounts)

    def account(self, name_or_id: str) -> Account:
        """Return one account."""
        return self._money.read(lambda db: _found(db, name_or_id))

    def top_up(self, name_or_id: str, amount: int, reference: str) -> Account:
        """Add credits to an account."""
        _check_amount(amount, least=1)

        def work(db: Connection) -> Account:
            account_id = _found(db, name_or_id).id
            self._top_up(db, account_id, amount, reference)
            return _found(db, account_id)

        return self._money.write(work)

    def set_active(self, name_or_id: str, *, active: bool) -> Account:
        """Suspend an account, whose tokens then get 600, or let it call again."""

        def work(db: Connection) -> Account:
            account_id = _found(db, name_or_id).id
            accounts.set_active(db, account_id, active=active)
            return _found(db, account_id)

        return self._money.write(work)

    def issue_token(self, account: str, name: str, allowance: Allowance) -> tuple[Token, str]:
        """Make a token; returns it and its secret, which nobody can show again. It may have no name."""
        if name:
            _check_name(name)
        _check_allowance(allowance)
        secret = tokens.minted(tokens.API, os.urandom(tokens.ENTROPY_BYTES))

        def work(db: Connection) -> Token:
            owner = _found(db, account)
            token = Token(
                id=self._id("tok"),
                account=owner.id,
                account_name=owner.name,
                name=name,
                shown_start=tokens.shown_start(secret),
                scopes=allowance.scopes,
                rate_per_minute=allowance.rate_per_minute,
                burst=allowance.burst,
                daily_quota=allowance.daily_quota,
                expires_ms=allowance.expires_ms,
                active=True,
                created_ms=self._now_ms(),
            )
            accounts.add_token(db, token, tokens.digest(self._key, secret))
            return token

        return self._money.write(work), secret

    def tokens(self, account: str | None = None) -> list[Token]:
        """Return the tokens of one account, or all."""
        return self._money.read(lambda db: accounts.tokens(db, _found(db, account).id if account else None))

    def revoke_token(self, token_id: str) -> Token:
        """Switch a token off for good."""
        revoked = self._money.write(lambda db: accounts.revoke_token(db, token_id))
        if revoked is None:
            raise UsageError(f'there is no token with the id "{token_id}"; `hongshu token list` shows them')
        return revoked

    def add_operator(self, name: str) -> tuple[Operator, str]:
        """Make an operator; returns it and its secret, which nobody can show again."""
        _check_name(name)
        secret = tokens.minted(tokens.OPERATOR, os.urandom(tokens.ENTROPY_BYTES))
        operator = Operator(id=self._id("opr"), name=name, active=True, created_ms=self._now_ms())

        def work(db: Connection) -> None:
            if any(one.active and one.name == name for one in accounts.operators(db)):
                raise UsageError(f'an operator named "{name}" exists already; revoke it first or choose another name')
            accounts.add_operator(db, operator, tokens.digest(self._key, secret))

        self._money.write(work)
        return operator, secret

    def operators(self) -> list[Operator]:
        """Return all operators."""
        return self._money.read(accounts.operators)

    def revoke_operator(self, name_or_id: str) -> Operator:
        """Switch an operator off for good."""
        revoked = self._money.write(lambda db: accounts.revoke_operator(db, name_or_id))
        if revoked is None:
            raise UsageError(f'there is no active operator "{name_or_id}"; `hongshu operator list` shows them')
        return revoked

    def _top_up(self, db: Connection, account_id: str, amount: int, reference: str) -> None:
        entry = Entry(
            id=self._id("led"),
            at_ms=self._now_ms(),
            account=account_id,
            kind="topup",
            amount=amount,
            reference=reference,
        )
        accounts.enter(db, self._key, entry)

    def _id(self, prefix: str) -> str:
        return new_id(prefix, self._clock(), os.urandom(5))

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def expiry_ms(text: str) -> int:
    """Read a date or time of expiry, as RFC 3339 or as a date that ends at its midnight UTC; in ms."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f'"{text}" is no date; write 2027-01-31 or 2027-01-31T12:00:00Z') from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _found(db: Connection, name_or_id: str) -> Account:
    account = accounts.account(db, name_or_id)
    if account is None:
        raise UsageError(f'there is no account "{name_or_id}"; `hongshu account list` shows them')
    return account


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError("a name has 1 to 64 letters, digits, spaces or . @ _ - and begins with a letter or digit")


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f'"{zone}" is no time zone; write an IANA name such as Asia/Shanghai') from error


def _check_amount(amount: int, *, least: int) -> None:
    if not least <= amount <= LARGEST_AMOUNT:
        raise UsageError(f"an amount is a whole number of credits from {least} to {LARGEST_AMOUNT}")


def _check_allowance(allowance: Allowance) -> None:
    if allowance.rate_per_minute < 1 or allowance.burst < 1 or allowance.daily_quota < 0:
        raise UsageError("rate and burst are at least 1, the daily quota at least 0")
    unknown = sorted(set(allowance.scopes) - set(SCOPES))
    if unknown or not allowance.scopes:
        raise UsageError(f"unknown scope {', '.join(unknown) or '(none)'}; the scopes are {', '.join(SCOPES)}")
