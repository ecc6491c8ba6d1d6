"""Samples of calls, in six languages, and of an answer: programs that tests run, and a page of made-up notes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from hongshu.errors import HongshuError
from hongshu.formats import v4
from hongshu.formats.envelopes import read
from hongshu.models import Asked, Cache, NoPage, Reply, Served, Word
from hongshu.sources.simulator import World

ADDRESS: Final = "http://127.0.0.1:8787"
"""Stands in a sample where the address of the server belongs."""
CREATOR: Final = "5c2f338a000000000701e1c6"

_AS_OF_MS: Final = 1_795_406_706_000
_REQUEST: Final = "req_1j9c8v6hgk3p5t7w9y"
_NOTES: Final = 2
_LANGUAGES: Final = (
    ("bash", "list-notes.sh"),
    ("Python", "list_notes.py"),
    ("JavaScript", "list-notes.mjs"),
    ("Java", "ListNotes.java"),
    ("Go", "list_notes.go"),
    ("PHP", "list_notes.php"),
)


class Sample(Word):
    """A whole program that asks for a page and prints the answer."""

    language: str
    file: str
    text: str


def samples(address: str) -> tuple[Sample, ...]:
    """Return the programs; only the token is to be filled in."""
    return tuple(
        Sample(language=language, file=file, text=_text(file).replace(ADDRESS, address))
        for language, file in _LANGUAGES
    )


@cache
def _text(file: str) -> str:
    return (files(__package__) / "samples" / f"{file}.txt").read_text(encoding="utf-8")


@cache
def sample_answer() -> bytes:
    """Return an answer as this server would give it, with the oldest notes of a made-up creator's first page."""
    found = read(Reply(body=World(seed=7, creators=8).page(Asked(creator=CREATOR), _AS_OF_MS)))
    if isinstance(found, NoPage):
        raise HongshuError(f"the simulator gave no page: {found.why}")
    wires = tuple(note.wire for note in found.notes[-_NOTES:])
    served = Served(wires=wires, has_more=True, recorded_ms=_AS_OF_MS, source="sim", cache=Cache.MISS)
    return v4.answer(served, _REQUEST)
