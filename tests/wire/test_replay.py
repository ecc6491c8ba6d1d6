"""Real captures, served as V4: field by field what was recorded, without a trace of whose session it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from running import Answer, Running, start_server

APP_PAGE = "app_user_posted_2023-05_page1.anon.json"
EXAMPLE = "joa_v4_docs_example.anon.json"
EXCERPTS = "joa_v2_v4_user_excerpts_2025-11.anon.json"
WEB_PAGE = "web_user_posted_2023-10_snapshot1.anon.json"
PROFILE = "web_profile_state_2023-10_small_user_last_page.anon.json"
TEN_AUTHORS = "web_collect_page_2024-11-06_p1.anon.json"
TAKEN = {APP_PAGE: 10, EXAMPLE: 1, EXCERPTS: 1, WEB_PAGE: 31, PROFILE: 6}
OWNERS = {
    APP_PAGE: "6350850000000000018a4e48",
    EXAMPLE: "5d52c0b9000000000747e1af",
    EXCERPTS: "6310f20b000000001fa0b6d7",
    WEB_PAGE: "5d687deb00000000017c0957",
    PROFILE: "5cc0796c00000000105431a9",
}
VIEWER = {"infavs": False, "niced": False, "inlikes": False}
VIEWER_OF_USER = {"followed": False, "fstatus": "none"}
UNTRACKED = {"track_id": ""}
UNKNOWN_IN_WEB = {"create_time", "collected_count", "comments_count", "share_count", "view_count", "desc", "nice_count"}


def source(folder: Path) -> str:
    return f"[[source]]\nname = 'captured'\nkind = 'replay'\nfolder = '{folder}'\n"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Running]]:
    """One server for a folder of captures, for all tests here."""
    started: dict[Path, Running] = {}

    def start(folder: Path) -> Running:
        if folder not in started:
            started[folder] = start_server(tmp_path_factory.mktemp("replayed") / "data", source(folder))
        return started[folder]

    yield start
    for server in started.values():
        server.stop()


def captured(samples: Path, name: str) -> dict[str, Any]:
    """The V4-shaped answer that a capture holds."""
    content = json.loads((samples / name).read_text(encoding="utf-8"))
    if name != EXCERPTS:
        return dict(content)
    return next(dict(one["response"]) for one in content if "get-user-note-list/v4" in one["request"])


def as_served(note: dict[str, Any]) -> dict[str, Any]:
    """What a captured note is when it is served: the viewer's fields neutral, the cursor there."""
    expected = {**copy.deepcopy(note), "cursor": note["id"]}
    inside = [
        (expected, VIEWER),
        (expected.get("user", {}), VIEWER_OF_USER),
        (expected.get("recommend", {}), UNTRACKED),
    ]
    for members, neutral in inside:
        members.update({name: value for name, value in neutral.items() if name in members})
    return expected


def served(server: Running, user: str, **headers: str) -> Answer:
    answer = server.page(user, **headers)
    assert answer.code == 0, answer.body
    return answer


@pytest.mark.parametrize("name", [APP_PAGE, EXAMPLE, EXCERPTS])
def test_a_capture_in_v4_is_served_field_by_field_as_it_was_recorded(
    samples: Path, replayed: Callable[[Path], Running], name: str
) -> None:
    """Fresh and from the store: the same members with the same values, none added but a cursor that was missing."""
    recorded = captured(samples, name)["data"]
    server = replayed(samples)
    for answer in (served(server, OWNERS[name], Cache_Control="no-cache"), served(server, OWNERS[name])):
        data = answer.body["data"]
        assert data["notes"] == [as_served(note) for note in recorded["notes"]]
        assert data["tags"] == []
        assert data["has_more"] is recorded.get("has_more", True)
    assert answer.headers["X-Hongshu-Source"] == "captured"


def test_a_viewers_fields_are_neutral_whatever_was_recorded(serve: Callable[..., Running], tmp_path: Path) -> None:
    """A session that likes, follows and is tracked leaves no trace; numbers keep every digit, unknown fields stay."""
    user = "5c2f338a000000000701e1c6"
    note = (
        '{"id":"63f1a2b3000000001203c4d5","create_time":1700000000,"infavs":true,"niced":true,"inlikes":true,'
        f'"user":{{"userid":"{user}","followed":true,"fstatus":"both","seen":1}},'
        '"recommend":{"track_id":"secret@track","type":"x"},"cursor":"other",'
        '"video_id":137432412345678901234567890,"ratio":1.10,"unknown":{"deep":[1,{"a":null}]}}'
    )
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "page.json").write_text(f'{{"code":0,"data":{{"notes":[{note}],"has_more":false,"tags":["t"],"z":9}}}}')
    server = serve(source(folder))
    first, second = server.page(user), server.page(user)
    for answer in (first, second):
        [given] = answer.notes
        assert [given[name] for name in ("infavs", "niced", "inlikes")] == [False, False, False]
        assert given["user"] == {"userid": user, "followed": False, "fstatus": "none", "seen": 1}
        assert given["recommend"] == {"track_id": "", "type": "x"}
        assert given["cursor"] == given["id"]
        assert b'"video_id":137432412345678901234567890' in answer.raw
        assert b'"ratio":1.10' in answer.raw
        assert given["unknown"] == {"deep": [1, {"a": None}]}
        assert b"secret@track" not in answer.raw
    assert first.body["data"]["tags"] == ["t"]
    assert first.body["data"]["z"] == 9


