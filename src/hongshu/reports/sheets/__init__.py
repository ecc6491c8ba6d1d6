"""A report as a workbook: a summary, a sheet a block with charts that can be edited, and an appendix."""

from __future__ import annotations

from pathlib import Path

from hongshu.reports.document import Document, Manifest
from hongshu.reports.sheets.cells import Book
from hongshu.reports.sheets.pages import as_table, write_appendix, write_rows, write_summary
from hongshu.reports.sheets.pictures import Numbers, Picture, draw
from hongshu.reports.sheets.sealed import parts_of, sealed_of_workbook
from hongshu.reports.words import say

__all__ = ["sealed_of_workbook", "workbook"]


def workbook(document: Document, manifest: Manifest, sealed: str, path: Path) -> None:
    """Write a report as XLSX; `sealed` is text that it carries unseen. Equal arguments make equal bytes.

    Raises `SetupError` without the library that writes workbooks, `OSError` where the file cannot be written.
    """
    lang = document.lang
    book = Book(path, lang, document.zone, say(lang, "simulated") if document.simulated else "")
    write_summary(book.page(document.title, named=say(lang, "summary")), document)
    pictures = []
    for block in (*document.blocks, *(one for one in document.appendix if isinstance(one, Picture))):
        if isinstance(block, Picture):
            pictures.append((block, book.page(block.title, block.note)))
        elif (table := as_table(block, lang)) is not None:
            write_rows(table, book.page(table.title, table.note))
    if pictures:
        numbers = Numbers(book.page(say(lang, "drawn_numbers")))
        for picture, page in pictures:
            draw(picture, page, numbers)
    write_appendix(book.page(say(lang, "appendix")), document, manifest)
    if sealed:
        book.hide(parts_of(sealed))
    book.close()
