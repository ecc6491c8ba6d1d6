"""The verdict on a page, before anything else happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hongshu.formats.envelopes import read
from hongshu.formats.verdict import Judged, judge
from hongshu.models import TOP, Asked, Form, NoPage, Place, Reply, Trouble, Verdict

CREATOR = "5d52c0b9000000000747e1af"
OTHER = "6350850000000000018a4e48"
NEWER, OLDER, OLDEST = "64000002" + "0" * 16, "64000001" + "0" * 16, "64000000" + "0" * 16
V4 = frozenset({Form.V4})
ANY_FORM = frozenset(Form)


def note(identifier: str, creator: str | None = CREATOR) -> dict[str, object]:
    """Write a note of V4."""
    return {"id": identifier, "user": {"userid": creator}} if creator else {"id": identifier}


def judged(
    notes: list[dict[str, object]],
    *,
    has_more: bool | None = None,
    cursor: str | None = None,
    speaks: frozenset[Form] = V4,
    notes_known: bool = False,
    below: Place = TOP,
) -> Judged:
    """Judge a list of V4 as the answer to one question about CREATOR."""
    data = {"notes": notes, **({} if has_more is None else {"has_more": has_more})}
    found = read(Reply(body=json.dumps({"code": 0, "data": data}).encode()))
    return judge(found, Asked(creator=CREATOR, cursor=cursor), speaks=speaks, notes_known=notes_known, below=below)


@pytest.mark.parametrize(
    ("has_more", "verdict"),
    [(True, Verdict.OK), (None, Verdict.OK), (False, Verdict.LAST)],
    ids=["more", "no word on more", "no more"],
)
@pytest.mark.parametrize("cursor", [None, NEWER], ids=["first page", "later page"])
@pytest.mark.parametrize("known", [True, False], ids=["notes known", "none known"])
def test_a_page_with_notes_is_ok_or_the_last(
    has_more: bool | None,
    verdict: Verdict,
    cursor: str | None,
    known: bool,
) -> None:
    """A shape without `has_more` means true until an end is seen."""
    found = judged([note(OLDER), note(OLDEST)], has_more=has_more, cursor=cursor, notes_known=known)
    assert found.verdict is verdict
    assert found.verdict.good


@pytest.mark.parametrize(
    ("has_more", "cursor", "known", "verdict"),
    [
        pytest.param(False, None, False, Verdict.EMPTY, id="first page, no more, none known"),
        pytest.param(False, None, True, Verdict.SUSPICIOUS, id="first page, no more, notes known"),
        pytest.param(True, None, False, Verdict.SUSPICIOUS, id="first page, a promise"),
        pytest.param(True, None, True, Verdict.SUSPICIOUS, id="first page, a promise, notes known"),
        pytest.param(None, None, False, Verdict.SUSPICIOUS, id="first page, no word on more"),
        pytest.param(None, None, True, Verdict.SUSPICIOUS, id="first page, no word on more, notes known"),
        pytest.param(False, NEWER, False, Verdict.LAST, id="later page, no more"),
        pytest.param(None, NEWER, False, Verdict.LAST, id="later page, no word on more"),
        pytest.param(False, NEWER, True, Verdict.SUSPICIOUS, id="later page, notes known after it"),
        pytest.param(True, NEWER, False, Verdict.SUSPICIOUS, id="later page, a promise"),
    ],
)
def test_a_page_without_notes_is_believed_only_where_nothing_speaks_against_it(
    has_more: bool | None,
    cursor: str | None,
    known: bool,
    verdict: Verdict,
) -> None:
    """Empty although we know notes, or with a promise of more, is suspicious."""
    found = judged([], has_more=has_more, cursor=cursor, notes_known=known)
    assert found.verdict is verdict
    assert bool(found.why) is not found.verdict.good


@pytest.mark.parametrize("has_more", [True, False, None])
@pytest.mark.parametrize("notes", [[OLDER], [OLDEST, OLDER]], ids=["alone", "after another"])
def test_a_cursor_that_does_not_move_is_suspicious(notes: list[str], has_more: bool | None) -> None:
    """A page that ends where it was asked to begin would be asked for again for ever."""
    found = judged([note(identifier) for identifier in notes], has_more=has_more, cursor=OLDER)
    assert found.verdict is Verdict.SUSPICIOUS
    assert "cursor" in found.why


@pytest.mark.parametrize(
    "creators",
    [[OTHER], [CREATOR, OTHER], [OTHER, CREATOR], [None, OTHER], [CREATOR.upper()]],
    ids=["only", "after ours", "before ours", "after an unnamed one", "ours in capitals"],
)
def test_another_creators_notes_are_suspicious(creators: list[str | None]) -> None:
    """One foreign note spoils the page."""
    identifiers = [NEWER, OLDER]
    found = judged([note(*pair) for pair in zip(identifiers, creators, strict=False)], has_more=True)
    assert found.verdict is Verdict.SUSPICIOUS
    assert "creator" in found.why


@pytest.mark.parametrize("creators", [[None, None], [CREATOR, None], [""]], ids=["nobody", "some", "empty"])
def test_notes_that_name_nobody_are_taken_for_the_creators_own(creators: list[str | None]) -> None:
    """A source that leaves the author out was asked about one creator."""
    notes = [{**note(NEWER), "user": {"userid": name}} for name in creators]
    assert judged(notes, has_more=True).verdict is Verdict.OK


def test_the_captured_page_of_ten_authors_is_suspicious(samples: Path) -> None:
    """A collection of others' notes is not one creator's list, not even for one of the ten."""
    found = read(Reply(body=(samples / "web_collect_page_2024-11-06_p1.anon.json").read_bytes()))
    for creator in (CREATOR, "5a160cce617ec3fc5fdfb227"):
        verdict = judge(found, Asked(creator=creator), speaks=ANY_FORM, notes_known=False).verdict
        assert verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize(
    ("name", "creator", "form", "verdict"),
    [
        ("joa_v4_docs_example.anon.json", CREATOR, Form.V4, Verdict.OK),
        ("app_user_posted_2023-05_page1.anon.json", OTHER, Form.V4, Verdict.OK),
        ("web_user_posted_2023-10_snapshot1.anon.json", "5d687deb00000000017c0957", Form.WEB, Verdict.OK),
        (
            "web_profile_state_2023-10_small_user_last_page.anon.json",
            "5cc0796c00000000105431a9",
            Form.PROFILE,
            Verdict.LAST,
        ),
    ],
)
def test_captured_pages_are_good_for_their_creator_in_their_form_only(
    samples: Path, name: str, creator: str, form: Form, verdict: Verdict
) -> None:
    """The right page for another creator, or from a source that never sends its form, is no success."""
    found = read(Reply(body=(samples / name).read_bytes()))
    asked = Asked(creator=creator)
    assert judge(found, asked, speaks=frozenset({form}), notes_known=True).verdict is verdict
    assert judge(found, asked, speaks=ANY_FORM - {form}, notes_known=True).verdict is Verdict.MALFORMED
    stranger = Asked(creator="0" * 24)
    assert judge(found, stranger, speaks=ANY_FORM, notes_known=True).verdict is Verdict.SUSPICIOUS


def test_a_vendors_envelope_is_refused_from_a_source_that_speaks_only_v4() -> None:
    """Code 200 is no success in the contract of V4."""
    body = {"code": 200, "data": {"code": 0, "data": {"notes": [note(NEWER)], "has_more": True}}}
    found = read(Reply(body=json.dumps(body).encode()))
    asked = Asked(creator=CREATOR)
    assert judge(found, asked, speaks=V4, notes_known=False).verdict is Verdict.MALFORMED
    assert judge(found, asked, speaks=frozenset({Form.VENDOR}), notes_known=False).verdict is Verdict.OK


@pytest.mark.parametrize("trouble", Trouble)
def test_what_is_no_page_is_never_good(trouble: Trouble) -> None:
    """Each trouble has its verdict, and the reason is kept."""
    found = judge(NoPage(trouble=trouble, why="why"), Asked(creator=CREATOR), speaks=ANY_FORM, notes_known=False)
    assert (found.verdict.value, found.why) == (trouble.value, "why")
    assert not found.verdict.good


def test_only_three_verdicts_are_success() -> None:
    """Everything else is neither charged, kept, served nor counted."""
    assert {verdict for verdict in Verdict if verdict.good} == {Verdict.OK, Verdict.LAST, Verdict.EMPTY}


@pytest.mark.parametrize(
    ("ages", "pins", "verdict"),
    [
        ((5, 6, 7), 0, Verdict.OK),
        ((1, 2, 3), 0, Verdict.SUSPICIOUS),
        ((4, 3, 2), 0, Verdict.SUSPICIOUS),
        ((3, 5, 6, 7), 0, Verdict.OK),
        ((2, 3, 5, 6), 0, Verdict.OK),
        ((1, 2, 3, 5, 6), 0, Verdict.SUSPICIOUS),
        ((1, 2, 3, 5, 6), 3, Verdict.OK),
    ],
)
def test_a_page_stands_below_its_cursor_but_for_pins_and_a_few_that_moved(
    ages: tuple[int, ...], pins: int, verdict: Verdict
) -> None:
    """The cursor's note is four days old; a page of newer notes is that of a peer who ignores the cursor."""
    now = 1_700_000_000
    told = [
        {**note(f"{now - age * 86_400:08x}{turn:016x}"), "create_time": now - age * 86_400, "sticky": turn < pins}
        for turn, age in enumerate(ages)
    ]
    cursor = f"{now - 4 * 86_400:08x}00000000000000ff"
    below = Place((now - 4 * 86_400) * 1000, cursor)
    assert judged(told, has_more=True, cursor=cursor, below=below).verdict is verdict
    assert judged(told, has_more=True, cursor=cursor).verdict is Verdict.OK


