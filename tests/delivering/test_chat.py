"""Chat and mail: messages reach services in the form that each speaks, through the code that really sends them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from hongshu.channels import chat
from hongshu.errors import ChannelError, UsageError
from hongshu.formats.messages import Message

MESSAGE = Message(
    title="名字 发布了新笔记", body="《标题 *a* _b_ ＠all ‹b›》\nhttps://www.xiaohongshu.com/explore/6563"
)

Told = tuple[str, dict[str, Any]]


class Services:
    """The chats' services on one local server: what each was asked, by host and path; `reply` answers all."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.told: list[Told] = []
        self.reply = b"{}"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    class Talk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(found.reply)))
            self.end_headers()
            self.wfile.write(found.reply)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    found = Services(server.server_address[1])
    really: Callable[..., requests.Response] = requests.adapters.HTTPAdapter.send

    def sent_here(adapter: Any, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        assert request.url is not None
        parts = urlsplit(request.url)
        assert parts.scheme == "https"
        request.url = f"http://127.0.0.1:{found.port}/{parts.netloc}{parts.path}?{parts.query}"
        return really(adapter, request, **{**more, "verify": False})

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", sent_here)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


def texts_in(value: object) -> str:
    """Everything that is said in a body."""
    if isinstance(value, dict):
        return "\n".join(map(texts_in, value.values()))
    if isinstance(value, list):
        return "\n".join(map(texts_in, value))
    return str(value)


FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=" + "ab12" * 16
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TELEGRAM = "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/12315544/"
DISCORD = "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"

FORMS = [
    (FEISHU, "/open.feishu.cn/open-apis/bot/v2/hook/", b'{"code": 0, "msg": "success", "StatusCode": 0}', "msg_type"),
    (DINGTALK, "/oapi.dingtalk.com/robot/send", b'{"errcode": 0, "errmsg": "ok"}', "msgtype"),
    (WECOM, "/qyapi.weixin.qq.com/cgi-bin/webhook/send", b'{"errcode": 0, "errmsg": "ok"}', "msgtype"),
    (SLACK, "/hooks.slack.com/services/T1JJ3T3L2/", b"ok", "attachments"),
    (TELEGRAM, "/api.telegram.org/bot123456789:", b'{"ok": true, "result": {}}', "chat_id"),
    (DISCORD, "/discord.com/api/webhooks/4174216298/", b"", "content"),
]


@pytest.mark.parametrize(("address", "path", "reply", "field"), FORMS, ids=[one[1].split("/")[1] for one in FORMS])
def test_a_message_is_received_in_the_form_of_the_service(
    services: Services, address: str, path: str, reply: bytes, field: str
) -> None:
    """Who published what, and where it stands."""
    services.reply = reply
    chat.send(address, MESSAGE, 5.0)
    assert services.told
    for where, body in services.told:
        assert where.startswith(path)
        assert field in body
    said = "\n".join(texts_in(body) for _, body in services.told)
    assert MESSAGE.title in said
    assert "explore/6563" in said
    assert "＠all ‹b›" in said


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        (FEISHU, b'{"code": 19024, "msg": "Key Words Not Found"}'),
        (DINGTALK, b'{"errcode": 310000, "errmsg": "keywords not in content"}'),
        (WECOM, b'{"errcode": 93000, "errmsg": "invalid webhook url"}'),
    ],
)
def test_what_the_service_does_not_take_is_a_failure(
    services: Services, address: str, reply: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Though it answers 200; and neither error nor log nor output holds the address."""
    services.reply = reply
    with caplog.at_level(logging.DEBUG), pytest.raises(ChannelError) as refused:
        chat.send(address, MESSAGE, 5.0)
    secret = address.rpartition("/")[2].rpartition("=")[2]
    out, err = capfd.readouterr()
    for text in (str(refused.value), repr(refused.value), caplog.text, out, err):
        assert secret not in text


@pytest.mark.parametrize(
    "address",
    [
        *("json://host/x", "jsons://host/x", "xml://host/x", "form://host/x", "forms://host/x", "apprise://host/x"),
        *("syslog://", "dbus://", "glib://", "gnome://", "macosx://", "windows://", "kde://", "qt://", "gio://"),
        *(
            "file:///etc/passwd",
            "rsyslog://host",
            "mqtt://host/topic",
            "smpp://u:p@host/1/2",
            "blink1://",
            "signal://h/1/2",
        ),
        *("exec://ls", "python://x", "", "hello", "https://", "https://example.com/hook", "http://127.0.0.1/x"),
        *("slack://", "tgram://", "feishu://", "wecombot://", "slack://a b", "slack://x\nmailto://u:p@example.com"),
        *("mailto://u:p@example.com?template=/etc/passwd", "slack://T1/A1/B1?template=x", "tgram://1:a/2?format=html"),
        *("mailto://u:p@example.com/?pgpkey=/etc/passwd", "discord://1/2?file=/etc/passwd"),
    ],
)
def test_what_runs_programs_reads_files_or_posts_anywhere_is_refused(address: str) -> None:
    """In words that say what to do and hold none of the address."""
    with pytest.raises(UsageError) as refused:
        chat.read_address(address)
    for part in ("passwd", "A1/B1", "u:p"):
        assert part not in str(refused.value)


@pytest.mark.parametrize("address", [one[0] for one in FORMS])
def test_of_an_address_only_the_kind_is_shown(address: str) -> None:
    """One word."""
    shown = chat.shown(address)
    assert shown.isalpha()
    assert len(shown) < 12
