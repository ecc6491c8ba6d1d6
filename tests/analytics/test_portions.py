"""A data set that is asked by portions of its creators answers as one that is asked as a whole."""

import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from analytics.datasets import ALL, DAY, HOUR, ME, SEEN, creator, note, wrote
from analytics.worlds import alike, parted, world
from hongshu.analytics import duck
from hongshu.analytics.duck import baseline, portions, side_by_side
from hongshu.analytics.questions import DEFAULTS, names, sql
from hongshu.analytics.windows import Window
from hongshu.engine.exporting.parquet import opened
from hongshu.errors import HongshuError

PARTS = 8


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wrote(tmp_path_factory.mktemp("flat"), *world(random.Random(7)))


@pytest.fixture(scope="module")
def folder(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parted(flat, tmp_path_factory.mktemp("parted"))


@pytest.fixture
def divided(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duck.DuckAnalyst]:
    monkeypatch.setattr(portions, "_PORTION", 1)
    with duck.analyst(folder) as opened:
        assert len(opened._portions) >= PARTS
        yield opened


@pytest.mark.parametrize("question", names())
def test_portions_change_no_answer_and_no_order(divided: duck.DuckAnalyst, flat: Path, question: str) -> None:
    with duck.analyst(flat) as whole:
        expected = whole.ask(question, ALL)
        answer = divided.ask(question, ALL)
        assert (answer.columns, dict(answer.types)) == (expected.columns, dict(expected.types))
        assert len(answer) > 0
        for row, other in zip(answer.rows, expected.rows, strict=True):
            assert all(map(alike, row, other)), (row, other)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes of few moments, of types without a name and of names of their own, of counters that fit no 32 bits.

    Some of their creators are listed, one of them twice.
    """
    chance = random.Random(11)
    notes = [
        note(
            chance.choice([0, 5, 90, 2**40, None]),
            1,
            1,
            creator=f"{chance.randrange(9):024x}",
            id=f"{chance.getrandbits(80):020x}{number:04x}",
            published=SEEN - chance.randrange(30) * DAY - chance.choice([0, 3]) * HOUR,
            type=chance.choice(["normal", "video", "live", "", None]),
            estimated=chance.random() < 0.3,
        )
        for number in range(1500)
    ]
    listed = [creator(f"{number:024x}") for number in (0, 1, 1, 2)]
    return wrote(tmp_path_factory.mktemp("crowded"), notes, listed)


def hours_of(folder: Path) -> list[tuple[object, ...]]:
    with duck.analyst(folder) as opened:
        return list(opened.ask("hours", ALL).rows)


def test_hours_are_the_same_over_arrays_and_in_sql(
    crowded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "_PORTION", 1)
    folder = parted(crowded, tmp_path)
    expected, over_arrays = hours_of(crowded), hours_of(folder)
    assert baseline.arrays_tell(sql("hours", DEFAULTS))
    monkeypatch.setattr(baseline, "MOST", 0)
    assert over_arrays == hours_of(folder) == expected
    assert len({row[-1] for row in expected}) > 10


def test_notes_without_a_creator_are_told_over_arrays_as_in_sql(
    crowded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export has none; a folder that somebody else made may."""
    monkeypatch.setattr(portions, "_PORTION", 1)
    folder = parted(crowded, tmp_path)
    [one, *_] = sorted((folder / "notes").glob("**/*.parquet"))
    with opened(tmp_path) as db:
        nameless = f"SELECT * REPLACE (CASE WHEN likes > 4 THEN creator END AS creator) FROM '{one}'"
        db.execute(f"COPY ({nameless}) TO '{tmp_path / 'nameless.parquet'}'")
    (tmp_path / "nameless.parquet").rename(one)
    over_arrays = hours_of(folder)
    monkeypatch.setattr(baseline, "MOST", 0)
    assert over_arrays == hours_of(folder)
    assert any(row[0] is None for row in over_arrays)


def test_hours_are_told_without_numpy(crowded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "_PORTION", 1)
    folder = parted(crowded, tmp_path)
    expected = hours_of(folder)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert not baseline.arrays_tell(sql("hours", DEFAULTS))
    assert hours_of(folder) == expected


def test_a_window_without_notes_has_no_hours(divided: duck.DuckAnalyst) -> None:
    assert len(divided.ask("hours", Window(since_ms=0, until_ms=DAY))) == 0


def test_hours_do_not_hang_on_the_ids_of_notes(crowded: Path, tmp_path: Path) -> None:
    """The same notes with other ids, which put those of one moment into another order."""
    expected = hours_of(crowded)
    notes = crowded / "notes" / "part-0.parquet"
    (tmp_path / "notes").mkdir()
    with opened(tmp_path) as db:
        other = f"SELECT * REPLACE (md5(id)[:24] AS id) FROM '{notes}'"
        db.execute(f"COPY ({other}) TO '{tmp_path / 'notes' / 'part-0.parquet'}'")
    assert hours_of(tmp_path) == expected


def test_one_question_after_another_is_about_all_creators(divided: duck.DuckAnalyst) -> None:
    first, narrow = divided.ask("hours", ALL).rows, divided.ask("performance", ALL).rows
    few = divided.ask("hours", Window(since_ms=ALL.until_ms - 60 * 86_400_000, until_ms=ALL.until_ms))
    assert 0 < len(few) < len(first)
    assert divided.ask("hours", ALL).rows == first
    assert divided.ask("performance", ALL).rows == narrow
    assert len(narrow) == len(divided.ask("known", ALL))


@pytest.mark.parametrize(("question", "table"), [("growth", "observations"), ("hours", "notes")])
def test_a_question_that_fails_leaves_all_creators_to_the_next(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str, table: str
) -> None:
    monkeypatch.setattr(portions, "_PORTION", 1)
    copy = shutil.copytree(folder, tmp_path / "copy")
    *_, last = sorted((copy / table).glob("**/*.parquet"))
    with duck.analyst(copy) as opened:
        before = opened.ask("performance", ALL).rows
        last.rename(tmp_path / "away")
        with pytest.raises(HongshuError, match="cannot be read as a data set"):
            opened.ask(question, ALL)
        (tmp_path / "away").rename(last)
        assert opened.ask("performance", ALL).rows == before
        assert len(opened.ask(question, ALL)) > 0
        assert tables_of(opened, "begun") == []


def tables_of(opened: duck.DuckAnalyst, name: str) -> list[tuple[str]]:
    return opened._connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, ?)", [name]
    ).fetchall()


