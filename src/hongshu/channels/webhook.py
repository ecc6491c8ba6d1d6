"""Webhooks: one signed POST a delivery, to a checked address, without redirects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.channels.base import Sent
from hongshu.egress import GuardedEgress
from hongshu.errors import NoAnswerError, SourceError
from hongshu.formats.webhooks import Receiver, headers

MOST_READ: Final = 64 * 1024
LONGEST_AGAIN_SECONDS: Final = 86_400.0

_GONE: Final = 410
_NAMES_A_TIME: Final = frozenset({429, 503})


async def send(
    egress: GuardedEgress, receiver: Receiver, delivery_id: str, body: bytes, at_s: int, timeout_seconds: float
) -> Sent:
    """Send a delivery; 2xx is success, 410 closes the channel, everything else is tried again."""
    signed = headers(receiver.secrets, delivery_id, at_s, body)
    try:
        reply = await egress.post(
            receiver.url, body=body, headers=signed, most_bytes=MOST_READ, timeout_seconds=timeout_seconds
        )
    except NoAnswerError:
        return Sent(ok=False, status=f"no answer within {timeout_seconds:g} s")
    except SourceError as error:
        return Sent(ok=False, status=error.message)
    if 200 <= reply.status < 300:
        return Sent(ok=True, status=f"HTTP {reply.status}")
    redirected = "; redirects are not followed" if 300 <= reply.status < 400 else ""
    return Sent(
        ok=False,
        status=f"HTTP {reply.status}{redirected}",
        gone=reply.status == _GONE,
        again_after_s=_again_after(reply.headers) if reply.status in _NAMES_A_TIME else None,
    )


def _again_after(told: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, a day at most; dates are left alone."""
    text = next((value for name, value in told.items() if name.lower() == "retry-after"), "").strip()
    return min(float(text), LONGEST_AGAIN_SECONDS) if text.isascii() and text.isdigit() and len(text) < 10 else None
