"""What a reply is: a page in one of the real shapes, or what it is instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hongshu.formats.envelopes import read, recorded_ms
from hongshu.formats.verdict import judge
from hongshu.models import Asked, Form, NoPage, Page, Reply, Trouble, Verdict

CREATOR = "5d52c0b9000000000747e1af"
OTHER = "6350850000000000018a4e48"
IDS = [f"{0x64000000 - place:08x}{place:016x}" for place in range(501)]
NOTE = {"id": IDS[0], "likes": 1, "user": {"userid": CREATOR}}
PAGE = {"code": 0, "data": {"notes": [NOTE], "tags": [], "has_more": True}}
ANY_FORM = frozenset(Form)


def reply(body: object, status: int = 200) -> Page | NoPage:
    """Read a reply, its body given as text, bytes or a JSON value."""
    if isinstance(body, str):
        body = body.encode()
    return read(Reply(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode()))


def page_of(body: object, status: int = 200) -> Page:
    """Read a reply that must be a page."""
    page = reply(body, status)
    assert isinstance(page, Page), page
    return page


def trouble_of(body: object, status: int = 200) -> Trouble:
    """Read a reply that must be none."""
    found = reply(body, status)
    assert isinstance(found, NoPage), found
    assert found.why
    return found.trouble


def verdict_of(found: Page | NoPage, *, notes_known: bool = False) -> Verdict:
    """Judge a reply to the question for the first page, from a source that may speak any form."""
    return judge(found, Asked(creator=CREATOR), speaks=ANY_FORM, notes_known=notes_known).verdict


def test_a_page_of_v4_is_read() -> None:
    """Integer 0 and an array of notes."""
    page = page_of(PAGE)
    assert (page.form, page.has_more, page.creators) == (Form.V4, True, {CREATOR})
    assert [note.id for note in page.notes] == [IDS[0]]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("\ufeff" + json.dumps(PAGE), id="byte order mark"),
        pytest.param(" \r\n\t" + json.dumps(PAGE) + "\n", id="spaces around"),
        pytest.param(json.dumps(PAGE, indent=2).replace('"code": 0', '"code" : 0 '), id="pretty"),
        pytest.param(json.dumps(PAGE).replace('"code"', r'"c\u006fde"'), id="an escaped name"),
        pytest.param(json.dumps(PAGE)[:-1] + ',"requestId":"r","message":null,"x":{"y":1e5}}', id="more members"),
        pytest.param('{"code":301,' + json.dumps(PAGE)[1:], id="two codes, the last one 0"),
    ],
)
def test_the_way_json_is_written_does_not_matter(body: str) -> None:
    """The same value is the same page."""
    assert page_of(body).form is Form.V4


def test_the_captured_app_page_has_no_word_on_more(samples: Path) -> None:
    """A shape without `has_more` says nothing about it."""
    page = page_of((samples / "app_user_posted_2023-05_page1.anon.json").read_bytes())
    assert (page.form, page.has_more, len(page.notes)) == (Form.V4, None, 10)
    assert page.creators == {OTHER}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        pytest.param('"0"', "code", id="text"),
        pytest.param("true", "code", id="true"),
        pytest.param("false", "code", id="false"),
        pytest.param("0.0", "code", id="float"),
        pytest.param("0e0", "code", id="exponent"),
        pytest.param("null", "code", id="null"),
        pytest.param("[0]", "code", id="array"),
        pytest.param("{}", "code", id="object"),
        pytest.param('""', "code", id="empty text"),
    ],
)
def test_only_the_integer_zero_is_success(code: str, why: str) -> None:
    """Not "0", true, 0.0 or null."""
    found = reply(json.dumps(PAGE).replace('"code": 0', f'"code": {code}'))
    assert isinstance(found, NoPage)
    assert found.trouble is Trouble.MALFORMED
    assert why in found.why


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"data": PAGE["data"]}, id="no code"),
        pytest.param({"success": True, "data": PAGE["data"]}, id="another word for success"),
        pytest.param({"code": 0}, id="no data"),
        pytest.param({"code": 0, "data": None}, id="null data"),
        pytest.param({"code": 0, "data": {"tags": []}}, id="no notes"),
        pytest.param({"code": 0, "data": {"notes": None, "has_more": False}}, id="null notes"),
        pytest.param({"code": 0, "data": {"notes": {}, "has_more": False}}, id="notes in an object"),
        pytest.param({"code": 0, "data": {"items": [NOTE]}}, id="search results"),
        pytest.param({"code": 0, "data": {"userid": CREATOR, "fans": 3}}, id="a user's profile"),
        pytest.param({"code": 0, "data": {"notes": [NOTE, None]}}, id="a null note"),
        pytest.param({"code": 0, "data": {"notes": [NOTE, {}]}}, id="a note without id"),
        pytest.param({"code": 0, "data": {"notes": [NOTE, {**NOTE, "id": 7}]}}, id="a note with a number for id"),
        pytest.param({"code": 0, "data": {"notes": [{"note_id": "x"}]}}, id="a web note without id"),
        pytest.param({"code": 0, "data": {"notes": [[NOTE]]}}, id="notes in arrays"),
        pytest.param([PAGE], id="an array"),
        pytest.param(7, id="a number"),
        pytest.param(None, id="null"),
        pytest.param("", id="nothing"),
        pytest.param("   ", id="spaces"),
        pytest.param("404 page not found", id="words"),
        pytest.param(json.dumps(PAGE)[:-1], id="cut"),
        pytest.param(json.dumps(PAGE) + "x", id="something after it"),
        pytest.param(b'{"code":0,"data":{"notes":["\xff"]}}', id="not UTF-8"),
        pytest.param('{"code":0,"data":{"notes":[' + "[" * 62 + "]" * 62 + "]}}", id="65 levels"),
    ],
)
def test_what_is_no_list_of_notes_is_malformed(body: object) -> None:
    """Success means the integer 0 and `data.notes` an array of notes."""
    assert trouble_of(body) is Trouble.MALFORMED


@pytest.mark.parametrize(("status", "trouble"), [(200, Trouble.BLOCKED), (502, Trouble.MALFORMED)])
def test_a_web_page_without_a_profile_is_a_wall_unless_a_server_failed(status: int, trouble: Trouble) -> None:
    """A login wall is a block; the error page of a server on the way is no page at all."""
    found = read(Reply(body=b"<html><body>login</body></html>", status=status))
    assert isinstance(found, NoPage)
    assert found.trouble is trouble


@pytest.mark.parametrize("data", [{}, []], ids=["object", "array"])
def test_success_with_nothing_in_it_is_a_block(data: object) -> None:
    """`data: {}` with code 0 is how the site blocks an account; it is no empty creator."""
    body = {"code": 0, "success": True, "msg": "成功", "data": data}
    found = reply(body)
    assert isinstance(found, NoPage)
    assert (found.trouble, found.code) == (Trouble.BLOCKED, 0)
    assert verdict_of(found) is Verdict.BLOCKED


def test_five_hundred_notes_are_a_page_and_one_more_is_not() -> None:
    """The bound on a page is exact."""
    notes = [{"id": identifier} for identifier in IDS]
    assert len(page_of({"code": 0, "data": {"notes": notes[:500]}}).notes) == 500
    assert trouble_of({"code": 0, "data": {"notes": notes}}) is Trouble.MALFORMED


def test_a_profile_of_more_than_five_hundred_notes_is_malformed() -> None:
    """The bound holds in every shape."""
    cards = [{"id": identifier, "noteCard": {}} for identifier in IDS]
    assert len(page_of({"user": {"notes": [cards[:500]]}}).notes) == 500
    assert trouble_of({"user": {"notes": [cards]}}) is Trouble.MALFORMED


def test_a_note_given_twice_stands_where_it_stood_first() -> None:
    """A pinned note that the source repeats at its own time stays first and pinned."""
    pinned, older, oldest = ({**NOTE, "id": IDS[place], "sticky": place == 2} for place in (2, 0, 3))
    page = page_of({"code": 0, "data": {"notes": [pinned, older, {**pinned, "sticky": False}, oldest]}})
    assert [(note.id, note.pinned) for note in page.notes] == [(IDS[2], True), (IDS[0], False), (IDS[3], False)]


def test_what_stood_beside_the_notes_is_passed_on() -> None:
    """Unknown members of `data` are kept whole; there is no `data.cursor`."""
    data = '{"x":1.10,"notes":[],"cursor":"c","y":{"z":18446744073709551617},"has_more":false,"tags":["a"]}'
    extras = page_of(f'{{"code":0,"data":{data}}}').extras
    assert json.loads(b"{" + extras + b"}", parse_float=str) == {"x": "1.10", "y": {"z": 2**64 + 1}, "tags": ["a"]}


@pytest.mark.parametrize("tags", ["absent", None, {}, "a"])
def test_tags_are_always_a_list(tags: object) -> None:
    """Clients loop over them."""
    data = {"notes": [NOTE], "tags": tags}
    if tags == "absent":
        del data["tags"]
    assert json.loads(b"{" + page_of({"code": 0, "data": data}).extras + b"}") == {"tags": []}


@pytest.mark.parametrize("given", [True, False, None, "true", 1, 0, "", [], "absent"], ids=json.dumps)
def test_only_true_and_false_say_whether_more_follows(given: object) -> None:
    """Anything else is no word on it."""
    data = {"notes": [NOTE], "has_more": given}
    if given == "absent":
        del data["has_more"]
    assert page_of({"code": 0, "data": data}).has_more is (given if isinstance(given, bool) else None)


def vendor(code: object = 200, inner: object = 0, data: object = PAGE["data"], **members: object) -> dict[str, Any]:
    """Write another vendor's envelope around an app list."""
    return {"code": code, "request_id": "r", "data": {"code": inner, "data": data}, **members}


