"""What every group of settings is made of: a field with its meaning in two languages, its bounds and its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Meta, Struct

Rule = Callable[[Any], str]
"""Return what is wrong with a value of the right type, or an empty text."""

BILLION: Final = 10**9


class Part(Struct, frozen=True, kw_only=True):
    """Base of the groups of settings."""


def said(en: str, zh: str, *, ge: float | None = None, le: float | None = None, rule: Rule | None = None) -> Meta:
    """Return what a setting means, in English and Chinese, and what its values must keep to."""
    return Meta(description=en, ge=ge, le=le, extra={"zh": zh, "rule": rule})


def env_name(path: str) -> str:
    """Return the environment variable of a setting: `server.port` is `HONGSHU_SERVER__PORT`."""
    return "HONGSHU_" + path.upper().replace(".", "__").replace("-", "_")
