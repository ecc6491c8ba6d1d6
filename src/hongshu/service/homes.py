"""Where a restored backup comes to stand: files of the data directory, or schemas of a PostgreSQL database beside them.

What stands there is set aside, never removed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from hongshu.disk import sync
from hongshu.engine.backups.manifest import COVERS, REPORTS, room_file
from hongshu.service.places import KEY_FILE, STAGING, driver_needed
from hongshu.store.base import ROOMS, Database
from hongshu.store.copying import copy
from hongshu.store.sqlite import SqliteDatabase, held

_FOLDERS: Final = (COVERS, REPORTS)


class Home(ABC):
    """The place of one installation."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    @abstractmethod
    def is_taken(self) -> bool:
        """Say whether an installation stands here."""

    @abstractmethod
    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep others out. Raises `ConflictError` where somebody uses what stands here."""

    def check_unused(self) -> None:
        """Raise `ConflictError` where somebody uses what stands here."""
        with self.kept():
            return

    @abstractmethod
    def has_rooms(self) -> bool:
        """Say whether rows of an installation are kept here."""

    @abstractmethod
    def room_aside(self, room: str, name: str) -> Database:
        """Open a room under another name than that of what is in use; it is made where it is not there."""

    @abstractmethod
    def name_rooms(self, name: str) -> None:
        """Give both rooms that were made under a name their own, where nothing stands; once more changes nothing."""

    @abstractmethod
    def load(self, staged: Path, name: str) -> None:
        """Bring a staged backup as close to its place as may be, under another name than that of what is in use."""

    @abstractmethod
    def unload(self, name: str) -> None:
        """Remove what was loaded under a name."""

    @abstractmethod
    def put(self, staged: Path, aside: str) -> str:
        """Set what stands here aside and put what is staged in its place; say where that went, or "".

        What has to be loaded for it is, as `STAGING`.
        """

    def _put_files(self, staged: Path, aside: str, names: tuple[str, ...]) -> str:
        old = [self.data_dir / name for name in names if (self.data_dir / name).exists()]
        away = self.data_dir / aside
        if old:
            away.mkdir(mode=0o700)
        for path in old:
            path.rename(away / path.name)
        for path in sorted(staged.iterdir()):
            if path.name in names:
                path.rename(self.data_dir / path.name)
        sync(self.data_dir)
        return str(away) if old else ""


class FileHome(Home):
    """Two files, the key and two folders in the data directory."""

    _names = (KEY_FILE, *map(room_file, ROOMS), *_FOLDERS)

    def is_taken(self) -> bool:
        """Say whether any of the files is there."""
        return any((self.data_dir / name).exists() for name in self._names)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Lock both files."""
        with ExitStack() as stack:
            for room in ROOMS:
                if (self.data_dir / room_file(room)).exists():
                    stack.enter_context(held(self.data_dir / room_file(room)))
            yield

    def has_rooms(self) -> bool:
        """Say whether one of both files is there."""
        return any((self.data_dir / room_file(room)).exists() for room in ROOMS)

    def room_aside(self, room: str, name: str) -> Database:
        """Open a hidden file."""
        return SqliteDatabase(self.aside(room, name), room, synchronous="FULL", in_bulk=True)

    def name_rooms(self, name: str) -> None:
        """Rename both files, or the one that a killed process has left."""
        for room in ROOMS:
            if (aside := self.aside(room, name)).exists():
                aside.rename(self.data_dir / room_file(room))
        sync(self.data_dir)

    def load(self, staged: Path, name: str) -> None:
        """Do nothing: the files are staged beside their place."""

    def unload(self, name: str) -> None:
        """Remove what a move has made."""
        for room in ROOMS:
            self.aside(room, name).unlink(missing_ok=True)

    def aside(self, room: str, name: str) -> Path:
        """Return the file of a room under another name."""
        return self.data_dir / f".{name}.{room_file(room)}"

    def put(self, staged: Path, aside: str) -> str:
        """Rename files and folders."""
        return self._put_files(staged, aside, self._names)


class ServerHome(Home):
    """Two schemas of a database, and the key and two folders in the data directory."""

    _names = (KEY_FILE, *_FOLDERS)

    def __init__(self, url: str, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._url = url
        with driver_needed():
            from hongshu.store import postgres, schemas  # noqa: PLC0415 - an extra
        self._postgres, self._schemas = postgres, schemas
        self._standing: dict[str, str] = {room: postgres.schema_of(room) for room in ROOMS}

    def is_taken(self) -> bool:
        """Say whether any of the files, or a schema, is there."""
        return any((self.data_dir / name).exists() for name in self._names) or self.has_rooms()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Refuse where connections are open, now and once more before anything is put in place."""
        self._schemas.check_unused(self._url)
        yield

    def has_rooms(self) -> bool:
        """Say whether one of both schemas is there."""
        return bool(self._schemas.there(self._url, list(self._standing.values())))

    def room_aside(self, room: str, name: str) -> Database:
        """Open a schema of another name."""
        schema = f"{self._standing[room]}_{name}"
        return self._postgres.PostgresDatabase(self._url, room, synchronous=True, schema=schema)

    def name_rooms(self, name: str) -> None:
        """Rename both schemas, both or none; a killed process may have done so."""
        names = {f"{schema}_{name}": schema for schema in self._standing.values()}
        there = self._schemas.there(self._url, list(names))
        self._schemas.rename(self._url, {old: new for old, new in names.items() if old in there})

    def load(self, staged: Path, name: str) -> None:
        """Copy the rows into schemas of another name."""
        self.unload(name)
        for room in ROOMS:
            source = SqliteDatabase(staged / room_file(room), room, synchronous="FULL", in_bulk=True)
            target = self.room_aside(room, name)
            try:
                copy(source, target, room)
            finally:
                source.close()
                target.close()

    def unload(self, name: str) -> None:
        """Remove the schemas of a name."""
        self._schemas.drop(self._url, [f"{schema}_{name}" for schema in self._standing.values()])

    def put(self, staged: Path, aside: str) -> str:
        """Rename files and folders, then schemas, which tells all or none of them."""
        self._schemas.check_unused(self._url)
        away = self._put_files(staged, aside, self._names)
        there = self._schemas.there(self._url, list(self._standing.values()))
        suffix = aside.replace("-", "_")
        renamed = {schema: f"{schema}_{suffix}" for schema in there}
        self._schemas.rename(self._url, renamed | {f"{schema}_{STAGING}": schema for schema in self._standing.values()})
        return ", ".join(filter(None, [away, *(f"schema {schema}" for schema in renamed.values())]))


def home_of(store: str, data_dir: Path) -> Home:
    """Return where an installation stands whose settings say this store."""
    return FileHome(data_dir) if store == "sqlite" else ServerHome(store, data_dir)