def test_another_vendors_envelope_is_read() -> None:
    """Outer code 200, inner code 0, notes at `data.data.notes`."""
    page = page_of(vendor())
    assert (page.form, page.has_more, len(page.notes)) == (Form.VENDOR, True, 1)
    assert page.extras == b'"tags":[]'


@pytest.mark.parametrize("inner", [1, -1, 200, 300011, -100, "0", True, False, 0.0, None, [0]], ids=json.dumps)
def test_a_vendors_inner_code_must_be_the_integer_zero(inner: object) -> None:
    """The outer envelope says only that the vendor's own server worked."""
    assert verdict_of(reply(vendor(inner=inner))) in {Verdict.REFUSED, Verdict.BLOCKED, Verdict.MALFORMED}


@pytest.mark.parametrize("code", [0, 201, "200", True, 200.0, None, 402], ids=json.dumps)
def test_a_vendors_outer_code_must_be_the_integer_200(code: object) -> None:
    """Only the preset's own success is success."""
    assert not verdict_of(reply(vendor(code=code))).good


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        pytest.param({}, Verdict.BLOCKED, id="empty"),
        pytest.param(None, Verdict.MALFORMED, id="null"),
        pytest.param({"items": [NOTE]}, Verdict.MALFORMED, id="search results"),
        pytest.param({"notes": [], "has_more": True}, Verdict.SUSPICIOUS, id="a promise without notes"),
        pytest.param({"notes": [], "has_more": False}, Verdict.EMPTY, id="no notes"),
    ],
)
def test_what_a_vendor_wrapped_is_judged_like_anything_else(data: object, verdict: Verdict) -> None:
    """The envelope changes nothing in what is inside."""
    assert verdict_of(reply(vendor(data=data))) is verdict


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("tikhub_envelope_search_v3_2025-12_head.anon.json", "search"),
        ("spiderhubs_app_get_user_notes_2026-05_head.json", "id"),
    ],
)
def test_captured_vendor_bodies_that_are_no_list_are_malformed(samples: Path, name: str, word: str) -> None:
    """A search result is not one creator's list, and a cut note has no id."""
    found = reply((samples / name).read_bytes())
    assert isinstance(found, NoPage)
    assert found.trouble is Trouble.MALFORMED
    assert word in found.why


