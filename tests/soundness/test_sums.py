"""Checksums of rows by themselves: what they are over, what moves them, and what is looked at and taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from zlib import crc32

import msgspec
import pytest

from databases import open_room
from hongshu.errors import DamagedError
from hongshu.store import scanning, sums
from hongshu.store.base import ROOMS, Connection, Database, Row
from hongshu.store.scanning import Damaged, Mended

COLUMNS: Final = "creator, as_of_ms, nickname, followers, price, currency, source"
ROWS: Final = sums.Rows("profiles", COLUMNS)
ROW: Final = ("a", 5, "名", 10, None, "CNY", "told")
NOTE: Final[dict[str, Any]] = {
    **dict.fromkeys(("creator", "audience", "id", "kind", "title", "text", "cover_key", "hashtags"), "x"),
    **dict.fromkeys(("author", "nickname", "source", "shape"), "y"),
    **dict.fromkeys(("published_ms", "edited_ms", "likes", "collects", "comments", "shares", "first_seen_ms"), 3),
    **dict.fromkeys(("estimated", "inexact", "sticky", "goods", "last_seen_ms", "pinned"), 1),
    "absent": 4,
    **dict.fromkeys(("pin_rank", "missing_since_ms", "absent_ms"), None),
    "wire": b"{}",
}


@pytest.fixture
def room(store: tuple[str, Path | str]) -> Iterator[Database]:
    with closing(open_room(store[0], "notes", store[1])) as opened:
        yield opened


@pytest.fixture
def money(store: tuple[str, Path | str]) -> Iterator[Database]:
    with closing(open_room(store[0], "money", store[1])) as opened:
        yield opened


def run(room: Database, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in room.write(lambda db: db.rows(sql, values))]


def put(room: Database, *rows: tuple[Any, ...], conflict: str = "") -> None:
    room.write(lambda db: ROWS.insert(db, rows, conflict))


def kept(room: Database) -> list[tuple[Any, ...]]:
    return run(room, f"{ROWS.selecting} ORDER BY creator, as_of_ms")


def packed(*values: object) -> int:
    return crc32(msgspec.msgpack.encode(values))


def test_a_checksum_is_reckoned_as_those_that_are_kept_already(room: Database) -> None:
    """Reckoned otherwise, every row that there is would count as damaged."""
    put(room, ROW)
    assert kept(room) == [(*ROW, packed(*ROW))]


def test_what_moves_counts_as_numbers_beside_the_rest() -> None:
    names = [*sums.SUMS["notes"][0].over, *sums.MOVED]
    rows = sums.Rows("notes", ", ".join(names))
    written: list[tuple[Any, ...]] = []

    class Heard:
        def many(self, sql: str, values: list[tuple[Any, ...]]) -> None:
            assert (
                sql == f"INSERT INTO notes ({', '.join([*names, 'crc'])}) VALUES ({', '.join('?' * (len(names) + 1))})"
            )
            written.extend(values)

    db: Any = Heard()
    rows.insert(db, [tuple(NOTE[name] for name in names)])
    [row] = written
    moved = 3 * 1 - 5 - 7 + 11 * 4 - 13
    assert row[-1] == packed(*(NOTE[name] for name in sums.SUMS["notes"][0].over)) + moved
    assert rows.are_sound(row)


@pytest.mark.parametrize("place", range(len(ROW)))
def test_a_row_with_another_value_is_not_sound(place: int) -> None:
    whole = (*ROW, packed(*ROW))
    assert ROWS.are_sound(whole)
    assert ROWS.checked([whole, whole]) == [whole, whole]
    other = (*whole[:place], "else", *whole[place + 1 :])
    assert not ROWS.are_sound(other)
    with pytest.raises(DamagedError, match="a row of profiles in"):
        sums.Rows("profiles", COLUMNS).checked([whole, other])


def test_a_row_without_a_checksum_is_from_before_there_were_some() -> None:
    assert ROWS.are_sound((*ROW, None))


def test_a_text_where_numbers_stand_is_damage() -> None:
    rows = sums.Rows("notes", ", ".join([*sums.SUMS["notes"][0].over, *sums.MOVED]))
    values = [NOTE[name] for name in sums.SUMS["notes"][0].over]
    assert not rows.are_sound((*values, "much", None, None, 1, None, 5))


def test_a_checksum_over_a_column_that_is_not_read_is_left_out() -> None:
    wire = sums.Rows("notes", "published_ms, id, source, wire")
    assert wire.names == ["published_ms", "id", "source", "wire", "wire_crc"]
    assert wire.selecting == "SELECT published_ms, id, source, wire, wire_crc FROM notes"
    assert sums.Rows("notes", "published_ms, id, source").names == ["published_ms", "id", "source"]
    assert sums.Rows("profiles", f"{COLUMNS}, crc").names == [*COLUMNS.split(", "), "crc"]


def test_what_a_conflict_says_is_said(room: Database) -> None:
    put(room, ROW)
    put(room, (*ROW[:3], 99, *ROW[4:]), conflict=" ON CONFLICT DO NOTHING")
    assert kept(room) == [(*ROW, packed(*ROW))]


def test_an_update_of_what_moves_says_how_the_checksum_moves() -> None:
    assert sums.moving(pinned="1", pin_rank="?", absent_ms="NULL") == (
        "crc = crc + 3 * (1 - coalesce(pinned, -1)) + 5 * (? - coalesce(pin_rank, -1))"
        " + 13 * (-1 - coalesce(absent_ms, -1)), pinned = 1, pin_rank = ?, absent_ms = NULL"
    )


def test_a_row_is_changed_with_its_checksum(money: Database) -> None:
    add = sums.Rows("operators", "id, name, secret_hash, active, created_ms")
    ann, ben = ("opr_1", "ann", b"1", 1, 5), ("opr_2", "ben", b"2", 1, 6)
    money.write(lambda db: add.insert(db, [ann, ben]))
    given: list[dict[str, Any]] = []

    def change(before: dict[str, Any]) -> dict[str, object]:
        given.append(before)
        return {"active": 0, "name": before["name"] + "a"}

    def update(identifier: str) -> None:
        money.write(lambda db: sums.update(db, "operators", identifier, change))

    update("opr_1")
    update("opr_9")
    [before] = given
    assert {name: before[name] for name in ("id", "name", "active", "created_ms")} == {
        "id": "opr_1",
        "name": "ann",
        "active": 1,
        "created_ms": 5,
    }
    told = run(money, f"{add.selecting} ORDER BY id")
    assert [(row[0], row[1], row[3]) for row in told] == [("opr_1", "anna", 0), ("opr_2", "ben", 1)]
    assert all(map(add.are_sound, told))
    assert all(row[-1] is not None for row in told)


def look(room: Database, name: str, after: tuple[Any, ...] | None, limit: int) -> scanning.Part:
    return room.read(lambda db: scanning.part(db, name, after, limit))


def test_every_table_with_a_checksum_is_looked_through() -> None:
    assert {room: set(scanning.names(room)) for room in ROOMS} == {
        "notes": {"notes", "observations", "events", "stretches", "timelines", "profiles", "raws"},
        "money": {"accounts", "tokens", "operators", "answers"},
    }


def test_rows_are_looked_at_part_by_part(room: Database) -> None:
    """A full part says where to go on; one with fewer rows is the last."""
    rows = [(creator, as_of_ms, *ROW[2:]) for creator in ("a", "b") for as_of_ms in (1, 2, 3)]
    put(room, *rows)
    run(room, "UPDATE profiles SET followers = 11 WHERE creator = 'b' AND as_of_ms = 2")
    first = look(room, "profiles", None, 3)
    assert (first.rows, list(first.damaged), first.after) == (3, [], ("a", 3))
    second = look(room, "profiles", first.after, 3)
    found = Damaged(table="profiles", key=("b", 2), creator="b")
    assert (second.rows, list(second.damaged), second.after) == (3, [found], None)
    last = look(room, "profiles", ("b", 3), 3)
    assert (last.rows, list(last.damaged), last.after) == (0, [], None)
    assert look(room, "profiles", None, 6).after is None


class Disordered:
    """A table in a file, with a row whose key is not what was written: what each question of it is answered with."""

    def __init__(self, rows: Sequence[Row], lands: int | None = None) -> None:
        self._rows = list(rows)
        self._lands = lands
        """Where who asks for what is behind a key comes out, if that is not right behind it."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        limit, back, after = int(sql.split("LIMIT ")[1]), "DESC" in sql, tuple(values)
        rows = self._rows[::-1] if back else self._rows
        if after:
            place = next((at for at, row in enumerate(rows) if row[:2] == after), None)
            place = len(rows) if place is None else place + 1
            place = place if back or self._lands is None else self._lands
            rows = [row for row in rows[place:] if (row[:2] < after if back else row[:2] > after)]
        return rows[:limit]


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("creator", ["A", "z"])
@pytest.mark.parametrize("limit", [1, 2, 3, 6])
def test_a_row_whose_key_is_another_is_found_wherever_it_stands(place: int, creator: str, limit: int) -> None:
    """Questions for what is behind a key pass it over where it seems to stand before that."""
    rows = [sound("m", number) for number in range(6)]
    rows[place] = (creator, *rows[place][1:])
    assert seen(rows, limit)[1] >= {Damaged(table="profiles", key=rows[place][:2], creator=creator)}


