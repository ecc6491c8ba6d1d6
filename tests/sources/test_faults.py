"""The simulator's faults inside the process: what each is, which calls have it, and files of rules that are wrong."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hongshu.errors import ConfigError, SourceError
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import judge
from hongshu.models import TOP, Asked, NoPage, Page, Place, Reply
from hongshu.sources.simulator import FAULTS, Rule, SimulatorSource, World, read_rules

AT_MS = 1_767_225_600_000
REFERENCE = Path(__file__).parents[2] / "docs/reference/simulator.md"
AFTER_A_CURSOR = frozenset({"cursor-still", "cursor-ignored"})
"""Faults that need a cursor: on a first page they are the truth."""
SECONDS = 0.05
TIMEOUT_SECONDS = 0.25

world = World(seed=11, creators=400)
long = [one for one in world.creators if len(world.notes(one, AT_MS)) > 70]
first = Asked(creator=long[0])


def source(*rules: Rule, seed: int = 11) -> SimulatorSource:
    """A simulator whose time stands still, with rules."""
    its = world if seed == 11 else World(seed=seed, creators=400)
    return SimulatorSource("made-up", its, lambda: AT_MS * 10**6, at_ms=AT_MS, faults=rules)


def told(asked: Asked) -> dict[str, Any]:
    """The data of the true page."""
    return dict(msgspec.json.decode(world.page(asked, AT_MS))["data"])


later = Asked(creator=first.creator, cursor=told(first)["notes"][-1]["cursor"])


def place_of(asked: Asked) -> Place:
    """Where the cursor's note stands."""
    if asked.cursor is None:
        return TOP
    page = read(Reply(body=world.page(first, AT_MS)))
    assert isinstance(page, Page)
    return next(note.place for note in page.notes if note.id == asked.cursor)


async def gives_page(name: str, asked: Asked) -> bool:
    """Whether a careful reader, who knows the creator, takes what comes for a page."""
    simulator = source(Rule(name=name, seconds=SECONDS))
    try:
        page = read(await simulator.page(asked, TIMEOUT_SECONDS))
    except SourceError:
        return False
    judged = judge(page, asked, speaks=simulator.speaks, notes_known=True, below=place_of(asked))
    return isinstance(page, Page) and judged.verdict.good


async def spoilt(name: str, asked: Asked) -> dict[str, Any]:
    """The data of the page that a fault gives."""
    reply = await source(Rule(name=name)).page(asked, 5.0)
    return dict(msgspec.json.decode(reply.body)["data"])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_a_plain_name_and_says_what_it_is(name: str) -> None:
    """The name can be typed in an address and a file; the text is one line."""
    assert FAULTS[name].name == name
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,31}", name)
    assert re.fullmatch(r"\S.{3,98}\S", FAULTS[name].about)


@pytest.mark.parametrize("asked", [first, later], ids=["first page", "later page"])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_gives_a_page_exactly_where_it_says_so(name: str, asked: Asked) -> None:
    """Those of later pages leave the first one as it is."""
    truth = name in AFTER_A_CURSOR and asked.cursor is None
    assert await gives_page(name, asked) is (FAULTS[name].gives_page or truth)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_can_be_had_where_there_is_nothing_to_spoil(name: str) -> None:
    """A creator without any note: a reply or a failed connection, and no error of the simulator's own."""
    empty = Asked(creator="f" * 24)
    assert told(empty)["notes"] == []
    try:
        reply = await source(Rule(name=name, seconds=0)).page(empty, 0.02)
    except SourceError:
        return
    assert isinstance(read(reply), Page | NoPage)


@pytest.mark.parametrize("code", [100, 301, 302, 303, 400, 500, 600, 601])
async def test_every_business_code_can_be_had(code: int) -> None:
    """The codes of the contract, each in an envelope that a reader takes for that refusal."""
    page = read(await source(Rule(name=f"code-{code}")).page(first, 5.0))
    assert isinstance(page, NoPage)
    assert page.code == code


async def test_pages_are_spoilt_as_the_faults_say() -> None:
    """Repeated cursors, missing pages and notes, others' notes, fallen counters and pins."""
    good, begin = told(later), told(first)
    beyond = Asked(creator=later.creator, cursor=good["notes"][-1]["cursor"])
    assert (await spoilt("cursor-ignored", later))["notes"] == begin["notes"]
    assert (await spoilt("cursor-still", later))["notes"][-1]["cursor"] == later.cursor
    assert (await spoilt("page-missing", later))["notes"] == told(beyond)["notes"]
    assert {note["user"]["userid"] for note in (await spoilt("others", later))["notes"]}.isdisjoint({later.creator})
    assert (await spoilt("note-missing", later))["notes"] == [good["notes"][0], *good["notes"][2:]]
    assert all(note["sticky"] for note in (await spoilt("all-pinned", later))["notes"])
    assert (await spoilt("more-forever", later))["has_more"] is True
    fallen = (await spoilt("counters-fall", later))["notes"]
    assert all(one["likes"] <= was["likes"] for one, was in zip(fallen, good["notes"], strict=True))
    assert sum(note["likes"] for note in fallen) < sum(note["likes"] for note in good["notes"])


