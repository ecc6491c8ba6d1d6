"""News in words: every kind in both languages, and what others wrote stays text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from hongshu.formats.messages import MOST_IN_A_DIGEST, harmless, message
from hongshu.models import Kind, News

NOW_MS = 1_767_225_600_000
DETAILS = {
    Kind.EDITED: {"title": ("old title", "new title"), "edited_ms": (None, NOW_MS)},
    Kind.MILESTONE: {"likes": (10_000, 10_234)},
    Kind.BREAKOUT: {"interactions": (120, 9_876), "others": (None, 14), "age_ms": (None, 7_200_000)},
    Kind.SILENCE: {"days": (None, 14), "newest_ms": (None, NOW_MS)},
    Kind.TROUBLE: {"source": (None, "joa"), "why": (None, "blocked")},
}
SAID = {
    "en": {
        Kind.EDITED: ["old title → new title", "edited at: – → 2026-01-01 08:00"],
        Kind.MILESTONE: ["likes passed 10,000 (10,234 now)"],
        Kind.BREAKOUT: ["9,876 interactions", "14 other notes had 120"],
        Kind.SILENCE: ["no note for 14 days, the last one on 2026-01-01 08:00"],
        Kind.TROUBLE: ["joa: blocked"],
    },
    "zh": {
        Kind.EDITED: ["标题: old title → new title"],
        Kind.MILESTONE: ["点赞 超过 10,000（现为 10,234）"],
        Kind.BREAKOUT: ["互动 9,876", "14 篇"],
        Kind.SILENCE: ["14 天没有新笔记"],
        Kind.TROUBLE: ["joa：blocked"],
    },
}


def news(kind: Kind, **more: object) -> News:
    about_note = kind not in {Kind.SILENCE, Kind.TROUBLE}
    told: dict[str, object] = {
        "id": "evt_1",
        "kind": kind,
        "creator": "" if kind is Kind.TROUBLE else "5c2f338a000000000701e1c6",
        "seen_ms": NOW_MS,
        "nickname": None if kind is Kind.TROUBLE else "小红",
        "note_id": "6563d2a0000000000000abcd" if about_note else "",
        "title": "春天的标题" if about_note else None,
        "published_ms": NOW_MS if about_note else None,
        "details": DETAILS.get(kind, {}),
        **more,
    }
    return News(**told)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_in_both_languages(kind: Kind, lang: str) -> None:
    """Who, what, which note, where it stands; with its numbers."""
    told = message([news(kind)], lang, digest=False, zone="Asia/Shanghai")
    assert "\n" not in told.title
    assert any("\u4e00" <= sign <= "\u9fff" for sign in told.title.replace("小红", "")) == (lang == "zh")
    for part in SAID[lang].get(kind, []):
        assert part in told.body
    if kind is not Kind.TROUBLE:
        assert told.title.startswith("小红")
        assert "https://www.xiaohongshu.com/" in told.body.splitlines()[-1]
    if news(kind).note_id:
        assert ("“春天的标题”" if lang == "en" else "《春天的标题》") in told.body
        assert "2026-01-01 08:00" in told.body


def test_each_kind_is_said_in_its_own_words() -> None:
    """No two alike, in either language."""
    for lang in ("en", "zh"):
        titles = {message([news(kind)], lang, digest=False, zone="UTC").title for kind in Kind}
        assert len(titles) == len(Kind)


def test_a_source_that_is_well_again() -> None:
    """Says so."""
    over = news(Kind.TROUBLE, details={"source": (None, "joa"), "why": ("blocked", None)})
    assert "joa answers again" in message([over], "en", digest=False, zone="UTC").body
    assert "joa 已恢复" in message([over], "zh", digest=False, zone="UTC").body


def test_a_digest_tells_creator_by_creator_and_counts_the_rest() -> None:
    """Thirty events in words, how many more in a number."""
    many = [news(Kind.NEW, creator=f"{one % 3:024x}", title=f"note {one}") for one in range(50)]
    told = message(many, "en", digest=True, zone="UTC")
    assert told.title == "hongshu: 50 events"
    assert told.body.count("“note") == MOST_IN_A_DIGEST
    assert told.body.endswith("… and 20 more")
    creators = [line.rpartition("“")[0] for line in told.body.splitlines() if "/explore/" in line]
    assert len(creators) == MOST_IN_A_DIGEST


@pytest.mark.parametrize("one", hostile.CORPUS, ids=lambda one: one.name)
def test_a_hostile_text_calls_nobody_and_stays_in_its_line(one: hostile.Hostile) -> None:
    """Each of the corpus, in both languages."""
    for lang in ("en", "zh"):
        calls_nobody(one.text, lang)


@given(st.text(max_size=300), st.sampled_from(["en", "zh"]))
def test_what_others_wrote_calls_nobody_and_stays_in_its_line(text: str, lang: str) -> None:
    """And what nobody thought of."""
    calls_nobody(text, lang)


def calls_nobody(text: str, lang: str) -> None:
    """In titles, texts, names, edits and reasons."""
    for told in (
        message(
            [news(Kind.EDITED, title=text, nickname=text, details={"title": (text, text)})],
            lang,
            digest=False,
            zone="UTC",
        ),
        message([news(Kind.NEW, title=None, text=text)], lang, digest=True, zone="UTC"),
        message(
            [news(Kind.TROUBLE, details={"source": (None, text), "why": (None, text)})], lang, digest=False, zone="UTC"
        ),
    ):
        assert not set("@<>[]`") & set(told.title + told.body)
        assert len(told.body.splitlines()) <= 8
        for sign in (told.title + told.body).replace("\n", "").replace("\u200d", ""):
            assert unicodedata.category(sign) not in {"Cc", "Cf", "Cs"}, ascii(sign)
        (told.title + told.body).encode()


def test_emoji_and_scripts_stay_whole() -> None:
    """Families, flags, and any language."""
    for text in ("👩\u200d👩\u200d👧 春天", "🇨🇳 ❤\ufe0f", "مرحبا", "𠮷野家"):
        assert harmless(text, 80) == text
    assert harmless("长" * 100, 10) == "长" * 9 + "…"
