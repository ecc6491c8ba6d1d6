"""Makes the pictures of the console in `docs/screens/console`: `python tests/console/showcase.py OUT_DIR [PAGE …]`.

Every page, on a desktop and on a phone, light and dark, in English and 中文; of creators who are made up.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from console.visiting import link, signed_in
from reports.followed import followed
from reports.photographs import browsing
from running import SIMULATOR, Running, start_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS: Final = (1280, 375)
LOOKS: Final = ("light", "dark")
LANGUAGES: Final = ("en", "zh")
TALLEST: Final = 3_600
QUALITY: Final = 38
SAID_ELSEWHERE: Final = (
    "([path, told]) => { document.body.innerHTML = document.body.innerHTML.replaceAll(path, told); }"
)
"""Shows a folder as one that an installation would have: the pictures' own is gone when they are made."""


def showcase(out: Path, only: Sequence[str] = ()) -> None:
    """Fill an installation, serve it, and photograph every page, or some, as each who may see it."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        creators = sorted(asyncio.run(followed(data, 6, days=20, every_hours=3)))
        for money in data.glob("money.db*"):  # it was made without a key; the server makes its own
            money.unlink()
        server = start_server(
            data, SIMULATOR + '[watch]\nserve = false\n[backup]\nfolder = "backups"\n', balance=100_000
        )
        try:
            fill(server, creators)
            with browsing() as browser:
                for lang in LANGUAGES:
                    for look in LOOKS:
                        for width in WIDTHS:
                            shown = {
                                name: at for name, at in places(server, creators).items() if name in (only or [name])
                            }
                            photograph(browser, server, shown, out, lang, look, width)
        finally:
            server.stop()


def fill(server: Running, creators: list[str]) -> None:
    """Let accounts call, be refused, collect and watch."""
    server.cli("operator", "create", "ops")
    server.cli("account", "create", "品牌 studio", "--balance", "900", "--zone", "Asia/Shanghai")
    server.cli("account", "low-balance", "品牌 studio", "1000")
    server.cli("token", "create", "--account", "品牌 studio", "--name", "nightly", "--daily-quota", "500")
    for creator in creators:
        for note in server.page(creator).notes[-2:]:
            server.page(creator, note["cursor"])
    server.page(creators[0], "0" * 24)
    server.page("nobody")
    server.cli("channel", "add", "ops", "--lang", "zh")
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    ordered = visitor.post("/console/batches", {"creators": "\n".join(creators)}, of="/console/batches")
    path = ordered.headers["location"].partition("?")[0]
    until = time.monotonic() + 60
    while "state running" in visitor.get(path).text and time.monotonic() < until:
        time.sleep(0.2)


def places(server: Running, creators: list[str]) -> dict[str, str]:
    """Return the address of every page, by the name of its picture."""
    [batch, *_] = json.loads(server.cli("batch", "list", "--json").stdout)
    account = json.loads(server.cli("account", "show", "test", "--json").stdout)["id"]
    creator = creators[3]
    return {
        "home": "/console",
        "creators": "/console/creators",
        "creator": f"/console/creators/{creator}",
        "notes": f"/console/creators/{creator}/notes",
        "compare": f"/console/compare?creators={'%0A'.join(creators[:3])}",
        "news": "/console/news",
        "batches": "/console/batches",
        "batch": f"/console/batches/{batch['batch']}",
        "watches": "/console/watches",
        "plan": "/console/watches/plan",
        "reports": "/console/reports",
        "datasets": "/console/datasets",
        "accounts": "/console/accounts",
        "account": f"/console/accounts/{account}",
        "tokens": "/console/tokens",
        "ledger": "/console/ledger",
        "orphans": "/console/ledger/orphans",
        "calls": "/console/calls",
        "usage": "/console/usage",
        "sources": "/console/sources",
        "source": "/console/sources/sim",
        "deliveries": "/console/deliveries",
        "backups": "/console/backups",
        "missing": "/console/nothing",
        "docs": "/docs",
    }


def photograph(
    browser: Browser, server: Running, shown: Mapping[str, str], out: Path, lang: str, look: str, width: int
) -> None:
    """Take a picture of each page, and of the way in, in one language, look and width."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        locale="zh-CN" if lang == "zh" else "en-GB",
        timezone_id="Asia/Shanghai",
        color_scheme="dark" if look == "dark" else "light",
    )
    page = context.new_page()
    name = f"{lang}-{width}{'-dark' if look == 'dark' else ''}"
    page.goto(server.address + link(server.data_dir, "--operator", "ops"))
    _take(page, out / f"sign-in-{name}.webp")
    page.click("main button")
    for place, path in shown.items():
        page.goto(server.address + path)
        page.wait_for_load_state("networkidle")
        if place == "backups":
            page.evaluate(SAID_ELSEWHERE, [str(server.data_dir), "/srv/hongshu"])
        if place in {"creator", "compare"}:
            page.wait_for_selector(".canvas svg", timeout=60_000)
            page.wait_for_timeout(800)
        _take(page, out / f"{place}-{name}.webp")
    page.goto(server.address + link(server.data_dir, "--account", "test"))
    page.click("main button")
    page.wait_for_load_state("networkidle")
    _take(page, out / f"my-account-{name}.webp")
    context.close()


def _take(page: Page, path: Path) -> None:
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    width = page.viewport_size["width"] if page.viewport_size else WIDTHS[0]
    browser = page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    how = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    path.write_bytes(base64.b64decode(browser.send("Page.captureScreenshot", how)["data"]))
    browser.detach()


if __name__ == "__main__":
    showcase(Path(sys.argv[1]), sys.argv[2:])