async def test_pins_are_shown_again() -> None:
    """The pinned notes of the first page stand before those of every other page."""
    creator = next(one for one in long if told(Asked(creator=one))["notes"][0]["sticky"])
    begin = told(Asked(creator=creator))["notes"]
    asked = Asked(creator=creator, cursor=begin[-1]["cursor"])
    pinned = [note for note in begin if note["sticky"]]
    assert (await spoilt("pins-again", asked))["notes"] == [*pinned, *told(asked)["notes"]]


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.hangs])
async def test_a_hang_ends_when_the_callers_time_is_over(name: str) -> None:
    """Not earlier, and never long after."""
    began = time.monotonic()
    with pytest.raises(SourceError, match="no answer in time"):
        await source(Rule(name=name)).page(first, 0.2)
    assert 0.19 <= time.monotonic() - began < 5


async def test_the_seconds_of_a_rule_are_waited() -> None:
    """A page that is late comes while there is time, and not where it would be later than that."""
    simulator = source(Rule(name="late", seconds=0.3))
    began = time.monotonic()
    assert (await simulator.page(first, 30)).body == world.page(first, AT_MS)
    assert 0.29 <= time.monotonic() - began < 10
    with pytest.raises(SourceError, match="no answer in time"):
        await simulator.page(first, 0.1)


async def test_the_seconds_of_a_rule_are_what_a_refusal_asks_to_wait() -> None:
    """Retry-After is the rule's number."""
    reply = await source(Rule(name="code-302-wait", seconds=17)).page(first, 5.0)
    assert {name.lower(): value for name, value in reply.headers.items()}["retry-after"] == "17"


def drawn(simulator: SimulatorSource, calls: Sequence[Asked], under: str = "") -> list[str | None]:
    """The faults of some calls, by name."""
    found = [simulator.fault_of(asked, under) for asked in calls]
    return [one[0].name if one else None for one in found]


def test_a_rate_is_about_the_share_that_is_asked_for_and_the_same_each_time() -> None:
    """Equal seeds and calls have equal faults, other seeds other ones; 0 is never."""
    calls, rule = [first, later] * 2000, Rule(name="reset", rate=0.25)
    found = drawn(source(rule), calls)
    assert 850 < found.count("reset") < 1150
    assert drawn(source(rule), calls) == found
    assert drawn(source(rule, seed=12), calls) != found
    assert set(drawn(source(Rule(name="reset", rate=0)), calls)) == {None}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"creator": long[0]}, "aa--"),
        ({"creator": long[1]}, "--aa"),
        ({"page": "first"}, "a-a-"),
        ({"page": "later"}, "-a-a"),
        ({"from_call": 3}, "--aa"),
        ({"to_call": 1}, "a---"),
        ({"from_call": 2, "to_call": 3}, "-aa-"),
        ({"page": "later", "from_call": 2}, "---a"),
        ({"creator": long[1], "to_call": 1}, "--a-"),
        ({"under": "one"}, "----"),
        ({}, "aaaa"),
    ],
)
def test_a_rule_fits_the_calls_that_it_names(rule: dict[str, Any], expected: str) -> None:
    """Calls are counted among those that fit."""
    calls = [first, later, Asked(creator=long[1]), Asked(creator=long[1], cursor=later.cursor)]
    found = drawn(source(Rule(name="reset", **rule)), calls)
    assert "".join("a" if one else "-" for one in found) == expected


def test_a_rule_may_stand_for_one_path() -> None:
    """What comes below another path is neither hit nor counted."""
    simulator = source(Rule(name="reset", under="one", to_call=1))
    assert drawn(simulator, [first], "two") == [None]
    assert drawn(simulator, [first, first], "one") == ["reset", None]


def test_the_first_rule_that_fits_wins() -> None:
    """The second has what the first leaves."""
    simulator = source(Rule(name="reset", to_call=1), Rule(name="code-500"))
    assert drawn(simulator, [first, first, later]) == ["reset", "code-500", "code-500"]


