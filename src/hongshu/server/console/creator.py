"""One creator: who that is, what is known, covers and notes, and the numbers, which come a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from hongshu.engine.feeding import Feeds
from hongshu.engine.fetcher import Work
from hongshu.errors import NotKnownError
from hongshu.formats.images import PictureKind
from hongshu.formats.webhooks import NOTE_LINK, PROFILE_LINK
from hongshu.ids import ID
from hongshu.life.covering import parts
from hongshu.models import EVERYONE, SIMULATED_MEDIA, Scope
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.creators import age, asked_text, coverage_state
from hongshu.server.console.numbers import WINDOWS, Asked, Numbers, chosen_window, lacking, zone
from hongshu.server.console.reading import Read, place
from hongshu.server.console.rules import Rule
from hongshu.store import coverage, covers, creators, feeds, profiles
from hongshu.store.base import Connection
from hongshu.store.covers import Cover
from hongshu.store.creators import Line
from hongshu.store.writer import GroupWriter

TILES: Final = 12
LISTED: Final = 50
FORMS: Final = ("atom", "rss", "json")
COVERS_KEPT_SECONDS: Final = 604_800

_NEWEST: Final = (2**62, "")
_TYPES: Final = {kind: f"image/{kind.value}" for kind in PictureKind}


class Parts(NamedTuple):
    """What this room works with."""

    read: Read
    writer: GroupWriter[Work, Any]
    numbers: Numbers
    feeds: Feeds
    cover_path: Callable[[Cover], Path]


class Creator:
    """Shows one creator."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/creators/{creator}", Rule.LOOK, self.shown),
            Door("GET", "/creators/{creator}/numbers", Rule.LOOK, self.numbers),
            Door("GET", "/creators/{creator}/notes", Rule.LOOK, self.notes),
            Door("GET", "/covers/{media:path}", Rule.LOOK, self.cover),
            Door("POST", "/feeds", Rule.MANAGE, self.make_feed),
            Door("POST", "/feeds/{feed}/revoke", Rule.MANAGE, self.revoke_feed),
        ]

    async def shown(self, visit: Visit) -> Answer:
        """Show who a creator is and the newest notes as tiles; the numbers are loaded by the page."""
        creator = _id(visit)
        about = await self._asked(partial(_about, creator=creator, operates=visit.own is None))
        words = {"windows": WINDOWS, "window": chosen_window(visit.query.get("window", ""))}
        return Page("creator.html", {**about, **words})

    async def numbers(self, visit: Visit) -> Answer:
        """Tell the numbers, as a part of the page, or as a page where no script asks."""
        missing = lacking("duckdb", "numpy")
        if missing:
            return Page("lacking.html", {"install": missing})
        asked = Asked(
            kind="creator",
            creators=(_id(visit),),
            window=chosen_window(visit.query.get("window", "")),
            zone=zone(visit),
            lang=visit.lang,
        )
        told = await self._parts.numbers.tell(asked)
        return Page("numbers.html", {"told": told, "back": f"/creators/{asked.creators[0]}"})

    async def notes(self, visit: Visit) -> Answer:
        """List notes, the newest first, or those whose titles have some words."""
        creator, words = _id(visit), asked_text(visit, "q")
        before = place(asked_text(visit, "before"), _NEWEST)
        about = await self._asked(partial(_notes, creator=creator, words=words, before=before))
        lines: Sequence[Line] = about["lines"]
        here, asked = f"/creators/{creator}/notes", {"q": words} if words else {}
        last = lines[-1] if len(lines) == LISTED else None
        older = f"?{urlencode({**asked, 'before': f'{last.published_ms}-{last.id}'})}" if last else ""
        pages = {
            "q": words,
            "here": here,
            "older": here + older if last else "",
            "newest": here + (f"?{urlencode(asked)}" if asked else "") if before != _NEWEST else "",
        }
        return Page("creator_notes.html", {**about, **pages})

    async def cover(self, visit: Visit) -> Answer:
        """Send a kept cover image."""
        media = visit.path["media"]
        known = await self._asked(partial(covers.known, keys=[media]))
        if media not in known:
            raise NotKnownError("this cover is not kept; collect with covers: hongshu collect USER --covers")
        cover = known[media]
        try:
            body = await asyncio.to_thread(self._parts.cover_path(cover).read_bytes)
        except OSError:
            raise NotKnownError("the file of this cover is gone; collect with covers again") from None
        headers = {"cache-control": f"private, max-age={COVERS_KEPT_SECONDS}"}
        return Response(body, 200, headers, _TYPES[cover.picture.kind])

    async def make_feed(self, visit: Visit) -> Answer:
        """Make a feed of a creator; the only page that holds its addresses."""
        creator = _known_id(visit.form.text("creators"))
        _, key = await self._parts.feeds.create(Scope.CREATOR, creator, visit.lang)
        addresses = {form: f"{visit.address}/feeds/{key}.{form}" for form in FORMS}
        return Page("feed_shown.html", {"addresses": addresses, "creator": creator}, 201)

    async def revoke_feed(self, visit: Visit) -> Answer:
        """Let the addresses of a feed lead nowhere."""
        wanted = visit.path["feed"]
        feed = next((one for one in await self._asked(feeds.listed) if one.id == wanted), None)
        if feed is None:
            raise NotKnownError("there is no feed of that id")
        await self._parts.writer.write(lambda db: feeds.revoke(db, wanted))
        return Go(f"/creators/{feed.who}" if feed.scope is Scope.CREATOR else "/creators", "feed_revoked")

    async def _asked(self, work: Callable[[Connection], Any]) -> Any:
        return await self._parts.read(lambda database: database.read(work))


