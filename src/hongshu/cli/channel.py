"""`hongshu channel`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from hongshu.cli.main import DONE, FAILED
from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, notes, settings
from hongshu.config import Loaded
from hongshu.config.rules import channel_name_fault, digest_fault, hours_fault, zone_fault
from hongshu.engine.delivering.sending import is_webhook
from hongshu.engine.delivering.telling import by_name, channel_words, outside
from hongshu.errors import UsageError
from hongshu.formats.border import printable
from hongshu.formats.webhooks import shown_secret
from hongshu.models import News
from hongshu.secret import Secret
from hongshu.service.delivery import sender, settled_channels
from hongshu.store import channels, deliveries
from hongshu.store.base import Connection, Database
from hongshu.store.channels import Channel

app = App(name="channel", help="Add, test and remove the channels on which news is told.")

EMPTY: Final = "there are no channels; add one with: hongshu channel add NAME < address.txt"
_LONGEST: Final = 10_000

Name = Annotated[str, Parameter(help="The channel's name.")]


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the channels; of their addresses only the host, or the chat's name, is shown."""
    loaded = settings(config)
    with notes(loaded) as room:
        known = channels_of(loaded, room)
        closures = room.read(channels.closures)
        counted = room.read(deliveries.counts)
    settled = {one.name for one in loaded.config.channel}
    rows = [
        {
            **channel_words(one, closures.get(one.name)),
            "from": "settings" if one.name in settled else "added",
            **{state.value: counted.get((one.name, state), 0) for state in deliveries.DeliveryState},
        }
        for one in known.values()
    ]
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def add(  # noqa: PLR0913 - each is an option
    name: Name,
    *,
    file: Annotated[Path | None, Parameter(help="File that holds the address; without it, standard input.")] = None,
    lang: Annotated[Literal["en", "zh"], Parameter(help="Language of the messages.")] = "en",
    zone: Annotated[str, Parameter(help="Time zone of quiet hours, digests and times.")] = "Asia/Shanghai",
    quiet_hours: Annotated[str, Parameter(help="Hours in which nothing is sent, such as 23:00-08:00.")] = "",
    digest: Annotated[str, Parameter(help="One message a day at 08:00, or every 30m or 6h; 0: at once.")] = "0",
    sources: Annotated[bool, Parameter(negative=(), help="Tell of trouble with sources there.")] = False,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Add a channel, or change one; its address is read from a file or standard input, never from arguments.

    An address is a chat's (as copied from Feishu, DingTalk, WeCom, Slack …, or like slack://…), a mail's (mailto://…),
    or a webhook's: an https address and, in the next line, its secret (whsec_…). Where no secret is given one is made
    and shown, this once.
    """
    for given, rule in (
        (name, channel_name_fault),
        (zone, zone_fault),
        (quiet_hours, hours_fault),
        (digest, digest_fault),
    ):
        if fault := rule(given):
            raise UsageError(f'"{printable(given)}" {fault}')
    loaded = settings(config)
    if any(one.name == name for one in loaded.config.channel):
        raise UsageError(f'the settings have a channel "{name}" already; change it there, or choose another name')
    address, made = _with_secret(_given(file))
    asyncio.run(_checked(loaded, address))
    channel = Channel(
        name=name,
        address=Secret(address),
        created_ms=time.time_ns() // 1_000_000,
        lang=lang,
        zone=zone,
        quiet_hours=quiet_hours,
        digest=digest,
        sources=sources,
    )

    def added(db: Connection) -> None:
        channels.put(db, channel)
        channels.reopen(db, name)

    with notes(loaded) as room:
        room.write(added)
    words = {**channel_words(channel, None), **({"secret": made} if made else {})}
    print_json(words) if json else print_words(words)
    if made:
        print("the receiver checks signatures with this secret; it is not shown again", file=sys.stderr)


@app.command(name="test")
def try_out(name: Name, *, config: ConfigFile = None, json: AsJson = False) -> int:
    """Send a test message now and say how that went; ends with 1 where it is not taken."""
    loaded = settings(config)
    with notes(loaded) as room:
        channel = _channel(loaded, room, name)
    [row] = asyncio.run(sent_now(loaded, [channel]))
    print_json(row) if json else print_words(row)
    return DONE if row["ok"] else FAILED


@app.command(name="open")
def open_(name: Name, *, config: ConfigFile = None) -> None:
    """Open a channel again that its receiver closed (HTTP 410)."""
    loaded = settings(config)
    with notes(loaded) as room:
        channel = _channel(loaded, room, name)
        room.write(lambda db: channels.reopen(db, channel.name))
    print(f"{channel.name} is open", file=sys.stderr)


@app.command
def remove(name: Name, *, config: ConfigFile = None) -> None:
    """Remove a channel with its rules; what waits for it is not sent."""
    loaded = settings(config)
    if any(one.name == name for one in loaded.config.channel):
        raise UsageError(f'the channel "{name}" stands in the settings; remove it there')
    with notes(loaded) as room:
        channel = _channel(loaded, room, name)

        def removed(db: Connection) -> None:
            channels.remove(db, channel.name)
            deliveries.give_up(db, channel.name, "the channel was removed")

        room.write(removed)
    print(f"{channel.name} is removed", file=sys.stderr)


def channels_of(loaded: Loaded, room: Database) -> dict[str, Channel]:
    """Return all channels by name: those of the settings, and those that were added."""
    return by_name(settled_channels(loaded.config), room.read(channels.listed))


async def sent_now(loaded: Loaded, chosen: Sequence[Channel], *news: News) -> list[dict[str, Any]]:
    """Send an event, or without one a test, on some channels beside all that waits; return how that went."""
    sending = sender(loaded.config, loaded.data_dir, time.time_ns)
    rows = []
    try:
        for channel in chosen:
            sent = await sending.send(channel, outside(channel, time.time_ns(), news))
            rows.append({"channel": channel.name, "ok": sent.ok, "status": sent.status})
    finally:
        await sending.close()
    return rows


async def _checked(loaded: Loaded, address: str) -> None:
    sending = sender(loaded.config, loaded.data_dir, time.time_ns)
    try:
        await sending.check(address)
    finally:
        await sending.close()


def _channel(loaded: Loaded, room: Database, name: str) -> Channel:
    found = channels_of(loaded, room).get(name)
    if found is None:
        raise UsageError(f'there is no channel "{printable(name)}"; `hongshu channel list` shows them')
    return found


def _given(file: Path | None) -> str:
    """Return the address that stands in a file or comes on standard input; never waits for a person to type one."""
    if file is None and sys.stdin.isatty():
        raise UsageError(
            "pass the address on standard input or by --file, such as: hongshu channel add NAME < address.txt"
        )
    try:
        content = file.read_bytes() if file is not None else sys.stdin.buffer.read(_LONGEST)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror})") from error
    text = content[:_LONGEST].decode("utf-8", "replace").strip()
    if not text:
        raise UsageError("there is no address; pass it on standard input or by --file")
    return text


def _with_secret(address: str) -> tuple[str, str]:
    """Return an address with the secret made for it, where it is a webhook's without one; and that secret."""
    if not is_webhook(address) or len(address.split()) > 1:
        return address, ""
    made = shown_secret(os.urandom(32))
    return f"{address}\n{made}", made
