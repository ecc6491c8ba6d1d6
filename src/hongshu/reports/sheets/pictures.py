"""Pictures of a report as charts that a spreadsheet draws itself, over cells of a sheet of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from hongshu.analytics.catalogue.base import Unit
from hongshu.models import Word
from hongshu.reports.document import As, Bars, Column, Curves, Heatmap, Multiples, Table, Timeline
from hongshu.reports.sheets.cells import HEADING_ROW, Area, Book, Page, Range, serial
from hongshu.reports.tables import bars_table, curves_table, dots_table, hours_table, median_table, usual_table
from hongshu.reports.words import say, weekday

Chart = Any
"""Of a library without types."""
Picture = Timeline | Heatmap | Bars | Curves | Multiples

WIDE: Final = 100
"""Values that differ by more are drawn on a logarithmic scale."""
MOST_CURVES: Final = 250
"""A chart holds 255 series."""

_FULL: Final = (1080, 520)
_SMALL: Final = (540, 340)
_SMALL_CELLS: Final = (9, 18)
"""Columns and rows of a sheet that a small chart takes."""
_RED: Final = "#D0324B"
_BLUE: Final = "#3B6FB6"
_DARK: Final = "#1F2937"
_GREY: Final = "#9CA3AF"
_TITLE_ROW: Final = -2
"""Where the title of a table stands, from its first row. Titles are told by their cells: as texts some are formulas."""
_SCALE: Final = (("min", 0.5, "#7FA8D9"), ("mid", 1, "#FFFFFF"), ("max", 2, "#E8828F"))
"""The colours of hours: half of what is usual, what is usual, twice as much."""
_QUARTERS: Final = ("P25", "P75")
_HATCHED: Final = {"pattern": 14, "fg_color": "#D1D5DB", "bg_color": "#FFFFFF"}
_LEGEND: Final[dict[str, Any]] = {"position": "bottom"}


class Numbers:
    """The sheet of the numbers that charts draw: tables side by side, each under the title of its picture."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._column = 0
        page.sheet.freeze_panes(HEADING_ROW + 2, 0)

    def put(self, table: Table) -> Area:
        """Write a table beside those that stand there already."""
        page, column = self._page, self._column
        page.text(HEADING_ROW, column, table.title, "section", measured=False)
        self._column += page.width_of(table) + 1
        return page.table(table, HEADING_ROW + 1, column)


class Axes(Word):
    """From where to where the charts of timelines go."""

    times: dict[str, Any]
    values: dict[str, Any]
    hides_zeros: bool


def draw(block: Picture, page: Page, numbers: Numbers) -> None:
    """Draw a block on its sheet; where there is nothing to draw the sheet says so."""
    match block:
        case Timeline():
            _draw_timelines([block], page, numbers, titled=False)
        case Multiples():
            _draw_timelines(block.timelines, page, numbers, titled=True)
        case Heatmap():
            _draw_heatmap(block, page, numbers)
        case Bars():
            _draw_bars(block, page, numbers)
        case Curves():
            _draw_curves(block, page, numbers)


def _draw_timelines(timelines: Sequence[Timeline], page: Page, numbers: Numbers, *, titled: bool) -> None:
    drawn = [one for one in timelines if one.dots]
    if not drawn:
        _draw_nothing(page)
        return
    axes, row = _axes(drawn, page.book), HEADING_ROW + 1
    if axes.hides_zeros:
        page.text(HEADING_ROW, 0, say(page.book.lang, "zeros_not_drawn"), "note", measured=False)
    for place, one in enumerate(drawn):
        chart = page.book.chart("scatter")
        title = _add_timeline(chart, one, page.book, numbers)
        chart.set_x_axis(axes.times)
        chart.set_y_axis(axes.values)
        down, across = divmod(place, 2)
        place_of = row + down * _SMALL_CELLS[1], across * _SMALL_CELLS[0]
        _insert(chart, page, *place_of, title=title if titled else None, size=_SMALL if titled else _FULL)


