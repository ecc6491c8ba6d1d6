"""What file, environment and flags give, as it was given: the later over the earlier, unknown settings refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from hongshu.config.catalogue import PLAIN, SECTIONS
from hongshu.config.part import env_name
from hongshu.config.rules import NAME
from hongshu.errors import ConfigError

PREFIX: Final = "HONGSHU_"
_OF_LISTS: Final = frozenset({"environment HONGSHU_SOURCE", "environment HONGSHU_CHANNEL", "flag --source"})
_EXAMPLES: Final = {"source": 'sim", "kind": "simulator"', "channel": 'ops", "url_file": "ops.url"'}


class Given(NamedTuple):
    """A value as it was given, before it is checked; relative paths in it start at `folder`."""

    value: object
    origin: str
    path: str
    folder: Path | None = None

    @property
    def from_file(self) -> bool:
        return self.origin.startswith("file ")

    @property
    def where(self) -> str:
        return self.origin.removeprefix("file ")

    @property
    def place(self) -> str:
        names_it = not self.from_file and self.origin not in _OF_LISTS
        return self.where if names_it else f"{self.where}: {self.path}"


Giver = Callable[[str, object], Given]


class GivenSource(NamedTuple):
    """One source or channel as it was given: by whom, and its keys."""

    itself: Given
    keys: dict[str, Given]

    def place(self, key: str) -> str:
        """Return where the key was given, or should have been."""
        return self.keys[key].place if key in self.keys else f"{self.itself.where}: {self.itself.path}.{key}"


def fault(place: str, words: str) -> ConfigError:
    """Return the error of a setting: where it stands and what is wrong, in one printable line."""
    line = f"{place}: {words}"
    return ConfigError("".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line))


def shown(value: object) -> str:
    """Write a value, which must not be a secret, into a message: shortened, tables and lists by their name only."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}…"'
        case int() if value.bit_length() > 64:
            return "so large a number"
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case _:
            return str(value)


class Layers:
    """What was given so far, the later over the earlier; a setting that does not exist is a `ConfigError`."""

    def __init__(self) -> None:
        self.plain: dict[str, Given] = {}
        self.sources: list[GivenSource] = []
        self.channels: list[GivenSource] = []

    def take_file(self, file: Path, tree: Mapping[str, Any]) -> None:
        """Take what stands in a file; relative paths in it start at its folder."""
        give = _giver(f"file {file.name}", file.absolute().parent)
        for key, value in tree.items():
            if key in SECTIONS and isinstance(value, dict):
                for inner, each in value.items():
                    self._put(f"{key}.{inner}", each, give)
            else:
                self._put(key, value, give)

    def take_environment(self, variables: Mapping[str, str]) -> None:
        """Take the variables, by their names in upper case."""
        self._take_named((_path(name), value, f"environment {name}") for name, value in variables.items())

    def take_flags(self, flags: Mapping[str, object]) -> None:
        """Take the flags, by the dotted paths of their settings; None is a flag that was not given."""
        given = ((path, value) for path, value in flags.items() if value is not None)
        self._take_named((path, value, _flag(path)) for path, value in given)

    def _take_named(self, named: Iterable[tuple[str, object, str]]) -> None:
        of_sources: dict[str, dict[str, Given]] = {}
        for path, value, origin in named:
            give = _giver(origin)
            if path.startswith("source."):
                name, _, key = path.removeprefix("source.").rpartition(".")
                of_sources.setdefault(_folded(name), {})[key] = give(path, value)
            else:
                self._put(path, value, give)
        known = tuple(self.sources)
        for name in sorted(of_sources):
            self._overlay(name, of_sources[name], known)

    def _put(self, path: str, value: object, give: Giver) -> None:
        given = give(path, value)
        if path == "source":
            self.sources = _listed(given, give)
        elif path == "channel":
            self.channels = _listed(given, give)
        elif path in PLAIN:
            self.plain[path] = given
        elif path in SECTIONS:
            example = next(known for known in PLAIN if known.startswith(f"{path}."))
            raise fault(given.place, f"is a section, not a value; set one of its keys, such as {example}")
        else:
            raise unknown(given, [*PLAIN, *SECTIONS, "source", "channel"])

    def _overlay(self, name: str, keys: dict[str, Given], known: Sequence[GivenSource]) -> None:
        place = next(iter(keys.values())).place
        found = [each for each in known if "name" in each.keys and _folded(each.keys["name"].value) == name]
        found = found or [each for number, each in enumerate(known) if str(number) == name]
        if len(found) > 1:
            raise fault(place, 'means more than one source; rename them, "-" and "_" being the same here')
        if found:
            found[0].keys.update(keys)
        elif "kind" in keys:
            maker = keys["kind"]._replace(path=f"source.{name}")
            self.sources.append(GivenSource(maker, {"name": maker._replace(value=name), **keys}))
        else:
            raise fault(place, f"there is no source {shown(name)}; correct the name, or set its kind to add it")


def _giver(origin: str, folder: Path | None = None) -> Giver:
    return lambda path, value: Given(value, origin, path, folder)


def _path(variable: str) -> str:
    group, _, rest = variable.removeprefix(PREFIX).lower().partition("__")
    if group == "source" and rest:
        name, _, key = rest.rpartition("__")
        return f"source.{name}.{key}"
    return f"{group}.{rest}" if rest else group


def _flag(path: str) -> str:
    return f"flag --{path.rpartition('.')[2].replace('_', '-')}"


def _tables(given: Given) -> object:
    try:
        return msgspec.json.decode(str(given.value))
    except (msgspec.DecodeError, ValueError, RecursionError):
        # The cause may hold the whole text, secrets included.
        words = f'is not JSON; write a list of {given.path}s like [{{"name": "{_EXAMPLES[given.path]}}}]'
        raise fault(given.where, words) from None


def _listed(given: Given, give: Giver) -> list[GivenSource]:
    value = _tables(given) if isinstance(given.value, str) and not given.from_file else given.value
    if not isinstance(value, list | tuple) or not all(isinstance(each, dict) for each in value):
        raise fault(
            given.where,
            f"{given.path} is not a list of tables; write [[{given.path}]] in the file, a JSON list in the environment",
        )
    return [_table(table, given.path, number, give) for number, table in enumerate(value)]


def _table(table: Mapping[str, object], group: str, number: int, give: Giver) -> GivenSource:
    name = table.get("name")
    prefix = f"{group}.{name if isinstance(name, str) and NAME.fullmatch(name) else number}"
    keys = {key: give(f"{prefix}.{key}", value) for key, value in table.items() if value is not None}
    return GivenSource(give(prefix, None), keys)


def _folded(name: object) -> str:
    return str(name).lower().replace("-", "_")


def unknown(given: Given, known: Sequence[str]) -> ConfigError:
    """Return the error of a setting that does not exist, with the nearest one that does."""
    near = [each for each in known if each.rpartition(".")[2] == given.path]
    near = near or get_close_matches(given.path[:100], known, n=1)
    if not near:
        return fault(given.where, f"unknown setting {shown(given.path)}; known are {', '.join(known)}")
    right = env_name(near[0]) if given.origin.startswith("environment ") else f'"{near[0]}"'
    return fault(given.where, f"unknown setting {shown(given.path)}; did you mean {right}?")
