"""Reports as workbooks: typed cells that are no formulas and no links, charts, and the data that they carry."""

from __future__ import annotations

import base64
import random
import re
import sys
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

import hostile
from hongshu.analytics.catalogue.base import Unit
from hongshu.errors import SetupError, UsageError
from hongshu.reports.document import Document, Timeline
from hongshu.reports.sheets import sealed_of_workbook, workbook
from hongshu.reports.sheets.cells import wide
from hongshu.reports.words import value
from reports import small_documents as small

TEXTS = [*map(hostile.kept, dict.fromkeys([*hostile.attacking("sheet", "feed"), *hostile.CHOSEN])), *hostile.LONGER]

CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
SEALED = base64.b64encode(random.Random(5).randbytes(2_250_000)).decode()
EVERY = small.document()


def written(told: Document, folder: Path, sealed: str = "AAAA") -> Path:
    path = folder / "report.xlsx"
    workbook(told, small.manifest(told), sealed, path)
    return path


def opened(told: Document, folder: Path) -> Any:
    return openpyxl.load_workbook(written(told, folder))


def row_of(sheet: Worksheet, first: object) -> tuple[Any, ...]:
    """Return the cells of the row that begins with a value."""
    return next(row for row in sheet.iter_rows() if row[0].value == first)


def members(path: Path, begin: str) -> dict[str, str]:
    with zipfile.ZipFile(path) as book:
        return {name: book.read(name).decode() for name in book.namelist() if name.startswith(begin)}


def charts(path: Path) -> list[ET.Element]:
    """Return the charts of a workbook, in order; each is well-formed XML."""
    told = members(path, "xl/charts/chart")
    return [ET.fromstring(told[name]) for name in sorted(told, key=lambda name: int(re.sub(r"\D", "", name)))]  # noqa: S314 - of ours


def test_equal_reports_are_equal_bytes(tmp_path: Path) -> None:
    """Also where members of the manifest were given in another order."""
    first = written(EVERY, tmp_path).read_bytes()
    other = tmp_path / "other.xlsx"
    manifest = small.manifest(EVERY, libraries={"duckdb": "2.0.1", "numpy": "2.3.0"})
    workbook(EVERY, manifest, "AAAA", other)
    assert other.read_bytes() == first
    workbook(EVERY, manifest, "AAAB", other)
    assert other.read_bytes() != first


def test_every_block_has_its_sheet_in_order(tmp_path: Path) -> None:
    """The summary is first, the appendix last of those that are seen; words and figures stand in the summary."""
    book = opened(EVERY, tmp_path)
    assert book.sheetnames == [
        *("Summary", "All kinds", "Over time", "Hours", "Bars", "Growth", "Side by side", "Notes", "Life-log"),
        *("Numbers of the pictures", "Appendix", "hongshu"),
    ]
    assert [sheet.sheet_state for sheet in book] == ["visible"] * 11 + ["veryHidden"]
    assert {sheet.title: sheet.freeze_panes for sheet in book if sheet.freeze_panes} == {
        **dict.fromkeys(("All kinds", "Notes", "Life-log"), "A4"),
        "Hours": "B5",
        "Numbers of the pictures": "A5",
    }


@pytest.mark.parametrize(
    ("zone", "time"),
    [("Asia/Shanghai", datetime(2026, 2, 2, 10, 40)), ("America/New_York", datetime(2026, 2, 1, 21, 40))],  # noqa: DTZ001 - cells have no zone
)
def test_cells_are_of_their_type(tmp_path: Path, zone: str, time: datetime) -> None:
    """Numbers are numbers, times are times in the report's zone, and what is several numbers takes several cells."""
    sheet = opened(small.document([small.table()], zone=zone), tmp_path)["All kinds"]
    assert [cell.value for cell in sheet[3]] == [
        *("text", "count", "share", "times", "ratio", "days", "time", "day", "flag", "link", "link: address"),
        *("spread: P25", "spread: median", "spread: P75", "interval: low", "interval: high"),
    ]
    found = [cell.value for cell in sheet[4]]
    day = time.replace(hour=0, minute=0)
    assert found == [
        *(small.TITLE, 1234.5, 0.1234, 2.5, 0.0142, 3, time, day, True, small.TITLE, small.NOTE),
        *(1.0, 2.5, 400.0, 0.9, 1.1),
    ]
    assert found[8] is True
    formats = [cell.number_format for cell in sheet[4]]
    assert formats[1:8] == [
        *("#,##0", "0.0%", '#,##0.00" ×"', "#,##0.0000", f'#,##0"{value(Unit.DAYS, 3, "en")[1:]}"'),
        *("yyyy-mm-dd hh:mm", "yyyy-mm-dd"),
    ]