def _add_timeline(chart: Chart, block: Timeline, book: Book, numbers: Numbers) -> Range:
    """Add dots, median and band to a chart; return the cell with its title."""
    lang = book.lang
    dots = sorted(block.dots, key=lambda one: (not one.ripe, one.at_ms))
    ripe = sum(one.ripe for one in dots)
    area = numbers.put(dots_table(block.title, dots, lang))
    title = area.cell(0, _TITLE_ROW)
    kinds = (("notes", 0, ripe, _RED), ("ripening_note", ripe, len(dots) - ripe, "#FFFFFF"))
    for phrase, first, count, color in kinds:
        if count:
            marker = {"type": "circle", "size": 6, "fill": {"color": color}, "border": {"color": _RED}}
            times, values = (area.cells(column, first, count) for column in (0, 1))
            _add_points(chart, say(lang, phrase), times, values, marker=marker, line={"none": True})
    if block.median:
        area = numbers.put(median_table(block.title, block.median, lang))
        _add_line(chart, say(lang, "running_median"), area, 1, {"color": _DARK, "width": 2})
    if block.band is not None:
        area = numbers.put(_band_table(block, block.band, lang))
        for place, name in enumerate(_QUARTERS, start=1):
            _add_line(chart, name, area, place, {"color": _GREY, "width": 1, "dash_type": "dash"})
    return title


def _band_table(block: Timeline, band: tuple[float, float], lang: str) -> Table:
    times = [one.at_ms for one in block.dots]
    columns = [Column(label=say(lang, "time"), kind=As.TIME), *(Column(label=one, kind=As.COUNT) for one in _QUARTERS)]
    return Table(title=block.title, columns=columns, rows=[[at_ms, *band] for at_ms in (min(times), max(times))])


def _axes(timelines: Sequence[Timeline], book: Book) -> Axes:
    """Return axes on which all timelines have their place."""
    days = [serial(book.local(one.at_ms)) for timeline in timelines for one in timeline.dots]
    values = [one.value for timeline in timelines for one in timeline.dots]
    positive = [one for one in values if one > 0]
    logarithmic = bool(positive) and max(positive) > WIDE * min(positive)
    scale: dict[str, Any] = {"min": 0}
    if logarithmic:
        low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
        scale = {"log_base": 10, "min": 10**low, "max": 10**high}
    name = say(book.lang, "interactions")
    return Axes(
        times={
            "num_format": "yyyy-mm-dd",
            "min": math.floor(min(days)),
            "max": math.floor(max(days)) + 1,
            "crossing": "min",
            "num_font": {"rotation": -45},
            "major_gridlines": {"visible": False},
        },
        values={
            **scale,
            "name": f"{name} · {say(book.lang, 'log_scale')}" if logarithmic else name,
            "num_format": "#,##0",
            "crossing": "min",
            "major_gridlines": {"visible": True, "line": {"color": "#E5E7EB"}},
        },
        hides_zeros=logarithmic and len(positive) < len(values),
    )


def _draw_heatmap(block: Heatmap, page: Page, numbers: Numbers) -> None:
    book, row = page.book, HEADING_ROW + 1
    told = {(one.weekday, one.hour): one for one in block.cells}
    for hour in range(24):
        page.text(row, hour + 1, f"{hour:02d}", "heading", measured=False)
    for day in range(7):
        page.text(row + 1 + day, 0, weekday(day, book.lang), "bold")
        for hour in range(24):
            cell, place = told.get((day, hour)), (row + 1 + day, hour + 1)
            if cell is None or cell.ratio is None:
                page.sheet.write_blank(*place, None, book.style("plain", **_HATCHED))
            else:
                marked = {"bold": True, "border": 2} if cell.advised else {}
                style = book.style("plain", num_format="0.00", align="center", **marked)
                page.sheet.write_number(*place, cell.ratio, style)
    page.sheet.conditional_format(row + 1, 1, row + 7, 24, _colors())
    page.sheet.set_column(1, 24, 5)
    page.sheet.freeze_panes(row + 1, 1)
    page.text(row + 9, 0, say(book.lang, "few_hatched"), "note", measured=False)
    page.text(row + 10, 0, f"□ {say(book.lang, 'advised')}", "note", measured=False)
    cells = sorted(block.cells, key=lambda one: (one.weekday, one.hour))
    numbers.put(hours_table(block, cells, book.lang))


def _colors() -> dict[str, Any]:
    options: dict[str, Any] = {"type": "3_color_scale"}
    for place, ratio, color in _SCALE:
        options |= {f"{place}_type": "num", f"{place}_value": ratio, f"{place}_color": color}
    return options


