"""What the files in `requirements/` pin: names, versions, and the hashes of the files that may be installed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

from packaging.markers import Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[1]
REQUIREMENTS: Final = ROOT / "requirements"
ASIDE: Final = frozenset({"browser", "dev", "spark", "speed"})
"""The extras that the image does without."""
_SYSTEMS: Final = (("linux", "Linux"), ("darwin", "Darwin"))
_PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)")


class UnpinnedError(ValueError):
    """A line says something other than one version and its hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of one package; `sha256` are those of its files, one for each platform and the sources."""

    name: str
    version: Version
    sha256: tuple[str, ...]
    marker: Marker | None = None

    @property
    def purl(self) -> str:
        """Name it as package databases do (https://github.com/package-url/purl-spec)."""
        return f"pkg:pypi/{self.name}@{self.version}"

    @property
    def is_for_us(self) -> bool:
        """Say whether it is installed on a system that hongshu runs on: Linux or macOS, with CPython."""
        return self.marker is None or any(self.marker.evaluate(one) for one in _environments())


def pins_of(name: str, folder: Path = REQUIREMENTS) -> list[Pin]:
    """Read one file, such as "core"; raise UnpinnedError where a line is no pin."""
    text = (folder / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    return [_pin(line) for line in text.splitlines()]


def files(folder: Path = REQUIREMENTS) -> list[str]:
    """Name the files that there are."""
    return sorted(path.stem for path in folder.glob("*.txt"))


def asked_for() -> dict[str, list[Requirement]]:
    """Return what pyproject.toml asks for: by extra, and as "" what every install has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    return {name: [Requirement(one) for one in wanted] for name, wanted in lists.items()}


def _pin(line: str) -> Pin:
    words, *_ = line.partition(" --hash")
    try:
        requirement = Requirement(words)
    except InvalidRequirement as error:
        raise UnpinnedError(f"{words!r} is no requirement") from error
    exact = [one.version for one in requirement.specifier if one.operator == "=="]
    sha256 = tuple(_HASH.findall(line))
    if len(exact) != 1 or len(requirement.specifier) != 1 or line.count("--") != len(sha256) or not sha256:
        raise UnpinnedError(f"{words} is not pinned to one version with its hashes; run make lock")
    name = canonicalize_name(requirement.name)
    return Pin(name=name, version=Version(exact[0]), sha256=sha256, marker=requirement.marker)


@cache
def _environments() -> list[dict[str, str]]:
    here = {name: str(value) for name, value in default_environment().items()}
    return [
        {
            **here,
            "os_name": "posix",
            "sys_platform": system,
            "platform_system": named,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "python_version": python,
            "python_full_version": f"{python}.0",
        }
        for (system, named), python in product(_SYSTEMS, _PYTHONS)
    ]
