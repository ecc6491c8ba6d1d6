"""Watches: who is looked at, when next and what is in the way; and the plan that divides the looks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Literal
from urllib.parse import urlencode

from hongshu.engine.fetcher import Work
from hongshu.engine.watching import changing
from hongshu.engine.watching.telling import outlook, outlook_words, watch_words
from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.lists import named
from hongshu.ids import ID
from hongshu.models import Clock, Word
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.creators import group_name, named_in
from hongshu.server.console.reading import Read
from hongshu.server.console.rules import Rule
from hongshu.store import creators, plans, watches
from hongshu.store.base import Connection, Database
from hongshu.store.watches import Mark, Wanted, WatchState
from hongshu.store.writer import GroupWriter

SHOWN: Final = 50
PLANNED: Final = 200
"""Creators of the plan that a page shows, those looked at most often first."""
MANY, FORESEEN_MS = 1000, 60_000
"""How long a plan of more creators is shown: foreseeing that of 5,000 takes half a second, and it changes in hours."""
MOST_CALLS: Final = 1_000_000_000
LONGEST_WORDS: Final = 400

Change = Literal["pause", "resume", "remove"]
_DONE: Final = {"pause": "watches_paused", "resume": "watches_resumed", "remove": "watches_removed"}


class Parts(Word):
    """What the room needs; `calls_a_day` is what the settings say, 0 for as many as usual."""

    lists: Read
    plans: Read
    writer: GroupWriter[Work, Any]
    calls_a_day: int
    price: int
    """What a look costs an account, in credits, for each of its pages."""
    clock: Clock


class Watches:
    """Lists, adds, pauses, resumes and removes watches."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._foreseen: dict[float, tuple[int, dict[str, Any]]] = {}

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/watches", Rule.LOOK, self.listed),
            Door("POST", "/watches", Rule.ACT, self.add),
            Door("GET", "/watches/plan", Rule.RUN, self.plan),
            Door("POST", "/watches/change", Rule.ACT, self.change),
            Door("POST", "/watches/{creator}/{change}", Rule.ACT, self.change_one),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """List watches, the next due first."""
        asked = {
            name: visit.query[name].strip()[:LONGEST_WORDS]
            for name in ("q", "group", "state")
            if visit.query.get(name, "").strip()
        }
        after = _mark(visit.query.get("after", ""))
        found, told = await self._parts.lists(
            lambda database: database.read(lambda db: _found(db, _wanted(asked, visit.own), after))
        )
        words = {
            **told,
            "asked": asked,
            "price": self._parts.price,
            "newest": _address(asked) if after else "",
            "older": _address({**asked, "after": ".".join(map(str, found.after))}) if found.after else "",
        }
        return Page("watches.html", words)

    async def add(self, visit: Visit) -> Answer:
        """Watch creators from now on; their first look tells nothing. An account pays for the looks it orders."""
        chosen, group = await self._named(visit, all_of_group=True)
        if visit.own and group is not None and visit.form.texts("creators"):
            raise UsageError("groups are changed by operators; name creators, or a group alone to watch its members")
        now_ms, account = self._parts.clock() // 1_000_000, visit.own or ""
        into = None if visit.own else group
        fresh: int = await self._parts.writer.write(lambda db: changing.add(db, chosen, into, now_ms, account))
        if visit.own and fresh < len(chosen):
            return Go("/watches", "watches_known" if not fresh else "watches_partly_known")
        return Go("/watches", "watches_added")

    async def change(self, visit: Visit) -> Answer:
        """Pause, resume or remove many at once."""
        chosen, _ = await self._named(visit, all_of_group=not visit.form.texts("creators"))
        return await self._changed(visit.form.text("change"), chosen, visit.own)

    async def change_one(self, visit: Visit) -> Answer:
        """Pause, resume or remove one."""
        creator = visit.path["creator"]
        if visit.own:
            found = await self._parts.lists(lambda database: database.read(lambda db: watches.watch(db, creator)))
            visit.check_own(found.account if found else "")
        return await self._changed(visit.path["change"], [creator], visit.own)

    async def plan(self, visit: Visit) -> Answer:
        """Show who would be looked at how often, and why; nothing is changed."""
        given, now_ms = _calls(visit.query.get("calls", ""), self._parts.calls_a_day), self._parts.clock() // 1_000_000

        def foreseen(database: Database) -> dict[str, Any]:
            watched, made = database.read(lambda db: (watches.whole(db), plans.plan(db)))
            active = [one for one in watched if one.state is WatchState.ACTIVE]
            told = outlook_words(outlook(active, made, given, now_ms))
            shown = told["plan"][:PLANNED]
            names = database.read(lambda db: creators.names(db, [one["creator"] for one in shown]))
            return {**told, "plan": shown, "more": len(told["plan"]) - len(shown), "names": names, "made": made}

        kept_ms, told = self._foreseen.get(given, (0, {}))
        if not kept_ms <= now_ms < kept_ms + FORESEEN_MS:
            told = await self._parts.plans(foreseen)
            self._foreseen = {given: (now_ms, told)} if told["creators"] > MANY else {}
        return Page("watch_plan.html", {"told": told, "calls": visit.query.get("calls", "").strip()[:12]})

    async def _changed(self, change: str, chosen: Sequence[str], account: str | None) -> Answer:
        if change not in _DONE:
            raise UsageError("choose pause, resume or remove")

        def changed(db: Connection) -> None:
            its = changing.watched(db, chosen, account)
            if change == "remove":
                changing.remove(db, its, account)
            else:
                watches.set_state(db, its, WatchState.PAUSED if change == "pause" else WatchState.ACTIVE)

        await self._parts.writer.write(changed)
        return Go("/watches", _DONE[change])

    async def _named(self, visit: Visit, *, all_of_group: bool) -> tuple[tuple[str, ...], str | None]:
        """Return who a form names, and the group; with a group alone, its members."""
        text, given = "\n".join(visit.form.texts("creators")), visit.form.text("group")
        chosen, group = named_in(text), group_name(given) if given else None
        if not chosen and group is not None and all_of_group:
            chosen = tuple(
                await self._parts.lists(lambda database: database.read(lambda db: creators.members(db, group)))
            )
            if not chosen:
                raise UsageError("this group has no members; name creators to put into it")
        if not chosen:
            raise UsageError("nobody is named; write ids or profile links, one a line, or name a group")
        return chosen, group


