"""The V4 form of notes and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.formats import v4
from hongshu.formats.border import MalformedError
from hongshu.formats.envelopes import read
from hongshu.formats.recordings import recordings
from hongshu.formats.wire import Result
from hongshu.ids import id_ms
from hongshu.models import TEXT_LIMIT, Cache, Note, Page, Precision, Reply, Served, Shape

ID = "63b38c37000000001ed089f5"
ID_MS = 0x63B38C37 * 1000
CREATOR = "5d52c0b9000000000747e1af"
EXAMPLE = "joa_v4_docs_example.anon.json"
APP_PAGE = "app_user_posted_2023-05_page1.anon.json"
EXCERPTS = "joa_v2_v4_user_excerpts_2025-11.anon.json"

NEUTRAL = {"infavs": False, "niced": False, "inlikes": False}
NEUTRAL_INSIDE = {"user": {"followed": False, "fstatus": "none"}, "recommend": {"track_id": ""}}


def exact(text: bytes) -> Any:
    """Decode with the standard library, every number as the digits that were written."""
    return json.loads(text, parse_int=lambda digits: ("int", digits), parse_float=lambda digits: ("float", digits))


def expected(note: dict[str, Any]) -> dict[str, Any]:
    """Say what must be served of a note: all of it, but for the fields about the viewer and the cursor."""
    served = {name: NEUTRAL.get(name, value) for name, value in note.items()}
    for name, inside in NEUTRAL_INSIDE.items():
        if isinstance(note.get(name), dict):
            served[name] = {member: inside.get(member, value) for member, value in note[name].items()}
    return {**served, "cursor": note["id"]}


def note_of(**members: object) -> Note:
    """Read a note with an id and the members given."""
    return v4.read_note(json.dumps({"id": ID, **members}).encode())


def wire_of(text: str) -> Any:
    """Read a note from its text and decode what is served of it."""
    return exact(v4.read_note(text.encode()).wire)


def page_of(content: bytes) -> Page:
    """Read a page that must be one."""
    page = read(Reply(body=content))
    assert isinstance(page, Page), page
    return page


def captured(samples: Path, name: str) -> tuple[list[Any], tuple[Note, ...]]:
    """Return the notes of a captured page, as the file holds them and as they were read."""
    content = (samples / name).read_bytes()
    return exact(content)["data"]["notes"], page_of(content).notes


@pytest.mark.parametrize(("name", "number"), [(EXAMPLE, 1), (APP_PAGE, 10)])
def test_every_member_of_a_captured_note_is_kept_but_for_the_viewer(samples: Path, name: str, number: int) -> None:
    """What an upstream sent in this shape is passed on whole, digit by digit."""
    sent, notes = captured(samples, name)
    assert [exact(note.wire) for note in notes] == [expected(note) for note in sent]
    assert len(notes) == number


def test_a_captured_video_note_of_2025_is_kept_whole(samples: Path) -> None:
    """Members that the example does not show, such as `ip_location`, are passed on too."""
    content = (samples / EXCERPTS).read_bytes()
    [sent] = exact(content)[1]["response"]["data"]["notes"]
    [note] = [note for one in recordings(content, 0) if one.page for note in one.page.notes]
    assert exact(note.wire) == expected(sent)
    assert exact(note.wire)["ip_location"] == "山东"
    assert note.published_ms == 1_761_966_044_000 > id_ms(note.id)
    assert not note.estimated


def test_a_captured_note_of_a_search_keeps_its_large_numbers(samples: Path) -> None:
    """A `video_id` above 2^53 keeps every digit."""
    content = (samples / "tikhub_envelope_search_v3_2025-12_head.anon.json").read_bytes()
    note = json.loads(content)["data"]["data"]["items"][0]["note"]
    raw = json.dumps({"id": ID, **note}, ensure_ascii=False).encode()
    assert exact(v4.read_note(raw).wire) == expected(exact(raw))
    large = [int(digits) for digits in _ints(exact(raw)) if int(digits) > 2**53]
    assert large


def _ints(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [digits for inner in value.values() for digits in _ints(inner)]
    if isinstance(value, list):
        return [digits for inner in value for digits in _ints(inner)]
    return [value[1]] if isinstance(value, tuple) and value[0] == "int" else []


@pytest.mark.parametrize("name", [EXAMPLE, APP_PAGE])
def test_an_answer_joined_from_captured_notes_holds_them_whole(samples: Path, name: str) -> None:
    """Reading and answering lose nothing, and the published types describe the result."""
    sent, notes = captured(samples, name)
    served = Served(
        wires=tuple(note.wire for note in notes),
        has_more=True,
        recorded_ms=1_795_406_706_789,
        source="a",
        cache=Cache.HIT,
    )
    body = v4.answer(served, "req_1")
    assert exact(body) == {
        "code": ("int", "0"),
        "message": None,
        "recordTime": "2026-11-23T04:05:06Z",
        "requestId": "req_1",
        "data": {"notes": [expected(note) for note in sent], "tags": [], "has_more": True},
    }
    msgspec.json.decode(body, type=Result)


def test_the_published_example_is_read_with_its_values(samples: Path) -> None:
    """The counters, the text and the marks stand in the columns that are asked for."""
    [note] = page_of((samples / EXAMPLE).read_bytes()).notes
    counters = note.counters
    assert counters.likes is not None
    assert counters.collects is not None
    assert counters.comments is not None
    assert counters.shares is not None
    values = (counters.likes.value, counters.collects.value, counters.comments.value, counters.shares.value)
    assert values == (1481, 383, 21, 46)
    assert counters.likes.precision is Precision.EXACT
    assert len(note.hashtags) == 7
    assert (note.hashtags[0], note.hashtags[-1]) == ("清后罗由", "只相求王")
    assert (note.id, note.creator, note.nickname) == (ID, CREATOR, "昵称001")
    assert (note.kind, note.pinned, note.goods, note.edited_ms) == ("normal", True, False, None)
    assert (note.published_ms, note.estimated) == (1_672_711_223_000, False)
    assert note.cover_key == "1000g0089o7rgc46sv9urd5ju4pongto10qs28sa"
    assert note.title == "“海达”!!应金现住“重活如如”!!!"
    assert note.shape is Shape.V4


def test_the_raw_form_is_what_the_source_sent() -> None:
    """The raw bytes keep the viewer's fields, spaces and order; they are never served."""
    raw = ' { "infavs" : true , "id" : "%s" } '.replace("%s", ID).encode()
    assert v4.read_note(raw).raw == raw


