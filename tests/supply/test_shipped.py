"""What is shipped: the bill of materials and the list of licences say all of it, and nothing that is not so."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import licences
import parts
import pytest
import sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.licenses import canonicalize_license_expression
from parts import Part, UnknownLicenceError, facts, identifiers
from pins import ROOT, pins_of

from needed import leave_out

BILL, PAGE = ROOT / "docs/supply/sbom.json", ROOT / "docs/licences.md"


@pytest.fixture(scope="module")
def shipped() -> Sequence[Part]:
    """What is shipped, where all of it is installed."""
    try:
        return parts.parts()
    except UnknownLicenceError as error:
        if "not installed" not in str(error):
            raise
        leave_out(str(error))


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return dict(json.loads(BILL.read_text(encoding="utf-8")))


def test_what_is_written_down_is_what_the_pins_and_the_metadata_say(shipped: Sequence[Part]) -> None:
    """The same bytes, by another process with another seed of hashes; else run make sbom."""
    for script, file in (("sbom.py", BILL), ("licences.py", PAGE)):
        command = [sys.executable, str(ROOT / "supply" / script)]
        environ = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"}
        made = subprocess.run(command, capture_output=True, check=True, env=environ, cwd="/").stdout
        assert made == file.read_bytes(), f"{file.name} is not current; run make sbom"


def test_the_bill_is_what_cyclonedx_asks_for(bill: dict[str, Any]) -> None:
    """By the official schema, in its strict form, and with no name twice."""
    told = JsonStrictValidator(SchemaVersion.V1_6).validate_str(BILL.read_text(encoding="utf-8"))
    assert told is None, told
    refs = [one["bom-ref"] for one in bill["components"]]
    assert len(set(refs)) == len(refs)
    [direct] = bill["dependencies"]
    assert direct["ref"] == bill["metadata"]["component"]["bom-ref"]
    assert set(direct["dependsOn"]) <= set(refs)


def test_every_pin_of_the_image_and_every_file_of_others_is_in_the_bill(bill: dict[str, Any]) -> None:
    """With the hashes that an install accepts."""
    hashes = {one["purl"]: {each["content"] for each in one["hashes"]} for one in bill["components"]}
    pins = [pin for name in ("core", "image", "build") for pin in pins_of(name) if pin.is_for_us]
    assert {pin.purl: set(pin.sha256) for pin in pins} == {
        purl: found for purl, found in hashes.items() if purl.startswith("pkg:pypi/")
    }
    files = {
        one["purl"]: {hashlib.sha256((ROOT / one["file"]).read_bytes()).hexdigest()} for one in facts()["vendored"]
    }
    assert files == {purl: found for purl, found in hashes.items() if purl.startswith("pkg:npm/")}


def test_only_other_systems_are_left_out() -> None:
    """Of what the image's file pins."""
    left = {pin.name: str(pin.marker) for pin in pins_of("image") if not pin.is_for_us}
    assert all("win32" in marker or "emscripten" in marker for marker in left.values()), left


def test_every_file_of_others_in_the_source_is_known_with_its_licence_beside_it() -> None:
    """Minified files and licence files are theirs; the version is the one inside."""
    vendored = facts()["vendored"]
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("src/**/*.min.*")}
    assert found == {one["file"] for one in vendored}
    beside = {path.name for path in ROOT.glob("src/**/*.*") if re.search("LICEN[CS]E|NOTICE|COPYING", path.name)}
    assert beside == {name for one in vendored for name in one["licence_files"]}
    for one in vendored:
        assert f'"{one["version"]}"' in (ROOT / one["file"]).read_text(encoding="utf-8")
        assert all((ROOT / one["file"]).with_name(name).is_file() for name in one["licence_files"])


def test_every_licence_goes_with_ours_and_copyleft_is_explained(shipped: Sequence[Part]) -> None:
    """A part under another licence, or under copyleft without a word on its use, may not be shipped."""
    permissive, copyleft = (set(facts()["licences"][kind]) for kind in ("permissive", "copyleft"))
    for part in shipped:
        assert canonicalize_license_expression(part.licence) == part.licence
        assert identifiers(part.licence) <= permissive | copyleft, part
    assert {part.name for part in shipped if identifiers(part.licence) & copyleft} == set(facts()["copyleft"])
    assert identifiers(" ".join(part.licence for part in shipped)) == permissive | copyleft


def test_what_people_looked_up_is_needed_and_about_parts_that_are_shipped(shipped: Sequence[Part]) -> None:
    """No word of metadata is overruled, and none stays behind when a part goes."""
    names = {part.name for part in shipped}
    assert set(facts()["carries"]) <= names
    assert set(facts()["read"]) <= names
    assert all(metadata.metadata(name)["License-Expression"] is None for name in facts()["read"])


def test_a_part_whose_licence_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    monkeypatch.setitem(facts(), "read", {})
    with pytest.raises(UnknownLicenceError, match="licence file of duckdb"):
        parts.licence_of("duckdb")
    with pytest.raises(UnknownLicenceError, match="not installed here"):
        parts.licence_of("nothing-of-this-name")


def test_another_part_makes_another_serial_number() -> None:
    """And the same parts the same one."""
    one = Part(name="a", version="1", purl="pkg:pypi/a@1", licence="MIT OR 0BSD", where="image", sha256=("00",))
    other = Part(name="a", version="1", purl="pkg:pypi/a@1", licence="MIT", where="core", sha256=("01",))
    serials = [sbom.document([part], "1")["serialNumber"] for part in (one, one, other)]
    assert serials[0] == serials[1] != serials[2]
    [first], [second] = (sbom.document([part], "1")["components"] for part in (one, other))
    assert (first["licenses"], first["scope"]) == ([{"expression": "MIT OR 0BSD"}], "optional")
    assert (second["licenses"], second["scope"]) == ([{"license": {"id": "MIT"}}], "required")
    assert "| a | 1 | MIT | core |" in licences.page([other])
