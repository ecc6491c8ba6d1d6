"""Atom, RSS 2.0 and JSON Feed: valid by independent readers, in both languages, and hostile text stays text."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hostile
from hongshu.formats.feeds import LONGEST_TITLE, Contents, clean, entry_title, written
from hongshu.models import Kind, News

AT_MS = 1_767_225_600_000
ATOM = "{http://www.w3.org/2005/Atom}"
texts = st.one_of(
    st.sampled_from([*hostile.ALL, *hostile.LONGER]),
    st.text(max_size=200),
    st.text(st.characters(codec=None), max_size=50),
)


def news(number: int = 1, **more: Any) -> News:
    told: dict[str, Any] = {
        "id": f"evt_{number}",
        "kind": Kind.NEW,
        "creator": "5c2f338a000000000701e1c6",
        "seen_ms": AT_MS + number * 1000,
        "nickname": "小红",
        "note_id": f"{number:024x}",
        "title": f"标题 {number}",
        "text": "第一行\n第二行",
        "published_ms": AT_MS,
        "hashtags": ("#春天",),
    }
    return News(**{**told, **more})


def contents(*entries: News, lang: str = "en", title: str = "hongshu: rivals") -> Contents:
    return Contents(
        title=title,
        about="As of 2026-01-01 00:00 UTC.",
        lang=lang,
        address="https://news.example/feeds/KEY.atom",
        feed_id="fed_1",
        updated_ms=AT_MS + 5_000,
        entries=entries,
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("form", ["atom", "rss"])
def test_an_independent_reader_finds_every_entry_as_it_is(form: str, lang: str) -> None:
    """Ids, links, times, authors, tags and texts; and no complaint."""
    all_kinds = [news(number, kind=kind) for number, kind in enumerate(Kind, start=1)]
    read = feedparser.parse(written(contents(*all_kinds, lang=lang), form))
    assert not read.bozo, read.bozo_exception
    assert read.version == {"atom": "atom10", "rss": "rss20"}[form]
    assert read.feed.title == "hongshu: rivals"
    assert read.feed.subtitle == "As of 2026-01-01 00:00 UTC."
    assert read.feed.language == {"en": "en", "zh": "zh-cn"}[lang] or read.feed.language == "zh-CN"
    assert [one.id for one in read.entries] == [f"urn:hongshu:{one.id}" for one in all_kinds]
    assert [one.title for one in read.entries] == [entry_title(one, lang) for one in all_kinds]
    first = read.entries[0]
    assert first.link == f"https://www.xiaohongshu.com/explore/{1:024x}"
    assert first.published_parsed[:6] == (2026, 1, 1, 0, 0, 0)
    assert [tag.term for tag in first.tags] == ["#春天"]
    assert "小红" in first.author
    assert "第一行" in first.summary


def test_every_kind_is_called_differently() -> None:
    """A new note by its title alone."""
    for lang in ("en", "zh"):
        assert len({entry_title(news(kind=kind), lang) for kind in Kind}) == len(Kind)
    assert entry_title(news(), "zh") == "标题 1"
    assert entry_title(news(title=None), "en") == "第一行\n第二行"
    assert entry_title(news(title=None, text=None), "zh") == "发布了新笔记"


@pytest.mark.parametrize("one", hostile.CORPUS, ids=lambda one: one.name)
def test_a_hostile_text_stays_text(one: hostile.Hostile) -> None:
    """Each of the corpus, in every place of every form."""
    stays_text(one.text, Kind.EDITED)


@settings(deadline=None, max_examples=100)
@given(texts, st.sampled_from(list(Kind)))
def test_whatever_is_written_stays_text(text: str, kind: Kind) -> None:
    """Of every kind, and what nobody thought of."""
    stays_text(text, kind)


def stays_text(text: str, kind: Kind) -> None:
    """In every place of every form: what XML cannot hold becomes U+FFFD, the rest is as it was."""
    one = news(title=text, text=text, nickname=text, hashtags=(text,), kind=kind, details={"title": (text, text)})
    expected = entry_title(one, "en")
    atom = ET.fromstring(written(contents(one, title=text), "atom"))  # noqa: S314 - our own writing
    assert same(atom.findtext(f"{ATOM}entry/{ATOM}title"), expected)
    assert same(atom.findtext(f"{ATOM}title"), clean(text, LONGEST_TITLE))
    rss = ET.fromstring(written(contents(one), "rss"))  # noqa: S314 - our own writing
    title = rss.findtext("channel/item/title") or ""
    assert "<" not in title
    assert not re.search(r"&#?\w+;", title)
    for tree in (atom, rss):
        names = {each.tag.rpartition("}")[2] for each in tree.iter()}
        assert not names & {"script", "a", "b", "i"}
    for form in ("atom", "rss"):
        read = feedparser.parse(written(contents(one), form))
        assert not read.bozo, read.bozo_exception
        assert "<script" not in read.entries[0].get("summary", "").lower()
    [item] = json.loads(written(contents(one), "json"))["items"]
    assert item["title"] == expected


def same(found: str | None, expected: str) -> bool:
    """XML readers take every line break for one sign."""
    return (found or "") == expected.replace("\r\n", "\n").replace("\r", "\n")


def test_json_feed_keeps_the_rules_of_version_1_1() -> None:
    """Required members are there, times are RFC 3339, nothing is null."""
    feed = json.loads(written(contents(*(news(number, kind=kind) for number, kind in enumerate(Kind))), "json"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    for member in ("home_page_url", "feed_url"):
        assert feed[member].startswith("https://")
    ids = [item["id"] for item in feed["items"]]
    assert len(set(ids)) == len(ids) == len(Kind)
    for item in feed["items"]:
        assert all(isinstance(item[member], str) and item[member] for member in ("id", "url", "title", "content_text"))
        for member in ("date_published", "date_modified"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", item[member])
        assert all(set(author) <= {"name", "url", "avatar"} and author for author in item["authors"])
        assert all(isinstance(tag, str) for tag in item.get("tags", []))
        assert None not in item.values()


def test_an_empty_feed_is_one_too_and_the_same_every_time() -> None:
    """It says when it was updated, not when it was asked for."""
    for form in ("atom", "rss", "json"):
        assert written(contents(), form) == written(contents(), form)
    assert not feedparser.parse(written(contents(), "atom")).bozo
    assert b"2026-01-01T00:00:05" in written(contents(), "atom")


def test_a_feed_is_bounded() -> None:
    """Fifty entries of the longest texts in all forms are less than a megabyte."""
    many = [news(number, title="长" * 9_999, text="<" * 99_999) for number in range(50)]
    for form in ("atom", "rss", "json"):
        assert len(written(contents(*many), form)) < 1_000_000


def test_an_edit_says_what_was_and_is() -> None:
    """In the entry's text."""
    one = news(kind=Kind.EDITED, details={"title": ("old", "new")})
    assert "title: old → new" in json.loads(written(contents(one), "json"))["items"][0]["content_text"]
    assert "标题: old → new" in json.loads(written(contents(one, lang="zh"), "json"))["items"][0]["content_text"]