@pytest.mark.parametrize(
    "number",
    ["9007199254740993", "18446744073709551617", "1" + "0" * 60, "1.10", "1E5", "1e-7", "-0.0", "0.30000000000000004"],
)
@pytest.mark.parametrize("place", ['"x":%s', '"x":{"y":[%s]}', '"user":{"x":%s}', '"likes":%s', '"create_time":%s'])
def test_numbers_keep_every_digit_in_every_place(number: str, place: str) -> None:
    """A number goes out as it came, never through a float."""
    raw = f'{{"id":"{ID}",{place % number}}}'
    wire = wire_of(raw)
    assert wire == {**exact(raw.encode()), "cursor": ID}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
VIEWER_NAMES = [
    "infavs",
    "niced",
    "inlikes",
    "user",
    "recommend",
    "cursor",
    "likes",
    "create_time",
    "desc",
    "images_list",
]


@given(st.dictionaries(st.sampled_from(VIEWER_NAMES) | st.text(max_size=6), VALUES, max_size=6))
def test_any_note_is_served_whole_but_for_the_viewer(members: dict[str, Any]) -> None:
    """Unknown members of any kind are kept, none is added but the cursor, and no value makes reading fail."""
    raw = json.dumps({**members, "id": ID}).encode()
    wire = exact(v4.read_note(raw).wire)
    sent = exact(raw)
    unsaid = {"liked", "collected"}
    assert {**wire, **dict.fromkeys(unsaid)} == {**expected(sent), **dict.fromkeys(unsaid)}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(NEUTRAL, VALUES),
            "user": st.fixed_dictionaries({}, optional={"followed": VALUES, "fstatus": VALUES, "userid": st.text()}),
            "recommend": st.fixed_dictionaries({}, optional={"track_id": VALUES, "desc": VALUES}),
        },
    )
)
def test_fields_about_the_viewer_are_neutral_whatever_they_held(members: dict[str, Any]) -> None:
    """False, "none" and "" where the field was there; nothing where it was not."""
    wire = json.loads(note_of(**members).wire)
    for name, neutral in NEUTRAL.items():
        assert wire.get(name, neutral) is neutral
        assert (name in wire) == (name in members)
    for outer, inside in NEUTRAL_INSIDE.items():
        for name, neutral in inside.items():
            assert wire.get(outer, {}).get(name, neutral) == neutral
            assert (name in wire.get(outer, {})) == (name in members.get(outer, {}))


