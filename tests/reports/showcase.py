"""Makes the pictures of `docs/screens`: `python tests/reports/showcase.py OUT_DIR`, of creators who are made up."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from databases import open_room
from hongshu.engine.reporting import facts_of
from hongshu.reports.document import ReportKind
from hongshu.reports.making import ReportForm, Wanted, make, write
from reports.followed import END_MS, followed
from reports.photographs import browsing, photograph

PICTURES: Final = (
    ("creator", "en", 1280, False),
    ("creator", "zh", 375, False),
    ("creator", "zh", 1280, True),
    ("compare", "en", 1280, False),
    ("compare", "zh", 375, True),
    ("competitors", "zh", 1280, False),
    ("competitors", "en", 375, False),
)
"""Kind, language, width, and whether it is dark."""


def showcase(out: Path) -> None:
    """Follow creators for a month, report about them, and photograph the reports."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        creators = sorted(asyncio.run(followed(data, 6, days=30, every_hours=2)))
        with closing(open_room("sqlite", "notes", data)) as room:
            facts = facts_of(room, creators)
        with browsing() as browser:
            for kind, lang, width, dark in PICTURES:
                page = data / f"report-{kind}-{lang}.html"
                wanted = Wanted(
                    kind=ReportKind(kind),
                    creators=creators[3:4] if kind == "creator" else creators,
                    window="120d",
                    zone="Asia/Shanghai",
                    lang=lang,
                    group="rivals",
                    focus=creators[3],
                )
                write(make(wanted, facts, {}, END_MS), ReportForm.HTML, page)
                name = f"report-{kind}-{lang}-{width}{'-dark' if dark else ''}.jpg"
                photograph(page, out / name, width, dark=dark, browser=browser)


if __name__ == "__main__":
    showcase(Path(sys.argv[1]))