@pytest.mark.parametrize("code", [100, 301, 302, 303, 400, 500, 600, 601, 777, 10**30])
def test_a_peers_refusal_keeps_its_code_and_drops_its_words(code: int) -> None:
    """No upstream message may reach a caller: the reason is in our own words."""
    found = reply({"code": code, "message": "token sk-SECRET at evil.invalid", "data": None})
    assert isinstance(found, NoPage)
    assert (found.trouble, found.code) == (Trouble.REFUSED, code)
    assert "SECRET" not in found.why
    assert "evil" not in found.why


@pytest.mark.parametrize(
    ("code", "status"), [(100, 401), (301, 503), (302, 429), (303, 429), (400, 400), (500, 500), (600, 403), (601, 403)]
)
def test_a_peers_refusal_is_the_same_with_its_mapped_status(code: int, status: int) -> None:
    """Newer peers say it in the HTTP status too; the code in the body is still the result."""
    plain, mapped = reply({"code": code, "data": None}), reply({"code": code, "data": None}, status)
    assert plain == mapped
    assert isinstance(plain, NoPage)
    assert str(code) not in plain.why


def test_a_peer_that_knows_no_such_creator_says_not_found() -> None:
    """Code 201 is "resource does not exist" and no trouble of the source."""
    assert trouble_of({"code": 201, "message": "No Content Available", "data": None}) is Trouble.NOT_FOUND


