"""A small V4 server that is right but for what it is told to do wrong."""

from __future__ import annotations

import itertools
import json
import re
import socketserver
import threading
from collections.abc import Set as AbstractSet
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import h11

PATH: Final = "/api/xiaohongshu/get-user-note-list/v4"
USER: Final = "5c2f338a0000000000000001"
OTHER: Final = "5c2f338a0000000000000002"
TOKEN: Final = "a-token-of-the-tests"
PAGE_SIZE, PRICE = 4, 10
MESSAGES: Final = {100: "Invalid token.", 400: "Pass an id of 24 hex digits.", 404: "No such address."}
MAPPED: Final = {0: 200, 100: 401, 400: 400}
_HEX: Final = re.compile(r"[0-9a-f]{24}")
_LINK: Final = re.compile(r"https?://(?:www\.)?xiaohongshu\.com/user/profile/([0-9a-f]{24})(?:\?.*)?")


def note(number: int, *, pinned: bool = False) -> dict[str, Any]:
    """The note of that number, the oldest being the first."""
    seconds = 1_700_000_000 + number * 86_400
    identifier = f"{seconds:08x}{number:016x}"
    return {
        "id": identifier,
        "cursor": identifier,
        "title": f"note {number}",
        "desc": "text",
        "type": "normal",
        "create_time": seconds,
        "likes": 100 + number,
        "collected_count": 20,
        "comments_count": 3,
        "share_count": 1,
        "sticky": pinned,
        "infavs": False,
        "niced": False,
        "inlikes": False,
        "user": {"userid": USER, "nickname": "n", "followed": False, "fstatus": "none"},
    }


NOTES: Final = [note(number) for number in range(12, 0, -1)]
PIN: Final = note(2, pinned=True)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


class Wrong:
    """The server, on this machine, in a thread; `faults` are the names of what it does wrong."""

    def __init__(self, faults: AbstractSet[str] = frozenset()) -> None:
        self.faults = faults
        self.balance = 10_000
        self.spoil: tuple[bytes, bytes] = (b"", b"")
        """What is put in the place of what, in every body."""
        self.kept: dict[str, tuple[str, bytes]] = {}
        self.numbers = itertools.count(1)
        self.asked = itertools.count()
        self._server = _Server(("127.0.0.1", 0), type("Answers", (_Answers,), {"desk": self}))
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def page(self, cursor: str | None) -> dict[str, Any]:
        """The data of one page."""
        wrong = self.faults
        listed = [one for one in NOTES if one["id"] != PIN["id"] or "pins at their place too" in wrong]
        place = 0 if cursor is None or "cursor ignored" in wrong else 1 + [one["id"] for one in listed].index(cursor)
        shown = [dict(one) for one in listed[place : place + PAGE_SIZE]]
        if "oldest first" in wrong:
            shown.reverse()
        if cursor is None or "pins on every page" in wrong:
            shown.insert(0, dict(PIN))
        if "a post meanwhile" in wrong and cursor is None and next(self.asked) > 0:
            shown.insert(1, note(13))
        if "a gap after each page" in wrong and cursor is not None:
            shown = shown[1:]
        return self.odd({"notes": shown, "tags": [], "has_more": place + PAGE_SIZE < len(listed)})

    def odd(self, data: dict[str, Any]) -> dict[str, Any]:
        """A page with what is wrong in single notes, and around them."""
        wrong, shown = self.faults, data["notes"]
        if "the viewer's likes" in wrong:
            shown[0]["inlikes"] = True
        if "a cursor of its own" in wrong:
            shown[-1]["cursor"] = "abc"
        if "another's note" in wrong:
            shown[-1]["user"] = {"userid": OTHER}
        if "data.cursor" in wrong:
            data["cursor"] = shown[-1]["id"]
        if "no has_more" in wrong:
            del data["has_more"]
        return data


