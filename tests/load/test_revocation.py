"""A revoked token is refused everywhere within a second, and a rotated secret works for its grace, not longer."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Protocol

import pytest

from callers import Callers, Operator, while_it_may_help, workers_of
from running import Running


class Pair(Protocol):
    """Two processes on one store, as the fixture has them."""

    server: Running
    operator: Operator
    addresses: list[str]


WITHIN_SECONDS = 1.0
GRACE_SECONDS = 3
LINES = 24
CREATORS = 4


async def opened(pair: Pair, name: str) -> dict[str, Any]:
    """A token of a new account; the pages that it will be used for are at hand."""
    known = Callers(pair.addresses, [pair.operator.opens(name)], in_flight=1, fresh=False, creators=CREATORS)
    await known.make(CREATORS, while_it_may_help)
    return pair.operator.token(name)


def at_hand(pair: Pair, secret: str) -> Callers:
    """Callers on kept connections to every process, who take pages that are at hand."""
    return Callers(pair.addresses, [secret], in_flight=LINES, fresh=False, creators=CREATORS)


async def told_to_stop(callers: Callers, calling: asyncio.Task[None]) -> None:
    """Let the callers finish the calls that they have begun."""
    callers.closing = True
    await calling


@pytest.mark.parametrize("way", ["command", "route"])
async def test_a_revoked_token_is_refused_in_every_process_within_a_second(pair: Pair, way: str) -> None:
    """On kept connections to two processes: answers before, and from a second after nothing but 100."""
    assert len(workers_of(pair.server)) == 2
    token = await opened(pair, f"revoked by {way}")
    callers = at_hand(pair, token["token"])
    calling = asyncio.create_task(callers.make(10**7))
    await asyncio.sleep(0.5)
    before = [one.code for one in callers.attempts]
    if way == "command":
        done = await asyncio.to_thread(pair.server.cli, "token", "revoke", token["id"])
        assert done.returncode == 0, done.stderr
    else:
        await asyncio.to_thread(pair.operator.asked, f"tokens/{token['id']}/revoke", method="POST")
    revoked = time.monotonic()
    await asyncio.sleep(WITHIN_SECONDS + 1)
    await told_to_stop(callers, calling)
    after = [one for one in callers.attempts if one.began > revoked + WITHIN_SECONDS]
    assert set(before) == {0}
    assert {one.code for one in callers.attempts} == {0, 100}
    assert {one.code for one in after} == {100}
    assert len(after) > 10 * LINES
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
