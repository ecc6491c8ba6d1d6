"""Known × seen: a look never makes knowledge poorer, and each change of a counter is one observation."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.life.merging import Merged, Wire, merge
from hongshu.models import Count, Counters, Kept, Note, Precision, Shape

NOTE_ID = "6500000000000000000000aa"
LIST_LIMIT = 100
NAMES = ("likes", "collects", "comments", "shares")

exact = st.integers(0, 50).map(lambda value: Count(value=value, text=str(value)))
inexact = st.builds(
    lambda value, precision: Count(value=value, text=f"{value}+", precision=precision),
    st.integers(0, 50),
    st.sampled_from([Precision.ROUNDED, Precision.AT_LEAST]),
)
counts = st.one_of(st.none(), exact, inexact)
counters = st.builds(Counters, likes=counts, collects=counts, comments=counts, shares=counts)
texts = st.one_of(st.none(), st.text("ab#[话题]", max_size=12), st.text("语", min_size=98, max_size=140))


@st.composite
def notes(draw: st.DrawFn) -> Note:
    shape = draw(st.sampled_from(Shape))
    rich = shape is Shape.V4
    estimated = draw(st.booleans()) if rich else True
    return Note(
        id=NOTE_ID,
        shape=shape,
        raw=b"raw",
        wire=draw(st.sampled_from([b'{"a":1}', b'{"a":2}'])),
        published_ms=1_694_000_000_000 if estimated else draw(st.integers(1_694_000_000_000, 1_694_000_000_009)),
        estimated=estimated,
        creator=draw(st.sampled_from([None, "5f0000000000000000000001"])),
        nickname=draw(st.sampled_from([None, "one", "other"])),
        kind=draw(st.sampled_from([None, "normal", "video"])),
        title=draw(st.sampled_from([None, "", "title"])),
        text=draw(texts) if rich else None,
        edited_ms=draw(st.sampled_from([None, 5, 6])) if rich else None,
        counters=draw(counters) if rich else Counters(likes=draw(counts)),
        pinned=draw(st.sampled_from([None, False, True])),
        goods=draw(st.sampled_from([None, False, True])) if rich else None,
        cover_key=draw(st.sampled_from([None, "key", "other key"])),
        hashtags=draw(st.sampled_from([(), ("a",), ("a", "b")])) if rich else (),
    )


looks = st.lists(st.tuples(notes(), st.integers(1, 6)), min_size=1, max_size=6)


def merged(known: Kept | None, seen: Note, seen_ms: int) -> Merged:
    return merge(known, seen, seen_ms=seen_ms, source=f"source{seen_ms}", pin_rank=3 if seen.pinned else None)


def after(history: list[tuple[Note, int]]) -> Kept:
    known: Kept | None = None
    for seen, seen_ms in history:
        known = merged(known, seen, seen_ms).kept
    assert known is not None
    return known


def a_note(shape: Shape = Shape.V4, **more: Any) -> Note:
    told = {"id": NOTE_ID, "raw": b"r", "wire": b"{}", "published_ms": 1, "estimated": shape is not Shape.V4, **more}
    return Note(shape=shape, **told)


@given(looks, notes(), st.integers(1, 8))
def test_unknown_leaves_what_was_known(history: list[tuple[Note, int]], seen: Note, seen_ms: int) -> None:
    """Whatever a look does not say stays as it was; what is known never becomes unknown."""
    known = after(history)
    now = merged(known, seen, seen_ms).kept
    for name in ("creator", "nickname", "kind", "title", "text", "edited_ms", "pinned", "goods", "cover_key"):
        before, after_it = getattr(known.note, name), getattr(now.note, name)
        assert before is None or after_it is not None
        if getattr(seen, name) is None:
            assert after_it == before
    for name in NAMES:
        if getattr(seen.counters, name) is None:
            assert getattr(now.note.counters, name) == getattr(known.note.counters, name)
    assert known.note.estimated or not now.note.estimated
    if seen.estimated and not known.note.estimated:
        assert now.note.published_ms == known.note.published_ms
    if seen.pinned is None:
        assert now.pin_rank == known.pin_rank


@given(looks, notes(), st.integers(1, 8))
def test_an_inexact_count_leaves_an_exact_one_and_is_no_observation(
    history: list[tuple[Note, int]], seen: Note, seen_ms: int
) -> None:
    """An exact counter stays until another exact count comes; a rounded one beside it raises no change."""
    known = after(history)
    result = merged(known, seen, seen_ms)
    for name in NAMES:
        before, told = getattr(known.note.counters, name), getattr(seen.counters, name)
        inexact_now = told is not None and told.precision is not Precision.EXACT
        if before is not None and before.precision is Precision.EXACT and inexact_now:
            assert getattr(result.kept.note.counters, name) == before
    told_all = [getattr(seen.counters, name) for name in NAMES]
    known_all = [getattr(known.note.counters, name) for name in NAMES]
    only_exact_known = all(one is not None and one.precision is Precision.EXACT for one in known_all)
    if only_exact_known and all(one is None or one.precision is not Precision.EXACT for one in told_all):
        assert result.observation is None


@given(looks, notes(), st.integers(1, 8))
def test_each_change_of_the_counters_is_one_observation(
    history: list[tuple[Note, int]], seen: Note, seen_ms: int
) -> None:
    """An observation holds all counters as they now are, when the look was, and who told; none without a change."""
    known = after(history)
    result = merged(known, seen, seen_ms)
    changed = result.kept.note.counters != known.note.counters
    assert (result.observation is not None) == changed
    if result.observation is not None:
        assert result.observation.counters == result.kept.note.counters
        assert (result.observation.seen_ms, result.observation.source) == (seen_ms, f"source{seen_ms}")


@given(notes(), st.integers(1, 8))
def test_a_first_look_that_tells_counters_is_an_observation(seen: Note, seen_ms: int) -> None:
    """The history of a counter begins with its first count, and with nothing where no count was given."""
    result = merged(None, seen, seen_ms)
    assert (result.observation is None) == (seen.counters == Counters())
    assert result.kept.note == seen
    assert (result.kept.first_seen_ms, result.kept.last_seen_ms, result.wire) == (seen_ms, seen_ms, Wire.SEEN)


@given(looks, notes(), st.integers(1, 8))
def test_the_same_look_twice_changes_nothing(history: list[tuple[Note, int]], seen: Note, seen_ms: int) -> None:
    """A look that was merged and comes again leaves everything as it is, and is no observation."""
    once = merged(after(history), seen, seen_ms).kept
    twice = merged(once, seen, seen_ms)
    assert twice.kept == once
    assert twice.observation is None
    if seen_ms < once.last_seen_ms:
        return
    later = merged(once, seen, seen_ms + 9)
    assert later.observation is None
    assert msgspec.structs.replace(later.kept, last_seen_ms=once.last_seen_ms, source=once.source) == once


@given(looks, notes(), st.integers(1, 8))
def test_an_older_look_leaves_a_newer_one(history: list[tuple[Note, int]], seen: Note, seen_ms: int) -> None:
    """What was seen before the last look changes nothing of what is known, and is no observation."""
    known = after(history)
    result = merged(known, seen, seen_ms)
    if seen_ms < known.last_seen_ms:
        assert (result.kept, result.wire, result.observation) == (known, Wire.KNOWN, None)
    else:
        assert result.kept.last_seen_ms == seen_ms
        assert result.kept.first_seen_ms == known.first_seen_ms
        assert result.kept.missing_since_ms is None


@given(looks, notes(), st.integers(1, 8))
def test_a_poorer_shape_patches_and_a_richer_one_replaces(
    history: list[tuple[Note, int]], seen: Note, seen_ms: int
) -> None:
    """A web card never makes a V4 note or a table's row a web note; V4 after either gives its own bytes."""
    known = after(history)
    result = merged(known, seen, max(seen_ms, known.last_seen_ms))
    order = [Shape.WEB, Shape.TABLE, Shape.V4]
    poorer = order.index(seen.shape) < order.index(known.note.shape)
    assert result.wire is (Wire.PATCHED if poorer else Wire.SEEN)
    assert result.kept.note.shape is (known.note.shape if poorer else seen.shape)
    assert result.kept.note.wire == (known.note.wire if poorer else seen.wire)
    if poorer and seen.shape is Shape.WEB:
        for name in ("text", "edited_ms", "goods", "cover_key", "hashtags", "published_ms", "estimated"):
            if not (name == "published_ms" and known.note.estimated):
                assert getattr(result.kept.note, name) == getattr(known.note, name)


