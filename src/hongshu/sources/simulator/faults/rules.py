"""Which calls fail, and how: the rules of a file, the first that fits a call deciding."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from hongshu.errors import ConfigError
from hongshu.models import Asked, Word
from hongshu.sources.simulator.faults.calls import Fault
from hongshu.sources.simulator.faults.catalogue import FAULTS

LONGEST_SECONDS: Final = 3600.0
_LARGEST_FILE: Final = 4 * 1024 * 1024


class Rule(Word, forbid_unknown_fields=True):
    """One fault and the calls that have it.

    Of the calls for `creator`, of the first or of later pages, below the path `under`, those numbered `from_call` to
    `to_call` in their order, counted from 1, fail with the probability `rate`.
    """

    name: str
    rate: Annotated[float, Meta(ge=0, le=1)] = 1.0
    creator: Annotated[str, Meta(pattern="^[0-9a-f]{24}$")] | None = None
    page: Literal["first", "later"] | None = None
    under: str | None = None
    from_call: Annotated[int, Meta(ge=1)] = 1
    to_call: Annotated[int, Meta(ge=1)] | None = None
    seconds: Annotated[float, Meta(ge=0, le=LONGEST_SECONDS)] | None = None

    def fits(self, asked: Asked, under: str) -> bool:
        """Say whether a call is one of those that are counted."""
        return (
            self.creator in {None, asked.creator}
            and self.under in {None, under}
            and self.page in {None, "first" if asked.cursor is None else "later"}
        )


class Rules:
    """Draws the fault of each call; the same calls in the same order have the same faults."""

    def __init__(self, rules: Sequence[Rule] = (), seed: int = 0) -> None:
        self._rules = tuple(rules)
        self._calls = [0] * len(self._rules)
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret

    def drawn(self, asked: Asked, under: str = "") -> tuple[Fault, float | None] | None:
        """Return the fault of the next call and the rule's seconds; None where it has none."""
        found = None
        for turn, rule in enumerate(self._rules):
            if not rule.fits(asked, under):
                continue
            self._calls[turn] += 1
            counted = rule.from_call <= self._calls[turn] <= (rule.to_call or self._calls[turn])
            fails = rule.rate >= 1 or self._chance.random() < rule.rate
            if found is None and counted and fails:
                found = FAULTS[rule.name], rule.seconds
        return found


def named(name: str) -> Fault:
    """Return the fault of a name; raises `ConfigError` that proposes one like it."""
    fault = FAULTS.get(name)
    if fault is None:
        close = get_close_matches(name, FAULTS, n=1, cutoff=0.4)
        meant = f'; did you mean "{close[0]}"?' if close else ""
        raise ConfigError(f'there is no fault "{name}"{meant} All names: hongshu simulate --list-faults')
    return fault


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read the rules of a TOML file with a `[[fault]]` each; raises `ConfigError` with what to mend."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigError(f"{path}: is larger than {_LARGEST_FILE} bytes")
        given = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is no TOML ({error})") from error
    unknown = sorted(given.keys() - {"fault"})
    if unknown:
        raise ConfigError(f"{path}: {unknown[0]}: is not known here; the file holds [[fault]] only")
    tables = given.get("fault", [])
    if not isinstance(tables, list):
        raise ConfigError(f"{path}: write [[fault]] with two brackets")
    return tuple(_rule(f"{path}: fault {number}", table) for number, table in enumerate(tables, 1))


def _rule(where: str, table: dict[str, Any]) -> Rule:
    try:
        rule = msgspec.convert(table, Rule)
        named(rule.name)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}") from error
    if rule.to_call is not None and rule.to_call < rule.from_call:
        raise ConfigError(f"{where}: to_call is below from_call, so that no call would have this fault")
    under = rule.under.strip("/") if rule.under is not None else None
    return msgspec.structs.replace(rule, under=under)
