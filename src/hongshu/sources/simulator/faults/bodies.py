"""Bodies that are no page: broken or hostile JSON, web pages, and blocks that look like success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from hongshu.sources.simulator.faults.calls import Answer, Call, Fault, as_json

DEPTH: Final = 100_000
NOTES: Final = 1_000_000

_PAGE: Final = b'{"code":0,"message":null,"data":{"notes":[%b],"has_more":false}}'
_WALL: Final = "<!doctype html><html><title>小红书</title><body><div class=login>登录后查看更多内容</div></body></html>"
_CAPTCHA: Final = "<html><script>location.href='/website-login/captcha?redirectPath=x&verifyType=124'</script></html>"


def _body(name: str, about: str, body: bytes, content_type: str = "application/json") -> Fault:
    headers = (("Content-Type", content_type),)
    return Fault(name=name, about=about, make=lambda _: Answer(body=body, headers=headers))


def _large(name: str, about: str, make: Callable[[], bytes]) -> Fault:
    return Fault(name=name, about=about, make=lambda _: Answer(body=make()))


def _spoilt(name: str, about: str, spoil: Callable[[bytes], bytes], *, gives_page: bool = False) -> Fault:
    return Fault(name=name, about=about, make=lambda call: Answer(body=spoil(call.body)), gives_page=gives_page)


def _data(name: str, about: str, data: Callable[[dict[str, Any]], object]) -> Fault:
    def make(call: Call) -> Answer:
        told = call.envelope()
        return as_json({**told, "data": data(told["data"])})

    return Fault(name=name, about=about, make=make)


def _without_data(_: Call) -> Answer:
    return as_json({"code": 0, "message": "success"})


def _twice_told(body: bytes) -> bytes:
    """Say code 301 first and 0 afterwards: readers differ in which one they take."""
    return b'{"code":301,' + body[1:].replace(b'"code":0', b'"code":301', 1)


BODIES: Final = (
    _body("empty", "nothing", b""),
    _body("blank", "white space", b" \r\n\t "),
    _body("text", "a word", b"ok", "text/plain"),
    _body("json-null", "null and no more", b"null"),
    _body("json-number", "a number", b"0"),
    _body("json-list", "a list", b"[]"),
    _body("json-open", "an object without its end", b'{"code":0,"data":{"notes":['),
    _body("json-nan", "a number that is none", _PAGE % b'{"id":"%b","likes":NaN}' % (b"a" * 24)),
    _spoilt("json-cut", "the page, cut in the middle", lambda body: body[: len(body) // 2]),
    _spoilt("json-twice", "the page, twice", lambda body: body + body),
    _spoilt("json-other-code", "the page, with the code 301 twice", _twice_told),
    _spoilt("not-utf-8", "the page, with bytes that are no text", lambda body: body.replace(b'"id"', b'"\xff\xfe"')),
    _spoilt("utf-16", "the page in UTF-16", lambda body: body.decode().encode("utf-16")),
    _spoilt("mark", "the page after a byte order mark", lambda body: b"\xef\xbb\xbf" + body, gives_page=True),
    _spoilt(
        "lone-surrogates",
        "the page, with halves of characters and NUL in its texts",
        lambda body: body.replace(b'"desc":"', b'"desc":"\\ud800\\u0000'),
        gives_page=True,
    ),
    _body("login-wall", "a web page that wants a login", _WALL.encode(), "text/html; charset=utf-8"),
    _body("captcha", "a web page that wants a captcha solved", _CAPTCHA.encode(), "text/html; charset=utf-8"),
    _data("data-empty", "success, and nothing: a block", lambda _: {}),
    _data("data-null", "success, and null", lambda _: None),
    _data("data-text", "success, and a text", lambda _: "success"),
    _data("data-verify", "success, and a challenge", lambda _: {"verify_type": "124", "verify_uuid": "x"}),
    Fault(name="data-missing", about="success, without data", make=_without_data),
    _data("notes-missing", "success, without notes", lambda data: {**data, "notes": None, "tags": []}),
    _data("notes-object", "notes that are no list", lambda data: {**data, "notes": {}}),
    _data("notes-text", "notes that are texts", lambda data: {**data, "notes": ["a", "b"]}),
    _data("notes-null", "notes that are null", lambda data: {**data, "notes": [None] * 20}),
    _large("deep", f"JSON of {DEPTH:,} levels", lambda: _PAGE % (b"[" * DEPTH + b"]" * DEPTH)),
    _large("deep-objects", f"JSON of {DEPTH:,} objects", lambda: _PAGE % (b'{"a":' * DEPTH + b"1" + b"}" * DEPTH)),
    _large("many-notes", f"{NOTES:,} notes", lambda: _PAGE % b",".join([b"{}"] * NOTES)),
    _large("many-numbers", "a list of four million numbers", lambda: _PAGE % b",".join([b"1"] * 4_000_000)),
    _large("long-number", "a number of a million digits", lambda: _PAGE % (b"9" * 1_000_000)),
    _large("long-text", "a title of seven million signs", lambda: _PAGE % b'{"title":"%b"}' % (b"a" * 7_000_000)),
    _large("many-names", "an object of 300,000 names", lambda: b'{"code":0,"data":%b}' % _many_names()),
    _large("no-end-of-text", "seven million quotes and backslashes", lambda: b'{"code":"' + b'\\"' * 3_500_000),
)


def _many_names() -> bytes:
    return msgspec.json.encode({f"{turn:x}": 0 for turn in range(300_000)})
