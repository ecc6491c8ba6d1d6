"""Files of other tools as they really vary: columns, encodings, lists, counters, times, databases, workbooks."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hongshu.formats.imports.base import Tool
from hongshu.models import Precision
from importing.imports import ANN, BEN, FILE_MS, Importing, a_row, an_id, born_ms, values

DAY_MS = 86_400_000


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize(
    "more", [{"delimiter": ";"}, {"delimiter": "\t"}, {"lineterminator": "\n"}, {"quoting": 1}, {"encoding": "utf-8"}]
)
def test_csv_in_every_dialect_says_the_same(importing: Importing, more: dict[str, Any]) -> None:
    """Delimiters, line ends, quotes and the byte order mark change nothing."""
    rows = [a_row(1), a_row(2, desc='a "quote", a comma;\r\nand a line\ttab')]
    told = importing.twice(importing.table(rows, **more))
    assert (told.rows, told.imported, told.skipped) == (2, 2, 0)
    assert importing.kept(an_id(2)).note.text == rows[1]["desc"]
    assert values(importing.kept(an_id(1)).note.counters) == (10, 20, 30, 40)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_csv_as_older_spreadsheets_save_it(importing: Importing, encoding: str) -> None:
    """Chinese text in GB 18030, or in UTF-16 with its mark, is read as what it says."""
    importing.run(importing.table([a_row(number) for number in range(1, 6)], encoding=encoding))
    assert {importing.kept(an_id(number)).note.nickname for number in range(1, 6)} == {"阿安"}


def test_the_order_of_columns_does_not_count_and_missing_ones_are_unknown(importing: Importing) -> None:
    """Half of the columns lack, two are new, the order is another: what is there is taken."""
    row = without(a_row(1, one_more="x", another=1), "collected_count", "share_count", "last_update_time", "nickname")
    importing.twice(importing.table([dict(reversed(row.items()))]))
    note = importing.kept(an_id(1)).note
    assert values(note.counters) == (10, None, 30, None)
    assert (note.edited_ms, note.nickname, note.title) == (None, None, "title 1")
    assert {"collected_count", "share_count", "last_update_time"} & importing.wire(an_id(1)).keys() == set()


COUNTS: list[tuple[Any, int | None, Precision | None]] = [
    ("1.2万", 12_000, Precision.ROUNDED),
    ("10+", 10, Precision.AT_LEAST),
    ("1,234", 1_234, Precision.EXACT),
    (" 7 ", 7, Precision.EXACT),
    (809, 809, Precision.EXACT),
    (809.0, 809, Precision.EXACT),
    ("0", 0, Precision.EXACT),
    (0, 0, Precision.EXACT),
    ("", None, None),
    (None, None, None),
    ("None", None, None),
    ("-1", None, None),
    (-1, None, None),
    ("lots", None, None),
    (2**70, None, None),
    (True, None, None),
    ([1], None, None),
]


def test_counters_in_every_form(importing: Importing) -> None:
    """What is no number is unknown, never 0; a rounded number says so in what is served."""
    rows = [a_row(number, liked_count=given) for number, (given, _, _) in enumerate(COUNTS, start=1)]
    told = importing.twice(importing.lines(*rows))
    assert (told.imported, told.skipped) == (len(COUNTS), 0)
    for number, (_, value, precision) in enumerate(COUNTS, start=1):
        likes = importing.kept(an_id(number)).note.counters.likes
        assert (likes and likes.value, likes and likes.precision) == (value, precision)
        wire = importing.wire(an_id(number))
        assert wire.get("likes") == value
        assert ("likes_text" in wire) is (precision not in {None, Precision.EXACT})


TIMES: list[tuple[Any, int | None]] = [
    (born_ms(1), born_ms(1)),
    (str(born_ms(1)), born_ms(1)),
    (born_ms(1) // 1000, born_ms(1)),
    (float(born_ms(1)), born_ms(1)),
    (born_ms(1) + 8 * DAY_MS, born_ms(1) + 8 * DAY_MS),
    ("2025-06-16 23:06:40", 1_750_086_400_000),
    (born_ms(1) - 3_600_000, None),
    (born_ms(1) + 500 * DAY_MS, None),
    ("", None),
    (0, None),
    ("soon", None),
    (10**20, None),
    (None, None),
]


def test_publish_times_in_every_form(importing: Importing) -> None:
    """Seconds, ms, local times; a scheduled note is later than its id; one that is earlier is not believed."""
    for place, (given, wanted) in enumerate(TIMES):
        row = a_row(1, time=given, user_id=f"5c2f338a{place:016x}", last_modify_ts=FILE_MS)
        importing.run(importing.lines(row, name=f"{place}.jsonl"))
        note = importing.kept(an_id(1), row["user_id"]).note
        assert (note.published_ms, note.estimated) == (wanted or born_ms(1), wanted is None), given
        assert ("create_time" in importing.wire(an_id(1), row["user_id"])) is (wanted is not None)


def test_a_time_that_is_not_believed_is_told(importing: Importing) -> None:
    """The outcome counts it, with the question about the zone."""
    told = importing.twice(importing.lines(a_row(1, time=born_ms(1) - 8 * 3_600_000)))
    assert told.skipped == 0
    assert [("--zone" in why, number) for why, number in told.doubts.items()] == [(True, 1)]


def test_a_row_counts_as_of_its_own_time_else_as_of_its_file(importing: Importing) -> None:
    """last_modify_ts, else add_ts, else the file's time, else --as-of; never before the note was made."""
    rows = [
        a_row(1),
        a_row(2, last_modify_ts="", add_ts=born_ms(2) + 5),
        a_row(3, last_modify_ts=None),
        a_row(4, last_modify_ts=born_ms(4) - 1),
    ]
    path = importing.lines(*rows)
    importing.twice(path)
    seen = [importing.kept(an_id(number)).last_seen_ms for number in (1, 2, 3, 4)]
    assert seen == [born_ms(1) + DAY_MS, born_ms(2) + 5, FILE_MS, FILE_MS]
    importing.run(importing.lines(a_row(5, last_modify_ts=None), name="b.jsonl"), as_of_ms=born_ms(5) + 7)
    assert importing.kept(an_id(5)).last_seen_ms == born_ms(5) + 7