def test_what_is_unknown_is_an_empty_cell(tmp_path: Path) -> None:
    """Never a 0, and a 0 is a 0."""
    book = opened(EVERY, tmp_path)
    assert [cell.value for cell in book["All kinds"][5]] == [None] * 16
    known, unknown = book["Notes"][4], book["Notes"][5]
    assert [cell.value for cell in known][-5:] == [1200, 300, 40, 0, 1540]
    assert [cell.value for cell in unknown][-5:] == [None] * 5
    assert [cell.value for cell in row_of(book["Summary"], "unknown")] == [
        *("unknown", None, 20, None, None),
        *("3 still ripening, 2 outside what is known without a gap", "too few notes", "none"),
    ]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_summary_tells_window_findings_and_figures(tmp_path: Path, lang: str) -> None:
    """Each figure has its value, sample, interval and formula, in the format of its unit."""
    sheet = opened(small.document(lang=lang), tmp_path).worksheets[0]
    values = [cell.value for row in sheet.iter_rows() for cell in row]
    assert {"Report", "90d", "Mia", small.PROFILE, "Videos do better.", "Second."} <= set(values)
    assert datetime(2026, 2, 2, 10, 40) in values  # noqa: DTZ001 - cells have no zone
    share = row_of(sheet, "share")
    assert [cell.value for cell in share[1:5]] == [0.125, 20, 0.1, 0.5]
    assert share[7].value == "formula of share"
    formats = {label: row_of(sheet, label)[1].number_format for label in ("share", "times", "per_month", "price")}
    before, after = (f'"{words}"' if words else "" for words in value(Unit.PER_MONTH, 0.125, lang).split("0.125"))
    assert formats == {
        "share": "0.0%",
        "times": '#,##0.000" 倍"' if lang == "zh" else '#,##0.000" ×"',
        "per_month": f"{before}#,##0.000{after}",
        "price": '#,##0.00" CNY"',
    }


def test_a_simulated_report_says_so_on_every_sheet(tmp_path: Path) -> None:
    """Beside each title."""
    for sheet in opened(small.document(simulated=True), tmp_path):
        assert sheet.title == "hongshu" or sheet["A1"].value.endswith("nothing here is about a real person.")


def test_the_appendix_tells_formulas_coverage_and_manifest(tmp_path: Path) -> None:
    """And what is never shown, and how to verify the report."""
    values = [cell.value for row in opened(EVERY, tmp_path)["Appendix"].iter_rows() for cell in row if cell.value]
    for text in ("median of E", "Coverage", "rates per view", "9f" * 32, "counters = 1204, notes = 84"):
        assert text in values
    assert values[-1].startswith("`hongshu report verify")


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    """In its own words, else in ours; pictures of nothing too."""
    nothing = [
        small.Table(title="a", columns=small.table().columns, rows=[], empty="None of them."),
        small.Table(title="b", columns=small.table().columns, rows=[]),
        Timeline(title="c", dots=[], median=[], band=None),
        small.Bars(title="d", unit=small.Unit.COUNT, bars=[]),
        small.Curves(title="e", curves=[], usual=[]),
        small.Multiples(title="f", timelines=[]),
        small.Heatmap(title="g", cells=[]),
        small.Wall(title="h", tiles=[]),
        small.Log(title="i", lines=[]),
    ]
    path = written(small.document(nothing), tmp_path)
    book = openpyxl.load_workbook(path)
    assert [book[name]["A4"].value for name in "abcdefhi"] == ["None of them.", *["Nothing to show."] * 7]
    assert not charts(path)


def cells_of(book: Any) -> Iterator[Any]:
    for sheet in book:
        for row in sheet.iter_rows():
            yield from row


def looks_like_a_formula(text: str) -> bool:
    seen = [sign for sign in text if not sign.isspace() and unicodedata.category(sign) not in {"Cc", "Cf"}]
    return bool(seen) and unicodedata.normalize("NFKC", seen[0])[0] in "=+-@"


