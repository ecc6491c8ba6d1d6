"""A report as HTML in a real browser: it asks nobody, runs nothing of what others wrote, and can be read anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hongshu.reports.document import Document
from hongshu.reports.html import html
from needed import leave_out
from reports import documents
from reports.photographs import browsing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MAKERS = (documents.creator_like, documents.compare_like, documents.competitors_like, documents.empty)
OVERLAPS = """() => [...document.querySelectorAll('.canvas svg')].flatMap((svg) => {
    const boxes = [...svg.querySelectorAll('text')].filter((one) => one.textContent.trim())
        .map((one) => [one.textContent, one.getBoundingClientRect()]);
    return boxes.flatMap(([text, box], place) => boxes.slice(place + 1)
        .filter(([, other]) => box.left < other.right - 1 && other.left < box.right - 1
            && box.top < other.bottom - 3 && other.top < box.bottom - 3)
        .map(([other]) => `${text} / ${other}`));
})"""
CUT = """() => [...document.querySelectorAll('.canvas svg')].flatMap((svg) => {
    const whole = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.left < whole.left - 1 || box.right > whole.right + 1 || box.bottom > whole.bottom + 1;
    }).map((one) => one.textContent);
})"""
WIDER = "() => document.documentElement.scrollWidth - innerWidth"


def missing() -> str:
    """Return what stands in the way of a browser."""
    try:
        import playwright.sync_api  # noqa: F401, PLC0415 - whether it is there is the question
    except ImportError:
        return "playwright is not installed"
    return "" if shutil.which("chromium") else "chromium is not installed"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if why := missing():
        leave_out(why)
    with browsing() as opened:
        yield opened


def written(report: Document, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(html(report, documents.manifest(report), documents.SEALED), encoding="utf-8")
    return path


@contextmanager
def opened(browser: Browser, path: Path, width: int = 1280, **more: Any) -> Iterator[Page]:
    """Open a file; the page may ask for nothing but itself, and complain of nothing."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **more)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda told: complaints.append(told.text) if told.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    try:
        page.goto(path.as_uri())
        yield page
        assert [one for one in asked if not one.startswith("data:image/png;")] == [path.as_uri()]
        assert complaints == []
    finally:
        context.close()


@pytest.mark.parametrize("width", [1280, 768, 375])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("make", MAKERS)
def test_a_report_is_drawn_whole(browser: Browser, tmp_path: Path, make: Any, lang: str, width: int) -> None:
    """Every chart is drawn, none of its labels covers another or is cut, and the page is as wide as the screen."""
    with opened(browser, written(make(lang), tmp_path), width) as page:
        charts = page.locator("[data-picture]").count()
        assert page.locator("[data-picture] .canvas svg path").count() >= charts
        assert page.locator("[data-picture] .canvas svg").count() == charts
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate(CUT) == []
        assert page.evaluate(WIDER) <= 0


@pytest.mark.parametrize("width", [1280, 375])
def test_hostile_texts_are_shown_and_run_nothing(browser: Browser, tmp_path: Path, width: int) -> None:
    """500 hostile titles in every field that holds a text."""
    titles = documents.hostile_titles()
    with opened(browser, written(documents.everything("en", titles), tmp_path), width) as page:
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for picture in page.locator("[data-picture]").all()[:3]:
            picture.focus()
            for _ in titles[::4]:
                page.keyboard.press("ArrowRight")
        assert page.evaluate("() => window.ran") is None
        assert page.evaluate("() => document.scripts.length") == 4
        assert page.evaluate("() => document.querySelectorAll('style, link, iframe, base, form').length") == 1
        assert page.evaluate("() => getComputedStyle(document.body).display") == "block"
        assert page.evaluate(WIDER) <= 0
        shown = set(page.locator("td.text bdi").all_text_contents())
        seen = [title for title in titles if title.strip("\u200b\u200d\ufeff").strip()]
        assert {title.replace("\r\n", "\n").replace("\r", "\n") for title in seen} <= shown  # as a browser reads lines


