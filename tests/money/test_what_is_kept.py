"""What the money room keeps of accounts, tokens, operators and entries is what it tells of them, on both databases."""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec
import pytest

from hongshu.engine.money.entries import sealed
from hongshu.models import Word
from hongshu.store import accounts, ledger
from hongshu.store.accounts import Account, Operator, Token, seal
from hongshu.store.ledger import Entered, Entry
from money.room import BEGIN_S, KEY, Room

T = TypeVar("T")
AT_MS: Final = BEGIN_S * 1000
NAMES: Final = ("shop", "stall", "stand")


def read(room: Room, work: Callable[..., T], *given: Any) -> T:
    """Ask the store in a transaction of its own."""
    return room.database.read(lambda db: work(db, *given))


def write(room: Room, work: Callable[..., T], *given: Any) -> T:
    """Tell the store in a transaction of its own."""
    return room.database.write(lambda db: work(db, *given))


def an_account(name: str, **given: Any) -> Account:
    told: dict[str, Any] = {"zone": "Asia/Shanghai", "balance": 0, "held": 0, "active": True, "chain_head": b""}
    account = Account(id=f"acc_{name}", name=name, created_ms=AT_MS, **{**told, **given})
    return sealed(account, KEY)


def a_token(number: int, account: str = "acc_shop", **given: Any) -> Token:
    told: dict[str, Any] = {"scopes": ("one", "two"), "networks": ("10.0.0.0/8", "::1/128"), "expires_ms": AT_MS + 7}
    return Token(
        id=f"tok_{number}",
        account=account,
        name=f"token {number}",
        shown_start=f"hs_{number:03}",
        rate_per_minute=60 + number,
        burst=10 + number,
        daily_quota=1000 + number,
        active=True,
        created_ms=AT_MS + number,
        **{**told, **given},
    )


def an_operator(number: int, name: str) -> Operator:
    return Operator(id=f"opr_{number}", name=name, active=True, created_ms=AT_MS + number)


def secret(number: int) -> bytes:
    return bytes([number]) * 32


@pytest.fixture
def shops(room: Room) -> list[Account]:
    """Accounts in the store, in the order of their ids."""
    made = [
        an_account(name, zone=zone) for name, zone in zip(NAMES, ("Asia/Shanghai", "UTC", "Asia/Tokyo"), strict=True)
    ]
    for one in made:
        write(room, accounts.add_account, one)
    return made


@pytest.fixture
def tokens(room: Room, shops: list[Account]) -> list[Token]:
    """Two tokens of the shop and one of the stall in the store, in the order of their ids."""
    made = [a_token(1), a_token(2, shops[1].id, networks=(), expires_ms=None), a_token(3)]
    for number, one in enumerate(made, start=1):
        write(room, accounts.add_token, one, secret(number))
    return made


def changed(one: Word, **to: Any) -> Any:
    return msgspec.structs.replace(one, **to)


def test_an_account_is_told_as_it_was_opened(room: Room, shops: list[Account]) -> None:
    assert read(room, accounts.accounts) == shops
    for one in shops:
        assert read(room, accounts.account, one.name) == read(room, accounts.account, one.id) == one
        assert write(room, accounts.locked, one.id) == one
    for nobody in ("acc_", "sho", "shop\0", "\0", ""):
        assert read(room, accounts.account, nobody) is None


def test_names_are_told_by_ids(room: Room, shops: list[Account]) -> None:
    assert read(room, accounts.names, ["acc_shop", "acc_stand", "acc_none"]) == {
        "acc_shop": "shop",
        "acc_stand": "stand",
    }
    assert len(shops) == len(read(room, accounts.names, [one.id for one in shops]))


def test_an_operator_changes_zone_threshold_and_whether_it_may_call(room: Room, shops: list[Account]) -> None:
    amended = changed(shops[1], zone="Europe/Paris", low_balance=9, active=False)
    write(room, accounts.amend, changed(amended, balance=5, held=3, name="other"))
    assert read(room, accounts.account, "stall") == amended
    assert read(room, accounts.account, "shop") == shops[0]