@pytest.mark.parametrize("place", range(0, len(TEXTS), 3))
def test_a_hostile_text_is_a_text(tmp_path: Path, place: int) -> None:
    """No cell is a formula or a link, none begins like one, and the file is well formed."""
    for text in TEXTS[place : place + 3]:
        path = written(small.hostile(text), tmp_path)
        for name, content in members(path, "").items():
            assert ET.fromstring(content) is not None, name  # noqa: S314 - of ours
        sheets = "".join(members(path, "xl/worksheets/").values())
        assert "<f>" not in sheets
        assert "hyperlink" not in sheets
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b]", "".join(members(path, "xl/").values()))
        for cell in cells_of(openpyxl.load_workbook(path)):
            assert cell.data_type in "snbd"
            assert cell.hyperlink is None
            if isinstance(cell.value, str):
                assert not looks_like_a_formula(cell.value)
                assert len(cell.value.encode("utf-16-le")) <= 2 * 32_767


def test_a_text_that_no_cell_holds_is_cut(tmp_path: Path) -> None:
    """An ellipsis says so; no sign is cut in two."""
    sheet = opened(small.document([small.table("a", "x" + "🧥" * 20_000)]), tmp_path)["a"]
    text = sheet["A4"].value
    assert len(text.encode("utf-16-le")) <= 2 * 32_767
    assert text == "x" + "🧥" * 16_382 + "…"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "title", ["x" * 50, "🧥" * 20, "[]:*?/\\'", "", "History", "HONGSHU", "摘要", "Summary", "a/b"]
)
def test_sheet_names_are_valid_and_unique(tmp_path: Path, lang: str, title: str) -> None:
    """Also where all blocks have the same title, or that of a sheet of ours."""
    names = opened(small.document(small.blocks(title or "\u200b"), lang=lang), tmp_path).sheetnames
    assert len({name.casefold() for name in names}) == len(names) == 12
    for name in names:
        assert 1 <= len(name.encode("utf-16-le")) // 2 <= 31
        assert not re.search(r"[\[\]:*?/\\']", name)
        assert name.casefold() != "history"
    assert names[-1] == "hongshu"


def test_columns_are_as_wide_as_their_texts(tmp_path: Path) -> None:
    """Chinese signs count twice; no column is wider than can be read."""
    book = opened(small.document([small.table("a", "长" * 12), small.table("b", "W" * 500)]), tmp_path)
    assert book["a"].column_dimensions["A"].width == pytest.approx(26, abs=1)
    assert book["b"].column_dimensions["A"].width == pytest.approx(48, abs=1)
    assert wide("长a") == 3


def series_of(chart: ET.Element) -> list[dict[str, Any]]:
    """Return the name, the range and the kept values of each series of a chart."""
    found = []
    for one in chart.iter(f"{CHART}ser"):
        [values] = [part for part in one if part.tag in {f"{CHART}yVal", f"{CHART}val"}]
        name = next(one.iter(f"{CHART}tx"))
        found.append(
            {
                "name": "".join(name.itertext()),
                "range": next(values.iter(f"{CHART}f")).text,
                "values": [float(point.text or "") for point in values.iter(f"{CHART}v")],
            }
        )
    return found


def test_charts_draw_cells_of_the_sheet_of_numbers(tmp_path: Path) -> None:
    """One for the timeline, the bars and the curves, and one a creator side by side."""
    path = written(EVERY, tmp_path)
    over, bars, growth, first, second = charts(path)
    told = series_of(over)
    assert [one["values"] for one in told] == [[20, 5000, 90], [300], [100, 101, 102, 103], [50, 50], [700, 700]]
    assert [one["name"] for one in told] == ["notes", "still ripening", "running median", "P25", "P75"]
    assert [one["values"] for one in series_of(bars)] == [[0.5, 0.25]]
    assert [one["values"] for one in series_of(growth)] == [[10, 60, 90], [20, 40], [5, 50]]
    assert [one["values"] for one in series_of(second)][:2] == [[5, 6], [7]]
    assert "Somebody else" in "".join(second.itertext())
    book = openpyxl.load_workbook(path)
    for chart in (over, bars, growth, first, second):
        for one in series_of(chart):
            sheet, place = one["range"].rsplit("!", 1)
            assert sheet == "'Numbers of the pictures'"
            first_cell, _, last_cell = place.replace("$", "").partition(":")
            rows = book["Numbers of the pictures"][f"{first_cell}:{last_cell or first_cell}"]
            cells = [row[0].value for row in rows]
            assert [value for value in cells if value is not None] == one["values"]
    assert [len(book[name]._charts) for name in ("Over time", "Bars", "Growth", "Side by side")] == [1, 1, 1, 2]