def _draw_bars(block: Bars, page: Page, numbers: Numbers) -> None:
    if all(one.value is None for one in block.bars):
        _draw_nothing(page)
        return
    lang = page.book.lang
    table = bars_table(block, lang)
    kind = table.columns[1].kind
    columns = [*table.columns, *(Column(label=say(lang, one), kind=kind) for one in ("below", "above"))]
    below = [_apart(one.low, one.value) for one in block.bars]
    above = [_apart(one.value, one.high) for one in block.bars]
    rows = [[*row, down, up] for row, down, up in zip(table.rows, below, above, strict=True)]
    area = numbers.put(Table(title=table.title, columns=columns, rows=rows))
    chart = page.book.chart("bar")
    chart.add_series(
        {
            "name": area.cell(0, _TITLE_ROW),
            "categories": area.cells(0),
            "values": area.cells(1),
            "points": [{"fill": {"color": _RED if one.focus else _BLUE}} for one in block.bars],
            "gap": 60,
            "y_error_bars": {
                "type": "custom",
                "minus_values": _formula(area.cells(4)),
                "minus_data": below,
                "plus_values": _formula(area.cells(5)),
                "plus_data": above,
                "line": {"color": _DARK},
            },
        }
    )
    share = {"num_format": "0%"} if block.unit is Unit.SHARE else {}
    chart.set_y_axis({"reverse": True})
    chart.set_x_axis({"min": 0, "label_position": "high", **share})
    height = max(_SMALL[1], 120 + 32 * len(block.bars))
    _insert(chart, page, HEADING_ROW + 1, 0, size=(_FULL[0], height), legend={"none": True})


def _apart(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else max(0.0, high - low)


def _draw_curves(block: Curves, page: Page, numbers: Numbers) -> None:
    if not any(one.points for one in block.curves) and not block.usual:
        _draw_nothing(page)
        return
    lang, chart = page.book.lang, page.book.chart("scatter")
    area = numbers.put(curves_table(block, lang))
    first, drawn = 0, 0
    for one in block.curves:
        if one.points and drawn < MOST_CURVES:
            hours, values = (area.cells(column, first, len(one.points)) for column in (1, 2))
            _add_points(
                chart, area.cell(0, first), hours, values, marker={"type": "none"}, line={"color": _GREY, "width": 1}
            )
            drawn += 1
        first += len(one.points)
    if block.usual:
        area = numbers.put(usual_table(block, lang))
        _add_line(chart, say(lang, "usual_growth"), area, 1, {"color": _RED, "width": 2.5})
    chart.set_x_axis({"name": say(lang, "age_hours"), "min": 0, "major_gridlines": {"visible": False}})
    chart.set_y_axis({"name": say(lang, "interactions"), "min": 0, "num_format": "#,##0"})
    _insert(chart, page, HEADING_ROW + 1, 0, legend={**_LEGEND, "delete_series": list(range(drawn))})


def _add_line(chart: Chart, name: str, area: Area, column: int, line: dict[str, Any]) -> None:
    _add_points(chart, name, area.cells(0), area.cells(column), marker={"type": "none"}, line=line)


def _add_points(chart: Chart, name: str | Range, places: Range, values: Range, **look: Any) -> None:
    chart.add_series({"name": name, "categories": places, "values": values, **look})


def _insert(
    chart: Chart,
    page: Page,
    row: int,
    column: int,
    *,
    title: Range | None = None,
    size: tuple[int, int] = _FULL,
    legend: dict[str, Any] = _LEGEND,
) -> None:
    chart.set_size({"width": size[0], "height": size[1]})
    chart.set_title({"name": title, "name_font": {"size": 11}} if title else {"none": True})
    chart.set_legend(legend)
    page.sheet.insert_chart(row, column, chart, {"object_position": 3})


def _draw_nothing(page: Page) -> None:
    page.text(HEADING_ROW + 1, 0, say(page.book.lang, "nothing"), measured=False)


def _formula(cells: Range) -> str:
    sheet, top, left, bottom, right = cells
    return f"='{sheet}'!{_place(int(top), int(left))}:{_place(int(bottom), int(right))}"


def _place(row: int, column: int) -> str:
    letters, number = "", column + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(65 + letter) + letters
    return f"${letters}${row + 1}"
