"""How to deploy and to scale out: the commands are those of hongshu, and the figures are what is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from databases import Postgres
from deploying.typed import ROOT, on_page, refused
from hongshu.config import load
from running import SIMULATOR, Running, environment, run_hongshu

HOWTO = ROOT / "docs" / "howto"
PAGES = [HOWTO / "deploy.md", HOWTO / "scale-out.md"]
DATABASE_IS_BUSY_SECONDS = 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_on_the_page_is_taken(page: Path) -> None:
    """In blocks and in sentences, behind whatever starts it."""
    typed = list(on_page(page))
    assert len(typed) > 5
    assert {" ".join(words): why for words in typed if (why := refused(words))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_setting_on_the_page_is_one(page: Path, tmp_path: Path) -> None:
    """The blocks of settings are what hongshu reads."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / "hongshu.toml").write_text(block, encoding="utf-8")
        load(file=tmp_path / "hongshu.toml", environ={}, flags={})
    known = load(file=None, environ={"HONGSHU_DATA_DIR": str(tmp_path / "none")}, flags={}).origins
    for section, key in re.findall(r"`\[(\w+)\] (\w+)`", text):
        assert f"{section}.{key}" in known


def test_everything_that_is_there_to_deploy_is_told() -> None:
    """No file of the folder is left for the reader to find."""
    told = "".join(page.read_text(encoding="utf-8") for page in (*PAGES, HOWTO / "use-in-other-tools.md"))
    files = [one for one in (ROOT / "deploy").rglob("*") if one.is_file() and not one.name.startswith(".env")]
    ours = [one for one in files if "secrets" not in one.parts and one.name != "hongshu.toml"]
    assert len(ours) == 9
    assert [one.name for one in ours if one.name not in told] == []
    assert ".env.example" in told


def told(kind: str) -> int:
    """How many connections a kind of process has at most, as the page says."""
    [row] = re.findall(rf"^\| a {kind}[^|]*\| (\d+) \|", PAGES[1].read_text(encoding="utf-8"), flags=re.MULTILINE)
    return int(row)


@contextmanager
def counting(url: str) -> Iterator[Callable[[], int]]:
    """Count connections to a database; the most that there were at once."""
    seen, over = [0], threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(0.02):
                [(now,)] = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).fetchall()
                seen[0] = max(seen[0], now)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lambda: seen[0]
    finally:
        over.set()
        looking.join()


def test_a_server_has_no_more_connections_than_the_page_says(serve: Callable[..., Running], postgres: Postgres) -> None:
    """While it is called, asked for metrics, managed and audited by sixteen at once."""
    url = postgres.new_database()
    server = serve(f'store = "{url}"\n[cache]\nmax_age = 0\n{SIMULATOR}')
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    creators = list(source["creators"])
    operator = json.loads(server.cli("operator", "create", "o", "--json").stdout)["token"]
    asked = ("accounts", "ledger/verify", "usage?by=code", "ledger?limit=5")
    end = time.monotonic() + DATABASE_IS_BUSY_SECONDS

    def call(caller: int) -> None:
        for number in range(1000):
            if time.monotonic() > end:
                return
            assert server.page(creators[(caller * 40 + number) % len(creators)]).status == 200
            server.get(f"/manage/{asked[number % 4]}", headers={"Authorization": f"Bearer {operator}"})
            server.get("/metrics")

    with counting(url) as most, ThreadPoolExecutor(16) as pool:
        for one in [pool.submit(call, number) for number in range(16)]:
            one.result()
        found = most()
    assert 8 <= found <= told("server process")


def test_a_worker_has_no_more_connections_than_the_page_says(tmp_path: Path, postgres: Postgres) -> None:
    """While it collects, watches and backs up."""
    url = postgres.new_database()
    settings = f'store = "{url}"\n[backup]\nfolder = "kept"\n{SIMULATOR}'
    (tmp_path / "hongshu.toml").write_text(settings, encoding="utf-8")
    [source] = json.loads(run_hongshu("source", "list", "--json", data_dir=tmp_path).stdout)
    run_hongshu("watch", "add", *source["creators"][:50], data_dir=tmp_path)
    run_hongshu("collect", *source["creators"], "--background", data_dir=tmp_path)
    with counting(url) as most:
        process = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "worker", "--concurrency", "8"],
            env=environment(tmp_path),
            stderr=subprocess.DEVNULL,
        )
        time.sleep(DATABASE_IS_BUSY_SECONDS)
        process.terminate()
        assert process.wait(75) == 0
        found = most()
    assert 12 <= found <= told("worker")
