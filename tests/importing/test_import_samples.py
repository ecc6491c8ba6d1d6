"""Every real file imports with the counts of an independent reading, and twice without a change."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hongshu.formats.imports.base import Tool
from hongshu.formats.wire import NoteBody
from hongshu.models import Precision, Shape
from importing.imports import Importing, distinct, values

SHANGHAI = timezone(timedelta(hours=8))


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def number(text: Any) -> int | None:
    """A counter as the samples write it."""
    return int(text) if re.fullmatch("[0-9]+", str(text)) else None


def check_wires(importing: Importing) -> None:
    """What is served of every note is a V4 note, with nothing that is not known."""
    for (wire,) in importing.rows("SELECT wire FROM notes"):
        msgspec.json.decode(bytes(wire), type=NoteBody, strict=True)
        assert b"null" not in bytes(wire)


@pytest.mark.parametrize("name", ["mediacrawler_xhs_edge.anon.jsonl", "mediacrawler_xhs_edge.anon.csv"])
def test_mediacrawler_rows(importing: Importing, samples: Path, name: str) -> None:
    """62 rows of 57 notes: each note holds what its newest row says; repeated rows tell nothing new."""
    rows = json_lines(samples / "mediacrawler_xhs_edge.anon.jsonl")
    told = importing.twice(samples / name)
    notes = distinct(rows, "note_id")
    assert (told.files, told.rows, told.imported, told.unchanged, told.skipped) == (1, 62, notes, 62 - notes, 0)
    assert importing.ids() == {(row["user_id"], row["note_id"]) for row in rows}
    for row in sorted(rows, key=lambda one: one["last_modify_ts"]):
        kept = importing.kept(row["note_id"], row["user_id"])
        its = [one for one in rows if one["note_id"] == row["note_id"]]
        seen = [one["last_modify_ts"] for one in its]
        note = kept.note
        assert (kept.first_seen_ms, kept.last_seen_ms) == (min(seen), max(seen))
        assert (note.published_ms, note.estimated, note.edited_ms) == (row["time"], False, row["last_update_time"])
        title = None if row["title"] == row["desc"][:255] else row["title"]  # the tool writes it where there is none
        assert (note.title, note.text, note.kind) == (title, row["desc"] or None, row["type"])
        wanted = [number(row[f"{one}_count"]) for one in ("liked", "collected", "comment", "share")]
        assert list(values(note.counters)) == wanted
        assert (note.shape, kept.source, note.pinned, note.goods) == (Shape.TABLE, "import:mediacrawler", None, None)
        assert [one.seen_ms for one in importing.history(note.id, row["user_id"])] == [min(seen)]
    check_wires(importing)
    assert importing.rows("SELECT count(*) FROM events") == [(0,)]
    assert importing.rows("SELECT count(*) FROM stretches") == [(0,)]


def test_mediacrawler_rows_that_hide_their_creators(importing: Importing, samples: Path) -> None:
    """Nobody is known: every note stands under the stand-in of its hash, without a name for its creator."""
    path = samples / "mediacrawler_xhs_2026-07_schema.derived.anon.jsonl"
    rows = json_lines(path)
    told = importing.twice(path)
    assert (told.rows, told.imported, told.skipped) == (20, distinct(rows, "note_id"), 0)
    assert importing.ids() == {("00000000" + row["creator_hash"], row["note_id"]) for row in rows}
    kept = importing.kept(rows[0]["note_id"], "00000000" + rows[0]["creator_hash"])
    assert (kept.note.creator, kept.note.nickname) == (None, None)
    check_wires(importing)


@pytest.mark.parametrize("hidden_first", [True, False])
def test_a_creator_whom_the_same_import_names_owns_what_the_hash_hides(
    importing: Importing, samples: Path, hidden_first: bool
) -> None:
    """The older schema names all creators; in either order the newer rows become theirs and tell nothing new."""
    named, hidden = (
        samples / "mediacrawler_xhs_edge.anon.jsonl",
        samples / "mediacrawler_xhs_2026-07_schema.derived.anon.jsonl",
    )
    rows = json_lines(named)
    by_hash = {hashlib.sha256(row["user_id"].encode()).hexdigest()[:16] for row in rows}
    assert {row["creator_hash"] for row in json_lines(hidden)} <= by_hash
    told = importing.twice(*((hidden, named) if hidden_first else (named, hidden)))
    assert (told.rows, told.skipped) == (82, 0)
    assert importing.ids() == {(row["user_id"], row["note_id"]) for row in rows}


def check_spider(importing: Importing, rows: list[dict[str, Any]], creator: str | None = None) -> None:
    for row in rows:
        kept = importing.kept(row["note_id"], row["user_id"])
        published = datetime.strptime(row["upload_time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
        note = kept.note
        assert (note.published_ms, note.estimated) == (int(published.timestamp() * 1000), False)
        assert note.title == (None if row["title"] == "无标题" else row["title"])
        assert note.kind == {"图集": "normal", "视频": "video"}[row["note_type"]]
        wanted = [number(row[f"{one}_count"]) for one in ("liked", "collected", "comment", "share")]
        assert list(values(note.counters)) == wanted
        assert kept.source == "import:spider-xhs"
        place = importing.wire(note.id, row["user_id"]).get("ip_location")
        assert place == (None if row["ip_location"] in ("未知", "") else row["ip_location"])


def test_spider_xhs_notes_as_lines(importing: Importing, samples: Path) -> None:
    """40 rows of 39 notes; an empty counter is unknown."""
    path = samples / "spider_xhs_info_json.anon.jsonl"
    rows = json_lines(path)
    told = importing.twice(path)
    notes = distinct(rows, "note_id")
    assert (told.rows, told.imported, told.unchanged, told.skipped) == (40, notes, 40 - notes, 0)
    assert any(row["collected_count"] == "" for row in rows)
    check_spider(importing, rows)
    check_wires(importing)


def test_spider_xhs_notes_as_a_tree_of_files(importing: Importing, samples: Path) -> None:
    """One info.json a note, beside pictures and details: the same notes; what lies beside is no row."""
    rows = json_lines(samples / "spider_xhs_info_json.anon.jsonl")
    for place, row in enumerate(rows):
        folder = f"media/{row['nickname']}_{row['user_id']}/{place}_{row['note_id']}"
        importing.file(f"{folder}/info.json", json.dumps(row) + "\n")
        importing.file(f"{folder}/detail.txt", f"笔记id: {row['note_id']}\n标题: {row['title']}\n")
        importing.file(f"{folder}/image_0.jpg", b"\xff\xd8\xff\xe0 no picture")
    told = importing.twice(importing.folder / "media")
    assert (told.rows, told.imported, told.skipped, told.faults) == (40, distinct(rows, "note_id"), 0, 0)
    check_spider(importing, rows)


def test_spider_xhs_table(importing: Importing, samples: Path) -> None:
    """88 notes of one account; lists are written as in Python, "None" is nothing."""
    path = samples / "spider_xhs_note_export_single_user_timeline.anon.csv"
    ours = ("note_id", "user_id", "upload_time", "title", "note_type")
    names = dict(zip(("笔记id", "用户id", "上传时间", "标题", "笔记类型"), ours, strict=True))
    counters = {"点赞数量": "liked_count", "收藏数量": "collected_count", "评论数量": "comment_count"}
    names |= counters | {"分享数量": "share_count", "ip归属地": "ip_location"}
    rows = table(path)
    told = importing.twice(path)
    assert (told.rows, told.imported, told.skipped) == (88, 88, 0)
    check_spider(importing, [{names.get(name, name): value for name, value in row.items()} for row in rows])
    for row in rows:
        written = re.findall(r"#([^#\n]+?)\[话题\]#", row["描述"])
        tags = dict.fromkeys(one.strip() for one in written or ast.literal_eval(row["标签"]))
        assert importing.kept(row["笔记id"], row["用户id"]).note.hashtags == tuple(tags)
    check_wires(importing)


def test_an_answer_of_xhs_downloader_tells_its_machines_zone(importing: Importing, samples: Path) -> None:
    """The machine's clock showed UTC, which the answer itself gives away; no --zone is needed."""
    path = samples / "xhs_downloader_detail_issue328.anon.json"
    row = json.loads(path.read_text())["data"]
    told = importing.twice(path)
    assert (told.rows, told.imported) == (1, 1)
    kept = importing.kept(row["作品ID"], row["作者ID"])
    assert kept.note.published_ms == int(row["时间戳"] * 1000)
    assert kept.note.edited_ms == int(datetime.fromisoformat("2025-10-04T07:08:59+00:00").timestamp() * 1000)
    assert values(kept.note.counters) == (947, 346, 195, 358)
    assert (kept.note.kind, kept.source) == ("video", "import:xhs-downloader")
    assert importing.wire(row["作品ID"], row["作者ID"])["desc"] == row["作品描述"][:100]
    check_wires(importing)


