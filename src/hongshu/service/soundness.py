"""Looks at a whole installation: what a server does at its start and every few seconds, and all that `doctor` does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from hongshu.config import BrowserConfig, Config, Loaded, RemoteConfig, VendorConfig
from hongshu.engine.backups.keeper import lying
from hongshu.engine.backups.manifest import room_file
from hongshu.engine.erasing import record
from hongshu.engine.soundness import books, machine
from hongshu.engine.soundness.findings import Finding, good, mind, wrong
from hongshu.engine.soundness.guard import Proof
from hongshu.engine.soundness.rows import Look
from hongshu.errors import HongshuError, SetupError, StoreDownError, StoreError
from hongshu.formats.border import printable
from hongshu.models import Word, rfc3339
from hongshu.service.desk import Desk, Ledger
from hongshu.service.places import (
    KEY_FILE,
    MONEY_FILE,
    MOVING,
    NOTES_FILE,
    STAGING,
    make_folder,
    open_room,
    prepare_folder,
)
from hongshu.store import channels, deliveries, erased, group, health, ordering, scanning, spending, watches
from hongshu.store import ledger as ledger_rows
from hongshu.store.base import ROOMS, Database, Room
from hongshu.store.deliveries import DeliveryState
from hongshu.store.reader import Reader
from hongshu.store.scanning import Damaged, Mended
from hongshu.store.sqlite import OLDEST_SQLITE, sqlite_version

_LATE_MS: Final = 3_600_000
_NEEDED: Final[Mapping[str, str]] = {
    "mcp": "mcp",
    "opentelemetry": "otel",
    "psycopg": "postgres",
    "playwright": "browser",
}
"""Libraries, and the extras that bring them."""


def at_hand(data_dir: Path, newest_ms: int | None, now_ns: int) -> list[Finding]:
    """Look at what is quick to see without the store: the clock, the key, and the space on the disk."""
    return [machine.clock(now_ns, newest_ms), machine.key(data_dir / KEY_FILE), machine.room(data_dir)]


def newest_entry_ms(money: Database) -> int | None:
    """Return when the newest entry of the ledger was written."""
    newest = money.read(lambda db: ledger_rows.newest(db, None, 1))
    return newest[0].entry.at_ms if newest else None


def proofs(desk: Desk, notes: Reader) -> Sequence[Proof]:
    """Return what a server proves at its start and once a day: the ledger, and that rows are what was written."""

    async def ledger() -> Finding:
        return await desk.run(lambda one: books.ledger(one.verify()), window="audits")

    async def callers() -> Finding:
        return await desk.run(lambda one: books.rows(one.database, "money"), window="audits")

    async def kept() -> Finding:
        look = Look("notes")
        await look.beside(notes)
        return look.finding

    return ledger, callers, kept


class Mending(Word):
    """A damaged row, and what became of it; `why` it could not be mended, where the store refused that."""

    row: Damaged
    became: Mended
    why: str = ""


def put_in_order(loaded: Loaded) -> list[Path]:
    """Put rows and indexes of files where their keys say; return the files in which that was needed.

    Raises `SetupError` where no installation lies, and `StoreError` where it cannot be done.
    """
    folder = loaded.data_dir
    if not (folder / KEY_FILE).exists():
        raise SetupError(
            f"there is no installation in {folder}, or its key is lost; set HONGSHU_DATA_DIR to where one is"
        )
    prepare_folder(folder)
    files = [folder / room_file(room) for room in ROOMS] if loaded.config.store.reveal() == "sqlite" else []
    return [path for path in files if path.exists() and ordering.put_in_order(path)]


def mend(loaded: Loaded) -> Iterator[Mending]:
    """Put rows right in which one bit is another, and take other damaged ones away, each as it is taken from this.

    What is lost of notes is collected again when it is asked for. Raises `StoreError`.
    """
    for room in ROOMS:
        with closing(open_room(loaded.config.store.reveal(), loaded.data_dir, room)) as database:
            look = Look(room)
            while look.goes_on:
                database.read(look.step)
            known = {one: database.read(partial(scanning.is_known, damaged=one)) for one in look.damaged}
            for one, is_known in known.items():
                yield _mended(database, one, is_known=is_known)


def _mended(database: Database, row: Damaged, *, is_known: bool) -> Mending:
    by = database.read(partial(scanning.repair_of, damaged=row))()
    try:
        became = database.write(partial(scanning.mend, damaged=row, by=by, known=is_known))
    except StoreDownError:
        raise
    except StoreError as error:  # another row that would be the same
        return Mending(row=row, became=Mended.STAYS, why=error.message)
    return Mending(row=row, became=became)


def examine(loaded: Loaded) -> list[Finding]:
    """Look at everything; nothing is changed but what any command changes as it opens the store."""
    now_ns = time.time_ns()
    make_folder(loaded.data_dir)
    found = [*versions(loaded.config), *_left_over(loaded.data_dir), *_sources(loaded.config), *_secrets(loaded)]
    try:
        ledger = Ledger(loaded.config.store.reveal(), loaded.data_dir, time.time_ns)
    except HongshuError as error:
        found += at_hand(loaded.data_dir, None, now_ns)
        return [*found, wrong("money", error.message, "", stops_money=True)]
    with closing(ledger):
        found += at_hand(loaded.data_dir, newest_entry_ms(ledger.database), now_ns)
        found += _money(ledger, now_ns)
        try:
            notes = open_room(loaded.config.store.reveal(), loaded.data_dir, "notes")
        except HongshuError as error:
            return [*found, wrong("notes", error.message, "")]
        with closing(notes):
            found += [books.pages(notes, "notes"), _rows(notes, "notes")]
            found += [*_news(notes, now_ns), *_tombstones(loaded, notes)]
        found += _asked(loaded.config, ledger.database)
    return [*found, *_backups(loaded, now_ns)]


def versions(config: Config) -> list[Finding]:
    """Look at the libraries: SQLite's version, and what the settings need."""
    found = []
    version = sqlite_version()
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        found.append(wrong("sqlite", f"SQLite {version} can damage a file with two writers", "install a newer apsw"))
    else:
        found.append(good("sqlite", f"version {version}"))
    wanted = {
        "mcp": config.mcp.http,
        "opentelemetry": bool(config.otel.endpoint),
        "psycopg": config.store.reveal() != "sqlite",
        "playwright": any(isinstance(one, BrowserConfig) for one in config.source),
    }
    for library, is_wanted in wanted.items():
        if is_wanted and find_spec(library) is None:
            extra = _NEEDED[library]
            found.append(wrong("extras", f"the settings need {library}", f'run: pip install "hongshu[{extra}]"'))
    return found