def test_the_reason_is_told_in_full() -> None:
    """It stands in the log beside the source, and says what to look for."""
    other = judged([note(NEWER, OTHER)])
    still, empty = judged([note(OLDER)], cursor=OLDER), judged([], has_more=True)
    known, nobody = judged([], notes_known=True), judged([])
    form = judged([note(NEWER)], speaks=frozenset({Form.VENDOR}))
    assert [one.why for one in (other, still, empty, known, nobody, form)] == [
        "it holds another creator's notes",
        "it does not continue after the cursor",
        "it promises more notes and holds none",
        "it holds no notes where we know some",
        "it holds no notes and does not say that the creator exists",
        "the page is in the v4 form, which this source never sends",
    ]


@pytest.mark.parametrize(("later", "verdict"), [(0, Verdict.SUSPICIOUS), (1, Verdict.OK)])
def test_what_stands_at_the_cursors_own_place_does_not_follow_it(later: int, verdict: Verdict) -> None:
    """Of two notes one may have moved; where both stand at the cursor or above, nothing follows."""
    at = int(OLDER[:8], 16)
    told = [
        {**note(NEWER), "create_time": at + 1},
        {**note(OLDER[:-1] + "1"), "create_time": at - later},
    ]
    below = Place(at * 1000, OLDER[:-1] + "1")
    assert judged(told, has_more=True, cursor=OLDER, below=below).verdict is verdict
