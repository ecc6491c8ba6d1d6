"""Numbered migrations: `.sql` files that each database applies once, in order, in the transaction that records them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from typing import Final, NamedTuple

from hongshu.errors import StoreError
from hongshu.store.base import Connection

RECORD: Final = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT, sha256 TEXT)"
APPLIED: Final = "SELECT number, sha256 FROM migrations"

_GUARD: Final = re.compile(
    r"CREATE TRIGGER (\w+) BEFORE (UPDATE|DELETE) ON (\w+)\s+BEGIN SELECT RAISE\(ABORT, ('[^']*')\); END;"
)
_WORDS: Final[Mapping[str, str]] = {
    r"\s*WITHOUT ROWID\b": "",
    r"\bTEXT\b": 'TEXT COLLATE "C"',
    r"\bBLOB\b": "BYTEA",
    r"\browid\b": "ctid",
    r"\bx''": "''",
}


class Step(NamedTuple):
    """One migration: its file's name, the file's SHA-256, and its text."""

    name: str
    sha256: str
    sql: str


def steps(room: str) -> list[Step]:
    """Return the migrations of a room, "notes" or "money", in order."""
    folder = resources.files("hongshu.store") / "migrations" / room
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    texts = [(entry.name, entry.read_text(encoding="utf-8")) for entry in files]
    return [Step(name, hashlib.sha256(sql.encode()).hexdigest(), sql) for name, sql in texts]


def missing(room: str, applied: Mapping[int, str], place: str) -> list[tuple[int, Step]]:
    """Return the numbered migrations that a database lacks; raises `StoreError` where it has one that is not ours."""
    known = dict(enumerate(steps(room), start=1))
    if applied.items() - {(number, step.sha256) for number, step in known.items()}:
        raise StoreError(
            f"{place} was written by a newer hongshu; upgrade this one, or choose another HONGSHU_DATA_DIR"
        )
    return [(number, step) for number, step in known.items() if number not in applied]


def applied(db: Connection) -> dict[int, str]:
    """Return the numbers of the migrations that a database has, and their SHA-256."""
    return dict(db.rows(APPLIED))


def as_postgresql(sql: str) -> str:
    """Return a migration as PostgreSQL reads it: the few words that differ, and triggers that guard rows."""
    for word, ours in _WORDS.items():
        sql = re.sub(word, ours, sql)
    return _GUARD.sub(
        r"CREATE FUNCTION \1() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \4; END $$;"
        "\n"
        r"CREATE TRIGGER \1 BEFORE \2 ON \3 FOR EACH ROW EXECUTE FUNCTION \1();"
        "\n"
        r"CREATE TRIGGER \1_as_a_whole BEFORE TRUNCATE ON \3 FOR EACH STATEMENT EXECUTE FUNCTION \1();",
        sql,
    )