def _left_over(data_dir: Path) -> list[Finding]:
    found = []
    if (data_dir / STAGING).exists():
        found.append(wrong("restore", "a restore is under way, or was cut off", "run: hongshu restore PATH --replace"))
    if (data_dir / MOVING).exists():
        found.append(wrong("move", "the store is being moved, or that was cut off", "run hongshu migrate-store again"))
    aside = sorted(data_dir.glob("before-*"))
    if aside:
        what = f"{len(aside)} installations that were set aside lie in {data_dir}"
        found.append(mind("restore", what, "remove them when you need them no more"))
    return found


def _secrets(loaded: Loaded) -> list[Finding]:
    """Look at files beside the key that hold secrets: addresses of channels, hashes of tokens, tokens in settings."""
    files = [loaded.data_dir / name for name in (NOTES_FILE, MONEY_FILE)]
    asked = [one for one in loaded.config.source if isinstance(one, RemoteConfig | VendorConfig)]
    if loaded.file is not None and any(one.token and not one.token_file for one in asked):
        files.append(loaded.file)
    return machine.others(files)


def _sources(config: Config) -> list[Finding]:
    if config.source:
        return [good("sources", ", ".join(one.name for one in config.source))]
    return [mind("sources", "no source is configured, so only stored pages can be served", "add a [[source]]")]


def _money(ledger: Ledger, now_ns: int) -> Iterator[Finding]:
    yield books.pages(ledger.database, "money")
    yield books.durability(ledger.database)
    yield books.ledger(ledger.verify())
    yield _rows(ledger.database, "money")
    apart = machine.clocks(now_ns, ledger.database.read(group.server_ns))
    if apart is not None:
        yield apart


def _rows(database: Database, room: Room) -> Finding:
    try:
        return books.rows(database, room)
    except StoreError as error:
        return wrong(f"{room} rows", error.message, "see `hongshu backup --list` and `hongshu restore`")


def _asked(config: Config, money: Database) -> Iterator[Finding]:
    """Look at how sources did when they were last asked; nobody is asked now."""
    states, paused = money.read(health.states), money.read(spending.paused)
    for one in config.source:
        state = states.get(one.name)
        if one.name in paused:
            yield mind(f"source {one.name}", "it is paused", f"run: hongshu source resume {one.name}")
        elif state is not None and state.failures:
            why = printable(state.why)
            what = f"its last {state.failures} answers were no pages: {why}"
            yield mind(f"source {one.name}", what, "see hongshu source health")


def _news(notes: Database, now_ns: int) -> Iterator[Finding]:
    now_ms = now_ns // 1_000_000
    due_ms = notes.read(watches.next_due_ms)
    if due_ms is not None and due_ms < now_ms - _LATE_MS:
        yield mind("watches", f"a look has been due since {rfc3339(due_ms)}", "run `hongshu serve`, or a worker")
    waiting_ms = notes.read(deliveries.next_due_ms)
    if waiting_ms is not None and waiting_ms < now_ms - _LATE_MS:
        yield mind("deliveries", f"news has waited since {rfc3339(waiting_ms)}", "run `hongshu serve`, or a worker")
    counts = notes.read(deliveries.counts)
    failed = sum(number for (_, state), number in counts.items() if state is DeliveryState.FAILED)
    if failed:
        yield mind("deliveries", f"{failed} messages were given up", "see hongshu delivery list --state failed")
    closed = notes.read(channels.closures)
    if closed:
        names = printable(", ".join(sorted(closed)))
        yield mind("channels", f"receivers closed {names}", "run: hongshu channel open NAME")


def _tombstones(loaded: Loaded, notes: Database) -> Iterator[Finding]:
    """Look for an erasing that was cut off: what is written beside the store is not in it."""
    lacking = record.read(loaded.data_dir).keys() - notes.read(erased.every).keys()
    if lacking:
        what = f"{len(lacking)} creators were to be erased, and that was cut off"
        yield wrong("erasing", what, "run the same hongshu erase again")


def _backups(loaded: Loaded, now_ns: int) -> list[Finding]:
    terms = loaded.config.backup
    if not terms.folder:
        return [mind("backups", "none is taken on schedule", 'set [backup] folder = "…", best on another disk')]
    folder = loaded.data_dir / terms.folder
    there = lying(folder)
    if not there:
        return [mind("backups", f"there is none in {folder}", "run: hongshu backup")]
    taken_ms = there[0].backup.taken_ms
    if taken_ms + 2 * terms.every * 1000 < now_ns // 1_000_000:
        return [mind("backups", f"the newest is from {rfc3339(taken_ms)}", "see hongshu serve's log, or the console")]
    return [good("backups", f"{len(there)}, the newest from {rfc3339(taken_ms)}")]
