"""Advisories in the OSV format (https://ossf.github.io/osv-schema/), and what they say of one version of a package."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_ECOSYSTEM: Final = "PyPI"
_BEGINNING: Final = "0"
"""In an event "introduced": before every version."""


class NoDatabaseError(Exception):
    """There are no advisories where one looked, or they cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """What one advisory says of one package: the versions it names, and ranges, each a list of events."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    versions: frozenset[str]
    ranges: tuple[tuple[tuple[str, str], ...], ...]

    def affects(self, version: Version) -> bool:
        """Say whether a version has the hole; raise NoDatabaseError where the advisory's versions are none."""
        return any(_is_within(events, version, self.id) for events in self.ranges) or any(
            _is(named, version) for named in self.versions
        )

    def fixed_in(self, version: Version) -> Version | None:
        """Return the lowest later version that is told to be without the hole and is not in another range."""
        told = {_parsed(text, self.id) for events in self.ranges for kind, text in events if kind == "fixed"}
        return min((one for one in told if one > version and not self.affects(one)), default=None)


def read(place: Path) -> dict[str, list[Advisory]]:
    """Read a folder or a zip of JSON files, as osv.dev publishes them; return the advisories by package."""
    found = defaultdict(list)
    try:
        for text in _texts(place):
            for name, advisory in _of_packages(json.loads(text)):
                found[name].append(advisory)
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoDatabaseError(f"{place} cannot be read as advisories in the OSV format: {error!r}") from error
    if not found:
        raise NoDatabaseError(f"{place} has no advisories for {_ECOSYSTEM}; osv.dev publishes them as PyPI/all.zip")
    return dict(found)


def _texts(place: Path) -> Iterator[bytes]:
    if place.is_dir():
        yield from (path.read_bytes() for path in sorted(place.rglob("*.json")))
        return
    with zipfile.ZipFile(place) as packed:
        yield from (packed.read(name) for name in sorted(packed.namelist()) if name.endswith(".json"))


def _of_packages(told: Mapping[str, Any]) -> Iterator[tuple[str, Advisory]]:
    for affected in () if told.get("withdrawn") else told.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") != _ECOSYSTEM:
            continue
        yield (
            canonicalize_name(package["name"]),
            Advisory(
                id=told["id"],
                aliases=tuple(told.get("aliases", ())),
                summary=told.get("summary") or told.get("details", "").partition("\n")[0],
                versions=frozenset(affected.get("versions", ())),
                ranges=tuple(_events(one) for one in affected.get("ranges", ()) if one["type"] != "GIT"),
            ),
        )


def _events(told: Mapping[str, Sequence[Mapping[str, str]]]) -> tuple[tuple[str, str], ...]:
    return tuple(event for one in told["events"] for event in one.items())


def _is_within(events: Iterable[tuple[str, str]], version: Version, advisory: str) -> bool:
    """Follow the events up to a version: the last one before it says how it is."""
    at = [(_parsed(text, advisory), kind) for kind, text in events if (kind, text) != ("introduced", _BEGINNING)]
    within = ("introduced", _BEGINNING) in events
    for point, kind in sorted(at):
        if kind == "introduced" and version >= point:
            within = True
        elif (kind == "fixed" and version >= point) or (kind == "last_affected" and version > point):
            within = False
    return within


def _parsed(text: str, advisory: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise NoDatabaseError(f"{advisory} names {text!r}, which is no version of a Python package") from error


def _is(named: str, version: Version) -> bool:
    try:
        return Version(named) == version
    except InvalidVersion:
        return False
