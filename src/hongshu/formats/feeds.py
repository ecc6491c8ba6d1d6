"""News as Atom, RSS 2.0 and JSON Feed; what others wrote is text in all of them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from feedgenerator import Atom1Feed, Rss201rev2Feed

from hongshu.formats.messages import details_in_words, said
from hongshu.formats.webhooks import NOTE_LINK, PROFILE_LINK
from hongshu.models import Kind, News, Word, rfc3339

MOST_ENTRIES: Final = 50
LONGEST_TEXT: Final = 2_000
LONGEST_TITLE: Final = 300
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}

_HOME: Final = "https://www.xiaohongshu.com/"
_FORBIDDEN: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Signs that XML 1.0 has no place for, lone surrogates among them."""
_IN_RSS_TITLES: Final = str.maketrans({"<": "‹", ">": "›"})
_LIKE_AN_ENTITY: Final = re.compile(r"&(?=#?\w+;)")


class Contents(Word):
    """What a feed says: its entries, newest first, and as of when. `address` is its own."""

    title: str
    about: str
    lang: str
    address: str
    feed_id: str
    updated_ms: int
    entries: tuple[News, ...]


def written(contents: Contents, form: str) -> bytes:
    """Return a feed as "atom", "rss" or "json"."""
    match form:
        case "atom":
            return _as_xml(_Atom, contents, _plain)
        case "rss":
            return _as_xml(_Rss, contents, _rss_title)
        case _:
            return _as_json(contents)


def clean(text: str, most: int) -> str:
    """Return text that XML can hold, cut to a length: what it cannot becomes U+FFFD."""
    whole = _FORBIDDEN.sub("\ufffd", text[: most + 1].encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def entry_title(one: News, lang: str) -> str:
    """Return what an entry is called: the note's title, after what happened unless it is simply new."""
    title = one.title or (one.text or "")[:60]
    what = said(one.kind, lang)
    if one.kind is Kind.NEW:
        return clean(title or what, LONGEST_TITLE)
    return clean(f"{what}: {title}" if title else what, LONGEST_TITLE)


def _plain(title: str) -> str:
    return title


def _rss_title(title: str) -> str:
    """Return a title in which no reader finds markup: RSS leaves open whether titles are text."""
    return _LIKE_AN_ENTITY.sub("＆", title.translate(_IN_RSS_TITLES))


def _as_xml(kind: Any, contents: Contents, title_of: Any) -> bytes:
    feed = kind(
        title=title_of(clean(contents.title, LONGEST_TITLE)),
        link=_HOME,
        description=contents.about,
        subtitle=contents.about,
        language=_language(contents.lang),
        feed_url=contents.address,
        feed_guid=f"urn:hongshu:{contents.feed_id}",
        author_name="hongshu",
    )
    feed.updated = _moment(contents.updated_ms)
    for one in contents.entries:
        feed.add_item(
            title=title_of(entry_title(one, contents.lang)),
            link=_link(one),
            description=html.escape(_text(one, contents.lang)).replace("\n", "<br/>"),
            unique_id=f"urn:hongshu:{one.id}",
            unique_id_is_permalink=False,
            author_name=clean(one.nickname or one.creator, 100),
            pubdate=_moment(one.seen_ms if one.published_ms is None else one.published_ms),
            updateddate=_moment(one.seen_ms),
            categories=[clean(tag, 100) for tag in one.hashtags],
        )
    body: str = feed.writeString("utf-8")
    return body.encode()


def _as_json(contents: Contents) -> bytes:
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": clean(contents.title, LONGEST_TITLE),
            "description": contents.about,
            "home_page_url": _HOME,
            "feed_url": contents.address,
            "language": _language(contents.lang),
            "items": [_item(one, contents.lang) for one in contents.entries],
        }
    )


def _item(one: News, lang: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": f"urn:hongshu:{one.id}",
        "url": _link(one),
        "title": entry_title(one, lang),
        "content_text": _text(one, lang),
        "date_published": rfc3339(one.seen_ms if one.published_ms is None else one.published_ms),
        "date_modified": rfc3339(one.seen_ms),
        "authors": [{"name": clean(one.nickname or one.creator, 100), "url": PROFILE_LINK + one.creator}],
    }
    tags = [clean(tag, 100) for tag in one.hashtags]
    return {**item, "tags": tags} if tags else item


def _text(one: News, lang: str) -> str:
    lines = [*details_in_words(one, lang, "UTC"), one.text or ""]
    return clean("\n".join(line for line in lines if line), LONGEST_TEXT) or said(one.kind, lang)


def _link(one: News) -> str:
    return NOTE_LINK + one.note_id if one.note_id else PROFILE_LINK + one.creator


def _language(lang: str) -> str:
    return "zh-CN" if lang == "zh" else "en"


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


class _Atom(Atom1Feed):  # type: ignore[misc]
    """Says itself when it was updated, as it must even where it holds nothing."""

    updated: datetime

    def latest_post_date(self) -> datetime:
        return self.updated


class _Rss(Rss201rev2Feed):  # type: ignore[misc]
    """The same."""

    updated: datetime

    def latest_post_date(self) -> datetime:
        return self.updated
