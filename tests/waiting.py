"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(look: Callable[[], Any], expected: Any, *, within: float = 10) -> None:
    """See something become so within some seconds."""
    end = time.monotonic() + within
    while (found := look()) != expected:
        assert time.monotonic() < end, found
        time.sleep(0.05)