def test_the_scale_of_a_chart_is_switched_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """The button says what it switches to, the caption what is shown, and the axis follows."""
    with opened(browser, written(documents.creator_like(), tmp_path)) as page:
        section = page.locator(".of-timeline")
        button, caption = section.get_by_role("button"), section.locator(".axis")
        assert "logarithmic scale" in caption.inner_text()
        labels = [section.locator("svg text").all_text_contents()]
        for to in ("linear scale", "logarithmic scale"):
            assert button.inner_text() == to
            button.focus()
            page.keyboard.press("Enter")
            assert to in caption.inner_text()
            labels.append(section.locator(".canvas svg text").all_text_contents())
            assert page.evaluate(OVERLAPS) == []
        assert labels[1] != labels[2]


def test_one_button_switches_all_charts_that_share_a_scale(browser: Browser, tmp_path: Path) -> None:
    """Small multiples stay on one scale."""
    with opened(browser, written(documents.compare_like("zh"), tmp_path)) as page:
        section = page.locator(".of-multiples")
        for _ in range(2):
            axes = [one.locator("text").all_text_contents() for one in section.locator(".canvas svg").all()]
            assert len(axes) == 6
            assert len({tuple(one) for one in axes}) == 1
            section.get_by_role("button").press("Space")


def test_a_chart_tells_its_notes_by_keyboard_and_by_finger(browser: Browser, tmp_path: Path) -> None:
    """Arrows go from note to note, a tap tells the nearest, Escape ends it."""
    with opened(browser, written(documents.creator_like(), tmp_path), has_touch=True) as page:
        chart = page.locator(".of-timeline [data-picture]")
        tip = chart.locator(".tip")
        assert "96 notes from 2025-" in (chart.get_attribute("aria-label") or "")
        chart.focus()
        page.keyboard.press("End")
        assert "still ripening" in tip.inner_text()
        assert (tip.locator("a").get_attribute("href") or "").startswith("https://www.xiaohongshu.com/explore/")
        page.keyboard.press("Escape")
        assert not tip.is_visible()
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None
        for across in range(60, int(box["width"]), 40):
            page.touchscreen.tap(box["x"] + across, box["y"] + box["height"] * 0.6)
            if tip.is_visible():
                break
        assert "interactions" in tip.inner_text()


def test_numbers_stand_under_each_other(browser: Browser, tmp_path: Path) -> None:
    """Cells of numbers end at the right, with digits of one width."""
    with opened(browser, written(documents.compare_like(), tmp_path)) as page:
        for kind in ("count", "share", "times", "ratio", "spread", "interval"):
            cells = page.locator(f"td.{kind}")
            assert cells.count() > 0
            assert cells.first.evaluate("one => getComputedStyle(one).textAlign") == "right"
            assert "tabular-nums" in cells.first.evaluate("one => getComputedStyle(one).fontVariantNumeric")


def test_the_dark_is_dark_on_screens_and_light_on_paper(browser: Browser, tmp_path: Path) -> None:
    """Who prints from a dark screen gets dark text on white, with the charts."""
    ground = "() => [document.body, document.querySelector('.canvas svg text')].map((one, n) =>"
    ground += " getComputedStyle(one)[n ? 'fill' : 'backgroundColor'])"
    with opened(browser, written(documents.creator_like(), tmp_path), color_scheme="dark") as page:
        assert page.evaluate(ground) == ["rgb(21, 22, 26)", "rgb(163, 169, 181)"]
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate(ground) == ["rgb(255, 255, 255)", "rgb(92, 98, 109)"]


def test_charts_are_on_paper_too(browser: Browser, tmp_path: Path) -> None:
    """Printing draws every chart at the width of a page, and the screen has its own again after."""
    widths = "() => [...document.querySelectorAll('.canvas svg')].map((one) => one.getAttribute('width'))"
    with opened(browser, written(documents.creator_like(), tmp_path)) as page:
        page.evaluate("""() => { window.seen = []; addEventListener('beforeprint', () => {
            window.seen = [...document.querySelectorAll('.canvas svg')].map((one) => one.getAttribute('width'));
        }); }""")
        before = page.evaluate(widths)
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF-")
        assert set(page.evaluate("() => window.seen")) == {"680"}
        assert page.evaluate(widths) == before


def test_a_reader_without_scripts_is_told_so(browser: Browser, tmp_path: Path) -> None:
    """The rest of the report can still be read."""
    with opened(browser, written(documents.creator_like(), tmp_path), java_script_enabled=False) as page:
        assert page.get_by_text("it needs JavaScript").first.is_visible()
        assert page.get_by_role("heading", level=1).is_visible()
        assert not page.locator(".toggle").first.is_visible()
