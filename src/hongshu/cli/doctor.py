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
from hongshu.service.soundness import Mending, examine, put_in_order
from hongshu.service.soundness import mend as mended
from hongshu.store.scanning import Mended


def doctor(
    *,
    config: ConfigFile = None,
    mend: Annotated[
        bool,
        Parameter(negative="", help="First put right what is damaged, or take it away; notes are collected again."),
    ] = False,
    json: AsJson = False,
) -> int:
    """Say what is wrong with an installation, and how to mend it; nothing is asked of any source.

    Ends with 0 where all is good, with 3 where something should be looked at, with 1 where something is wrong.
    """
    loaded = settings(config)
    if mend:
        for path in put_in_order(loaded):
            print(f"put in order: rows and indexes of {path}", file=sys.stderr)
        for one in mended(loaded):
            print(_told(one), file=sys.stderr, flush=True)
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


def _told(mending: Mending) -> str:
    row = mending.row
    named = f"a damaged row of {row.table} ({printable(' '.join(map(str, row.key)))})"
    match mending.became:
        case Mended.REPAIRED:
            return f"put right: {named}, in which one bit was another"
        case Mended.TAKEN:
            return f"taken away: {named}"
        case Mended.GONE:
            return f"gone by now: {named}"
        case Mended.SOUND:
            return f"not damaged any more: a row of {row.table} ({printable(' '.join(map(str, row.key)))})"
    if mending.why:
        return f"not mended: {named}; restore a backup ({mending.why})"
    return (
        f"not taken away: {named}, which the ledger refers to; restore a backup, or where `hongshu account show` shows"
        " it as it was, set its zone once more with `hongshu account zone`"
    )
