"""Workbooks from anybody: read as values, or refused in one line before they take the machine's memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from hongshu import sheets
from hongshu.errors import UsageError
from hongshu.sheets import rows_of_xlsx

MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS: Final = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}">'
    '<sheets><sheet name="one" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{RELATED}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
}


def a_sheet(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def a_text(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def a_book(path: Path, rows: str, **more: str | bytes) -> Path:
    """A workbook of one sheet; `more` are further parts, or others in place of the usual ones."""
    parts: dict[str, str | bytes] = {**PARTS, "xl/worksheets/sheet1.xml": a_sheet(rows), **more}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return path


def read(path: Path) -> list[tuple[object, ...]]:
    return list(rows_of_xlsx(path))


def test_cells_are_values_of_their_kinds(tmp_path: Path) -> None:
    """Whole numbers are ints, dates are datetimes, formulas their last value, and rows may lack cells."""
    xlsxwriter = pytest.importorskip("xlsxwriter")
    path = tmp_path / "kinds.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "n", "when"])
        sheet.write_row(1, 0, ["a", 3, 2.5])
        sheet.write_datetime(2, 2, datetime(2026, 5, 1, 12, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))  # noqa: DTZ001
        sheet.write_formula(3, 1, "=1+1", value=2)
        sheet.write_string(4, 0, "=1+1")
    assert read(path) == [
        ("id", "n", "when"),
        ("a", 3, 2.5),
        (None, None, datetime(2026, 5, 1, 12, 30)),  # noqa: DTZ001 - cells have no zone
        (None, 2, None),
        ("=1+1", None, None),
    ]
    assert [type(one) for one in read(path)[1]] == [str, int, float]


def test_a_workbook_by_hand_is_read(tmp_path: Path) -> None:
    """What the refusals below are made from is good itself."""
    assert read(a_book(tmp_path / "a.xlsx", f'<row r="1">{a_text("A1", "x")}</row>')) == [("x",)]
    assert read(a_book(tmp_path / "empty.xlsx", "")) == []


REFUSED: Final = {
    "a table of one cell far away": (
        f'<row r="1">{a_text("A1", "x")}</row><row r="1048576">{a_text("XFD1048576", "x")}</row>',
        {},
        "more cells",
    ),
    "a million cells that share a long text": (
        "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 30_000)),
        {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>{"长" * 30_000}</t></si></sst>'},
        "longer ones",
    ),
    "a part that unpacks to half a gigabyte": (
        "",
        {"xl/media/nothing.bin": bytes(64 * 2**20)},
        "unpacks to more",
    ),
    "a document type with entities": (
        "",
        {
            "xl/worksheets/sheet1.xml": '<!DOCTYPE d [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
            + a_sheet(f'<row r="1">{a_text("A1", "&b;")}</row>')
        },
        "is damaged",
    ),
    "a sheet that is cut off": ("", {"xl/worksheets/sheet1.xml": a_sheet("<row>")[:-40]}, "is damaged"),
    "a place that is none": ('<row r="1"><c r="1A"><v>1</v></c></row>', {}, "is damaged"),
    "a row that is none": ('<row r="one"><c r="A1"><v>1</v></c></row>', {}, "is damaged"),
    "a part that leads out": ("", {"../../evil.xml": "<a/>"}, "is damaged"),
    "a sheet of an office suite": ("", {"content.xml": "<a/>"}, "OpenDocument"),
    "too many parts": ("", {f"xl/part{number}.xml": "<a/>" for number in range(2_001)}, "more than 2000 parts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_workbook_that_asks_for_too_much_is_refused(tmp_path: Path, name: str) -> None:
    """In one line that says what to do, in a process that may hold a gigabyte and needs a fraction of it."""
    rows, parts, said = REFUSED[name]
    path = a_book(tmp_path / "book.xlsx", rows, **parts)
    program = (
        "import pathlib, sys\n"
        "from hongshu.errors import UsageError\n"
        "from hongshu.sheets import rows_of_xlsx\n"
        "try:\n    print(len(list(rows_of_xlsx(pathlib.Path(sys.argv[1])))))\n"
        "except UsageError as error:\n    print(error)\n"
    )

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))

    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=bounded,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said in ended.stdout
    assert ended.stdout.count("\n") == 1
    assert str(path) in ended.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged"),
        (b"id,name\n", "is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old .xls workbook"),
        (b"PK\x03\x04" + bytes(200), "is damaged"),
    ],
)
def test_other_files_are_no_workbooks(tmp_path: Path, content: bytes, said: str) -> None:
    """Text, older workbooks and rubbish under a name that ends with .xlsx."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read(path)


def test_a_zip_file_without_a_workbook_says_so(tmp_path: Path) -> None:
    """Somebody's archive."""
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("a.txt", "a")
    with pytest.raises(UsageError, match="a zip file and no"):
        read(path)


def test_every_cut_of_a_workbook_is_refused_or_read(tmp_path: Path) -> None:
    """However much of its end is missing, and whichever byte is another one: no other error leaves the room."""
    whole = a_book(tmp_path / "a.xlsx", f'<row r="1">{a_text("A1", "x")}</row>').read_bytes()
    path = tmp_path / "b.xlsx"
    refused = 0
    for place in range(0, len(whole), 7):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]):
            path.write_bytes(content)
            try:
                read(path)
            except UsageError as error:
                refused += 1
                assert "\n" not in error.message  # noqa: PT017 - most are refused, some are read
    assert refused > len(whole) / 7


def test_what_the_library_panics_about_is_a_damaged_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its panics are no exceptions that one may catch by a public name; others of their kind pass."""

    class PanicException(BaseException):
        pass

    def panics(*_: object) -> None:
        raise PanicException

    path = a_book(tmp_path / "a.xlsx", "")
    monkeypatch.setattr(sheets, "_first_sheet", panics)
    with pytest.raises(UsageError, match="is damaged"):
        read(path)

    def stops(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sheets, "_first_sheet", stops)
    with pytest.raises(KeyboardInterrupt):
        read(path)