class _Answers(socketserver.BaseRequestHandler):
    """Answers one call of one connection, read as strictly as HTTP is written (RFC 9112)."""

    desk: Wrong

    def handle(self) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
        try:
            request = self.request_of(connection)
        except (h11.RemoteProtocolError, OSError):
            self.send(400, b"")
            return
        if request is not None:
            self.method = request.method.decode()
            self.path = request.target.decode("latin-1")
            self.headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
            self.called()

    def request_of(self, connection: h11.Connection) -> h11.Request | None:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = self.request.recv(65536)
                if not data:
                    return None
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                if event.http_version not in {b"1.0", b"1.1"}:
                    raise h11.RemoteProtocolError("another version")
                return event
            else:
                return None

    def called(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != PATH:
            bare = "404 without an envelope" in self.desk.faults
            self.send(404, b"not found") if bare else self.refuse(400, 404)
            return
        if self.method != "GET":
            self.refuse(400, 200 if "POST is no 405" in self.desk.faults else 405)
            return
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="replace")
        code = self.refusal(pairs)
        if code:
            told_apart = "tokens told apart" in self.desk.faults
            self.refuse(code, message=f"{dict(pairs)}" if told_apart else None)
            return
        self.answer(dict(reversed(pairs)))

    def refusal(self, pairs: list[tuple[str, str]]) -> int:
        """The code that a call is refused with, or 0."""
        wrong = self.desk.faults
        names = [name for name, _ in pairs]
        twice = {name for name in names if names.count(name) > 1} & {"token", "userId", "lastCursor"}
        if "first of repeated parameters" in wrong:
            twice = set()
        given = dict(reversed(pairs))
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        if "no bearer" in wrong:
            bearer = ""
        if "token" in twice or ("token" in given and bearer):
            return 400
        user = _LINK.sub(r"\1", given.get("userId", ""))
        cursor = given.get("lastCursor", "")
        if "any cursor" in wrong and not _HEX.fullmatch(cursor):
            cursor = ""
        bad = bool(twice) or not _HEX.fullmatch(user) or not (cursor in {"", "0"} or _HEX.fullmatch(cursor))
        key = self.headers.get("idempotency-key")
        bad = bad or (key is not None and not 1 <= len(key) <= 255)
        stranger = given.get("token", bearer) != TOKEN
        if "400 before 100" in wrong:
            return 400 if bad else 100 if stranger else 0
        return 100 if stranger else 400 if bad else 0

    def answer(self, given: dict[str, str]) -> None:
        """Answer a call that is allowed, and charge it."""
        desk, wrong = self.desk, self.desk.faults
        cursor = given.get("lastCursor", "")
        asked = json.dumps(sorted(given.items()))
        key = self.headers.get("idempotency-key")
        if key in desk.kept and "keys mean nothing" not in wrong:
            before, body = desk.kept[key]
            if before != asked and "a key for any call" not in wrong:
                self.refuse(400)
                return
            if "another body at a replay" in wrong:
                body = body.replace(b"note 12", b"note XII")
            if "a replay is charged" in wrong:
                desk.balance -= PRICE
            cost = "10" if "a replay is charged" in wrong else "0"
            self.send(200, body, ("Idempotency-Replayed", "true"), ("X-Hongshu-Cost", cost))
            return
        desk.balance -= PRICE
        page = desk.page(None if cursor in {"", "0"} or not _HEX.fullmatch(cursor) else cursor)
        body = self.envelope("0" if "code as text" in wrong else 0, None, page)
        if key is not None:
            desk.kept[key] = asked, body
        told = (("X-Hongshu-Cost", str(PRICE)), ("X-Hongshu-Balance", str(desk.balance)))
        self.send(200, body, *(told if "costs nothing said" not in wrong else ()))

    def refuse(self, code: int, status: int | None = None, message: str | None = None) -> None:
        wrong = self.desk.faults
        if "refusals are charged" in wrong and code == 400:
            self.desk.balance -= PRICE
        data = {} if "data in refusals" in wrong else None
        body = self.envelope(code, message or MESSAGES[status if status == 404 else code], data)
        odd = 401 if "statuses without a rule" in wrong and code == 100 else 200
        self.send(status or odd, body)

    def envelope(self, code: object, message: str | None, data: object) -> bytes:
        wrong = self.desk.faults
        number = 1 if "one request id" in wrong else next(self.desk.numbers)
        recorded = (
            None if message else "2026-01-01 00:00:00" if "times without a zone" in wrong else "2026-01-01T00:00:00Z"
        )
        given = {"code": code, "message": message, "recordTime": recorded, "requestId": f"r{number}", "data": data}
        if "no recordTime" in wrong:
            del given["recordTime"]
        return json.dumps(given).encode()

    def send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        if self.desk.spoil[0]:
            body = body.replace(*self.desk.spoil)
        cache = "max-age=60" if "caches may keep it" in self.desk.faults else "private, no-store"
        usual = (("Content-Type", "application/json"), ("Cache-Control", cache), ("Content-Length", str(len(body))))
        lines = [
            f"HTTP/1.1 {status} S",
            "Connection: close",
            *(f"{name}: {value}" for name, value in (*usual, *headers)),
        ]
        self.request.sendall("\r\n".join([*lines, "", ""]).encode() + body)
