"""Webhooks are signed as Standard Webhooks says, and a weak secret is none."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from hongshu.formats.addresses import UnfitAddressError
from hongshu.formats.webhooks import (
    UnfitSecretError,
    body,
    headers,
    read_receiver,
    read_secret,
    shown_secret,
    words,
)
from hongshu.models import Kind, News

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEWS = News(
    id="evt_1",
    kind=Kind.EDITED,
    creator="5c2f338a000000000701e1c6",
    seen_ms=1_700_000_000_123,
    nickname="名字",
    note_id="6563d2a0000000000000abcd",
    title="标题 <b>",
    published_ms=1_699_990_000_000,
    hashtags=("#春天",),
    details={"title": ("old", "标题 <b>")},
)


def test_the_vector_of_the_specification() -> None:
    """Id, time and body of the specification's own example give its signature."""
    signed = headers(
        [read_secret(VECTOR_SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (signed["webhook-id"], signed["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


@given(st.binary(min_size=24, max_size=64), st.binary(min_size=24, max_size=64), st.text(max_size=200))
def test_the_library_of_the_specification_takes_what_we_sign(secret: bytes, older: bytes, text: str) -> None:
    """With either secret while rotating, with no other, and with no other body."""
    told = json.dumps({"text": text}).encode()
    now_s = int(datetime.now(UTC).timestamp())
    signed = headers([secret, older], "dlv_1", now_s, told)
    for one in (secret, older):
        assert Webhook(shown_secret(one)).verify(told, signed) == {"text": text}
    other = hashlib.sha256(secret + older).digest()
    with pytest.raises(WebhookVerificationError):
        Webhook(shown_secret(other)).verify(told, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(shown_secret(secret)).verify(told + b" ", signed)


@pytest.mark.parametrize("size", [0, 1, 8, 23, 65, 100])
def test_an_empty_short_or_overlong_secret_is_refused(size: int) -> None:
    """24 to 64 bytes, as the specification says."""
    with pytest.raises(UnfitSecretError):
        read_secret("whsec_" + base64.b64encode(b"x" * size).decode())


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!!", "not base64 at all", "whsec_" + "é" * 40])
def test_what_is_no_secret_is_refused(text: str) -> None:
    """In words that do not repeat it."""
    with pytest.raises(UnfitSecretError) as refused:
        read_secret(text)
    assert len(text) < 7 or text not in str(refused.value)


def test_a_receiver_is_an_address_and_one_or_two_secrets() -> None:
    """Line by line; and it does not show itself."""
    older = shown_secret(b"o" * 24)
    receiver = read_receiver(f"https://hooks.example/x?k=1\r\n{VECTOR_SECRET}\n\n{older}\n")
    assert receiver.url == "https://hooks.example/x?k=1"
    assert receiver.secrets == (read_secret(VECTOR_SECRET), b"o" * 24)
    assert (receiver.host, repr(receiver)) == ("hooks.example", "Receiver(***)")
    for lines in ([], [VECTOR_SECRET] * 3, ["short"]):
        with pytest.raises(UnfitSecretError):
            read_receiver("\n".join(["https://hooks.example/", *lines]))
    for url in ("", "hooks.example", "ftp://hooks.example", "https://u:p@hooks.example/"):
        with pytest.raises(UnfitAddressError):
            read_receiver(f"{url}\n{VECTOR_SECRET}")


def test_the_body_of_an_event_and_of_a_digest() -> None:
    """Types name what it is about; a digest holds each event as it would stand alone."""
    one = json.loads(body([NEWS], 1_700_000_001_000, digest=False))
    assert (one["type"], one["timestamp"]) == ("note.edited", "2023-11-14T22:13:21Z")
    assert one["data"] == json.loads(json.dumps(words(NEWS)))
    assert one["data"]["note"]["title"] == "标题 <b>"
    assert one["data"]["note"]["url"] == f"https://www.xiaohongshu.com/explore/{NEWS.note_id}"
    assert one["data"]["details"] == {"title": {"was": "old", "is": "标题 <b>"}}
    silence = News(id="evt_2", kind=Kind.SILENCE, creator=NEWS.creator, seen_ms=1)
    trouble = News(id="evt_3", kind=Kind.TROUBLE, creator="", seen_ms=1)
    assert json.loads(body([silence], 0, digest=False))["type"] == "creator.silence"
    assert json.loads(body([trouble], 0, digest=False))["type"] == "source.trouble"
    digest = json.loads(body([NEWS, silence], 0, digest=True))
    assert digest["type"] == "digest"
    assert [each["event"] for each in digest["data"]["events"]] == ["evt_1", "evt_2"]
