"""Accounts, tokens, operators and the ledger from the operator's side: open, top up, issue, rotate, refund."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from hongshu.config.rules import zone_fault
from hongshu.engine.money.allowance import Allowance, check_allowance, network
from hongshu.engine.money.entries import sealed, with_entry
from hongshu.errors import ConflictError, InvalidTokenError, NotKnownError, UsageError
from hongshu.formats import tokens
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.store import accounts, calls, ledger
from hongshu.store.accounts import Account, Operator, Standing, Token
from hongshu.store.base import Connection, Database
from hongshu.store.calls import CallRow
from hongshu.store.ledger import Entered, Entry

LARGEST_AMOUNT: Final = 10**15
LONGEST_REFERENCE: Final = 200
LONGEST_GRACE_SECONDS: Final = 30 * 86_400
CONSOLE: Final = "console"
"""The name of the token with which an account pays for what it orders at the console."""
MOST_ACTIVE_TOKENS, MOST_TOKENS = 20, 500
"""Tokens that an account may make for itself: each has a rate and a quota of its own."""
KEYS_LOOKED_AT: Final = 1000
"""An account's newest entries, among which one is not made a second time under the same key."""
ORPHAN_AFTER_MS: Final = 120_000
"""A call that is older was answered, or never will be."""

_NAME: Final = re.compile(r"[\w][\w .@-]{0,63}")
_AT_ONCE: Final = 5_000
_DAY_NS: Final = 86_400 * 10**9


