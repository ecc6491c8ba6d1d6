"""A report as one HTML file: it asks no network, runs no script but its own, and shows hostile text as text. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from importlib.resources import files
from math import floor, log10
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hongshu.formats.messages import harmless
from hongshu.models import Word
from hongshu.reports import words
from hongshu.reports.document import (
    As,
    Bars,
    Block,
    Curves,
    Document,
    Heatmap,
    HourCell,
    Manifest,
    Multiples,
    Table,
    Timeline,
)

SITE: Final = "https://www.xiaohongshu.com/"
"""Links lead there or nowhere."""

_SEALED: Final = re.compile(r'<script type="application/octet-stream" id="hongshu-sealed">([A-Za-z0-9+/=]*)</script>')
_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|webp|gif|avif);base64,[A-Za-z0-9+/=]+")
_UNIT: Final = re.compile(r"(?<=[0-9]) (?=[%×])")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
_JSON_SIGNS: Final = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})
_LONGEST_TIP: Final = 80
_HOUR_STEPS: Final = (0.5, 0.75, 0.95, 1.05, 1.33, 2.0)
"""Between these ratios an hour of the week has its colour."""
_WIDE: Final = 25
"""Values that differ by more are drawn on a logarithmic scale first."""


class Scale(Word):
    """Where values stand between 0 and 100."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value, rounded so that equal reports are equal bytes."""
        low, high = (log10(one) if self.logarithmic else one for one in (self.low, self.high))
        given = log10(max(value, self.low)) if self.logarithmic else value
        return round(min(100.0, max(0.0, 100 * (given - low) / ((high - low) or 1))), 2)


class Placed(Word):
    """A block on the page: its anchor, and the names of the pictures that the script draws in it."""

    block: Block
    kind: str
    anchor: str
    pictures: Sequence[str]


def html(document: Document, manifest: Manifest, sealed: str) -> str:
    """Return a report as one page; `sealed` is base64 that it carries unseen. Equal arguments make equal pages."""
    placed = list(_placed(document.blocks, "b"))
    appendix = list(_placed(document.appendix, "a"))
    drawn = {name: told for one in (*placed, *appendix) for name, told in _drawn(one, document.zone, document.lang)}
    scripts = [_static("echarts.min.js"), _static("report.js")] if drawn else []
    style = _static("report.css")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            document=document,
            manifest=msgspec.to_builtins(manifest),
            placed=placed,
            appendix=appendix,
            sealed=sealed,
            policy=_policy(scripts, style),
            style=Markup(style),  # noqa: S704 - a file of ours
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - files of ours
            pictures=_json({"lang": document.lang, "pictures": drawn}) if drawn else None,
            **_speech(document.lang, document.zone),
        )
    )
    return page.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def fragment(document: Document, left_out: Collection[str] = ()) -> tuple[str, bool]:
    """Return a report's findings and blocks as a part of another page, and whether its script draws in it.

    That page carries `report.css`, and loads ECharts and `report.js` behind the part. `left_out` are kinds of blocks.
    """
    shown = [one for one in document.blocks if type(one).__struct_config__.tag not in left_out]
    placed, appendix = list(_placed(shown, "b")), list(_placed(document.appendix, "a"))
    drawn = {name: told for one in (*placed, *appendix) for name, told in _drawn(one, document.zone, document.lang)}
    part = (
        _environment()
        .get_template("fragment.html")
        .render(
            document=document,
            placed=placed,
            appendix=appendix,
            pictures=_json({"lang": document.lang, "pictures": drawn}) if drawn else None,
            **_speech(document.lang, document.zone),
        )
    )
    return part.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), bool(drawn)


def sealed_of(page: str) -> str | None:
    """Return the sealed text that a page carries; None where it carries none."""
    found = _SEALED.findall(page)
    return found[-1] if found else None