def test_rows_that_a_question_skips_are_told_of() -> None:
    """Even where each of those that are seen is what was written: the one from behind which it goes wrong."""
    rows = [sound("m", number) for number in range(6)]
    part = scanning.part(cast("Connection", Disordered(rows, lands=4)), "profiles", ("m", 1), 9)
    assert (part.rows, [one.key for one in part.damaged]) == (2, [("m", 3)])
    rows[2] = (*rows[2][:3], 99, *rows[2][4:])
    part = scanning.part(cast("Connection", Disordered(rows, lands=4)), "profiles", ("m", 1), 2)
    assert (part.rows, [one.key for one in part.damaged]) == (2, [("m", 2)])


def covered(db: Connection, creator: str, audience: str) -> None:
    """Say that some of a creator's timeline is covered."""
    stretches = sums.Rows("stretches", "creator, audience, upper_ms, upper_id, lower_ms, lower_id, seen_ms")
    timelines = sums.Rows("timelines", "creator, audience, mark_ms, mark_id, complete_ms, whole_ms")
    stretches.insert(db, [(creator, audience, upper, "u", upper - 1, "l", 5) for upper in (9, 7)])
    timelines.insert(db, [(creator, audience, 1, "m", 2, 3)])


def sound(creator: str, as_of_ms: int) -> tuple[Any, ...]:
    told = (creator, as_of_ms, *ROW[2:])
    return (*told, packed(*told))