@given(st.text("字b", min_size=LIST_LIMIT + 1, max_size=300))
def test_a_text_that_the_list_cut_leaves_the_longer_one_and_its_hashtags(whole: str) -> None:
    """A hundred code points that begin a known text are that text, cut."""
    known = merged(None, a_note(text=whole, hashtags=("one", "two")), 1).kept
    now = merged(known, a_note(text=whole[:LIST_LIMIT], hashtags=("one",)), 2).kept.note
    assert (now.text, now.hashtags) == (whole, ("one", "two"))


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        ("hello, world", "hello"),
        ("hello", ""),
        ("a" * LIST_LIMIT, "a" * (LIST_LIMIT - 1)),
        ("字" * 300, "别" + "字" * 99),
        ("short", "短" * LIST_LIMIT),
    ],
)
def test_a_text_that_was_rewritten_or_shortened_is_taken(before: str, seen: str) -> None:
    """A text too short to have been cut, or that begins otherwise, is an edit."""
    known = merged(None, a_note(text=before, hashtags=("old",)), 1).kept
    now = merged(known, a_note(text=seen), 2).kept.note
    assert (now.text, now.hashtags) == (seen, ())


def test_an_observation_of_a_poorer_look_names_that_looks_source() -> None:
    """Likes told by the web list are observed from the web list, though the note's bytes are still V4's."""
    rich = a_note(counters=Counters(likes=Count(value=1, text="1")))
    poor = a_note(Shape.WEB, counters=Counters(likes=Count(value=2, text="2")))
    known = merge(None, rich, seen_ms=1, source="api", pin_rank=None).kept
    result = merge(known, poor, seen_ms=2, source="site", pin_rank=None)
    assert result.observation is not None
    assert result.observation.source == "site"
    assert result.kept.source == "api"


def test_a_note_that_was_missing_and_is_seen_again_is_missing_no_more() -> None:
    """A look that shows a note ends its absence; one older than the absence is not asked here."""
    known = msgspec.structs.replace(merged(None, a_note(), 1).kept, missing_since_ms=5)
    assert merged(known, a_note(), 7).kept.missing_since_ms is None
