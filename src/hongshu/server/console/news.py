"""News: what happened to the notes of creators, the newest first, in words."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.lists import named
from hongshu.formats.messages import details_in_words, said
from hongshu.formats.webhooks import NOTE_LINK
from hongshu.models import Kind, News, Scope
from hongshu.server.console.base import Answer, Door, Page, Visit
from hongshu.server.console.reading import Read, place
from hongshu.server.console.rules import Rule
from hongshu.store import creators, events
from hongshu.store.base import Connection

SHOWN: Final = 50
ZONE: Final = "Asia/Shanghai"
"""Of the times inside sentences; the others are shown on the reader's clocks."""


class Newsroom:
    """Lists events."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [Door("GET", "/news", Rule.LOOK, self.listed)]

    async def listed(self, visit: Visit) -> Answer:
        """List events, of all or one kind, of all creators, a group's or one."""
        asked = {name: visit.query[name].strip() for name in ("kind", "creator", "group") if visit.query.get(name)}
        before, wrong = place(visit.query.get("before", ""), events.END), ""
        try:
            scope, who, kinds = _meant(asked)
        except UsageError as error:
            scope, who, kinds, wrong = Scope.ALL, "", (), error.message

        def read(db: Connection) -> tuple[list[News], list[str]]:
            found = events.newest(db, scope, who, kinds, SHOWN + 1, before) if kinds else []
            return found, list(creators.groups(db))

        found, groups = await self._read(lambda database: database.read(read))
        last = found[SHOWN - 1] if len(found) > SHOWN else None
        words = {
            "news": [_words(one, visit.lang) for one in found[:SHOWN]],
            "kinds": [(kind.value, said(kind, visit.lang)) for kind in Kind if kind is not Kind.TROUBLE],
            "groups": groups,
            "asked": asked,
            "wrong": wrong,
            "newest": _address(asked) if before != events.END else "",
            "older": _address({**asked, "before": f"{last.seen_ms}-{last.id}"}) if last else "",
        }
        return Page("news.html", words)


def _meant(asked: dict[str, str]) -> tuple[Scope, str, tuple[Kind, ...]]:
    """Return whose events of which kinds are asked for; raises `UsageError` where that names nobody or nothing."""
    try:
        kinds = (Kind(asked["kind"]),) if "kind" in asked else tuple(Kind)
    except ValueError:
        raise UsageError(f"there is no such kind of news; choose one of {', '.join(Kind)}") from None
    if "creator" in asked and "group" in asked:
        raise UsageError("name a creator or a group, not both")
    if "creator" in asked:
        try:
            return Scope.CREATOR, named(asked["creator"]), kinds
        except InvalidParametersError as error:
            raise UsageError(error.message.replace("userId", "a creator", 1)) from None
    return (Scope.GROUP, asked["group"], kinds) if "group" in asked else (Scope.ALL, "", kinds)


def _words(one: News, lang: str) -> dict[str, Any]:
    return {
        "at": one.seen_ms,
        "kind": one.kind.value,
        "said": said(one.kind, lang),
        "creator": one.creator,
        "nickname": one.nickname,
        "title": one.title or one.text,
        "link": NOTE_LINK + one.note_id if one.note_id else "",
        "published": one.published_ms,
        "details": details_in_words(one, lang, ZONE),
    }


def _address(asked: dict[str, str]) -> str:
    return "/news" + (f"?{urlencode(asked)}" if asked else "")