def seen(rows: Sequence[tuple[Any, ...]], limit: int) -> tuple[int, set[Damaged]]:
    """How many rows a whole look sees, and which it tells of."""
    found: set[Damaged] = set()
    number, after, db = 0, None, cast("Connection", Disordered(rows))
    for _ in rows:
        part = scanning.part(db, "profiles", after, limit)
        number, found, after = number + part.rows, found | set(part.damaged), part.after
        if after is None:
            break
    return number, found


def mend(room: Database, *damaged: Damaged) -> list[Mended]:
    """What becomes of rows, one after the other, as all of them were found."""
    known = [room.read(partial(scanning.is_known, damaged=one)) for one in damaged]
    found = []
    for one, is_known in zip(damaged, known, strict=True):
        by = room.read(partial(scanning.repair_of, damaged=one))()
        found.append(room.write(partial(scanning.mend, damaged=one, by=by, known=is_known)))
    return found


def whose(room: Database, table: str) -> list[tuple[Any, ...]]:
    return run(room, f"SELECT DISTINCT creator, audience FROM {table} ORDER BY creator, audience")


def test_what_tells_of_coverage_takes_all_coverage_of_its_creator_along(room: Database) -> None:
    """Whoever may see it: the audience may be what is not as it was written."""
    for creator, audience in (("a", ""), ("a", "acc"), ("b", "acc")):
        room.write(lambda db, creator=creator, audience=audience: covered(db, creator, audience))
    run(room, "UPDATE stretches SET seen_ms = 2 WHERE creator = 'a' AND audience = 'acc'")
    damaged = look(room, "stretches", None, 99).damaged
    assert [one.key for one in damaged] == [("a", "acc", 7, "u"), ("a", "acc", 9, "u")]
    assert mend(room, *damaged) == [Mended.TAKEN, Mended.GONE]
    assert whose(room, "stretches") == whose(room, "timelines") == [("b", "acc")]


