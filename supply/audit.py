"""Check every pin against a database of advisories, without a network.

Ends with 0 where nothing is known against any, 1 where something is, 2 where there is no database to ask.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisories import Advisory, NoDatabaseError, read
from packaging.version import Version
from pins import REQUIREMENTS, Pin, UnpinnedError, files, pins_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A pin with a known hole, and the files that pin it."""

    pin: Pin
    advisory: Advisory
    where: tuple[str, ...]
    fixed: Version | None

    def __str__(self) -> str:
        """Say what is wrong and what to do."""
        ids = ", ".join((self.advisory.id, *self.advisory.aliases))
        places = ", ".join(f"requirements/{name}.txt" for name in self.where)
        return (
            f"{self.pin.name} {self.pin.version} ({places})\n  {ids}: {self.advisory.summary}\n  {self._what_to_do()}"
        )

    def _what_to_do(self) -> str:
        if self.fixed is None:
            return (
                "No version is told to be without it: read the advisory, then do without the package or what it does."
            )
        line = f"{self.pin.name}>={self.fixed}  # {self.advisory.id}: …"
        return f"Fixed in {self.fixed}: write `{line}` into requirements/floors.in, then make lock and make sbom."


def findings(pinned: Mapping[str, Sequence[Pin]], known: Mapping[str, Sequence[Advisory]]) -> Iterator[Finding]:
    """Look every pin up; advisories that name each other are told once."""
    for pin, where in _by_version(pinned):
        told: set[str] = set()
        for advisory in sorted(known.get(pin.name, ()), key=lambda one: one.id):
            if advisory.affects(pin.version) and not told & {advisory.id, *advisory.aliases}:
                told |= {advisory.id, *advisory.aliases}
                yield Finding(pin=pin, advisory=advisory, where=where, fixed=advisory.fixed_in(pin.version))


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print what was found, and return the exit status."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("advisories", type=Path, help="a folder or zip of JSON files in the OSV format")
    asked.add_argument("--requirements", type=Path, default=REQUIREMENTS, help="the folder of the pins")
    given = asked.parse_args(arguments)
    try:
        known = read(given.advisories)
        pinned = {name: pins_of(name, given.requirements) for name in files(given.requirements)}
        found = list(findings(pinned, known))
    except (NoDatabaseError, UnpinnedError) as error:
        print(error, file=sys.stderr)
        return 2
    for one in found:
        print(one)
    checked = len(list(_by_version(pinned)))
    print(f"{checked} versions checked against {_number(known)} advisories: {len(found)} found.", file=sys.stderr)
    return 1 if found else 0


def _by_version(pinned: Mapping[str, Iterable[Pin]]) -> Iterator[tuple[Pin, tuple[str, ...]]]:
    where: dict[tuple[str, Version], list[str]] = {}
    pins = {}
    for name in sorted(pinned):
        for pin in pinned[name]:
            where.setdefault((pin.name, pin.version), []).append(name)
            pins[pin.name, pin.version] = pin
    for key in sorted(pins):
        yield pins[key], tuple(where[key])


def _number(known: Mapping[str, Sequence[Advisory]]) -> int:
    return len({one.id for all_of_it in known.values() for one in all_of_it})


if __name__ == "__main__":
    sys.exit(main())
