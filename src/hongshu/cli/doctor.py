"""`hongshu doctor`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from hongshu.cli.main import DONE, FAILED, PARTLY
from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, settings
from hongshu.engine.soundness.findings import Grade
from hongshu.formats.border import printable
from hongshu.service.soundness import examine
from hongshu.service.soundness import mend as mended


def doctor(
    *,
    config: ConfigFile = None,
    mend: Annotated[
        bool,
        Parameter(negative="", help="First take away rows that are not what was written; notes are collected again."),
    ] = False,
    json: AsJson = False,
) -> int:
    """Say what is wrong with an installation, and how to mend it; nothing is asked of any source.

    Ends with 0 where all is good, with 3 where something should be looked at, with 1 where something is wrong.
    """
    loaded = settings(config)
    if mend:
        for one in mended(loaded):
            key = printable(" ".join(map(str, one.key)))
            print(f"taken away: a damaged row of {one.table} ({key})", file=sys.stderr)
    found = examine(loaded)
    grades = {one.grade for one in found}
    if json:
        print_json({"ok": grades == {Grade.GOOD}, "findings": found})
    else:
        shown = ("check", "grade", "what", "remedy")
        print_table([{name: getattr(one, name) for name in shown} for one in found], empty="")
        if any(one.stops_money for one in found):
            print("no money moves until that is mended; reading goes on", file=sys.stderr)
    return FAILED if Grade.WRONG in grades else PARTLY if Grade.MIND in grades else DONE
