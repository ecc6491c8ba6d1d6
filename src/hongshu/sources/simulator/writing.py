"""What made-up notes say: a title and a text from a handful of random bytes, and what an edit does to them."""

from __future__ import annotations

from typing import Final, NamedTuple

from hongshu.sources.simulator.words import ENDINGS, SENTENCES, TITLE_MARKS, TITLES, UPDATES, Niche

TITLE_LIMIT: Final = 20

_NUMBER_OF_SENTENCES: Final = (0, 1, 1, 2, 3, 4, 6, 9)
_UNTITLED: Final = 10


class Writing(NamedTuple):
    """The title (up to 20 code points, may be empty) and the whole text of a note."""

    title: str
    text: str


def write(niche: Niche, hashtags: tuple[str, ...], chance: bytes) -> Writing:
    """Write a note from 24 random bytes: a title, up to nine sentences, then its hashtags."""
    subject, heading, number, mood, titled, length = chance[:6]
    end = 6 + 2 * _NUMBER_OF_SENTENCES[length & 7]
    sentences = niche.sentences + SENTENCES
    body = "".join(
        [
            sentences[words % len(sentences)] + ENDINGS[ending % len(ENDINGS)]
            for words, ending in zip(chance[6:end:2], chance[7:end:2], strict=True)
        ]
    )
    filling = {
        "thing": niche.things[subject % len(niche.things)],
        "n": 2 + number % 9,
        "emoji": niche.emoji[mood % len(niche.emoji)],
        "other": niche.emoji[(mood >> 4) % len(niche.emoji)],
    }
    title = "" if titled < _UNTITLED else TITLES[heading % len(TITLES)].format_map(filling)[:TITLE_LIMIT]
    tags = " ".join([f"#{name}[话题]#" for name in hashtags])
    return Writing(title, body.format_map(filling) + ("\n" if body and tags else "") + tags)


def rewrite(writing: Writing, edit: int, *, title: bool) -> Writing:
    """Apply the edit with this number, from 0, to the title or to the beginning of the text."""
    if title:
        return writing._replace(title=(TITLE_MARKS[edit] + writing.title)[:TITLE_LIMIT])
    return writing._replace(text=f"（{UPDATES[edit]}）\n{writing.text}")