def scales_of(chart: ET.Element) -> list[dict[str, str | None]]:
    return [{one.tag.removeprefix(CHART): one.get("val") for one in scale} for scale in chart.iter(f"{CHART}scaling")]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ((20, 1999, 90, 300), {"min": "0"}),
        ((20, 2100, 90, 300), {"logBase": "10", "min": "10", "max": "10000"}),
        ((0, 0, 0, 0), {"min": "0"}),
        ((0, 1, 9, 300), {"logBase": "10", "min": "1", "max": "1000"}),
    ],
)
def test_values_that_differ_much_are_drawn_on_a_logarithmic_scale(
    tmp_path: Path, values: tuple[float, ...], scale: dict[str, str]
) -> None:
    """Which says so, and what has no place on it."""
    path = written(small.document([small.timeline("a", "b", *values)]), tmp_path)
    [chart] = charts(path)
    [_, drawn] = scales_of(chart)
    assert drawn == {"orientation": "minMax", **scale}
    assert ("logarithmic scale" in "".join(chart.itertext())) is ("logBase" in scale)
    said = openpyxl.load_workbook(path)["a"]["A3"].value
    assert (said is not None) is (0 in values and "logBase" in scale)


def test_creators_side_by_side_have_the_same_axes(tmp_path: Path) -> None:
    """Or their pictures could not be compared."""
    _, _, _, first, second = charts(written(EVERY, tmp_path))
    assert scales_of(first) == scales_of(second)


def test_bars_have_their_intervals_and_unknown_ones_have_none(tmp_path: Path) -> None:
    """As error bars, by the distance of each bound from the value."""
    path = written(small.document([small.bars()]), tmp_path)
    [chart] = charts(path)
    [errors] = chart.iter(f"{CHART}errBars")
    told = {
        side: [point.text for point in errors.find(f"{CHART}{side}").iter(f"{CHART}v")] for side in ("minus", "plus")
    }  # type: ignore[union-attr]
    assert told == {"minus": ["0.25"], "plus": ["0.375"]}
    sheet = openpyxl.load_workbook(path)["Numbers of the pictures"]
    assert [[cell.value for cell in row] for row in sheet["B5:F7"]] == [
        [0.5, 0.25, 0.875, 0.25, 0.375],
        [0.25, None, None, None, None],
        [None] * 5,
    ]
    assert [cell.number_format for cell in sheet["B5:C5"][0]] == ["0.0%"] * 2
    [category, value] = scales_of(chart)
    assert (category["orientation"], value["min"]) == ("maxMin", "0")


def test_hours_have_colours_and_unknown_ones_are_hatched(tmp_path: Path) -> None:
    """Monday is first; advised hours have a frame."""
    sheet = opened(small.document([small.heatmap()]), tmp_path)["Hours"]
    assert [sheet.cell(4, 2 + hour).value for hour in (0, 23)] == ["00", "23"]
    assert [sheet.cell(5 + day, 1).value for day in (0, 6)] == ["Mon", "Sun"]
    grid = {(day, hour): sheet.cell(5 + day, 2 + hour) for day in range(7) for hour in range(24)}
    assert {place: cell.value for place, cell in grid.items() if cell.value is not None} == {(1, 20): 2.25, (0, 8): 0.5}
    hatched = {place for place, cell in grid.items() if cell.fill.patternType == "lightUp"}
    assert hatched == set(grid) - {(1, 20), (0, 8)}
    assert grid[1, 20].font.bold
    assert not grid[0, 8].font.bold
    [[where, [rule]]] = [(str(found.sqref), rules) for found, rules in sheet.conditional_formatting._cf_rules.items()]
    assert (where, rule.type) == ("B5:Y11", "colorScale")
    assert [float(one.val) for one in rule.colorScale.cfvo] == [0.5, 1, 2]


def test_more_curves_than_a_chart_holds_are_not_drawn(tmp_path: Path) -> None:
    """But their numbers stand on the sheet of numbers."""
    many = small.Curves(title="a", curves=[small.Curve(title="b", points=[(1, 2), (3, 4)])] * 300, usual=[(1, 5)])
    path = written(small.document([many]), tmp_path)
    [chart] = charts(path)
    assert len(list(chart.iter(f"{CHART}ser"))) == 251
    assert openpyxl.load_workbook(path)["Numbers of the pictures"].max_row == 4 + 600


