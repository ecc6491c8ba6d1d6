"""The pages of the made-up world: V4 answers that can be walked to the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hongshu.ids import id_ms
from hongshu.models import Asked
from hongshu.sources.simulator import Happening, SimulatedNote, World

DAY_MS = 86_400_000
NOW_MS = 1_764_000_000_000


def keys(text: str) -> set[str]:
    return set(text.split())


NOTE_KEYS = keys(
    "last_update_time nice_count sticky time_desc id title images_list level comments_count create_time likes has_music"
    " collected_count infavs niced cursor widgets_context view_count is_goods_note user recommend"
    " advanced_widgets_groups desc inlikes price share_count ats display_title type simulated"
)

worlds = {size: World(7, 60, page_size=size) for size in (1, 3, 20)}
world = worlds[20]
listed = st.sampled_from(world.creators)
times = st.integers(NOW_MS - 600 * DAY_MS, NOW_MS)


def answer(creator: str, at_ms: int, cursor: str | None = None, *, of: World = world) -> dict[str, Any]:
    given_back: dict[str, Any] = json.loads(of.page(Asked(creator=creator, cursor=cursor), at_ms))
    return given_back


def walk(creator: str, at_ms: int, *, of: World = world) -> list[list[dict[str, Any]]]:
    pages = [answer(creator, at_ms, of=of)["data"]]
    while pages[-1]["has_more"]:
        pages.append(answer(creator, at_ms, pages[-1]["notes"][-1]["cursor"], of=of)["data"])
    return [page["notes"] for page in pages]


def busy(number: int = 8) -> list[str]:
    return sorted(world.creators, key=lambda creator: -world.creator(creator).posts_per_day)[:number]


def first_where(happening: Happening, creator: str) -> str | None:
    events = world.events(creator, NOW_MS - 500 * DAY_MS, NOW_MS)
    return next((event.note_id for event in events if event.happening is happening), None)


@settings(max_examples=60, deadline=None)
@given(listed, times, st.sampled_from([1, 3, 20]))
def test_a_walk_meets_every_visible_note_exactly_once(creator: str, at_ms: int, page_size: int) -> None:
    """Pages joined by the last note's cursor hold each note once, in order, and the last says that it is the last."""
    assume(page_size == 20 or world.creator(creator).posts_per_day < 0.5)
    notes = world.notes(creator, at_ms)
    pages = walk(creator, at_ms, of=worlds[page_size])
    pinned = sorted((note for note in notes if note.pinned), key=lambda note: note.pin_order or 0)
    others = [note.id for note in notes if not note.pinned]
    assert [note["id"] for page in pages for note in page] == [note.id for note in pinned] + others
    assert all(len([note for note in page if not note["sticky"]]) == page_size for page in pages[:-1])
    assert pages[-1] or not notes


@settings(max_examples=60, deadline=None)
@given(listed, times)
def test_pins_stand_on_page_one_only(creator: str, at_ms: int) -> None:
    """The first notes of page one are sticky, no other note is."""
    first, *later = walk(creator, at_ms)
    number = len(world.pins(creator, at_ms, at_ms))
    assert [note["sticky"] for note in first] == [True] * number + [False] * (len(first) - number)
    assert not any(note["sticky"] for page in later for note in page)


@settings(max_examples=60, deadline=None)
@given(listed, times)
def test_page_one_of_a_pinned_note_goes_on_below_its_place(creator: str, at_ms: int) -> None:
    """A pinned note's cursor stands for where it would be unpinned."""
    notes = world.notes(creator, at_ms)
    for pinned in (note for note in notes if note.pinned):
        below = [note.id for note in notes if note.place < pinned.place and not note.pinned]
        data = answer(creator, at_ms, pinned.id)["data"]
        assert [note["id"] for note in data["notes"]] == below[:20]
        assert data["has_more"] is (len(below) > 20)


