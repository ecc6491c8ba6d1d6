"""Creators: who is known, found by name, id or group, a page at a time; and who is in which group."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from hongshu.engine.fetcher import Work
from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.lists import listed, named
from hongshu.ids import ID
from hongshu.life.covering import Part, parts
from hongshu.models import EVERYONE
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.reading import Read
from hongshu.server.console.rules import Rule
from hongshu.store import coverage, creators
from hongshu.store.base import Connection
from hongshu.store.writer import GroupWriter

SHOWN: Final = 50
MOST_NAMED: Final = 200
LONGEST_GROUP: Final = 60
LONGEST_WORDS: Final = 400

_BETWEEN: Final = re.compile(r"[\s,;，、；]+")
_AGES: Final = ((86_400_000, "{n} d ago"), (3_600_000, "{n} h ago"), (60_000, "{n} min ago"))


class Age(NamedTuple):
    """How long ago something was, as a sentence of the pages and its number."""

    text: str
    n: int


class Creators:
    """Lists creators and their groups."""

    def __init__(self, read: Read, writer: GroupWriter[Work, Any]) -> None:
        self._read = read
        self._writer = writer

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/creators", Rule.LOOK, self.listed),
            Door("POST", "/groups", Rule.MANAGE, self.regroup),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """List creators in the order of their ids."""
        words, group, after = (asked_text(visit, name) for name in ("q", "group", "after"))
        found, rows, groups = await self._read(
            lambda database: database.read(partial(_listed, words=_id_or_words(words), group=group, after=after))
        )
        asked = {name: value for name, value in (("q", words), ("group", group)) if value}
        told = {
            "rows": rows,
            "groups": groups,
            "q": words,
            "group": group,
            "newest": _address(asked) if after else "",
            "older": _address({**asked, "after": found.after}) if found.after else "",
        }
        return Page("creators.html", told)

    async def regroup(self, visit: Visit) -> Answer:
        """Put creators into a group, or take them out of one."""
        group, named = group_name(visit.form.text("group")), named_in("\n".join(visit.form.texts("creators")))
        if not named:
            raise UsageError("nobody is named; write ids or profile links, one a line")
        removes = visit.form.text("change") == "remove"
        change = creators.remove_members if removes else creators.add_members
        await self._writer.write(lambda db: change(db, group, named))
        done = "group_left" if removes else "group_joined"
        back = visit.form.text("back")
        return Go(f"/creators/{back}" if ID.fullmatch(back) else f"/creators?group={quote(group)}", done)


def asked_text(visit: Visit, name: str) -> str:
    """Return what an address asks for."""
    return visit.query.get(name, "").strip()[:LONGEST_WORDS]


def named_in(text: str) -> tuple[str, ...]:
    """Return who a text names: ids, profile links and shared texts, one a line; ids may also stand side by side.

    Raises `UsageError` for a line that names nobody, and for very many creators.
    """
    found = listed(enumerate(_one_a_line(text), start=1))
    if found.bad:
        raise UsageError("; ".join(f'line {one.number}, "{one.text}": {one.why}' for one in found.bad[:5]))
    if len(found.creators) > MOST_NAMED:
        raise UsageError(f"{len(found.creators):,} creators are named; a page takes {MOST_NAMED}, the commands any")
    return found.creators


def group_name(given: str) -> str:
    """Return the name of a group. Raises `UsageError` for what is none."""
    if not given or len(given) > LONGEST_GROUP or not given.isprintable():
        raise UsageError(f"a group's name is 1 to {LONGEST_GROUP} printable signs")
    return given


def age(ms: int | None) -> Age | None:
    """Return how long ago a time was, in the largest unit that fits."""
    if ms is None:
        return None
    past = max(0, time.time_ns() // 1_000_000 - ms)
    return next((Age(text, past // unit) for unit, text in _AGES if past >= unit), Age("just now", 0))


def coverage_state(told: Sequence[Part]) -> str:
    """Return how much of a timeline is known without a gap, in a word."""
    if not told:
        return "none"
    return "complete" if [(one.complete, one.from_ms) for one in told] == [(True, None)] else "partial"


def _listed(
    db: Connection, words: str, group: str, after: str
) -> tuple[creators.Found, list[dict[str, Any]], dict[str, int]]:
    found = creators.search(db, words, group, after, SHOWN)
    known = creators.known(db, found.creators)
    names, groups = creators.names(db, found.creators), creators.groups_of_each(db, found.creators)
    rows = [
        {
            "known": one,
            "nickname": names.get(one.creator),
            "age": age(one.seen_ms),
            "state": coverage_state(parts(coverage.whole(db, one.creator, EVERYONE))),
            "groups": groups[one.creator],
        }
        for one in known
    ]
    return found, rows, creators.groups(db)


def _id_or_words(given: str) -> str:
    """Return the id that a link or a shared text holds; anything else is words."""
    try:
        return named(given) if given else ""
    except InvalidParametersError:
        return given


def _one_a_line(text: str) -> Iterable[str]:
    for line in text.splitlines():
        several = [one for one in _BETWEEN.split(line) if one]
        if len(several) > 1 and all(ID.fullmatch(one) for one in several):
            yield from several
        else:
            yield line


def _address(asked: dict[str, str]) -> str:
    return f"/creators?{urlencode(asked)}" if asked else "/creators"
