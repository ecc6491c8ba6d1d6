"""The settings as rows: what the definition says about each, for loading, listing and documentation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import NODEFAULT, Meta

from hongshu.config.part import Part, Rule
from hongshu.config.rules import StorePlace
from hongshu.config.settings import Config
from hongshu.secret import Secret

Lang = Literal["en", "zh"]

_WORDS: Final[Mapping[Any, tuple[str, str]]] = {
    int: ("a whole number from {ge} to {le}", "{ge} 至 {le} 的整数"),
    float: ("a number from {ge} to {le}", "{ge} 至 {le} 的数"),
    bool: ("true or false", "true 或 false"),
    str: ("text", "文本"),
    Secret: ("text", "文本"),
    StorePlace: ("text", "文本"),
    Path: ("a path", "路径"),
    tuple[str, ...]: ("a list of texts", "文本列表"),
    tuple[float, float]: ("a list of two numbers", "两个数的列表"),
}


class Setting(Part, frozen=True, kw_only=True):
    """One setting: its key, its type with bounds (`hint`) and without, its default, and what is said about it."""

    key: str
    hint: Any
    type: Any
    default: Any
    meta: Meta

    @property
    def required(self) -> bool:
        """Whether the setting has no default."""
        return self.default is NODEFAULT

    def wrong(self, value: object) -> str:
        """Return what is wrong with a value of the right type, or an empty text."""
        rule: Rule | None = (self.meta.extra or {})["rule"]
        return rule(value) if rule else ""

    def expected(self, lang: Lang = "en") -> str:
        """Say which values are right."""
        if self.type in _WORDS:
            words = _WORDS[self.type][lang == "zh"]
            return words.format(ge=self.meta.ge, le=self.meta.le)
        choices = ", ".join(f'"{choice}"' for choice in get_args(self.type))
        return f"one of {choices}" if lang == "en" else f"{choices} 之一"

    def meaning(self, lang: Lang) -> str:
        """Say what the setting means."""
        return str(self.meta.description if lang == "en" else (self.meta.extra or {})["zh"])


@cache
def settings_of(part: type[Part]) -> Mapping[str, Setting]:
    """Return the settings of a group by their keys, in the order of their definition."""
    found = {}
    for field in msgspec.structs.fields(part):
        hint = next(each for each in (*get_args(field.type), field.type) if hasattr(each, "__metadata__"))
        found[field.name] = Setting(
            key=field.name, hint=hint, type=hint.__origin__, default=field.default, meta=hint.__metadata__[0]
        )
    return found


SECTIONS: Final[Mapping[str, type[Part]]] = {
    key: setting.type for key, setting in settings_of(Config).items() if isinstance(setting.type, type(Part))
}
PLAIN: Final[Mapping[str, Setting]] = {
    "store": settings_of(Config)["store"],
    **{f"{name}.{key}": each for name, part in SECTIONS.items() for key, each in settings_of(part).items()},
}
