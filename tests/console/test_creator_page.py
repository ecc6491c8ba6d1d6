"""A creator's page: who that is, covers and notes at once, the numbers a moment later; feeds are shown once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hostile
from console.looked import a_server, stored
from console.visiting import Answered, Visitor, signed_in
from covers.drawn import png
from hongshu.engine.covers import FOLDER, CoverFiles
from hongshu.store import covers, creators
from hongshu.store.covers import Cover
from running import Running

SCRIPT = hostile.named("script")

PART = {"hx-request": "true"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, list[str]]]:
    running, people = a_server(tmp_path_factory.mktemp("creator"))
    yield running, people
    running.stop()


@pytest.fixture(scope="module")
def server(world: tuple[Running, list[str]]) -> Running:
    return world[0]


@pytest.fixture(scope="module")
def creator(world: tuple[Running, list[str]]) -> str:
    """The collected creator with the most notes."""
    running, people = world
    known = stored(running, lambda db: creators.known(db, people[:4]))
    return max(known, key=lambda one: one.notes).creator


def lines_of(page: Answered) -> list[str]:
    """The ids of the notes that a page lists."""
    return re.findall(r'<span class="id">([0-9a-f]{24})</span>', page.text)


def kept_cover(server: Running, key: str) -> bytes:
    """Keep a cover under a media key and return its bytes."""
    body = png(3, 4)
    picture, sha256 = CoverFiles(server.data_dir / FOLDER, lambda: 0).put(body)
    stored(
        server, lambda db: covers.put(db, Cover(media=key, sha256=sha256, bytes=len(body), picture=picture, kept_ms=1))
    )
    return body


def test_the_page_says_who_it_is_and_loads_the_numbers(account: Visitor, creator: str, server: Running) -> None:
    """The page itself holds no numbers that take time, but asks for them, with scripts of files only."""
    page = account.get(f"/console/creators/{creator}")
    [name] = stored(server, lambda db: creators.names(db, [creator]).values())
    assert page.status == 200
    assert page.text.count("<h1>") == 1
    assert str(name) in page.plain
    assert "from the first note" in page.plain
    assert f'hx-get="/console/creators/{creator}/numbers?window=90d"' in page.text
    assert re.findall(r"<script(?![^>]* src=)", page.text) == re.findall(r" style=| onclick=", page.text) == []


def test_accounts_collect_watch_and_report_and_operators_also_feed(
    account: Visitor, operator: Visitor, creator: str
) -> None:
    """What somebody may not do is not offered."""
    for_all = (
        'action="/console/batches"',
        'action="/console/watches"',
        f"/console/reports?kind=creator&amp;creators={creator}",
    )
    for_operators = 'action="/console/feeds"', 'action="/console/groups"'
    ours, theirs = (one.get(f"/console/creators/{creator}").text for one in (account, operator))
    assert all(one in ours and one in theirs for one in for_all)
    assert all(one not in ours and one in theirs for one in for_operators)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_numbers_are_the_blocks_of_the_report(account: Visitor, creator: str, lang: str) -> None:
    """Each with n and how it is computed, in the language of the page, and pictures as JSON for the report's script."""
    visitor = Visitor(account.address, account.cookies, lang)
    part = visitor.get(f"/console/creators/{creator}/numbers?window=all", PART)
    assert part.status == 200
    assert "<html" not in part.text
    wanted = ["Interactions over time", "Best hours", "Hashtags", "Life-log", "how is this computed", "n = "]
    chinese = ["互动量走势", "最佳发布时段", "话题", "如何计算", "n = "]
    assert all(one in part.plain for one in (wanted if lang == "en" else chinese))
    told = re.search(r'<script type="application/json" id="hongshu-pictures">(.*?)</script>', part.text)
    assert told
    assert json.loads(told[1])["pictures"]
    assert re.search(r'<script src="/console/static/report\.js\?[0-9a-f]+" defer></script>', part.text)
    assert " style=" not in part.text
    assert "Asia/Shanghai" in part.text


def test_the_numbers_stand_as_a_page_of_their_own_too(account: Visitor, creator: str) -> None:
    """For those whose browsers run no script."""
    page = account.get(f"/console/creators/{creator}/numbers?window=30d")
    assert page.text.count("<h1>") == 1
    assert "/console/static/report.css" in page.text


def test_numbers_are_computed_again_when_something_new_is_known(
    account: Visitor, creator: str, server: Running
) -> None:
    """Until then they are kept."""
    path = f"/console/creators/{creator}/numbers?window=365d"
    before = account.get(path, PART).text
    assert account.get(path, PART).text == before
    stored(
        server,
        lambda db: db.rows(
            "UPDATE notes SET crc = NULL, likes = likes + 5, last_seen_ms = last_seen_ms + 60000 WHERE creator = ?",
            (creator,),
        ),
    )
    assert account.get(path, PART).text != before


