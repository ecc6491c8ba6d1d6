"""The verdict on a page, before anything else happens: only a good page is charged, kept, served or counted."""

from __future__ import annotations

from typing import Final

from hongshu.models import TOP, Asked, Form, NoPage, Page, Place, Trouble, Verdict, Word

_TROUBLES: Final = {
    Trouble.REFUSED: Verdict.REFUSED,
    Trouble.NOT_FOUND: Verdict.NOT_FOUND,
    Trouble.BLOCKED: Verdict.BLOCKED,
    Trouble.MALFORMED: Verdict.MALFORMED,
}


class Judged(Word):
    """A verdict and the reason for it, in our own words."""

    verdict: Verdict
    why: str = ""


def judge(
    read: Page | NoPage, asked: Asked, *, speaks: frozenset[Form], notes_known: bool, below: Place = TOP
) -> Judged:
    """Judge what a source replied to one question.

    `speaks` are the forms that count as success from this source; `notes_known` says whether we know notes of the
    creator after the place that was asked for. `below` is where the cursor's note stands, if that is known for sure.
    """
    if isinstance(read, NoPage):
        return Judged(verdict=_TROUBLES[read.trouble], why=read.why)
    if read.form not in speaks:
        return Judged(
            verdict=Verdict.MALFORMED, why=f"the page is in the {read.form} form, which this source never sends"
        )
    if read.creators - {asked.creator}:
        return _suspicious("it holds another creator's notes")
    if not read.notes:
        return _without_notes(read, asked, notes_known=notes_known)
    if read.notes[-1].id == asked.cursor or not _continues(read, below):
        return _suspicious("it does not continue after the cursor")
    return Judged(verdict=Verdict.LAST if read.has_more is False else Verdict.OK)


def _continues(page: Page, below: Place) -> bool:
    """Say whether most of the notes that follow each other stand where they should: some may have moved since."""
    ahead = [note.place >= below for note in page.notes if not note.pinned]
    return 2 * sum(ahead) <= len(ahead)


def _without_notes(read: Page, asked: Asked, *, notes_known: bool) -> Judged:
    if read.has_more:
        return _suspicious("it promises more notes and holds none")
    if notes_known:
        return _suspicious("it holds no notes where we know some")
    if asked.cursor is not None:
        return Judged(verdict=Verdict.LAST)
    if read.has_more is None and not read.exists:
        return _suspicious("it holds no notes and does not say that the creator exists")
    return Judged(verdict=Verdict.EMPTY)


def _suspicious(why: str) -> Judged:
    return Judged(verdict=Verdict.SUSPICIOUS, why=why)
