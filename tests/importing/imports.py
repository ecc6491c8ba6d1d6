"""An empty store on either database, files to import into it, and what is asked of it then."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from databases import open_room
from hongshu.engine.importing.importer import Importer, Orders, Outcome
from hongshu.engine.saver import save
from hongshu.formats.envelopes import read
from hongshu.formats.imports.base import Tool
from hongshu.formats.imports.detecting import Way
from hongshu.models import EVERYONE, Asked, Kept, Look, Observation, Page, Reply, Verdict
from hongshu.store import coverage, events, notes, observations
from hongshu.store.base import Row

NOW_MS: Final = 1_900_000_000_000
FILE_MS: Final = 1_780_000_000_000
"""The time of files, where a test gives none."""
ANN: Final = "5c2f338a000000000701e1c6"
BEN: Final = "5c2f338a000000000701e1c7"
BORN_S: Final = 1_750_000_000
TABLES: Final = ("notes", "raws", "observations", "events", "stretches", "profiles", "memberships")


def an_id(number: int) -> str:
    """The id of a note that was made so many days after the first."""
    return f"{BORN_S + number * 86_400:08x}{number:016x}"


def born_ms(number: int) -> int:
    return (BORN_S + number * 86_400) * 1000


def a_row(number: int = 1, **more: Any) -> dict[str, Any]:
    """A row of MediaCrawler."""
    row = {
        "note_id": an_id(number),
        "type": "normal",
        "title": f"title {number}",
        "desc": f"text {number} #tag[话题]#",
        "video_url": "",
        "time": born_ms(number),
        "last_update_time": born_ms(number),
        "user_id": ANN,
        "nickname": "阿安",
        "avatar": "https://a.example/x.jpg",
        "liked_count": "10",
        "collected_count": "20",
        "comment_count": "30",
        "share_count": "40",
        "ip_location": "上海",
        "image_list": "http://sns-webpic-qc.xhscdn.com/2025/aa/1040g34ob7j7givkjkenun9jql4nbd!nd_dft,http://x/y",
        "tag_list": "one,two",
        "last_modify_ts": born_ms(number) + 86_400_000,
        "note_url": "https://www.xiaohongshu.com/explore/x",
        "source_keyword": "",
        "xsec_token": "AB=",
    }
    return {**row, **more}


class Importing:
    """A store, a folder, and what was skipped when its files were imported."""

    def __init__(self, kind: str, where: Path | str, folder: Path) -> None:
        self.database = open_room(kind, "notes", where)
        self.folder = folder
        self.told: list[tuple[str, int, str]] = []

    def run(
        self, *paths: Path, tool: Tool | None = None, zone: str = "Asia/Shanghai", as_of_ms: int | None = None
    ) -> Outcome:
        orders = Orders(paths=paths, way=Way(tool=tool, zone=ZoneInfo(zone)), as_of_ms=as_of_ms)
        self.told = []

        def tell(path: str, number: int, why: str) -> None:
            self.told.append((Path(path).name, number, why))

        return Importer(self.database, orders, lambda: NOW_MS * 1_000_000, tell).run()

    def twice(self, *paths: Path, **more: Any) -> Outcome:
        """Import, and prove that the same again changes nothing."""
        first = self.run(*paths, **more)
        before = self.dump()
        again = self.run(*paths, **more)
        assert (again.imported, again.unchanged) == (0, first.imported + first.unchanged)
        assert (again.rows, again.skipped, again.reasons) == (first.rows, first.skipped, first.reasons)
        assert self.dump() == before
        assert first.rows == first.imported + first.unchanged + first.skipped
        assert sum(first.reasons.values()) == first.skipped
        return first

    def live(self, body: Mapping[str, Any], seen_ms: int, *, creator: str = ANN, source: str = "live") -> None:
        """Save a page as a source gives it."""
        page = read(Reply(body=json.dumps(body, ensure_ascii=False).encode()))
        assert isinstance(page, Page), page
        look = Look(page=page, source=source, seen_ms=seen_ms, verdict=Verdict.OK)
        self.database.write(lambda db: save(db, Asked(creator=creator), look, EVERYONE))

    def kept(self, note_id: str, creator: str = ANN) -> Kept:
        return self.database.read(lambda db: notes.known(db, creator, EVERYONE, [note_id]))[note_id]

    def wire(self, note_id: str, creator: str = ANN) -> dict[str, Any]:
        wire: dict[str, Any] = json.loads(self.kept(note_id, creator).note.wire)
        return wire

    def history(self, note_id: str, creator: str = ANN) -> list[Observation]:
        return self.database.read(lambda db: observations.of_note(db, creator, EVERYONE, note_id))

    def happened(self, creator: str = ANN) -> list[str]:
        return [one.kind.value for one in self.database.read(lambda db: events.of_creator(db, creator, EVERYONE))]

    def stretches(self, creator: str = ANN) -> list[Any]:
        return self.database.read(lambda db: coverage.whole(db, creator, EVERYONE))

    def rows(self, sql: str) -> list[Row]:
        return self.database.read(lambda db: db.rows(sql))

    def ids(self) -> set[tuple[str, str]]:
        return {(creator, identifier) for creator, identifier in self.rows("SELECT creator, id FROM notes")}

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return {
            table: sorted(
                [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in found], key=repr
            )
            for table in TABLES
            for found in [self.rows(f"SELECT * FROM {table}")]
        }

    def file(self, name: str, content: str | bytes, *, at_ms: int = FILE_MS) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, ns=(at_ms * 1_000_000, at_ms * 1_000_000))
        return path

    def lines(self, *rows: Mapping[str, Any], name: str = "rows.jsonl", at_ms: int = FILE_MS) -> Path:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return self.file(name, text, at_ms=at_ms)

    def table(
        self, rows: Sequence[Mapping[str, Any]], *, name: str = "rows.csv", encoding: str = "utf-8-sig", **more: Any
    ) -> Path:
        path = self.file(name, b"")
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), **more)
            writer.writeheader()
            writer.writerows(rows)
        os.utime(path, ns=(FILE_MS * 1_000_000, FILE_MS * 1_000_000))
        return path


def a_page(*shown: Mapping[str, Any], has_more: bool = True) -> dict[str, Any]:
    return {"code": 0, "data": {"notes": list(shown), "has_more": has_more}}


def a_note(number: int, **more: Any) -> dict[str, Any]:
    """A V4 note of the same id as a row."""
    told = {"id": an_id(number), "create_time": born_ms(number) // 1000, "sticky": False, "type": "normal"}
    return {**told, "user": {"userid": ANN, "nickname": "阿安"}, **more}


def a_card(number: int, likes: str | None, **more: Any) -> dict[str, Any]:
    """A card of the site's list, of the same id as a row."""
    interaction = {"sticky": False, "liked_count": likes}
    return {
        "note_id": an_id(number),
        "display_title": "from the site",
        "user": {"user_id": ANN},
        "interact_info": interaction,
        **more,
    }


def values(counters: Any) -> tuple[int | None, ...]:
    return tuple(
        one.value if (one := getattr(counters, name)) else None for name in ("likes", "collects", "comments", "shares")
    )


def distinct(rows: Iterable[Mapping[str, Any]], name: str) -> int:
    return len({row[name] for row in rows})
