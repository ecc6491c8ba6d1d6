"""A V4 source in the test's own process, which takes its time, keeps its callers waiting and fails when it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import sleep
from urllib.parse import parse_qs, urlsplit


def note_of(user: str) -> str:
    """The id of a creator's one note."""
    return f"63f1a2b3{user[8:]}"


class Source(ThreadingHTTPServer):
    """Knows every creator, each with one note; `asked` are those it was asked for, in order.

    An answer comes after `delay` seconds; as many as `failures` still says are no pages.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.delay = delay
        self.failures = 0
        self.asked: list[str] = []
        self._open = Event()
        self._open.set()
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def settings(self) -> str:
        """The source in the settings of a server; more of its own settings may follow."""
        url = f"http://127.0.0.1:{self.server_port}"
        return f'[[source]]\nname = "up"\nkind = "remote"\nurl = "{url}"\ntoken = "upstream-token"\n'

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep whoever asks waiting, until the end or until they are let go."""
        self._open.clear()
        try:
            yield
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Answer those who were kept waiting."""
        self._open.set()

    def answer(self, user: str) -> bytes:
        """Return what is said of a creator."""
        self.asked.append(user)
        sleep(self.delay)
        self._open.wait(60)
        if self.failures:
            self.failures -= 1
            return b'{"code":500,"message":"not now","data":null}'
        note = {"id": note_of(user), "title": "发 “1”", "create_time": 1_700_000_000, "user": {"userid": user}}
        return json.dumps({"code": 0, "data": {"notes": [{**note, "desc": "text " * 20}], "has_more": False}}).encode()

    def close(self) -> None:
        """Answer nobody any more."""
        self.let_go()
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: Source

    def do_GET(self) -> None:
        body = self.server.answer(parse_qs(urlsplit(self.path).query)["userId"][0])
        with suppress(OSError):  # who asked may have given up
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Say nothing."""