def test_a_row_of_no_possible_time_is_skipped(importing: Importing) -> None:
    """A file older than the note, or of the future, says nothing."""
    old = importing.lines(a_row(1, last_modify_ts=""), name="old.jsonl", at_ms=1_000_000_000)
    ahead = importing.lines(a_row(2, last_modify_ts=9_999_999_999_999), name="ahead.jsonl", at_ms=2_000_000_000_000)
    told = importing.twice(old, ahead)
    assert (told.imported, told.skipped, told.faults) == (0, 2, 2)
    assert "--as-of" in next(iter(told.reasons))


def test_comments_are_skipped_without_a_fault_and_creators_become_profiles(importing: Importing) -> None:
    """Rows of all three kinds in one file."""
    comment = {"comment_id": "c", "note_id": an_id(1), "content": "nice", "user_id": BEN, "like_count": 1}
    creator = {"user_id": ANN, "nickname": "阿安", "fans": "1.2万", "follows": "3", "interaction": "9"}
    rows = [a_row(1), comment, {**creator, "last_modify_ts": born_ms(9)}, {**creator, "user_id": "nobody"}]
    told = importing.twice(importing.lines(*rows))
    assert (told.rows, told.imported, told.skipped, told.faults) == (4, 2, 2, 1)
    found = importing.rows("SELECT creator, as_of_ms, nickname, followers, source FROM profiles")
    assert found == [(ANN, born_ms(9), "阿安", 12_000, "import:mediacrawler")]


def test_a_title_that_the_tool_made_of_the_text_is_none(importing: Importing) -> None:
    """MediaCrawler writes the beginning of the text where there is no title."""
    text = "长" * 300
    importing.run(importing.lines(a_row(1, title=text[:255], desc=text), a_row(2, title=text[:100], desc=text)))
    assert importing.kept(an_id(1)).note.title is None
    assert importing.kept(an_id(2)).note.title == text[:100]


