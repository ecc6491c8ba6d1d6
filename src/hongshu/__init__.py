"""User Published Notes V4 for Xiaohongshu (小红书, RedNote), self-hosted.

`Client` and `AsyncClient` ask a server of this endpoint; they and what they raise are loaded when they are named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hongshu.client import AsyncClient, AsyncNotes, Client, Note, Notes, Page
    from hongshu.errors import CallError, HongshuError

__version__ = "0.1.0"

__all__ = ["AsyncClient", "AsyncNotes", "CallError", "Client", "HongshuError", "Note", "Notes", "Page", "__version__"]

_ROOMS = {"CallError": "hongshu.errors", "HongshuError": "hongshu.errors"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ROOMS.get(name, "hongshu.client")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