def test_money_moves_in_the_accounts_that_are_named(room: Room, shops: list[Account]) -> None:
    moved = [
        sealed(changed(one, balance=70 + number, held=number, entries=number, chain_head=secret(number)), KEY)
        for number, one in enumerate(shops[:2], start=1)
    ]
    write(room, accounts.move, moved)
    assert read(room, accounts.accounts) == [*moved, shops[2]]
    assert read(room, accounts.balances) == (3, 71 + 72)


def test_the_credits_of_all_accounts_may_be_more_than_64_bits_hold(room: Room, shops: list[Account]) -> None:
    assert read(room, accounts.balances) == (3, 0)
    most = [changed(one, balance=2**63 - 1 - number) for number, one in enumerate(shops)]
    write(room, accounts.move, most)
    assert read(room, accounts.balances) == (3, sum(one.balance for one in most))


def test_accounts_below_their_threshold_are_told(room: Room, shops: list[Account]) -> None:
    for one, balance, threshold in zip(shops, (4, 5, 6), (5, 5, 0), strict=True):
        write(room, accounts.move, [changed(one, balance=balance)])
        write(room, accounts.amend, changed(one, low_balance=threshold))
    assert [tuple(row) for row in read(room, accounts.low)] == [("acc_shop", 4)]
    assert [one.is_low for one in read(room, accounts.accounts)] == [True, False, False]


def test_a_seal_proves_the_number_and_the_link_of_the_last_entry_and_the_balance(shops: list[Account]) -> None:
    of = shops[0]
    others = [
        changed(of, **{name: to}) for name, to in {"id": "x", "entries": 1, "balance": 1, "chain_head": b"x"}.items()
    ]
    seals = [seal(KEY, of), seal(bytes(32), of), *(seal(KEY, one) for one in others)]
    assert len({*seals}) == len(seals)
    assert all(len(one) == 32 for one in seals)


def test_seals_and_links_are_reckoned_as_those_that_are_kept_already() -> None:
    """Reckoned otherwise, every ledger that there is would count as tampered with."""
    account = an_account("shop", balance=70, entries=3, chain_head=b"head")
    assert seal(KEY, account) == hmac.digest(KEY, b'seal["acc_shop",3,70]head', "sha256")
    plain = Entry(id="led_1", at_ms=5, account="acc_shop", kind="topup", amount=7)
    told = b'["led_1",5,"acc_shop","topup",7,null,null,null,null,null,null,70'
    assert ledger.linked(KEY, b"head", plain, 70) == hmac.digest(KEY, b"head" + told + b"]", "sha256")
    keyed = changed(plain, idempotency_key="k")
    assert ledger.linked(KEY, b"", keyed, 70) == hmac.digest(KEY, told + b',"k"]', "sha256")


def test_a_token_is_told_as_it_was_made(room: Room, tokens: list[Token]) -> None:
    assert read(room, accounts.tokens) == tokens
    assert read(room, accounts.tokens, "acc_shop") == [tokens[0], tokens[2]]
    for one in tokens:
        assert read(room, accounts.token, one.id) == one
    for nothing in ("tok_9", "\0", "tok_1\0"):
        assert read(room, accounts.token, nothing) is None


def test_the_newest_tokens_are_told_page_by_page(room: Room, tokens: list[Token]) -> None:
    one, two, three = tokens
    assert read(room, accounts.newest_tokens, None, "tok_9", 2) == [three, two]
    assert read(room, accounts.newest_tokens, None, "tok_2", 2) == [one]
    assert read(room, accounts.newest_tokens, "acc_shop", "tok_9", 1) == [three]
    assert read(room, accounts.newest_tokens, "acc_shop", "tok_3", 9) == [one]
    assert read(room, accounts.newest_tokens, "acc_stand", "tok_9", 9) == []


def test_a_revoked_token_stays_and_is_no_longer_active(room: Room, tokens: list[Token]) -> None:
    write(room, accounts.revoke_token, "tok_1")
    assert read(room, accounts.tokens) == [changed(tokens[0], active=False), *tokens[1:]]
    assert read(room, accounts.tokens_of, "acc_shop") == (2, 1)
    assert read(room, accounts.tokens_of, "acc_stand") == (0, 0)


def test_the_rate_of_a_token_is_written_for_that_one(room: Room, tokens: list[Token]) -> None:
    delayed = [changed(tokens[0], tat_ns=5), changed(tokens[2], tat_ns=2**62, name="other")]
    write(room, accounts.delay, delayed)
    assert [one.tat_ns for one in read(room, accounts.tokens)] == [5, 0, 2**62]
    assert read(room, accounts.token, "tok_3").name == "token 3"


