"""Parameters: what names a creator and a place, and what is refused with 400."""

from __future__ import annotations

from typing import Final

from hongshu.conformance.base import Check, Findings, Probe, Seen, Steps, Visit, begins_alike
from hongshu.conformance.reading import page_of

LONGEST_LINE: Final = 2_000
"""What is longer may be too long for a server's or proxy's line, which is its bare 414."""
_SITE: Final = "https%3A%2F%2Fwww.xiaohongshu.com%2Fuser%2Fprofile%2F"


def profile_link(visit: Visit, findings: Findings) -> Steps:
    link = f"userId={_SITE}{visit.subject.creator}%3Fxsec_token%3Dx%26tab%3Dnote"
    probe = visit.refusable(link)
    page = page_of((yield Probe(target=probe.target, good=True)), None, findings)
    if page is not None and not begins_alike(visit.first, page):
        findings.deviates("a link to the profile does not bring the creator's first page")


def users(visit: Visit, findings: Findings) -> Steps:
    creator = visit.subject.creator
    wrong = {
        "no userId": "",
        "an empty userId": "userId=",
        "23 digits": f"userId={creator[1:]}",
        "25 digits": f"userId={creator}0",
        "upper case": f"userId={'ABCDEF' + creator[6:].upper()}",
        "spaces around it": f"userId=%20{creator}%20",
        "a short link": "userId=http%3A%2F%2Fxhslink.com%2Fa%2Fbc",
        "a RED id": "userId=123456789",
        "Chinese": "userId=%E5%B0%8F%E7%BA%A2%E4%B9%A6",
        "bytes that are no text": "userId=%FF%FE",
        "a NUL inside": f"userId={creator[:12]}%00{creator[12:]}",
        "a line break": f"userId={creator}%0D%0AX-Injected%3A+1",
        "4,000 signs": f"userId={'a' * 4000}",
    }
    for what, query in wrong.items():
        seen = yield visit.refusable(query)
        if not (seen.status == 414 and len(query) > LONGEST_LINE):
            expect(400, seen, f"userId: {what}", findings)


def places(visit: Visit, findings: Findings) -> Steps:
    cursor = visit.subject.creator
    wrong = {
        "one sign": "x",
        "23 digits": cursor[1:],
        "upper case": "ABCDEF" + cursor[6:].upper(),
        "a space": "%20",
        "-1": "-1",
    }
    for what, given in wrong.items():
        expect(400, (yield visit.refusable(f"{visit.user}&lastCursor={given}")), f"lastCursor: {what}", findings)


def repeated(visit: Visit, findings: Findings) -> Steps:
    twice = {
        "userId twice": f"{visit.user}&{visit.user}",
        "userId twice, one name encoded": f"{visit.user}&%75serId={visit.subject.creator}",
        "lastCursor twice": f"{visit.user}&lastCursor=0&lastCursor=0",
        "lastCursor twice, one empty": f"{visit.user}&lastCursor=&lastCursor=0",
    }
    for what, query in twice.items():
        expect(400, (yield visit.refusable(query)), what, findings)


def unknown(visit: Visit, findings: Findings) -> Steps:
    extra = (("size", "5"), ("USERID", "x"), ("x", "1"), ("x", "2"))
    page = page_of((yield visit.ask(*extra)), None, findings)
    if page is not None and not begins_alike(visit.first, page):
        findings.deviates("parameters that nobody knows change the answer")


def expect(code: int, seen: Seen, what: str, findings: Findings) -> bool:
    """Say where an answer is not the refusal that was expected, or lacks what a refusal says; True where it is it."""
    if seen.code != code:
        findings.deviates(f"{what}: {seen.told} came, and {code} was due")
        return False
    given = seen.envelope
    if given.get("data") is not None or given.get("recordTime") is not None:
        findings.deviates(f"{what}: a refusal holds data or a recordTime; both are null")
    if not isinstance(given.get("message"), str) or not given["message"]:
        findings.deviates(f"{what}: the refusal has no message that says what to do next")
    return True


CHECKS: Final = (
    Check("profile link", "userId may be a link to the profile, whatever trails it", profile_link),
    Check("wrong users", "Whatever is no id of 24 lower-case hex digits and no profile link is 400", users, False),
    Check("wrong cursors", "A lastCursor that is not 24 hex digits, empty or 0 is 400", places, False),
    Check("repeated parameters", "A known parameter whose decoded name repeats is 400", repeated, False),
    Check("unknown parameters", "Parameters that are not known are ignored", unknown),
)
