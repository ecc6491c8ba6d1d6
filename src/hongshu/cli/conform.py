"""`hongshu conform`."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import msgspec

from hongshu.cli.printing import AsJson, print_json
from hongshu.cli.typed import token_typed
from hongshu.conformance.base import Subject
from hongshu.conformance.driving import Conformance, Driver, Result
from hongshu.errors import UsageError
from hongshu.formats.addresses import UnfitAddressError, WebAddress, read_address
from hongshu.formats.links import creator_id
from hongshu.secret import Secret

_MARKS: Final = {"passed": "✓", "deviates": "✗", "not offered": "–", "not checked": "?"}


def conform(  # noqa: PLR0913 - each is an option
    base_url: str,
    *,
    token: str,
    creator: str,
    token_without_scope: str | None = None,
    token_without_balance: str | None = None,
    token_at_its_rate: str | None = None,
    token_at_its_quota: str | None = None,
    max_pages: int = 20,
    slowest: float = 60.0,
    timeout: float = 65.0,
    json: AsJson = False,
) -> int:
    """Drive any V4 server through the contract, say where it deviates and what that cost; 1 where it does.

    A token may be a path to a file that holds it: @FILE.

    Parameters
    ----------
    base_url
        Address of the server, up to where /api/xiaohongshu/… begins.
    token
        A valid token; its account pays for some twenty calls and for each page of the creator.
    creator
        Id of a creator with notes, best with several pages and pinned notes.
    token_without_scope
        A valid token that may not use this endpoint: 600 is checked.
    token_without_balance
        A valid token of an account without credits: 601 is checked.
    token_at_its_rate
        A valid token that may call once a minute: 302 is checked.
    token_at_its_quota
        A valid token whose quota of today is used up: 303 is checked.
    max_pages
        How many pages of the creator to ask for at most.
    slowest
        Seconds that an answer may take; the contract says 60.
    timeout
        Seconds after which an answer is no longer waited for.
    """
    if max_pages < 1 or slowest <= 0 or timeout <= 0:
        raise UsageError("--max-pages, --slowest and --timeout must be more than 0")
    subject = Subject(
        creator=creator_id(creator),
        token=token_typed(token),
        most_pages=max_pages,
        slowest_seconds=slowest,
        token_without_scope=_typed(token_without_scope),
        token_without_balance=_typed(token_without_balance),
        token_at_its_rate=_typed(token_at_its_rate),
        token_at_its_quota=_typed(token_at_its_quota),
    )
    driver = Driver(_address(base_url), subject, timeout_seconds=timeout)
    found = asyncio.run(driver.run() if json else driver.run(_tell))
    if json:
        print_json({"server": base_url, **msgspec.to_builtins(found)})
    else:
        _sum_up(found)
    return 0 if found.conforms else 1


def _tell(result: Result) -> None:
    print(f"{_MARKS[result.state]} {result.name}: {result.contract}")
    for words in result.deviations:
        print(f"    ✗ {words}")
    for words in result.remarks:
        print(f"    · {words}")


def _sum_up(found: Conformance) -> None:
    states = [one.state for one in found.checks]
    cost = f"{found.credits} credits" if found.credits is not None else f"{found.paid_calls} paid calls"
    print(
        f"{states.count('passed')} passed, {states.count('deviates')} deviate,"
        f" {states.count('not offered')} not offered, {states.count('not checked')} not checked;"
        f" {found.calls} calls, {cost}, the slowest answer {found.slowest_seconds:.2f} s",
        file=sys.stderr,
    )


def _address(base_url: str) -> WebAddress:
    try:
        address = read_address(base_url)
    except UnfitAddressError as error:
        raise UsageError(
            f"the address cannot be asked: {error}; write https://host or http://127.0.0.1:8787"
        ) from error
    if "?" in address.target:
        raise UsageError("the address holds a query; write it up to where /api/xiaohongshu/… begins")
    return address


def _typed(token: str | None) -> Secret | None:
    return None if token is None else token_typed(token)
