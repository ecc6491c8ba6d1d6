"""The sheets of a report that hold words and rows: its summary, its tables, its appendix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.numbers import Number
from hongshu.reports.document import Block, Document, Figure, Figures, Log, Manifest, Passage, Table, Wall
from hongshu.reports.sheets.cells import HEADING_ROW, Page
from hongshu.reports.tables import formulas_table, log_table, manifest_table, wall_table
from hongshu.reports.words import say

_FIGURE_HEADS: Final = ("name", "value", "under_it", "low", "high", "left_out_label", "how_sure", "formula")
_NUMBERS_AT: Final = range(1, 5)
_LEFT_OUT: Final = {"not_covered": "not_covered_notes"}


def as_table(block: Block, lang: str) -> Table | None:
    """Return a block as rows; None where it is none of rows."""
    match block:
        case Table():
            return block
        case Wall():
            return wall_table(block, lang)
        case Log():
            return log_table(block, lang)
        case _:
            return None


def write_rows(table: Table, page: Page) -> None:
    """Write a table on a sheet of its own; its heading stays in sight."""
    area = page.table(table, HEADING_ROW)
    page.sheet.freeze_panes(HEADING_ROW + 1, 0)
    width = page.width_of(table)
    if table.rows and width:
        page.sheet.autofilter(HEADING_ROW, 0, HEADING_ROW + area.rows, width - 1)
    if not table.rows:
        page.text(HEADING_ROW + 1, 0, table.empty or say(page.book.lang, "nothing"), "note", measured=False)


def write_summary(page: Page, document: Document) -> None:
    """Write what a report is about, what it found, and its figures and words."""
    _write_about(page, document)
    _section(page, say(page.book.lang, "findings"))
    for one in document.findings:
        _line(page, one.text, "bold")
        _line(page, f"{say(page.book.lang, 'evidence')}: {one.evidence}", "note")
    if not document.findings:
        _line(page, say(page.book.lang, "no_findings"))
    _write_blocks(page, (one for one in document.blocks if isinstance(one, Figures | Passage)))


def write_appendix(page: Page, document: Document, manifest: Manifest) -> None:
    """Write formulas, what is known, what is never shown, and how the report was made."""
    lang = page.book.lang
    _write_table(page, formulas_table(document.formulas, lang))
    _write_blocks(page, document.appendix)
    _section(page, say(lang, "never"))
    for one in document.never:
        _line(page, one)
    _write_table(page, manifest_table(manifest, lang))
    page.next_row += 1
    _line(page, say(lang, "verify"))


def _write_about(page: Page, document: Document) -> None:
    lang = page.book.lang
    for phrase, told in (("window", document.window), ("zone", document.zone)):
        page.text(page.next_row, 0, say(lang, phrase), "bold")
        page.text(page.next_row, 1, told)
        page.next_row += 1
    times = (
        ("from", document.since_ms),
        ("until", document.until_ms),
        ("as_of", document.as_of_ms),
        ("made", document.made_ms),
    )
    for phrase, at_ms in times:
        page.text(page.next_row, 0, say(lang, phrase), "bold")
        page.time(page.next_row, 1, at_ms)
        page.next_row += 1
    for one in document.subjects:
        page.text(page.next_row, 0, say(lang, "creator"), "bold")
        for place, text in enumerate((one.name, one.creator, one.href), start=1):
            page.text(page.next_row, place, text, measured=place == 1)
        page.next_row += 1


def _write_blocks(page: Page, blocks: Iterable[Block]) -> None:
    for block in blocks:
        match block:
            case Figures():
                _section(page, block.title, block.note)
                _write_figures(page, block.figures)
            case Passage():
                _section(page, block.title)
                for paragraph in block.paragraphs:
                    _line(page, paragraph)
            case _:
                table = as_table(block, page.book.lang)
                if table is not None:
                    _write_table(page, table)


def _write_figures(page: Page, figures: Iterable[Figure]) -> None:
    for place, phrase in enumerate(_FIGURE_HEADS):
        style = "number_heading" if place in _NUMBERS_AT else "heading"
        page.text(page.next_row, place, say(page.book.lang, phrase), style)
    page.next_row += 1
    for one in figures:
        row, number = page.next_row, one.number
        page.text(row, 0, one.label, "prose")
        page.number(row, 1, number.value, one.unit, one.currency)
        page.number(row, 2, number.n, Unit.COUNT)
        page.number(row, 3, number.low, one.unit, one.currency)
        page.number(row, 4, number.high, one.unit, one.currency)
        page.text(row, 5, _left_out(number, page.book.lang), "prose")
        page.text(row, 6, _how_sure(number, page.book.lang), "prose")
        page.text(row, 7, one.formula, "prose")
        page.next_row += 1


def _left_out(number: Number, lang: str) -> str:
    return ", ".join(f"{count:,} {say(lang, _LEFT_OUT.get(why, why))}" for why, count in number.left_out.items())


def _how_sure(number: Number, lang: str) -> str:
    if number.value is None:
        return say(lang, number.why.value if number.why else "too_few")
    told = [say(lang, "pattern" if number.is_pattern else "hypothesis")]
    if number.low is None or number.high is None:
        told.append(say(lang, "no_interval"))
    if number.note == "rounded":
        told.append(say(lang, "rounded"))
    return " · ".join(told)


def _write_table(page: Page, table: Table) -> None:
    _section(page, table.title, table.note)
    area = page.table(table, page.next_row, style="prose")
    page.next_row += 1 + area.rows
    if not table.rows:
        _line(page, table.empty or say(page.book.lang, "nothing"), "note")


def _section(page: Page, title: str, note: str = "") -> None:
    """Leave a row free, then write a title."""
    if page.next_row > HEADING_ROW:
        page.next_row += 1
    _line(page, title, "section")
    if note:
        _line(page, note, "note")


def _line(page: Page, text: str, style: str = "plain") -> None:
    page.text(page.next_row, 0, text, style, measured=False)
    page.next_row += 1
