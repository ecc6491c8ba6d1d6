"""Reports reach mail and chats with their file where these take one, and with how to make it where they do not."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import msgspec
import pytest
import requests

from delivering.test_chat import DINGTALK, DISCORD, FEISHU, SLACK, TELEGRAM, WECOM
from hongshu.channels import chat
from hongshu.formats.messages import report_message
from hongshu.secret import Secret
from hongshu.store import channels
from hongshu.store.channels import Channel
from hongshu.store.deliveries import DeliveryState
from scheduling.desk import CONTENT, Desk, made_up

NTFY = "ntfys://ntfy.sh/a-topic-of-mine"
SLACK_BOT = "slack://xoxb-1234-1234-abc124/general"
FINDING = "Half of the notes have 310 interactions or more"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(("sqlite", tmp_path), tmp_path / "reports")


class Services:
    """The chats' services on one local server: where each was asked, and with what."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.told: list[tuple[str, str, bytes]] = []

    def files(self) -> list[Any]:
        """The contents of the files in what was told."""
        found: list[Any] = []
        for _, kind, body in self.told:
            if kind.startswith("multipart/"):
                whole = BytesParser(policy=email.policy.default).parsebytes(f"Content-Type: {kind}\n\n".encode() + body)
                assert isinstance(whole, EmailMessage)
                found += [part.get_payload(decode=True) for part in whole.iter_parts() if part.get_filename()]
            elif not kind.startswith(("application/json", "application/x-www-form-urlencoded")):
                found.append(body)
        return found


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    class Talk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append((self.path, self.headers["Content-Type"] or "", body))
            words = {"ok": True, "code": 0, "errcode": 0, "result": {}}
            reply = b"ok" if "hooks.slack.com" in self.path else json.dumps(words).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_PUT = do_POST  # noqa: N815 - the library's word

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    found = Services(server.server_address[1])
    really: Callable[..., requests.Response] = requests.adapters.HTTPAdapter.send

    def sent_here(adapter: Any, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        assert request.url is not None
        parts = urlsplit(request.url)
        request.url = f"http://127.0.0.1:{found.port}/{parts.netloc}{parts.path}?{parts.query}"
        return really(adapter, request, **{**more, "verify": False})

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", sent_here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


class Post(socketserver.StreamRequestHandler):
    """A mail server that takes everything."""

    mails: list[bytes]

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                self._say("250-here\r\n250 AUTH PLAIN LOGIN")
            elif word == "AUTH":
                self._say("235 known")
            elif word == "DATA":
                self._say("354 go on")
                self.mails.append(self._mail())
                self._say("250 taken")
            else:
                self._say("221 bye" if word == "QUIT" else "250 well")

    def _mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail() -> Iterator[tuple[int, list[bytes]]]:
    """The port of a mail server, and what it took."""
    mails: list[bytes] = []

    class Here(Post):
        pass

    Here.mails = mails
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], mails
    server.shutdown()
    server.server_close()


def chat_channel(desk: Desk, address: str, **more: Any) -> None:
    told = Channel(name="all", address=Secret(address), created_ms=1, **more)
    desk.room.write(lambda db: channels.put(db, told))


async def told(desk: Desk, **more: Any) -> str:
    """Let a report be made and sent; return the name of its file."""
    one = desk.schedule(**more)
    desk.wait_for(one)
    await desk.work()
    [delivery] = desk.listed()
    assert (delivery.state, delivery.status) == (DeliveryState.DELIVERED, "sent")
    assert delivery.report is not None
    return delivery.report.file


async def test_a_mail_brings_the_report(desk: Desk, mail: tuple[int, list[bytes]]) -> None:
    """Its title as subject, its findings as text, its file attached as it was made."""
    port, mails = mail
    chat_channel(desk, f"mailto://ann:SECRET@127.0.0.1:{port}?smtp=127.0.0.1&from=ann@example.com&to=bob@example.com")
    name = await told(desk)
    [content] = mails
    whole = BytesParser(policy=email.policy.default).parsebytes(content)
    assert isinstance(whole, EmailMessage)
    assert whole["subject"] == "Report about 小红"
    words = whole.get_body(("plain",))
    assert words is not None
    assert FINDING in words.get_content()
    assert "‹＠all›" in words.get_content()
    [attached] = whole.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == (name, "text/html")
    assert attached.get_payload(decode=True) == CONTENT + desk.made[0].encode()
    assert desk.lying() == []
    desk.close()


@pytest.mark.parametrize("address", [TELEGRAM, DISCORD, NTFY], ids=["telegram", "discord", "ntfy"])
async def test_a_chat_that_takes_files_gets_the_report(desk: Desk, services: Services, address: str) -> None:
    """Through the code that really sends it: title, findings, and the file as it was made."""
    chat_channel(desk, address)
    await told(desk, lang="zh")
    assert CONTENT + desk.made[0].encode() in services.files()
    said = "".join(unquote_plus(path) + body.decode(errors="replace") for path, _, body in services.told)
    assert FINDING in said or FINDING.replace(" ", "+") in said
    desk.close()


@pytest.mark.parametrize(
    "address", [FEISHU, DINGTALK, WECOM, SLACK], ids=["feishu", "dingtalk", "wecom", "slack's webhook"]
)
async def test_a_chat_that_takes_none_is_told_how_to_make_it(desk: Desk, services: Services, address: str) -> None:
    """One line to paste, with the group's name in quotes."""
    chat_channel(desk, address)
    await told(desk, kind="competitors", creators=(), group="a b", lang="zh")
    assert services.files() == []
    said = json.dumps([json.loads(body) for _, _, body in services.told], ensure_ascii=False)
    assert FINDING in said
    line = "hongshu report competitors '--group=a b' --window=30d --zone=Asia/Shanghai --lang=zh --out=report.html"
    assert line in said.replace("&#x27;", "'").replace("&#39;", "'")
    assert "此渠道无法发送文件" in said
    desk.close()


def test_a_message_stays_within_what_every_chat_takes(desk: Desk) -> None:
    """2,048 bytes: findings that do not fit are counted, and many creators are not spelled out."""
    schedule = desk.schedule(kind="compare", creators=tuple(f"{one:024x}" for one in range(500)), lang="zh")
    made = made_up(desk.files, schedule, "dlv_1", CONTENT, desk.clock.now_ms)
    report = msgspec.structs.replace(made, findings=("发" * 400,) * 5, title="题" * 400)
    for attached in (True, False):
        said = report_message(report, "Asia/Shanghai", attached=attached)
        assert len(f"{said.title}\r\n{said.body}".encode()) <= 2_010
        assert "… 另有 4 条" in said.body
        assert ("hongshu report compare USER --window=30d" in said.body) is not attached
    desk.close()


@pytest.mark.parametrize(
    ("address", "takes"),
    [
        *((TELEGRAM, True), (DISCORD, True), (NTFY, True), (SLACK_BOT, True), ("mailto://u:p@example.com", True)),
        *((FEISHU, False), (DINGTALK, False), (WECOM, False), (SLACK, False)),
        *((f"pover://{'u' * 30}@{'a' * 30}", False), ("bark://example.com/key", False)),
    ],
)
def test_which_chats_take_files(address: str, takes: bool) -> None:
    """By what the service can, not by what its plugin is called; pictures alone are no files."""
    assert chat.takes_files(address) is takes