def test_a_portion_that_fails_ends_the_one_under_way() -> None:
    """The first asks for what would take hours; the second fails as soon as the first has begun."""
    begun, ended = Event(), Event()

    def add(cursor: Any, portion: Mapping[str, str]) -> None:
        if portion["notes"] == "long":
            begun.set()
            with pytest.raises(Exception, match="INTERRUPT"):
                cursor.execute("SELECT sum(hash(range)) FROM range(1000000000000)")
            ended.set()
        else:
            assert begun.wait(10)
            time.sleep(0.2)
            raise ValueError("as expected")

    with duck.open_frames({}) as opened, pytest.raises(ValueError, match="as expected"):
        side_by_side.add_side_by_side(opened._connection, add, [{"notes": "long"}, {"notes": "short"}])
    assert ended.is_set()


PRESSED_TWICE = """
import _thread, signal, time
from hongshu.analytics import duck
from hongshu.analytics.duck import side_by_side

signal.signal(signal.SIGINT, {handler})

def add(cursor, portion):
    if portion["notes"] == "long":
        cursor.execute("SELECT sum(hash(range)) FROM range({length})")
    for _ in range(2):
        time.sleep(0.2)
        _thread.interrupt_main()
    time.sleep(0.2)
    added.append(portion)

added = []
try:
    with duck.open_frames({{}}) as opened:
        side_by_side.add_side_by_side(opened._connection, add, [{{"notes": one}} for one in ("long", "one", "other")])
    print(len(added), "were added")
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize(
    ("handler", "length", "said"),
    [
        ("signal.default_int_handler", 10**12, "ended"),
        ("lambda *_: None", 10**12, "ended"),
        ("signal.SIG_IGN", 10, "3 were added"),
    ],
    ids=["heard", "heard by somebody who goes on", "ignored"],
)
def test_ctrl_c_that_is_pressed_twice_ends_all_that_is_under_way(handler: str, length: int, said: str) -> None:
    """What was added by then is never told as all; who lets no Ctrl+C through, as in the background, has all added."""
    command = [sys.executable, "-c", PRESSED_TWICE.format(handler=handler, length=length)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (f"{said}\n", "", 0)


def test_small_parts_share_a_portion(folder: Path, flat: Path, tmp_path: Path) -> None:
    for one, expected in ((folder, 1), (flat, 0), (wrote(tmp_path, [note(1, 1, 1, creator=ME)]), 0)):
        with duck.analyst(one) as opened:
            assert len(opened._portions) == expected


@pytest.mark.parametrize("question", names())
def test_a_question_is_put_in_order_by_its_own_columns(divided: duck.DuckAnalyst, question: str) -> None:
    text = sql(question, {**DEFAULTS, "since_ms": 0, "until_ms": 1})
    order = re.sub(r" (DESC|ASC)\b", "", text.rpartition("ORDER BY ")[2]).strip()
    assert set(order.split(", ")) <= set(divided.ask(question, ALL).columns)
