"""A site that looks like the real one to a browser: profiles whose script fetches lists as one scrolls, and walls."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

USER: Final = "5d687deb00000000017c0957"
OTHER: Final = "5d687deb00000000017c0958"
SESSION: Final = "web_session=the-operators-own"
SCRIPT: Final = """
const user = location.pathname.split('/').pop();
let cursor = '', busy = false, more = true;
async function next() {
  if (busy || !more) return;
  busy = true;
  const answer = await fetch(`/api/sns/web/v1/user_posted?num=30&cursor=${cursor}&user_id=${user}`, {
    headers: {'X-S': 'signed-by-the-page'},
  });
  const told = await answer.json();
  if (told.go) { location = told.go; return; }
  more = Boolean(told.data && told.data.has_more);
  for (const note of (told.data && told.data.notes) || []) {
    const card = document.createElement('section');
    card.textContent = note.display_title;
    card.style.height = '300px';
    document.body.append(card);
    cursor = note.note_id;
  }
  busy = false;
}
addEventListener('scroll', () => { if (innerHeight + scrollY > document.body.scrollHeight - 400) next(); });
"""


class Asked(NamedTuple):
    """A request that came."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


def card(number: int, *, pinned: bool = False) -> dict[str, Any]:
    """A note in the web's shape."""
    return {
        "note_id": f"{0x6500_0000 - number * 1000:08x}{number:016x}",
        "type": "normal",
        "display_title": f"note {number}",
        "user": {"user_id": USER, "nickname": "n", "nick_name": "n", "avatar": "https://a.invalid/x"},
        "interact_info": {"liked": False, "liked_count": str(10 + number), "sticky": pinned},
        "cover": {"url": "https://i.invalid/x", "width": 3, "height": 4, "trace_id": "", "file_id": ""},
    }


def made_up() -> list[list[dict[str, Any]]]:
    """Three pages: one pinned note and thirty, thirty, seven."""
    numbers = itertools.count(1)
    first = [card(0, pinned=True), *(card(next(numbers)) for _ in range(30))]
    return [first, [card(next(numbers)) for _ in range(30)], [card(next(numbers)) for _ in range(7)]]


def recorded(samples: Path) -> list[list[dict[str, Any]]]:
    """The recorded page of 31 notes, and made-up ones below it of the same creator."""
    body = json.loads((samples / "web_user_posted_2023-10_snapshot1.anon.json").read_text("utf-8"))
    first: list[dict[str, Any]] = body["data"]["notes"]
    older = [one | {"note_id": f"5{one['note_id'][1:]}"} for part in made_up()[1:] for one in part]
    return [first, older[:30], older[30:]]


class Site:
    """Serves on this machine until it is left. `wall` is what stands before a question for the list of that number."""

    def __init__(self, pages: Sequence[Sequence[Mapping[str, Any]]], *, rendered: bool = False) -> None:
        self.pages = pages
        self.rendered = rendered
        """The first list stands in the page itself, and its script goes on from there."""
        self.wall: tuple[int, int, bytes] | None = None
        """Before which list, with which status and body; list 0 is the profile page."""
        self.delay_seconds = 0.0
        """How long each list takes."""
        self.asked: list[Asked] = []
        handler = type("Answers", (_Answers,), {"site": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def lists(self) -> list[Asked]:
        """The questions for lists."""
        return [one for one in self.asked if one.path.endswith("/user_posted")]

    @property
    def ids(self) -> list[str]:
        return [note["note_id"] for page in self.pages for note in page]

    def answer(self, user: str, cursor: str) -> tuple[int, bytes]:
        """A list after a cursor."""
        number = 0 if not cursor else 1 + [page[-1]["note_id"] for page in self.pages].index(cursor)
        if self.wall is not None and self.wall[0] == number + 1:
            return self.wall[1:]
        notes = self.pages[number] if user == USER else []
        more = user == USER and number + 1 < len(self.pages)
        data = {"notes": notes, "has_more": more, "cursor": notes[-1]["note_id"] if notes else ""}
        return 200, json.dumps({"code": 0, "success": True, "msg": "成功", "data": data}).encode()

    def profile(self, user: str) -> tuple[int, bytes]:
        """A profile page: with the first list in its state, or a shell whose script fetches it."""
        if self.wall is not None and self.wall[0] == 0:
            return self.wall[1:]
        state, start = "", "next();"
        if self.rendered and user == USER:
            first = [{"id": one["note_id"], "noteCard": _camel(one)} for one in self.pages[0]]
            told = {
                "user": {
                    "userPageData": {"basicInfo": {"nickname": "n"}, "result": {"success": True}},
                    "notes": [first],
                    "noteQueries": [{"userId": user, "hasMore": True, "cursor": self.pages[0][-1]["note_id"]}],
                }
            }
            state = f"<script>window.__INITIAL_STATE__={json.dumps(told)}</script>"
            start = f"cursor = '{self.pages[0][-1]['note_id']}';"
        body = f"<!doctype html><meta charset=utf-8><body style='height:3000px'>{state}<script>{SCRIPT}{start}</script>"
        return 200, body.encode()


def _camel(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "noteId": one["note_id"],
        "type": one["type"],
        "displayTitle": one["display_title"],
        "user": {"userId": one["user"]["user_id"], "nickname": "n"},
        "interactInfo": {"likedCount": one["interact_info"]["liked_count"], "sticky": one["interact_info"]["sticky"]},
    }


class _Answers(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        self.site.asked.append(Asked(parts.path, query, dict(self.headers.items())))
        cookie: tuple[tuple[str, str], ...] = ()
        if parts.path.startswith("/user/profile/"):
            status, body = self.site.profile(parts.path.rpartition("/")[2])
            kind = "text/html; charset=utf-8"
        elif parts.path.endswith("/user_posted"):
            time.sleep(self.site.delay_seconds)
            status, body = self.site.answer(query["user_id"][0], query["cursor"][0])
            kind = "application/json; charset=utf-8"
        elif parts.path == "/sign-in":
            status, body, kind = 200, b"<!doctype html>signed in", "text/html"
            cookie = (("Set-Cookie", f"{SESSION}; HttpOnly; Path=/; Max-Age=9999"),)
        else:
            status, body, kind = 404, b"", "text/plain"
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *cookie):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