def _policy(scripts: Sequence[str], style: str) -> str:
    allowed = " ".join(map(_hashed, scripts)) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hashed(style)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _static(name: str) -> str:
    return (files("hongshu.reports") / "static" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hongshu.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(address=_address, image=_image, ticked=_ticked, tied=_tied, initial=_initial)
    environment.globals.update(
        is_seen=_is_seen, scales=_scales, bar_scale=_bar_scale, kinds_of=_kinds_of, week=_week, step=_step
    )
    return environment


def _speech(lang: str, zone: str) -> dict[str, Callable[..., Any]]:
    """Return what templates say things with, in the language and the zone of the report."""
    return {
        "say": partial(words.say, lang),
        "value": partial(words.value, lang=lang),
        "sample": partial(words.sample, lang=lang),
        "cell": partial(words.cell, lang=lang, zone=zone),
        "moment": partial(words.moment, zone=zone),
        "day": partial(words.day, zone=zone),
        "weekday": partial(words.weekday, lang=lang),
        "alternative": partial(_alternative, lang=lang, zone=zone),
    }


def _address(href: str) -> str:
    """Return an address of the platform as it is; of any other nothing."""
    return href if href.startswith(SITE) else ""


def _image(address: str) -> str:
    """Return a picture that is in the file itself; of any other address nothing."""
    return address if _IMAGE.fullmatch(address) else ""


def _ticked(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    parts = text.split("`")
    whole = len(parts) % 2 == 1
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if whole and place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _tied(text: str) -> str:
    """Return a text whose signs of units stay with their numbers when a line ends."""
    return _UNIT.sub("\u00a0", text)


def _initial(name: str) -> str:
    return next((sign.upper() for sign in name if unicodedata.category(sign)[0] in "LN"), "·")


def _is_seen(text: str) -> bool:
    """Say whether a text has a sign that shows."""
    return any(unicodedata.category(sign) not in _UNSEEN for sign in text)


def _placed(blocks: Iterable[Block], prefix: str) -> Iterator[Placed]:
    for place, block in enumerate(blocks, 1):
        anchor = f"{prefix}{place}"
        match block:
            case Timeline() | Curves():
                pictures = [anchor] if _has_points(block) else []
            case Multiples():
                pictures = [f"{anchor}-{n}" if _has_points(one) else "" for n, one in enumerate(block.timelines, 1)]
            case _:
                pictures = []
        yield Placed(block=block, kind=str(type(block).__struct_config__.tag), anchor=anchor, pictures=pictures)


def _has_points(block: Timeline | Curves) -> bool:
    return bool(block.dots if isinstance(block, Timeline) else any(one.points for one in block.curves))


def _drawn(placed: Placed, zone: str, lang: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the pictures of a block by name, as the script draws them."""
    match placed.block:
        case Timeline() as block if placed.pictures:
            yield placed.anchor, _timeline(block, [block], zone, lang)
        case Multiples() as block:
            full = [one for one in block.timelines if one.dots]
            for name, one in zip(placed.pictures, block.timelines, strict=True):
                if name:
                    yield name, _timeline(one, full, zone, lang)
        case Curves() as block if placed.pictures:
            yield placed.anchor, _curves(block, lang)
        case _:
            return


def _timeline(block: Timeline, beside: Sequence[Timeline], zone: str, lang: str) -> dict[str, Any]:
    """Return one timeline, on the scale of all those beside it; times are as a clock of the zone shows them."""
    times = [_on_clock(dot.at_ms, zone) for one in beside for dot in one.dots]
    values = [dot.value for one in beside for dot in one.dots]
    return {
        "kind": "timeline",
        **_extent(values),
        "since": min(times),
        "until": max(times),
        "dots": [
            [
                _on_clock(dot.at_ms, zone),
                dot.value,
                {"normal": 0, "video": 1}.get(dot.kind, 2),
                int(dot.ripe),
                harmless(dot.title, _LONGEST_TIP) or words.say(lang, "untitled"),
                f"{words.moment(dot.at_ms, zone)} · {words.significant(dot.value)} {words.say(lang, 'interactions')}"
                + ("" if dot.ripe else f" · {words.say(lang, 'ripening_note')}"),
                _address(dot.href),
            ]
            for dot in block.dots
        ],
        "median": [[_on_clock(at_ms, zone), value] for at_ms, value in block.median],
        "band": block.band,
    }


def _curves(block: Curves, lang: str) -> dict[str, Any]:
    values = [value for one in block.curves for _, value in one.points] + [value for _, value in block.usual]
    hours = [hour for one in block.curves for hour, _ in one.points] + [hour for hour, _ in block.usual]
    return {
        "kind": "curves",
        **_extent(values),
        "until": max(hours),
        "curves": [
            {
                "title": harmless(one.title, _LONGEST_TIP) or words.say(lang, "untitled"),
                "points": [[round(hour, 3), value] for hour, value in one.points],
            }
            for one in block.curves
        ],
        "usual": block.usual,
        "usual_title": words.say(lang, "usual_growth"),
        "unit": words.say(lang, "interactions"),
    }


def _extent(values: Sequence[float]) -> dict[str, float | bool]:
    """Return from where to where values lie, and whether a logarithmic scale shows them better."""
    positive = [one for one in values if one > 0]
    least, most = (min(positive), max(positive)) if positive else (1.0, 1.0)
    middle = sorted(values)[len(values) // 2]
    return {
        "floor": 10.0 ** floor(log10(least)),
        "high": max(values),
        "logarithmic": most > _WIDE * max(middle, least),
    }


def _on_clock(ms: int, zone: str) -> int:
    """Return a time as if the clocks of its zone showed UTC, which is how pictures label their axes."""
    offset = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).utcoffset() or timedelta()
    return ms + offset // timedelta(milliseconds=1)


def _scales(table: Table) -> list[Scale | None]:
    """Return for each column of spreads the scale that all its cells share."""
    return [
        _scale([end for row in table.rows if isinstance(ends := row[place], list) for end in ends])
        if column.kind is As.SPREAD
        else None
        for place, column in enumerate(table.columns)
    ]


def _scale(values: Sequence[float]) -> Scale | None:
    if not values:
        return None
    if min(values) > 0 and max(values) > _WIDE * min(values):
        return Scale(low=min(values) / 1.2, high=max(values) * 1.2, logarithmic=True)
    return Scale(low=min(0.0, *values), high=max(values) * 1.04 or 1.0)


def _bar_scale(bars: Bars) -> Scale:
    values = [one for bar in bars.bars for one in (bar.value, bar.low, bar.high) if one is not None]
    return Scale(low=min(0.0, *values, 0.0), high=max(0.0, *values, 0.0) or 1.0)


def _week(heatmap: Heatmap) -> list[list[HourCell | None]]:
    """Return the hours of seven days, Monday first; None where no note was published."""
    known = {(one.weekday, one.hour): one for one in heatmap.cells}
    return [[known.get((weekday, hour)) for hour in range(24)] for weekday in range(7)]


def _kinds_of(timelines: Iterable[Timeline]) -> set[str]:
    """Return the types of notes that pictures show, and "ripening" where one is."""
    dots = [dot for one in timelines for dot in one.dots]
    return {dot.kind for dot in dots} | {"ripening" for dot in dots if not dot.ripe}


def _step(ratio: float) -> int:
    """Return which of the colours of the week a ratio has; the middle one is as usual."""
    return bisect_right(_HOUR_STEPS, ratio)


def _alternative(block: Block, lang: str, zone: str) -> str:
    """Return what a picture shows, as a sentence for who does not see it."""
    say = partial(words.say, lang)
    match block:
        case Timeline():
            values = [one.value for one in block.dots]
            times = [one.at_ms for one in block.dots]
            first, last = words.day(min(times), zone), words.day(max(times), zone)
            told = say("picture_of", n=f"{len(values):,}", first=first, last=last, **_ends(values))
        case Curves():
            values = [value for one in block.curves for _, value in one.points]
            hours = max(hour for one in block.curves for hour, _ in one.points)
            told = say("growth_of", n=len(block.curves), hours=words.significant(hours), **_ends(values))
        case Bars():
            values = [one.value for one in block.bars if one.value is not None]
            low, high = (words.value(block.unit, one(values, default=None), lang) for one in (min, max))
            told = say("bars_of", n=len(block.bars), low=low, high=high)
        case Heatmap():
            hours_advised = [
                f"{words.weekday(one.weekday, lang)} {one.hour:02}:00" for one in block.cells if one.advised
            ]
            advised = ", ".join(hours_advised) or words.UNKNOWN
            notes = sum(one.notes for one in block.cells)
            told = say("hours_of", n=f"{notes:,}", cells=len(block.cells), advised=advised)
        case _:
            told = ""
    return f"{block.title}: {told}"


def _ends(values: Sequence[float]) -> dict[str, str]:
    return {"low": words.significant(min(values)), "high": words.significant(max(values))}


def _json(given: Mapping[str, Any]) -> Markup:
    """Return JSON that stands in a page as it is: no sign in it can end a script or a line."""
    text = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_JSON_SIGNS))  # noqa: S704 - no sign of markup is left
