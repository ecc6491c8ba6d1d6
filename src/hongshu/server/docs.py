"""The OpenAPI 3.1 documents of the endpoint, English and Chinese, built from the types and the errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from hongshu import __version__
from hongshu.errors import BY_CODE
from hongshu.formats.v4 import V4_PATH
from hongshu.formats.wire import Result
from hongshu.server.answers import ALWAYS_200

Lang = Literal["en", "zh"]

_FOLDER: Final = "/openapi/xiaohongshu-apis/user-published-notes-v4-"
DOCUMENT_PATHS: Final[Mapping[str, Lang]] = {f"{_FOLDER}en.json": "en", f"{_FOLDER}zh.json": "zh"}

_USER_ID: Final = (
    r"^([0-9a-f]{24}|https://www\.(xiaohongshu|rednote)\.com/user/profile/[0-9a-f]{24}(\?[0-9A-Za-z_=&%.-]{0,200})?)$"
)
_CURSOR: Final = "^(0|[0-9a-f]{24})?$"
_SAMPLE: Final = "5c2f338a000000000701e1c6"
_HEADERS_IN: Final[Mapping[str, Mapping[str, str]]] = {
    "Idempotency-Key": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    "Cache-Control": {"type": "string"},
}
_HEADERS_OUT: Final[Mapping[str, str]] = {
    "X-Request-Id": "string",
    "X-Hongshu-Cost": "integer",
    "X-Hongshu-Balance": "integer",
    "X-Hongshu-Source": "string",
    "X-Hongshu-Cache": "string",
    "Age": "integer",
    "Idempotency-Replayed": "string",
    "RateLimit-Policy": "string",
    "RateLimit": "string",
    "Retry-After": "integer",
}
_ANY: Final = {"type": ["object", "array", "string", "number", "boolean", "null"]}

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("User Published Notes V4", "用户发布笔记 V4"),
    "about": (
        (
            "A page of the notes that one Xiaohongshu (RedNote) user published: ids, titles and text snippets, publish"
            " times, media and engagement counters where available. Wait at least 60 seconds for an answer. The result"
            " of a call is the `code` in the body."
        ),
        (
            "分页返回某个小红书用户发布的笔记：ID、标题与正文片段、发布时间、媒体以及互动数据（如可获得）。"
            "请至少等待 60 秒。调用结果以响应体中的 `code` 为准。"
        ),
    ),
    "summary": ("List a user's published notes", "获取用户发布的笔记列表"),
    "token": (
        "Access token. `Authorization: Bearer …` is accepted instead; never give both.",
        "访问令牌。也可改用 `Authorization: Bearer …`；两者不可同时提供。",
    ),
    "userId": (
        "The user's id (24 lower-case hex digits), or a profile link that holds /user/profile/<id>.",
        "用户 ID（24 位小写十六进制），或包含 /user/profile/<id> 的主页链接。",
    ),
    "lastCursor": (
        "`cursor` of the last note of the previous page; absent, empty or 0 for the first page.",
        "上一页最后一条笔记的 `cursor`；首页可省略、留空或传 0。",
    ),
    "Idempotency-Key": (
        "For 24 hours the same key returns the same bytes and is never charged again.",
        "24 小时内，同一个键返回完全相同的内容，且不重复计费。",
    ),
    "Cache-Control": (
        "`no-cache` collects afresh, `max-age=N` accepts data up to N seconds old, `only-if-cached` never collects.",
        "`no-cache` 表示重新采集，`max-age=N` 表示接受 N 秒以内的数据，`only-if-cached` 表示从不采集。",
    ),
    "X-Request-Id": ("The request's id, as in the body.", "请求 ID，与响应体一致。"),
    "X-Hongshu-Cost": ("What the call cost, in credits.", "本次调用的费用（积分）。"),
    "X-Hongshu-Balance": ("What is left after it, in credits.", "调用后的余额（积分）。"),
    "X-Hongshu-Source": ("Name of the source of the notes.", "笔记来源的名称。"),
    "X-Hongshu-Cache": (
        "How the answer came to be: hit, miss, stale, coalesced or replay.",
        "应答方式：hit、miss、stale、coalesced 或 replay。",
    ),
    "Age": ("Seconds since recordTime.", "距 recordTime 的秒数。"),
    "Idempotency-Replayed": (
        "true where the answer was paid for before, under the same Idempotency-Key.",
        "值为 true 表示该应答此前已用同一 Idempotency-Key 付费。",
    ),
    "RateLimit-Policy": (
        "The token's limits: calls a minute (rate) and a day (daily).",
        "令牌的限额：每分钟（rate）与每天（daily）的调用次数。",
    ),
    "RateLimit": (
        "What is left of them (r), and in how many seconds they are whole again (t).",
        "剩余次数（r）与恢复所需的秒数（t）。",
    ),
    "Retry-After": ("Seconds after which a retry may help.", "建议重试前等待的秒数。"),
    "answer": ("The envelope; `code` is the result", "统一响应；结果以 `code` 为准"),
}


@lru_cache(maxsize=16)
def document(lang: Lang, http_status: str, address: str) -> bytes:
    """Return the OpenAPI document in a language, for a mode of HTTP statuses and a server's address."""
    schema, components = _schemas(lang)
    always_200 = http_status == ALWAYS_200
    statuses = {200, 503} if always_200 else {200, *(error.http_status for error in BY_CODE.values())}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": _text("title", lang),
                "version": __version__,
                "description": _text("about", lang),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": address}],
            "paths": {V4_PATH: {"get": _operation(lang, sorted(statuses), schema, always_200=always_200)}},
            "components": {"schemas": components},
        }
    )


