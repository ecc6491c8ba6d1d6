"""A report as HTML, read as a text: what it carries, what may run in it, and that it is always the same."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from hongshu.reports.document import Document, Wall
from hongshu.reports.html import SITE, html, sealed_of
from hongshu.reports.words import say
from reports import documents

STATIC = files("hongshu.reports") / "static"
MAKERS = (documents.creator_like, documents.compare_like, documents.competitors_like, documents.empty)
NO_END = {"meta", "img", "path", "circle", "rect", "use", "link", "base", "br", "hr", "input"}


class Page(HTMLParser):
    """A page taken apart: its elements, and the texts of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inlined: dict[str, list[str]] = {"script": [], "style": []}
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in NO_END:
            self._open.append(tag)
        if tag in self.inlined:
            self.inlined[tag].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.inlined:
            self.inlined[self._open[-1]][-1] += data
        else:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def policy(self) -> dict[str, list[str]]:
        given = next(one for one in self.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
        rules = [rule.split() for rule in (given["content"] or "").split(";")]
        return {name: allowed for name, *allowed in rules}


def written(report: Document) -> str:
    return html(report, documents.manifest(report), documents.SEALED)


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.fixture(
    params=[(make, lang) for make in MAKERS for lang in ("en", "zh")], ids=lambda one: f"{one[0].__name__}-{one[1]}"
)
def report(request: pytest.FixtureRequest) -> Document:
    make, lang = request.param
    return make(lang)


def test_equal_arguments_make_equal_pages(report: Document) -> None:
    """Nothing of the time, of chance or of the machine is in a page."""
    assert written(report) == written(msgspec.structs.replace(report))


def test_pages_are_equal_however_python_orders_its_sets() -> None:
    """The seed of hashes does not reach a page."""
    code = (
        "import hashlib; from reports import documents; from hongshu.reports.html import html;"
        "report = documents.creator_like('zh');"
        "page = html(report, documents.manifest(report), documents.SEALED);"
        "print(hashlib.sha256(page.encode()).hexdigest())"
    )
    made = set()
    for seed in ("1", "2"):
        given = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        made.add(subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, check=True).stdout)
    assert len(made) == 1