def _found(db: Connection, wanted: Wanted, after: Mark | None) -> tuple[watches.Found, dict[str, Any]]:
    found = watches.search(db, wanted, after, SHOWN)
    ids = [one.creator for one in found.watches]
    groups = creators.groups_of_each(db, ids)
    rows = [watch_words(one, found.names.get(one.creator), groups[one.creator]) for one in found.watches]
    counts = {state.value: number for state, number in watches.counts(db, wanted.account).items()}
    return found, {"rows": rows, "groups": list(creators.groups(db)), "counts": counts}


def _wanted(asked: dict[str, str], account: str | None) -> Wanted:
    words, state = asked.get("q", ""), asked.get("state", "")
    if "/" in words:
        with suppress(InvalidParametersError):  # then it is looked for as it is, and not found
            words = named(words)
    return Wanted(
        account=account,
        state=WatchState(state) if state in set(WatchState) else None,
        group=asked.get("group", ""),
        in_trouble=state == "trouble",
        words=words,
    )


def _calls(given: str, otherwise: int) -> int:
    digits = given.strip().replace(",", "")
    if not digits:
        return otherwise
    if not digits.isascii() or not digits.isdigit() or len(digits) > 10 or not 1 <= int(digits) <= MOST_CALLS:
        raise UsageError("calls a day is a whole number, 1 or more")
    return int(digits)


def _mark(given: str) -> Mark | None:
    """Return behind whom a page goes on; what is no mark begins anew."""
    state, _, rest = given.partition(".")
    due, _, creator = rest.partition(".")
    if state in set(WatchState) and due.isascii() and due.isdigit() and len(due) < 15 and ID.fullmatch(creator):
        return state, int(due), creator
    return None


def _address(asked: dict[str, str]) -> str:
    return "/watches" + (f"?{urlencode(asked)}" if asked else "")
