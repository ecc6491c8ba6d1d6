"""Whose rows a file holds, told by their content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any, Final

import msgspec

from hongshu.formats.border import MalformedError, an_object, clean_value
from hongshu.formats.imports import hongshu, mediacrawler, spider_xhs, xhs_downloader
from hongshu.formats.imports.base import Item, Reader, Row, Skipped, Tool, fit
from hongshu.formats.imports.pages import read_pages
from hongshu.models import Word

UNKNOWN_ROWS: Final = "no rows of a tool that is known, and no page of notes"

READERS: Final[Mapping[Tool, Reader]] = {
    Tool.HONGSHU: hongshu,
    Tool.XHS_DOWNLOADER: xhs_downloader,
    Tool.SPIDER_XHS: spider_xhs,
    Tool.MEDIACRAWLER: mediacrawler,
}
"""In the order in which they are asked; pages are what is left."""

_PAGE_MARKS: Final = frozenset(
    {"code", "data", "notes", "items", "request", "response", "http_status", "user", "interact_info", "images_list"}
)


class Way(Word):
    """How rows are to be read: as those of one tool, or (None) as what they show to be; the zone of local times."""

    tool: Tool | None
    zone: tzinfo


def tool_of(names: frozenset[str]) -> Tool | None:
    """Return the tool whose rows have such members; None where no tool's have."""
    return next((tool for tool, reader in READERS.items() if reader.is_row(names)), None)


def read_cells(row: Row, way: Way) -> Item:
    """Read one row of a table by the names of its columns."""
    row = {name: fit(value) if isinstance(value, str) else value for name, value in row.items()}
    tool = _chosen(way, frozenset(row))
    if isinstance(tool, Skipped):
        return tool
    raw = msgspec.json.encode({name: value for name, value in row.items() if value is not None})
    return READERS[tool].read_row(row, raw, way.zone)


def read_json(part: bytes, way: Way, modified_ms: int) -> Iterator[Item]:
    """Read one JSON text: a row, the answer of a tool's API with rows in it, or a page of notes."""
    try:
        text, given = clean_value(part)
    except MalformedError as error:
        yield Skipped(why=str(error))
        return
    if not isinstance(given, dict):
        yield Skipped(why="it is no JSON object")
        return
    rows = _rows(given, text)
    if tool_of(frozenset(rows[0][0])) is None and way.tool not in READERS:
        yield from _of_pages(text, given, way, modified_ms)
        return
    for row, raw in rows:
        tool = _chosen(way, frozenset(row))
        yield tool if isinstance(tool, Skipped) else READERS[tool].read_row(row, raw, way.zone)


def read_html(part: bytes, way: Way, modified_ms: int) -> Iterator[Item]:
    """Read a saved web page."""
    yield from _only(way, read_pages(part, modified_ms))


def _of_pages(text: bytes, given: Mapping[str, Any], way: Way, modified_ms: int) -> Iterator[Item]:
    if not _PAGE_MARKS & given.keys() and not {"id", "display_title"} <= given.keys():
        yield Skipped(why=UNKNOWN_ROWS)
        return
    yield from _only(way, read_pages(text, modified_ms))


def _only(way: Way, items: Iterator[Item]) -> Iterator[Item]:
    """Let through what is of the form that was asked for."""
    for item in items:
        source = getattr(item, "source", None)
        other = way.tool is not None and source is not None and source != way.tool.source
        yield Skipped(why=f"it is not of the form {way.tool}") if other else item


def _rows(given: Mapping[str, Any], text: bytes) -> list[tuple[Row, bytes]]:
    """Return the rows in an object: those under `data`, if they are a tool's, else itself."""
    inside = given.get("data")
    listed = inside if isinstance(inside, list) else [inside]
    rows = [an_object(one) for one in listed]
    if rows and all(rows) and tool_of(frozenset(rows[0])) is not None:
        return [(row, msgspec.json.encode(row)) for row in rows]
    return [(given, text)]


def _chosen(way: Way, names: frozenset[str]) -> Tool | Skipped:
    """Return whose rows these are, if they are what was asked for."""
    tool = tool_of(names)
    if tool is None and way.tool not in READERS:
        return Skipped(why=UNKNOWN_ROWS)
    if way.tool is not None and tool not in {None, way.tool}:
        return Skipped(why=f"a row of {tool}, and --format says {way.tool}")
    return tool or way.tool or Skipped(why=UNKNOWN_ROWS)