@pytest.mark.parametrize("code", [-1, -100, -101, -104, 124, 300011, 300012, 300013, 300015, 300031])
def test_the_sites_own_codes_are_blocks_without_a_challenge_too(code: int) -> None:
    """What came with HTTP 461 in a capture means the same with 200."""
    assert trouble_of({"code": code, "success": False, "data": {}}) is Trouble.BLOCKED


@pytest.mark.parametrize("code", [-510000, -510001])
def test_what_the_site_does_not_find_is_not_found(code: int) -> None:
    """Gone and hidden are told apart from blocked."""
    assert trouble_of({"code": code, "success": False}) is Trouble.NOT_FOUND


def test_a_refusal_with_a_page_in_it_is_a_refusal() -> None:
    """The code decides, not what stands beside it."""
    assert trouble_of({**PAGE, "code": 301}) is Trouble.REFUSED


@pytest.mark.parametrize("status", [100, 199, 300, 302, 304, 400, 401, 403, 404, 429, 500, 502, 503, 599])
@pytest.mark.parametrize("shape", ["v4", "vendor", "profile", "html"])
def test_a_page_inside_a_failed_answer_is_no_page(shape: str, status: int) -> None:
    """HTTP status and body must both say success."""
    state = json.dumps({"user": {"notes": [[{"id": IDS[0], "noteCard": {"user": {"userId": CREATOR}}}]]}})
    bodies = {
        "v4": json.dumps(PAGE),
        "vendor": json.dumps(vendor()),
        "profile": state,
        "html": f"<html><script>window.__INITIAL_STATE__={state}</script></html>",
    }
    assert page_of(bodies[shape]).notes
    assert trouble_of(bodies[shape], status) is Trouble.MALFORMED


@pytest.mark.parametrize("status", [406, 461, 471])
@pytest.mark.parametrize("body", [PAGE, {"code": 0, "success": True, "data": {}}, "", "<html>"], ids=str)
def test_a_challenge_is_a_block_whatever_its_body_says(status: int, body: object) -> None:
    """461 with code 0 is a captcha."""
    assert trouble_of(body, status) is Trouble.BLOCKED


B, N, M = Verdict.BLOCKED, Verdict.NOT_FOUND, Verdict.MALFORMED
ERRORS = [
    ("soft block", B),
    ("captcha", B),
    ("account security restriction", B),
    ("account security restriction", B),
    ("signature missing", B),
    ("login expired", B),
    ("login expired", B),
    ("IP blocked", B),
    ("too frequent", B),
    ("signature/fingerprint", B),
    ("xsec_token missing", B),
    ("note abnormal / hidden", N),
    ("note not found", N),
    ("verification required", B),
    ("X-S-Common header missing", M),
    ("wrong parameter name", M),
    ("endpoint moved", M),
]