def test_what_numbers_need_and_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without DuckDB shows the rest, and the line that installs it."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['duckdb'] = None\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    running, people = a_server(tmp_path / "data", known=1)
    try:
        visitor = signed_in(running.address, running.data_dir, "--account", "test")
        assert visitor.get(f"/console/creators/{people[0]}").status == 200
        told = visitor.get(f"/console/creators/{people[0]}/numbers", PART)
        assert 'pip install "hongshu[analytics]"' in told.plain
        for path in ("/console/compare/numbers", "/console/reports", "/console/datasets"):
            assert 'pip install "hongshu[analytics]"' in visitor.get(path).plain
    finally:
        running.stop()


def test_kept_covers_are_sent_as_what_they_are(account: Visitor, creator: str, server: Running) -> None:
    """Others are neutral tiles; nothing but a kept cover is ever sent."""
    line = stored(server, lambda db: creators.lines(db, creator, "", (2**62, ""), 1))[0]
    assert line.cover_key
    address = f"/console/covers/{line.cover_key}"
    assert account.get(address).status == 404
    assert address not in account.get(f"/console/creators/{creator}").text
    body = kept_cover(server, line.cover_key)
    sent = account.get(address)
    assert (sent.status, sent.raw) == (200, body)
    assert sent.headers["content-type"] == "image/png"
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert f'src="{address}"' in account.get(f"/console/creators/{creator}").text
    for other in ("../hongshu.key", "%2e%2e%2fhongshu.key", "no/such/key"):
        assert account.get(f"/console/covers/{other}").status == 404
    assert Visitor(account.address).get(address).status == 401


def test_notes_are_listed_page_by_page_and_found_by_title(account: Visitor, creator: str, server: Running) -> None:
    """Every note once, the newest first."""
    number = stored(server, lambda db: creators.known(db, [creator]))[0].notes
    path, found = f"/console/creators/{creator}/notes", list[str]()
    while path:
        page = account.get(path)
        found += lines_of(page)
        older = re.search(r'<a href="([^"]+)" rel="next">', page.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(found) == len(set(found)) == number
    stored(
        server,
        lambda db: db.rows(
            "UPDATE notes SET crc = NULL, title = '100%_sure! 好' WHERE creator = ? AND id = ?", (creator, found[7])
        ),
    )
    assert lines_of(account.get(f"/console/creators/{creator}/notes?q=%25_SURE!")) == [found[7]]
    assert "Nothing matches." in account.get(f"/console/creators/{creator}/notes?q=nowhere-at-all").plain


def test_hostile_titles_are_text_everywhere(account: Visitor, creator: str, server: Running) -> None:
    """On the page, in the list, and in the numbers, whose JSON no title ends."""
    line = stored(server, lambda db: creators.lines(db, creator, "", (2**62, ""), 1))[0]
    title = f"</script>{SCRIPT}"
    stored(
        server,
        lambda db: db.rows(
            "UPDATE notes SET crc = NULL, title = ?, last_seen_ms = last_seen_ms + 1 WHERE creator = ? AND id = ?",
            (title, creator, line.id),
        ),
    )
    pages = [account.get(f"/console/creators/{creator}{rest}") for rest in ("", "/notes", "/numbers?window=all")]
    assert all(SCRIPT not in page.text for page in pages)
    assert all("window.ran" in page.text for page in pages[:2])


def test_creators_that_nobody_knows_are_not_there(account: Visitor) -> None:
    """The page says how to collect them."""
    unknown = "0123456789abcdef01234567"
    page = account.get(f"/console/creators/{unknown}")
    assert (page.status, f"hongshu collect {unknown}" in page.plain) == (404, True)
    assert account.get("/console/creators/not-an-id").status == 404
    assert account.get(f"/console/creators/{unknown}/notes").status == 404


def test_a_creator_without_notes_has_a_page_all_the_same(operator: Visitor, world: tuple[Running, list[str]]) -> None:
    """Whoever is in a group only."""
    server, people = world
    stored(server, lambda db: creators.add_members(db, "wished", [people[9]]))
    page = operator.get(f"/console/creators/{people[9]}")
    assert page.status == 200
    assert "No note is known yet." in page.plain
    assert "/numbers" not in page.text


def test_a_feed_is_shown_once_works_and_can_be_revoked(
    operator: Visitor, account: Visitor, creator: str, server: Running
) -> None:
    """Its addresses are on no other page."""
    assert account.post("/console/feeds", {"creators": creator}).status == 403
    made = operator.post("/console/feeds", {"creators": creator})
    assert made.status == 201
    [atom] = re.findall(r"http://[^<\s]+/feeds/hsf_[^<\s]+\.atom", made.text)
    path = atom.removeprefix(server.address)
    assert server.get(path).status == 200
    page = operator.get(f"/console/creators/{creator}").text
    assert "hsf_" not in page
    [feed] = set(re.findall(r"/console/feeds/(fed_\w+)/revoke", page))
    assert operator.post(f"/console/feeds/{feed}/revoke").status == 303
    assert server.get(path).status == 404
    assert operator.post("/console/feeds/fed_none/revoke").status == 404
