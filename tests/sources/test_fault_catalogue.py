"""The simulator fails as it is told: each fault is what it says, and rules choose the calls that have one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from hongshu.errors import ConfigError, SourceError
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import judge
from hongshu.models import TOP, Asked, Page
from hongshu.sources.simulator import FAULTS, Rule, SimulatorSource, World, read_rules
from running import run_hongshu

PAGE: Final = Path(__file__).parents[2] / "docs/reference/simulator.md"
AT_MS: Final = 1_767_225_600_000
WORLD: Final = World(seed=11, creators=400)
USER: Final = next(one for one in WORLD.creators if len(WORLD.notes(one, AT_MS)) > 70)
OTHER: Final = next(one for one in WORLD.creators if one != USER)


def a_source(*rules: Rule) -> SimulatorSource:
    return SimulatorSource("sim", WORLD, lambda: 0, at_ms=AT_MS, faults=rules)


async def is_page(source: SimulatorSource, asked: Asked, seconds: float = 0.3) -> bool:
    """Say whether a reader who knows the creator's notes takes the answer for a page."""
    try:
        found = read(await source.page(asked, seconds))
    except SourceError:
        return False
    note = WORLD.note(asked.creator, asked.cursor, AT_MS) if asked.cursor else None
    below = TOP if note is None else TOP._replace(published_ms=note.published_ms, id=note.id)
    return judge(found, asked, speaks=source.speaks, notes_known=True, below=below).verdict.good


async def cursor_of_page(number: int) -> str:
    """Return the cursor that leads to a page, counted from 1."""
    cursor = None
    for _ in range(number - 1):
        page = read(await a_source().page(Asked(creator=USER, cursor=cursor), 5))
        assert isinstance(page, Page)
        cursor = page.notes[-1].id
    assert cursor is not None
    return cursor


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_gives_a_page_or_none_as_it_says(name: str) -> None:
    """Asked for the third page, in the process; what takes its time takes little of it here."""
    seconds = None if FAULTS[name].hangs else 0.0
    asked = Asked(creator=USER, cursor=await cursor_of_page(3))
    assert await is_page(a_source(Rule(name=name, seconds=seconds)), asked) == FAULTS[name].gives_page


def test_names_are_plain_and_the_reference_has_them_all() -> None:
    """The table of the reference is the catalogue."""
    rows = re.findall(r"(?m)^\| `([a-z0-9-]+)` \| (.+?) \| (yes|no) \|$", PAGE.read_text(encoding="utf-8"))
    assert rows == [(one.name, one.about, "yes" if one.gives_page else "no") for one in FAULTS.values()]
    assert all(re.fullmatch(r"[a-z0-9]+(-{1,2}[a-z0-9]+)*", name) for name in FAULTS)


async def outcomes(rules: Sequence[Rule], calls: Sequence[Asked]) -> list[bool]:
    source = a_source(*rules)
    return [await is_page(source, asked) for asked in calls]


async def test_a_rate_is_drawn_from_the_seed() -> None:
    """About as many calls fail as it says, and the same ones each time."""
    rules, calls = [Rule(name="code-500", rate=0.3)], [Asked(creator=USER)] * 400
    first = await outcomes(rules, calls)
    assert 80 < first.count(False) < 160
    assert await outcomes(rules, calls) == first


async def test_a_rule_may_be_for_a_creator_a_kind_of_page_and_some_calls() -> None:
    """Whatever does not fit is as it was, and is not counted."""
    first, later = Asked(creator=USER), Asked(creator=USER, cursor=await cursor_of_page(2))
    other = Asked(creator=OTHER)
    assert await outcomes([Rule(name="code-500", creator=OTHER)], [first, other]) == [True, False]
    assert await outcomes([Rule(name="code-500", page="first")], [first, later]) == [False, True]
    assert await outcomes([Rule(name="code-500", page="later")], [first, later]) == [True, False]
    some = [Rule(name="code-500", creator=USER, from_call=2, to_call=3)]
    assert await outcomes(some, [first, other, first, first, first]) == [True, True, False, False, True]
    assert await outcomes([Rule(name="code-500", under="a")], [first]) == [True]


async def test_the_first_rule_that_is_drawn_decides() -> None:
    """A later one may still have the calls that the first leaves."""
    rules = (Rule(name="code-301", to_call=1), Rule(name="code-500"))
    source = a_source(*rules)
    codes = [getattr(read(await source.page(Asked(creator=USER), 1)), "code", None) for _ in range(3)]
    assert codes == [301, 500, 500]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[fault]]\nname = 'code-31'", r"fault 1: there is no fault \"code-31\"; did you mean \"code-301\"\?"),
        ("[[fault]]\nname = 'hang'\n[[fault]]\nrate = 0.5\nname='reset'\n[[fault]]\nrate = 0.1", "fault 3: .*`name`"),
        ("[[fault]]\nname = 'hang'\nrate = 1.5", "fault 1: .*<= 1"),
        ("[[fault]]\nname = 'hang'\nrat = 1.5", "fault 1: .*unknown field `rat`"),
        ("[[fault]]\nname = 'hang'\npage = 'last'", "fault 1: .*'last'"),
        ("[[fault]]\nname = 'hang'\nseconds = -1", "fault 1: .*>= 0"),
        ("[fault]\nname = 'hang'", r"write \[\[fault\]\] with two brackets"),
        ("[[faults]]\nname = 'hang'", "faults: is not known here"),
        ("name = ", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_rules_file_that_is_wrong_says_what_to_mend(tmp_path: Path, text: Any, says: str) -> None:
    """With the file's name and the rule's number."""
    file = tmp_path / "faults.toml"
    if isinstance(text, bytes):
        file.write_bytes(text)
    elif text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says) as raised:
        read_rules(file)
    assert str(file) in raised.value.message


def test_a_source_of_the_settings_has_its_faults(tmp_path: Path) -> None:
    """The file is named from the configuration's folder; where it is wrong, that is one line."""
    (tmp_path / "hongshu.toml").write_text('[[source]]\nname = "sim"\nkind = "simulator"\nfaults = "f.toml"\n')
    (tmp_path / "f.toml").write_text('[[fault]]\nname = "code-601"\n')
    done = run_hongshu("fetch", USER, data_dir=tmp_path)
    assert done.returncode == 1
    assert "sim: refused" in done.stderr
    (tmp_path / "f.toml").write_text('[[fault]]\nname = "code-601"\nrate = 7\n')
    done = run_hongshu("fetch", USER, data_dir=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"hongshu: .*f\.toml: fault 1: .*\n", done.stderr)