@pytest.mark.parametrize("sealed", [SEALED, "A", "+" * 32_000, "A" * 32_001, "A" * 64_000])
def test_a_workbook_carries_its_data(tmp_path: Path, sealed: str) -> None:
    """On a sheet that nobody sees, in cells that every program keeps; equal parts too."""
    path = written(EVERY, tmp_path, sealed)
    assert sealed_of_workbook(path) == sealed
    column = [row[0] for row in openpyxl.load_workbook(path)["hongshu"].iter_rows(values_only=True)]
    assert "".join(column) == sealed
    assert max(map(len, column)) <= 32_000


def test_the_data_is_read_after_another_program_saved_the_workbook(tmp_path: Path) -> None:
    """Which keeps texts in places of its own."""
    path = written(EVERY, tmp_path, SEALED[:100_000])
    book = openpyxl.load_workbook(path)
    book["hongshu"]["B1"] = "somebody's remark"
    book.save(path)
    assert sealed_of_workbook(path) == SEALED[:100_000]


def test_a_text_in_place_is_read(tmp_path: Path) -> None:
    """Some programs share no texts."""
    path = written(EVERY, tmp_path, "AAAA")
    names = members(path, "xl/worksheets/sheet")
    sheet = max(names, key=lambda name: int(re.sub(r"\D", "", name)))
    cell = '<c r="A1" t="inlineStr"><is><r><t>AB</t></r><r><t>CD</t></r></is></c><c r="B1"><v>7</v></c>'
    told = re.sub(r"<c r=.*</c>", cell, names[sheet])
    assert sealed_of_workbook(changed(path, {sheet: told})) == "ABCD"


def test_a_workbook_of_others_carries_none(tmp_path: Path) -> None:
    """Nor does one of ours that was given none."""
    path = tmp_path / "a.xlsx"
    openpyxl.Workbook().save(path)
    assert sealed_of_workbook(path) is None
    assert sealed_of_workbook(written(EVERY, tmp_path, "")) is None


def changed(path: Path, told: dict[str, str]) -> Path:
    """Return a copy of a workbook with some members changed."""
    other = path.with_name("changed.xlsx")
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in book.namelist():
            copy.writestr(name, told.get(name, book.read(name).decode()))
    return other


@pytest.mark.parametrize(
    "strings",
    [
        '<!DOCTYPE a [<!ENTITY b "AAAA">]><sst><si><t>&b;</t></si></sst>',
        "<sst><si><t>AAAA</t></si>",
        "<sst></sst>",
        "",
        "<sst><si><t>" + "A" * 70_000_000 + "</t></si></sst>",
        "<sst a='" + "A" * 9_000_000 + "'/>",
    ],
    ids=["entity", "cut off", "missing", "empty", "bomb", "long token"],
)
def test_a_workbook_made_to_harm_is_refused(tmp_path: Path, strings: str) -> None:
    """Entities, what ends too early, and what unpacks to far more than it is."""
    path = changed(written(EVERY, tmp_path), {"xl/sharedStrings.xml": strings})
    with pytest.raises(UsageError, match="no workbook, or is damaged"):
        sealed_of_workbook(path)


def test_one_text_shared_by_many_cells_is_refused(tmp_path: Path) -> None:
    """A small file could ask for more than any machine has."""
    path = written(EVERY, tmp_path)
    names = members(path, "xl/worksheets/sheet")
    sheet = max(names, key=lambda name: int(re.sub(r"\D", "", name)))
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 30_000))
    told = re.sub(r"<sheetData>.*</sheetData>", f"<sheetData>{rows}</sheetData>", names[sheet])
    with pytest.raises(UsageError, match="damaged"):
        sealed_of_workbook(changed(path, {sheet: told}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", b"PK\x01\x02" * 6000])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    """In one line."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.xlsx"):
        sealed_of_workbook(path)


def test_a_file_that_is_not_there_or_cannot_be_written_is_told(tmp_path: Path) -> None:
    """As what the system says."""
    with pytest.raises(UsageError, match="cannot be read"):
        sealed_of_workbook(tmp_path / "none.xlsx")
    with pytest.raises(OSError, match="none"):
        workbook(EVERY, small.manifest(EVERY), "", tmp_path / "none" / "a.xlsx")


def test_without_the_library_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a trace."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(SetupError, match=r'pip install "hongshu\[sheets\]"'):
        workbook(EVERY, small.manifest(EVERY), "", tmp_path / "a.xlsx")
