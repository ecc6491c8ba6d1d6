"""P3 of PROMISES: a channel's address reaches no inner place, whatever sends and wherever that leads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest

from delivering.receivers import Receiver, answer
from hongshu.egress import GuardedEgress
from hongshu.egress.walls import RefusedPlaceError, walled
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.sending import Sender
from hongshu.errors import ChannelError, SourceError, UsageError
from hongshu.formats.addresses import networks
from hongshu.formats.webhooks import shown_secret
from hongshu.models import Kind, News
from hongshu.secret import Secret
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery
from inner_addresses import INNER

TOKEN = "a" * 26
SECRET = shown_secret(b"s" * 24)
FORMS = {
    "webhook": f"http://{{0}}:{{1}}/hook\n{SECRET}",
    "gotify": "gotify://{0}:{1}/tokentoken",
    "ntfy": "ntfy://{0}:{1}/topic",
    "mattermost": f"mmost://{{0}}:{{1}}/{TOKEN}",
    "rocket": "rocket://user:pass@{0}:{1}/#channel",
    "matrix": "matrix://user:pass@{0}:{1}/#room",
    "bark": "bark://{0}:{1}/key",
    "mail": "mailtos://user:pass@example.com?smtp={0}&port={1}",
}
"""Addresses whose host the user names."""
SLOW = {"matrix"}
"""They wait between tries of their own."""
DELIVERY = Delivery(
    id="dlv_1",
    channel="one",
    created_ms=1,
    due_ms=1,
    news=(News(id="evt_1", kind=Kind.NEW, creator="c", seen_ms=1, title="t"),),
)


def sender(*allowed: str) -> Sender:
    egress = GuardedEgress("hongshu/test", networks(allowed), cleartext=False)
    return Sender(egress, ReportFiles(Path("/nowhere")), 2.0, lambda: 0)


async def sent(address: str, *allowed: str) -> str:
    """What came of sending to an address once."""
    by = sender(*allowed)
    done = await by.send(Channel(name="one", address=Secret(address)), DELIVERY)
    await by.close()
    return "sent" if done.ok else done.status


@pytest.fixture
async def canary() -> AsyncIterator[Receiver]:
    """Listens on this machine, by IPv4 and IPv6, and is to meet nobody."""
    found = await Receiver(host="127.0.0.1").start()
    other = await asyncio.start_server(found._talk, "::1", found.port)
    yield found
    other.close()
    await found.close()


@pytest.mark.parametrize("form", FORMS)
async def test_no_service_is_a_way_in(canary: Receiver, form: str) -> None:
    """However the address is written: nothing is taken, no connection is opened."""
    for name, host in INNER.items() if form not in SLOW else list(INNER.items())[::9]:
        assert await sent(FORMS[form].format(host, canary.port)) != "sent", name
    assert canary.met == 0


@pytest.mark.parametrize("form", ["gotify", "ntfy", "mattermost", "bark"])
async def test_an_allowed_network_is_reached(form: str) -> None:
    """The operator's word: the same address goes through, and says why not without it."""
    receiver = await Receiver(behave=answer(200, body=b"{}")).start()
    address = FORMS[form].format("127.0.0.1", receiver.port)
    assert await sent(address, "127.0.0.1/32") == "sent"
    assert receiver.met == 1
    assert "does not lead to the open internet" in await sent(address, "127.0.0.2/32")
    assert receiver.met == 1
    await receiver.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_where_a_service_leads_is_looked_at_too(canary: Receiver, status: int) -> None:
    """A library that follows redirects finds the same walls behind them."""
    places = [f"http://localhost:{canary.port}/x", f"http://[::1]:{canary.port}/x", f"http://127.0.0.1:{canary.port}/x"]
    for place in places:
        leading = await Receiver(behave=answer(status, f"Location: {place}"), host="127.0.0.2").start()
        for form in ("gotify", "ntfy", "bark", "webhook"):
            assert await sent(FORMS[form].format("127.0.0.2", leading.port), "127.0.0.2/32") != "sent"
        assert leading.met == 4
        await leading.close()
    assert canary.met == 0


@pytest.mark.parametrize("name", ["loopback", "loopback, another", "its name", "private", "metadata", "multicast"])
async def test_it_is_told_when_the_channel_is_added(name: str) -> None:
    """For services as for webhooks, in words that lead to the setting and do not hold the address."""
    by = sender()
    for form in ("webhook", "gotify", "matrix"):
        with pytest.raises(UsageError) as refused:
            await by.check(FORMS[form].format(INNER[name], 8080))
        assert "allow_networks" in refused.value.message
        assert TOKEN not in refused.value.message
        assert "pass" not in refused.value.message
    await by.close()
    await sender("127.0.0.0/8").check(FORMS["gotify"].format("localhost", 8080))
    await sender().check("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general")


def dial(place: str, family: socket.AddressFamily = socket.AF_INET) -> None:
    """Open a connection as a library does that knows nothing of walls; a place where nobody listens is refused too."""
    with socket.socket(family) as line:
        line.settimeout(1)
        line.connect((place, 9))


def test_walls_stand_around_what_is_done_inside_and_around_nothing_else() -> None:
    """In this thread and in one that was given its context; outside all is as it was, before, after and beside."""
    with pytest.raises(ConnectionRefusedError):
        dial("127.0.0.1")
    with ThreadPoolExecutor(2) as pool, walled(()):
        with pytest.raises(RefusedPlaceError):
            pool.submit(copy_context().run, dial, "127.0.0.1").result()
        with pytest.raises(ConnectionRefusedError):
            pool.submit(dial, "127.0.0.1").result()
        with walled(networks(["127.0.0.0/8"])), pytest.raises(ConnectionRefusedError):
            dial("127.0.0.1")
        with pytest.raises(RefusedPlaceError):
            dial("127.0.0.1")
    with pytest.raises(ConnectionRefusedError):
        dial("127.0.0.1")


@pytest.mark.parametrize(
    "act",
    [
        lambda: dial("localhost"),
        lambda: dial("2130706433"),
        lambda: dial("::1", socket.AF_INET6),
        lambda: socket.socket(socket.AF_UNIX).connect("/nowhere"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        lambda: asyncio.run(asyncio.open_connection("127.0.0.1", 9)),
    ],
    ids=["a name", "a number", "IPv6", "a socket of this machine", "a datagram", "an event loop"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_whatever_opens_the_connection(act: Callable[[], object]) -> None:
    """What was not looked up yet, datagrams, and sockets that are no place of the network are refused."""
    with pytest.raises(SourceError, match="open internet"), walled(()):
        act()


def test_what_fails_by_itself_fails_as_ever() -> None:
    """Walls that nobody touched change no error."""
    with pytest.raises(ChannelError, match="of its own"), walled(()):
        raise ChannelError("of its own")
