"""What is typed, as what it means: a token, or the file that holds it."""

from __future__ import annotations

from pathlib import Path

from hongshu.errors import UsageError
from hongshu.secret import Secret


def token_typed(token: str) -> Secret:
    """Return a token, or the one in a file that is written @FILE: what is typed stands in the list of processes.

    Raises `UsageError` with what to pass instead.
    """
    if token.startswith("@"):
        try:
            token = Path(token[1:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the file with the token cannot be read ({type(error).__name__})") from error
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("a token is one word of printable ASCII; pass what `hongshu token create` printed, or @FILE")
    return Secret(token)