def _operation(lang: Lang, statuses: list[int], schema: Mapping[str, Any], *, always_200: bool) -> dict[str, object]:
    return {
        "operationId": "getApiXiaohongshuGetUserNoteListV4",
        "summary": _text("summary", lang),
        "description": f"{_text('about', lang)}\n\n{_codes(lang, always_200=always_200)}",
        "tags": ["Xiaohongshu (RedNote)"],
        "parameters": [
            _parameter("token", lang, {"type": "string", "minLength": 1}, required=True),
            _parameter("userId", lang, {"type": "string", "pattern": _USER_ID}, required=True, example=_SAMPLE),
            _parameter("lastCursor", lang, {"type": "string", "pattern": _CURSOR}, required=False),
            *(_header_parameter(name, lang) for name in ("Idempotency-Key", "Cache-Control")),
        ],
        "responses": {str(status): _response(lang, status, schema) for status in statuses},
    }


def _parameter(
    name: str, lang: Lang, schema: Mapping[str, object], *, required: bool, example: str | None = None
) -> dict[str, object]:
    said = {"name": name, "in": "query", "required": required, "description": _text(name, lang), "schema": schema}
    return said if example is None else {**said, "example": example}


def _header_parameter(name: str, lang: Lang) -> dict[str, object]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": _text(name, lang),
        "schema": _HEADERS_IN[name],
    }


def _response(lang: Lang, status: int, schema: Mapping[str, Any]) -> dict[str, object]:
    codes = [str(code) for code, error in BY_CODE.items() if error.http_status == status]
    about = _text("answer", lang) + (f" ({', '.join(codes)})" if codes and status != 200 else "")
    headers = {
        name: {"schema": {"type": _HEADERS_OUT[name]}, "description": _text(name, lang)}
        for name in ("X-Request-Id", *_success_headers(status), *_limit_headers(status))
    }
    return {"description": about, "headers": headers, "content": {"application/json": {"schema": schema}}}


def _success_headers(status: int) -> tuple[str, ...]:
    if status != 200:
        return ()
    return (
        "X-Hongshu-Cost",
        "X-Hongshu-Balance",
        "X-Hongshu-Source",
        "X-Hongshu-Cache",
        "Age",
        "Idempotency-Replayed",
    )


def _limit_headers(status: int) -> tuple[str, ...]:
    wait = ("Retry-After",) if status in {200, 429, 503} else ()
    return ("RateLimit-Policy", "RateLimit", *wait) if status in {200, 403, 429, 503} else ()


def _codes(lang: Lang, *, always_200: bool) -> str:
    head = "| code | HTTP | retry |\n|---|---|---|" if lang == "en" else "| 业务码 | HTTP | 可重试 |\n|---|---|---|"
    rows = [
        f"| {code} {str(error()).split('.')[0]} | {200 if always_200 else error.http_status} |"
        f" {'✓' if error.retryable else '–'} |"
        for code, error in sorted(BY_CODE.items())
    ]
    return "\n".join([head, "| 0 Success | 200 | – |", *rows])


def _schemas(lang: Lang) -> tuple[dict[str, Any], dict[str, Any]]:
    (schema,), components = msgspec.json.schema_components(
        [Result], schema_hook=lambda _: _ANY, ref_template="#/components/schemas/{name}"
    )
    return schema, _in_language(components, lang)


def _in_language(given: Any, lang: Lang) -> Any:
    """Return a schema whose descriptions are in one language."""
    if isinstance(given, list):
        return [_in_language(one, lang) for one in given]
    if not isinstance(given, dict):
        return given
    rest = {name: _in_language(value, lang) for name, value in given.items() if name != "x-zh"}
    if lang == "zh" and "x-zh" in given:
        rest["description"] = given["x-zh"]
    return rest


def _text(name: str, lang: Lang) -> str:
    return _TEXTS[name][0 if lang == "en" else 1]