def test_a_secret_lets_in_its_token_and_account(room: Room, shops: list[Account], tokens: list[Token]) -> None:
    for number, (token, owner) in enumerate(zip(tokens, (shops[0], shops[1], shops[0]), strict=True), start=1):
        standing = read(room, accounts.standing, secret(number), AT_MS)
        assert (standing.token, standing.account) == (token, owner)
    assert read(room, accounts.standing, secret(9), AT_MS) is None


def test_a_rotated_secret_works_until_its_time_is_over_and_one_before_it_no_longer(
    room: Room, tokens: list[Token]
) -> None:
    write(room, accounts.rotate_token, "tok_1", secret(11), "hs_new", AT_MS)
    write(room, accounts.rotate_token, "tok_1", secret(12), "hs_newer", AT_MS + 50)
    rotated = changed(tokens[0], shown_start="hs_newer", former_until_ms=AT_MS + 50)
    assert read(room, accounts.tokens) == [rotated, *tokens[1:]]
    assert read(room, accounts.standing, secret(12), AT_MS + 10**6).token == rotated
    assert read(room, accounts.standing, secret(11), AT_MS + 49).token == rotated
    assert read(room, accounts.standing, secret(11), AT_MS + 50) is None
    assert read(room, accounts.standing, secret(1), AT_MS - 1) is None


def test_operators_are_known_by_their_secrets_until_they_are_revoked(room: Room) -> None:
    ann, ben = an_operator(1, "ann"), an_operator(2, "ben")
    for number, one in enumerate((ann, ben), start=1):
        write(room, accounts.add_operator, one, secret(number))
    assert read(room, accounts.operators) == [ann, ben]
    assert read(room, accounts.operator, secret(1)) == ann
    assert read(room, accounts.operator, secret(3)) is None
    assert write(room, accounts.revoke_operator, "ann") == changed(ann, active=False)
    assert write(room, accounts.revoke_operator, "ann") is None
    assert write(room, accounts.revoke_operator, "nobody") is None
    assert read(room, accounts.operators) == [changed(ann, active=False), ben]
    assert read(room, accounts.operator, secret(1)) is None
    assert write(room, accounts.revoke_operator, "opr_2") == changed(ben, active=False)


def test_what_tells_the_key_is_kept_once_and_seals_what_was_there(room: Room, shops: list[Account]) -> None:
    write(room, accounts.move, [changed(shops[0], seal=b"")])
    room.database.write(lambda db: db.rows("DELETE FROM installation"))
    assert read(room, accounts.key_check) is None
    assert write(room, accounts.keep_key_check, b"first", KEY) == b"first"
    assert read(room, accounts.accounts) == shops
    assert write(room, accounts.keep_key_check, b"second", bytes(32)) == b"first"
    assert read(room, accounts.accounts) == shops
    assert read(room, accounts.key_check) == b"first"


