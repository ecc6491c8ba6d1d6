"""Reports as Markdown: tables in place of pictures, and hostile text that marks nothing up."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Sequence

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import hostile
from hongshu.analytics.catalogue.base import Unit
from hongshu.reports.document import Bars, Curves, Document, Heatmap, Log, Multiples, Table, Timeline, Wall
from hongshu.reports.markdown import markdown, plain, sealed_of_markdown
from hongshu.reports.words import value
from reports import small_documents as small

TEXTS = [*map(hostile.kept, hostile.ALL), *hostile.LONGER]

SEALED = base64.b64encode(random.Random(5).randbytes(2_250_000)).decode()
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
EVERY = small.document()


def text_of(told: Document, sealed: str = "") -> str:
    return markdown(told, small.manifest(told), sealed)


def tokens(text: str) -> list[Token]:
    """Return all tokens, those inside of lines too."""
    return [one for token in PARSER.parse(text) for one in (token, *(token.children or ()))]


def shape(text: str) -> list[str]:
    """Return what a text is made of, without what it says."""
    kinds = [one.type for one in tokens(text)]
    return [kind for kind in kinds if kind not in {"text", "text_special"}]


def shown(text: str) -> str:
    """Return what a reader sees of one paragraph."""
    return "".join(one.content for one in tokens(text) if one.type in {"text", "text_special"})


def grids(text: str) -> list[list[list[str]]]:
    """Return the tables of a text as rows of raw cells."""
    found: list[list[list[str]]] = []
    before = ""
    for token in PARSER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif before in {"th_open", "td_open"}:
            found[-1][-1].append(token.content)
        before = token.type
    return found


def under(text: str, heading: str) -> str:
    """Return what stands under a heading."""
    return text.split(f"## {heading}\n\n", 1)[1].split("\n## ", 1)[0]


def test_equal_reports_are_equal_texts() -> None:
    """Also where members of the manifest were given in another order."""
    manifest = small.manifest(EVERY, libraries={"duckdb": "2.0.1", "numpy": "2.3.0"})
    assert markdown(EVERY, manifest, "AAAA") == text_of(EVERY, "AAAA")


def test_every_block_has_its_heading_in_order() -> None:
    """Parts of the appendix stand a step lower."""
    lines = text_of(EVERY).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        *("# Report", "## Findings", "## Key numbers", "## All kinds", "## Over time", "## Hours", "## Bars"),
        *("## Growth", "## Side by side", "## Notes", "## Life-log", "## Words", "## Appendix", "### Formulas"),
        *("### Coverage", "### Not computable, so never shown", "### How this report was made"),
    ]


def test_the_head_tells_window_times_and_creators() -> None:
    """In the zone of the report; a profile is a link to the platform."""
    text = text_of(small.document(zone="America/New_York", simulated=True))
    assert "\n- window: 90d (2025-11-03 21:40 – 2026-02-01 21:40)\n" in text
    assert f"\n- creator: [Mia]({small.PROFILE})\n" in text
    assert "\n**Simulated creators: nothing here is about a real person.**\n" in text
    assert "\n- **Videos do better.** n = 31\n" in text


def test_a_table_has_its_numbers_at_the_right_and_unknown_ones_as_a_dash() -> None:
    """Nothing that is unknown is a 0."""
    [lines] = [
        [line for line in under(text_of(small.document([small.table()])), "All kinds").splitlines() if "|" in line]
    ]
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- | --- | ---: | ---: |"
    days = value(Unit.DAYS, 3, "en")
    assert lines[2] == (
        f"| {small.TITLE} | 1,234 | 12.3 % | 2.50 × | 0.0142 | {days} | 2026-02-02 10:40 | 2026-02-02 | yes"
        f" | [{small.TITLE}]({small.NOTE}) | 1 / 2.50 / 400 | 0.900 – 1.10 |"
    )
    assert lines[3] == f"|{' – |' * 12}"


def test_figures_have_their_sample_and_formula() -> None:
    """And why there is none."""
    [rows] = grids(under(text_of(EVERY), "Key numbers"))
    told = {row[0]: row[1:] for row in rows}
    assert told["share"] == ["12.5 %", "n = 20 · 95 % interval 10.0 % to 50.0 % · a pattern", "formula of share"]
    left = "n = 20 · too few notes · left out: 3 still ripening, 2 outside what is known without a gap"
    assert told["unknown"] == ["–", left, "none"]


def test_pictures_are_told_as_tables() -> None:
    """The median over time and the highest notes, the best hours, bars with bounds, curves at ages, and the rest."""
    text = text_of(EVERY)
    median, highest = grids(under(text, "Over time"))
    assert [row[1] for row in median] == ["running median", "100", "101", "102", "103"]
    assert [row[1] for row in highest] == ["interactions", "5,000", "300", "90", "20"]
    assert "own band, P25 to P75: 50 – 700" in text
    [hours] = grids(under(text, "Hours"))
    assert hours[1:] == [
        ["Tue", "20:00", "2.25 ×", "1.50 – 3", "8", "9", "yes"],
        ["Mon", "08:00", "0.500 ×", "–", "4", "4", "no"],
    ]
    [bars] = grids(under(text, "Bars"))
    assert bars[1:] == [
        [f"**{small.TITLE}**", "50.0 %", "25.0 %", "87.5 %"],
        [f"{small.TITLE} 2", "25.0 %", "–", "–"],
        [f"{small.TITLE} 3", "–", "–", "–"],
    ]
    usual, grown = grids(under(text, "Growth"))
    assert usual[1:] == [["1", "5"], ["24", "50"]]
    assert [row[1:] for row in grown[1:]] == [["24", "90"], ["30", "40"]]
    [many] = grids(under(text, "Side by side"))
    assert many[1:] == [["Somebody", "4", "103", "50 – 700"], ["Somebody else", "3", "102", "50 – 700"]]


def test_a_long_median_is_told_at_some_places() -> None:
    """The first and the last among them."""
    points = [(small.NOON + place, float(place)) for place in range(500)]
    told = Timeline(title="a", dots=[small.dot(1, 5)], median=points, band=None)
    [median, _] = grids(under(text_of(small.document([told])), "a"))
    assert (len(median), median[1][1], median[-1][1]) == (13, "0", "499")


def test_the_wall_is_a_table_and_the_log_a_list() -> None:
    """What is not shown is counted."""
    text = text_of(EVERY)
    [wall] = grids(under(text, "Notes"))
    assert [row[-5:] for row in wall[1:]] == [["1,200", "300", "40", "0", "1,540"], ["–"] * 5]
    assert under(text, "Notes").rstrip().endswith("… and 7 more")
    assert under(text, "Life-log").splitlines() == [
        f"- 2026-02-02 10:40 · likes changed: [{small.TITLE}]({small.NOTE})",
        "- 2026-02-01 10:40 · went silent",
        "",
        "… and 3 more",
    ]


def test_the_appendix_tells_formulas_manifest_and_how_to_verify() -> None:
    """And what is never shown."""
    text = text_of(EVERY, "AAAA")
    assert "| Median | median | median of E | V4 | few | a.sql |" in text
    assert "\n- rates per view\n" in text
    assert f"| data\\_sha256 | {'9f' * 32} |" in text
    assert "\n`hongshu report verify FILE` makes" in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_report_with_nothing_to_tell_says_so(lang: str) -> None:
    """Block by block."""
    nothing = [
        Table(title="a", columns=[], rows=[], empty="None of them."),
        Timeline(title="c", dots=[], median=[], band=None),
        Bars(title="d", unit=Unit.COUNT, bars=[]),
        Curves(title="e", curves=[], usual=[]),
        Multiples(title="f", timelines=[]),
        Heatmap(title="g", cells=[]),
        Wall(title="h", tiles=[]),
        Log(title="i", lines=[]),
    ]
    text = text_of(small.document(nothing, lang=lang, findings=[], appendix=[]))
    assert text.count({"en": "Nothing to show.", "zh": "暂无内容。"}[lang]) == 7
    assert "None of them." in text


@pytest.mark.parametrize("text", TEXTS)
def test_a_hostile_text_marks_nothing_up(text: str) -> None:
    """A report that is full of it has the same headings, tables, lists and links as one of plain words."""
    told = text_of(small.hostile(text), "AAAA")
    kept = shape(text_of(small.hostile("word" if text.strip() else text), "AAAA"))
    assert shape(told) == kept
    found = tokens(told)
    assert {one.type for one in found} & {"image", "html_inline", "code_block", "fence", "s_open", "hr"} == set()
    assert [one.content[:20] for one in found if one.type == "html_block"] == ["<!-- hongshu-sealed\n"]
    assert {str(one.attrs["href"]) for one in found if one.type == "link_open"} <= {small.NOTE, small.PROFILE}
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", told)
    assert sealed_of_markdown(told) == "AAAA"
    widths = [{len(row) for row in grid} for grid in grids(told)]
    assert all(len(width) == 1 for width in widths)


@pytest.mark.parametrize("text", [one for one in TEXTS if one.strip() and one.isprintable()])
def test_a_hostile_text_is_seen_as_it_is(text: str) -> None:
    """But for full-width signs in what would call somebody or become a link."""
    full_width = str.maketrans("＠：．", "@:.")
    assert shown(plain(text)).translate(full_width) == " ".join(text.split()).translate(full_width)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_becomes_a_link_by_itself(text: str) -> None:
    """What GitHub and others take for an address, a mail or a name is none any more."""
    seen = shown(plain(text))
    assert not re.search(r"(?i)(https?|ftp)://|www\.|mailto:|[\w.+-]@\w|@\w", seen)


@pytest.mark.parametrize(
    "href",
    ["", "javascript:alert(1)", "http://www.xiaohongshu.com/explore/1", "https://evil.example/", f"{small.NOTE})[a](b"],
)
def test_a_link_leads_to_the_platform_or_nowhere(href: str) -> None:
    """Whatever stands in the report."""
    subject = small.Subject(creator=small.CREATOR, name="Mia", href=href)
    assert "\n- creator: Mia\n" in text_of(small.document([], subjects=[subject]))


@pytest.mark.parametrize("sealed", [SEALED, "A", "A" * 120, "A" * 121, "+/=="])
def test_a_text_carries_its_data(sealed: str) -> None:
    """In a comment at its end, in lines of 120 signs."""
    text = text_of(EVERY, sealed)
    assert sealed_of_markdown(text) == sealed
    assert sealed_of_markdown(text.replace("\n", "\r\n")) == sealed
    comment: Sequence[str] = text[text.index("<!-- hongshu-sealed") :].splitlines()
    assert (comment[0], comment[-1]) == ("<!-- hongshu-sealed", "-->")
    assert max(map(len, comment[1:-1])) <= 120
    assert [one.type for one in PARSER.parse(text)][-1] == "html_block"


@pytest.mark.parametrize(
    "text",
    ["", "# a", "<!-- hongshu-sealed", "<!-- hongshu-sealed\n\n-->", "<!-- hongshu-sealed\n<b>\n-->", text_of(EVERY)],
)
def test_a_text_of_others_carries_none(text: str) -> None:
    """Nor does one that was cut."""
    assert sealed_of_markdown(text) is None