def test_where_nobody_knows_whose_a_row_was_all_coverage_goes(room: Database) -> None:
    """Else the timeline that it was taken from would be told as whole."""
    for creator in ("a", "b"):
        room.write(lambda db, creator=creator: covered(db, creator, ""))
    run(room, "UPDATE stretches SET creator = 'strange' WHERE creator = 'a' AND upper_ms = 9")
    [damaged] = look(room, "stretches", None, 99).damaged
    assert damaged.creator == "strange"
    assert mend(room, damaged) == [Mended.TAKEN]
    assert whose(room, "stretches") == whose(room, "timelines") == []


def test_of_a_creator_that_is_known_otherwise_only_its_own_coverage_goes(room: Database) -> None:
    """Also where the last of its rows is taken away."""
    for creator in ("a", "b"):
        room.write(lambda db, creator=creator: covered(db, creator, ""))
    run(room, "UPDATE stretches SET seen_ms = 2 WHERE creator = 'a'")
    run(room, "UPDATE timelines SET mark_ms = 77 WHERE creator = 'a'")
    damaged = [one for table in ("stretches", "timelines") for one in look(room, table, None, 99).damaged]
    assert mend(room, *damaged) == [Mended.TAKEN, Mended.GONE, Mended.GONE]
    assert whose(room, "stretches") == whose(room, "timelines") == [("b", "")]


def test_what_tells_of_nothing_covered_goes_alone(room: Database) -> None:
    room.write(lambda db: covered(db, "a", ""))
    put(room, ROW, ("a", 6, *ROW[2:]))
    run(room, "UPDATE profiles SET followers = 13 WHERE as_of_ms = 5")
    assert mend(room, Damaged(table="profiles", key=("a", 5), creator="a")) == [Mended.TAKEN]
    assert [row[:2] for row in kept(room)] == [("a", 6)]
    assert run(room, "SELECT count(*) FROM stretches") == [(2,)]


def test_a_row_in_which_one_bit_is_another_is_put_right(room: Database) -> None:
    """With its coverage; where one has its key by now, that stays."""
    room.write(lambda db: covered(db, "a", ""))
    put(room, ROW)
    [whole] = kept(room)
    for changed in ("followers = 11", "creator = 'c'", "as_of_ms = 4", f"crc = {whole[-1] ^ 1024}"):
        run(room, f"UPDATE profiles SET {changed}")
        assert mend(room, *look(room, "profiles", None, 9).damaged) == [Mended.REPAIRED]
        assert kept(room) == [whole]
    run(room, "UPDATE profiles SET as_of_ms = 4")
    put(room, (*ROW[:2], "new", *ROW[3:]))
    assert mend(room, Damaged(table="profiles", key=("a", 4))) == [Mended.TAKEN]
    assert [row[:3] for row in kept(room)] == [("a", 5, "new")]
    assert run(room, "SELECT count(*) FROM stretches") == [(2,)]