@pytest.mark.parametrize(
    "members",
    [
        pytest.param('"infavs":false,"infavs":true', id="the last one true"),
        pytest.param('"infavs":true,"infavs":false', id="the first one true"),
        pytest.param(r'"inf\u0061vs":true', id="an escaped name"),
        pytest.param(r'"infavs":false,"inf\u0061vs":true', id="an escaped second name"),
        pytest.param('"user":{"followed":true,"followed":false}', id="twice inside"),
        pytest.param('"user":{"followed":false},"user":{"followed":true}', id="the object twice"),
        pytest.param('"user":{"followed":true},"user":1', id="the object, then a number"),
        pytest.param(r'"us\u0065r":{"f\u006fllowed":true}', id="escaped names inside"),
        pytest.param('"user" :\n { "followed" : true }', id="spaces"),
        pytest.param('"user":{"fstatus":"both","fstatus":"follows"}', id="status twice"),
        pytest.param('"recommend":{"track_id":"both"},"recommend":{"track_id":"both"}', id="track id twice"),
    ],
)
def test_repeated_and_escaped_names_hide_no_field_about_the_viewer(members: str) -> None:
    """Clients differ in which of two equal names they read: only one is sent, and it is neutral."""
    wire = v4.read_note(f'{{"id":"{ID}",{members}}}'.encode()).wire
    assert b"true" not in wire
    assert b"both" not in wire
    assert b"follows" not in wire
    pairs = json.loads(wire, object_pairs_hook=list)
    assert len({name for name, _ in pairs}) == len(pairs)


def test_an_absent_counter_stays_absent() -> None:
    """Unknown is not zero: nothing is added to a note but its cursor."""
    note = note_of(title="a")
    assert json.loads(note.wire) == {"id": ID, "title": "a", "cursor": ID}
    assert note.counters.likes is None
    assert note.counters.collects is None
    assert (note.pinned, note.goods, note.text, note.kind, note.creator, note.cover_key) == (None,) * 6


def test_a_null_counter_stays_null() -> None:
    """Null is passed on as null and known as unknown."""
    note = note_of(likes=None)
    assert json.loads(note.wire)["likes"] is None
    assert note.counters.likes is None


def test_the_captured_app_page_gives_no_count_it_did_not_hold(samples: Path) -> None:
    """The app's list knows likes, and no collects, comments or shares."""
    _, notes = captured(samples, APP_PAGE)
    for note in notes:
        assert note.counters.likes is not None
        assert (note.counters.collects, note.counters.comments, note.counters.shares) == (None, None, None)
        assert note.estimated
        assert note.published_ms == id_ms(note.id)
        assert not {"collected_count", "create_time", "comments_count", "share_count"} & json.loads(note.wire).keys()


