"""A row that is not what was written is noticed, is not told as what was written, and can be taken away."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import pytest

import stores
from hongshu.engine.soundness.rows import Look
from hongshu.models import EVERYONE
from hongshu.store import events, scanning
from hongshu.store.base import ROOMS, Connection
from hongshu.store.scanning import Damaged, Mended
from hongshu.store.sums import MOVED, SUMS
from hongshu.store.tables import tables
from running import SIMULATOR, run_quick, start_server
from waiting import eventually

USER: Final = "5c2f338a000000000701e1c6"
CONFIG: Final = SIMULATOR + "[cache]\nmax_age = 86400\n"
IN: Final = {one.name: room for room in ROOMS for one in tables(room)}
SUMMED: Final = ((name, column) for name, told in SUMS.items() for one in told for column in (*one.over, *one.moved))
REFUSED: Final = {("tokens", "account"), ("accounts", "id")}
"""A token of no account is refused by PostgreSQL itself."""
CHANGED: Final = [one for one in SUMMED if one not in REFUSED]
MOVING: Final = {("notes", column) for column in MOVED}
HAPPENED: Final = ("evt_1", USER, EVERYONE, "", "silent", 1, "sim", "{}")


def damaged(folder: Path) -> list[Damaged]:
    """What a look through all rows finds."""
    found: list[Damaged] = []
    for room in ROOMS:
        with closing(stores.opened(folder, room)) as database:
            look = Look(room)
            while look.goes_on:
                database.read(look.step)
            assert look.rows > 0
            found += look.damaged
    return found


def another(value: Any) -> Any:
    """A value of the same kind that differs in one bit."""
    match value:
        case None:
            return 1
        case int():
            return value ^ 1
        case str():
            return chr(ord(value[0]) ^ 1) + value[1:] if value else "a"
        case _:
            return bytes([value[0] ^ 1]) + value[1:]


@pytest.fixture(scope="module")
def known(folder_of: Callable[[str], Path]) -> Path:
    """A data directory in which each table with checksums has a row, after a server was stopped."""
    folder = folder_of("known")
    server = start_server(folder, CONFIG)
    profile = folder / "profile.csv"
    profile.write_text(f"creator,followers,price,currency,as_of\n{USER},10,5,CNY,2026-01-01\n")
    try:
        assert server.page(USER, Idempotency_Key="asked-once").code == 0
        for command in (
            ["collect", USER],
            ["creator", "import", str(profile)],
            ["operator", "create", "chief"],
            ["operator", "create", "former"],
            ["operator", "revoke", "former"],
        ):
            done = server.cli(*command)
            assert done.returncode == 0, done.stderr
        [token] = json.loads(server.cli("token", "list", "--json").stdout)
        assert server.cli("token", "rotate", token["id"]).returncode == 0
    finally:
        server.stop()
    with closing(stores.opened(folder, "notes")) as notes:
        notes.write(lambda db: events.put(db, [HAPPENED]))
    return folder


def spoil(folder: Path, table: str, column: str, which: str = "true") -> Callable[[], None]:
    """Change one value of one row; return how it is brought back."""
    room = IN[table]
    key = next(one.key for one in tables(room) if one.name == table)
    [(value, *at)] = stores.run(folder, room, f"SELECT {column}, {', '.join(key)} FROM {table} WHERE {which} LIMIT 1")
    new = another(bytes(value) if isinstance(value, memoryview) else value)

    def write(value: Any, at: Sequence[Any]) -> None:
        where = " AND ".join(f"{one} = ?" for one in key)
        stores.run(folder, room, f"UPDATE {table} SET {column} = ? WHERE {where}", value, *at)

    write(new, at)
    return lambda: write(value, [new if name == column else one for name, one in zip(key, at, strict=True)])


def test_what_was_written_is_sound(known: Path) -> None:
    """However it was written: collected, imported, told by operators, rotated, revoked."""
    for table in SUMS:
        [(number,)] = stores.run(known, IN[table], f"SELECT count(*) FROM {table} WHERE crc IS NOT NULL")
        [(all_,)] = stores.run(known, IN[table], f"SELECT count(*) FROM {table}")
        assert number == all_ > 0, table
    assert damaged(known) == []


@pytest.mark.parametrize(("table", "column"), CHANGED)
def test_a_value_that_is_another_is_noticed(known: Path, table: str, column: str) -> None:
    """In every column, where rows are read beside calls: one bit is enough."""
    mend = spoil(known, table, column)
    try:
        assert [one.table for one in damaged(known)] == [table]
    finally:
        mend()
    assert damaged(known) == []


@pytest.mark.parametrize("table", SUMS)
def test_a_bit_that_is_another_is_put_right(known: Path, table: str) -> None:
    """In every column that has one and that UPDATEs do not move."""
    columns = next(one.columns for one in tables(IN[table]) if one.name == table)
    whole = f"SELECT {', '.join(columns)} FROM {table}"
    before = sorted(map(repr, stores.run(known, IN[table], whole)))
    mended = []
    for column in [column for name, column in CHANGED if name == table and (table, column) not in MOVING]:
        [(value,)] = stores.run(known, IN[table], f"SELECT {column} FROM {table} LIMIT 1")
        if value in {None, ""}:
            continue
        spoil(known, table, column)
        [found] = damaged(known)
        with closing(stores.opened(known, IN[table])) as database:
            by = database.read(partial(scanning.repair_of, damaged=found))()
            mended.append((column, database.write(partial(scanning.mend, damaged=found, by=by, known=True))))
        assert sorted(map(repr, stores.run(known, IN[table], whole))) == before, column
    assert {became for _, became in mended} == {Mended.REPAIRED}, mended


@pytest.mark.parametrize(("table", "column"), [("raws", "raw"), ("answers", "body")])
def test_what_was_packed_before_it_had_a_checksum_is_looked_into(known: Path, table: str, column: str) -> None:
    """It carries one of zstd's."""
    [(kept, *_)] = stores.run(known, IN[table], f"SELECT max(crc) FROM {table}")
    stores.run(known, IN[table], f"UPDATE {table} SET crc = NULL WHERE crc = ?", kept)
    try:
        mend = spoil(known, table, column, "crc IS NULL")
        assert [one.table for one in damaged(known)] == [table]
        mend()
        assert damaged(known) == []
    finally:
        stores.run(known, IN[table], f"UPDATE {table} SET crc = ? WHERE crc IS NULL", kept)


