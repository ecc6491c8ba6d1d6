"""A real server with simulated creators, and browsers of its console without a browser: forms, cookies, redirects."""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from running import run_quick


@dataclass
class Answered:
    """What a page answered."""

    status: int
    headers: Mapping[str, str]
    text: str
    raw: bytes = b""

    @property
    def plain(self) -> str:
        """Return the text without its marks."""
        return html.unescape(re.sub(r"<[^>]+>", " ", self.text))


@dataclass
class Visitor:
    """Somebody at the console."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    lang: str = "en"

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answered:
        """Load a page."""
        return self._asked("GET", path, None, headers or {})

    def post(self, path: str, fields: Mapping[str, object] | None = None, *, of: str = "/console/tokens") -> Answered:
        """Send a form as a page of the console does, with the key that the page `of` carries."""
        return self.send(path, {"form_key": self.form_key(of), **(fields or {})})

    def send(self, path: str, fields: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answered:
        """Send a form as it is."""
        return self._asked("POST", path, urlencode(fields, doseq=True), headers or {})

    def form_key(self, of: str = "/console/tokens") -> str:
        """Return the key of a page's forms."""
        found = re.search(r'name="form_key" value="([0-9a-f]*)"', self.get(of).text)
        return found[1] if found else ""

    def _asked(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answered:
        at = urlsplit(self.address)
        connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        sent = {"accept-language": self.lang, **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        for one in answer.headers.get_all("set-cookie") or []:
            name, _, rest = one.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        named = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(answer.status, named, raw.decode("utf-8", "replace"), raw)


def link(data_dir: Path, *who: str) -> str:
    """Return the path of a link into the console."""
    made = run_quick("login", *who, data_dir=data_dir)
    assert made.returncode == 0, made.stderr
    return urlsplit(made.stdout.strip()).path


def signed_in(address: str, data_dir: Path, *who: str, lang: str = "en") -> Visitor:
    """Return somebody who signed in with a link, such as `--account`, "demo"."""
    visitor = Visitor(address, lang=lang)
    assert visitor.send(link(data_dir, *who), {}).status == 303
    return visitor
