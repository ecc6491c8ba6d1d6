"""The documentation is tested: every command, route and code has its heading, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from hongshu.analytics.reference import reference
from hongshu.cli.main import application
from hongshu.config import Config, LimitsConfig, ServerConfig
from hongshu.engine.asking.reports import SourceTotals
from hongshu.engine.money.usage import Totals
from hongshu.errors import BY_CODE
from hongshu.server.around import Around, Neighbour
from hongshu.server.documentation.pages import Documentation
from hongshu.server.feeds import FeedRoute
from hongshu.server.holders import Holders
from hongshu.server.manage import Manage
from hongshu.server.metrics import Metrics, Scrape

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
        itself = [] if deeper and child.default_command is None else [" ".join((*path, name))]
        found += [*itself, *deeper]
    return found


def routes() -> set[str]:
    """The addresses that the server answers, beside the endpoint's own."""

    async def run(_: object, *, window: str = "") -> None: ...

    unused: Any = None
    around = Around(
        ServerConfig(),
        lambda: 0,
        unused,
        Holders(unused, lambda: 0, http_status="mapped"),
        [
            Neighbour([Route("/metrics", Scrape(Metrics(), unused, run).answer)]),
            *map(Neighbour, (Manage(LimitsConfig(), run).routes(), FeedRoute(unused, "").routes())),
            Neighbour(Documentation(Config()).routes()),
        ],
    )
    return {route.path for route in around.application().routes if isinstance(route, Route)}


def test_every_command_has_its_heading_and_every_heading_its_command() -> None:
    """The page of commands and the command line name the same ones."""
    assert headings("docs/reference/commands.md") == set(commands(application()))


def test_every_code_and_route_has_its_heading() -> None:
    """The endpoint's page names every business code and every address around it."""
    wanted = {path for path in routes() if not path.startswith("/manage")} | {str(code) for code in [0, *BY_CODE]}
    assert wanted <= headings("docs/reference/endpoint.md")


def test_every_route_of_operators_has_its_heading() -> None:
    """The page on managing over HTTP names the routes that there are."""
    assert headings("docs/reference/manage.md") == {path for path in routes() if path.startswith("/manage")}


async def test_every_metric_has_its_heading(tmp_path: Path) -> None:
    """The page of monitoring names what a scrape gives."""
    totals = Totals(accounts=1, balance=2, held=0, holds=0, kept_answers_bytes=0, low=(("acc_1", 2),))
    metrics = Metrics()
    metrics.answered(0, "hit", 0.1)
    sources = {"one": SourceTotals(verdicts={"ok": 1}, credits=2, failures=0, paused=False, alarms=0)}
    text = metrics.text(totals, sources).decode()
    given = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    named = {re.sub("_(bucket|sum|count)$", "", name) for name in given if not name.endswith("_created")}
    assert named == headings("docs/reference/monitoring.md")


def test_every_number_has_its_section() -> None:
    """The page of numbers is the one that the catalogue gives: formula, needs and limits of each."""
    assert (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8") == reference()


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
