"""What a report stands on is the same, whether it is read from the store or from a data set that was exported."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")
pytest.importorskip("numpy", reason="the extra `analytics` is not installed")

from databases import open_room
from hongshu.analytics.duck import open_dataset, open_tables
from hongshu.analytics.facts import Facts, sha256_of, trimmed, write_lines
from hongshu.analytics.measuring.creators import measure
from hongshu.analytics.windows import Window, window
from hongshu.engine.exporting.exporter import Form, Order, export
from hongshu.engine.reporting import facts_of, facts_of_dataset, write_facts
from hongshu.formats.exports.kinds import What
from reports.followed import END_MS, followed

ALL = Window(since_ms=0, until_ms=END_MS + 1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, Path]:
    """What the store tells of three creators, and the data set that was exported of it."""
    folder = tmp_path_factory.mktemp("kept")
    creators = asyncio.run(followed(folder, 3, days=3, every_hours=8))
    dataset = folder / "dataset"
    order = Order(out=str(dataset), form=Form.PARQUET, single=False, what=tuple(What))
    with closing(open_room("sqlite", "notes", folder)) as room:
        export(room, order, lambda: END_MS * 1_000_000)
        return facts_of(room, creators), dataset


def test_a_data_set_tells_what_the_store_tells(kept: tuple[Facts, Path]) -> None:
    facts, dataset = kept
    with open_dataset(dataset) as data:
        found = facts_of_dataset(data, sorted({one["creator"] for one in facts["notes"]}))
    assert {table: len(lines) for table, lines in found.items()} == {table: len(one) for table, one in facts.items()}
    assert min(len(lines) for lines in facts.values()) > 0
    for table, lines in trimmed(found, ALL).items():
        assert lines == trimmed(facts, ALL)[table], table
    assert sha256_of(trimmed(found, ALL)) == sha256_of(trimmed(facts, ALL))


def test_numbers_of_a_window_need_no_more_than_is_kept_for_it(kept: tuple[Facts, Path], tmp_path: Path) -> None:
    facts, dataset = kept
    given = window("45d", "Asia/Shanghai", END_MS)
    with open_tables(write_lines(trimmed(facts, given), tmp_path)) as few, open_dataset(dataset) as whole:
        assert measure(few, given) == measure(whole, given)


def test_lines_are_written_as_they_are_read(kept: tuple[Facts, Path], tmp_path: Path) -> None:
    facts, dataset = kept
    (tmp_path / "one").mkdir()
    with closing(open_room("sqlite", "notes", dataset.parent)) as room:
        files = write_facts(room, sorted({one["creator"] for one in facts["notes"]}), tmp_path / "one")
    with open_tables(files) as streamed, open_dataset(dataset) as whole:
        for question in ("performance", "cadence", "growth", "engagement", "price", "log"):
            assert streamed.ask(question, ALL).rows == whole.ask(question, ALL).rows, question


def test_another_hash_follows_any_change(kept: tuple[Facts, Path]) -> None:
    facts, _ = kept
    first, *others = facts["notes"]
    changed = {**facts, "notes": [{**first, "likes": (first["likes"] or 0) + 1}, *others]}
    assert sha256_of(changed) != sha256_of(facts)