def test_a_stored_creator_resolves_a_hash_and_a_stand_in_stays(importing: Importing) -> None:
    """Ann is known before, Ben is not: Ann's note becomes hers, Ben's stands under his hash, later ones too."""
    importing.run(importing.lines(a_row(1), name="a.jsonl"))
    of_ann = hashlib.sha256(ANN.encode()).hexdigest()[:16]
    of_ben = hashlib.sha256(BEN.encode()).hexdigest()[:16]
    hidden = [without(a_row(2, creator_hash=of_ann), "user_id"), without(a_row(3, creator_hash=of_ben), "user_id")]
    path = importing.lines(*hidden, name="b.jsonl")
    importing.twice(path)
    assert importing.ids() == {(ANN, an_id(1)), (ANN, an_id(2)), ("00000000" + of_ben, an_id(3))}
    importing.run(importing.lines(a_row(4, user_id=BEN), name="c.jsonl"))
    told = importing.run(path)
    assert (told.imported, told.unchanged) == (0, 2)
    importing.run(importing.lines(without(a_row(5, creator_hash=of_ben), "user_id"), name="d.jsonl"))
    assert ("00000000" + of_ben, an_id(5)) in importing.ids()


def test_rows_without_ids_are_skipped_each_with_its_reason(importing: Importing) -> None:
    """What names no note or no creator is told by file and number; the rest is taken."""
    rows = [a_row(1), a_row(2, note_id="short"), a_row(3, user_id=""), a_row(4, note_id=an_id(4).upper())]
    told = importing.twice(importing.lines(*rows))
    assert (told.imported, told.skipped, told.faults) == (2, 2, 2)
    assert [(name, number) for name, number, _ in importing.told] == [("rows.jsonl", 2), ("rows.jsonl", 3)]


def a_database(path: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        for table, rows in tables.items():
            names = ", ".join(f'"{name}"' for name in rows[0])
            db.execute(f'CREATE TABLE "{table}" ({names})')
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f'INSERT INTO "{table}" VALUES ({marks})', [tuple(row.values()) for row in rows])
        db.commit()
    return path


def test_a_database_of_mediacrawler(importing: Importing) -> None:
    """Notes, creators and comments from their tables; lists in it are JSON texts, None counters are "None"."""
    row = a_row(1, image_list=json.dumps("http://h/x/1040g34ob7j7givkjkenun9jql4nbd!a,http://h/y"), share_count="None")
    row |= {"tag_list": json.dumps("one,two"), "desc": "no tags in it", "id": 1, "add_ts": born_ms(1)}
    creator = {"id": 1, "user_id": ANN, "nickname": "阿安", "fans": "5", "follows": "1", "last_modify_ts": born_ms(3)}
    comment = {"id": 1, "user_id": BEN, "comment_id": "c", "note_id": an_id(1), "content": "x"}
    path = a_database(
        importing.folder / "sqlite_tables.db",
        {"xhs_note": [row], "xhs_creator": [creator], "xhs_note_comment": [comment], "bilibili_video": [{"id": 1}]},
    )
    told = importing.twice(path)
    assert (told.rows, told.imported, told.skipped, told.faults) == (3, 2, 1, 0)
    note = importing.kept(an_id(1)).note
    assert values(note.counters) == (10, 20, 30, None)
    assert (note.cover_key, note.hashtags) == ("1040g34ob7j7givkjkenun9jql4nbd", ("one", "two"))


def an_explored(number: int, **more: Any) -> dict[str, Any]:
    local = "2025-06-16_23:06:40"
    row = {"采集时间": "2025-07-01 12:00:00", "作品ID": an_id(number), "作品类型": "图文", "作品标题": "标题"}
    row |= {"作品描述": "描述", "作品标签": "一 二", "发布时间": local, "最后更新时间": "未知"}
    row |= {"收藏数量": "1", "评论数量": "-1", "分享数量": "3", "点赞数量": "1.1万", "作者昵称": "阿安", "作者ID": ANN}
    row |= {"作者链接": "x", "作品链接": "y", "动图地址": "NaN"}
    return {
        **row,
        "下载地址": "https://ci.xiaohongshu.com/1040g34ob7j7givkjkenun9jql4nbd?imageView2/2 https://b",
        **more,
    }


