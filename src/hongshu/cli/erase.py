"""`hongshu erase`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from hongshu.cli.listing import given
from hongshu.cli.main import DONE, PARTLY
from hongshu.cli.printing import AsJson, print_json, print_words
from hongshu.cli.setup import ConfigFile, give_way, settings
from hongshu.errors import UsageError
from hongshu.service import erasing
from hongshu.service.erasing import Forgotten


def erase(
    *,
    creator: Annotated[
        tuple[str, ...], Parameter(help="Ids of creators, links to their profiles, or shared text that holds one.")
    ] = (),
    from_: Annotated[
        str | None, Parameter(name="--from", help="A list of creators: text, CSV or XLSX; - is stdin.")
    ] = None,
    allow: Annotated[bool, Parameter(negative=())] = False,
    config: ConfigFile = None,
    json: AsJson = False,
) -> int:
    """Erase creators for good: notes, history, covers, news and reports of them, and every byte these leave behind.

    Nothing is kept of them again, also after an older backup is restored. Servers and workers go on meanwhile; the
    ledger keeps its amounts, which name nobody. Ends with 3 where ids still stand in a file that is yours to remove.

    Parameters
    ----------
    allow
        Let them be collected again instead; what was erased stays gone.
    """
    chosen = given(creator, from_)
    if not chosen:
        raise UsageError("nobody is named; pass --creator USER, or a list with --from")
    loaded = settings(config)
    if allow:
        erasing.allow(loaded, chosen)
        print_json({"allowed": len(chosen)}) if json else print_words({"allowed": len(chosen)})
        return DONE
    give_way()
    done = erasing.erase(loaded, chosen)
    print_json(_words(done)) if json else print_words(_flat(_words(done)))
    for line in _advice(done, chosen):
        print(line, file=sys.stderr)
    return PARTLY if done.left or not done.erased.log_empty else DONE


def _words(done: Forgotten) -> dict[str, Any]:
    return {
        "erased": done.erased.creators,
        "rows": dict(done.erased.rows),
        "covers": done.erased.covers,
        "reports": done.erased.reports,
        "rewritten": done.erased.rewritten,
        "log_empty": done.erased.log_empty,
        "left": [str(one) for one in done.left],
        "backups": [str(one) for one in done.backups],
        "backups_until": done.backups_until,
    }


def _flat(words: dict[str, Any]) -> dict[str, Any]:
    rows = ", ".join(f"{number} {table}" for table, number in words["rows"].items()) or "none"
    return {**words, "rows": rows, "left": len(words["left"]), "backups": len(words["backups"])}


def _advice(done: Forgotten, creators: Sequence[str]) -> list[str]:
    told = [f"{one} still holds an id of them; remove it, or erase there too" for one in done.left]
    if not done.erased.log_empty:
        told.append("somebody reads an older state of the store, whose log holds bytes of them: erase again later")
    if done.backups:
        told.append(
            f"{len(done.backups)} backups from before hold them until {done.backups_until}; one that is restored is"
            " erased as it is put in place"
        )
    told.append(f"{len(creators)} creators are erased; nothing is kept of them again")
    return told
