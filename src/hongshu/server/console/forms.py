"""What browsers send: one reading of a form, bounded, and of the language and the cookies of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from hongshu.errors import UsageError
from hongshu.server.edge import LARGEST_BODY

LANGUAGES: Final = ("en", "zh")
MOST_FIELDS: Final = 1000
ONCE_BYTES: Final = 8
_ONCE: Final = re.compile(rf"[0-9a-f]{{{2 * ONCE_BYTES}}}")


class Form:
    """The fields of a form; a name may come several times."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def text(self, name: str, default: str = "") -> str:
        """Return a field without the space around it; raises `UsageError` where it comes more than once."""
        given = self.texts(name)
        if len(given) > 1:
            raise UsageError(f"{name} is given {len(given)} times; send it once")
        return given[0] if given else default

    def texts(self, name: str) -> list[str]:
        """Return every value of a field that is not empty."""
        return [value.strip() for key, value in self._fields if key == name and value.strip()]

    def once(self) -> str | None:
        """Return what tells a form apart from every other that was shown; None where it has nothing of the kind."""
        given = self.text("once")
        return given if _ONCE.fullmatch(given) else None

    def bound(self, name: str) -> int | None:
        """Return a whole number from 1 on; None where it is not given, or 0."""
        given = self.number(name, 0)
        if given < 0:
            raise UsageError(f"{name.replace('_', ' ')} is at least 1; leave it empty for no bound")
        return given or None

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; raises `UsageError` where it is none, or is not there and has no default."""
        given = self.text(name).replace(",", "").replace("\u202f", "")
        if not given and default is not None:
            return default
        digits = given.removeprefix("-").removeprefix("+")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise UsageError(f'{name.replace("_", " ")} is a whole number, not "{given}"')
        return int(given)


async def read_form(request: Request) -> Form:
    """Read a form; raises `UsageError` for one that is too large or no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UsageError("a form of this console was expected; go back and send it from its page")
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > LARGEST_BODY:
            raise UsageError(
                f"the form is larger than {LARGEST_BODY:,} bytes; name fewer creators at once, or use the commands"
            )
    try:
        fields = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise UsageError(f"the form has more than {MOST_FIELDS} fields") from None
    return Form([(name, storable(value)) for name, value in fields])


def storable(text: str) -> str:
    """Return a text without what no database takes: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def language(chosen: str | None, accepted: str) -> str:
    """Return "en" or "zh": what was chosen, else what the browser prefers (RFC 9110, 12.5.4), else English."""
    if chosen in LANGUAGES:
        return chosen
    weighed = []
    for place, one in enumerate(accepted[:1000].split(",")):
        name, _, weight = one.partition(";q=")
        weighed.append((-_weight(weight), place, name.strip().lower().partition("-")[0]))
    return next((name for weight, _, name in sorted(weighed) if name in LANGUAGES and weight), "en")


def _weight(given: str) -> float:
    try:
        return min(1.0, max(0.0, float(given or 1)))
    except ValueError:
        return 0.0


def cookies(request: Request, names: Mapping[str, int]) -> dict[str, str]:
    """Return cookies by name, each no longer than told; one that is longer is as none."""
    return {
        name: value
        for name, most in names.items()
        if (value := request.cookies.get(name)) is not None and len(value) <= most
    }
