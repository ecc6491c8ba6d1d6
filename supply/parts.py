"""What is shipped beside our own code: pinned packages and files of others in `src/`, each with its licence."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pins import ROOT, Pin, pins_of

FACTS: Final = Path(__file__).with_name("facts.toml")


class UnknownLicenceError(LookupError):
    """Nothing says under which licence a part stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that is shipped; `where` is "core", "image" or the file in the source, `when` a marker."""

    name: str
    version: str
    purl: str
    licence: str
    where: str
    sha256: tuple[str, ...]
    when: str = ""


@cache
def facts() -> dict[str, Any]:
    """Return what people looked up."""
    return tomllib.loads(FACTS.read_text(encoding="utf-8"))


def parts() -> list[Part]:
    """Return all that is shipped, by name: the lines for other systems than ours are left out."""
    core = {pin.name for pin in pins_of("core")}
    pinned = [pin for pin in (*pins_of("image"), *pins_of("build")) if pin.is_for_us]
    found = [_part(pin, "core" if pin.name in core else "image") for pin in pinned]
    return sorted([*found, *_vendored()], key=lambda one: (one.name, one.version))


def identifiers(licence: str) -> set[str]:
    """Name the licences of an SPDX expression."""
    return set(re.findall(r"[\w.-]+", licence)) - {"AND", "OR", "WITH"}


def are_copyleft(licence: str) -> bool:
    """Say whether one of its licences asks something of those who change the part."""
    return bool(identifiers(licence) & set(facts()["licences"]["copyleft"]))


def licence_of(name: str) -> str:
    """Return the SPDX expression of an installed package: its own word, else what was read in its licence file."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError as error:
        raise UnknownLicenceError(f"{name} is not installed here; run make .venv/dev.stamp") from error
    for field in ("License-Expression", "License"):
        try:
            return str(canonicalize_license_expression(said[field] or ""))
        except InvalidLicenseExpression:
            continue
    try:
        return str(facts()["read"][name])
    except KeyError as error:
        raise UnknownLicenceError(f"look into the licence file of {name} and name it in {FACTS.name}") from error


def _part(pin: Pin, where: str) -> Part:
    return Part(
        name=pin.name,
        version=str(pin.version),
        purl=pin.purl,
        licence=licence_of(pin.name),
        where=where,
        sha256=pin.sha256,
        when=str(pin.marker or ""),
    )


def _vendored() -> Iterable[Part]:
    for one in facts()["vendored"]:
        sha256 = hashlib.sha256((ROOT / one["file"]).read_bytes()).hexdigest()
        told = {name: one[name] for name in ("name", "version", "purl", "licence")}
        yield Part(**told, where=one["file"], sha256=(sha256,))
