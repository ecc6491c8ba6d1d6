"""Webhooks as the specification Standard Webhooks says: secrets, signatures, and the body that carries news."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hongshu.formats.addresses import read_address
from hongshu.models import News, ReportNews, Word, rfc3339

PREFIX: Final = "whsec_"
LEAST_BYTES: Final = 24
MOST_BYTES: Final = 64
_MOST_SECRETS: Final = 2
LARGEST_FILE: Final = 4 * 1024 * 1024
"""A report's file of more bytes is not sent."""
NOTE_LINK: Final = "https://www.xiaohongshu.com/explore/"
PROFILE_LINK: Final = "https://www.xiaohongshu.com/user/profile/"


class UnfitSecretError(ValueError):
    """The text is no secret of a webhook, or too short a one."""


class Receiver(Word):
    """Who is sent to, and the secrets with which that is signed: the present one, and an older one while rotating."""

    url: str
    secrets: tuple[bytes, ...]

    @property
    def host(self) -> str:
        """What may be shown of the address."""
        return read_address(self.url).host

    def __repr__(self) -> str:
        return "Receiver(***)"


def read_receiver(text: str) -> Receiver:
    """Return a receiver from lines: its address, its secret, and while rotating the older one.

    Raises `UnfitAddressError` and `UnfitSecretError`.
    """
    url, *secrets = [line.strip() for line in text.strip().splitlines() if line.strip()] or [""]
    read_address(url)
    if not 1 <= len(secrets) <= _MOST_SECRETS:
        raise UnfitSecretError("below a webhook's address stands its secret, and while rotating the older one")
    return Receiver(url=url, secrets=tuple(map(read_secret, secrets)))


def read_secret(text: str) -> bytes:
    """Return the bytes of a secret like whsec_…, 24 to 64 of them in base64. Raises `UnfitSecretError`."""
    encoded = text.strip().removeprefix(PREFIX)
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise UnfitSecretError(f"a webhook's secret is {PREFIX} and base64") from None
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise UnfitSecretError(
            f"a webhook's secret has {LEAST_BYTES} to {MOST_BYTES} bytes; this one has {len(secret)}"
        )
    return secret


def shown_secret(secret: bytes) -> str:
    """Return a secret as it is written."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secrets: Sequence[bytes], delivery_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that name and sign a delivery; two signatures while two secrets are good."""
    signed = b".".join([delivery_id.encode(), str(at_s).encode(), body])
    signatures = [base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }


def body(news: Sequence[News], created_ms: int, *, digest: bool) -> bytes:
    """Return what is sent: one event, a digest of several, or without any a test."""
    if not news:
        return msgspec.json.encode({"type": "test", "timestamp": rfc3339(created_ms), "data": {}})
    told = [words(one) for one in news]
    kind = "digest" if digest else f"{_subject(news[0])}.{news[0].kind.value}"
    data: dict[str, Any] = {"events": told} if digest else told[0]
    return msgspec.json.encode({"type": kind, "timestamp": rfc3339(created_ms), "data": data})


def report_body(report: ReportNews, content: bytes | None, created_ms: int) -> bytes:
    """Return what is sent of a report: what it found, and its file, or how to make it where there is no content."""
    file: dict[str, Any] = {
        "name": report.file,
        "media_type": report.media_type,
        "bytes": report.bytes,
        "sha256": report.sha256,
        "content": None if content is None else base64.b64encode(content).decode(),
    }
    if content is None:
        file["why"] = f"the file is larger than {LARGEST_FILE} bytes; to make it: {report.command}"
    data = {
        "schedule": report.schedule,
        "kind": report.kind,
        "title": report.title,
        "creators": report.creators,
        "group": report.group or None,
        "lang": report.lang,
        "window": {"since": rfc3339(report.since_ms), "until": rfc3339(report.until_ms)},
        "as_of": rfc3339(report.as_of_ms),
        "findings": report.findings,
        "file": file,
    }
    return msgspec.json.encode({"type": "report", "timestamp": rfc3339(created_ms), "data": data})


def words(one: News) -> dict[str, Any]:
    """Return an event as receivers get it."""
    note = None
    if one.note_id:
        note = {
            "id": one.note_id,
            "url": NOTE_LINK + one.note_id,
            "title": one.title,
            "text": one.text,
            "published_at": None if one.published_ms is None else rfc3339(one.published_ms),
            "hashtags": one.hashtags,
        }
    creator = {"id": one.creator, "nickname": one.nickname, "url": PROFILE_LINK + one.creator} if one.creator else None
    return {
        "event": one.id,
        "kind": one.kind.value,
        "seen_at": rfc3339(one.seen_ms),
        "creator": creator,
        "note": note,
        "details": {name: {"was": was, "is": now} for name, (was, now) in one.details.items()},
    }


def _subject(one: News) -> str:
    return "note" if one.note_id else "creator" if one.creator else "source"
