"""What a file of a capture folder holds, taken or refused and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hongshu.formats.recordings import Recording, recordings
from hongshu.ids import id_ms
from hongshu.models import Form

CREATOR = "5d52c0b9000000000747e1af"
OTHER = "6350850000000000018a4e48"
CURSOR = "64000009" + "0" * 16
NEWER, OLDER = "64000002" + "0" * 16, "64000001" + "0" * 16
MODIFIED_MS = 1_700_000_000_123
URL = "https://api.invalid/api/xiaohongshu/get-user-note-list/v4"


def data(*identifiers: str, creator: str = CREATOR) -> dict[str, object]:
    """Write the `data` of a page of V4."""
    notes = [{"id": identifier, "user": {"userid": creator}} for identifier in identifiers or (NEWER, OLDER)]
    return {"notes": notes, "tags": [], "has_more": True}


PAGE = {"code": 0, "data": data()}


def found_in(content: object) -> list[Recording]:
    """Read a file, its content given as bytes, text or a JSON value."""
    if isinstance(content, str):
        content = content.encode()
    return recordings(content if isinstance(content, bytes) else json.dumps(content).encode(), MODIFIED_MS)


def only(content: object) -> Recording:
    """Read a file that holds one recording."""
    [found] = found_in(content)
    return found


def taken(content: object) -> Recording:
    """Read a file that holds one page."""
    found = only(content)
    assert found.page is not None, found.why
    assert not found.why
    return found


def why_refused(content: object) -> str:
    """Read a file that holds one thing that is no page."""
    found = only(content)
    assert found.page is None
    assert found.why
    return found.why


SAMPLES = [
    ("joa_v4_docs_example.anon.json", [CREATOR], 1, ""),
    ("joa_v2_v4_user_excerpts_2025-11.anon.json", ["6310f20b000000001fa0b6d7"], 1, "no list of notes"),
    ("app_user_posted_2023-05_page1.anon.json", [OTHER], 10, ""),
    ("web_user_posted_2023-10_snapshot1.anon.json", ["5d687deb00000000017c0957"], 31, ""),
    ("web_collect_page_2024-11-06_p1.anon.json", [], 0, "10 creators"),
    ("web_profile_state_2023-10_small_user_last_page.anon.json", ["5cc0796c00000000105431a9"], 6, ""),
    ("web_profile_shell_no_notes_2024-11.anon.html", [], 0, "block"),
    ("tikhub_envelope_search_v3_2025-12_head.anon.json", [], 0, "search"),
    ("spiderhubs_app_get_user_notes_2026-05_head.json", [], 0, "no id"),
    ("xhs_web_error_bodies.jsonl", [], 0, "login"),
    ("mediacrawler_xhs_edge.anon.jsonl", [], 0, "export"),
    ("mediacrawler_xhs_edge.anon.csv", [], 0, "neither"),
    ("mediacrawler_xhs_2026-07_schema.derived.anon.jsonl", [], 0, "export"),
    ("spider_xhs_info_json.anon.jsonl", [], 0, "export"),
    ("spider_xhs_note_export_single_user_timeline.anon.csv", [], 0, "neither"),
    ("xhs_downloader_detail_issue328.anon.json", [], 0, "code"),
    ("justoneapi_openapi_user_note_list_v4.json", [], 0, "code"),
    ("justoneapi_business_codes.json", [], 0, "code"),
    ("README.md", [], 0, "neither"),
]


@pytest.mark.parametrize(("name", "creators", "notes", "why"), SAMPLES, ids=[name for name, *_ in SAMPLES])
def test_a_captured_file_is_taken_or_refused_with_a_reason(
    samples: Path, name: str, creators: list[str], notes: int, why: str
) -> None:
    """Pages are taken; blocks, errors, searches, profiles and exports of other tools are not."""
    found = found_in((samples / name).read_bytes())
    assert found
    assert [one.creator for one in found if one.page] == creators
    assert sum(len(one.page.notes) for one in found if one.page) == notes
    assert all(bool(one.why) is (one.page is None) for one in found)
    assert why in "; ".join(one.why for one in found)


def test_every_file_of_the_captures_is_known_here(samples: Path) -> None:
    """A new capture must be looked at."""
    assert {path.name for path in samples.iterdir()} == {name for name, *_ in SAMPLES}


def test_the_captured_excerpts_say_whom_they_answer(samples: Path) -> None:
    """Of V2, V4 and a user's profile only V4 holds notes with ids, and its request names the creator."""
    found = found_in((samples / "joa_v2_v4_user_excerpts_2025-11.anon.json").read_bytes())
    assert [one.page is not None for one in found] == [False, True, False]
    assert (found[1].creator, found[1].cursor, found[1].cursor_known) == ("6310f20b000000001fa0b6d7", None, True)


