"""A simulator as a V4 server, over sockets of its own: what no web framework would send must leave here too."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import structlog

from hongshu.errors import ConfigError, InvalidParametersError
from hongshu.formats.links import creator_id, cursor_id
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Asked, Word
from hongshu.sources.simulator.faults import FAULTS, Answer, Call, End, Fault, Steps
from hongshu.sources.simulator.faults.rules import LONGEST_SECONDS, named
from hongshu.sources.simulator.pictures import picture
from hongshu.sources.simulator.source import SimulatorSource
from hongshu.sources.simulator.wire import PICTURES

HOST: Final = "127.0.0.1"
FAULT_HEADER: Final = "x-simulate-fault"
FAULT_PATH: Final = "/faults/"
PICTURE_PATH: Final = "/pictures"
LARGEST_HEAD: Final = 32 * 1024
PATIENCE_SECONDS: Final = 120.0
"""How long a connection may wait for its next call, and how long an answer may take to leave."""

_BACKLOG: Final = 1024
_REASONS: Final[Mapping[int, str]] = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found"}
_RESET: Final = struct.pack("ii", 1, 0)
_log = structlog.get_logger("hongshu.simulator")


class Request(Word):
    """What is read of one request: path, parameters, headers with lower-case names, and whether it is the last."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    last: bool


class SimulatorServer:
    """Answers the V4 endpoint on this machine with pages of a simulator, true or spoilt.

    Below `/faults/NAME[:SECONDS]`, and with a header `X-Simulate-Fault: NAME[:SECONDS]`, a call has that fault; below
    any other path the rules decide, and may differ from path to path. Any token is valid. Pages that are asked for
    below `/pictures` name pictures that this server answers too; all others stand on a host that cannot exist.
    """

    def __init__(self, source: SimulatorSource) -> None:
        self._source = source
        self._server: asyncio.Server | None = None
        self._address = ""
        self._connections: set[asyncio.Task[None]] = set()
        self.calls = 0
        """Calls of the endpoint that have come so far."""

    async def start(self, port: int) -> str:
        """Listen on a port, 0 for a free one, and return the address; raises `OSError`."""
        self._server = await asyncio.start_server(self._met, HOST, port, limit=LARGEST_HEAD, backlog=_BACKLOG)
        self._address = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self._address

    async def close(self) -> None:
        """Stop listening and leave every connection."""
        if self._server is not None:
            self._server.close()
        for talk in self._connections:
            talk.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._connections.add(talk)
        try:
            await talk
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except asyncio.LimitOverrunError:
            writer.write(_http(431, b"", ()))
        except Exception as error:
            _log.exception("a simulated call failed", exc_info=error)
        finally:
            self._connections.discard(talk)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            request = _read(head)
            if request is None:
                writer.write(_http(400, b"only GET of an address is answered here\n", ()))
                return
            made = self._made(request)
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not await _played(made, writer):
                    return
            if request.last and isinstance(made, Answer):
                return

    def _made(self, request: Request) -> Answer | Steps:
        """Return what is sent to one request."""
        under, endpoint, rest = request.path.partition(V4_PATH)
        if not endpoint or rest:
            return self._about(request.path)
        self.calls += 1
        token = request.query.get("token") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return _refused(100, "pass a token, any will do, as ?token=… or as 'Authorization: Bearer …'")
        try:
            given = creator_id(request.query.get("userId", ""))
            asked = Asked(creator=given, cursor=cursor_id(request.query.get("lastCursor")))
            drawn = self._fault(under, request, asked)
        except (InvalidParametersError, ConfigError) as error:
            return _refused(400, error.message)
        call = self._source.call(asked, token)
        if under == PICTURE_PATH:
            call = _pictured(call, f"{self._address}{PICTURE_PATH}/".encode())
        if drawn is None:
            return Answer(body=call.body)
        fault, seconds = drawn
        return fault.make(msgspec.structs.replace(call, seconds=seconds))

    def _fault(self, under: str, request: Request, asked: Asked) -> tuple[Fault, float | None] | None:
        """Return the fault that is asked for, or else that the rules draw."""
        wanted = request.headers.get(FAULT_HEADER, "")
        if not wanted and under.startswith(FAULT_PATH):
            wanted = under.removeprefix(FAULT_PATH)
        if wanted:
            return _wanted(wanted)
        return self._source.fault_of(asked, under.strip("/"))

    def _about(self, path: str) -> Answer:
        if path.startswith(f"{PICTURE_PATH}/"):
            return Answer(body=picture(path.rpartition("/")[2]), headers=(("Content-Type", "image/png"),))
        if path != "/":
            return Answer(body=b'{"detail":"ask GET %b"}' % V4_PATH.encode(), status=404)
        words: dict[str, Any] = {
            "name": "hongshu simulate",
            "simulated": True,
            "endpoint": V4_PATH,
            "calls": self.calls,
            "creators": self._source.creators(),
            "faults": {fault.name: fault.about for fault in FAULTS.values()},
        }
        return Answer(body=msgspec.json.encode(words))


def _pictured(call: Call, pictures: bytes) -> Call:
    """Return a question whose answers name their pictures at another address."""

    def page(asked: Asked) -> bytes:
        return call.page(asked).replace(PICTURES.encode(), pictures)

    return msgspec.structs.replace(call, body=call.body.replace(PICTURES.encode(), pictures), page=page)


async def _played(made: Answer | Steps, writer: asyncio.StreamWriter) -> bool:
    """Send an answer, or do what a fault does; say whether the connection goes on."""
    if isinstance(made, Answer):
        writer.write(_http(made.status, made.body, made.headers))
        await writer.drain()
        return True
    for step in made:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, End):
            _end(writer, step)
            return False
        else:
            await asyncio.sleep(step)
    return True


def _end(writer: asyncio.StreamWriter, end: End) -> None:
    if end is End.RESET:
        connection: socket.socket = writer.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()


def _wanted(given: str) -> tuple[Fault, float | None]:
    name, _, seconds = unquote(given).partition(":")
    fault = named(name)
    try:
        waits = float(seconds) if seconds else 0.0
    except ValueError:
        waits = -1.0
    if not 0 <= waits <= LONGEST_SECONDS:
        raise ConfigError(f"a fault is asked for as NAME or NAME:SECONDS, with 0 to {LONGEST_SECONDS:.0f} seconds")
    return fault, waits if seconds else None


def _read(head: bytes) -> Request | None:
    """Read the head of a request; None where it is no GET."""
    line, *rest = head.decode("latin-1").split("\r\n")
    method, _, target = line.partition(" ")
    target = target.removesuffix(" HTTP/1.1").removesuffix(" HTTP/1.0")
    if method != "GET" or not target.startswith("/"):
        return None
    try:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, max_num_fields=100))
    except ValueError:
        return None
    split = (one.partition(":") for one in rest if ":" in one)
    headers = {name.strip().lower(): value.strip() for name, _, value in split}
    wishes = {one.strip().lower() for one in headers.get("connection", "").split(",")}
    last = "close" in wishes or (line.endswith(" HTTP/1.0") and "keep-alive" not in wishes)
    return Request(path=parts.path, query=query, headers=headers, last=last)


def _http(status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Simulated')}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _refused(code: int, message: str) -> Answer:
    words = {"code": code, "message": message, "recordTime": None, "requestId": secrets.token_hex(16), "data": None}
    return Answer(body=msgspec.json.encode(words))
