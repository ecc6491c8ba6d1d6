"""Photograph pages as they look: `python tests/reports/photographs.py OUT_DIR [PAGE.html ...]`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDTHS: Final = (1280, 375)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Open a Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - heavy, and not needed to look at the names here

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def photograph(
    html_path: Path, out_png: Path, width: int, dark: bool = False, pdf: bool = False, browser: Browser | None = None
) -> None:
    """Write a picture of the whole page, or the page as it is printed on A4."""
    if browser is None:
        with browsing() as opened:
            photograph(html_path, out_png, width, dark, pdf, opened)
        return
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", device_scale_factor=1
    )
    try:
        page.goto(html_path.resolve().as_uri())
        if pdf:
            page.pdf(path=out_png, prefer_css_page_size=True)
        else:
            page.screenshot(path=out_png, full_page=True, **_quality(out_png))
    finally:
        page.close()


def _quality(path: Path) -> dict[str, Any]:
    """Return how a picture is written: JPEG where its name says so."""
    return {"type": "jpeg", "quality": 72} if path.suffix == ".jpg" else {}


def photograph_all(out: Path, pages: list[Path]) -> None:
    """Write every page at both widths, light and dark, and printed."""
    out.mkdir(parents=True, exist_ok=True)
    with browsing() as browser:
        for page in pages:
            for width in WIDTHS:
                for dark in (False, True):
                    name = f"{page.stem}-{width}-{'dark' if dark else 'light'}.png"
                    photograph(page, out / name, width, dark, browser=browser)
            photograph(page, out / f"{page.stem}.pdf", 1280, pdf=True, browser=browser)


def made(out: Path) -> list[Path]:
    """Write the reports made by hand."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from hongshu.reports.html import html  # noqa: PLC0415 - found only where the project is installed
    from reports import documents  # noqa: PLC0415

    out.mkdir(parents=True, exist_ok=True)
    pages = []
    for lang in ("en", "zh"):
        for make in (documents.creator_like, documents.compare_like, documents.competitors_like, documents.empty):
            report = make(lang)
            pages.append(out / f"{make.__name__}-{lang}.html")
            pages[-1].write_text(html(report, documents.manifest(report), documents.SEALED), encoding="utf-8")
    return pages


if __name__ == "__main__":
    folder, *given = map(Path, sys.argv[1:])
    photograph_all(folder, given or made(folder))
