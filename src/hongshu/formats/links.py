"""Who is meant: a creator's id, or a link to the creator's profile."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from hongshu.errors import InvalidParametersError
from hongshu.ids import ID

_SITES: Final = ("xiaohongshu.com", "rednote.com")
_SHORT: Final = "xhslink.com"
_PROFILE: Final = re.compile(r"/user/profile/([0-9a-f]{24})(?![0-9A-Za-z])")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PASS: Final = "pass the 24 hex digits of the user id, or the profile link that holds /user/profile/<id>"  # noqa: S105 - no secret: a sentence or the name of a parameter


def creator_id(given: str) -> str:
    """Return the creator's id that a `userId` names: 24 lower-case hex, or a profile link on the site.

    Raises `InvalidParametersError` with a message that says what to pass instead.
    """
    if ID.fullmatch(given):
        return given
    host, path = _host_and_path(given)
    if _on(host, _SHORT):
        raise InvalidParametersError(f"userId is a short link; open it in a browser and {_PASS}")
    if any(_on(host, site) for site in _SITES):
        found = _PROFILE.search(path)
        if found:
            return found[1]
        raise InvalidParametersError(f"userId is a link that is no profile; {_PASS}")
    if re.fullmatch(r"[0-9A-Za-z_.]{4,23}", given):
        raise InvalidParametersError(f"userId looks like a 小红书号 (RED id); open the profile and {_PASS}")
    if given.strip() != given or ID.fullmatch(given.lower()):
        raise InvalidParametersError(f"userId must be lower-case hex without spaces around it; {_PASS}")
    raise InvalidParametersError(f"userId is neither a user id nor a profile link; {_PASS}")


def cursor_id(given: str | None) -> str | None:
    """Return the cursor that a `lastCursor` names; absent, empty and "0" mean the first page.

    Raises `InvalidParametersError` for anything else that is not 24 lower-case hex.
    """
    if given in {None, "", "0"}:
        return None
    if ID.fullmatch(str(given)):
        return given
    raise InvalidParametersError(
        "lastCursor must be the cursor of the last note of the previous page (24 hex digits), or left out"
    )


def _on(host: str, site: str) -> bool:
    return host == site or host.endswith("." + site)


def _host_and_path(given: str) -> tuple[str, str]:
    """Return host and path of a link, scheme optional; empty where it is none."""
    text = given if _SCHEME.match(given) else "https://" + given
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "", ""
    if parts.scheme not in {"http", "https"} or "." not in host:
        return "", ""
    return host, parts.path
