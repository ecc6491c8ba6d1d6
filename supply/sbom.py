"""Print the bill of materials of what is shipped, as CycloneDX 1.6 in JSON: the same bytes from the same sources."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from typing import Any

from packaging.utils import canonicalize_name
from parts import Part, identifiers, parts
from pins import ASIDE, asked_for

from hongshu import __version__


def document(shipped: Sequence[Part], version: str) -> dict[str, Any]:
    """Describe hongshu and its parts (https://cyclonedx.org/docs/1.6/json/); the serial number is made of them."""
    components = [_component(part) for part in shipped]
    ours = f"pkg:pypi/hongshu@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, ours + json.dumps(components)).urn,
        "version": 1,
        "metadata": {"component": _named("application", ours, "hongshu", version, "Apache-2.0")},
        "components": components,
        "dependencies": [{"ref": ours, "dependsOn": [part.purl for part in shipped if _is_direct(part)]}],
    }


def text(bill: dict[str, Any]) -> str:
    """Write it down, a component a line."""
    lines = ",\n".join(f"    {json.dumps(one)}" for one in bill["components"])
    return json.dumps({**bill, "components": []}, indent=2).replace("[]", f"[\n{lines}\n  ]", 1) + "\n"


def _component(part: Part) -> dict[str, Any]:
    return {
        **_named("library", part.purl, part.name, part.version, part.licence),
        "scope": "optional" if part.where == "image" else "required",
        "hashes": [{"alg": "SHA-256", "content": one} for one in part.sha256],
        "properties": [_property("where", part.where), *([_property("when", part.when)] if part.when else [])],
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"hongshu:{name}", "value": value}


def _named(kind: str, purl: str, name: str, version: str, licence: str) -> dict[str, Any]:
    alone = len(identifiers(licence)) == 1
    told = {"license": {"id": licence}} if alone else {"expression": licence}
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl, "licenses": [told]}


def _is_direct(part: Part) -> bool:
    wanted = {
        canonicalize_name(one.name) for extra, group in asked_for().items() if extra not in ASIDE for one in group
    }
    return part.name in wanted or part.where.startswith("src/")


if __name__ == "__main__":
    sys.stdout.write(text(document(parts(), __version__)))