def _id(visit: Visit) -> str:
    return _known_id(visit.path["creator"])


def _known_id(given: str) -> str:
    """Return an id of a creator as it is. Raises `NotKnownError` for what cannot be one."""
    if not ID.fullmatch(given):
        raise NotKnownError("a creator's id is 24 hex digits; search for the creator by name")
    return given


def _head(db: Connection, creator: str) -> dict[str, Any]:
    """Return who a creator is. Raises `NotKnownError` where nothing is known that all may see."""
    [known] = creators.known(db, [creator])
    told = profiles.of_creator(db, creator)
    groups = creators.groups_of(db, creator)
    whole = parts(coverage.whole(db, creator, EVERYONE))
    if not (known.notes or whole or told or groups):
        raise NotKnownError(f"nothing is known of {creator} yet; collect it: hongshu collect {creator}")
    return {
        "creator": creator,
        "known": known,
        "name": known.nickname or next((one.nickname for one in told if one.nickname), None) or creator,
        "age": age(known.seen_ms),
        "coverage": whole,
        "state": coverage_state(whole),
        "groups": groups,
        "profile": next((one for one in told if one.followers is not None), None),
    }


def _about(db: Connection, creator: str, *, operates: bool) -> dict[str, Any]:
    head, lines = _head(db, creator), creators.lines(db, creator, "", _NEWEST, TILES)
    told = feeds.listed(db) if operates else []
    mine = [one for one in told if one.scope is Scope.CREATOR and one.who == creator and one.active]
    return {**head, **_with_covers(db, lines), "feeds": mine, "all_groups": list(creators.groups(db))}


def _notes(db: Connection, creator: str, words: str, before: tuple[int, str]) -> dict[str, Any]:
    return {**_head(db, creator), **_with_covers(db, creators.lines(db, creator, words, before, LISTED))}


def _with_covers(db: Connection, lines: Sequence[Line]) -> Mapping[str, Any]:
    """Return notes with the media keys of those covers that are kept, and where their pages are, if anywhere."""
    simulated = any((one.cover_key or "").startswith(SIMULATED_MEDIA) for one in lines)
    return {
        "lines": lines,
        "kept": covers.known(db, {one.cover_key for one in lines if one.cover_key}),
        "profile_link": "" if simulated else PROFILE_LINK,
        "note_link": "" if simulated else NOTE_LINK,
        "simulated": simulated,
    }
