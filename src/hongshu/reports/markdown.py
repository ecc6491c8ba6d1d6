"""A report as Markdown: tables in place of pictures, and what others wrote as text that marks nothing up. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hongshu.formats.border import printable
from hongshu.reports import words
from hongshu.reports.document import (
    Bars,
    Block,
    Cell,
    Column,
    Curves,
    Document,
    Figures,
    Heatmap,
    Link,
    Log,
    Manifest,
    Multiples,
    Passage,
    Table,
    Timeline,
    Wall,
)
from hongshu.reports.tables import (
    NUMBERS,
    SEVERAL,
    dots_table,
    formulas_table,
    hours_table,
    manifest_table,
    median_table,
    usual_table,
    wall_table,
)
from hongshu.reports.words import say

SITE: Final = "https://www.xiaohongshu.com/"
"""Links lead there or nowhere."""
MOST_POINTS: Final = 12
"""Rows of a running median."""
MOST_DOTS: Final = 5
MOST_HOURS: Final = 10

_SEAL_WIDTH: Final = 120
_SEAL_BEGINS: Final = "<!-- hongshu-sealed\n"
_SEAL_ENDS: Final = "\n-->"
_SEAL: Final = re.compile(r"[A-Za-z0-9+/=\s]+")
_MARKS: Final = re.compile(r"[\\`*_{}\[\]()#|~$!^&]")
"""Signs that may mark something up wherever they stand; `<` and `>` become entities."""
_LEADING: Final = re.compile(r"^(?:([0-9]{1,9})(?=\.(?:\s|$))|(?=[-+=:]))")
"""What begins a list or underlines a heading."""
_CALLS: Final = re.compile(r"@(?=\w)|:(?=//)|(?i:(?<=www)\.|(?<=mailto):|(?<=xmpp):)")
"""What calls people or becomes a link by itself."""
_FULL_WIDTH: Final = {"@": "＠", ":": "：", ".": "．"}
_ADDRESS: Final = re.compile(re.escape(SITE) + r"[A-Za-z0-9/_?=.%-]+")
_RIGHT: Final = frozenset({*NUMBERS, *SEVERAL})


def markdown(document: Document, manifest: Manifest, sealed: str) -> str:
    """Return a report as Markdown of GitHub's flavour; `sealed` is base64 that it carries in a comment.

    Equal arguments make equal texts.
    """
    page = _Page(document.lang, document.zone)
    parts = [*page.head(document), *page.findings(document)]
    parts += [part for block in document.blocks for part in page.block(block)]
    parts += page.appendix(document, manifest)
    if sealed:
        parts.append(_SEAL_BEGINS + "\n".join(_wrapped(sealed)) + _SEAL_ENDS)
    return "\n\n".join(part for part in parts if part) + "\n"


def sealed_of_markdown(text: str) -> str | None:
    """Return the sealed text that a report in Markdown carries; None where it carries none."""
    _, begins, rest = text.replace("\r\n", "\n").rpartition(_SEAL_BEGINS)
    sealed, ends, _ = rest.partition(_SEAL_ENDS)
    if not begins or not ends or not _SEAL.fullmatch(sealed):
        return None
    return "".join(sealed.split())


def plain(text: str) -> str:
    """Return what others wrote as Markdown that shows it as it is: one line that marks nothing up and calls nobody."""
    line = " ".join(printable(text).split())
    line = _CALLS.sub(lambda found: _FULL_WIDTH[found[0]], line)
    line = _MARKS.sub(r"\\\g<0>", line)
    line = _LEADING.sub(r"\1\\", line)
    return line.replace("<", "&lt;").replace(">", "&gt;")


class _Page:
    """Says everything in the language and the zone of a report."""

    def __init__(self, lang: str, zone: str) -> None:
        self._lang = lang
        self._zone = zone

    def head(self, document: Document) -> Iterator[str]:
        """Yield what the report is about."""
        yield _heading(1, document.title)
        if document.simulated:
            yield f"**{self._say('simulated')}**"
        between = " – ".join(words.moment(ms, self._zone) for ms in (document.since_ms, document.until_ms))
        lines = [
            f"- {self._say('window')}: {plain(document.window)} ({between})",
            f"- {self._say('as_of')}: {words.moment(document.as_of_ms, self._zone)}",
            f"- {self._say('made')}: {words.moment(document.made_ms, self._zone)}",
            f"- {self._say('zone')}: {plain(document.zone)}",
            *(f"- {self._say('creator')}: {_linked(one.name, one.href)}" for one in document.subjects),
        ]
        yield "\n".join(lines)

    def findings(self, document: Document) -> Iterator[str]:
        """Yield what was found, each with what it stands on."""
        yield _heading(2, self._say("findings"))
        lines = [f"- {_bold(plain(one.text))} {plain(one.evidence)}" for one in document.findings]
        yield "\n".join(lines) if lines else self._say("no_findings")

    def block(self, block: Block, level: int = 2) -> Iterator[str]:
        """Yield the parts of a block under its title."""
        yield _heading(level, block.title)
        match block:
            case Figures():
                yield self._figures(block)
            case Passage():
                yield from map(plain, block.paragraphs)
            case Log():
                yield self._log(block)
            case Table():
                yield self._table(block)
            case Wall():
                yield self._table(wall_table(block, self._lang))
            case _:
                yield from self._picture(block)
        yield plain(_note(block, self._lang))

    def appendix(self, document: Document, manifest: Manifest) -> Iterator[str]:
        """Yield formulas, what is known, what is never shown, and how the report was made."""
        yield _heading(2, self._say("appendix"))
        yield _heading(3, self._say("formulas"))
        yield self._table(formulas_table(document.formulas, self._lang))
        for block in document.appendix:
            yield from self.block(block, 3)
        yield _heading(3, self._say("never"))
        yield "\n".join(f"- {plain(one)}" for one in document.never)
        yield _heading(3, self._say("manifest"))
        yield self._table(manifest_table(manifest, self._lang))
        yield self._say("verify")

    def _say(self, phrase: str, **values: object) -> str:
        return say(self._lang, phrase, **values)

    def _picture(self, block: Timeline | Heatmap | Bars | Curves | Multiples) -> Iterator[str]:
        match block:
            case Timeline():
                yield from self._timeline(block)
            case Heatmap():
                cells = [one for one in block.cells if one.ratio is not None]
                cells.sort(key=lambda one: (not one.advised, -(one.ratio or 0), one.weekday, one.hour))
                yield self._table(hours_table(block, cells[:MOST_HOURS], self._lang))
            case Bars():
                yield self._bars(block)
            case Curves():
                yield self._table(usual_table(block, self._lang))
                yield self._curves(block)
            case Multiples():
                yield self._multiples(block)

    def _timeline(self, block: Timeline) -> Iterator[str]:
        if block.band is not None:
            yield f"{self._say('band')}: {' – '.join(map(words.significant, block.band))}"
        if block.median:
            yield self._table(median_table(block.title, _spread(block.median), self._lang))
        highest = sorted(block.dots, key=lambda one: (-one.value, one.at_ms))[:MOST_DOTS]
        yield self._table(dots_table(block.title, highest, self._lang))

    def _bars(self, block: Bars) -> str:
        heads = [(self._say(one), one != "name") for one in ("name", "value", "low", "high")]
        rows = [
            [
                _bold(plain(one.label)) if one.focus else plain(one.label),
                *(self._value(block, number) for number in (one.value, one.low, one.high)),
            ]
            for one in block.bars
        ]
        return _grid(heads, rows) if rows else self._say("nothing")

    def _value(self, block: Bars, number: float | None) -> str:
        return words.value(block.unit, number, self._lang)

    def _curves(self, block: Curves) -> str:
        """Return how far each note has come."""
        heads = [(self._say(one), one != "note") for one in ("note", "age_hours", "interactions")]
        rows = [
            [plain(one.title) or self._say("untitled"), *map(words.significant, one.points[-1])]
            for one in block.curves
            if one.points
        ]
        return _grid(heads, rows) if rows else ""

    def _multiples(self, block: Multiples) -> str:
        heads = [(self._say(one), one != "creator") for one in ("creator", "notes", "running_median", "band")]
        rows = []
        for one in block.timelines:
            last = words.significant(one.median[-1][1]) if one.median else words.UNKNOWN
            band = " – ".join(map(words.significant, one.band)) if one.band is not None else words.UNKNOWN
            rows.append([plain(one.title), f"{len(one.dots):,}", last, band])
        return _grid(heads, rows) if rows else self._say("nothing")

    def _figures(self, block: Figures) -> str:
        heads = [(self._say(one), one == "value") for one in ("name", "value", "under_it", "formula")]
        rows = [
            [
                plain(one.label),
                plain(words.value(one.unit, one.number.value, self._lang, one.currency)),
                plain(words.sample(one.number, one.unit, self._lang)),
                plain(one.formula),
            ]
            for one in block.figures
        ]
        return _grid(heads, rows) if rows else self._say("nothing")

    def _log(self, block: Log) -> str:
        lines = []
        for one in block.lines:
            about = f": {_linked(one.title or self._say('untitled'), one.href)}" if one.title or one.href else ""
            lines.append(f"- {words.moment(one.at_ms, self._zone)} · {plain(one.text)}{about}")
        return "\n".join(lines) or self._say("nothing")

    def _table(self, table: Table) -> str:
        heads = [(plain(one.label), one.kind in _RIGHT) for one in table.columns]
        rows = [[self._cell(one, cell) for one, cell in zip(table.columns, cells, strict=True)] for cells in table.rows]
        return _grid(heads, rows) if rows else plain(table.empty) or self._say("nothing")

    def _cell(self, column: Column, cell: Cell) -> str:
        if isinstance(cell, Link):
            return _linked(cell.text.strip() or self._say("untitled"), cell.href)
        if isinstance(cell, str):
            return plain(cell)
        return words.cell(column.kind, cell, self._lang, self._zone)


def _note(block: Block, lang: str) -> str:
    match block:
        case Passage():
            return ""
        case Log():
            return say(lang, "more", more=block.more) if block.more else ""
        case Wall():
            return wall_table(block, lang).note
        case _:
            return block.note


def _heading(level: int, text: str) -> str:
    return f"{'#' * level} {plain(text) or words.UNKNOWN}"


def _linked(text: str, href: str) -> str:
    return f"[{plain(text)}]({href})" if _ADDRESS.fullmatch(href) else plain(text)


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""


def _grid(heads: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the heads say of each column whether it stands at the right."""
    lines = [[head for head, _ in heads], ["---:" if right else "---" for _, right in heads], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return some of many points, evenly, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return list(points)
    return [points[round(place * (len(points) - 1) / (MOST_POINTS - 1))] for place in range(MOST_POINTS)]


def _wrapped(sealed: str) -> list[str]:
    return [sealed[start : start + _SEAL_WIDTH] for start in range(0, len(sealed), _SEAL_WIDTH)]
