"""Sessions of the library that speaks HTTP, as the house wants them; slow to load, so only with the first question."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

KEPT_OPEN_SECONDS: Final = 4.0
"""Less than servers usually keep an idle connection, so that few are found closed."""


def opened(user_agent: str, encodings: str, ca_file: Path | None, **dialling: Any) -> aiohttp.ClientSession:
    """Open a session that follows, keeps and repeats nothing by itself; `dialling` is how its connector dials."""
    connector = _Connector(
        ssl=ssl.create_default_context(cafile=ca_file), limit=0, keepalive_timeout=KEPT_OPEN_SECONDS, **dialling
    )
    session = aiohttp.ClientSession(
        auto_decompress=False,
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": user_agent, "Accept-Encoding": encodings},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),
        trust_env=False,
    )
    # Else a GET on a kept connection that the peer closed is sent again by itself: a call nobody decided on.
    session._retry_connection = False  # noqa: SLF001 - there is no other way to say it
    return session


class _Connector(aiohttp.TCPConnector):
    """Uses a kept connection only while nothing has come on it: else every later answer would be another question's."""

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None
