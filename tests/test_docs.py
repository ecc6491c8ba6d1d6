"""The documentation is tested: every command, route and code has its heading, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hongshu.cli.main import application
from hongshu.config import ServerConfig
from hongshu.errors import BY_CODE
from hongshu.server.around import Around

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def headings(page: str) -> set[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return {line.lstrip("#").strip() for line in text.splitlines() if line.startswith("##")}


def commands(app: Any, path: tuple[str, ...] = ("hongshu",)) -> list[str]:
    found = []
    for name in app:
        if name.startswith("-"):
            continue
        child = app[name]
        deeper = commands(child, (*path, name))
        found += deeper or [" ".join((*path, name))]
    return found


def test_every_command_has_its_heading_and_every_heading_its_command() -> None:
    """The page of commands and the command line name the same ones."""
    assert headings("docs/reference/commands.md") == set(commands(application()))


def test_every_code_and_route_has_its_heading() -> None:
    """The endpoint's page names every business code and every address around it."""
    routes = {route.path for route in Around(ServerConfig(), lambda: 0, dict).application().routes}
    wanted = routes | {str(code) for code in [0, *BY_CODE]}
    assert wanted <= headings("docs/reference/endpoint.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    """No page points at a file that is not there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_chinese_pages_stand_beside_the_english_ones() -> None:
    """What users read first exists in both languages, with the same number of sections."""
    for page in ("README", "docs/quickstart"):
        english, chinese = headings(f"{page}.md"), headings(f"{page}.zh.md")
        assert len(english) == len(chinese) > 0