def test_every_captured_error_is_refused_for_its_own_reason(samples: Path) -> None:
    """17 lines, 17 refusals."""
    found = found_in((samples / "xhs_web_error_bodies.jsonl").read_bytes())
    assert len(found) == 17
    assert all(one.page is None and one.why for one in found)
    assert found[1].reply.status == 461


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps(PAGE), id="an envelope"),
        pytest.param(json.dumps(PAGE, indent=1), id="an envelope over lines"),
        pytest.param("\ufeff" + json.dumps(PAGE), id="a byte order mark"),
        pytest.param("\r\n " + json.dumps(PAGE) + "\r\n", id="spaces around"),
        pytest.param(json.dumps(data()), id="bare data"),
        pytest.param(json.dumps({"code": 200, "data": PAGE}), id="a vendor's envelope"),
        pytest.param(json.dumps([PAGE]), id="an array"),
        pytest.param(json.dumps([data()]), id="bare data in an array"),
        pytest.param(
            json.dumps({"request": f"GET {URL}?userId={CREATOR}", "response": PAGE}), id="request and response"
        ),
        pytest.param(json.dumps({"response": PAGE}), id="a response alone"),
        pytest.param(json.dumps({"request": f"GET {URL}?userId={CREATOR}", "response": data()}), id="a bare response"),
        pytest.param(json.dumps({"http_status": 200, "body": PAGE}), id="status and body"),
        pytest.param(json.dumps({"http_status": None, "body": PAGE}), id="an unknown status"),
        pytest.param(json.dumps({"http_status": 200, "body": json.dumps(PAGE)}), id="a body in a string"),
    ],
)
def test_a_recorded_page_is_taken_in_every_wrapping(content: str) -> None:
    """The page is the same, whatever it was wrapped in."""
    found = taken(content)
    assert found.creator == CREATOR
    assert found.page is not None
    assert [note.id for note in found.page.notes] == [NEWER, OLDER]
    assert found.page.form in {Form.V4, Form.VENDOR}


def test_a_saved_profile_page_is_taken() -> None:
    """HTML is told by its first sign."""
    state = {"user": {"notes": [[{"id": NEWER, "noteCard": {"user": {"userId": CREATOR}}}]]}}
    html = f"\ufeff<!doctype html><script>window.__INITIAL_STATE__={json.dumps(state)}</script>"
    assert taken(html).creator == CREATOR


@pytest.mark.parametrize("joined", ["lines", "lines with blanks", "Windows lines", "array"])
def test_many_recordings_in_one_file_are_each_judged_alone(joined: str) -> None:
    """One refusal does not spoil the pages beside it."""
    parts = [
        {"request": f"GET {URL}?token=x&userId={CREATOR}", "response": PAGE},
        {"http_status": 461, "body": {"code": 0, "data": {}}},
        {"request": f"GET {URL}?userId={CREATOR}&lastCursor={OLDER}", "response": {"code": 0, "data": data(NEWER)}},
    ]
    lines = [json.dumps(part) for part in parts]
    content = {
        "lines": "\n".join(lines),
        "lines with blanks": "\n\n".join(lines) + "\n\n",
        "Windows lines": "\ufeff" + "\r\n".join(lines) + "\r\n",
        "array": "[" + ", ".join(lines) + "]",
    }[joined]
    found = found_in(content)
    assert [one.page is not None for one in found] == [True, False, True]
    assert [one.cursor for one in found] == [None, None, OLDER]
    assert [one.cursor_known for one in found] == [True, False, True]


