"""`GET /feeds/KEY.atom|rss|json`: news for feed readers."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hongshu.engine.feeding import Answered, Feeds
from hongshu.formats.feeds import MEDIA_TYPES
from hongshu.models import Kind

PREFIX = "/feeds/"
MAX_AGE_SECONDS = 300


class FeedRoute:
    """Answers feed readers; an address whose key is not known is no address."""

    def __init__(self, feeds: Feeds, public_url: str) -> None:
        self._feeds = feeds
        self._public_url = public_url

    def routes(self) -> list[Route]:
        """Return the route, for GET and HEAD."""
        return [Route(PREFIX + "{key}.{form}", self.answer)]

    async def answer(self, request: Request) -> Response:
        """Return a feed, 304 where the reader has it already, 404 for a key that is none or was revoked."""
        form = request.path_params["form"]
        kinds = _kinds(request.query_params.get("kinds", ""))
        if kinds is None:
            return _plain(f"kinds takes some of {', '.join(Kind)}, with commas", 400)
        base = (self._public_url or str(request.base_url)).rstrip("/")
        address = base + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        known = form in MEDIA_TYPES
        found = await self._feeds.answer(request.path_params["key"], form, kinds, address) if known else None
        if found is None:
            return _plain("there is no such feed", 404)
        headers = {
            "ETag": found.etag,
            "Last-Modified": formatdate(found.modified_s, usegmt=True),
            "Cache-Control": f"private, max-age={MAX_AGE_SECONDS}",
            "X-Content-Type-Options": "nosniff",
        }
        if _has_it(request, found):
            return Response(status_code=304, headers=headers)
        return Response(found.body, headers={**headers, "Content-Type": found.media_type})


def _kinds(given: str) -> list[Kind] | None:
    try:
        return [Kind(one) for one in given.split(",") if one]
    except ValueError:
        return None


def _has_it(request: Request, found: Answered) -> bool:
    """Say whether the reader has just this; where it names tags, times do not count."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return any(one.strip().removeprefix("W/") in {found.etag, "*"} for one in tags.split(","))
    since = request.headers.get("if-modified-since")
    try:
        return since is not None and parsedate_to_datetime(since).timestamp() >= found.modified_s
    except (ValueError, OverflowError):
        return False


def _plain(text: str, status: int) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text + "\n", status, headers=headers)
