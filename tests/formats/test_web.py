"""The web site's list and the state of a profile page, as V4 with the fields that are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.formats.envelopes import read
from hongshu.formats.web import known_as_v4
from hongshu.formats.wire import NoteBody
from hongshu.ids import id_ms
from hongshu.models import Form, Note, Page, Precision, Reply, Shape

ID = "62774f36000000000142aacc"
OWNER = "5d687deb00000000017c0957"
VIEWER = "5a300e020000000023e06a1a"
LIST = "web_user_posted_2023-10_snapshot1.anon.json"
COLLECTION = "web_collect_page_2024-11-06_p1.anon.json"
STATE = "web_profile_state_2023-10_small_user_last_page.anon.json"
TIMES = {"create_time", "time", "time_desc", "last_update_time", "published_ms"}


def page_of(body: bytes) -> Page:
    """Read a page that must be one."""
    page = read(Reply(body=body))
    assert isinstance(page, Page), page
    return page


def wires(page: Page) -> list[dict[str, Any]]:
    """Decode what is served of each note."""
    return [json.loads(note.wire) for note in page.notes]


def listed(**members: object) -> Note:
    """Read one note of the web list."""
    given = {"note_id": ID, **members}
    [note] = page_of(json.dumps({"code": 0, "data": {"notes": [given], "has_more": True}}).encode()).notes
    return note


def profile(card: dict[str, object] | None, **user: object) -> bytes:
    """Write the state of a profile page with one card."""
    entries = [] if card is None else [{"id": ID, "noteCard": {"noteId": ID, **card}, "xsecToken": "ABsecret="}]
    state = {
        "notes": [entries, [], []],
        "noteQueries": [{"num": 30, "cursor": "", "userId": OWNER, "hasMore": False}],
        "userPageData": {"result": {"success": True}, "basicInfo": {"nickname": "主人"}},
        "userInfo": {"userId": VIEWER, "user_id": VIEWER, "nickname": "看客", "redId": "4497938014"},
    }
    return json.dumps({"user": {**state, **user}}).encode()


def test_the_captured_list_is_one_pinned_note_and_thirty_others(samples: Path) -> None:
    """Pin, order, ids and the end of the page are those of the capture."""
    body = (samples / LIST).read_bytes()
    page = page_of(body)
    sent = json.loads(body)["data"]
    assert (page.form, page.has_more, page.creators) == (Form.WEB, True, {OWNER})
    assert [note.id for note in page.notes] == [note["note_id"] for note in sent["notes"]]
    assert [note.pinned for note in page.notes] == [True] + [False] * 30
    assert page.notes[-1].id == sent["cursor"]


@pytest.mark.parametrize(("name", "number"), [(LIST, 31), (COLLECTION, 10)])
def test_a_captured_web_note_is_v4_with_the_fields_it_knows(samples: Path, name: str, number: int) -> None:
    """Id, title, likes as an int, pin, creator and cursor; nothing else is claimed."""
    body = (samples / name).read_bytes()
    found = wires(page_of(body))
    assert len(found) == number
    for wire, sent in zip(found, json.loads(body)["data"]["notes"], strict=True):
        assert wire["id"] == wire["cursor"] == sent["note_id"]
        assert wire["title"] == wire["display_title"] == sent["display_title"]
        assert wire["type"] == sent["type"]
        assert wire["user"]["userid"] == sent["user"]["user_id"]
        assert wire["user"]["nickname"] == sent["user"]["nickname"]
        assert type(wire["likes"]) is int
        assert wire.get("sticky") is sent["interact_info"].get("sticky")
        assert not wire.keys() & {"collected_count", "comments_count", "share_count", "desc", *TIMES}


def test_the_captured_state_is_the_owners_last_page(samples: Path) -> None:
    """Six notes of the owner, no more after them; the viewer in `user.userInfo` is not the owner."""
    page = page_of((samples / STATE).read_bytes())
    assert (page.form, page.has_more, page.exists) == (Form.PROFILE, False, True)
    assert page.creators == {"5cc0796c00000000105431a9"}
    assert len(page.notes) == 6
    for note, wire in zip(page.notes, wires(page), strict=True):
        assert wire["id"] == wire["cursor"] == note.id
        assert wire["user"]["userid"] == "5cc0796c00000000105431a9"
        assert wire["title"]
        assert type(wire["likes"]) is int
        assert wire["sticky"] is False
        assert not wire.keys() & TIMES


@pytest.mark.parametrize("name", [LIST, COLLECTION, STATE])
def test_a_captured_web_page_serves_neither_viewer_nor_signature(samples: Path, name: str) -> None:
    """No `xsec_token`, no "liked by me" and no viewer in anything that is served."""
    body = (samples / name).read_bytes()
    page = page_of(body)
    served = b"".join(note.wire for note in page.notes) + page.extras
    sent = json.loads(body)
    tokens = [note["xsec_token"] for note in sent.get("data", {}).get("notes", []) if "xsec_token" in note]
    viewer = sent.get("user", {}).get("userInfo", {})
    hidden = [*tokens, *(str(viewer[name]) for name in ("user_id", "nickname", "redId", "imageb") if name in viewer)]
    assert not [secret for secret in hidden if secret.encode() in served]
    assert b"xsec" not in served
    assert b'"liked"' not in served


@pytest.mark.parametrize("name", [LIST, COLLECTION, STATE])
def test_the_published_types_describe_captured_web_notes(samples: Path, name: str) -> None:
    """A client made from the OpenAPI document can read notes that were never V4."""
    for note in page_of((samples / name).read_bytes()).notes:
        assert msgspec.json.decode(note.wire, type=NoteBody).id == note.id


def test_all_times_of_web_notes_are_estimated(samples: Path) -> None:
    """The web list gives no time: the id's own is stored and marked."""
    for note in page_of((samples / LIST).read_bytes()).notes:
        assert (note.published_ms, note.estimated, note.shape) == (id_ms(note.id), True, Shape.WEB)
        assert (note.text, note.edited_ms, note.goods) == (None, None, None)
        assert note.counters.collects is None
        assert note.hashtags == ()