@pytest.mark.parametrize(
    ("request_line", "creator", "cursor", "known"),
    [
        pytest.param(f"GET {URL}?userId={CREATOR}", CREATOR, None, True, id="first page"),
        pytest.param(f"GET {URL}?userId={CREATOR}&lastCursor={CURSOR}", CREATOR, CURSOR, True, id="later page"),
        pytest.param(f"GET {URL}?userId={CREATOR}&lastCursor=", CREATOR, None, True, id="empty cursor"),
        pytest.param(f"GET {URL}?userId={CREATOR}&lastCursor=0", CREATOR, None, True, id="cursor 0"),
        pytest.param(
            f"{URL}?user_id={CREATOR}&cursor={CURSOR}", CREATOR, CURSOR, True, id="a vendor's names, no method"
        ),
        pytest.param(f"/v4?userId={CREATOR}#x", CREATOR, None, True, id="path only"),
        pytest.param(f"GET {URL}?userId={CREATOR} HTTP/1.1", CREATOR, None, True, id="a whole request line"),
        pytest.param(f"GET {URL}", CREATOR, None, False, id="no query"),
        pytest.param(f"GET {URL}?userId=x", CREATOR, None, False, id="no id"),
        pytest.param("", CREATOR, None, False, id="empty"),
        pytest.param("GET http://[broken?userId=1", CREATOR, None, False, id="a broken address"),
        pytest.param(f"GET http://[broken?userId={CREATOR}", CREATOR, None, True, id="a broken host"),
        pytest.param({"url": URL}, CREATOR, None, False, id="no text"),
        pytest.param(None, CREATOR, None, False, id="null"),
    ],
)
def test_a_recorded_request_says_who_and_after_which_cursor(
    request_line: object,
    creator: str,
    cursor: str | None,
    known: bool,
) -> None:
    """Where no request was recorded, the notes themselves name the creator and the cursor is not known."""
    found = taken({"request": request_line, "response": PAGE})
    assert (found.creator, found.cursor, found.cursor_known) == (creator, cursor, known)


def test_an_empty_last_page_is_taken_for_whom_it_was_asked() -> None:
    """A creator without notes can be recorded too."""
    empty = {"notes": [], "has_more": False}
    found = taken({"request": f"GET {URL}?userId={CREATOR}", "response": empty})
    assert found.page is not None
    assert (found.creator, found.page.notes) == (CREATOR, ())


def test_the_request_names_the_creator_of_a_page_that_names_none() -> None:
    """Notes without an author belong to whom was asked for."""
    page = {"code": 0, "data": {"notes": [{"id": NEWER}]}}
    assert taken({"request": f"GET {URL}?userId={CREATOR}", "response": page}).creator == CREATOR
    assert "whose" in why_refused(page)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        pytest.param(b"", "empty", id="an empty file"),
        pytest.param(b" \r\n\t", "empty", id="blanks"),
        pytest.param(b"\xef\xbb\xbf", "", id="a byte order mark alone"),
        pytest.param(bytes(range(256)) * 50, "neither", id="a binary file"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "neither", id="a picture"),
        pytest.param(json.dumps(PAGE).encode("utf-16"), "", id="UTF-16"),
        pytest.param("note_id,title\n1,标题\n", "neither", id="CSV"),
        pytest.param(json.dumps(PAGE)[:-3], "neither", id="a cut page"),
        pytest.param("[" * 100_000, "neither", id="deep"),
        pytest.param("<html></html>", "wall", id="a page without state"),
        pytest.param({"code": 0, "data": {}}, "block", id="a block"),
        pytest.param({"code": 301, "message": "x"}, "peer", id="a refusal"),
        pytest.param({"note_id": NEWER, "title": "a"}, "export", id="a row of an export"),
        pytest.param(
            {"request": f"GET {URL}?userId={CREATOR}", "response": {"notes": [], "has_more": True}},
            "promises",
            id="a promise without notes",
        ),
        pytest.param({"code": 0, **data()}, "data", id="notes beside a code"),
        pytest.param({"code": 301, **data()}, "peer", id="notes beside a refusal"),
        pytest.param({"http_status": 200}, "", id="a status without a body"),
        pytest.param({"body": PAGE}, "", id="a body without a status"),
        pytest.param({"http_status": 461, "body": PAGE}, "461", id="a page with a captcha's status"),
        pytest.param({"http_status": 500, "body": PAGE}, "500", id="a page with a failed status"),
        pytest.param({"request": f"GET {URL}?userId={OTHER}", "response": PAGE}, "2 creators", id="another's page"),
        pytest.param({"request": f"GET {URL}?userId={CREATOR}", "response": None}, "", id="a null response"),
        pytest.param({"request": f"GET {URL}?userId={CREATOR}", "response": "x"}, "", id="a response of words"),
        pytest.param({}, "", id="an empty object"),
        pytest.param(7, "", id="a number"),
    ],
)
def test_what_is_no_recorded_page_is_refused_with_a_reason(content: object, word: str) -> None:
    """Nothing is dropped without a word."""
    assert word in why_refused(content)


