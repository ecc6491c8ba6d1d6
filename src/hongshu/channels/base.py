"""The contract of this folder: a channel is told something, and says how that went."""

from __future__ import annotations

from hongshu.models import Word


class Sent(Word):
    """How one try went, in words that hold nothing of address and answer.

    `gone`: the receiver wants to hear no more. `again_after_s`: it named a time before which it wants nothing.
    """

    ok: bool
    status: str
    gone: bool = False
    again_after_s: float | None = None