def test_rounded_likes_of_the_captured_page_keep_their_text(samples: Path) -> None:
    """ "3.1万" and "2万" are rounded; the other eight counts are exact and have no text beside them."""
    found = {wire["likes"]: wire.get("likes_text") for wire in wires(page_of((samples / COLLECTION).read_bytes()))}
    assert found[31_000] == "3.1万"
    assert found[20_000] == "2万"
    assert sorted(text for text in found.values() if text) == ["2万", "3.1万"]


@pytest.mark.parametrize(
    ("given", "likes", "text", "precision"),
    [
        pytest.param("3.1万", 31_000, "3.1万", Precision.ROUNDED, id="rounded"),
        pytest.param("10万+", 100_000, "10万+", Precision.AT_LEAST, id="lower bound"),
        pytest.param("1,234", 1_234, None, Precision.EXACT, id="exact text"),
        pytest.param(338, 338, None, Precision.EXACT, id="int"),
        pytest.param("0", 0, None, Precision.EXACT, id="zero"),
    ],
)
def test_likes_are_an_int_with_their_text_where_they_are_not_exact(
    given: object, likes: int, text: str | None, precision: Precision
) -> None:
    """Clients get a number; what the source wrote stands beside it where it says more."""
    note = listed(interact_info={"liked_count": given})
    wire = json.loads(note.wire)
    assert (wire["likes"], wire.get("likes_text")) == (likes, text)
    assert note.counters.likes is not None
    assert note.counters.likes.precision is precision
    assert known_as_v4(note).get("likes") == likes


@pytest.mark.parametrize("given", ["", "赞", None, "-1", True, {}])
def test_likes_that_say_nothing_are_absent(given: object) -> None:
    """Unknown is not zero."""
    note = listed(interact_info={"liked_count": given})
    assert note.counters.likes is None
    assert not {"likes", "likes_text"} & json.loads(note.wire).keys()