@pytest.mark.parametrize("sent", [None, "", ID, "0" * 24, 7], ids=["null", "empty", "id", "another", "number"])
def test_the_cursor_equals_the_id(sent: object) -> None:
    """Clients pass the last note's cursor on: it is the note's id, whatever the source wrote there."""
    assert json.loads(note_of(cursor=sent).wire)["cursor"] == ID


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("{}", id="no id"),
        pytest.param('{"id":null}', id="null"),
        pytest.param('{"id":7}', id="number"),
        pytest.param(f'{{"id":"{ID[:-1]}"}}', id="23 digits"),
        pytest.param(f'{{"id":"{ID}0"}}', id="25 digits"),
        pytest.param(f'{{"id":"{ID}\\n"}}', id="line break after"),
        pytest.param(f'{{"id":"{ID.upper()}"}}', id="capitals"),
        pytest.param(f'["{ID}"]', id="array"),
        pytest.param("null", id="no object"),
        pytest.param(f'{{"id":"{ID}"', id="cut"),
    ],
)
def test_a_note_without_an_id_is_malformed(raw: str) -> None:
    """The id is a note's identity."""
    with pytest.raises(MalformedError):
        v4.read_note(raw.encode())


@pytest.mark.parametrize(
    ("given", "published_ms"),
    [
        pytest.param(1_672_711_223, 1_672_711_223_000, id="seconds"),
        pytest.param("1672711223", 1_672_711_223_000, id="seconds as text"),
        pytest.param(1_356_998_400, 1_356_998_400_000, id="the platform's first year"),
        pytest.param(1_672_711_223_456, 1_672_711_223_456, id="milliseconds"),
        pytest.param(0x63B38C37 + 86_400 * 8, ID_MS + 86_400_000 * 8, id="eight days after its creation"),
    ],
)
def test_the_publish_time_is_the_one_given(given: object, published_ms: int) -> None:
    """`create_time` is when a note was published, which may be later than its id says."""
    note = note_of(create_time=given)
    assert (note.published_ms, note.estimated) == (published_ms, False)


@pytest.mark.parametrize(
    "members",
    [
        {},
        *(
            {"create_time": value}
            for value in (None, 0, -1, 1, True, "", "0", "yesterday", "１６７２７１１２２３", [], {})
        ),
        *(
            {"create_time": value}
            for value in (
                1_356_998_399,
                0x63B38C37 + 86_400 * 401,
                10**11,
                10**13,
                2**63,
                10**30,
                "1" * 20,
                "1" * 5000,
                "-1672711223",
            )
        ),
    ],
    ids=lambda members: str(members)[:60],
)
def test_a_missing_or_senseless_time_is_estimated_from_the_id(members: dict[str, object]) -> None:
    """The first 8 hex digits of an id are its creation second; the time is marked as estimated."""
    note = note_of(**members)
    assert (note.published_ms, note.estimated) == (ID_MS, True)


@pytest.mark.parametrize(("given", "edited_ms"), [(0, None), (None, None), (1_700_000_000, 1_700_000_000_000)])
def test_an_edit_time_of_zero_means_never_edited(given: object, edited_ms: int | None) -> None:
    """The wire writes 0 where there was no edit."""
    assert note_of(last_update_time=given).edited_ms == edited_ms


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        pytest.param("", (), id="none"),
        pytest.param("好看 #口红[话题]#", ("口红",), id="one"),
        pytest.param("#a[话题]# #b[话题]#", ("a", "b"), id="two"),
        pytest.param("#a[话题]##b[话题]#", ("a", "b"), id="side by side"),
        pytest.param("#b[话题]# #a[话题]# #b[话题]#", ("b", "a"), id="each once, in order"),
        pytest.param("#1 好物 #口红[话题]#", ("口红",), id="a lone sharp before"),
        pytest.param("#\n口红[话题]#", (), id="a line break inside"),
        pytest.param("#口红 #唇膏", (), id="not marked as topics"),
        pytest.param("#✨新年[话题]#", ("✨新年",), id="emoji"),
        pytest.param("#[话题]# #  [话题]#", (), id="empty names"),
    ],
)
def test_hashtags_are_read_from_the_text(text: str, tags: tuple[str, ...]) -> None:
    """Topics are written as #…[话题]# in the text."""
    assert note_of(desc=text).hashtags == tags