class Accounting:
    """Keeps the money room from the operator's side; raises `UsageError` for what cannot be done as asked."""

    def __init__(self, money_db: Database, key: bytes, clock: Clock) -> None:
        self._money = money_db
        self._key = key
        self._clock = clock

    def open_account(self, name: str, *, balance: int, zone: str, low_balance: int = 0) -> Account:
        """Open an account; its balance, in credits, is entered as a top-up."""
        _check_name(name)
        _check_zone(zone)
        _check_amount(balance, least=0)
        _check_amount(low_balance, least=0)

        def work(db: Connection) -> Account:
            if accounts.account(db, name):
                raise ConflictError(f'an account named "{name}" exists already; choose another name')
            unsealed = Account(
                id=self._id("acc"),
                name=name,
                zone=zone,
                balance=0,
                held=0,
                active=True,
                chain_head=ledger.NO_CHAIN,
                created_ms=self._now_ms(),
                low_balance=low_balance,
            )
            opened = sealed(unsealed, self._key)
            accounts.add_account(db, opened)
            return self._enter(db, opened, "topup", balance, "opening balance")[0] if balance else opened

        return self._money.write(work)

    def accounts(self) -> list[Account]:
        """Return all accounts."""
        return self._money.read(accounts.accounts)

    def account(self, name_or_id: str) -> Account:
        """Return one account."""
        return self._money.read(lambda db: _found(db, name_or_id))

    def names(self, account_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of accounts by their ids."""
        return self._money.read(lambda db: accounts.names(db, set(account_ids)))

    def top_up(self, name_or_id: str, amount: int, reference: str, key: str | None = None) -> Account:
        """Add credits to an account; a second time under the same key changes nothing."""
        _check_amount(amount, least=1)
        _check_reference(reference)

        def work(db: Connection, account: Account) -> Account:
            if _was_entered(db, account, key):
                return account
            return self._enter(db, account, "topup", amount, reference, key)[0]

        return self._on(name_or_id, work)

    def adjust(self, name_or_id: str, amount: int, reason: str, key: str | None = None) -> Account:
        """Add credits, or take some that are not held by calls in flight; a second time under a key changes nothing."""
        _check_amount(abs(amount), least=1)
        _check_reference(reason)

        def work(db: Connection, account: Account) -> Account:
            if _was_entered(db, account, key):
                return account
            if account.balance - account.held + amount < 0:
                raise UsageError(
                    f"{-amount} credits cannot be taken: the balance is {account.balance}, {account.held} of it held by"
                    " calls in flight"
                )
            return self._enter(db, account, "adjust", amount, reason, key)[0]

        return self._on(name_or_id, work)

    def set_active(self, name_or_id: str, *, active: bool) -> Account:
        """Suspend an account, whose tokens then get 600, or let it call again."""
        return self._on(name_or_id, lambda db, account: _amended(db, msgspec.structs.replace(account, active=active)))

    def set_zone(self, name_or_id: str, zone: str) -> Account:
        """Give an account another zone; its quota day is from now on the local date there."""
        _check_zone(zone)
        return self._on(name_or_id, lambda db, account: _amended(db, msgspec.structs.replace(account, zone=zone)))

    def set_low_balance(self, name_or_id: str, threshold: int) -> Account:
        """Set the balance, in credits, below which an account is told as low; 0 for never."""
        _check_amount(threshold, least=0)
        return self._on(
            name_or_id, lambda db, account: _amended(db, msgspec.structs.replace(account, low_balance=threshold))
        )

    def issue_token(self, account: str, name: str, allowance: Allowance) -> tuple[Standing, str]:
        """Make a token; returns it and its secret, which nobody can show again. It may have no name."""
        if name:
            _check_name(name)
        check_allowance(allowance)
        secret = tokens.minted(tokens.API, os.urandom(tokens.ENTROPY_BYTES))
        return self._money.write(lambda db: self._issue(db, _found(db, account), name, allowance, secret)), secret

    def issue_own_token(self, account: str, name: str, allowance: Allowance) -> tuple[Standing, str]:
        """Make a token for the account itself, which may have so many, and none that pays for the console."""
        if name == CONSOLE:
            raise UsageError(f'"{CONSOLE}" is the name of the token that pays for what is ordered here; choose another')
        number, active = self._money.read(lambda db: accounts.tokens_of(db, _found(db, account).id))
        if active >= MOST_ACTIVE_TOKENS or number >= MOST_TOKENS:
            raise UsageError(
                f"an account may have {MOST_ACTIVE_TOKENS} tokens that are active, and make {MOST_TOKENS} in all;"
                " revoke one, or ask an operator"
            )
        return self.issue_token(account, name, allowance)

    def console_token(self, account: str, allowance: Allowance) -> Token:
        """Return the token with which what an account orders at the console is paid; nobody has its secret.

        It is made when first needed. Raises `UsageError` where it was revoked: then the console may spend nothing until
        an operator makes another of that name.
        """
        known = self._money.read(lambda db: _console(db, _found(db, account)))
        if known is not None:
            return known
        secret = tokens.minted(tokens.API, os.urandom(tokens.ENTROPY_BYTES))

        def work(db: Connection) -> Token:
            owner = accounts.locked(db, _found(db, account).id)
            return _console(db, owner) or self._issue(db, owner, CONSOLE, allowance, secret).token

        return self._money.write(work)

    def _issue(self, db: Connection, owner: Account, name: str, allowance: Allowance, secret: str) -> Standing:
        token = Token(
            id=self._id("tok"),
            account=owner.id,
            name=name,
            shown_start=tokens.shown_start(secret),
            scopes=allowance.scopes,
            networks=tuple(str(network(one)) for one in allowance.networks),
            rate_per_minute=allowance.rate_per_minute,
            burst=allowance.burst,
            daily_quota=allowance.daily_quota,
            expires_ms=allowance.expires_ms,
            active=True,
            created_ms=self._now_ms(),
        )
        accounts.add_token(db, token, tokens.digest(self._key, secret))
        return Standing(token=token, account=owner)

    def tokens(self, account: str | None = None) -> list[Standing]:
        """Return the tokens of one account, or all, each with its account."""

        def work(db: Connection) -> list[Standing]:
            owners = [_found(db, account)] if account else accounts.accounts(db)
            by_id = {one.id: one for one in owners}
            listed = accounts.tokens(db, owners[0].id if account else None)
            return [Standing(token=token, account=by_id[token.account]) for token in listed]

        return self._money.read(work)

    def newest_tokens(self, account: str | None, before: str, limit: int) -> list[Standing]:
        """Return the newest tokens of one account, or all, whose ids are below one, each with its account."""

        def work(db: Connection) -> list[Standing]:
            owner = _found(db, account) if account else None
            listed = accounts.newest_tokens(db, owner.id if owner else None, before, limit)
            by_id = {one.account: owner or _found(db, one.account) for one in listed}
            return [Standing(token=token, account=by_id[token.account]) for token in listed]

        return self._money.read(work)

    def token(self, token_id: str) -> Standing:
        """Return one token."""
        return self._money.read(lambda db: _issued(db, token_id))

    def revoke_token(self, token_id: str) -> Standing:
        """Switch a token off for good."""

        def work(db: Connection) -> Standing:
            _issued(db, token_id)
            accounts.revoke_token(db, token_id)
            return _issued(db, token_id)

        return self._money.write(work)

    def rotate_token(self, token_id: str, grace_seconds: int) -> tuple[Standing, str]:
        """Give a token another secret; the present one works for the grace time, one before that no longer."""
        if not 0 <= grace_seconds <= LONGEST_GRACE_SECONDS:
            raise UsageError(f"the grace time is a number of seconds from 0 to {LONGEST_GRACE_SECONDS}")
        secret = tokens.minted(tokens.API, os.urandom(tokens.ENTROPY_BYTES))

        def work(db: Connection) -> Standing:
            if not _issued(db, token_id).token.active:
                raise UsageError(f"the token {token_id} is revoked; create another one")
            until_ms = self._now_ms() + grace_seconds * 1000
            digest = tokens.digest(self._key, secret)
            accounts.rotate_token(db, token_id, digest, tokens.shown_start(secret), until_ms)
            return _issued(db, token_id)

        return self._money.write(work), secret

    def add_operator(self, name: str) -> tuple[Operator, str]:
        """Make an operator; returns it and its secret, which nobody can show again."""
        _check_name(name)
        secret = tokens.minted(tokens.OPERATOR, os.urandom(tokens.ENTROPY_BYTES))
        operator = Operator(id=self._id("opr"), name=name, active=True, created_ms=self._now_ms())

        def work(db: Connection) -> None:
            if any(one.active and one.name == name for one in accounts.operators(db)):
                raise ConflictError(
                    f'an operator named "{name}" exists already; revoke it first or choose another name'
                )
            accounts.add_operator(db, operator, tokens.digest(self._key, secret))

        self._money.write(work)
        return operator, secret

    def operators(self) -> list[Operator]:
        """Return all operators."""
        return self._money.read(accounts.operators)

    def operator_of(self, secret: str | None) -> Operator:
        """Return the operator whose token this is; raises `InvalidTokenError`."""
        if secret is None or not tokens.well_formed(secret, tokens.OPERATOR):
            raise InvalidTokenError
        digest = tokens.digest(self._key, secret)
        found = self._money.read(lambda db: accounts.operator(db, digest))
        if found is None:
            raise InvalidTokenError
        return found

    def revoke_operator(self, name_or_id: str) -> Operator:
        """Switch an operator off for good."""
        revoked = self._money.write(lambda db: accounts.revoke_operator(db, name_or_id))
        if revoked is None:
            raise NotKnownError(f'there is no active operator "{name_or_id}"; `hongshu operator list` shows them')
        return revoked

    def newest_entries(self, account: str | None, limit: int) -> list[Entered]:
        """Return the newest ledger rows of an account, or of all, newest first."""
        return self._money.read(
            lambda db: ledger.newest(db, _found(db, account).id if account else None, min(limit, _AT_ONCE))
        )

    def entries_after(self, account_id: str, number: int) -> list[Entered]:
        """Return some thousand ledger rows of an account behind a number, in its chain's order; none at the end."""
        return self._money.read_at_length(lambda db: ledger.entered(db, account_id, number, _AT_ONCE))

    def refund(self, entry_id: str) -> Entered:
        """Give back what a charge took, once."""

        def work(db: Connection) -> Entered:
            charged = ledger.entry(db, entry_id)
            if charged is None:
                raise NotKnownError(f'there is no ledger entry "{entry_id}"; `hongshu ledger list` shows them')
            of = charged.entry
            if of.kind != "charge" or of.amount == 0:
                raise UsageError(f"{entry_id} charges nothing (it is of kind {of.kind}, {of.amount} credits)")
            account = accounts.locked(db, of.account)
            earlier = ledger.refund_of(db, entry_id)
            if earlier is not None:
                raise ConflictError(f"{entry_id} was refunded already, by {earlier}")
            return self._enter(db, account, "refund", -of.amount, entry_id)[1]

        return self._money.write(work)

    def orphans(self, limit: int = 1000, *, days: int | None = None) -> list[CallRow]:
        """Return charges without a key whose answers are not noted as handed over, oldest first; of late or of ever."""
        since = "" if days is None else new_id("req", self._clock() - days * _DAY_NS, bytes(5))
        return self._money.read_at_length(
            lambda db: calls.undelivered(db, self._now_ms() - ORPHAN_AFTER_MS, limit, since)
        )

    def _on(self, name_or_id: str, work: Callable[[Connection, Account], Account]) -> Account:
        return self._money.write(lambda db: work(db, accounts.locked(db, _found(db, name_or_id).id)))

    def _enter(
        self, db: Connection, account: Account, kind: str, amount: int, reference: str, key: str | None = None
    ) -> tuple[Account, Entered]:
        entry = Entry(
            id=self._id("led"),
            at_ms=self._now_ms(),
            account=account.id,
            kind=kind,
            amount=amount,
            reference=reference,
            idempotency_key=key,
        )
        unsealed, entered = with_entry(account, entry, self._key)
        _check_amount(unsealed.balance, least=0)
        after = sealed(unsealed, self._key)
        accounts.move(db, [after])
        ledger.add(db, [entered])
        return after, entered

    def _id(self, prefix: str) -> str:
        return new_id(prefix, self._clock(), os.urandom(5))

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def _found(db: Connection, name_or_id: str) -> Account:
    account = accounts.account(db, name_or_id)
    if account is None:
        raise NotKnownError(f'there is no account "{name_or_id}"; `hongshu account list` shows them')
    return account


def _console(db: Connection, owner: Account) -> Token | None:
    """Return the token that pays for the console; None where there was none yet."""
    mine = [one for one in accounts.tokens(db, owner.id) if one.name == CONSOLE]
    active = [one for one in mine if one.active]
    if mine and not active:
        raise UsageError(f'the token "{CONSOLE}" is revoked, so nothing can be collected from the console')
    return active[0] if active else None


def _was_entered(db: Connection, account: Account, key: str | None) -> bool:
    """Say whether an entry of late was made under a key."""
    return key is not None and ledger.is_entered(db, account.id, account.entries - KEYS_LOOKED_AT, key)


def _issued(db: Connection, token_id: str) -> Standing:
    token = accounts.token(db, token_id)
    if token is None:
        raise NotKnownError(f'there is no token with the id "{token_id}"; `hongshu token list` shows them')
    return Standing(token=token, account=_found(db, token.account))


def _amended(db: Connection, account: Account) -> Account:
    accounts.amend(db, account)
    return account


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError("a name has 1 to 64 letters, digits, spaces or . @ _ - and begins with a letter or digit")


def _check_zone(zone: str) -> None:
    fault = zone_fault(zone)
    if fault:
        raise UsageError(f'"{zone}" {fault}')


def _check_reference(text: str) -> None:
    if not text.strip() or len(text) > LONGEST_REFERENCE or not text.isprintable():
        raise UsageError(f"a reference or reason is 1 to {LONGEST_REFERENCE} printable characters")


def _check_amount(amount: int, *, least: int) -> None:
    if not least <= amount <= LARGEST_AMOUNT:
        raise UsageError(f"an amount is a whole number of credits from {least} to {LARGEST_AMOUNT}")
