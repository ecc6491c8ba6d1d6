"""What may be installed: one version of each package, by its hashes, and none with a hole that we know of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from pins import ASIDE, REQUIREMENTS, ROOT, Pin, UnpinnedError, asked_for, files, pins_of

LOCKED_IN = {"": "core", "browser": "dev", "dev": "dev", "spark": "spark", "speed": "speed"}
"""The file with the pins of an extra; of the others it is the image's."""
KNOWN_BY = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(-[23456789cfghjmpqrvwx]{4}){3}|sqlite\.org/[\w.#]+")
SHA256 = "a" * 64


@pytest.fixture(scope="module")
def pinned() -> dict[str, list[Pin]]:
    """What each file pins."""
    return {name: pins_of(name) for name in files()}


def floors() -> dict[str, tuple[Requirement, list[str], str]]:
    """Return the lowest versions without known holes: the requirement, who knows of the holes, and what they are."""
    found = {}
    for line in (REQUIREMENTS / "floors.in").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            words, _, said = line.partition("  # ")
            ids, _, why = said.partition(": ")
            found[Requirement(words).name] = (Requirement(words), ids.split(", "), why)
    return found


def lowest(requirement: Requirement) -> Version:
    [version] = [Version(one.version) for one in requirement.specifier if one.operator == ">="]
    return version


@pytest.mark.parametrize("name", files())
def test_every_line_is_one_version_with_hashes_and_names_no_host(name: str) -> None:
    """Nothing else can be installed, wherever it is downloaded from."""
    pins = pins_of(name)
    assert len({(pin.name, pin.version) for pin in pins}) == len(pins) > 0
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--(?!hash)|\.(com|org|io|net)\b", text)


@pytest.mark.parametrize(
    "line",
    [
        f"h11>=0.16 --hash=sha256:{SHA256}",
        f"h11==0.16.0,!=1 --hash=sha256:{SHA256}",
        "h11==0.16.0",
        f"h11==0.16.0 --hash=sha256:{SHA256[:-1]}",
        f"h11==0.16.0 --hash=md5:{SHA256[:32]}",
        f"h11==0.16.0 --hash=sha256:{SHA256} --index-url=https://example.org",
        f"--index-url https://example.org\nh11==0.16.0 --hash=sha256:{SHA256}",
        f"h11 @ https://example.org/h11.whl --hash=sha256:{SHA256}",
    ],
)
def test_a_line_that_is_no_pin_is_refused(tmp_path: Path, line: str) -> None:
    """A range, a missing or weak hash, and a place to download from."""
    (tmp_path / "some.txt").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UnpinnedError):
        pins_of("some", tmp_path)


@pytest.mark.parametrize("extra", asked_for())
def test_what_pyproject_asks_for_is_pinned_within_its_bounds(extra: str, pinned: dict[str, list[Pin]]) -> None:
    """In the file that is installed for it; and wherever else the package is pinned, no lower."""
    there = {pin.name for pin in pinned[LOCKED_IN.get(extra, "image")]}
    for wanted in asked_for()[extra]:
        name = canonicalize_name(wanted.name)
        assert name in there
        assert all(pin.version in wanted.specifier for pins in pinned.values() for pin in pins if pin.name == name)


def test_the_image_has_every_extra_but_those_aside() -> None:
    """As the Makefile locks it."""
    [line] = re.findall(r"^IMAGE := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"--extra (\S+)", line)) == set(asked_for()) - ASIDE - {""}


def test_every_floor_says_who_knows_of_its_hole_and_what_it_is() -> None:
    """One line each, in their order."""
    for requirement, ids, why in floors().values():
        assert [one.operator for one in requirement.specifier] == [">="]
        assert all(KNOWN_BY.fullmatch(one) for one in ids), requirement
        assert len(why) >= 20
    assert list(floors()) == sorted(floors())


def test_no_pin_lies_below_a_floor_and_every_floor_holds_a_pin(pinned: dict[str, list[Pin]]) -> None:
    """In no file, on no system."""
    held = {(file, pin.name, pin.version) for file, pins in pinned.items() for pin in pins if pin.name in floors()}
    assert {name for _, name, _ in held} == set(floors())
    assert [one for one in held if one[2] not in floors()[one[1]][0].specifier] == []


def test_what_pyproject_asks_for_begins_at_the_floor_or_above() -> None:
    """So that an install without our pins takes no older version either."""
    low = [
        f"{wanted} in {extra or 'dependencies'} should begin at {lowest(floors()[wanted.name][0])}"
        for extra, group in asked_for().items()
        for wanted in group
        if wanted.name in floors() and lowest(wanted) < lowest(floors()[wanted.name][0])
    ]
    assert low == []
