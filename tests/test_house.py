"""The house itself: what it installs, what it names, what it may not do."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import hongshu

ROOT = Path(__file__).parents[1]
LARGEST_INSTALL = 80 * 1024 * 1024


def core_requirements() -> list[str]:
    text = (ROOT / "requirements/core.txt").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9_.-]+)==", text, flags=re.MULTILINE)


def test_a_core_install_stays_small() -> None:
    """Everything that a core install brings, with bytecode, is at most 80 MB."""
    size = 0
    for name in core_requirements():
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue
        size += sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file())
    assert 20 * 1024 * 1024 < size <= LARGEST_INSTALL


def printed_by(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import hongshu` brings no server, database or client library."""
    loaded = "[m for m in ('granian', 'starlette', 'apsw', 'aiohttp', 'msgspec', 'httpx2') if m in sys.modules]"
    assert printed_by(f"import sys, hongshu; print({loaded}, file=sys.stderr)") == "[]"


def test_the_client_loads_no_server_no_database_and_nothing_that_draws() -> None:
    """`from hongshu import Client` brings what asks and reads answers, and no more."""
    heavy = ("granian", "starlette", "apsw", "psycopg", "duckdb", "jinja2", "rich", "structlog", "aiohttp", "cyclopts")
    heavy += ("httpx2", "ssl", "numpy", "pandas", "polars", "pyarrow", "sqlite3", "hongshu.config", "hongshu.store")
    code = f"import sys; from hongshu import Client; print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    assert printed_by(code) == "[]"


def test_the_package_names_what_it_offers() -> None:
    """What is named lazily is there, and what is not there is told as Python tells it."""
    assert all(getattr(hongshu, name) is not None for name in hongshu.__all__)
    assert {"Client", "CallError"} <= set(dir(hongshu))
    with pytest.raises(AttributeError, match="nonsense"):
        hongshu.nonsense  # noqa: B018 - looked at only


def test_help_loads_no_server_and_no_database() -> None:
    """`hongshu --help` is quick because commands are loaded when they are called."""
    loaded = "[m for m in ('granian', 'starlette', 'apsw', 'aiohttp') if m in sys.modules]"
    code = f"import sys; from hongshu.cli.main import run; run(['--help']); print({loaded}, file=sys.stderr)"
    assert printed_by(code) == "[]"


@pytest.mark.parametrize(
    "command",
    [
        ("version", "--json"),
        ("config", "--json"),
        ("account", "list", "--json"),
        ("token", "list", "--json"),
        ("operator", "list", "--json"),
        ("ledger", "verify", "--json"),
        ("usage", "--json"),
        ("creator", "list", "--json"),
        ("coverage", "--json"),
    ],
)
def test_quick_commands_load_nothing_that_is_slow_to_load(command: tuple[str, ...], tmp_path: Path) -> None:
    """What only looks into the store loads no log writer, no event loop, no HTTP and nothing that draws tables."""
    slow = ("structlog", "rich", "asyncio", "ssl", "aiohttp", "starlette", "granian", "jinja2", "duckdb", "psycopg")
    code = (
        f"import os, sys; os.environ['HONGSHU_DATA_DIR'] = {str(tmp_path)!r}\n"
        f"from hongshu.cli.main import run; status = run({command!r})\n"
        f"print(status, [m for m in {slow!r} if m in sys.modules], file=sys.stderr)"
    )
    assert printed_by(code) == "0 []"


def test_commands_that_load_their_settings_quietly_have_no_part_that_logs() -> None:
    """Else its lines would go to standard output, in another form, with secrets in them."""
    quiet = [
        path.stem for path in (ROOT / "src/hongshu/cli").glob("*.py") if "quiet_settings" in path.read_text("utf-8")
    ]
    assert "token" in quiet
    code = f"import sys; import {', '.join(f'hongshu.cli.{one}' for one in quiet)}"
    assert printed_by(f"{code}; print('structlog' in sys.modules, file=sys.stderr)") == "False"


def test_what_speaks_http_is_loaded_when_something_is_asked(tmp_path: Path) -> None:
    """Neither commands nor a server of pages at hand wait for it."""
    code = (
        "import sys; from pathlib import Path; import hongshu.server.run; from hongshu.config import Config\n"
        f"hongshu.server.run.Service(Config(), Path({str(tmp_path)!r}))\n"
        "print('aiohttp' in sys.modules, file=sys.stderr)"
    )
    assert printed_by(code) == "False"


def test_the_readme_names_only_targets_that_the_makefile_has() -> None:
    """A command in the documentation is a command that exists."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for page in ("README.md", "README.zh.md", "CONTRIBUTING.md", "docs/quickstart.md", "docs/quickstart.zh.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, flags=re.MULTILINE)) <= targets, page


def test_hostile_texts_stand_in_one_corpus() -> None:
    """P4 of PROMISES: no suite has a list of its own, which others would not be tried with."""
    own = re.compile(r"^[A-Z_]*HOSTILE[A-Z_]*\b.*=", flags=re.MULTILINE)
    found = [path.name for path in (ROOT / "tests").rglob("*.py") if own.search(path.read_text("utf-8"))]
    assert found == []


SHOWS = {
    "console": "console/test_in_browser.py",
    "reports as pages": "reports/documents.py",
    "reports as Markdown": "reports/test_report_markdown.py",
    "reports as workbooks": "reports/test_report_sheets.py",
    "feeds": "feeds/test_feed_formats.py",
    "CSV, workbooks, Parquet and JSON Lines": "exporting/shelves.py",
    "cells": "exporting/test_export_cells.py",
    "answers of analytics": "analytics/test_frames.py",
    "chat and mail": "delivering/test_messages.py",
    "terminal": "wire/test_terminal.py",
    "tools for assistants": "assistants/test_hostile.py",
    "documentation": "console/test_documentation_pages.py",
    "names of files": "covers/test_keeping_covers.py",
}


@pytest.mark.parametrize("place", SHOWS.values(), ids=SHOWS)
def test_each_place_that_shows_texts_is_tried_with_the_corpus(place: str) -> None:
    """P4 of PROMISES: console, reports, feeds, exports, chat, mail, terminal, assistants, and the page of the API."""
    assert re.search(r"\bhostile\.\w+", (ROOT / "tests" / place).read_text("utf-8"))
