"""What the columns of exports are made of: the tables there are, the types of values, and what is said of a column."""

from __future__ import annotations

from enum import StrEnum

from hongshu.models import Word


class What(StrEnum):
    """What a table of an export holds, one row each."""

    NOTES = "notes"
    OBSERVATIONS = "observations"
    EVENTS = "events"
    CREATORS = "creators"


class Type(StrEnum):
    """What values a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    FLAG = "flag"
    TIME = "time"
    LIST = "list"
    JSON = "json"


class Column(Word):
    """One column: its meaning and when it is null, in English and in Chinese, and where its values come from.

    `unit` is empty where the type says it all; `field` names members of the source's V4 note, or "hongshu" for what was
    found out at collecting.
    """

    name: str
    type: Type
    en: str
    zh: str
    field: str
    null_en: str = "never"
    null_zh: str = "不会为空"
    unit: str = ""