GOOD = '[[fault]]\nname = "reset"\n'
WRONG = {
    "no TOML": ("[[fault]", ["TOML"]),
    "not UTF-8": ("\udcff", ["TOML"]),
    "brackets in brackets": ("x = " + "[" * 20_000, ["TOML"]),
    "one bracket": ('[fault]\nname = "reset"\n', ["[[fault]]"]),
    "another table": ('[[faults]]\nname = "reset"\n', ["faults", "[[fault]]"]),
    "no table": ("fault = [1]", ["fault 1"]),
    "unknown key": (f"{GOOD}{GOOD}rat = 1\n", ["fault 2", "rat"]),
    "unknown name": (f'{GOOD}[[fault]]\nname = "rest"\n', ["fault 2", '"rest"', '"reset"', "--list-faults"]),
    "no name": (f"{GOOD}[[fault]]\nrate = 1.0\n", ["fault 2", "name"]),
    "wrong type": (f'{GOOD}{GOOD}rate = "often"\n', ["fault 2", "rate"]),
    "rate above 1": (f"{GOOD}rate = 1.5\n", ["fault 1", "rate", "1"]),
    "rate below 0": (f"{GOOD}rate = -0.1\n", ["fault 1", "rate", "0"]),
    "rate that is no number": (f"{GOOD}rate = nan\n", ["fault 1", "rate"]),
    "calls from 0": (f"{GOOD}from_call = 0\n", ["fault 1", "from_call", "1"]),
    "seconds without end": (f"{GOOD}seconds = inf\n", ["fault 1", "seconds", "3600"]),
    "calls that end before they begin": (f"{GOOD}from_call = 3\nto_call = 2\n", ["fault 1", "to_call", "from_call"]),
    "nobody's id": (f'{GOOD}creator = "Mia"\n', ["fault 1", "creator", "24"]),
    "another page": (f'{GOOD}page = "third"\n', ["fault 1", "page", "third"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_of_rules_says_what_to_mend(tmp_path: Path, case: str) -> None:
    """File, number of the rule, and what is wrong, in one line."""
    text, words = WRONG[case]
    path = tmp_path / "faults.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError) as raised:
        read_rules(path)
    for word in [str(path), *words]:
        assert word in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(("name", "why"), [("nowhere.toml", "No such file"), (".", "directory")])
def test_a_file_of_rules_that_is_none_is_named(tmp_path: Path, name: str, why: str) -> None:
    """A file that is missing, and a folder."""
    with pytest.raises(ConfigError, match=why) as raised:
        read_rules(tmp_path / name)
    assert str(tmp_path / name) in raised.value.message


def settled(folder: Path, faults: str) -> None:
    """Two simulators in the settings, of which the first has a file of faults beside them."""
    (folder / "data").mkdir()
    simulators = '[[source]]\nname = "bad"\nkind = "simulator"\nfaults = "faults.toml"\n'
    simulators += '[[source]]\nname = "good"\nkind = "simulator"\n'
    (folder / "data/hongshu.toml").write_text(simulators, encoding="utf-8")
    (folder / "data/faults.toml").write_text(faults, encoding="utf-8")


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_settings_name_a_file_of_faults_beside_them(hongshu: Run, tmp_path: Path) -> None:
    """It is found from any folder, and only the source that names it fails."""
    settled(tmp_path, '[[fault]]\nname = "code-500"\n')
    ended = hongshu("source", "check", "--json")
    bad, good = msgspec.json.decode(ended.stdout)
    assert (ended.returncode, bad["ok"], bad["verdict"], good["ok"]) == (1, False, "refused", True)


def test_what_failed_on_the_way_to_a_page_is_not_mixed_with_it(hongshu: Run, tmp_path: Path) -> None:
    """`hongshu fetch --json` prints the page of the second source and nothing else on standard output."""
    settled(tmp_path, '[[fault]]\nname = "code-500"\n')
    ended = hongshu("fetch", first.creator, "--json")
    assert ended.returncode == 0
    assert msgspec.json.decode(ended.stdout)["notes"]


def test_a_broken_file_of_faults_is_one_line(hongshu: Run, tmp_path: Path) -> None:
    """As for every setting: exit status 2, and nothing on standard output."""
    settled(tmp_path, '[[fault]]\nname = "rest"\n')
    for arguments in (("source", "check", "bad"), ("fetch", first.creator)):
        ended = hongshu(*arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        [line] = ended.stderr.splitlines()
        assert "faults.toml" in line
        assert 'did you mean "reset"?' in line


def test_the_reference_lists_every_fault_as_it_is() -> None:
    """Name, what is sent and whether there is still a page, in the catalogue's order."""
    section = REFERENCE.read_text(encoding="utf-8").partition("\n## The faults\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\S+)` \| (.+) \| (yes|–) \|$", section, flags=re.MULTILINE)
    assert listed == [(one.name, one.about, "yes" if one.gives_page else "–") for one in FAULTS.values()]
