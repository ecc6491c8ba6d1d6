"""Draws the large data set of `analytics.py` and counts what it holds; each in a process of its own.

Its columns, folders, row groups and compression are those of `hongshu export`; DuckDB draws it, the same every time.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from hongshu.formats.exports.columns import names
from hongshu.formats.exports.kinds import What

_PARTS = "0123456789abcdef"
_SEED, _PIECES = 11, 4096
_SIGNS = "我你他的一是不了在人有这个上来到时大地为子中国说生好看今天分享穿搭美食旅行日常推荐ABCDEFGHIJ0123456789!?，。 "
_WRITTEN = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 30720"

_MACROS = """
CREATE MACRO chance(no, k, turn) AS hash(no, k, turn) / 18446744073709551616.0;
CREATE MACRO normal(no, k, turn) AS
    sqrt(-2 * ln(1e-12 + chance(no, k, turn))) * cos(6.283185307 * chance(no, k, turn + 100));
CREATE MACRO piece(no, k, turn) AS getvariable('pieces')[1 + CAST(hash(no, k, turn) % 4096 AS INTEGER)];
CREATE MACRO counted(name, value, no, k, turn) AS struct_pack(
    value := CASE
        WHEN value >= 100000 AND chance(no, k, turn) < 0.1 THEN 100000
        WHEN value >= 10000 AND chance(no, k, turn) < 0.5 THEN value // 1000 * 1000
        ELSE value
    END,
    precision := CASE
        WHEN value >= 100000 AND chance(no, k, turn) < 0.1 THEN 'at_least'
        WHEN value >= 10000 AND chance(no, k, turn) < 0.5 THEN 'rounded'
        WHEN value IS NOT NULL THEN 'exact'
    END,
    text := CASE
        WHEN value >= 100000 AND chance(no, k, turn) < 0.1 THEN '10万+'
        WHEN value >= 10000 AND chance(no, k, turn) < 0.5 THEN format('{:.1f}万', value / 10000)
    END
);
CREATE MACRO moment(ms) AS make_timestamp(ms * 1000);
"""
_CREATORS = """
CREATE TABLE drawn AS
SELECT
    no,
    creator,
    sha256(creator)[1] AS part,
    notes,
    4.5 + 1.2 * normal(no, -1, 1) AS level,
    200 + 1600 * chance(no, -1, 2) AS days,
    hash(no, -1, 3) % 14 AS favourite,
    1788220800000 + CAST(3600000 * chance(no, -1, 4) AS BIGINT) AS seen_ms,
    piece(no, -1, 5)[1:4] AS nickname
FROM (
    SELECT
        no,
        printf('%08x%016x', no * 2654435761 % 4294967296, no) AS creator,
        CAST(greatest(1, round({notes} * weight / sum(weight) OVER ())) AS BIGINT) AS notes
    FROM (SELECT range AS no, pow(range + 500, -0.9) AS weight FROM range({creators}))
)
ORDER BY creator
"""
_NOTES = """
CREATE TEMP VIEW noted AS
SELECT
    *,
    1788220800000 - 86400000 * CAST(1 + floor(days * pow((k + chance(no, k, 6)) / notes, 1.3)) AS BIGINT)
        + CAST(3600000 * ((favourite + 40 + 2.5 * normal(no, k, 7)) % 24) AS BIGINT) AS published_ms,
    CAST(floor(liked) AS BIGINT) AS all_likes,
    CAST(floor(liked * 0.25 * exp(0.4 * normal(no, k, 9))) AS BIGINT) AS all_collects,
    CAST(floor(liked * 0.05 * exp(0.4 * normal(no, k, 10))) AS BIGINT) AS all_comments,
    CASE WHEN chance(no, k, 11) < 0.95 THEN CAST(floor(liked * 0.04) AS BIGINT) END AS all_shares