@settings(max_examples=80, deadline=None)
@given(listed, times, st.data())
def test_an_unknown_cursor_stands_at_its_ids_time(creator: str, at_ms: int, drawn: st.DataObject) -> None:
    """A cursor that no visible note has is placed by its first eight digits."""
    cursor = f"{at_ms // 1000 - drawn.draw(st.integers(-9000, 50_000_000)):08x}{'0' * 15}1"
    below = [
        note.id for note in world.notes(creator, at_ms) if note.place < (id_ms(cursor), cursor) and not note.pinned
    ]
    assert [note["id"] for note in answer(creator, at_ms, cursor)["data"]["notes"]] == below[:20]


def test_the_cursor_of_a_deleted_note_stands_at_its_ids_time() -> None:
    """Also for a scheduled note, whose id is older than its publication."""
    tried = 0
    for creator in busy():
        gone = [note for note in world.notes(creator, NOW_MS, deleted=True) if note.deleted_ms is not None]
        visible = [note for note in world.notes(creator, NOW_MS) if not note.pinned]
        scheduled = [note for note in gone if note.created_ms < note.published_ms]
        for note in gone[:5] + scheduled[:5]:
            below = [other.id for other in visible if other.place < (note.created_ms, note.id)]
            assert [found["id"] for found in answer(creator, NOW_MS, note.id)["data"]["notes"]] == below[:20]
            tried += note in scheduled
    assert tried


def test_a_creator_without_notes_gives_an_empty_page_that_is_the_last() -> None:
    """Before its first note a creator's page is a success without notes."""
    creator = world.creators[0]
    before_ms = world.creator(creator).start_ms - 1
    assert answer(creator, before_ms)["data"] == {"notes": [], "tags": [], "has_more": False}
    assert answer("f" * 24, NOW_MS)["data"] == {"notes": [], "tags": [], "has_more": False}


@settings(max_examples=40, deadline=None)
@given(listed, times)
def test_pages_tell_the_truth(creator: str, at_ms: int) -> None:
    """Every field that varies agrees with the true note, and every note says that it is simulated."""
    truth = {note.id: note for note in world.notes(creator, at_ms)}
    for shown in answer(creator, at_ms)["data"]["notes"]:
        _check(shown, truth[shown["id"]])


def _check(shown: dict[str, Any], true: SimulatedNote) -> None:
    assert shown["simulated"] is True
    assert set(shown) - {"video_info_v2"} == NOTE_KEYS
    assert ("video_info_v2" in shown) is (true.kind == "video")
    assert shown["cursor"] == shown["id"]
    assert shown["user"]["userid"] == true.creator
    assert shown["user"]["nickname"] == world.creator(true.creator).nickname
    assert shown["create_time"] * 1000 == true.published_ms
    assert shown["last_update_time"] == (true.edited_ms or 0) // 1000
    assert (shown["type"], shown["title"], shown["desc"]) == (true.kind, true.title, true.text[:100])
    assert (shown["sticky"], shown["is_goods_note"]) == (true.pinned, true.goods)
    assert (shown["likes"], shown["collected_count"]) == (true.likes, true.collects)
    assert (shown["comments_count"], shown["share_count"]) == (true.comments, true.shares)
    assert shown["display_title"] or not (true.title or true.text)


def test_the_envelope_is_that_of_v4() -> None:
    """All five keys, the look's time in UTC, and a request id."""
    given_back = answer(world.creators[1], NOW_MS)
    assert list(given_back) == ["code", "message", "recordTime", "requestId", "data"]
    assert (given_back["code"], given_back["message"]) == (0, None)
    assert given_back["recordTime"] == "2025-11-24T16:00:00Z"
    assert len(given_back["requestId"]) == 32