@pytest.mark.parametrize("place", range(len(ERRORS)), ids=lambda place: f"{place + 1} {ERRORS[place][0]}")
def test_a_captured_error_is_what_its_meaning_says_and_never_a_page(samples: Path, place: int) -> None:
    """Blocked, not found or malformed, whichever form a source speaks and whatever we know."""
    lines = (samples / "xhs_web_error_bodies.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(ERRORS)
    captured, (meaning, verdict) = json.loads(lines[place]), ERRORS[place]
    assert meaning in captured["meaning"]
    found = reply(captured["body"], captured["http_status"] or 200)
    for cursor in (None, IDS[0]):
        for known in (True, False):
            asked = Asked(creator=CREATOR, cursor=cursor)
            judged = judge(found, asked, speaks=ANY_FORM, notes_known=known)
            assert judged.verdict is verdict
            assert not judged.verdict.good
            assert judged.why


def test_the_captured_failed_profile_is_a_block(samples: Path) -> None:
    """HTTP 200 and a profile page without the profile looks like an empty creator and is none."""
    found = reply((samples / "web_profile_shell_no_notes_2024-11.anon.html").read_bytes())
    assert isinstance(found, NoPage)
    assert found.trouble is Trouble.BLOCKED
    assert verdict_of(found) is Verdict.BLOCKED


def test_the_captured_state_is_the_same_page_inside_html(samples: Path) -> None:
    """A saved page and its saved state say the same."""
    state = (samples / "web_profile_state_2023-10_small_user_last_page.anon.json").read_text(encoding="utf-8")
    html = (
        f"<!doctype html><html><script>window.__INITIAL_STATE__={state.replace('/', chr(92) + 'u002F')}</script></html>"
    )
    for page in (page_of(state), page_of(html), page_of("\ufeff" + html), page_of("\n " + html)):
        assert (page.form, page.has_more, len(page.notes)) == (Form.PROFILE, False, 6)


LOADED = {"result": {"success": True, "code": 0}, "basicInfo": {"nickname": "a"}}


@pytest.mark.parametrize(
    ("user", "verdict"),
    [
        pytest.param(
            {"notes": [[]], "userPageData": LOADED, "noteQueries": [{"hasMore": False}]}, Verdict.EMPTY, id="empty"
        ),
        pytest.param(
            {"notes": [[]], "userPageData": LOADED, "noteQueries": [{"hasMore": True}]}, Verdict.SUSPICIOUS, id="more"
        ),
        pytest.param({"notes": [[]], "userPageData": LOADED}, Verdict.EMPTY, id="no word on more"),
        pytest.param({"notes": [[]], "userPageData": {}}, Verdict.BLOCKED, id="no profile"),
        pytest.param({"notes": [], "userPageData": {"basicInfo": {}}}, Verdict.BLOCKED, id="an empty profile"),
        pytest.param(
            {"notes": [[]], "userPageData": {**LOADED, "result": {"success": False, "code": 300011}}},
            Verdict.BLOCKED,
            id="a failed profile",
        ),
        pytest.param(
            {"notes": [[]], "userInfo": {"userId": CREATOR, "basicInfo": {"nickname": "a"}}},
            Verdict.BLOCKED,
            id="viewer only",
        ),
    ],
)
def test_a_profile_without_notes_is_empty_only_if_it_was_loaded(user: dict[str, object], verdict: Verdict) -> None:
    """A page that failed to load must never look like a creator without notes."""
    assert verdict_of(reply({"user": user})) is verdict


@pytest.mark.parametrize(
    "queries", [{}, {"0": 1}, "x", [], [[]], [None], [7], [{"userId": "me"}], [{"userId": 7}]], ids=str
)
@pytest.mark.parametrize("notes", [[], [{}], ["x"], [7], [None], [{"0": 1}]], ids=str)
def test_an_odd_state_is_a_block_and_names_nobody(notes: list[object], queries: object) -> None:
    """A state in another shape than ours is nothing to stumble over."""
    assert trouble_of({"user": {"notes": notes, "noteQueries": queries}}) is Trouble.BLOCKED
    loaded = page_of({"user": {"notes": notes, "noteQueries": queries, "userPageData": LOADED}})
    assert (loaded.notes, loaded.creators, loaded.has_more) == ((), frozenset(), None)


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        pytest.param("2026-11-23T04:05:06Z", 1_795_406_706_000, id="UTC"),
        pytest.param("2026-11-23T12:05:06+08:00", 1_795_406_706_000, id="Beijing"),
        pytest.param("2026-11-23T04:05:06.789Z", 1_795_406_706_789, id="milliseconds"),
        pytest.param("2026-11-23T04:05:06", None, id="no zone"),
        pytest.param("2026-11-23", None, id="a day"),
        pytest.param("yesterday", None, id="words"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param(1_795_406_706, None, id="number"),
        pytest.param("2026-13-45T99:99:99Z", None, id="no such day"),
    ],
)
def test_the_record_time_of_a_peer_is_read_where_it_is_one(time: object, ms: int | None) -> None:
    """A time without a zone could mean any of two dozen moments, so it means none."""
    assert recorded_ms(json.dumps({**PAGE, "recordTime": time}).encode()) == ms


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            b'{"recordTime":"2026-11-23T04:05:06Z","data":{"desc":"\\ud83d"}}', id="a lone surrogate beside it"
        ),
        pytest.param(b'\xef\xbb\xbf{"recordTime":"2026-11-23T04:05:06Z"}', id="a byte order mark before it"),
        pytest.param(b'{"code":0, "record\\u0054ime" : "2026-11-23T04:05:06Z" }', id="an escaped name"),
    ],
)
def test_the_record_time_is_found_in_whatever_the_border_lets_through(body: bytes) -> None:
    """Data must not count as collected just now because one text in it was cut inside an emoji."""
    assert recorded_ms(body) == 1_795_406_706_000


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"<html>", b"[" * 100_000, b"{}"])
def test_a_reply_without_a_record_time_states_none(body: bytes) -> None:
    """Bytes that are no envelope state no time, and reading them never fails."""
    assert recorded_ms(body) is None


