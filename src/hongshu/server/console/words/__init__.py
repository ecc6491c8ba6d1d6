"""The sentences of the console: English stands in the pages themselves, Chinese beside it here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.server.console.words import collecting, common, look, run, watching

CHINESE: Final[Mapping[str, str]] = {
    **common.CHINESE,
    **look.CHINESE,
    **collecting.CHINESE,
    **watching.CHINESE,
    **run.CHINESE,
}
DONE: Final[Mapping[str, str]] = {
    **common.DONE,
    **look.DONE,
    **collecting.DONE,
    **watching.DONE,
    **run.DONE,
}
"""What was done, by the word in the address of the page that says so."""


def say(lang: str, text: str, values: Mapping[str, object]) -> str:
    """Return a sentence in a language, with values put in; an English one that nobody translated stays English."""
    told = CHINESE.get(text, text) if lang == "zh" else text
    return told.format(**values) if values else told
