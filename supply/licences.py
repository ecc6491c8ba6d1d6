"""Print the list of licences of what is shipped, for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from parts import Part, are_copyleft, facts, parts

PAGE = """\
# Licences of what is shipped

hongshu is Apache-2.0. This is what comes with it: `core` with every install, `image` with the image and its extras, and
files of others that stand in the source. `make sbom` writes this page and [the bill of materials](supply/sbom.json);
[what we ship](reference/supply.md) says more.

| part | version | licence (SPDX) | where |
|---|---|---|---|
{rows}

## Copyleft

These ask something of whoever changes them or passes them on, as an image does: their licences lie in their
`dist-info`, their sources with the same version in the package index. They leave alone what uses them as hongshu does.

{copyleft}

## What packages bring along

Libraries inside the files of a package, under licences of their own.

{carried}
"""


def page(shipped: Sequence[Part]) -> str:
    """Write the page."""
    return PAGE.format(
        rows="\n".join(f"| {one.name} | {one.version} | {one.licence} | {_place(one)} |" for one in shipped),
        copyleft="\n".join(_used(one) for one in shipped if are_copyleft(one.licence)),
        carried="\n".join(_carried({one.name for one in shipped})),
    )


def _place(part: Part) -> str:
    return f"`{part.where}`" if "/" in part.where else part.where


def _used(part: Part) -> str:
    return f"- **{part.name}** ({part.licence}). {facts()['copyleft'][part.name]}"


def _carried(names: set[str]) -> Iterable[str]:
    return (f"- **{name}**: {what}" for name, what in sorted(facts()["carries"].items()) if name in names)


if __name__ == "__main__":
    sys.stdout.write(page(parts()))