@pytest.mark.parametrize("left", ["#个", "#个钱", "#个钱[", "#个钱[话", "#个钱[话题"])
def test_a_hashtag_that_the_limit_cut_is_not_whole(left: str) -> None:
    """At 100 code points the list cuts anywhere: a part of a name is no hashtag."""
    whole = "#口红[话题]# "
    text = "好" * (TEXT_LIMIT - len(whole + left)) + whole + left
    assert len(text) == 100
    assert note_of(desc=text).hashtags == ("口红",)


def test_a_hashtag_that_ends_exactly_at_the_limit_is_whole() -> None:
    """The last code point may be the mark's own end."""
    tag = "#口红[话题]#"
    text = "好" * (TEXT_LIMIT - len(tag)) + tag
    assert len(text) == 100
    assert note_of(desc=text).hashtags == ("口红",)


@pytest.mark.parametrize(
    ("images", "key"),
    [
        pytest.param(
            [{"fileid": "1040g-a", "trace_id": "t", "url": "https://a.invalid/x?sign=1"}], "1040g-a", id="fileid"
        ),
        pytest.param([{"fileid": "", "trace_id": "t"}], "t", id="trace id"),
        pytest.param([{"fileid": "a"}, {"fileid": "b"}], "a", id="the first image"),
        pytest.param([], None, id="no images"),
        pytest.param(None, None, id="null"),
        pytest.param([None], None, id="a null image"),
        pytest.param({"fileid": "a"}, None, id="no list"),
        pytest.param([{"fileid": 7}], None, id="a number"),
        pytest.param([{"fileid": "", "trace_id": ""}], None, id="empty keys"),
    ],
)
def test_the_cover_is_known_by_its_media_key(images: object, key: str | None) -> None:
    """Addresses change at every fetch; the key of the first image does not."""
    assert note_of(images_list=images).cover_key == key


@pytest.mark.parametrize(
    ("members", "goods"),
    [
        ({"is_goods_note": True}, True),
        ({"note_attributes": ["goods"]}, True),
        ({"note_attributes": ["goods"], "is_goods_note": False}, True),
        ({"note_attributes": ["other"], "is_goods_note": False}, False),
        ({"note_attributes": "goods"}, None),
        ({"note_attributes": []}, None),
        ({"is_goods_note": False}, False),
        ({"is_goods_note": "yes"}, None),
        ({"is_goods_note": 1}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_goods_note_is_one_that_says_so(members: dict[str, object], goods: bool | None) -> None:
    """Only true and false are known; anything else is unknown."""
    assert note_of(**members).goods is goods


def test_an_empty_creator_is_unknown() -> None:
    """An empty string names nobody, so it is no other creator either."""
    assert note_of(user={"userid": ""}).creator is None


def test_a_patched_note_keeps_what_was_not_patched() -> None:
    """A poorer look changes what it knows and leaves every other digit."""
    wire = v4.read_note(f'{{"id":"{ID}","likes":1,"x":1.10,"y":18446744073709551617}}'.encode()).wire
    assert exact(v4.patched(wire, {"likes": 2, "title": "新"})) == {
        "id": ID,
        "likes": ("int", "2"),
        "x": ("float", "1.10"),
        "y": ("int", "18446744073709551617"),
        "cursor": ID,
        "title": "新",
    }


@pytest.mark.parametrize("has_more", [True, False])
def test_an_answer_without_notes_has_all_its_keys(has_more: bool) -> None:
    """The five keys are always there, and so are notes, tags and has_more; there is no cursor beside them."""
    body = json.loads(v4.answer(Served(wires=(), has_more=has_more, recorded_ms=0, source="", cache=Cache.HIT), "r"))
    assert set(body) == {"code", "message", "recordTime", "requestId", "data"}
    assert body["data"] == {"notes": [], "tags": [], "has_more": has_more}
    assert body["recordTime"] == "1970-01-01T00:00:00Z"


def test_a_refusal_has_null_data_and_time() -> None:
    """A refusal says in its message what to do next."""
    body = json.loads(v4.envelope(301, '稍后再试 "now"', "req_2"))
    assert body == {"code": 301, "message": '稍后再试 "now"', "recordTime": None, "requestId": "req_2", "data": None}
