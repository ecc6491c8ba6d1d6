"""Whatever a page says, it says in both languages."""

from __future__ import annotations

import hashlib
import re
import string
from pathlib import Path

import pytest

import hongshu.server.console
from hongshu.server.console import words
from hongshu.server.console.forms import language

FOLDER = Path(hongshu.server.console.__file__).parent
SAID = re.compile(r"""\bt\(\s*"((?:[^"\\]|\\.)+)"|\bt\(\s*'((?:[^'\\]|\\.)+)'""")


def said() -> set[str]:
    pages = [*FOLDER.glob("templates/*.html")]
    return {found[1] or found[2] for one in pages for found in SAID.finditer(one.read_text(encoding="utf-8"))}


def test_every_sentence_of_a_template_has_its_chinese() -> None:
    sentences = said()
    assert len(sentences) > 50
    assert sorted(one for one in sentences if one not in words.CHINESE) == []


def test_every_word_on_what_was_done_has_its_chinese() -> None:
    assert [one for one in words.DONE.values() if one not in words.CHINESE] == []


def test_both_languages_put_in_the_same_values() -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert [one for one, other in words.CHINESE.items() if names(one) != names(other)] == []


def test_chinese_is_chinese() -> None:
    same = [one for one, other in words.CHINESE.items() if not re.search(r"[\u4e00-\u9fff]", other)]
    assert all(re.fullmatch(r"[A-Z0-9 /.%×+-]+|[A-Za-z]{1,12}", one) for one in same), same


@pytest.mark.parametrize(
    ("chosen", "accepted", "told"),
    [
        (None, "", "en"),
        (None, "zh", "zh"),
        (None, "zh-Hant-TW,en;q=0.9", "zh"),
        (None, "en-GB,zh;q=0.9", "en"),
        (None, "en;q=0.2, zh;q=0.7", "zh"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "fr", "en"),
        (None, "zh;q=x, en", "en"),
        ("en", "zh", "en"),
        ("zh", "en", "zh"),
        ("xx", "zh", "zh"),
    ],
)
def test_a_language_is_chosen_or_the_browsers(chosen: str | None, accepted: str, told: str) -> None:
    assert language(chosen, accepted) == told


def test_a_sentence_has_one_chinese() -> None:
    """No sentence is translated in two places, where one could be changed without the other."""
    rooms = [words.common, words.look, words.collecting, words.watching, words.run]
    told = [one for room in rooms for one in room.CHINESE]
    assert sorted(one for one in set(told) if told.count(one) > 1) == []


def test_the_chinese_uses_the_words_of_the_glossary() -> None:
    others = ("\u521b\u4f5c\u8005", "\u6570\u636e\u6e90", "\u70b9\u6570")  # creator, source, credits, said otherwise
    assert [one for one in words.CHINESE.values() if any(other in one for other in others)] == []


def test_what_is_carried_along_is_what_its_page_says() -> None:
    static = FOLDER / "static"
    told = (static / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256((static / "htmx.min.js").read_bytes()).hexdigest() in told