def test_a_web_note_that_knows_only_its_id_claims_nothing_else() -> None:
    """No member is made up."""
    assert json.loads(listed().wire) == {"id": ID, "cursor": ID}
    assert listed().pinned is None


def test_signatures_and_the_viewer_of_a_web_note_are_not_served() -> None:
    """Only known fields are taken over, so nothing about a session can slip through."""
    note = listed(
        xsec_token="ABsecret=",
        interact_info={"liked": True, "liked_count": "1", "followed": True},
        user={"user_id": OWNER, "nickname": "主人", "xsec_token": "ABsecret=", "followed": True},
    )
    assert json.loads(note.wire) == {
        "id": ID,
        "likes": 1,
        "user": {"userid": OWNER, "nickname": "主人"},
        "cursor": ID,
    }


@pytest.mark.parametrize(
    ("cover", "key"),
    [
        pytest.param({"file_id": "1040g-a", "url": "https://a.invalid/b"}, "1040g-a", id="file id"),
        pytest.param({"fileId": "", "traceId": "110/0/01e"}, "110/0/01e", id="trace id"),
        pytest.param(
            {
                "url_default": "http://a.invalid/202411060214/13bd0b9c2755829e92555aaa6b5c1bb4/1040g2sgb9gqteco0ks8t9!nc_1"
            },
            "1040g2sgb9gqteco0ks8t9",
            id="in the address",
        ),
        pytest.param(
            {"url": "https://sns-img-hw.invalid/08ed05df-48d1-1296-3a74-cc9f77773b6e"},
            "08ed05df-48d1-1296-3a74-cc9f77773b6e",
            id="an old key in the address",
        ),
        pytest.param(
            {"infoList": [{"url": "http://a.invalid/1/1040g0081ifac474pbchjc3c37fs3k56sclrigqk!nc_n_webp_mw_1"}]},
            "1040g0081ifac474pbchjc3c37fs3k56sclrigqk",
            id="in a listed address",
        ),
        pytest.param({}, None, id="none"),
        pytest.param({"url": "", "info_list": []}, None, id="empty"),
        pytest.param({"url": "https://a.invalid/"}, None, id="an address without a key"),
    ],
)
def test_a_web_cover_is_known_by_its_media_key(cover: dict[str, object], key: str | None) -> None:
    """The key is found in the address where no field holds it."""
    assert listed(cover=cover).cover_key == key


LISTED = [{"url": "https://a.invalid/small"}, {"url": "https://a.invalid/large"}]


@pytest.mark.parametrize(
    ("cover", "image"),
    [
        pytest.param(
            {"height": 1706, "width": 1280, "url": "https://a.invalid/k", "file_id": "f", "trace_id": "t"},
            {"height": 1706, "width": 1280, "url": "https://a.invalid/k", "trace_id": "t", "fileid": "f"},
            id="all of it",
        ),
        pytest.param(
            {"height": 1706, "width": 1280, "url": "https://a.invalid/k", "file_id": "", "trace_id": ""},
            {"height": 1706, "width": 1280, "url": "https://a.invalid/k"},
            id="empty keys",
        ),
        pytest.param(
            {"urlDefault": "https://a.invalid/d", "urlPre": "p"}, {"url": "https://a.invalid/d"}, id="default"
        ),
        pytest.param({"url": "", "infoList": LISTED}, {"url": "https://a.invalid/large"}, id="the larger listed one"),
        pytest.param({"url": 7, "info_list": [*LISTED, None]}, {"url": "https://a.invalid/large"}, id="odd values"),
        pytest.param({"height": 1706, "info_list": {}}, {"height": 1706}, id="no address"),
        pytest.param({"height": True, "width": "1280", "trace_id": 7, "file_id": []}, None, id="other types than V4's"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_a_web_cover_is_the_first_image_with_what_is_known_of_it(
    cover: dict[str, object], image: dict[str, object] | None
) -> None:
    """No member of an image is made up or empty."""
    assert json.loads(listed(cover=cover).wire).get("images_list") == (image and [image])


LEAVES = st.sampled_from([None, True, 0, 7, 2**64, -1, 1.5, "", "1706", "3.1万", "https://a.invalid/k", [], {}, [{}]])
NAMES = ["note_id", "type", "display_title", "user", "user_id", "nickname", "avatar", "cover", "height", "width", "url"]
NAMES += ["file_id", "trace_id", "info_list", "interact_info", "liked_count", "sticky"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(["type", "display_title"], LEAVES),
            **dict.fromkeys(
                ["user", "cover", "interact_info"], st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=8) | LEAVES
            ),
        },
    )
)
def test_any_web_note_is_served_in_the_published_types(members: dict[str, object]) -> None:
    """A value of another type than V4's is not known, and is left out."""
    assert msgspec.json.decode(listed(**members).wire, type=NoteBody).cursor == ID