def entries() -> Iterator[Entered]:
    """Entries of two accounts in turns, each of another kind, with every field or with none that may lack."""
    told = {"token_id": "tok_1", "request_id": "req_1", "endpoint": "one", "source": "s", "cache": "miss"}
    kinds = itertools.cycle(("topup", "charge", "refund"))
    for number in range(1, 9):
        more = told | {"reference": f"led_{number - 1}", "idempotency_key": f"key {number}"} if number > 4 else {}
        kind, whose = next(kinds), NAMES[number % 2]
        entry = Entry(
            id=f"led_{number}", at_ms=AT_MS + number, account=f"acc_{whose}", kind=kind, amount=number, **more
        )
        yield Entered(entry=entry, number=(number + 1) // 2, balance_after=number * 10, chain=secret(number))


@pytest.fixture
def entered(room: Room, shops: list[Account]) -> list[Entered]:
    """Entries in the store, oldest first."""
    assert shops
    rows = list(entries())
    write(room, ledger.add, rows)
    return rows


def of(rows: list[Entered], name: str, kind: str | None = None) -> list[Entered]:
    return [one for one in rows if one.entry.account == f"acc_{name}" and kind in {None, one.entry.kind}]


def test_an_entry_is_told_as_it_was_written(room: Room, entered: list[Entered]) -> None:
    for one in entered:
        assert read(room, ledger.entry, one.entry.id) == one
    for nothing in ("led_9", "\0", "led_1\0"):
        assert read(room, ledger.entry, nothing) is None


def test_the_newest_entries_are_those_of_one_account_or_of_all(room: Room, entered: list[Entered]) -> None:
    backwards = entered[::-1]
    assert read(room, ledger.newest, None, 3) == backwards[:3]
    assert read(room, ledger.newest, "acc_shop", 2) == of(backwards, "shop")[:2]
    assert read(room, ledger.newest, "acc_stand", 2) == []


def test_entries_of_a_kind_lie_between_two_ids(room: Room, entered: list[Entered]) -> None:
    backwards = entered[::-1]
    assert read(room, ledger.between, None, "led_2", "led_7", 9) == backwards[2:7]
    assert read(room, ledger.between, None, "led_2", "led_7", 2) == backwards[2:4]
    assert read(room, ledger.between, "refund", "led_3", "led_7", 9) == [entered[5], entered[2]]
    assert read(room, ledger.between, "adjust", "", "led_9", 9) == []


def test_entries_of_an_account_lie_between_two_numbers(room: Room, entered: list[Entered]) -> None:
    its = of(entered, "stall")[::-1]
    assert read(room, ledger.numbered, "acc_stall", None, (2, 4), 9) == its[1:3]
    assert read(room, ledger.numbered, "acc_stall", None, (1, 5), 3) == its[:3]
    assert read(room, ledger.numbered, "acc_stall", "topup", (1, 5), 9) == of(its, "stall", "topup")
    assert read(room, ledger.numbered, "acc_stand", None, (1, 5), 9) == []


def test_a_stretch_counts_the_newest_entries_before_an_id(room: Room, entered: list[Entered]) -> None:
    assert read(room, ledger.stretch, "led_7", 4) == (4, entered[2].entry.id)
    assert read(room, ledger.stretch, "led_7", 40) == (6, entered[0].entry.id)
    assert read(room, ledger.stretch, "led_1", 4) == (0, "")


def test_a_chain_is_told_behind_a_number_in_its_order(room: Room, entered: list[Entered]) -> None:
    its = of(entered, "shop")
    assert read(room, ledger.entered, "acc_shop", 1, 2) == its[1:3]
    assert [row[2] for row in read(room, ledger.chain, "acc_shop", 0, 9)] == [one.entry.id for one in its]
    assert read(room, ledger.accounts_named) == {"acc_shop", "acc_stall"}


def test_a_refund_is_found_by_what_it_refunds(room: Room, entered: list[Entered]) -> None:
    """Other entries refer to something, too."""
    assert [one.entry.kind for one in entered[5:8]] == ["refund", "topup", "charge"]
    assert read(room, ledger.refund_of, "led_5") == "led_6"
    assert read(room, ledger.refund_of, "led_6") is None
    assert read(room, ledger.refund_of, "led_1") is None


def test_a_key_is_known_among_the_entries_behind_a_number(room: Room, entered: list[Entered]) -> None:
    assert (entered[4].entry.account, entered[4].number) == ("acc_stall", 3)
    assert read(room, ledger.is_entered, "acc_stall", 2, "key 5")
    assert not read(room, ledger.is_entered, "acc_stall", 3, "key 5")
    assert not read(room, ledger.is_entered, "acc_shop", 0, "key 5")
    assert not read(room, ledger.is_entered, "acc_stall", 0, "key 6")


def test_a_link_tells_the_key_the_head_the_balance_and_every_field() -> None:
    one = next(one for one in entries() if one.entry.idempotency_key)
    links = [
        ledger.linked(KEY, b"head", one.entry, 5),
        ledger.linked(bytes(32), b"head", one.entry, 5),
        ledger.linked(KEY, b"", one.entry, 5),
        ledger.linked(KEY, b"head", one.entry, 6),
        *(
            ledger.linked(KEY, b"head", changed(one.entry, **{name: 9 if name in {"at_ms", "amount"} else "else"}), 5)
            for name in one.entry.__struct_fields__
        ),
        ledger.linked(KEY, b"head", changed(one.entry, idempotency_key=None), 5),
    ]
    assert len({*links}) == len(links)
