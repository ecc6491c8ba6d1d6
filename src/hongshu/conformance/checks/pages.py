"""Pages: a creator listed to the end, and what the pages say of notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

from hongshu.conformance.base import Check, Findings, Page, Steps, Visit, begins_alike, quoted
from hongshu.conformance.reading import page_of
from hongshu.formats.border import an_object, printable
from hongshu.ids import id_ms

_MOST_PINS: Final = 5
_COUNTS: Final = ("likes", "collected_count", "comments_count", "share_count")
_VIEWER: Final = {"infavs": False, "niced": False, "inlikes": False}
_AUTHOR: Final = {"followed": False, "fstatus": "none"}
_EXPECTED: Final = ("title", "create_time", "likes", "user")
_AS_SPACES: Final = str.maketrans("\n\r\t", "   ")
_EARLIEST_S, _LATEST_S = 1_356_998_400, 4_102_444_800
"""2013, before the first note, and 2100."""
_LONGEST_DRAFT_S: Final = 400 * 86_400
_LARGEST_COUNT: Final = 10**12


def first_page(visit: Visit, findings: Findings) -> Steps:
    page = page_of((yield visit.ask()), None, findings)
    if page is None:
        return
    visit.pages.append(page)
    if not page.notes and page.has_more:
        findings.deviates("the first page holds no notes and promises more")
    elif not page.notes:
        findings.remarks_on("the creator has no notes, so little is checked; pass one with several pages")


def paging(visit: Visit, findings: Findings) -> Steps:
    asked: set[str] = set()
    while visit.pages[-1].has_more and visit.pages[-1].notes:
        if len(visit.pages) >= visit.subject.most_pages:
            findings.remarks_on(f"stopped after {len(visit.pages)} pages; --max-pages N goes further")
            return
        cursor = visit.pages[-1].ids[-1]
        if cursor in asked:
            findings.deviates(f"the pages lead in a circle: the cursor {cursor} comes again")
            return
        asked.add(cursor)
        page = page_of((yield visit.ask(cursor=cursor)), cursor, findings)
        if page is None:
            findings.deviates(f"the page after {cursor} is none, and the page before it promised one")
            return
        if not page.notes:
            words = " and promises more" if page.has_more else ", and the page before it promised more"
            findings.deviates(f"the page after {cursor} holds no notes{words}")
            return
        if cursor in page.ids:
            findings.deviates(f"the page after {cursor} holds that note itself: the cursor's note is not part of it")
        visit.pages.append(page)


def whose(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    others = [
        note["id"]
        for note in _notes(visit)
        if an_object(note.get("user")).get("userid") not in (None, visit.subject.creator)
    ]
    if others:
        findings.deviates(f"{len(others)} notes are another creator's, such as {others[0]}")


def cursors(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    wrong = [note for note in _notes(visit) if note.get("cursor") != note["id"]]
    if wrong:
        findings.deviates(f"the cursor of note {wrong[0]['id']} is {quoted(wrong[0].get('cursor'))}, not its id")


def once(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    told: dict[str, int] = {}
    for number, page in enumerate(visit.pages, start=1):
        for note in page.notes:
            before = told.get(note["id"])
            pinned_before = before == 1 and number > 1 and note["id"] in _pinned(visit.first)
            if before is not None and not pinned_before:
                findings.deviates(f"note {note['id']} stands on page {before} and again on page {number}")
                return
            told[note["id"]] = number


def order(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    times = [(note["create_time"], note["id"]) for note in _unpinned(visit) if _is_time(note.get("create_time"))]
    for (earlier, above), (later, below) in pairwise(times):
        if later > earlier:
            findings.deviates(f"the notes are not newest first: {below} is newer than {above}, which stands above it")
            return


def pinned(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    for number, page in enumerate(visit.pages, start=1):
        pins = [note.get("sticky") is True for note in page.notes]
        if number > 1 and any(pins):
            findings.deviates(f"page {number} shows pinned notes; only the first page does")
            return
        if any(later and not earlier for earlier, later in pairwise(pins)):
            findings.deviates("a pinned note stands below one that is not pinned")
            return
    if len(_pinned(visit.first)) > _MOST_PINS:
        findings.deviates(f"{len(_pinned(visit.first))} notes are pinned; no creator can pin so many")


def viewer(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    for note in _notes(visit):
        author = an_object(note.get("user"))
        leaks = [name for name, value in _VIEWER.items() if note.get(name, value) not in (value, None)]
        leaks += [f"user.{name}" for name, value in _AUTHOR.items() if author.get(name, value) not in (value, None)]
        if leaks:
            findings.deviates(
                f"note {note['id']} tells about the viewer whose session collected it: {', '.join(leaks)}"
            )
            return


def counts(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    notes = list(_notes(visit))
    for note in notes:
        for name in _COUNTS:
            count = note.get(name)
            if isinstance(count, int) and not 0 <= count <= _LARGEST_COUNT:
                findings.deviates(f"{name} of note {note['id']} is {quoted(count)}, which no count is")
                return
    for name in _COUNTS:
        given = [note[name] for note in notes if isinstance(note.get(name), int)]
        if len(given) > 3 and not any(given):
            findings.remarks_on(f"{name} is 0 for all {len(given)} notes: unknown is not zero")
        elif notes and not given:
            findings.remarks_on(f"no note has {name}")


def times(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    for note in _notes(visit):
        created = note.get("create_time")
        if not isinstance(created, int):
            continue
        latest = min(_LATEST_S, id_ms(note["id"]) // 1000 + _LONGEST_DRAFT_S)
        if not _EARLIEST_S <= created <= latest:
            findings.deviates(f"create_time of note {note['id']} is {created}, no time at which it can be published")
            return


def texts(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    notes = list(_notes(visit))
    for name in _EXPECTED:
        if notes and all(note.get(name) in (None, "", {}) for note in notes):
            findings.remarks_on(f"no note has {name}")
    for note in notes:
        said = f"{note.get('title')} {note.get('desc')}"
        if printable(said) != said.translate(_AS_SPACES):
            findings.remarks_on(f"texts hold control or invisible characters (note {note['id']}): they drive terminals")
            return
        if "<" in said and ">" in said:
            findings.remarks_on(f"texts hold markup (note {note['id']}): it runs in pages that do not escape it")
            return


def after_a_note(visit: Visit, findings: Findings) -> Steps:
    unpinned = [note for note in visit.first.notes if note.get("sticky") is not True]
    if len(unpinned) < 2:
        findings.not_checked("the first page holds fewer than two notes that are not pinned")
        return
    cursor = unpinned[0]["id"]
    page = page_of((yield visit.ask(cursor=cursor)), cursor, findings)
    if page is None:
        return
    expected = [note["id"] for note in unpinned[1:]]
    pins = _pinned(visit.first)  # one may come again at its place
    got = [note["id"] for note in page.notes if note.get("sticky") is not True and note["id"] not in pins]
    if any(one != other for one, other in zip(expected, got, strict=False)) or not got:
        findings.deviates(f"the page after note {cursor} does not go on where the first page shows it to")
    seen = {note["id"]: note for note in visit.first.notes}
    for note in page.notes:
        before = seen.get(note["id"], {})
        fallen = [name for name in _COUNTS if _fell(before.get(name), note.get(name))]
        if fallen:
            findings.deviates(f"{', '.join(fallen)} of note {note['id']} fell by a fifth between two answers")
            return


def first_page_forms(visit: Visit, findings: Findings) -> Steps:
    for given in ("", "0"):
        page = page_of((yield visit.ask(cursor=given)), None, findings)
        if page is not None and not begins_alike(visit.first, page):
            findings.deviates(f'lastCursor="{given}" is not answered with the first page')


def _notes(visit: Visit) -> Iterator[dict[str, Any]]:
    for page in visit.pages:
        yield from page.notes


def _unpinned(visit: Visit) -> Iterator[dict[str, Any]]:
    return (note for note in _notes(visit) if note.get("sticky") is not True)


def _pinned(page: Page) -> set[str]:
    return {note["id"] for note in page.notes if note.get("sticky") is True}


def _is_time(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given > 0


def _fell(before: object, after: object) -> bool:
    return isinstance(before, int) and isinstance(after, int) and before > 10 and after < before * 0.8


def _check(name: str, contract: str, run: Callable[[Visit, Findings], Steps]) -> Check:
    return Check(name, contract, run)


CHECKS: Final = (
    Check(
        "first page",
        "A success is the whole number 0 and a list of notes, in an envelope of five keys",
        first_page,
        False,
    ),
    _check("paging", "The last note's cursor leads to the next page, until has_more is false", paging),
    _check("creator", "All notes are the creator's who was asked for", whose),
    _check("cursors", "A note's cursor equals its id", cursors),
    _check("each note once", "No note stands on two pages, but a pinned one again at its place", once),
    _check("order", "Notes that are not pinned come newest first, across pages", order),
    _check("pinned notes", "Pinned notes stand on the first page, ahead of the others", pinned),
    _check("viewer", "Nothing tells about the viewer whose session collected a page", viewer),
    _check("counters", "A counter that is not known is absent or null, and no count is negative", counts),
    _check("times", "create_time is the time of publication, in seconds", times),
    _check("texts", "Titles and texts are passed on whole", texts),
    _check("after a note", "The page after any note goes on with the note below it", after_a_note),
    _check("first page, other forms", "An empty lastCursor and 0 mean the first page", first_page_forms),
)