FROM (SELECT *, exp(level + 1.3 * normal(no, k, 8)) AS liked FROM (SELECT *, unnest(range(notes)) AS k FROM drawn))
"""
_COUNTERS = ", ".join(
    f"{name}.value AS {name}, {name}.precision AS {name}_precision, {name}.text AS {name}_text"
    for name in ("likes", "collects", "comments", "shares")
)
_NOTE_ROWS = f"""
SELECT * EXCLUDE (likes, collects, comments, shares), {_COUNTERS}
FROM (
    SELECT
        part,
        creator,
        printf('%08x', published_ms // 1000) || lpad(to_hex(hash(no, k, 12)), 16, '0') AS id,
        moment(published_ms) AS published_at,
        chance(no, k, 13) < 0.01 AS published_estimated,
        CASE WHEN chance(no, k, 14) < 0.1 THEN moment(published_ms + 7200000) END AS edited_at,
        CASE WHEN chance(no, k, 15) < 0.4 THEN 'video' ELSE 'normal' END AS type,
        piece(no, k, 16) || piece(no, k, 17) AS title,
        array_to_string([piece(no, k, 20 + j) FOR j IN range(9)], '') AS text,
        list_distinct([
            piece(no, CAST(floor(15 * pow(chance(no, k, 30 + j), 2)) AS INTEGER), 40)[1:4]
            FOR j IN range(CAST(hash(no, k, 41) % 6 AS INTEGER))
        ]) AS hashtags,
        counted('likes', all_likes, no, k, 50) AS likes,
        counted('collects', all_collects, no, k, 51) AS collects,
        counted('comments', all_comments, no, k, 52) AS comments,
        counted('shares', all_shares, no, k, 53) AS shares,
        k = 20 AS pinned,
        CASE WHEN k = 20 THEN 0 END AS pin_rank,
        k = 20 AS shown_pinned,
        chance(no, k, 54) < 0.08 AS goods,
        lpad(to_hex(hash(no, k, 55)), 16, '0') || lpad(to_hex(hash(no, k, 56)), 16, '0') AS cover,
        creator AS author,
        nickname,
        'v4' AS shape,
        'upstream' AS source,
        moment(published_ms + 3600000) AS first_seen_at,
        moment(seen_ms) AS last_seen_at,
        CAST(NULL AS TIMESTAMP) AS missing_since,
        0 AS absent_walks,
        CAST(NULL AS TIMESTAMP) AS absent_as_of
    FROM noted
)
"""
_OBSERVATION_ROWS = f"""
SELECT * EXCLUDE (likes, collects, comments, shares), {_COUNTERS}
FROM (
    SELECT
        part,
        creator,
        printf('%08x', published_ms // 1000) || lpad(to_hex(hash(no, k, 12)), 16, '0') AS note,
        moment(published_ms + CAST(3600000 * age AS BIGINT)) AS seen_at,
        counted('likes', CAST(floor(all_likes * had) AS BIGINT), no, k, 50) AS likes,
        counted('collects', CAST(floor(all_collects * had) AS BIGINT), no, k, 51) AS collects,
        counted('comments', CAST(floor(all_comments * had) AS BIGINT), no, k, 52) AS comments,
        counted('shares', CAST(floor(all_shares * had) AS BIGINT), no, k, 53) AS shares,
        'upstream' AS source
    FROM (
        SELECT *, 1 - exp(-age / 30) AS had
        FROM (
            SELECT *, unnest([4, 9, 20, 40, 80, 190]) * (0.95 + 0.1 * chance(no, k, 60)) AS age
            FROM noted
            WHERE k < {{looked}} * notes
        )
        WHERE published_ms + 3600000 * age < seen_ms
    )
)
"""
_CREATOR_ROWS = """
SELECT
    part,
    creator,
    nickname,
    [] AS groups,
    notes,
    moment(1788220800000 - CAST(86400000 * (days + 1) AS BIGINT)) AS first_published_at,
    moment(seen_ms) AS last_published_at,
    CASE WHEN chance(no, -1, 6) < 0.1 THEN 20000 END AS followers,
    CASE WHEN chance(no, -1, 6) < 0.1 THEN moment(1780272000000) END AS followers_as_of,
    CASE WHEN chance(no, -1, 6) < 0.1 THEN '1500' END AS price,
    CASE WHEN chance(no, -1, 6) < 0.1 THEN 'CNY' END AS currency,
    CASE WHEN chance(no, -1, 6) < 0.1 THEN moment(1780272000000) END AS price_as_of,
    CASE WHEN kept < 0.7 THEN 'complete' ELSE 'partial' END AS coverage_state,
    CASE WHEN kept BETWEEN 0.7 AND 0.9 THEN moment(1788220800000 - CAST(43200000 * days AS BIGINT)) END
        AS complete_from,
    CASE WHEN kept < 0.9 THEN moment(seen_ms) END AS complete_to,
    '[]' AS coverage,
    CASE WHEN chance(no, -1, 6) < 0.1
        THEN '[{"as_of": "2026-06-01T00:00:00Z", "nickname": null, "followers": 20000, "price": "1500",'
            || ' "currency": "CNY", "source": "import"}]'
        ELSE '[]'
    END AS profiles
FROM (SELECT *, chance(no, -1, 7) AS kept FROM drawn)
"""


def make(folder: Path, notes: int, creators: int, looked: float) -> None:
    """Write a data set, one part after the other on each core; so many of each creator's notes were looked at again."""
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda part: _part(folder, notes, creators, looked, part), _PARTS))
    files = list(folder.rglob("*.parquet"))
    _tell(seconds=time.perf_counter() - began, mb=sum(one.stat().st_size for one in files) / 1e6, files=len(files))