def test_rows_from_before_there_were_checksums_are_taken_as_they_are(folder_of: Callable[[str], Path]) -> None:
    """And have one as soon as they are written anew."""
    folder = folder_of("older")
    first = start_server(folder, SIMULATOR)
    asked = first.page(USER)
    first.stop()
    assert asked.code == 0
    stores.run(folder, "notes", "UPDATE notes SET crc = NULL, wire_crc = NULL, likes = likes + 1")
    assert damaged(folder) == []
    before = "SELECT count(*) FROM notes WHERE crc IS NULL OR wire_crc IS NULL"
    [(all_,)] = stores.run(folder, "notes", before)
    server = start_server(folder, SIMULATOR, token=first.token)
    try:
        assert server.page(USER, Cache_Control="no-cache").code == 0
    finally:
        server.stop()
    [(without,)] = stores.run(folder, "notes", before)
    assert (without < all_, damaged(folder)) == (True, [])


@pytest.fixture
def asked(folder_of: Callable[[str], Path]) -> tuple[Path, str, list[str]]:
    """A data directory with a page in it after a server was stopped, a token, and the ids of the page's notes."""
    folder = folder_of("served")
    first = start_server(folder, CONFIG)
    page = first.page(USER)
    first.stop()
    assert page.code == 0
    return folder, first.token, [one["id"] for one in page.notes]


@pytest.mark.parametrize("is_a_bit", [True, False], ids=["a bit", "more"])
def test_a_damaged_note_is_never_told_and_stops_money_until_it_is_mended(
    asked: tuple[Path, str, list[str]], *, is_a_bit: bool
) -> None:
    """The page gets 500 and costs nothing, `doctor` says what it is; what `--mend` takes away is asked for again."""
    folder, token, page = asked
    if is_a_bit:
        spoil(folder, "notes", "wire")
    else:
        stores.run(folder, "notes", "UPDATE notes SET wire = ? WHERE id = ?", b"{}", page[-1])
    served = start_server(folder, CONFIG, token=token)
    try:
        before = served.balance()
        assert served.page(USER).code == 500
        assert served.balance() == before
        eventually(lambda: served.get("/readyz").body["checks"]["money"], expected=False)
        said = served.cli("doctor", "--json")
        [found] = [one for one in json.loads(said.stdout)["findings"] if one["grade"] == "wrong"]
        assert (said.returncode, found["check"], "doctor --mend" in found["remedy"]) == (1, "notes rows", True)
        mended = served.cli("doctor", "--mend")
        assert f"{'put right' if is_a_bit else 'taken away'}: a damaged row of notes" in mended.stderr
    finally:
        served.stop()
    again = start_server(folder, CONFIG, token=token)
    try:
        answer = again.page(USER)
        assert (answer.code, damaged(folder)) == (0, [])
        assert [one["id"] for one in answer.notes] == page
        assert (answer.headers["x-hongshu-cache"] == "hit") is is_a_bit
    finally:
        again.stop()


@pytest.mark.parametrize(
    ("table", "column"),
    [("notes", "likes"), ("observations", "likes"), ("stretches", "seen_ms"), ("raws", "raw"), ("raws", "crc")],
)
def test_a_damaged_row_is_not_exported(known: Path, tmp_path: Path, table: str, column: str) -> None:
    """An export that meets one ends with one line that says what to do."""
    mend = spoil(known, table, column)
    try:
        done = run_quick("export", "--out", str(tmp_path / "out"), "--format", "jsonl", data_dir=known)
    finally:
        mend()
    assert (done.returncode, "hongshu doctor" in done.stderr) == (2, True), done.stderr


def test_a_table_whose_keys_are_out_of_their_order_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes on behind the last key would come by the same rows again and again."""
    keys = [(5,), (9,), (5,), (9,), ("a",)]

    def part(_: Any, __: str, after: tuple[Any, ...] | None, ___: int) -> scanning.Part:
        place = 0 if after is None else keys.index(after) + 1
        return scanning.Part(rows=1, damaged=(), after=keys[place])

    monkeypatch.setattr(scanning, "part", part)
    look, steps = Look("notes"), 0
    while look.goes_on:
        look.step(cast("Connection", None))
        steps += 1
        assert steps < 100
    assert {one.key for one in look.damaged} == {(5,)}
