"""What both clients are made with, and what they make of it."""

from __future__ import annotations

import logging
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypedDict, Unpack
from uuid import uuid4

from hongshu.client.asking import LOCAL, Endpoint, Patience, Pause, Steps, Wish, checked_key, conversation, is_loopback
from hongshu.errors import UsageError
from hongshu.formats.links import cursor_id
from hongshu.formats.redaction import without_secrets
from hongshu.models import Asked

if TYPE_CHECKING:
    import ssl

_log: Final = logging.getLogger("hongshu.client")
_HTTP_LOGS: Final = ("httpx2", *(f"httpcore2{part}" for part in ("", ".connection", ".http11", ".http2", ".proxy")))
"""Where the HTTP library says what it sends and what comes back, in which a server may repeat what it was sent."""


class Options(TypedDict, total=False):
    """Options of both clients."""

    base_url: str
    """The server: a hongshu, `http://127.0.0.1:8787` by default, or any that speaks V4, `https://api.justoneapi.com`."""
    token_in: Literal["header", "query"] | None
    """How the token travels: as `Authorization` by default, in the query at the hosted API, which knows no other."""
    allow_cleartext: bool
    """Send the token over http to a host that is not this one."""
    idempotent: bool
    """Send a key with each call, so that a call repeated is paid once; True by default."""
    tries: int
    """Attempts that may fail before a call does; 6 by default."""
    timeout_seconds: float
    """For one attempt; 65 by default, as a server may take 60."""
    deadline_seconds: float
    """For a call with all its attempts and pauses; 300 by default."""
    verify: ssl.SSLContext | bool
    """How certificates are checked; by default by the system's authorities."""


class Caller:
    """What a client asks with: the endpoint, its patience and its keys."""

    def __init__(self, token: str, **options: Unpack[Options]) -> None:
        unknown = options.keys() - Options.__annotations__.keys()
        if unknown:
            raise UsageError(
                f"{', '.join(sorted(unknown))} is no option; there are {', '.join(Options.__annotations__)}"
            )
        base_url = options.get("base_url", LOCAL)
        self._endpoint = Endpoint(
            token,
            base_url,
            token_in=options.get("token_in"),
            allow_cleartext=options.get("allow_cleartext", False),
        )
        usual = Patience()
        self._patience = Patience(
            tries=options.get("tries", usual.tries),
            timeout_seconds=options.get("timeout_seconds", usual.timeout_seconds),
            deadline_seconds=options.get("deadline_seconds", usual.deadline_seconds),
        )
        if self._patience.tries < 1 or min(self._patience.timeout_seconds, self._patience.deadline_seconds) <= 0:
            raise UsageError("tries must be 1 or more, timeout_seconds and deadline_seconds more than 0")
        self._idempotent = options.get("idempotent", True)
        self.trusts_env = not is_loopback(base_url)
        """Whether a proxy that the environment names is meant: never for this machine itself."""
        for name in _HTTP_LOGS:
            logging.getLogger(name).addFilter(_without_secrets)

    def conversation(self, asked: Asked, key: str | None, wish: Wish) -> Steps:
        """Return the steps of one call; without a key of the caller's own it gets one, unless that is turned off."""
        asked = Asked(creator=asked.creator, cursor=cursor_id(asked.cursor))
        own = uuid4().hex if self._idempotent else None
        question = partial(self._endpoint.question, asked, own if key is None else checked_key(key), wish)
        return conversation(
            question, asked, self._patience, time.monotonic, random.random, self._endpoint.token.reveal()
        )


def tell(pause: Pause) -> None:
    """Log a pause; neither address nor token stands in it."""
    _log.info("%s; again in %.1f s", pause.why, pause.seconds)


def _without_secrets(record: logging.LogRecord) -> bool:
    """Let a line of the HTTP library through without what has the shape of a secret."""
    said = record.getMessage()
    told = without_secrets(said)
    if told != said:
        record.msg, record.args = told, ()
    return True
