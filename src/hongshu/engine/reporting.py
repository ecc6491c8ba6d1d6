"""Gathers what reports stand on: from what is kept, or from a data set of an export."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from hongshu.analytics.base import Analyst
from hongshu.analytics.facts import Facts, Line, lines_of, no_facts
from hongshu.analytics.tables import COLUMNS
from hongshu.engine.exporting.reading import Wanted, read_creator
from hongshu.formats.exports.kinds import What
from hongshu.formats.images import PictureKind
from hongshu.store import covers
from hongshu.store.base import Database
from hongshu.store.covers import Cover
from hongshu.store.exporting import Span

MOST_NOTES: Final = 50_000
MOST_OBSERVATIONS: Final = 500_000
"""Of more than so many, numbers are made by the commands, in a process of their own, not beside a server's calls."""
MOST_COVERS: Final = 24
LARGEST_COVER: Final = 150_000
"""A report carries no more covers, and none of more bytes: it is to be sent by mail."""

_TYPES: Final = {PictureKind.JPEG: "image/jpeg", PictureKind.PNG: "image/png", PictureKind.WEBP: "image/webp"}
"""What every browser shows."""


def facts_of(database: Database, creators: Sequence[str]) -> Facts:
    """Return what is kept of creators for everyone."""
    facts = no_facts()
    for table, line in _lines(database, creators):
        facts[table].append(line)
    return facts


def write_facts(database: Database, creators: Sequence[str], folder: Path) -> Mapping[str, Path]:
    """Write what is kept of creators as files of JSON lines, one a table, and return where they lie; memory is flat."""
    paths = {table: folder / f"{table}.ndjson" for table in COLUMNS}
    encoder = msgspec.json.Encoder()
    with ExitStack() as stack:
        files = {table: stack.enter_context(path.open("wb")) for table, path in paths.items()}
        for table, line in _lines(database, creators):
            files[table].write(encoder.encode(line) + b"\n")
    return paths


def _lines(database: Database, creators: Sequence[str]) -> Iterator[tuple[str, Line]]:
    wanted = Wanted(what=frozenset(What), span=Span())
    for creator in creators:
        for portion in read_creator(database, creator, wanted).portions:
            for row in portion.rows:
                yield from lines_of(portion.what, row)


def facts_of_dataset(analyst: Analyst, creators: Sequence[str]) -> Facts:
    """Return what a data set holds of creators."""
    return {table: list(analyst.table(table, creators)) for table in COLUMNS}


def covers_of(database: Database, facts: Facts, path_of: Callable[[Cover], Path]) -> Mapping[str, str]:
    """Return kept covers of the newest notes as data addresses, by media key; what cannot be read is left out."""
    newest = sorted((one for one in facts["notes"] if one["cover"]), key=_published, reverse=True)
    keys = [str(one["cover"]) for one in newest]
    known = database.read(lambda db: covers.known(db, keys))
    found: dict[str, str] = {}
    for key in keys:
        cover = known.get(key)
        if cover and cover.bytes <= LARGEST_COVER and cover.picture.kind in _TYPES and len(found) < MOST_COVERS:
            try:
                content = path_of(cover).read_bytes()
            except OSError:
                continue
            found[key] = f"data:{_TYPES[cover.picture.kind]};base64,{base64.b64encode(content).decode()}"
    return found


def _published(note: Line) -> int:
    return int(note["published_ms"])
