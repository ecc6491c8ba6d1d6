"""Growth of notes against numbers worked out by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analytics.datasets import DAY, HOUR, SEEN, asked, note

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")

PUBLISHED = SEEN - 8 * DAY


def grown(folder: Path, looks: Sequence[tuple[float, int]], *, until: float = 192) -> dict[str, Any]:
    """Return the growth of a note with looks of (age in hours, likes); the last one was confirmed at an age."""
    seen = PUBLISHED + round(until * HOUR)
    its = [(PUBLISHED + round(age * HOUR), likes) for age, likes in looks]
    [told] = asked(folder, "growth", [note(looks[-1][1], 0, 0, published=PUBLISHED, seen=seen, looks=its)])
    return told


def test_interactions_at_an_age_lie_in_proportion_between_two_looks(tmp_path: Path) -> None:
    told = grown(tmp_path, [(0.5, 10), (1.5, 30), (5, 100), (7, 120), (20, 200), (30, 300), (60, 390), (80, 400)])
    assert (told["at_1h"], told["at_6h"], told["at_24h"], told["at_72h"], told["at_7d"]) == (20, 110, 240, 396, 400)


def test_half_life_is_the_first_age_with_half_of_what_came_in_seven_days(tmp_path: Path) -> None:
    assert grown(tmp_path, [(1, 100), (3, 300), (24, 400)])["half_life_hours"] == 2


def test_half_life_is_unknown_where_the_first_look_saw_more_than_half(tmp_path: Path) -> None:
    assert grown(tmp_path, [(5, 300), (24, 400)])["half_life_hours"] is None


def test_looks_further_apart_than_the_note_was_old_tell_nothing_between(tmp_path: Path) -> None:
    told = grown(tmp_path, [(0.5, 10), (100, 300)])
    assert (told["at_1h"], told["at_6h"], told["at_24h"], told["at_7d"]) == (None, None, None, 300)


def test_looks_that_saw_the_same_tell_what_was_between(tmp_path: Path) -> None:
    told = grown(tmp_path, [(0.5, 10)])
    assert [told[name] for name in ("at_1h", "at_6h", "at_24h", "at_72h", "at_7d")] == [10] * 5


def test_nothing_is_told_of_an_age_that_nobody_has_seen(tmp_path: Path) -> None:
    told = grown(tmp_path, [(0.5, 10), (1.5, 30)], until=2)
    assert (told["at_1h"], told["at_6h"], told["at_7d"], told["half_life_hours"]) == (20, None, None, None)
