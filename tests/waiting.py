"""Waiting for what other threads and processes do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def eventually_some(look: Callable[[], list[T]], *, within: float = 30) -> list[T]:
    """Wait until there is something, while others of the event loop go on; return it."""
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        await asyncio.sleep(0.01)
    return found


def eventually(look: Callable[[], Any], expected: Any, *, within: float = 10) -> None:
    """See something become so within some seconds."""
    end = time.monotonic() + within
    while (found := look()) != expected:
        assert time.monotonic() < end, found
        time.sleep(0.05)
