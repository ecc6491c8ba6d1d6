"""Who is at the console: a link that opens one session, and sessions that end by themselves."""

from __future__ import annotations

import hmac
import os
from contextlib import suppress
from typing import Final

from hongshu.errors import InvalidTokenError, NotKnownError, StoreError
from hongshu.formats import tokens
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.store import accounts, sessions
from hongshu.store.base import Connection, Database
from hongshu.store.sessions import Link, Role, Session

LINK_MS: Final = 10 * 60_000
"""A link works for ten minutes, and once."""
IDLE_MS: Final = 12 * 3_600_000
LONGEST_MS: Final = 7 * 86_400_000
"""A session ends twelve hours after its last use, and seven days after it began."""

_PROLONGED_MS: Final = 5 * 60_000


class Signing:
    """Makes links, opens sessions and ends them; only keyed hashes of what opens them are kept."""

    def __init__(self, money_db: Database, key: bytes, clock: Clock) -> None:
        self._money = money_db
        self._key = key
        self._clock = clock

    def link(self, role: Role, name_or_id: str, *, read_only: bool = False) -> tuple[str, int]:
        """Return the secret of a link for an account or an active operator, and until when it works, in ms.

        Raises `NotKnownError`.
        """
        secret = tokens.minted(tokens.LINK, os.urandom(tokens.ENTROPY_BYTES))
        until_ms = self._now_ms() + LINK_MS

        def work(db: Connection) -> None:
            who = _account_id(db, name_or_id) if role is Role.ACCOUNT else _operator_id(db, name_or_id)
            link = Link(role=role, who=who, read_only=read_only, until_ms=until_ms)
            sessions.add_link(db, link, tokens.digest(self._key, secret))

        self._money.write(work)
        return secret, until_ms

    def open(self, link: str) -> str:
        """Use a link up and return the secret of the session that it opens; raises `InvalidTokenError`."""
        if not tokens.well_formed(link, tokens.LINK):
            raise InvalidTokenError
        link_hash = tokens.digest(self._key, link)
        if not self._money.read(lambda db: sessions.has_link(db, link_hash)):  # whoever guesses holds up no writer
            raise InvalidTokenError
        secret = tokens.minted(tokens.SESSION, os.urandom(tokens.ENTROPY_BYTES))

        def work(db: Connection) -> bool:
            now_ms = self._now_ms()
            sessions.forget(db, now_ms)
            found = sessions.take_link(db, link_hash)
            if found is None:
                return False
            session = Session(
                id=new_id("ses", self._clock(), os.urandom(5)),
                role=found.role,
                who=found.who,
                read_only=found.read_only,
                created_ms=now_ms,
                until_ms=now_ms + IDLE_MS,
            )
            sessions.add(db, session, tokens.digest(self._key, secret))
            return True

        if not self._money.write(work):
            raise InvalidTokenError
        return secret

    def session(self, secret: str) -> Session | None:
        """Return the session that a secret opened, and let it last longer for being used; None where it is over."""
        if not tokens.well_formed(secret, tokens.SESSION):
            return None
        hashed, now_ms = tokens.digest(self._key, secret), self._now_ms()
        found = self._money.read(lambda db: sessions.session(db, hashed))
        if found is None or found.until_ms <= now_ms:
            return None
        until_ms = min(now_ms + IDLE_MS, found.created_ms + LONGEST_MS)
        if until_ms - found.until_ms > _PROLONGED_MS:
            with suppress(StoreError):  # where nothing can be written, pages can still be read
                self._money.write(lambda db: sessions.prolong(db, found.id, until_ms))
        return found

    def end(self, secret: str) -> None:
        """End a session."""
        hashed = tokens.digest(self._key, secret)
        self._money.write(lambda db: sessions.end(db, hashed))

    def form_key(self, secret: str) -> str:
        """Return what the forms of a session's pages carry, so that no other site can send one."""
        return hmac.digest(self._key, b"form " + secret.encode(), "sha256").hex()[:32]

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def _account_id(db: Connection, name_or_id: str) -> str:
    found = accounts.account(db, name_or_id)
    if found is None:
        raise NotKnownError(f'there is no account "{name_or_id}"; `hongshu account list` shows them')
    return found.id


def _operator_id(db: Connection, name_or_id: str) -> str:
    for one in accounts.operators(db):
        if one.active and name_or_id in {one.id, one.name}:
            return one.id
    raise NotKnownError(f'there is no active operator "{name_or_id}"; `hongshu operator list` shows them')
