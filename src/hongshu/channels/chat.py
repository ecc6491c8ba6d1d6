"""Chat and mail through apprise: the extra `notify`, and the only place that loads it."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hongshu.errors import ChannelError, SetupError, UsageError
from hongshu.formats.messages import Message

SCHEMES: Final = frozenset(
    {
        *("feishu", "lark", "dingtalk", "wecombot", "serverchan", "schan", "pushplus", "bark", "barks"),
        *("slack", "discord", "tgram", "msteams", "workflow", "workflows", "gchat", "mattermost", "mmost", "mmosts"),
        *("rocket", "rockets", "matrix", "matrixs", "zulip", "webex", "wxteams"),
        *("mailto", "mailtos", "mailgun", "sendgrid", "resend", "postmark", "brevo"),
        *("ntfy", "ntfys", "gotify", "gotifys", "pover", "pushover", "prowl", "pbul", "line", "twilio"),
    }
)
"""What may be sent by: services of others. Nothing that runs programs, reads files or posts to any address."""

_NATIVE: Final = (
    (re.compile(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([A-Za-z0-9-]+)/?"), "feishu://{}"),
    (re.compile(r"https://open\.larksuite\.com/open-apis/bot/v2/hook/([A-Za-z0-9-]+)/?"), "lark://{}"),
    (re.compile(r"https://oapi\.dingtalk\.com/robot/send\?access_token=([A-Za-z0-9]+)"), "dingtalk://{}"),
    (re.compile(r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=([A-Za-z0-9-]+)"), "wecombot://{}"),
)
_SAY_200: Final = frozenset({"feishu", "lark", "dingtalk", "wecombot"})
_WITHOUT_FILES: Final = frozenset(
    {"hook", "gov-hook", "workflow", "trigger", "webhook", "matrix", "slack", "t2bot", "hookshot"}
)
"""Modes in which a service takes words only, though by others it takes files."""
_CODES: Final = ("code", "errcode", "StatusCode")
_READING_SECONDS: Final = 4.0
_SCHEME: Final = re.compile(r"([a-z0-9]+)://\S+", re.IGNORECASE)
_REFUSED_PARAMETERS: Final = re.compile(
    r"[?&](template|file|attach|include|config|from_file|cto|rto|format|emojis|pgp|pgpkey|keyfile)=", re.IGNORECASE
)
"""They would read files of this machine, or change how what others wrote is shown."""


class File(NamedTuple):
    """What is attached to a message."""

    name: str
    media_type: str
    content: bytes


def read_address(text: str) -> str:
    """Return an address as apprise takes it; raises `UsageError`, in words that do not hold it, for any other."""
    address = _as_scheme(text.strip())
    found = _SCHEME.fullmatch(address)
    if found is None:
        raise UsageError("the address is none of a webhook, chat or mail; write it like slack://…, in one line")
    scheme = found[1].lower()
    if scheme not in SCHEMES | {"https"}:
        raise UsageError(f"channels do not send by {scheme}://; use one of {', '.join(sorted(SCHEMES))}")
    if _REFUSED_PARAMETERS.search(address):
        raise UsageError("the address holds a parameter that channels do not take; leave away what follows the ?")
    if _made(address, _READING_SECONDS) is None:
        raise UsageError(f"the address is not as {scheme}:// needs it; copy it again")
    return address


def shown(text: str) -> str:
    """Return what may be shown of an address: by what it is sent."""
    found = _SCHEME.fullmatch(_as_scheme(text.strip()))
    scheme = found[1].lower() if found else ""
    return scheme if scheme in SCHEMES else "chat"


def host_of(text: str) -> str:
    """Return what stands where an address names its host, which for many services is a word of theirs; else nothing."""
    try:
        return urlsplit(_as_scheme(text.strip())).hostname or ""
    except ValueError:
        return ""


def takes_files(text: str) -> bool:
    """Say whether files can be attached to what is sent to an address; pictures alone do not count."""
    made = _made(read_address(text), _READING_SECONDS)
    if not made.attachment_support or hasattr(made, "attach_supported_mime_type"):
        return False
    return getattr(made, "mode", None) not in _WITHOUT_FILES


def send(text: str, message: Message, timeout_seconds: float, file: File | None = None) -> None:
    """Send a message; returns when the service has taken it. Raises `ChannelError`, without the address."""
    address = read_address(text)
    apprise = _library()
    party = apprise.Apprise()
    party.add(_made(address, timeout_seconds))
    try:
        taken = party.notify(
            title=message.title,
            body=message.body,
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
            attach=_attached(file) if file else None,
        )
    except Exception as error:
        raise ChannelError(f"not taken ({type(error).__name__})") from None
    if not taken:
        raise ChannelError("not taken by the service")


def _attached(file: File) -> Any:
    from apprise.attachment import memory  # noqa: PLC0415 - an extra

    made: Any = memory.AttachMemory
    return made(content=file.content, name=file.name, mimetype=file.media_type)


def _as_scheme(text: str) -> str:
    for pattern, form in _NATIVE:
        if found := pattern.fullmatch(text):
            return form.format(found[1])
    return text


def _made(address: str, timeout_seconds: float) -> Any:
    """Return what apprise sends by, each of its steps within the time; None where the address is not complete."""
    made = _library().Apprise.instantiate(address, suppress_exceptions=True)
    if made is not None:
        made.socket_connect_timeout = made.socket_read_timeout = timeout_seconds
        plugin: Any = sys.modules[type(made).__module__]
        if address.partition(":")[0].lower() in _SAY_200 and not isinstance(plugin.requests, _Answers):
            plugin.requests = _Answers(plugin.requests)
    return made


class _Answers:
    """The library by which a plugin asks, that looks into answers too: some services say 200 to what they refuse."""

    def __init__(self, requests: Any) -> None:
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)

    def post(self, *given: Any, **more: Any) -> Any:
        response = self._requests.post(*given, **more)
        if response.status_code == self._requests.codes.ok and _is_refusal(response.content):
            raise self._requests.RequestException
        return response


def _is_refusal(body: bytes) -> bool:
    """Say whether an answer names an error: a code that is not 0."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    codes = [told.get(name) for name in _CODES] if isinstance(told, dict) else []
    return any(isinstance(one, int | str) and one != 0 for one in codes)


def _library() -> Any:
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError("chat and mail need apprise; install it with: pip install 'hongshu[notify]'") from error
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).disabled = True  # they may print addresses
    return apprise