@pytest.mark.parametrize("wrapped", ["response", "body", "alone"])
def test_a_text_cut_inside_an_emoji_costs_no_page(wrapped: str) -> None:
    """A lone surrogate is replaced at the border; it spoils neither its own page nor the one beside it."""
    cut = {"code": 0, "data": {"notes": [{"id": OLDER, "desc": "\ud83d", "user": {"userid": CREATOR}}]}}
    lines = {"response": {"response": cut}, "body": {"http_status": 200, "body": cut}, "alone": cut["data"]}
    found = found_in(json.dumps(PAGE) + "\n" + json.dumps(lines[wrapped]))
    assert [one.page is not None for one in found] == [True, True]
    assert found[1].page is not None
    assert found[1].page.notes[0].text == "\ufffd"


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param('{"http_status":200,"body":"{\\"notes\\":"}', id="a cut body in a string"),
        pytest.param('{"response":' + "[" * 70 + "]" * 70 + "}", id="a deep response"),
        pytest.param('{"response":' + "1" * 5000 + "}", id="a number of 5000 digits"),
        pytest.param('{"http_status":' + "1" * 5000 + ',"body":{}}', id="a status of 5000 digits"),
        pytest.param('{"request":1e999,"response":{}}', id="a request out of range"),
    ],
)
def test_a_spoiled_part_is_refused_alone(spoiled: str) -> None:
    """The pages beside it are still taken."""
    found = found_in(json.dumps(PAGE) + "\n" + spoiled)
    assert [one.page is not None for one in found] == [True, False]
    assert found[1].why


def test_an_empty_array_is_refused_too() -> None:
    """A file always has at least one line in the list of what was found."""
    assert why_refused("[]")


def test_a_file_larger_than_any_capture_is_refused_unread() -> None:
    """64 MiB are more than any page; somebody put a film or a backup there."""
    assert "larger" in why_refused(json.dumps(PAGE).encode() + b" " * 64 * 1024 * 1024)


@pytest.mark.timeout(10)
def test_a_long_request_is_read_in_time() -> None:
    """Megabytes in a recorded request cost no time."""
    assert not taken({"request": "a" * 2_000_000, "response": PAGE}).cursor_known


def test_a_recording_was_collected_when_it_says_so_or_when_its_file_was_written() -> None:
    """`recordTime` counts; without one the file's own time does."""
    assert taken(PAGE).reply.collected_ms == MODIFIED_MS
    assert taken({**PAGE, "recordTime": "2026-11-23T04:05:06Z"}).reply.collected_ms == 1_795_406_706_000


def test_top_and_bottom_are_the_newest_and_oldest_note_that_is_not_pinned() -> None:
    """Pages without a request are put in order by them, so a pinned note must not count."""
    old = "50000000" + "0" * 16
    notes = [
        {"id": old, "sticky": True, "user": {"userid": CREATOR}},
        {"id": OLDER, "sticky": False},
        {"id": NEWER, "sticky": False},
    ]
    found = taken({"notes": notes})
    assert (found.top.id, found.bottom.id) == (NEWER, OLDER)
    assert found.top.published_ms == id_ms(NEWER)


LINES = st.sampled_from(
    ["{}", "[]", '{"response":', "<", "\ufeff", "7", '{"request":"GET http://[?a=1","response":{}}', "x"]
)


@given(
    st.binary(max_size=200)
    | st.lists(LINES | st.text(max_size=10), max_size=5).map(lambda lines: "\n".join(lines).encode())
)
@example(b"\xef\xbb\xbf")
@example(b"[]")
def test_any_file_holds_at_least_one_recording_and_raises_nothing(content: bytes) -> None:
    """A folder may hold anything."""
    found = recordings(content, 0)
    assert found
    assert all(bool(one.why) is (one.page is None) for one in found)
