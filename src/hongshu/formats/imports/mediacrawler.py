"""Rows of MediaCrawler: notes, with `user_id` or since 2026-07 with `creator_hash`, and creators; comments are told.

Times are in ms, lists are joined by commas (in its databases once more written as JSON), counters are texts. It writes
the beginning of the text as the title of notes that have none.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from hashlib import sha256
from typing import Final

import msgspec

from hongshu.formats.imports.base import Item, Profiled, Row, Skipped, Tool, count_of, id_of, text_of, time_of
from hongshu.formats.imports.building import Given, found
from hongshu.models import Counters

TABLES: Final = ("xhs_creator", "xhs_note", "xhs_note_comment")
"""Its tables in a database; creators first, whom notes may name by their hash."""

_MARKS: Final = frozenset(
    {
        "last_modify_ts",
        "add_ts",
        "source_keyword",
        "xsec_token",
        "tag_list",
        "creator_hash",
        "liked_count",
        "image_list",
    }
)
_OTHERS: Final = frozenset({"note_type", "upload_time", "home_url", "interact_info", "noteId"})
_COMMENT: Final = "a comment, which is not kept"
_KINDS: Final = {"normal": "normal", "video": "video"}
_HASH: Final = re.compile(r"[0-9a-f]{16}")
_FILLED_IN: Final = 255
_MOST_LISTED: Final = 200


def hash_of(creator: str) -> str:
    """Return what stands for a creator in `creator_hash`: the first 16 hex digits of the id's SHA-256."""
    return sha256(creator.encode()).hexdigest()[:16]


def is_row(names: frozenset[str]) -> bool:
    """Say whether rows with these members are MediaCrawler's."""
    if names & _OTHERS:
        return False
    return (
        ("note_id" in names and len(names & _MARKS) >= 2)
        or ("comment_id" in names and "content" in names)
        or ("user_id" in names and "fans" in names)
    )


def read_row(row: Row, raw: bytes, zone: tzinfo) -> Item:
    """Read a note or a creator."""
    if text_of(row.get("comment_id")) is not None:
        return Skipped(why=_COMMENT, fault=False)
    if "note_id" not in row and "fans" in row:
        return _creator(row, zone)
    identifier = id_of(row.get("note_id"))
    if identifier is None:
        return Skipped(why="it has no note_id of 24 hex digits")
    creator, hashed = id_of(row.get("user_id")), _hash(row.get("creator_hash"))
    if creator is None and hashed is None:
        return Skipped(why="it has neither a user_id of 24 hex digits nor a creator_hash")
    text = text_of(row.get("desc"))
    given = Given(
        id=identifier,
        creator=creator,
        creator_hash=None if creator else hashed,
        nickname=text_of(row.get("nickname")) if creator else None,
        avatar=text_of(row.get("avatar")),
        kind=_KINDS.get((text_of(row.get("type")) or "").strip()),
        title=_title(text_of(row.get("title")), text),
        text=text,
        published_ms=time_of(row.get("time"), zone),
        edited_ms=time_of(row.get("last_update_time"), zone),
        counters=Counters(
            likes=count_of(row.get("liked_count")),
            collects=count_of(row.get("collected_count")),
            comments=count_of(row.get("comment_count")),
            shares=count_of(row.get("share_count")),
        ),
        images=_listed(row.get("image_list")),
        hashtags=_listed(row.get("tag_list")),
        location=text_of(row.get("ip_location")),
        seen_ms=_seen_ms(row, zone),
    )
    return found(given, raw, Tool.MEDIACRAWLER)


def _creator(row: Row, zone: tzinfo) -> Item:
    creator = id_of(row.get("user_id"))
    if creator is None:
        return Skipped(why="a creator without a user_id of 24 hex digits")
    fans = count_of(row.get("fans"))
    return Profiled(
        creator=creator,
        source=Tool.MEDIACRAWLER.source,
        seen_ms=_seen_ms(row, zone),
        nickname=text_of(row.get("nickname")),
        followers=fans.value if fans else None,
    )


def _seen_ms(row: Row, zone: tzinfo) -> int | None:
    return time_of(row.get("last_modify_ts"), zone) or time_of(row.get("add_ts"), zone)


def _hash(given: object) -> str | None:
    text = (text_of(given) or "").strip().lower()
    return text if _HASH.fullmatch(text) else None


def _title(title: str | None, text: str | None) -> str | None:
    """Return a title, unless it is the beginning of the text, which stands there where a note has none."""
    filled_in = title is not None and text is not None and title == text[:_FILLED_IN]
    return None if filled_in else title


def _listed(given: object) -> tuple[str, ...]:
    """Read a list that is joined by commas, written as JSON, both, or a list already."""
    if isinstance(given, str) and given[:1] in {'"', "["}:
        try:
            given = msgspec.json.decode(given)
        except (msgspec.MsgspecError, RecursionError):
            return ()
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list):
        return ()
    texts = (text_of(one) for one in given[:_MOST_LISTED])
    return tuple(dict.fromkeys(one.strip() for one in texts if one and one.strip()))