def test_a_key_that_is_no_text_is_not_the_covers_key() -> None:
    """The address still tells which image it is."""
    cover = {"file_id": 7, "url": "https://a.invalid/1040g2sgb9gqteco0ks8t9!nc_1"}
    assert listed(cover=cover).cover_key == "1040g2sgb9gqteco0ks8t9"


@pytest.mark.parametrize("name", [LIST, COLLECTION, STATE])
def test_every_captured_cover_has_a_key_that_is_no_address(samples: Path, name: str) -> None:
    """Without a key a change of cover could not be told from a change of signature."""
    page = page_of((samples / name).read_bytes())
    for note in page.notes:
        assert note.cover_key
        assert ":" not in note.cover_key
    assert len({note.cover_key for note in page.notes}) == len(page.notes)


def test_a_profile_card_is_read_like_a_note_of_the_list() -> None:
    """The same words in camel case mean the same."""
    page = page_of(
        profile(
            {
                "type": "video",
                "displayTitle": "标题",
                "interactInfo": {"likedCount": "3.1万", "sticky": True, "liked": True},
                "user": {"userId": OWNER, "nickName": "主人", "avatar": "https://a.invalid/1.jpg"},
                "xsecToken": "ABsecret=",
            }
        )
    )
    assert wires(page) == [
        {
            "id": ID,
            "type": "video",
            "title": "标题",
            "display_title": "标题",
            "likes": 31_000,
            "likes_text": "3.1万",
            "sticky": True,
            "user": {"userid": OWNER, "nickname": "主人", "images": "https://a.invalid/1.jpg"},
            "cursor": ID,
        }
    ]


def test_the_viewer_of_a_profile_page_is_never_taken_for_its_owner() -> None:
    """A card without a user belongs to the page's owner, not to who is signed in."""
    page = page_of(profile({"displayTitle": "标题"}))
    assert page.creators == {OWNER}
    served = b"".join(note.wire for note in page.notes)
    assert VIEWER.encode() not in served
    assert "看客".encode() not in served


def test_a_card_without_an_id_of_its_own_has_the_entrys() -> None:
    """Newer pages write the id beside the card only."""
    body = json.dumps(
        {"user": {"notes": [[{"id": ID, "noteCard": {"displayTitle": "标题"}}]], "noteQueries": [{"userId": OWNER}]}}
    ).encode()
    [note] = page_of(body).notes
    assert (note.id, note.title) == (ID, "标题")


def test_only_the_first_tab_of_a_profile_is_the_owners_list() -> None:
    """The other tabs hold what the owner saved and liked, which others wrote."""
    other = {"id": "0" * 24, "noteCard": {"noteId": "0" * 24, "user": {"userId": "1" * 24}}}
    mine = {"id": ID, "noteCard": {"noteId": ID, "user": {"userId": OWNER}}}
    page = page_of(profile(None, notes=[[mine], [other], [other]]))
    assert [note.id for note in page.notes] == [ID]
    assert page.creators == {OWNER}
