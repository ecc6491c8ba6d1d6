"""`hongshu creator`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from hongshu.cli.listing import creators_of, group_name, table_of
from hongshu.cli.main import DONE, FAILED, PARTLY
from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, notes, quiet_settings
from hongshu.errors import UsageError
from hongshu.formats.border import printable
from hongshu.formats.lists import named
from hongshu.formats.profiles import COLUMNS, ToldProfile, read_profile
from hongshu.life.covering import parts
from hongshu.models import EVERYONE, Profile, rfc3339
from hongshu.store import coverage, creators, profiles
from hongshu.store.base import Connection

app = App(name="creator", help="List and show creators, group them, and import followers and prices.")

EMPTY: Final = "no creator is known yet; collect some with: hongshu collect USER"
TOLD_OTHERWISE: Final = "an earlier line tells otherwise of the same creator and time"
_SHOWN: Final = 20
_AT_ONCE: Final = 500
_IMPORT: Final = "import:profiles"
Group = Annotated[str | None, Parameter(help="A group's name.")]


@app.command(name="list")
def list_(*, group: Group = None, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the creators that are known, or those of a group."""
    with notes(quiet_settings(config)) as room:
        rest = iter(room.read(partial(_chosen, group=None if group is None else group_name(group))))
        rows: list[dict[str, Any]] = []
        while some := list(islice(rest, _AT_ONCE)):
            rows += room.read(partial(_all_words, creators=some))
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def show(
    user: Annotated[str, Parameter(help="Id of the creator, or a link to the profile.")],
    *,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Show a creator, with everything that was told of followers and prices."""
    creator = named(user)
    with notes(quiet_settings(config)) as room:
        words = room.read(lambda db: _words(db, creator))
        told = room.read(lambda db: profiles.of_creator(db, creator))
    rows = [_profile_words(one) for one in told]
    if json:
        print_json({**words, "profiles": rows})
        return
    print_words(words)
    print()
    print_table(rows, empty="nothing was told of followers and prices; hongshu creator import FILE")


@app.command
def group(
    *users: Annotated[str, Parameter(help="Ids of creators, or links to their profiles.")],
    from_: Annotated[str | None, Parameter(name="--from", help="A list of creators: text, CSV or XLSX; or -.")] = None,
    column: Annotated[str | None, Parameter(help="The column of the list that names them.")] = None,
    skip_bad_lines: Annotated[bool, Parameter(negative=(), help="Leave out lines that name nobody.")] = False,
    add: Annotated[str | None, Parameter(help="Put them into this group.")] = None,
    remove: Annotated[str | None, Parameter(help="Take them out of this group.")] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Put creators into a group, or take them out of one; prints how many members it has then."""
    if (add is None) == (remove is None):
        raise UsageError("pass either --add GROUP or --remove GROUP")
    name = group_name(add if add is not None else remove or "")
    with notes(quiet_settings(config)) as room:
        chosen = creators_of(users, from_, None, room, column=column, skip_bad_lines=skip_bad_lines)
        change = creators.add_members if add is not None else creators.remove_members
        room.write(lambda db: change(db, name, chosen))
        words = {"group": name, "members": len(room.read(lambda db: creators.members(db, name)))}
    print_json(words) if json else print_words(words)


@app.command
def groups(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the groups and how many members each has."""
    with notes(quiet_settings(config)) as room:
        rows = [{"group": name, "members": number} for name, number in room.read(creators.groups).items()]
    print_json(rows) if json else print_table(rows, empty="there are no groups; hongshu creator group USER --add NAME")


@app.command(name="import")
def import_(
    file: Annotated[Path, Parameter(help="CSV or XLSX: creator, nickname, followers, as_of, price, currency.")],
    *,
    config: ConfigFile = None,
    json: AsJson = False,
) -> int:
    """Import followers and prices; rows that are wrong are told by number, the others are kept."""
    counted, reasons = Counter[str](), Counter[str]()
    with notes(quiet_settings(config)) as room:
        told = _told(file, counted, reasons)
        while some := list(islice(told, _AT_ONCE)):
            fresh = room.write(partial(_put, told=some))
            counted["imported"] += fresh
            counted["unchanged"] += len(some) - fresh
    words = {name: counted[name] for name in ("rows", "imported", "unchanged", "skipped")}
    print_json({**words, "reasons": dict(reasons)}) if json else print_words(words)
    kept = counted["imported"] + counted["unchanged"]
    return PARTLY if counted["skipped"] and kept else FAILED if counted["skipped"] else DONE


def _told(file: Path, counted: Counter[str], reasons: Counter[str]) -> Iterator[ToldProfile]:
    """Return what the rows tell, each creator and time once; count them, and say what is wrong with the others."""
    known: dict[tuple[str, int], ToldProfile] = {}
    for number, row in _rows(file):
        counted["rows"] += 1
        try:
            told = read_profile(row)
            if known.setdefault((told.creator, told.as_of_ms), told) != told:
                raise UsageError(TOLD_OTHERWISE)
        except UsageError as error:
            reasons[error.message] += 1
            counted["skipped"] += 1
            if counted["skipped"] <= _SHOWN:
                print(f"{printable(str(file))}, line {number}: {error.message}", file=sys.stderr)
            continue
        yield told


def _put(db: Connection, told: Sequence[ToldProfile]) -> int:
    """Keep what rows tell and return how many were not known."""
    fresh = [Profile(**{name: getattr(one, name) for name in one.__struct_fields__}, source=_IMPORT) for one in told]
    return sum(profiles.put(db, one) for one in fresh)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, object]]]:
    rows = table_of(str(file))
    _, header = next((one for one in rows if any(str(cell or "").strip() for cell in one[1])), (0, ()))
    names = [str(cell or "").strip().lower() for cell in header]
    missing = [one for one in ("creator", "as_of") if one not in names]
    if missing:
        raise UsageError(f"{file} has no column {' and no column '.join(missing)}; it takes: {', '.join(COLUMNS)}")
    if any(names.count(one) > 1 for one in COLUMNS):
        raise UsageError(f"{file} has two columns of the same name; leave one of them out")
    others = [one for one in names if one and one not in COLUMNS]
    if others:
        shown = printable(", ".join(one[:40] for one in others[:_SHOWN]))
        print(f"columns that are not taken: {shown}; it takes: {', '.join(COLUMNS)}", file=sys.stderr)
    for number, row in rows:
        if any(cell not in (None, "") for cell in row):
            yield number, dict(zip(names, row, strict=False))


def _chosen(db: Connection, group: str | None) -> list[str]:
    return creators.everyone(db) if group is None else creators.members(db, group)


def _all_words(db: Connection, creators: Sequence[str]) -> list[dict[str, Any]]:
    return [_words(db, one) for one in creators]


def _words(db: Connection, creator: str) -> dict[str, Any]:
    [known] = creators.known(db, [creator])
    told = profiles.of_creator(db, creator)
    whole = parts(coverage.whole(db, creator, EVERYONE))
    return {
        "creator": creator,
        "nickname": known.nickname or next((one.nickname for one in told if one.nickname), None),
        "notes": known.notes,
        "newest": _time(known.newest_ms),
        "looked": _time(known.seen_ms),
        "complete": [(one.complete, one.from_ms) for one in whole] == [(True, None)],
        "groups": creators.groups_of(db, creator),
        "followers": next((one.followers for one in told if one.followers is not None), None),
    }


def _profile_words(profile: Profile) -> dict[str, Any]:
    return {
        "as_of": rfc3339(profile.as_of_ms),
        "nickname": profile.nickname,
        "followers": profile.followers,
        "price": profile.price,
        "currency": profile.currency,
        "source": profile.source,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
