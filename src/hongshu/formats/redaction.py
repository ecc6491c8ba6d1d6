"""The second wall: whatever has the shape of a secret is left out of a text, whoever wrote it and real or not."""

from __future__ import annotations

import re
from typing import Final

from hongshu.formats.tokens import without_tokens

_NAMES: Final = ("token", "secret", "password", "passwd", "apikey", "api_key", "access_key", "authkey")


def _spelled(word: str) -> str:
    """Return a pattern for a word each sign of which may be percent-encoded."""
    return "".join(f"(?:{re.escape(sign)}|%{ord(sign):02x}|%{ord(sign.upper()):02x})" for sign in word)


_QUOTE: Final = r"\\{0,8}[\"']"
"""As it stands in a text, or in a text that was quoted some times over."""
_NAMED: Final = "|".join(map(_spelled, _NAMES))
_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), kept)
    for pattern, kept in (
        (r"whsec_[0-9a-z+/_=-]{8,}", "whsec_…"),
        (r"\b(bearer|basic)((?: |\+|%20)+)[^\s\"',;]{8,}", r"\1\2…"),
        (rf"((?:{_NAMED})(?:\[\]|%5b%5d)?(?:=|%3d)(?:{_QUOTE})?)[^\s&\"'<>,;]+", r"\1…"),
        (rf"({_QUOTE}(?:{_NAMED}){_QUOTE}\s*:\s*{_QUOTE})[^\"']+", r"\1…"),
        (r"([?&](?:key|sig|signature|sign)=)[^\s&\"'<>]+", r"\1…"),
        (r"(://[^\s/:@\"'<>]{0,256}):[^\s\"'<>]{1,512}@", r"\1:…@"),
    )
)


def without_secrets(text: str) -> str:
    """Return a text without what has the shape of a secret.

    Those are tokens of ours, webhooks' secrets, what follows `Bearer` and `Basic`, what a parameter named `token`,
    `secret`, `password` or the like holds, however that is encoded, and passwords in addresses.
    """
    for pattern, kept in _RULES:
        text = pattern.sub(kept, text)
    return without_tokens(text)
