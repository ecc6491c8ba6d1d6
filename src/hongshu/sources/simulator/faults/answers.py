"""Answers that are no page and say so: business codes and HTTP statuses.

They quote the caller's token, as careless servers do: it must not travel on from there.
"""

from __future__ import annotations

from typing import Final

from hongshu.sources.simulator.faults.calls import Answer, Call, Fault, as_json

_CODES: Final = {
    100: "the token is refused",
    201: "there is no such creator",
    300: "there is no such API",
    301: "the page could not be collected",
    302: "the rate limit is reached",
    303: "the daily quota is used up",
    400: "the parameters are refused",
    500: "the server failed",
    503: "the server is not available",
    600: "the token lacks the permission",
    601: "the balance is used up",
    999: "a code that nobody knows",
    -100: "the site wants a login",
    124: "the site wants a verification",
    300011: "the site has restricted the account",
    300013: "the site says: too frequent",
}
_STATUSES: Final = {
    400: "wrong parameters",
    401: "not signed in",
    402: "not paid",
    403: "forbidden",
    404: "not found",
    406: "a challenge",
    429: "too many requests",
    461: "a challenge",
    471: "a challenge",
    500: "an error",
    502: "a gateway without its server",
    503: "not available",
    504: "a gateway that waited in vain",
}
_LONG_AGO: Final = "Fri, 31 Dec 1999 23:59:59 GMT"
_JSON: Final = ("Content-Type", "application/json")


def _code(code: int, about: str) -> Fault:
    def make(call: Call) -> Answer:
        return as_json({"code": code, "message": f"{about} (token={call.token})", "recordTime": None, "data": None})

    return Fault(name=f"code-{code}", about=f"the business code {code}: {about}", make=make)


def _odd_code(name: str, given: object, about: str) -> Fault:
    def make(call: Call) -> Answer:
        return as_json({**call.envelope(), "code": given})

    return Fault(name=name, about=about, make=make)


def _status(status: int, about: str) -> Fault:
    def make(call: Call) -> Answer:
        page = f"<html><title>{status}</title><p>{about}: {call.token}</p></html>".encode()
        return Answer(body=page, status=status, headers=(("Content-Type", "text/html"),))

    return Fault(name=f"http-{status}", about=f"HTTP {status}: {about}", make=make)


def _told(name: str, about: str, status: int, *headers: tuple[str, str]) -> Fault:
    def make(call: Call) -> Answer:
        return Answer(body=b'{"detail":"%b"}' % call.token.encode(), status=status, headers=(_JSON, *headers))

    return Fault(name=name, about=about, make=make)


def _retry_after(name: str, about: str, code: int) -> Fault:
    def make(call: Call) -> Answer:
        told = as_json({"code": code, "message": call.token, "data": None})
        seconds = 1 if call.seconds is None else round(call.seconds)
        return Answer(body=told.body, headers=(_JSON, ("Retry-After", str(seconds))))

    return Fault(name=name, about=about, make=make)


def _without_code(call: Call) -> Answer:
    return as_json({name: value for name, value in call.envelope().items() if name != "code"})


def _page_with_error(call: Call) -> Answer:
    return Answer(body=call.body, status=500)


def _nothing(_: Call) -> Answer:
    return Answer(body=b"", status=204, headers=())


ANSWERS: Final = (
    *(_code(code, about) for code, about in _CODES.items()),
    _retry_after("code-302-wait", "the code 302 with a Retry-After of `seconds`, else 1", 302),
    _retry_after("code-301-wait", "the code 301 with a Retry-After of `seconds`, else 1", 301),
    _odd_code("code-text", "0", 'the page, with "0" as its code'),
    _odd_code("code-true", True, "the page, with true as its code"),
    _odd_code("code-null", None, "the page, with null as its code"),
    _odd_code("code-fraction", 0.5, "the page, with 0.5 as its code"),
    Fault(name="code-missing", about="the page, without a code", make=_without_code),
    *(_status(status, about) for status, about in _STATUSES.items()),
    Fault(name="http-204", about="HTTP 204, nothing", make=_nothing),
    Fault(name="http-500-with-page", about="the page, with HTTP 500", make=_page_with_error),
    _told("http-429-wait", "HTTP 429 with Retry-After: 1", 429, ("Retry-After", "1")),
    _told(
        "http-503-date",
        "HTTP 503 with a Retry-After in the past",
        503,
        ("Retry-After", _LONG_AGO),
    ),
    _told("http-503-odd", "HTTP 503 with a Retry-After that is no time", 503, ("Retry-After", "9" * 400)),
    _told("redirect", "a redirect to another host", 302, ("Location", "http://elsewhere.simulated.invalid/")),
    _told("redirect-to-file", "a redirect to a file of the caller's", 301, ("Location", "file:///etc/hostname")),
    _told("redirect-here", "a redirect to the same address, without an end", 307, ("Location", "?")),
)
