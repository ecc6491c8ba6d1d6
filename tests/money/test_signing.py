"""Links into the console open one session each, and sessions end by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.signing import IDLE_MS, LINK_MS, LONGEST_MS, Signing
from hongshu.errors import InvalidTokenError, NotKnownError
from hongshu.formats import tokens
from hongshu.service.places import open_room
from hongshu.store.base import Database
from hongshu.store.sessions import Role

KEY = b"k" * 32
START_NS = 1_790_000_000_000_000_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns

    def go(self, ms: int) -> None:
        self.ns += ms * 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def money(store: tuple[str, Path | str]) -> Iterator[Database]:
    kind, place = store
    opened = open_room(
        "sqlite" if kind == "sqlite" else str(place), Path(place) if kind == "sqlite" else Path(), "money"
    )
    yield opened
    opened.close()


@pytest.fixture
def books(money: Database, clock: Clock) -> Accounting:
    opened = Accounting(money, KEY, clock)
    opened.open_account("ann", balance=0, zone="Asia/Shanghai")
    opened.add_operator("root")
    return opened


@pytest.fixture
def signing(money: Database, clock: Clock, books: Accounting) -> Signing:
    del books  # who may sign in is there
    return Signing(money, KEY, clock)


def test_a_link_opens_one_session(signing: Signing) -> None:
    link, until_ms = signing.link(Role.ACCOUNT, "ann", read_only=True)
    assert until_ms == START_NS // 1_000_000 + LINK_MS
    session = signing.session(signing.open(link))
    assert session is not None
    assert (session.name, session.role, session.read_only, session.zone) == ("ann", Role.ACCOUNT, True, "Asia/Shanghai")
    with pytest.raises(InvalidTokenError):
        signing.open(link)


def test_a_link_ends_after_ten_minutes(signing: Signing, clock: Clock) -> None:
    late, _ = signing.link(Role.OPERATOR, "root")
    early, _ = signing.link(Role.OPERATOR, "root")
    clock.go(LINK_MS - 1)
    assert signing.session(signing.open(early))
    clock.go(1)
    with pytest.raises(InvalidTokenError):
        signing.open(late)


@pytest.mark.parametrize(("role", "name"), [(Role.ACCOUNT, "root"), (Role.OPERATOR, "ann"), (Role.OPERATOR, "\0")])
def test_a_link_is_for_somebody_who_is_there(signing: Signing, role: Role, name: str) -> None:
    with pytest.raises(NotKnownError, match="list` shows them"):
        signing.link(role, name)


def test_a_session_ends_twelve_hours_after_its_last_use(signing: Signing, clock: Clock) -> None:
    secret = signing.open(signing.link(Role.ACCOUNT, "ann")[0])
    for _ in range(3):
        clock.go(IDLE_MS - 1)
        assert signing.session(secret)
    clock.go(IDLE_MS)
    assert signing.session(secret) is None


def test_a_session_ends_seven_days_after_it_began(signing: Signing, clock: Clock) -> None:
    secret = signing.open(signing.link(Role.ACCOUNT, "ann")[0])
    for _ in range(LONGEST_MS // (IDLE_MS // 2)):
        assert signing.session(secret)
        clock.go(IDLE_MS // 2)
    assert signing.session(secret) is None


def test_a_revoked_operator_is_out_at_once(signing: Signing, books: Accounting) -> None:
    secret = signing.open(signing.link(Role.OPERATOR, "root")[0])
    assert signing.session(secret)
    books.revoke_operator("root")
    assert signing.session(secret) is None
    with pytest.raises(NotKnownError):
        signing.link(Role.OPERATOR, "root")


def test_signing_out_ends_the_session_and_no_other(signing: Signing) -> None:
    one, other = (signing.open(signing.link(Role.ACCOUNT, "ann")[0]) for _ in range(2))
    signing.end(one)
    assert signing.session(one) is None
    assert signing.session(other)


def test_what_is_no_secret_opens_nothing(signing: Signing) -> None:
    link, _ = signing.link(Role.ACCOUNT, "ann")
    api = tokens.minted(tokens.API, bytes(30))
    for one in ("", "hsl_", link.upper(), link[:-1], api, tokens.minted(tokens.LINK, bytes(30)), "é", "x" * 10_000):
        with pytest.raises(InvalidTokenError):
            signing.open(one)
        assert signing.session(one) is None
    assert signing.session(link) is None, "a link is no session"


def test_only_hashes_are_kept_and_what_is_over_is_removed(signing: Signing, money: Database, clock: Clock) -> None:
    used, _ = signing.link(Role.ACCOUNT, "ann")
    secret = signing.open(used)
    signing.link(Role.ACCOUNT, "ann")
    rows = money.read(lambda db: db.rows("SELECT * FROM sessions") + db.rows("SELECT * FROM login_links"))
    assert len(rows) == 2
    assert all(one.encode() not in b"".join(map(repr_of, rows)) for one in (used, secret))
    clock.go(LONGEST_MS)
    signing.open(signing.link(Role.ACCOUNT, "ann")[0])
    left = money.read(lambda db: db.rows("SELECT * FROM sessions") + db.rows("SELECT * FROM login_links"))
    assert len(left) == 1


def test_forms_of_one_session_are_none_of_another(signing: Signing) -> None:
    one, other = (signing.open(signing.link(Role.ACCOUNT, "ann")[0]) for _ in range(2))
    assert signing.form_key(one) == signing.form_key(one) != signing.form_key(other)


def repr_of(row: object) -> bytes:
    return repr(row).encode()