def test_nested_fields_are_those_of_the_published_example() -> None:
    """Pictures, user, recommendation and widgets have the example's keys."""
    for shown in answer(busy()[0], NOW_MS)["data"]["notes"]:
        assert 1 <= len(shown["images_list"]) <= 9
        for picture in shown["images_list"]:
            assert set(picture) == keys("height width url url_size_large original trace_id fileid")
        assert set(shown["user"]) == keys("nickname images red_official_verify_type userid followed fstatus")
        assert set(shown["recommend"]) == keys("type desc icon target_id target_name track_id")
        assert json.loads(shown["widgets_context"])["author_id"] == shown["user"]["userid"]
        assert set(shown["advanced_widgets_groups"]["groups"][0]) == {"mode", "fetch_types"}


def test_long_texts_are_cut_at_exactly_100_code_points() -> None:
    """Some texts are longer than the limit, and some cuts go through a hashtag."""
    notes = [note for creator in busy() for note in world.notes(creator, NOW_MS)]
    long = [note for note in notes if len(note.text) > 100]
    assert 0.1 < len(long) / len(notes) < 0.35
    assert {len(note.desc) for note in long} == {100}
    assert any(note.desc.count("#") % 2 for note in long)
    assert all(note.desc == note.text for note in notes if len(note.text) <= 100)


def test_texts_vary() -> None:
    """There are notes without title, without text, without hashtags, with emoji, line breaks and percent signs."""
    notes = [note for creator in world.creators for note in world.notes(creator, NOW_MS)]
    assert any(not note.title for note in notes)
    assert any(not note.text for note in notes)
    assert any(not note.hashtags for note in notes)
    assert any("\n" in note.text for note in notes)
    assert any("❤️" in note.text for note in notes)
    assert any("50%" in note.title for note in notes)
    for note in notes[:2000]:
        assert all(f"#{name}[话题]#" in note.text for name in note.hashtags)
        assert len(note.title) <= 20


def test_addresses_are_clearly_made_up_and_their_signatures_change_with_the_hour() -> None:
    """Every address is on an .invalid host; an hour later the same picture has another signature."""
    creator = busy()[0]
    page, again, later = (world.page(Asked(creator=creator), NOW_MS + ms) for ms in (0, 1000, 3_600_000))
    for address in page.split(b"https://")[1:]:
        assert address.split(b"/", 1)[0].endswith(b".simulated.invalid")
    one, same, other = (
        {note["id"]: note["images_list"] for note in json.loads(body)["data"]["notes"]} for body in (page, again, later)
    )
    shared = set(one) & set(same) & set(other)
    assert len(shared) >= 15
    for note_id in shared:
        assert one[note_id] == same[note_id] != other[note_id]
        assert [picture["fileid"] for picture in one[note_id]] == [picture["fileid"] for picture in other[note_id]]


def test_a_note_weighs_what_a_real_one_does() -> None:
    """On average between 2.5 and 3.1 KB of JSON, as in the recorded pages."""
    bodies = [world.page(Asked(creator=creator), NOW_MS) for creator in world.creators]
    notes = sum(len(json.loads(body)["data"]["notes"]) for body in bodies)
    assert 2_500 < sum(map(len, bodies)) / notes < 3_100


@pytest.mark.parametrize(
    ("age_ms", "said"),
    [
        (0, "刚刚"),
        (60_000, "1分钟前"),
        (2 * 3_600_000, "2小时前"),
        (3 * DAY_MS, "3天前"),
        (8 * DAY_MS, "-"),
        (400 * DAY_MS, "-"),
    ],
)
def test_the_time_is_said_as_the_app_says_it(age_ms: int, said: str) -> None:
    """Young notes say how long ago, older ones their day, with the year where it is another."""
    creator = busy()[0]
    place = world.places(creator, NOW_MS - 500 * DAY_MS, NOW_MS - 450 * DAY_MS)[0]
    at_ms = place.published_ms + age_ms
    above = next((other.id for other in world.places(creator, place.published_ms, NOW_MS)), None)
    shown = {note["id"]: note for note in answer(creator, at_ms, above)["data"]["notes"]}
    shown |= {note["id"]: note for note in answer(creator, at_ms)["data"]["notes"]}
    assert said in shown[place.id]["time_desc"]
