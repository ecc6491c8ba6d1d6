"""Pages that lie: other creators' notes, cursors that stand still, counters that fall, values of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hongshu.models import Asked
from hongshu.sources.simulator.faults.calls import Answer, Call, Fault, as_json

MORE_THAN_A_PAGE: Final = 501
OTHER: Final = "5c2f338a00000000ffffffff"
_HOSTILE: Final = (
    '<script>alert(1)</script><img src=x onerror=alert(1)>\'"=HYPERLINK("http://x")'
    " \u202egnp.\u202c \x1b[31mred\x1b[0m \u200b\u2028 {{7*7}} ${7*7} %s %(x)s 😀\u0301"
)

Data = dict[str, Any]
Notes = list[dict[str, Any]]


def _page(name: str, about: str, spoil: Callable[[Data], Data], *, gives_page: bool = False) -> Fault:
    def make(call: Call) -> Answer:
        told = call.envelope()
        return as_json({**told, "data": spoil(told["data"])})

    return Fault(name=name, about=about, make=make, gives_page=gives_page)


def _notes(name: str, about: str, spoil: Callable[[Notes], Notes], *, gives_page: bool = False) -> Fault:
    return _page(name, about, lambda data: {**data, "notes": spoil(data["notes"])}, gives_page=gives_page)


def _each(name: str, about: str, *, gives_page: bool = False, **fields: object) -> Fault:
    return _notes(name, about, lambda notes: [{**note, **fields} for note in notes], gives_page=gives_page)


def _counters(name: str, about: str, said: Callable[[int], object]) -> Fault:
    names = ("likes", "collected_count", "comments_count", "share_count")
    return _notes(
        name,
        about,
        lambda notes: [{**note, **{one: said(note[one]) for one in names}} for note in notes],
        gives_page=True,
    )


def _of(creator: str, notes: Notes) -> Notes:
    return [{**note, "user": {**note["user"], "userid": creator}} for note in notes]


def _still(call: Call) -> Answer:
    """Answer every cursor with the page before it, which ends at the cursor."""
    told = call.envelope()
    if call.asked.cursor is not None and told["data"]["notes"]:
        told["data"]["notes"][-1] = {**told["data"]["notes"][-1], "id": call.asked.cursor, "cursor": call.asked.cursor}
    return as_json(told)


def _from_the_top(call: Call) -> Answer:
    return as_json(call.told_of(Asked(creator=call.asked.creator)))


def _a_page_further(call: Call) -> Answer:
    told = call.envelope()
    notes = told["data"]["notes"]
    if not notes or not told["data"]["has_more"]:
        return as_json(told)
    return as_json(call.told_of(Asked(creator=call.asked.creator, cursor=notes[-1]["cursor"])))


def _of_another(call: Call) -> Answer:
    return as_json(call.told_of(Asked(creator=OTHER)))


def _pinned_again(call: Call) -> Answer:
    """Show the first page's pinned notes on every page."""
    told = call.envelope()
    first = call.told_of(Asked(creator=call.asked.creator))["data"]["notes"]
    here = {note["id"] for note in told["data"]["notes"]}
    told["data"]["notes"][:0] = [note for note in first if note["sticky"] and note["id"] not in here]
    return as_json(told)


PAGES: Final = (
    _page("no-notes", "no notes, and no more of them", lambda data: {**data, "notes": [], "has_more": False}),
    _page("no-notes-but-more", "no notes, and a promise of more", lambda data: {**data, "notes": [], "has_more": True}),
    Fault(name="cursor-still", about="pages that end at the cursor they were asked for", make=_still),
    Fault(name="cursor-ignored", about="the first page, whatever the cursor", make=_from_the_top),
    Fault(
        name="page-missing", about="the page after the one that was asked for", make=_a_page_further, gives_page=True
    ),
    Fault(name="others", about="another creator's page", make=_of_another),
    _notes("one-of-another", "one note of another creator", lambda notes: [*notes[:-1], *_of(OTHER, notes[-1:])]),
    Fault(name="pins-again", about="the pinned notes on every page", make=_pinned_again, gives_page=True),
    _each("all-pinned", "every note pinned", gives_page=True, sticky=True),
    _notes("shuffled", "the notes in another order", lambda notes: notes[1::2] + notes[::2], gives_page=True),
    _notes("doubled", "every note twice", lambda notes: [note for note in notes for _ in range(2)], gives_page=True),
    _notes("note-missing", "the second note left out", lambda notes: notes[:1] + notes[2:], gives_page=True),
    _notes("too-many", f"{MORE_THAN_A_PAGE} notes", lambda notes: _many(notes, MORE_THAN_A_PAGE)),
    _counters("counters-fall", "counters at half of what they are", lambda count: count // 2),
    _counters("counters-zero", "counters at 0", lambda _: 0),
    _counters("counters-text", 'counters as texts: "3.1万"', lambda count: f"{count / 10_000:.1f}万"),
    _counters("counters-null", "counters that are null", lambda _: None),
    _counters("counters-huge", "counters of thirty digits", lambda _: 10**30),
    _counters("counters-negative", "counters below 0", lambda count: -count - 1),
    _counters("counters-objects", "counters that are objects", lambda count: {"n": count}),
    _each("ids-missing", "notes whose id is null", id=None),
    _each("ids-number", "notes whose id is a number", id=7),
    _each("ids-long", "notes whose id is 10,000 signs long", id="a" * 10_000),
    _each("ids-path", "notes whose id is a path", id="../../../../etc/passwd"),
    _each("times-zero", "publish times of 0", gives_page=True, create_time=0),
    _each("times-far", "publish times in the year 9999", gives_page=True, create_time=253_402_300_799),
    _each("times-text", "publish times that are texts", gives_page=True, create_time="yesterday"),
    _each("times-huge", "publish times of thirty digits", gives_page=True, create_time=10**30),
    _each("titles-hostile", "titles that attack whoever shows them", gives_page=True, title=_HOSTILE, desc=_HOSTILE),
    _each("titles-null", "titles that are null", gives_page=True, title=None, desc=None, display_title=None),
    _each("titles-objects", "titles that are objects", gives_page=True, title={"a": 1}, desc=[1]),
    _each("users-missing", "notes without a user", gives_page=True, user=None),
    _each("users-text", "notes whose user is a text", gives_page=True, user="someone"),
    _page("more-missing", "no word on whether there is more", lambda data: _without(data, "has_more"), gives_page=True),
    _page("more-text", '"true" as a text', lambda data: {**data, "has_more": "true"}, gives_page=True),
    _page(
        "more-forever", "a promise of more on the last page", lambda data: {**data, "has_more": True}, gives_page=True
    ),
)


def _many(notes: Notes, number: int) -> Notes:
    return [{**notes[turn % len(notes)], "id": f"5c2f338a{turn:016x}"} for turn in range(number if notes else 0)]


def _without(data: Data, name: str) -> Data:
    return {one: value for one, value in data.items() if one != name}
