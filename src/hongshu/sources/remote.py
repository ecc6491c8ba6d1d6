"""Any server that speaks the V4 contract: the hosted API with the user's own token, or another hongshu."""

from __future__ import annotations

from hongshu.egress import Egress
from hongshu.formats.envelopes import recorded_ms
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Asked, Form, Reply
from hongshu.secret import Secret


class RemoteSource:
    """Asks one V4 server. The token travels in the query, as the contract has it, and appears nowhere else."""

    kind = "remote"
    speaks = frozenset({Form.V4})

    def __init__(self, name: str, url: str, token: Secret, egress: Egress) -> None:
        self.name = name
        self._url = url.rstrip("/") + V4_PATH
        self._token = token
        self._egress = egress

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Ask for one page; `collected_ms` is the peer's own recordTime."""
        params = {"token": self._token.reveal(), "userId": asked.creator}
        if asked.cursor is not None:
            params["lastCursor"] = asked.cursor
        reply = await self._egress.get(self._url, params=params, headers={}, timeout_seconds=timeout_seconds)
        return Reply(status=reply.status, headers=reply.headers, body=reply.body, collected_ms=recorded_ms(reply.body))

    def creators(self) -> tuple[str, ...]:
        """Return nothing: a V4 server does not say whom it knows."""
        return ()

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._egress.close()
