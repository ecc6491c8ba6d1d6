"""Templates filled with words: everything that others wrote is text, in one language, under one policy."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hongshu import __version__
from hongshu.models import rfc3339
from hongshu.server.console import words
from hongshu.server.console.base import PREFIX, Page
from hongshu.server.console.forms import ONCE_BYTES
from hongshu.server.console.words.told import in_chinese

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "private, no-store",
}

_HERE: Final = "hongshu.server.console"
_KINDS: Final[Mapping[str, str]] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("echarts.min.js", "report.js", "report.css"), "hongshu.reports"),
    **dict.fromkeys(("docs.css", "docs.js"), "hongshu.server.documentation"),
}
"""Files of reports, which pages show too, and of the documentation."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS: Final = "\u200d\ufe0f\n"
"""Joins emoji; anything else unseen could hide or turn around what is read."""


class Static:
    """A file that pages load: its bytes, type, and an address that changes with them."""

    def __init__(self, name: str) -> None:
        body = (files(_ELSEWHERE.get(name, __package__)) / "static" / name).read_bytes()
        self.body = b".report {\n" + body + b"}\n" if name == "report.css" else body  # holds inside reports only
        self.media_type = f"{_KINDS[name.rpartition('.')[2]]}; charset=utf-8"
        self.address = f"{PREFIX}/static/{name}?{hashlib.sha256(self.body).hexdigest()[:12]}"


STATIC: Final = ("console.css", "console.js", "htmx.min.js", "mark.svg", *_ELSEWHERE)


@cache
def static(name: str) -> Static:
    """Return one of the files in `STATIC`."""
    return Static(name)


def rendered(page: Page, lang: str, about: Mapping[str, Any]) -> bytes:
    """Fill a template in a language; `about` is what every page shows of the visit."""
    text = environment(lang).get_template(page.template).render({**about, **page.words})
    return text.encode("utf-8", "replace")


def seen(value: str) -> str:
    """Return a text without signs that nobody sees but that change how others are read."""
    return "".join(sign for sign in value if sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN)


@cache
def environment(
    lang: str, package: str = _HERE, say: Callable[[str, str, Mapping[str, object]], str] = words.say
) -> Environment:
    """Return what fills the templates of a package, and the pieces of this one, with sentences in a language."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(one) for one in dict.fromkeys((package, _HERE))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_text,
    )
    made.filters.update(number=_number, time=_time, bytes=_size, share=_share, told=in_chinese if lang == "zh" else str)
    made.globals.update(
        t=lambda text, **values: say(lang, text, values),
        lang=lang,
        prefix=PREFIX,
        version=__version__,
        static=lambda name: static(name).address,
        done_words=words.DONE,
        once_key=lambda: secrets.token_hex(ONCE_BYTES),
    )
    return made


def _text(value: object) -> object:
    if value is None:
        return "–"
    return seen(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _number(value: float | None) -> str:
    """Write a number with thousands apart; one that is unknown is a dash."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _size(value: int | None) -> str:
    if value is None:
        return "–"
    size, units = float(value), ["B", "KB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _time(value: int | str | None) -> Markup | str:
    """Write a time, in ms or RFC 3339, in UTC; the page's script shows it on the reader's clocks."""
    if value is None or value == "":
        return "–"
    told = value if isinstance(value, str) else rfc3339(value)
    at = datetime.fromisoformat(told).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(escape(told), at.strftime("%Y-%m-%d %H:%M UTC"))