@pytest.mark.parametrize(("zone", "offset_hours"), [("Asia/Shanghai", 0), ("UTC", 8)])
def test_a_database_of_xhs_downloader(importing: Importing, zone: str, offset_hours: int) -> None:
    """ "-1" and 未知 are unknown; local times are those of the machine's zone."""
    path = a_database(importing.folder / "ExploreData.db", {"explore_data": [an_explored(1)]})
    importing.twice(path, zone=zone)
    kept = importing.kept(an_id(1))
    assert values(kept.note.counters) == (11_000, 1, None, 3)
    assert kept.note.published_ms == 1_750_086_400_000 + offset_hours * 3_600_000
    assert kept.last_seen_ms == 1_751_342_400_000 + offset_hours * 3_600_000
    assert (kept.note.edited_ms, kept.note.kind, kept.note.hashtags) == (None, "normal", ("一", "二"))
    assert kept.note.cover_key == "1040g34ob7j7givkjkenun9jql4nbd"


def test_answers_of_xhs_downloader_as_a_list(importing: Importing) -> None:
    """Several answers in one file; one without a work is a fault of its own."""
    answers = [{"message": "ok", "params": {}, "data": an_explored(number)} for number in (1, 2)]
    text = json.dumps([*answers, {"message": "failed", "params": {}, "data": None}], ensure_ascii=False)
    told = importing.twice(importing.file("answers.json", text))
    assert (told.rows, told.imported, told.faults) == (3, 2, 1)


