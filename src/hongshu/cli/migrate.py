"""`hongshu migrate` and `hongshu migrate-store`."""

from __future__ import annotations

import sys

from hongshu.cli.printing import AsJson, print_json, print_words
from hongshu.cli.setup import ConfigFile, settings
from hongshu.config.rules import without_password
from hongshu.service.moving import move_store
from hongshu.service.places import installation_key, open_room, prepare_folder
from hongshu.store import migrating
from hongshu.store.base import ROOMS
from hongshu.store.copying import ROWS_AT_ONCE


def migrate(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """Bring both rooms of the store up to this version; every other command does the same as it opens them."""
    loaded = settings(config)
    prepare_folder(loaded.data_dir)
    installation_key(loaded.data_dir)  # made before the store, which is refused without it
    words: dict[str, int] = {}
    for room in ROOMS:
        database = open_room(loaded.config.store.reveal(), loaded.data_dir, room, in_bulk=True)
        words[room] = len(database.read(migrating.applied))
        database.close()
    if json:
        print_json({"migrations": words})
        return
    print_words(words)
    print("the store is as this version needs it", file=sys.stderr)


def migrate_store(*, to: str, config: ConfigFile = None, json: AsJson = False) -> None:
    """Move ledger, notes and all else to another database; what was cut off goes on where it was.

    Servers and workers must be stopped. The old rows stay as they are, and are used no more.

    Parameters
    ----------
    to
        The address of an empty PostgreSQL database, or "sqlite" for files in the data directory.
    """
    loaded = settings(config)
    told = [0]

    def between() -> None:
        told[0] += 1
        if told[0] % 100 == 0 and not json:
            print(f"  {told[0]:,} parts of up to {ROWS_AT_ONCE:,} rows are copied", file=sys.stderr, flush=True)

    moved = move_store(loaded.config.store.reveal(), to, loaded.data_dir, between)
    rows = {room: sum(one.rows for one in tables.values()) for room, tables in moved.contents.items()}
    if json:
        tables = {f"{room}.{name}": one for room, held in moved.contents.items() for name, one in held.items()}
        print_json({"to": without_password(to), "rows": rows, "entries": moved.entries, "ok": True, "tables": tables})
        return
    print_words({"to": without_password(to), **rows, "entries": moved.entries})
    print(f'now write store = "{without_password(to)}" (with its password) in hongshu.toml, and start', file=sys.stderr)
