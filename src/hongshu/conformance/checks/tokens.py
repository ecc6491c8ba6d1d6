"""Tokens, and the fixed order of refusal: 100, 600, 400, 302, 303, 601."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from hongshu.conformance.base import Check, Findings, Headers, Probe, Steps, Visit, number_in, quoted
from hongshu.conformance.checks.parameters import expect
from hongshu.conformance.reading import page_of
from hongshu.secret import Secret

_MADE_UP: Final = "hs_0123456789abcdefghijABCDEFGHIJ000000"
_LONGEST_WAIT_SECONDS: Final = 90_000
"""A day of 25 hours."""
_WRONG_USER: Final = "userId=x"


def bad_tokens(visit: Visit, findings: Findings) -> Steps:
    user = visit.user
    bad: dict[str, tuple[str, Headers]] = {
        "no token": (user, ()),
        "an empty token": (f"token=&{user}", ()),
        "a made-up token": (f"token={_MADE_UP}&{user}", ()),
        "a word": (f"token=nonsense&{user}", ()),
        "Chinese": (f"token=%E4%BB%A4%E7%89%8C&{user}", ()),
        "1,000 signs": (f"token={'x' * 1000}&{user}", ()),
        "a made-up token in the header": (user, (("Authorization", f"Bearer {_MADE_UP}"),)),
        "another scheme": (user, (("Authorization", "Basic eDp5"),)),
    }
    said: dict[str, str] = {}
    for what, (query, headers) in bad.items():
        seen = yield visit.bare(query, headers)
        if expect(100, seen, what, findings):
            said.setdefault(str(seen.envelope.get("message")), what)
    if len(said) > 1:
        one, other, *_ = said.values()
        findings.deviates(f"{one} and {other} are told apart by their messages: a caller may learn what is wrong")


def token_twice(visit: Visit, findings: Findings) -> Steps:
    token, user = visit.subject.token.reveal(), visit.user
    bearer = (("Authorization", f"Bearer {token}"),)
    expect(400, (yield visit.refusable(f"token=x&{user}")), "a token twice in the query", findings)
    expect(400, (yield visit.refusable(user, bearer)), "the token in query and header", findings)
    expect(400, (yield visit.refusable(f"%74oken=x&{user}")), "a token twice, one name encoded", findings)


def bearer(visit: Visit, findings: Findings) -> Steps:
    probe = visit.bare(visit.user, (("Authorization", f"Bearer {visit.subject.token.reveal()}"),))
    seen = yield Probe(target=probe.target, headers=probe.headers, good=True)
    if seen.code == 100:
        findings.deviates("the token is not accepted as `Authorization: Bearer …`")
        return
    page_of(seen, None, findings)


def order(visit: Visit, findings: Findings) -> Steps:
    first = {"a wrong user": _WRONG_USER, "userId twice": f"{visit.user}&{visit.user}", "no user": ""}
    for what, query in first.items():
        for whose, token in (("no token", ""), ("a made-up token", f"token={_MADE_UP}&")):
            seen = yield visit.bare(token + query)
            expect(100, seen, f"{whose} and {what} (100 comes before 400)", findings)


class Leave(NamedTuple):
    """A token that may not call, by its name in a `Subject`, and with which code it is refused."""

    token: str
    what: str
    code: int
    wants: str
    says_when: bool = False


def refused(leave: Leave) -> Callable[[Visit, Findings], Steps]:
    """Return a check of a token that may not call: its code, in its place in the order of refusal."""

    def run(visit: Visit, findings: Findings) -> Steps:
        given: Secret | None = getattr(visit.subject, leave.token)
        if given is None:
            findings.not_checked(f"pass --{leave.token.replace('_', '-')}: {leave.wants}")
            return
        token = given.reveal()
        if leave.code == 302:
            first = yield visit.refusable(visit.user, token=token)
            if first.code not in (0, 302):
                findings.not_checked(f"its first call is no success ({first.told}): {leave.wants}")
                return
        seen = yield visit.refusable(visit.user, token=token)
        if expect(leave.code, seen, leave.what, findings) and leave.says_when:
            _wait(seen.header("retry-after"), leave.code, findings)
        before = leave.code if leave.code == 600 else 400
        order = "600 comes before 400" if leave.code == 600 else f"400 comes before {leave.code}"
        expect(before, (yield visit.refusable(_WRONG_USER, token=token)), f"and a wrong user ({order})", findings)

    return run


def _wait(stated: str | None, code: int, findings: Findings) -> None:
    if not 0 < (number_in(stated) or 0) <= _LONGEST_WAIT_SECONDS:
        findings.deviates(f"Retry-After of a {code} is {quoted(stated)}, not the seconds until a call may come again")


_SCOPE: Final = Leave(
    "token_without_scope", "a token without the scope", 600, "a valid token that may not use this endpoint"
)
_BALANCE: Final = Leave(
    "token_without_balance",
    "an account without credits",
    601,
    "a valid token of an account that has no credits",
)
_QUOTA: Final = Leave(
    "token_at_its_quota",
    "a quota that is used up",
    303,
    "a valid token whose quota of today is used up",
    says_when=True,
)
_RATE: Final = Leave(
    "token_at_its_rate",
    "a second call of a token that may call once a minute",
    302,
    "a valid token that may call once a minute",
    says_when=True,
)

CHECKS: Final = (
    Check("bad tokens", "Missing, unknown and malformed tokens get one and the same 100", bad_tokens, False),
    Check("token given twice", "A token that is repeated, or in query and header, is 400", token_twice, False),
    Check("token in the header", "Authorization: Bearer is accepted instead of the query", bearer, False),
    Check("order of refusal", "A caller without a valid token learns nothing else", order, False),
    Check(
        "scope",
        "A token without the scope gets 600, before 400",
        refused(_SCOPE),
        False,
    ),
    Check(
        "balance",
        "An account without credits gets 601, after 400",
        refused(_BALANCE),
        False,
    ),
    Check(
        "daily quota",
        "A quota that is used up gets 303 and says when to come again",
        refused(_QUOTA),
        False,
    ),
    Check(
        "rate",
        "A call above the rate gets 302 and says when to come again",
        refused(_RATE),
        False,
    ),
)