def a_workbook(path: Path, rows: list[dict[str, Any]], *more: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    for name in more:
        book.create_sheet(name)
    book.save(path)
    return path


def test_workbooks_of_mediacrawler_and_spider_xhs(importing: Importing) -> None:
    """Numbers in cells are numbers, lists are texts; a formula in a title is only its text or nothing."""
    crawled = a_workbook(importing.folder / "xhs.xlsx", [a_row(1, liked_count=12), a_row(2, title=7)], "Comments")
    spider = {"笔记id": an_id(3), "笔记类型": "视频", "用户id": BEN, "昵称": "贝", "标题": "无标题", "描述": "d"}
    spider |= {
        "点赞数量": "",
        "收藏数量": "1万",
        "上传时间": "2025-06-18 23:06:40",
        "图片地址url列表": "['http://h/a']",
    }
    spider |= {"标签": "['一', \"二\"]", "视频封面url": "None", "ip归属地": "未知"}
    told = importing.twice(crawled, a_workbook(importing.folder / "note.xlsx", [spider]))
    assert (told.files, told.rows, told.imported, told.skipped) == (2, 3, 3, 0)
    assert values(importing.kept(an_id(1)).note.counters) == (12, 20, 30, 40)
    assert importing.kept(an_id(1)).note.published_ms == born_ms(1)
    assert importing.kept(an_id(2)).note.title == "7"
    note = importing.kept(an_id(3), BEN).note
    assert (note.kind, note.title, note.hashtags) == ("video", None, ("一", "二"))
    assert values(note.counters) == (None, 10_000, None, None)


def test_users_of_spider_xhs(importing: Importing) -> None:
    """Its table of users tells followers as of the file's time."""
    user = {"用户id": ANN, "用户主页url": "x", "用户名": "阿安", "粉丝数量": "10+", "关注数量": "1", "标签": "[]"}
    told = importing.twice(importing.table([user]))
    assert (told.rows, told.imported) == (1, 1)
    assert importing.rows("SELECT creator, as_of_ms, nickname, followers, source FROM profiles") == [
        (ANN, FILE_MS, "阿安", 10, "import:spider-xhs")
    ]


def test_search_results_and_detail_pages_of_the_site(importing: Importing) -> None:
    """Every note of a search is its creator's; a detail page tells text, times and all counters."""
    user = {"user_id": BEN, "nickname": "贝"}
    found = {"id": an_id(1), "model_type": "note", "note_card": {"display_title": "t", "user": user}}
    found["note_card"] |= {"type": "video", "interact_info": {"liked_count": "3.1万"}}
    detail = {"id": an_id(2), "model_type": "note", "note_card": {"note_id": an_id(2), "title": "t2", "desc": "long"}}
    counted = {"liked_count": "1", "collected_count": "2", "comment_count": "3", "share_count": "4"}
    detail["note_card"] |= {"user": user, "interact_info": counted, "time": born_ms(2), "type": "normal"}
    query = {"id": "x", "model_type": "rec_query", "rec_query": {}}
    body = {"code": 0, "success": True, "data": {"has_more": True, "items": [found, query, detail]}}
    told = importing.twice(importing.file("search.json", json.dumps(body)))
    assert (told.rows, told.imported, told.skipped, told.faults) == (3, 2, 1, 0)
    assert importing.ids() == {(BEN, an_id(1)), (BEN, an_id(2))}
    assert importing.kept(an_id(1), BEN).note.counters.likes is not None
    kept = importing.kept(an_id(2), BEN)
    assert values(kept.note.counters) == (1, 2, 3, 4)
    assert (kept.note.published_ms, kept.note.estimated, kept.source) == (born_ms(2), False, "import:web")


def test_search_results_of_the_app_in_a_vendors_envelope(importing: Importing) -> None:
    """Counters under the search's own names are taken; the stamp of the vendor is the time."""
    note = {"id": an_id(1), "type": "normal", "title": "t", "desc": "d", "liked_count": 5, "shared_count": 6}
    note |= {"collected_count": 7, "comments_count": 8, "timestamp": born_ms(1) // 1000, "user": {"userid": BEN}}
    inner = {"code": 0, "data": {"items": [{"model_type": "note", "note": note}, {"model_type": "ads"}]}}
    body = {"code": 200, "data": inner, "time_stamp": born_ms(9) // 1000}
    told = importing.twice(importing.file("tik.json", json.dumps(body)))
    assert (told.imported, told.skipped, told.faults) == (1, 1, 0)
    kept = importing.kept(an_id(1), BEN)
    assert values(kept.note.counters) == (5, 7, 8, 6)
    assert (kept.source, kept.last_seen_ms, kept.note.published_ms) == ("import:tikhub", born_ms(9), born_ms(1))


def test_one_bad_note_does_not_spoil_a_page(importing: Importing) -> None:
    """Nine notes are taken, the one without an id is told."""
    notes = [{"id": an_id(number), "likes": number, "user": {"userid": ANN}} for number in range(1, 10)]
    body = {"code": 0, "recordTime": "2026-01-02T03:04:05Z", "data": {"notes": [*notes, {"likes": 1}]}}
    told = importing.twice(importing.file("page.json", json.dumps(body)))
    assert (told.rows, told.imported, told.faults) == (10, 9, 1)


def test_a_page_counts_as_of_its_record_time(importing: Importing) -> None:
    """The answer says when its notes were collected."""
    body = {"code": 0, "recordTime": "2026-01-02T03:04:05Z", "data": {"notes": [{"id": an_id(1), "likes": 1}]}}
    recorded = {"request": f"GET /x?userId={ANN}", "response": body}
    importing.twice(importing.file("page.json", json.dumps(recorded)))
    assert importing.kept(an_id(1)).last_seen_ms == 1_767_323_045_000


def test_a_format_that_was_asked_for_refuses_others_and_reads_tables_that_nobody_would_know(
    importing: Importing,
) -> None:
    """--format spider-xhs skips MediaCrawler's rows; --format mediacrawler takes a table of three columns."""
    told = importing.run(importing.lines(a_row(1)), tool=Tool.SPIDER_XHS)
    assert (told.imported, told.skipped) == (0, 1)
    few = importing.table([{"note_id": an_id(2), "user_id": ANN, "title": "t"}], name="few.csv")
    assert importing.run(few).imported == 0
    assert importing.run(few, tool=Tool.MEDIACRAWLER).imported == 1


def test_a_json_list_of_rows_and_one_row_alone(importing: Importing) -> None:
    """A list, pretty or not, and an object over many lines."""
    listed = importing.file("list.json", json.dumps([a_row(1), a_row(2)], indent=2, ensure_ascii=False))
    alone = importing.file("one.json", json.dumps(a_row(3), indent=2))
    told = importing.twice(listed, alone)
    assert (told.files, told.rows, told.imported) == (2, 3, 3)
