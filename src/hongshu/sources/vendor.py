"""Another vendor's list of one creator's notes: the app's own list, inside an envelope that a few facts describe."""

from __future__ import annotations

import msgspec

from hongshu.egress import Egress
from hongshu.models import Asked, Envelope, Form, Reply, Word
from hongshu.secret import Secret


class Facts(Word):
    """What differs from vendor to vendor: address, how the token travels, names of parameters, and the envelope.

    `auth` is `bearer`, `header:NAME` or `query:NAME`.
    """

    url: str
    auth: str
    user_parameter: str
    cursor_parameter: str
    envelope: Envelope


class VendorSource:
    """Asks one vendor. The token travels as the vendor has it, and appears nowhere else."""

    kind = "vendor"
    speaks = frozenset({Form.VENDOR})

    def __init__(self, name: str, facts: Facts, token: Secret, egress: Egress) -> None:
        self.name = name
        self._facts = facts
        self._token = token
        self._egress = egress

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Ask for one page, in the vendor's words; what is said on success stands in the reply's envelope."""
        facts = self._facts
        params = {facts.user_parameter: asked.creator}
        if asked.cursor is not None:
            params[facts.cursor_parameter] = asked.cursor
        headers = {}
        match facts.auth.split(":"):
            case ["query", name]:
                params[name] = self._token.reveal()
            case ["header", name]:
                headers[name] = self._token.reveal()
            case _:
                headers["Authorization"] = f"Bearer {self._token.reveal()}"
        reply = await self._egress.get(facts.url, params=params, headers=headers, timeout_seconds=timeout_seconds)
        return msgspec.structs.replace(reply, envelope=facts.envelope)

    def creators(self) -> tuple[str, ...]:
        """Return nothing: a vendor does not say whom it knows."""
        return ()

    async def close(self) -> None:
        """Close the connections to the vendor."""
        await self._egress.close()
