"""Run inside a network namespace of its own: a name server changes its mind between check and send.

Prints what was reached, as JSON.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from delivering.receivers import Receiver
from hongshu.egress import GuardedEgress
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.sending import Sender
from hongshu.errors import UsageError
from hongshu.formats.addresses import networks
from hongshu.formats.webhooks import shown_secret
from hongshu.models import Kind, News
from hongshu.secret import Secret
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery

ALLOWED, CANARY = "10.99.99.1", "127.0.0.1"


class Names(asyncio.DatagramProtocol):
    """A name server: it names the address that it is told to, for 0 seconds."""

    def __init__(self) -> None:
        self.address = ALLOWED
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, question: bytes, peer: tuple[str, int]) -> None:
        end = question.index(b"\0", 12) + 5
        asks_for_ipv4 = question[end - 4 : end - 2] == b"\0\1"
        self.asked += asks_for_ipv4
        head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, int(asks_for_ipv4), 0, 0)
        answer = b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", 0, 4) + socket.inet_aton(self.address)
        self.transport.sendto(head + question[12:end] + (answer if asks_for_ipv4 else b""), peer)  # type: ignore[attr-defined]


def raise_loopback() -> None:
    """Bring this namespace's loopback up, with the allowed address beside its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name, address in ((b"lo", None), (b"lo:1", ALLOWED)):
            if address is not None:
                wanted = struct.pack("16sH2s4s8s", name, socket.AF_INET, b"\0\0", socket.inet_aton(address), b"\0" * 8)
                fcntl.ioctl(control, 0x8916, wanted)  # SIOCSIFADDR
            fcntl.ioctl(control, 0x8914, struct.pack("16sh", name, 0x1 | 0x40))  # SIOCSIFFLAGS: up and running


def ask_here(resolv: Path) -> None:
    """Let the system's resolver ask the name server of this namespace."""
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(resolv), "/etc/resolv.conf"], check=True)


def a_sender() -> Sender:
    egress = GuardedEgress("hongshu/test", networks([f"{ALLOWED}/32"]), cleartext=False)
    return Sender(egress, ReportFiles(Path("/nowhere")), 3.0, lambda: 0)


async def tried() -> dict[str, object]:
    names = Names()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 53))
    good, canary = await Receiver(host=ALLOWED).start(), Receiver(host=CANARY)
    canary._server = await asyncio.start_server(canary._talk, CANARY, good.port)
    sender, other = a_sender(), a_sender()
    address = f"http://hooks.example:{good.port}/x\n{shown_secret(b's' * 24)}"
    channel = Channel(name="hook", address=Secret(address))
    chat = Channel(name="chat", address=Secret(f"gotify://hooks.example:{good.port}/token"))
    news = News(id="evt_1", kind=Kind.NEW, creator="c", seen_ms=1)
    delivery = Delivery(id="dlv_1", channel="hook", created_ms=1, due_ms=1, news=(news,))
    await sender.check(address)
    first = await sender.send(channel, delivery)
    said = await sender.send(chat, delivery)
    names.address = CANARY
    later = [(await sender.send(channel, delivery)).status for _ in range(3)]
    chats = [(await one.send(chat, delivery)).status for one in (sender, other)]
    again = [(await other.send(channel, delivery)).status for _ in range(3)]
    try:
        await sender.check(address)
        checked = ""
    except UsageError as error:
        checked = error.message
    await sender.close()
    await other.close()
    return {
        "first": first.status,
        "said": said.status,
        "chats": chats,
        "good": len(good.posts),
        "canary": canary.met,
        "kept": later,
        "again": again,
        "checked": checked,
        "asked": names.asked,
    }


if __name__ == "__main__":
    raise_loopback()
    ask_here(Path(sys.argv[1]))
    print(json.dumps(asyncio.run(tried())))