def test_what_is_written_anew_since_the_look_stays(room: Database) -> None:
    """And so does what is not found by its key."""
    room.write(lambda db: covered(db, "a", ""))
    put(room, ROW)
    assert mend(
        room,
        Damaged(table="profiles", key=("a", 5), creator="a"),
        Damaged(table="stretches", key=("a", "", 9, "u"), creator="a"),
        Damaged(table="stretches", key=("a", "", 8, "u"), creator="a"),
    ) == [Mended.SOUND, Mended.SOUND, Mended.GONE]
    assert (len(kept(room)), run(room, "SELECT count(*) FROM stretches")) == (1, [(2,)])


def test_what_others_write_while_a_row_is_mended_stays(money: Database) -> None:
    """Only the one column is written; what is sound by then is left alone."""
    tokens = "id, account, name, secret_hash, shown_start, scopes, networks, rate_per_minute, burst, daily_quota"
    tokens += ", expires_ms, active, created_ms, former_hash, former_until_ms, tat_ns"
    accounts = "id, name, zone, low_balance, active, created_ms, chain_head, seal"
    account = ("acc_1", "shop", "UTC", 0, 1, 5, b"", b"")
    token = ("tok_1", "acc_1", "", b"1", "hs_", "", "", 1, 1, 1, None, 1, 5, None, None, 3)
    money.write(lambda db: sums.Rows("accounts", accounts).insert(db, [account]))
    money.write(lambda db: sums.Rows("tokens", tokens).insert(db, [token]))
    damaged = Damaged(table="tokens", key=("tok_1",))
    run(money, "UPDATE tokens SET burst = 3")
    by = money.read(partial(scanning.repair_of, damaged=damaged))()
    run(money, "UPDATE tokens SET tat_ns = 99")
    act = partial(scanning.mend, damaged=damaged, by=by, known=True)
    assert money.write(act) is Mended.REPAIRED
    assert run(money, "SELECT burst, tat_ns FROM tokens") == [(1, 99)]
    run(money, "UPDATE tokens SET burst = 3")
    money.write(lambda db: sums.update(db, "tokens", "tok_1", lambda _: {"active": 0}))
    assert money.write(act) is Mended.SOUND
    assert run(money, "SELECT burst, active FROM tokens") == [(3, 0)]


def test_an_account_stays(money: Database) -> None:
    """Where one bit of it is another it is put right, under the id that its tokens and the ledger know."""
    columns = "id, name, zone, low_balance, active, created_ms, chain_head, seal"
    account = ("acc_1", "shop", "UTC", 0, 1, 5, b"", b"")
    money.write(lambda db: sums.Rows("accounts", columns).insert(db, [account]))
    run(money, "UPDATE accounts SET zone = 'Asia/Tokyo'")
    [damaged] = look(money, "accounts", None, 9).damaged
    assert damaged == Damaged(table="accounts", key=("acc_1",))
    assert mend(money, damaged) == [Mended.STAYS]
    assert run(money, "SELECT id FROM accounts") == [("acc_1",)]
    run(money, "UPDATE accounts SET zone = 'UTC', id = 'acc_3'")
    assert mend(money, Damaged(table="accounts", key=("acc_3",))) == [Mended.REPAIRED]
    assert run(money, "SELECT id, name, zone FROM accounts") == [("acc_1", "shop", "UTC")]


def test_a_row_whose_key_is_of_another_kind_ends_no_look() -> None:
    """As where a row from before there were checksums has a number where a text stood."""
    rows = [("", 1, *ROW[2:], None), (1, 2, *ROW[2:], None), ("b", 3, *ROW[2:], None)]
    part = scanning.part(cast("Connection", Disordered(rows, lands=2)), "profiles", ("", 1), 9)
    assert (part.rows, [one.key for one in part.damaged]) == (1, [(1, 2)])