PAGES = {
    "app_user_posted_2023-05_page1.anon.json": ("import:v4", 10),
    "joa_v4_docs_example.anon.json": ("import:v4", 1),
    "web_user_posted_2023-10_snapshot1.anon.json": ("import:web", 31),
    "web_collect_page_2024-11-06_p1.anon.json": ("import:web", 10),
    "web_profile_state_2023-10_small_user_last_page.anon.json": ("import:web", 6),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages(importing: Importing, samples: Path, name: str) -> None:
    """Every note of a page is a row, whoever's it is; a page proves no coverage."""
    source, number_of_notes = PAGES[name]
    told = importing.twice(samples / name)
    assert (told.rows, told.imported, told.skipped) == (number_of_notes, number_of_notes, 0)
    assert importing.rows("SELECT DISTINCT source FROM notes") == [(source,)]
    assert importing.rows("SELECT count(*) FROM stretches") == [(0,)]
    check_wires(importing)


def test_a_list_of_many_creators_keeps_its_counters_as_they_are(importing: Importing, samples: Path) -> None:
    """The notes stand under their own creators; "3.1万" stays rounded."""
    path = samples / "web_collect_page_2024-11-06_p1.anon.json"
    notes = json.loads(path.read_text())["data"]["notes"]
    importing.run(path)
    assert importing.ids() == {(one["user"]["user_id"], one["note_id"]) for one in notes}
    rounded = [one for one in notes if "万" in one["interact_info"]["liked_count"]]
    assert rounded
    for one in rounded:
        likes = importing.kept(one["note_id"], one["user"]["user_id"]).note.counters.likes
        assert likes is not None
        assert likes.precision is Precision.ROUNDED


def test_a_profile_page_counts_as_of_its_servers_time(importing: Importing, samples: Path) -> None:
    """The page says when it was made, and the file's own time does not count."""
    path = samples / "web_profile_state_2023-10_small_user_last_page.anon.json"
    importing.run(path)
    at_ms = json.loads(path.read_text())["global"]["serverTime"]
    assert importing.rows("SELECT DISTINCT last_seen_ms FROM notes") == [(at_ms,)]


SKIPPED = {
    "xhs_web_error_bodies.jsonl": 17,
    "web_profile_shell_no_notes_2024-11.anon.html": 1,
    "spiderhubs_app_get_user_notes_2026-05_head.json": 1,
    "tikhub_envelope_search_v3_2025-12_head.anon.json": 1,
    "justoneapi_openapi_user_note_list_v4.json": 1,
}


@pytest.mark.parametrize("name", SKIPPED)
def test_what_holds_no_note_is_skipped_with_its_reason(importing: Importing, samples: Path, name: str) -> None:
    """Error replies, blocks, and notes that were cut before their id."""
    told = importing.twice(samples / name)
    assert (told.rows, told.imported, told.skipped, told.faults) == (SKIPPED[name],) + (0,) + (SKIPPED[name],) * 2
    assert importing.ids() == set()
    assert all(told.reasons)


def test_good_recordings_are_taken_from_between_bad_ones(importing: Importing, samples: Path) -> None:
    """Of three excerpts one has a note with its id; the others are told by their turn."""
    told = importing.twice(samples / "joa_v2_v4_user_excerpts_2025-11.anon.json")
    assert (told.rows, told.imported, told.skipped) == (3, 1, 2)
    assert importing.ids() == {("6310f20b000000001fa0b6d7", "6904d2400000000007697751")}
    assert [number for _, number, _ in importing.told] == [1, 3]


@pytest.mark.parametrize("tool", [Tool.V4, Tool.WEB, Tool.MEDIACRAWLER])
def test_all_samples_at_once_and_one_format_only(importing: Importing, samples: Path, tool: Tool) -> None:
    """The whole folder is taken twice without a change; with --format only what is of it."""
    told = importing.twice(samples, tool=tool)
    assert told.imported > 0
    assert importing.rows("SELECT DISTINCT source FROM notes") == [(tool.source,)]


def test_the_whole_folder(importing: Importing, samples: Path) -> None:
    """Notes of all tools stand beside each other, each under its label."""
    importing.twice(samples)
    wanted = {row["note_id"] for row in json_lines(samples / "mediacrawler_xhs_edge.anon.jsonl")}
    wanted |= {row["note_id"] for row in json_lines(samples / "spider_xhs_info_json.anon.jsonl")}
    wanted |= {row["笔记id"] for row in table(samples / "spider_xhs_note_export_single_user_timeline.anon.csv")}
    assert wanted <= {identifier for _, identifier in importing.ids()}
    assert len(importing.ids()) == len(wanted) + 10 + 1 + 1 + 1 + 31 + 10 + 6
    found = {source for (source,) in importing.rows("SELECT DISTINCT source FROM notes")}
    assert found == {f"import:{one}" for one in ("v4", "web", "mediacrawler", "spider-xhs", "xhs-downloader")}
    check_wires(importing)