NAMES = ["code", "data", "notes", "user", "id", "note_id", "noteCard", "noteId", "cover", "interact_info", "has_more"]
NAMES += [
    "noteQueries",
    "userPageData",
    "basicInfo",
    "userId",
    "user_id",
    "userid",
    "liked_count",
    "likes",
    "tags",
    "desc",
]
NAMES += ["create_time", "images_list", "recommend", "sticky", "recordTime", "cursor", "info_list", "height", "url"]
LEAVES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        200,
        -100,
        300011,
        2**64,
        10**400,
        0.0,
        1e300,
        "0",
        "",
        "\x00\ud800",
        IDS[0],
        CREATOR,
        "3.1万",
    ]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)
MEMBERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what is nearly an envelope around what are nearly notes."""
    named = draw(st.sampled_from(["id", "note_id", "noteId"]))
    notes: Any = [{**draw(MEMBERS), named: draw(st.sampled_from(IDS[:4]))} for _ in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        notes = draw(VALUES)
    data = {**draw(MEMBERS), "notes": notes, "has_more": draw(st.sampled_from([True, False, None]))}
    wrapped = {"code": draw(LEAVES), "data": data} if draw(st.booleans()) else data
    user = {**draw(MEMBERS), "notes": [notes]} if draw(st.integers(0, 5)) == 0 else draw(VALUES)
    return {"code": draw(st.sampled_from([0, 200]) | LEAVES), "data": wrapped, "user": user}


@given(st.binary(max_size=300), st.integers(100, 599))
@example(b"<script>window.__INITIAL_STATE__={</script>", 200)
@example(b'{"code":0,"data":{"notes":[{}]}}', 200)
def test_reading_never_raises_for_any_bytes(body: bytes, status: int) -> None:
    """Every reply is a page or a reason why not."""
    assert isinstance(read(Reply(body=body, status=status)), Page | NoPage)
    recorded_ms(body)


@given(VALUES | envelopes(), st.booleans(), st.sampled_from([None, IDS[1]]))
def test_reading_any_json_never_raises_and_success_is_always_earned(
    value: Any,
    html: bool,
    cursor: str | None,
) -> None:
    """A good verdict on a list means the integer 0 and an array of notes, and every note is servable JSON."""
    text = json.dumps(value)
    body = f"<script>window.__INITIAL_STATE__={text.replace('</', '')}</script>" if html else text
    found = reply(body)
    judged = judge(found, Asked(creator=CREATOR, cursor=cursor), speaks=frozenset({Form.V4}), notes_known=False)
    if not judged.verdict.good:
        return
    assert isinstance(found, Page)
    assert isinstance(value, Mapping)
    assert type(value["code"]) is int
    assert value["code"] == 0
    assert isinstance(value["data"]["notes"], list)
    for note in found.notes:
        assert json.loads(note.wire)["cursor"] == note.id
    json.loads(b"{" + found.extras + b"}")
