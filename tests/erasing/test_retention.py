"""What is older than the settings keep it goes, and nothing else, on both databases."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import stores
from erasing.pictures import names, picture
from hongshu.config import Config, RetentionConfig, SimulatorConfig, StorePlace
from hongshu.ids import new_id
from hongshu.models import EVERYONE, Asked, Event, Kind
from hongshu.service.whole import Service
from hongshu.store import batches, covers, events, spending
from hongshu.store.base import Connection
from hongshu.store.batches import Batch, Course, Orders
from hongshu.store.spending import Budget

KEPT = RetentionConfig(raw_days=10, event_days=20, cover_days=30, batch_days=40)
FOR_GOOD = RetentionConfig(raw_days=0, event_days=0, cover_days=0, batch_days=0)
OLD, YOUNG = 50.0, 5.0
"""Days: older than all of these are kept, and younger than each."""


def ago_ns(days: float) -> int:
    return time.time_ns() - int(days * 86_400 * 10**9)


def ago_ms(days: float) -> int:
    return ago_ns(days) // 1_000_000


def id_of(prefix: str, days: float) -> str:
    return new_id(prefix, ago_ns(days), bytes(5))


def filled(service: Service, folder: Path) -> int:
    """A page of notes, and one old and one young of everything else; return the number of notes."""
    creator = next(iter(service.sources[0].creators()))
    served = asyncio.run(service.fetcher.collect(Asked(creator=creator)))

    def write(db: Connection) -> None:
        for days in (OLD, YOUNG):
            seen = Event(note_id=f"{int(days):024x}", kind=Kind.NEW, seen_ms=ago_ms(days))
            events.add(db, creator, EVERYONE, "sim", [seen])
            media = f"cover/{days}"
            covers.put(db, picture(creator, media, media.encode(), folder, ago_ms(days)))
            for course, is_served in ((Course.CANCELLED, False), (Course.OPEN, True)):
                name = id_of("bat", days - is_served / 10)
                orders = Batch(id=name, created_ms=ago_ms(days), course=course, orders=Orders(), served=is_served)
                batches.create(db, orders, [creator])

    service.notes.write(write)
    days = [time.strftime("%Y-%m-%d", time.gmtime(ago_ms(one) / 1000)) for one in (OLD, YOUNG)]
    budgets = [id_of("bat", OLD), id_of("bat", YOUNG), id_of("mcp", OLD), id_of("mcp", YOUNG), "another"]
    budgets += [f"watch:{day}" for day in days] + [f"mcp_tok_0a_{day}" for day in days]
    for name in budgets:
        service.ledger.database.write(lambda db, name=name: spending.set_budget(db, Budget(id=name)))
    return len(served.wires)


def counted(folder: Path) -> dict[str, Any]:
    money = [name for (name,) in stores.run(folder, "money", "SELECT id FROM budgets")]
    tables = ("raws", "notes", "events", "covers", "batches", "targets", "observations")
    found: dict[str, Any] = {
        table: stores.run(folder, "notes", f"SELECT count(*) FROM {table}")[0][0] for table in tables
    }
    return {**found, "budgets": len(money), "files": len(names(folder / "covers"))}


@pytest.fixture
def opened(store: tuple[str, Path | str], tmp_path: Path) -> Any:
    """Open a service on both databases with some terms: `opened(terms)`; it is closed after the test."""
    made: list[Service] = []

    def open_(terms: RetentionConfig) -> tuple[Service, Path]:
        folder = stores.on(store[0], tmp_path / "data")
        folder.mkdir(exist_ok=True)
        source = SimulatorConfig(name="sim", creators=2, seed=7)
        config = Config(store=StorePlace(stores.setting(folder)), retention=terms, source=(source,))
        made.append(Service(config, folder))
        return made[-1], folder

    yield open_
    for service in made:
        asyncio.run(service.close())


def test_what_is_too_old_goes_and_nothing_else(opened: Callable[[RetentionConfig], tuple[Service, Path]]) -> None:
    """Notes and their history stay, as do a batch that a server is to collect, and what nobody knows the age of."""
    service, folder = opened(KEPT)
    number = filled(service, folder)
    before = counted(folder)
    stores.run(folder, "notes", "UPDATE notes SET crc = NULL, last_seen_ms = ?", ago_ms(OLD))
    stores.run(folder, "notes", "UPDATE notes SET crc = NULL, last_seen_ms = ? WHERE pinned = 1", ago_ms(YOUNG))
    [(young,)] = stores.run(folder, "notes", "SELECT count(*) FROM notes WHERE pinned = 1")
    told: Mapping[str, int] = asyncio.run(service.retention.turn())
    assert told == {"raws": number - young, "events": 1, "covers": 1, "batches": 1, "budgets": 4}
    after = counted(folder)
    assert {one: before[one] - after[one] for one in before} == {
        "raws": number - young,
        "notes": 0,
        "events": 1,
        "covers": 1,
        "batches": 1,
        "targets": 1,
        "observations": 0,
        "budgets": 4,
        "files": 1,
    }
    assert hashlib.sha256(f"cover/{YOUNG}".encode()).hexdigest() + ".jpg" in names(folder)
    assert asyncio.run(service.retention.turn()) == {}


def test_what_is_kept_for_good_stays(opened: Callable[[RetentionConfig], tuple[Service, Path]]) -> None:
    """With 0 for each; of budgets only those of days go, which nothing asks for again."""
    service, folder = opened(FOR_GOOD)
    filled(service, folder)
    before = counted(folder)
    stores.run(folder, "notes", "UPDATE notes SET crc = NULL, last_seen_ms = ?", ago_ms(OLD))
    assert asyncio.run(service.retention.turn()) == {"budgets": 3}
    assert counted(folder) == {**before, "budgets": before["budgets"] - 3}


def test_a_file_that_another_cover_needs_stays(opened: Callable[[RetentionConfig], tuple[Service, Path]]) -> None:
    """Two media keys may lead to the same image."""
    service, folder = opened(KEPT)

    def write(db: Connection) -> None:
        for days in (OLD, YOUNG):
            covers.put(db, picture("", f"cover/{days}", b"the same", folder, ago_ms(days)))

    service.notes.write(write)
    assert asyncio.run(service.retention.turn())["covers"] == 1
    assert len(names(folder / "covers")) == 1


def test_what_waits_to_be_told_is_not_too_old(opened: Callable[[RetentionConfig], tuple[Service, Path]]) -> None:
    """However long it has waited."""
    service, folder = opened(KEPT)
    filled(service, folder)
    stores.run(folder, "notes", "INSERT INTO outbox (event) SELECT min(id) FROM events")
    assert "events" not in asyncio.run(service.retention.turn())
