"""Sends one delivery on one channel: as a webhook, or in words as chat or mail, with a file where it takes one."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from hongshu.channels import chat, webhook
from hongshu.channels.base import Sent
from hongshu.egress import GuardedEgress
from hongshu.engine.delivering.files import ReportFiles
from hongshu.errors import HongshuError, SourceError, UsageError
from hongshu.formats.addresses import UnfitAddressError, is_under, read_address
from hongshu.formats.messages import message, report_message
from hongshu.formats.webhooks import LARGEST_FILE, UnfitSecretError, body, read_receiver, report_body
from hongshu.models import Clock
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery

CHAT_HOSTS: Final = (
    *("open.feishu.cn", "open.larksuite.com", "oapi.dingtalk.com", "qyapi.weixin.qq.com"),
    *("hooks.slack.com", "discord.com", "discordapp.com", "webhook.office.com"),
)
"""Chats whose own addresses are taken as they are copied."""
_STARTING_SECONDS: Final = 5.0

_log = structlog.get_logger("hongshu.delivering")


def is_webhook(address: str) -> bool:
    """Say whether an address is a receiver's of webhooks, and not a chat's. Pure."""
    first = address.strip().split("\n", 1)[0].strip()
    if not first.lower().startswith(("http://", "https://")):
        return False
    try:
        return not is_under(read_address(first).host, CHAT_HOSTS)
    except UnfitAddressError:
        return True


def check_address(address: str) -> None:
    """Raise `UsageError`, in words that do not hold the address, where nothing can be sent to it."""
    if not is_webhook(address):
        chat.read_address(address.strip())
        return
    try:
        read_receiver(address)
    except UnfitAddressError as error:
        raise UsageError(f"the address cannot be used: {error}") from None
    except UnfitSecretError as error:
        raise UsageError(str(error)) from None


def shown_address(address: str) -> str:
    """Return what may be shown of an address: a webhook's host, a chat's kind."""
    if not is_webhook(address):
        return chat.shown(address.strip())
    try:
        return read_receiver(address).host
    except (UnfitAddressError, UnfitSecretError):
        return "webhook"


class Sender:
    """Sends deliveries, each within a time; never raises. `files` are those of reports."""

    def __init__(self, egress: GuardedEgress, files: ReportFiles, timeout_seconds: float, clock: Clock) -> None:
        self._egress = egress
        self._files = files
        self._timeout = timeout_seconds
        self._clock = clock

    async def send(self, channel: Channel, delivery: Delivery) -> Sent:
        """Send a delivery once and say how that went."""
        address = channel.address.reveal()
        try:
            if is_webhook(address):
                return await self._webhook(address, delivery)
            return await self._chat(address, channel, delivery)
        except (HongshuError, ValueError) as error:
            return Sent(ok=False, status=error.message if isinstance(error, HongshuError) else "cannot be sent")
        except TimeoutError:
            return Sent(ok=False, status=f"not sent within {self._timeout:g} s")
        except Exception as error:
            _log.error("a delivery failed unexpectedly", channel=channel.name, why=type(error).__name__)
            return Sent(ok=False, status=f"failed ({type(error).__name__})")

    async def check(self, address: str) -> None:
        """Raise `UsageError`, in words that do not hold the address, where nothing may be sent to it now."""
        check_address(address)
        try:
            if is_webhook(address):
                await self._egress.check(read_receiver(address).url)
            else:
                self._egress.check_host(chat.host_of(address.strip()))
        except SourceError as error:
            raise UsageError(f"{error.message}; [delivery] allow_networks can allow networks of yours") from None

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._egress.close()

    async def _webhook(self, address: str, delivery: Delivery) -> Sent:
        receiver = read_receiver(address)
        told = await asyncio.to_thread(self._body, delivery) if delivery.report else self._body(delivery)
        at_s = self._clock() // 1_000_000_000
        return await webhook.send(self._egress, receiver, delivery.id, told, at_s, self._timeout)

    def _body(self, delivery: Delivery) -> bytes:
        report = delivery.report
        if report is None:
            return body(delivery.news, delivery.created_ms, digest=delivery.digest)
        content = self._files.read(delivery.id, report) if report.bytes <= LARGEST_FILE else None
        return report_body(report, content, delivery.created_ms)

    async def _chat(self, address: str, channel: Channel, delivery: Delivery) -> Sent:
        async with asyncio.timeout(self._timeout + _STARTING_SECONDS):
            await asyncio.to_thread(self._say, address.strip(), channel, delivery)
        return Sent(ok=True, status="sent")

    def _say(self, address: str, channel: Channel, delivery: Delivery) -> None:
        with self._egress.walled():  # who sends to chats dials by itself, and follows where it is led
            self._say_inside(address, channel, delivery)

    def _say_inside(self, address: str, channel: Channel, delivery: Delivery) -> None:
        report = delivery.report
        if report is None:
            words = message(delivery.news, channel.lang, digest=delivery.digest, zone=channel.zone)
            chat.send(address, words, self._timeout)
            return
        attached = chat.takes_files(address)
        file = chat.File(report.file, report.media_type, self._files.read(delivery.id, report)) if attached else None
        chat.send(address, report_message(report, channel.zone, attached=attached), self._timeout, file)