def test_the_web_sites_page_is_served_as_v4_with_the_fields_that_are_known(
    samples: Path, replayed: Callable[[Path], Running]
) -> None:
    """Counts become numbers, the pinned note stays first, and what the site does not say is absent, never 0."""
    recorded = json.loads((samples / WEB_PAGE).read_text(encoding="utf-8"))["data"]["notes"]
    notes = served(replayed(samples), OWNERS[WEB_PAGE], Cache_Control="no-cache").notes
    assert [note["id"] for note in notes] == [note["note_id"] for note in recorded]
    for note, web in zip(notes, recorded, strict=True):
        assert note["cursor"] == web["note_id"]
        assert note["title"] == note["display_title"] == web["display_title"]
        assert note["type"] == web["type"]
        assert str(note["likes"]) == web["interact_info"]["liked_count"]
        assert note["sticky"] is web["interact_info"]["sticky"]
        assert note["user"]["userid"] == web["user"]["user_id"]
        assert note["user"]["nickname"] == web["user"]["nickname"]
        assert note["images_list"][0]["height"] == web["cover"]["height"]
        assert [name for name in UNKNOWN_IN_WEB if note.get(name) is not None] == []
    assert [note["sticky"] for note in notes].index(False) == 1


def test_a_profile_pages_state_is_served_as_v4_and_says_nothing_of_its_viewer(
    samples: Path, replayed: Callable[[Path], Running]
) -> None:
    """The owner's six notes, the last page; the viewer's id and name appear nowhere."""
    state = json.loads((samples / PROFILE).read_text(encoding="utf-8"))["user"]
    answer = served(replayed(samples), OWNERS[PROFILE], Cache_Control="no-cache")
    cards = [entry["noteCard"] for entry in state["notes"][0]]
    assert [note["id"] for note in answer.notes] == [card["noteId"] for card in cards]
    for note, card in zip(answer.notes, cards, strict=True):
        assert note["title"] == card["displayTitle"]
        assert str(note["likes"]) == card["interactInfo"]["likedCount"]
        assert note["user"]["userid"] == OWNERS[PROFILE]
        assert [name for name in UNKNOWN_IN_WEB if note.get(name) is not None] == []
    assert answer.body["data"]["has_more"] is False
    assert state["userInfo"]["userId"].encode() not in answer.raw
    assert replayed(samples).page(state["userInfo"]["userId"]).code == 301


def test_what_was_not_recorded_is_301(samples: Path, replayed: Callable[[Path], Running]) -> None:
    """Another creator, the page after the last one recorded, and each of the ten authors of a refused page."""
    server = replayed(samples)
    authors = json.loads((samples / TEN_AUTHORS).read_text(encoding="utf-8"))["data"]["notes"]
    users = [note["user"]["user_id"] for note in authors]
    assert len(set(users)) == 10
    for user in [*users, "5c2f338a000000000701e1c6"]:
        assert server.page(user).code == 301
    last = served(server, OWNERS[APP_PAGE]).notes[-1]["cursor"]
    assert server.page(OWNERS[APP_PAGE], last).code == 301


def test_source_check_lists_every_file_taken_or_refused_with_a_reason(
    hongshu: Callable[..., Any], samples: Path, tmp_path: Path
) -> None:
    """Nothing is passed over in silence; the page of ten authors is refused; exit 0 as some pages can be served."""
    (tmp_path / "hongshu.toml").write_text(source(samples), encoding="utf-8")
    done = hongshu("source", "check", "--json", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    [checked] = json.loads(done.stdout)
    files = {one["file"]: one for one in checked["files"]}
    assert set(files) == {path.name for path in samples.iterdir()}
    assert {name: one["notes"] for name, one in files.items() if one["taken"]} == TAKEN
    assert {name: one["creators"] for name, one in files.items() if one["taken"]} == {
        name: [owner] for name, owner in OWNERS.items()
    }
    assert [name for name, one in files.items() if not one["taken"] and not one["why"]] == []
    assert "10 creators" in files[TEN_AUTHORS]["why"]
    [listed] = json.loads(hongshu("source", "list", "--json", data_dir=tmp_path).stdout)
    assert set(listed["creators"]) == set(OWNERS.values())


def test_source_check_fails_where_nothing_can_be_served(hongshu: Callable[..., Any], tmp_path: Path) -> None:
    """A folder of junk, and one that is not there: exit 1 and a reason."""
    junk = tmp_path / "junk"
    junk.mkdir()
    (junk / "block.json").write_text('{"code": 0, "success": true, "data": {}}')
    (junk / "empty.json").write_text("")
    for folder, said in ((junk, "block"), (tmp_path / "nowhere", "folder")):
        (tmp_path / "hongshu.toml").write_text(source(folder), encoding="utf-8")
        done = hongshu("source", "check", "--json", data_dir=tmp_path)
        assert done.returncode == 1
        [checked] = json.loads(done.stdout)
        assert checked["ok"] is False
        assert said in done.stdout
