"""A revoked token is refused everywhere within a second, and a rotated secret works for its grace, not longer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Final

import pytest

from callers import Callers, Pair, while_it_may_help
from process_tree import workers_of

WITHIN_SECONDS = 1.0
GRACE_SECONDS = 3
LINES = 24
CREATORS = 4
WAYS: Final[Mapping[str, tuple[int, Mapping[str, Any]]]] = {
    "pages at hand": (0, {}),
    "repeated keys": (0, {"key": "again", "keys": CREATORS}),
    "wrong parameters": (400, {"user": "nobody!"}),
}
"""How a call ends that a good token makes in each way. The last two end without a look at the rows as they stand."""


async def opened(pair: Pair, name: str) -> dict[str, Any]:
    """A token of a new account; the pages that it will be used for are at hand."""
    known = Callers(pair.addresses, [pair.operator.opens(name)], in_flight=1, fresh=False, creators=CREATORS)
    await known.make(CREATORS, while_it_may_help)
    return pair.operator.token(name)


def at_hand(pair: Pair, secret: str, *, in_flight: int = LINES, **way: Any) -> Callers:
    """Callers on kept connections to every process, who take pages that are at hand."""
    return Callers(pair.addresses, [secret], in_flight=in_flight, fresh=False, creators=CREATORS, **way)


async def told_to_stop(callers: Callers, calling: asyncio.Task[None]) -> None:
    """Let the callers finish the calls that they have begun."""
    callers.closing = True
    await calling


async def revoked(pair: Pair, token_id: str, way: str) -> float:
    """Revoke a token, and say when that was done."""
    if way == "command":
        done = await asyncio.to_thread(pair.server.cli, "token", "revoke", token_id)
        assert done.returncode == 0, done.stderr
    else:
        await asyncio.to_thread(pair.operator.asked, f"tokens/{token_id}/revoke", method="POST")
    return time.monotonic()


@pytest.mark.parametrize("way", ["command", "route"])
async def test_a_revoked_token_is_refused_in_every_process_within_a_second(pair: Pair, way: str) -> None:
    """On kept connections to two processes: answers before, and from a second after nothing but 100, to any call."""
    assert len(workers_of(pair.server)) == 2
    token = await opened(pair, f"revoked by {way}")
    every = [(at_hand(pair, token["token"], in_flight=LINES // 3, **more), code) for code, more in WAYS.values()]
    calling = [asyncio.create_task(callers.make(10**7)) for callers, _ in every]
    await asyncio.sleep(0.5)
    before = [{one.code for one in callers.attempts} for callers, _ in every]
    done = await revoked(pair, token["id"], way)
    await asyncio.sleep(WITHIN_SECONDS + 1)
    for (callers, _), task in zip(every, calling, strict=True):
        await told_to_stop(callers, task)
    for (callers, code), seen in zip(every, before, strict=True):
        after = [one for one in callers.attempts if one.began > done + WITHIN_SECONDS]
        assert seen == {code}
        assert {one.code for one in callers.attempts} == {code, 100}
        assert {one.code for one in after} == {100}
        assert len(after) > LINES
    pair.operator.assert_proven()


async def test_a_rotated_secret_works_for_its_grace_and_not_longer(pair: Pair) -> None:
    """In every process the old secret is good until its grace ends, and 100 after; the new one is good at once."""
    token = await opened(pair, "rotated")
    old = at_hand(pair, token["token"])
    calling = asyncio.create_task(old.make(10**7))
    began = time.monotonic()
    command = ("token", "rotate", token["id"], "--grace", str(GRACE_SECONDS), "--json")
    rotated = await asyncio.to_thread(pair.server.cli, *command)
    returned = time.monotonic()
    new = at_hand(pair, json.loads(rotated.stdout)["token"])
    await new.make(3 * LINES)
    await asyncio.sleep(GRACE_SECONDS + 1.5 - (time.monotonic() - returned))
    await new.make(3 * LINES)
    await told_to_stop(old, calling)
    within = {one.code for one in old.attempts if one.ended < began + GRACE_SECONDS}
    after = {one.code for one in old.attempts if one.began > returned + GRACE_SECONDS}
    assert (within, after) == ({0}, {100})
    assert {one.code for one in new.attempts} == {0}


async def test_a_second_rotation_ends_the_grace_of_the_secret_before(pair: Pair) -> None:
    """Only the present secret and the one before it can be good, however long the first one's grace."""
    token = await opened(pair, "rotated twice")
    rotate = f"tokens/{token['id']}/rotate"
    second = json.loads(await asyncio.to_thread(pair.operator.asked, rotate, grace=600))["token"]
    third = json.loads(await asyncio.to_thread(pair.operator.asked, rotate, grace=600))["token"]
    for secret, code in ((token["token"], 100), (second, 0), (third, 0)):
        callers = at_hand(pair, secret)
        await callers.make(LINES)
        assert {one.code for one in callers.attempts} == {code}