def test_only_the_scripts_and_the_style_of_the_page_may_run(report: Document) -> None:
    """The policy names the hash of each, and nothing else."""
    page = Page(written(report))
    typed = [one.get("type") for one in page.all("script")]
    running = [hashed(text) for text, kind in zip(page.inlined["script"], typed, strict=True) if kind is None]
    assert page.policy == {
        "default-src": ["'none'"],
        "script-src": running or ["'none'"],
        "style-src": [hashed(text) for text in page.inlined["style"]],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert len(page.inlined["style"]) == 1
    assert set(typed) <= {None, "application/json", "application/octet-stream"}


def test_no_element_has_a_style_or_a_script_of_its_own(report: Document) -> None:
    """What the policy would refuse is not there."""
    page = Page(written(report))
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    assert not {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "base", "form", "link"}
    assert not any("src" in one for one in page.all("script"))


def test_a_page_gives_back_what_it_carries_sealed() -> None:
    """The sealed text comes out as it went in; a page without one has none."""
    report = documents.everything("en", ['<script type="application/octet-stream" id="hongshu-sealed">AAAA</script>'])
    assert sealed_of(written(report)) == documents.SEALED
    assert sealed_of("<html></html>") is None


def test_a_report_without_pictures_carries_no_charts() -> None:
    """ECharts is there only where it draws."""
    assert Page(written(documents.competitors_like())).policy["script-src"] == ["'none'"]
    assert len(written(documents.empty())) < 60_000
    assert len(written(documents.creator_like())) > 1_000_000


def test_the_library_of_charts_is_the_one_that_its_readme_names() -> None:
    """The vendored file has the hash that stands beside it, and its licence."""
    told = re.search(r"`([0-9a-f]{64})`", (STATIC / "README.md").read_text(encoding="utf-8"))
    assert told is not None
    assert hashlib.sha256((STATIC / "echarts.min.js").read_bytes()).hexdigest() == told[1]
    assert "Apache License" in (STATIC / "echarts.LICENSE").read_text(encoding="utf-8")
    assert "</script" not in (STATIC / "echarts.min.js").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_hostile_texts_add_no_element(lang: str) -> None:
    """A page of hostile texts has the elements of a page of harmless ones."""
    titles = documents.hostile_titles()
    hostile, harmless = (Page(written(documents.everything(lang, given))) for given in (titles, ["x"] * len(titles)))
    known = {tag for tag, _ in harmless.elements}
    assert {tag for tag, _ in hostile.elements} <= known | {"code"}
    assert len(hostile.all("script")) == len(harmless.all("script"))
    assert len(hostile.all("style")) == 1
    shown = " ".join(hostile.texts)
    assert all(title in shown for title in titles if title.isprintable())


def test_links_lead_to_the_platform_or_nowhere() -> None:
    """Other addresses are dropped, and what is linked stays as text; no page learns where a reader came from."""
    page = Page(written(documents.everything("en", documents.hostile_titles())))
    links = [one for one in page.all("a") if not (one["href"] or "").startswith("#")]
    assert len(links) > 90
    assert all((one["href"] or "").startswith(SITE) for one in links)
    assert {one["rel"] for one in links} == {"noopener noreferrer nofollow"}
    assert {one["content"] for one in page.all("meta") if one.get("name") == "referrer"} == {"no-referrer"}


def test_pictures_come_from_the_file_itself() -> None:
    """An address that is no picture in the file is not shown."""
    report = documents.creator_like()
    wall = next(one for one in report.blocks if isinstance(one, Wall))
    covers = ["https://evil.example/a.png", "data:image/svg+xml;base64,AAAA", 'data:image/png;base64,"x', "data:,x"]
    tiles = [msgspec.structs.replace(wall.tiles[0], cover=cover) for cover in covers]
    page = Page(written(msgspec.structs.replace(report, blocks=[msgspec.structs.replace(wall, tiles=tiles)])))
    assert [one["src"] for one in page.all("img")] == [report.subjects[0].avatar]


@pytest.mark.parametrize("make", MAKERS)
def test_headings_go_down_one_level_at_a_time(make: Callable[[str], Document]) -> None:
    """One first heading, and no level is left out."""
    levels = [int(tag[1]) for tag, _ in Page(written(make("en"))).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_page_says_its_language_and_what_is_simulated(report: Document) -> None:
    """`lang` is that of the words; made-up creators are announced in words."""
    page = Page(written(report))
    assert page.all("html") == [{"lang": "zh-CN" if report.lang == "zh" else "en"}]
    assert (say(report.lang, "simulated") in page.texts) is report.simulated


def test_every_number_shows_its_sample_and_what_cannot_be_told_its_reason() -> None:
    """An unknown number is words with a why, never a 0."""
    shown = "".join(Page(written(documents.creator_like())).texts)
    for words in ("1,885", "n = 84", "95\u00a0% interval 1,583 to 2,300", "cannot tell", "nobody looked at these ages"):
        assert words in shown
    empty = "".join(Page(written(documents.empty("zh"))).texts)
    assert empty.count("无法判断") == 9
    assert "现有笔记不足以证明任何突出之处。" in empty


def test_the_appendix_holds_every_field_of_the_manifest() -> None:
    """How to make the numbers again stands in the page, with the command that does."""
    report = documents.creator_like()
    shown = Page(written(report)).texts
    assert set(msgspec.to_builtins(documents.manifest(report))) <= set(shown)
    assert "hongshu report verify FILE" in shown
    assert documents.manifest(report).data_sha256 in shown


def test_data_of_pictures_is_json_that_cannot_leave_its_script() -> None:
    """No sign of markup and no line separator stands in it as it is."""
    page = written(documents.everything("zh", documents.hostile_titles()))
    data = page.split('id="hongshu-pictures">')[1].split("</script>")[0]
    assert not set(data) & set("<>&\u2028\u2029")
    pictures = json.loads(data)["pictures"]
    assert {one["kind"] for one in pictures.values()} == {"timeline", "curves"}


def test_pictures_side_by_side_share_their_scale() -> None:
    """Every small timeline has the same ends."""
    data = written(documents.compare_like()).split('id="hongshu-pictures">')[1].split("</script>")[0]
    pictures = json.loads(data)["pictures"].values()
    assert len(pictures) == 6
    assert len({(one["since"], one["until"], one["floor"], one["high"]) for one in pictures}) == 1


def test_half_of_a_pair_of_surrogates_does_not_stop_a_report() -> None:
    """Such a sign is replaced, so that the page can be written as UTF-8."""
    page = written(documents.creator_like(titles=["broken \ud83d sign", "whole \U0001f9e5 sign"]))
    assert "broken \ufffd sign" in page
    assert page.encode()


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
def test_texts_stand_out_from_their_ground(dark: bool) -> None:
    """Contrast is 4.5 or more, light and dark."""
    light, after = (STATIC / "report.css").read_text(encoding="utf-8").split("prefers-color-scheme: dark", 1)
    pattern = r"--([a-z0-9-]+): (#[0-9a-f]{6});"
    colours = dict(re.findall(pattern, light)) | (dict(re.findall(pattern, after)) if dark else {})
    pairs = [("ink", "paper"), ("ink", "surface"), ("muted", "paper"), ("muted", "surface"), ("accent", "paper")]
    pairs += [("accent", "wash"), ("on-solid", "solid"), *(("on-step", f"step{step}") for step in range(6))]
    for text, ground in pairs:
        lower, higher = sorted((luminance(colours[text]), luminance(colours[ground])))
        assert (higher + 0.05) / (lower + 0.05) >= 4.5, (text, ground)
