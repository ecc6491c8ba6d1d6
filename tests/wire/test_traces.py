"""Traces: a call and the questions it leads to, below the caller's span, without a secret; and none unless asked."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hongshu.config import OtelConfig
from hongshu.errors import SetupError
from hongshu.service.tracing import Silent, tracing_of
from running import SIMULATOR, Running, start_server

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Keeps what is sent."""

    bodies: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def spans() -> list[Any]:
    """All spans that came, the paths checked."""
    found = []
    for path, body in Collector.bodies:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(body)
        found += [span for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]
    return found


def words(span: Any) -> dict[str, Any]:
    """A span's attributes."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def traced(server: Running, creator: str) -> None:
    """Call three times: collected, at hand, refused."""
    header = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert server.page(creator, **header).code == 0
    assert server.page(creator).code == 0
    assert server.page(creator, token="hs_nonsense").code == 100


def test_a_call_and_its_question_are_told_without_a_secret(tmp_path: Path, collector: str) -> None:
    """The collected one stands below the caller's span, its question below it; all came when the server has ended."""
    Collector.bodies.clear()
    server = start_server(tmp_path / "data", f'[otel]\nendpoint = "{collector}"\n{SIMULATOR}')
    creator = "5c2f338a000000000701e1c6"
    try:
        traced(server, creator)
    finally:
        assert server.stop() == 0
    deadline = time.monotonic() + 20
    while len(spans()) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    *calls, asked = sorted(spans(), key=lambda span: span.name)
    collected, at_hand, refused = sorted(calls, key=lambda span: span.start_time_unix_nano)
    assert (asked.name, collected.name) == ("ask sim", "GET /api/xiaohongshu/get-user-note-list/v4")
    assert (collected.trace_id.hex(), collected.parent_span_id.hex()) == (TRACE, PARENT)
    assert (asked.trace_id, asked.parent_span_id) == (collected.trace_id, collected.span_id)
    assert words(collected)["hongshu.cache"] == "miss"
    assert words(collected)["hongshu.request_id"].startswith("req_")
    assert (words(at_hand)["hongshu.cache"], words(refused)["hongshu.code"]) == ("hit", 100)
    assert words(asked) == {
        "hongshu.source": "sim",
        "hongshu.source.kind": "simulator",
        "hongshu.first": True,
        "http.response.status_code": 200,
        "hongshu.bytes": words(asked)["hongshu.bytes"],
    }
    everything = b"".join(body for _, body in Collector.bodies)
    assert server.token.encode() not in everything
    assert b"hs_nonsense" not in everything
    assert creator.encode() not in everything


def said(server: Running, head: bytes) -> bytes:
    """The answer to a request as it stands."""
    with server.dial() as line:
        line.sendall(head + b"\r\nHost: a\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: line.recv(65536), b""))


def test_what_a_caller_writes_stands_in_no_span_and_breaks_no_answer(tmp_path: Path, collector: str) -> None:
    """Headers that are no context, methods that are a token: each call gets its envelope, and the collector neither."""
    Collector.bodies.clear()
    server = start_server(tmp_path / "data", f'[otel]\nendpoint = "{collector}"\n{SIMULATOR}')
    token = server.token.encode()
    path = b" /api/xiaohongshu/get-user-note-list/v4?token=" + token + b"&userId=5c2f338a000000000701e1c6 HTTP/1.1"
    try:
        for head in (b"traceparent: \xff", b"traceparent: 00-" + b"x" * 32 + b"-1-01", b"tracestate: a=" + token):
            assert b'"code":0' in said(server, b"GET" + path + b"\r\n" + head)
        assert b'"code":400' in said(server, token + path)
    finally:
        assert server.stop() == 0
    everything = b"".join(body for _, body in Collector.bodies)
    assert b"_OTHER /api" in everything
    assert token not in everything


def test_a_collector_that_says_nothing_holds_no_stop_up(tmp_path: Path) -> None:
    """A stop takes a few seconds more at most; the ceiling is five times that."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        server = start_server(tmp_path / "data", f'[otel]\nendpoint = "{endpoint}"\n{SIMULATOR}')
        try:
            traced(server, "5c2f338a000000000701e1c6")
        finally:
            begun = time.monotonic()
            assert server.stop() == 0
        assert time.monotonic() - begun < 20


def test_a_collector_that_is_away_stops_nobody(tmp_path: Path) -> None:
    """Calls are answered, and the server ends as ever."""
    server = start_server(tmp_path / "data", f'[otel]\nendpoint = "http://127.0.0.1:9"\n{SIMULATOR}')
    try:
        traced(server, "5c2f338a000000000701e1c6")
    finally:
        assert server.stop() == 0
    assert server.token not in "".join(server.log)


def test_without_an_address_nothing_is_loaded_and_nothing_is_sent() -> None:
    """The default."""
    assert isinstance(tracing_of(OtelConfig()), Silent)


def test_a_missing_library_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is served."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "hongshu.service.telling", raising=False)
    with pytest.raises(SetupError, match="pip install"):
        tracing_of(OtelConfig(endpoint="http://127.0.0.1:4318"))
