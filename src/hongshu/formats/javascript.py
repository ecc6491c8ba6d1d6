"""The state that a profile page carries in a script: JavaScript, not JSON."""

from __future__ import annotations

import re
from typing import Final

from hongshu.formats.border import MalformedError

_BEGINNING: Final = re.compile(rb"window\.__INITIAL_STATE__\s*=\s*(?=\{)")
_END: Final = b"</script"
_TOKENS: Final = re.compile(
    rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|(?<![\w$])(?:undefined|NaN|-?Infinity)(?![\w$])', re.DOTALL
)
_ESCAPES: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(['`$])|v|0(?!\d)|(.))", re.DOTALL)


def state_json(html: bytes) -> bytes:
    """Return the page's `window.__INITIAL_STATE__` as JSON text; `undefined`, `NaN` and `Infinity` become null.

    Raises `MalformedError` where the page has none.
    """
    found = _BEGINNING.search(html)
    end = html.find(_END, found.end()) if found else -1
    if found is None or end < 0:
        raise MalformedError("the page carries no __INITIAL_STATE__")
    return _TOKENS.sub(_as_json, html[found.end() : end].rstrip().removesuffix(b";"))


def _as_json(token: re.Match[bytes]) -> bytes:
    text = token[0]
    if not text.startswith(b'"'):
        return b"null"
    return _ESCAPES.sub(_escape_as_json, text) if b"\\" in text else text


def _escape_as_json(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return b"\\u00" + found[1]
    if found[2]:
        return found[2]
    if found[3]:
        return found[0]
    return b"\\u000b" if found[0] == b"\\v" else b"\\u0000"