def _part(folder: Path, notes: int, creators: int, looked: float, part: str) -> None:
    chance = random.Random(_SEED)  # noqa: S311 - texts, no secret
    with duckdb.connect(config={"threads": 1, "partitioned_write_flush_threshold": 10**8}) as db:
        db.execute("SET VARIABLE pieces = ?", [["".join(chance.choices(_SIGNS, k=10)) for _ in range(_PIECES)]])
        db.execute(_MACROS)
        db.execute(_CREATORS.format(notes=notes, creators=creators))
        db.execute(f"DELETE FROM drawn WHERE part <> '{part}'")
        db.execute(_NOTES)
        _write(db, _NOTE_ROWS, What.NOTES, folder, part, "published_at")
        _write(db, _OBSERVATION_ROWS.format(looked=looked), What.OBSERVATIONS, folder, part, "seen_at")
        _write(db, _CREATOR_ROWS, What.CREATORS, folder, part)


def _write(db: Any, rows: str, what: What, folder: Path, part: str, time_column: str = "") -> None:
    """Write rows as an export does: by month where they have a time, else as one file."""
    target = folder / what.value / f"creator_hash={part}"
    target.mkdir(parents=True)
    columns = ", ".join(names(what))
    if not time_column:
        db.execute(f"COPY (SELECT {columns} FROM ({rows})) TO '{target}/part-0.parquet' ({_WRITTEN})")
        return
    select = f"SELECT {columns}, strftime({time_column}, '%Y-%m') AS month FROM ({rows})"
    divided = "PARTITION_BY (month), WRITE_PARTITION_COLUMNS false, FILENAME_PATTERN 'part-{i}', OVERWRITE_OR_IGNORE"
    db.execute(f"COPY ({select}) TO '{target}' ({_WRITTEN}, {divided})")


def count(folder: Path) -> None:
    """Print how much a data set holds."""
    told = {}
    for what in (What.NOTES, What.OBSERVATIONS, What.CREATORS):
        with duckdb.connect() as db:
            sql = f"SELECT count(*) FROM read_parquet('{folder}/{what.value}/**/*.parquet')"
            told[what.value] = db.execute(sql).fetchall()[0][0]
    files = [one.stat().st_size for one in folder.rglob("*.parquet")]
    _tell(seconds=0, **told, mb=sum(files) / 1e6, files=len(files))


def _tell(**told: float) -> None:
    print(json.dumps(told))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, notes, creators, looked]:
            make(Path(folder), int(notes), int(creators), float(looked))
        case ["count", folder]:
            count(Path(folder))
        case other:
            raise SystemExit(f"make or count, not {other}")
