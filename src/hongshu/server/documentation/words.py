"""The sentences of the documentation: English stands where it is used, Chinese beside it here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.server.console import words

RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "The answer": (
        (
            "The answer is always JSON with five members: code, message, recordTime, requestId and data. The result of"
            " a call is code; 0 is success. On a refusal data is null and message says what to do next."
        ),
        "recordTime is when the data was collected, in UTC, not when it was asked for.",
        (
            "A counter that the source did not give is absent or null, never 0 by default. Ignore members that you do"
            " not know; more may come. Whole numbers may be larger than 2^53."
        ),
    ),
    "How to page": (
        (
            "Leave lastCursor out for the first page. While data.has_more is true, call again with lastCursor set to"
            " the cursor of the last note in data.notes."
        ),
        "The first page holds the pinned notes first, then the newest ones; later pages hold no pinned notes.",
        (
            "The caller cannot choose the size of a page. A page that was collected just now is the source's; one from"
            " the store holds up to {page_size} notes that are not pinned."
        ),
    ),
    "Limits": (
        (
            "A new token may make {rate_per_minute} calls a minute, {burst} at once, and {daily_quota} a day that"
            " succeed; an operator may set others for a token. RateLimit-Policy and RateLimit say what holds and what"
            " is left."
        ),
        (
            "On 302 and 303 wait for as many seconds as Retry-After says. Retry 301 and 500 a few times, with growing"
            " pauses. Never retry 100, 400 and 600 unchanged."
        ),
        "Wait at least 60 seconds for an answer; this server gives one within {deadline} seconds.",
    ),
    "Repeating a call safely": (
        (
            "Send a new Idempotency-Key with each new call and the same key with its retries: for 24 hours the same key"
            " of the same account gets the same bytes and is never charged again."
        ),
        "The same key with other parameters is 400. Only successes are remembered.",
    ),
    "What a call costs": (
        (
            "A page that is collected costs {price} credits, a page from the store {cached_price}. Refusals, failures"
            " and replays cost nothing. X-Hongshu-Cost says what a call cost."
        ),
        (
            "A page is served from the store while it is at most {max_age} seconds old. Cache-Control changes that for"
            " one call: no-cache collects afresh, max-age=N accepts N seconds, only-if-cached never collects."
        ),
        "GET {address}/api/account/usage tells a token's holder its balance, its limits and today's use; it is free.",
    ),
}
"""What holds beside parameters and codes, by heading; the prompt for AI assistants says the same."""

ALWAYS_200: Final = "This server answers every business code with HTTP status 200: look at code in the body."
MAPPED: Final = "This server maps business codes to HTTP statuses as below; code in the body says the same."

CHINESE: Final[Mapping[str, str]] = {
    "The answer": "响应",
    RULES["The answer"][0]: (
        "响应始终是 JSON，含五个字段：code、message、recordTime、requestId 与 data。调用结果以 code 为准，0 表示成功；"
        "失败时 data 为 null，message 说明下一步该怎么做。"
    ),
    RULES["The answer"][1]: "recordTime 是数据的采集时间（UTC），而不是请求的时间。",
    RULES["The answer"][2]: (
        "来源未给出的计数缺省或为 null，绝不默认为 0。请忽略不认识的字段，今后可能增加；整数可能大于 2^53。"
    ),
    "How to page": "如何翻页",
    RULES["How to page"][0]: (
        "首页不传 lastCursor。只要 data.has_more 为 true，就把 lastCursor 设为 data.notes 中最后一条笔记的 cursor，"
        "再次调用。"
    ),
    RULES["How to page"][1]: "第一页先是置顶笔记，然后由新到旧；之后各页不含置顶笔记。",
    RULES["How to page"][2]: (
        "调用方不能选择每页大小。刚采集的页面与来源一致；由存储返回的页面最多含 {page_size} 条非置顶笔记。"
    ),
    "Limits": "限额",
    RULES["Limits"][0]: (
        "新令牌每分钟可调用 {rate_per_minute} 次，一次性突发 {burst} 次，每天成功 {daily_quota} 次；"
        "管理员可为令牌另行设定。"
        "RateLimit-Policy 与 RateLimit 说明限额与剩余。"
    ),
    RULES["Limits"][1]: (
        "遇到 302 与 303，请等待 Retry-After 所示的秒数。301 与 500 可重试数次，间隔逐次加长。"
        "100、400 与 600 切勿原样重试。"
    ),
    RULES["Limits"][2]: "请至少等待 60 秒；本服务器会在 {deadline} 秒内应答。",
    "Repeating a call safely": "安全地重试",
    RULES["Repeating a call safely"][0]: (
        "每次新调用使用新的 Idempotency-Key，重试时使用同一个键：24 小时内，同一账户的同一个键返回逐字节相同的内容，"
        "且不重复计费。"
    ),
    RULES["Repeating a call safely"][1]: "同一个键配不同参数为 400；只记住成功的调用。",
    "What a call costs": "费用",
    RULES["What a call costs"][0]: (
        "采集一页 {price} 积分，由存储返回一页 {cached_price} 积分。拒绝、失败与重放不收费。"
        "X-Hongshu-Cost 说明本次费用。"
    ),
    RULES["What a call costs"][1]: (
        "数据不超过 {max_age} 秒时由存储返回。可用 Cache-Control 为单次调用改变：no-cache 重新采集，"
        "max-age=N 接受 N 秒以内，only-if-cached 从不采集。"
    ),
    RULES["What a call costs"][2]: "GET {address}/api/account/usage 返回令牌的余额、限额与今日用量，免费。",
    ALWAYS_200: "本服务器对所有业务码均返回 HTTP 200：请以响应体中的 code 为准。",
    MAPPED: "本服务器按下表把业务码映射为 HTTP 状态；响应体中的 code 含义相同。",
    "Success.": "成功。",
    "Invalid or Inactive Token.": "令牌无效或已失效。",
    "Pass a valid token as ?token=… or as 'Authorization: Bearer …'.": (
        "请以 ?token=… 或 “Authorization: Bearer …” 传入有效令牌。"
    ),
    "Collection Failed.": "采集失败。",
    "Please Retry.": "请重试。",
    "Rate Limit Exceeded.": "超出速率限制。",
    "Wait for the time that Retry-After states.": "请等待 Retry-After 所示的时间。",
    "Daily Quota Exceeded.": "超出每日配额。",
    "The next quota day starts after the time that Retry-After states.": "Retry-After 所示的时间过后进入下一个配额日。",
    "Invalid Parameters.": "参数错误。",
    "See the endpoint's parameters in the documentation.": "请查看文档中的参数说明。",
    "Internal Server Error.": "内部服务器错误。",
    "Please try again; if it stays, tell the operator the requestId.": (
        "请重试；若仍然如此，请把 requestId 告知管理员。"
    ),
    "Permission Denied.": "权限不足。",
    "Ask the operator for a token with the scope of this endpoint.": "请向管理员索取有权使用本接口的令牌。",
    "Insufficient Balance.": "余额不足。",
    "Ask the operator for a top-up, then call again.": "请联系管理员充值后再调用。",
    "yes, after the time in Retry-After": "是，等待 Retry-After 所示时间后",
    "yes, after the quota day ends": "是，次日起",
    "yes, after a top-up": "是，充值后",
    "API documentation": "API 文档",
    "On this page": "本页内容",
    "Console": "控制台",
    "Endpoint": "接口地址",
    "Parameters": "参数",
    "Name": "名称",
    "Required": "必填",
    "Meaning": "含义",
    "Form": "格式",
    "Example": "示例",
    "Headers of a call": "请求头",
    "Headers of an answer": "响应头",
    "The token may come as the header Authorization: Bearer instead of the parameter; that keeps it out of logs.": (
        "令牌也可不用参数，而用请求头 Authorization: Bearer 传入，这样不会出现在日志中。"
    ),
    "Business codes": "业务码",
    "Code": "业务码",
    "What to do": "该怎么做",
    "HTTP status": "HTTP 状态",
    "Charged": "计费",
    "May a retry help": "重试是否有用",
    "Refusals come in the order 100, 600, 400, 302, 303, 601; then 301 or 500. Overload and shutdown are always 503.": (
        "拒绝的次序固定：100、600、400、302、303、601，然后是 301 或 500。过载与关闭始终为 503。"
    ),
    "Fields of the answer": "响应字段",
    "Field": "字段",
    "Type": "类型",
    "always": "必有",
    "Fields not marked “always” may be absent or null where the source did not give them.": (
        "未标“必有”的字段，在来源未给出时可能缺省或为 null。"
    ),
    "A sample answer": "响应示例",
    "The notes of this sample are made up.": "示例中的笔记是虚构的。",
    "Samples of calls": "调用示例",
    "Whole programs; put your token in and run them.": "完整程序，填入令牌即可运行。",
    "Prompt for AI assistants": "给 AI 助手的提示词",
    "Paste this into an assistant that is to write a client.": "粘贴给要编写客户端的 AI 助手。",
    "Try it": "在线试用",
    "A call made here is a real one and is charged like any other. The token stays on this page: it is not stored.": (
        "在此发出的是真实调用，照常计费。令牌只留在本页，不会被保存。"
    ),
    "Trying it needs JavaScript; the samples above work without.": "在线试用需要 JavaScript；上面的示例则不需要。",
    "Token": "令牌",
    "Call": "调用",
    "Waiting for the answer…": "等待响应…",
    "Next page": "下一页",
    "The same with curl": "等效的 curl 命令",
    "Status": "状态",
    "Time": "耗时",
    "Body of the answer": "响应体",
    "The server could not be reached.": "无法连接服务器。",
    "Machine-readable documents": "机器可读文档",
    "OpenAPI 3.1, English": "OpenAPI 3.1（英文）",
    "OpenAPI 3.1, Chinese": "OpenAPI 3.1（中文）",
    "You are to write a client of this HTTP API. Keep to what follows.": (
        "请为以下 HTTP API 编写客户端，并严格遵守下列说明。"
    ),
    "required": "必填",
    "optional": "可选",
    "Read the token from the environment variable HONGSHU_TOKEN; never print it or write it down.": (
        "令牌从环境变量 HONGSHU_TOKEN 读取；不要打印，也不要写入任何文件。"
    ),
    "The whole contract as OpenAPI 3.1:": "完整约定（OpenAPI 3.1）：",
    "HTTP": "HTTP",
    "retry": "重试",
}


def say(lang: str, text: str, values: Mapping[str, object]) -> str:
    """Return a sentence in a language; what this documentation does not know, the console may."""
    if lang == "zh" and text in CHINESE:
        told = CHINESE[text]
        return told.format(**values) if values else told
    return words.say(lang, text, values)
