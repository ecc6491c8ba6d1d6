"""Flights that processes share: what is written comes back alike, on both databases, and one number has one writer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Final

import msgspec
import pytest

from databases import Postgres, open_room
from hongshu.store import flights
from hongshu.store.base import Connection, Database
from hongshu.store.flights import FlightRow, Key, Landed, Outcome

Where = tuple[str, Path | str]

ODD: Final = "a'b\x01中\U0010ffff\u202e"
KEY: Final = Key("c1", "", ODD)
LANDED: Final = Landed(
    audience=ODD, notes=("n2", "n1"), has_more=True, recorded_ms=2**53 + 1, source=ODD, extras=bytes(range(256))
)


@pytest.fixture
def kept(store: Where) -> Iterator[Database]:
    """The notes room, empty."""
    with closing(open_room(store[0], "notes", store[1])) as room:
        yield room


def a_flight(identifier: str, number: int = 1, key: Key = KEY, lease_ms: int = 2**53 + 1) -> FlightRow:
    """A flight as it begins."""
    return FlightRow(key=key, number=number, id=identifier, began_ms=-1, lease_ms=lease_ms)


def taken(kept: Database, *some: FlightRow) -> frozenset[str]:
    """Take flights in a transaction of their own."""
    return kept.write_beside(lambda db: flights.take(db, some))


def test_a_number_is_written_once(kept: Database) -> None:
    """Of two that want the same number the first has it; the highest is the newest; other questions are others'."""
    other = Key("c1", "n1", ODD)
    first, second = a_flight("f1"), a_flight("f2", 2)
    assert taken(kept, first, a_flight("f3", key=other)) == {"f1", "f3"}
    assert taken(kept, a_flight("f4"), second) == {"f2"}
    found, server_ns = kept.read(lambda db: flights.newest(db, [KEY, other, Key("c1", "", "")]))
    assert found == {KEY: second, other: a_flight("f3", key=other)}
    seen, seen_ns = kept.read(lambda db: flights.seen(db, first))
    assert seen == first
    assert (server_ns is None) == (seen_ns is None)
    assert kept.read(lambda db: flights.newest(db, []))[0] == {}


def test_how_a_flight_ends(kept: Database) -> None:
    """With a page, or with why there is none; what ended stays as it ended, and nobody writes another's."""
    rows = [a_flight(f"f{number}", number) for number in range(1, 5)]
    landing, failing, left, renewed = rows
    taken(kept, *rows)
    kept.write(lambda db: flights.land(db, landing, LANDED))
    kept.write_beside(lambda db: flights.fail(db, failing, Outcome.UNKNOWN, ODD[0]))
    kept.write_beside(lambda db: flights.let_go(db, left))
    kept.write_beside(lambda db: flights.renew(db, renewed, 2**60))
    kept.write_beside(lambda db: flights.fail(db, landing, Outcome.FAILED, "too late"))
    kept.write_beside(lambda db: flights.renew(db, failing, 5))
    kept.write_beside(lambda db: flights.let_go(db, msgspec.structs.replace(renewed, id="another")))
    now = [kept.read(lambda db, row=row: flights.seen(db, row))[0] for row in rows]
    assert now[0] is not None
    assert (now[0].outcome, msgspec.json.decode(now[0].told, type=Landed)) == (Outcome.KEPT, LANDED)
    assert now[1:] == [
        msgspec.structs.replace(failing, outcome=Outcome.UNKNOWN, told=ODD[0]),
        msgspec.structs.replace(left, lease_ms=0),
        msgspec.structs.replace(renewed, lease_ms=2**60),
    ]


def test_old_flights_are_forgotten_a_few_at_a_time(kept: Database) -> None:
    """The oldest first, however they ended; and then their number may be written again."""
    rows = [a_flight(f"f{number}", number, lease_ms=number) for number in range(1, 6)]
    taken(kept, *rows)

    def there() -> list[int]:
        return [row.number for row in rows if kept.read(lambda db: flights.seen(db, row))[0]]  # noqa: B023 - used at once

    kept.write_beside(lambda db: flights.forget(db, 4, 2))
    assert there() == [3, 4, 5]
    kept.write_beside(lambda db: flights.forget(db, 4, 2))
    assert there() == [4, 5]
    assert taken(kept, a_flight("again", 1)) == {"again"}


def test_many_who_want_the_same_flights_share_them_out(store: Where) -> None:
    """Four at once, in orders of their own, again and again: each number has one writer, and nobody waits in a knot."""
    keys = [Key(f"c{number}", "", "") for number in range(30)]

    def wants(place: int) -> list[str]:
        with closing(open_room(store[0], "notes", store[1])) as room:
            ordered = keys[place * 7 :] + keys[: place * 7]
            mine: list[str] = []
            for number in range(10):
                rows = [a_flight(f"{place}-{number}-{key.creator}", number, key, lease_ms=number) for key in ordered]
                mine += room.write_beside(lambda db, rows=rows: flights.take(db, rows))
                room.write_beside(lambda db, number=number: flights.forget(db, number - 5, 9))
            return mine

    with closing(open_room(store[0], "notes", store[1])), ThreadPoolExecutor(4) as pool:
        written = [one for some in pool.map(wants, range(4)) for one in some]
    assert len({one.partition("-")[2] for one in written}) == 300
    again = [one for one in written if int(one.split("-")[1]) > 4]  # numbers that nobody forgot in between
    assert len(again) == len({one.partition("-")[2] for one in again})


@pytest.mark.parametrize("act", ["renew", "forget"])
def test_what_is_written_beside_holds_up_no_page(postgres: Postgres, act: str) -> None:
    """Pages are kept in one order while their flights are renewed or forgotten in another: nothing is done twice."""
    one, two = a_flight("f1", lease_ms=1), a_flight("f2", 2, lease_ms=2)
    began, landing = Event(), Event()
    tries: list[str] = []

    def does(db: Connection, flight: FlightRow) -> None:
        if act == "renew":
            flights.renew(db, flight, 2**60)
        else:
            flights.forget(db, flight.lease_ms + 1, 1)
        flights.seen(db, flight)  # so that it has been done

    def beside(db: Connection) -> None:
        tries.append("beside")
        does(db, one)
        began.set()
        assert landing.wait(10)
        does(db, two)

    def lands(db: Connection) -> None:
        tries.append("land")
        flights.land(db, two, LANDED)
        flights.seen(db, two)
        landing.set()
        flights.land(db, one, LANDED)

    where = postgres.new_database()
    with (
        closing(open_room("postgresql", "notes", where)) as room,
        closing(open_room("postgresql", "notes", where)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        taken(room, one, two)
        writing = pool.submit(other.write_beside, beside)
        assert began.wait(10)
        room.write(lands)
        writing.result()
        found = [room.read(lambda db, row=row: flights.seen(db, row))[0] for row in (one, two)]
    assert tries == ["beside", "land"]
    ended = [one.outcome for one in found if one is not None]
    assert ended == ([Outcome.KEPT, Outcome.KEPT] if act == "renew" else [Outcome.KEPT])


def test_every_function_of_flights_is_proven_here() -> None:
    """A new one has no place in the store before it has one in this file."""
    mine = Path(__file__).read_text(encoding="utf-8")
    functions = inspect.getmembers(flights, inspect.isfunction)
    ours = [name for name, one in functions if one.__module__ == flights.__name__]
    assert [one for one in ours if not one.startswith("_") and not re.search(rf"\bflights\.{one}\b", mine)] == []
