"""What a browser loads by itself when it opens a page, and where that may come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Final

LOADING: Final = frozenset(
    {
        *("src", "srcset", "data", "poster", "background", "manifest", "ping", "action", "formaction", "style"),
        *("xlink:href", "hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete", "sse-connect", "ws-connect"),
    }
)
"""Attributes whose address is loaded or sent to; a link that somebody follows is none."""
OPENED: Final = frozenset({"href", "src", "hx-get"})
"""Attributes whose address one may ask for without doing anything."""
FOLLOWED: Final = frozenset({"a", "area"})
OURSELVES: Final = re.compile(r"'(none|self|sha256-[\w+/=]+|nonce-[\w+/=-]+)'|data:|blob:")
"""What a policy may allow: nothing, this server, parts whose hash is known, what the page carries itself."""
_OTHER_HOST: Final = re.compile(r"(?:https?:|wss?:)?//([\w.\[\]:-]+)")
_IN_STYLES: Final = re.compile(r"url\([^)]*\)|@import[^;]*")


class Page(HTMLParser):
    """One page: the addresses that it loads from or sends to, those that may be opened, and its policies."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.opens: list[str] = []
        self.policies: list[str] = []
        self._style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        self.loads += [value for name, value in given.items() if name in LOADING]
        self.loads += [given["href"]] if "href" in given and tag not in FOLLOWED else []
        self.opens += [value for name, value in given.items() if name in OPENED]
        if tag == "meta" and "http-equiv" in given:
            is_policy = given["http-equiv"].lower() == "content-security-policy"
            (self.policies if is_policy else self.loads).append(given.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._style:
            self.loads += _IN_STYLES.findall(data)

    def strangers(self, ours: str) -> list[str]:
        """Return the hosts, other than `ours` (host:port), that a browser would ask."""
        return [host for one in self.loads for host in _OTHER_HOST.findall(one) if host != ours]


def of_style(text: str) -> list[str]:
    """Return the hosts that a sheet of styles loads from."""
    return [host for one in _IN_STYLES.findall(text) for host in _OTHER_HOST.findall(one)]


def beyond(policy: str) -> Iterator[str]:
    """Return what a policy allows beside ourselves; a policy without a default allows everything."""
    rules = {name: allowed for name, *allowed in (rule.split() for rule in policy.split(";") if rule.strip())}
    if "default-src" not in rules:
        yield "everything, for it has no default-src"
    for name, allowed in rules.items():
        yield from (f"{name} {one}" for one in allowed if not OURSELVES.fullmatch(one))
