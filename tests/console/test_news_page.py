"""News: what happened, in words and both languages, filtered and paged; everybody who is signed in may look."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import stores
from console.visiting import Visitor, signed_in
from hongshu.models import Event, Kind
from hongshu.store import creators, events
from running import Running

ONE, OTHER = "5d00000000000000000000a1", "5d00000000000000000000b2"
NOTE = "6a0000000000000000000001"
EDIT = Event(
    note_id=NOTE, kind=Kind.EDITED, seen_ms=1_795_000_000_000, details={"title": ("old", "<script>alert(1)</script>")}
)


def tell(data_dir: Path, creator: str, told: Sequence[Event], *, audience: str = "", group: str = "") -> None:
    notes = stores.opened(data_dir, "notes")
    notes.write(lambda db: events.add(db, creator, audience, "sim", told))
    if group:
        notes.write(lambda db: creators.add_members(db, group, [creator]))
    notes.close()


@pytest.fixture
def told(serve: Callable[..., Running]) -> Running:
    """A server where two creators did something, one of them in a group."""
    server = serve("")
    goods = Event(note_id=NOTE, kind=Kind.GOODS, seen_ms=1_795_000_001_000)
    tell(server.data_dir, ONE, [EDIT, goods], group="rivals")
    tell(server.data_dir, OTHER, [Event(note_id=NOTE, kind=Kind.VANISHED, seen_ms=1_795_000_002_000)])
    return server


def reader(server: Running, lang: str = "en") -> Visitor:
    return signed_in(server.address, server.data_dir, "--account", "test", lang=lang)


def happened(text: str) -> list[str]:
    return re.findall(r'<li class="happened (\w+)"', text)


def test_the_newest_stands_first_with_what_changed_in_words(told: Running) -> None:
    """Kind, creator with a link, and old and new."""
    answer = reader(told).get("/console/news")
    assert happened(answer.text) == ["vanished", "goods", "edited"]
    assert "edited a note" in answer.plain
    assert "title: old → " in answer.plain
    assert f'href="/console/creators/{ONE}"' in answer.text
    assert "修改了笔记" in reader(told, "zh").get("/console/news").plain


def test_what_others_wrote_is_text(told: Running) -> None:
    """A title that is a script is shown and does nothing."""
    answer = reader(told).get("/console/news")
    assert "<script>alert" not in answer.text
    assert "script" in answer.plain


def test_kind_creator_and_group_narrow_the_list(told: Running) -> None:
    """Each filter alone and two together; a link names a creator too."""
    visitor = reader(told)
    assert happened(visitor.get("/console/news?kind=goods").text) == ["goods"]
    assert happened(visitor.get(f"/console/news?creator={OTHER}").text) == ["vanished"]
    link = f"https%3A%2F%2Fwww.xiaohongshu.com%2Fuser%2Fprofile%2F{OTHER}"
    assert happened(visitor.get(f"/console/news?creator={link}").text) == ["vanished"]
    assert happened(visitor.get("/console/news?group=rivals&kind=edited").text) == ["edited"]
    assert "Nothing matches." in visitor.get("/console/news?kind=silence").plain


@pytest.mark.parametrize("query", ["kind=nonsense", "creator=nonsense", f"creator={ONE}&group=rivals"])
def test_a_filter_that_means_nothing_is_told_where_results_stand(told: Running, query: str) -> None:
    """The page stays, so that the filter can be mended."""
    answer = reader(told).get(f"/console/news?{query}")
    assert answer.status == 200
    assert re.search(r'id="found">\s*<p class="said"', answer.text)


def test_older_news_come_page_by_page_each_once(serve: Callable[..., Running]) -> None:
    """By a cursor: what happens meanwhile shifts nothing."""
    server = serve("")
    told = [
        Event(note_id=f"6a00000000000000{n:08x}", kind=Kind.NEW, seen_ms=1_795_000_000_000 + n // 3) for n in range(120)
    ]
    tell(server.data_dir, ONE, told)
    visitor, path, seen = reader(server), "/console/news", []
    for page in range(3):
        answer = visitor.get(path)
        seen += re.findall(r"explore/([0-9a-f]{24})", answer.text)
        if page == 0:
            tell(server.data_dir, ONE, [Event(note_id=NOTE, kind=Kind.NEW, seen_ms=1_796_000_000_000)])
        older = re.search(r'href="([^"]+)" rel="next"', answer.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert path == ""
    assert sorted(seen) == sorted(one.note_id for one in told)


def test_what_belongs_to_one_account_alone_is_not_told(told: Running) -> None:
    """News of a private source stay private."""
    tell(told.data_dir, OTHER, [Event(note_id=NOTE, kind=Kind.BACK, seen_ms=1_795_000_003_000)], audience="acc_other")
    assert "back" not in happened(reader(told).get("/console/news").text)


def test_an_empty_list_says_what_to_do(serve: Callable[..., Running]) -> None:
    """In both languages."""
    server = serve("")
    assert "watch some" in reader(server).get("/console/news").plain
    assert "请添加监测" in reader(server, "zh").get("/console/news").plain
    assert Visitor(server.address).get("/console/news").status == 401
