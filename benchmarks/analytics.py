"""How fast the numbers of creators come out of a large data set, in how much memory, and beside pandas.

The data set has the columns, folders, row groups and compression of `hongshu export`; it is drawn with DuckDB, the same
every time: numbers of notes fall with a creator's place (Zipf–Mandelbrot), five years back, texts of real length, six
looks at the newest tenth of the notes. Questions are asked of all notes, each measurement in a process of its own; the
files are in the system's cache. Seconds are those from opening the data set to the last answer, without the start of
the interpreter; peak memory is the largest resident set that the kernel saw.

`--notes N` takes another number of notes for the large data set, `--dataset FOLDER` makes it there and keeps it, or
takes the one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import report
from command import main
from processes import environment, script
from turns import Effort

from hongshu.formats.exports.columns import What, names

NOTES, NOTES_BESIDE, NOTES_QUICKLY = 20_000_000, 2_000_000, 200_000
NOTES_OF_A_CREATOR, NOTES_OF_A_PAGE = 200, 500
LOOKED = 0.1
PAGES = 20
SUMMARY = ("performance", "viral", "ratios", "cadence")
OTHERS = ("hashtags", "growth", "breakouts", "focus", "formats", "shares")
MOST_SECONDS, MOST_SECONDS_OF_HOURS, MOST_MB, MOST_PAGE_MS, LEAST_TIMES = 10, 6, 2_560, 300, 10

_HEAD = ("asked together", "seconds", "peak memory, MB", "rows")
_HEAD_PAGE = ("of one creator with 500 notes, six looks each", "ms")
_HEAD_BESIDE = ("2 M notes", "seconds", "peak memory, MB")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a data set is; `looked` of each creator's notes, the newest, were looked at again and again."""

    notes: int
    creators: int
    looked: float = LOOKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process: what it told, and the most memory it had."""

    told: Mapping[str, Any]
    peak_mb: float

    @property
    def seconds(self) -> float:
        return float(self.told["seconds"])


def everyone(effort: Effort, notes: int = NOTES, kept: Path | None = None) -> report.Result:
    """Ask about all creators of the large data set: what has a target in every round, the others once."""
    folder = kept or effort.folder / "dataset"
    made = _made(folder, _size(NOTES_QUICKLY if effort.quick else notes))
    asked = {
        ", ".join(one): [_run("--ask", folder, *one) for _ in range(effort.rounds)] for one in (SUMMARY, ("hours",))
    }
    asked |= {one: [_run("--ask", folder, one)] for one in OTHERS}
    summary, hours, *_ = asked.values()
    _remove(folder, kept)
    return report.Result(
        about=f"{made['notes']:,} notes of {made['creators']:,} creators, {made['observations']:,} looks; all of them.",
        told={"data set": f"{made['mb']:,.0f} MB in {made['files']:,} files", "load before": _load()},
        tables=[report.grid(_HEAD, [_line(name, runs) for name, runs in asked.items()])],
        figures=[
            _figure("performance, viral, ratios, cadence: seconds", summary, f"≤ {MOST_SECONDS}"),
            _figure("hours: seconds", hours, f"≤ {MOST_SECONDS_OF_HOURS}"),
            report.Figure(
                what="peak memory, MB, of those with a target", values=_peaks(*summary, *hours), target=f"≤ {MOST_MB:,}"
            ),
            report.Figure(
                what="peak memory, MB, of any question",
                values=_peaks(*(one for runs in asked.values() for one in runs)),
            ),
        ],
        rounds={name: [asdict(one) for one in runs] for name, runs in asked.items()},
    )


def page(effort: Effort) -> report.Result:
    """Measure one creator from the lines of a report, and read the same creator from a store."""
    folder = effort.folder / "dataset"
    _made(folder, Size(notes=NOTES_OF_A_PAGE, creators=1, looked=1))
    told = _run("--page", folder, effort.folder / "data", 2 if effort.quick else PAGES).told
    _remove(folder, None)
    opened, measured = told["opened"], told["measured"]
    together = [sum(pair) for pair in zip(opened, measured, strict=True)]
    lines = {
        "lines written, read into DuckDB (`open_tables`)": opened,
        "numbers with intervals (`measure`), the first time on opened tables": measured,
        "both": together,
        "`measure` again on the same tables": told["again"],
        "beside: what is kept, read from SQLite (`facts_of`)": told["read"],
    }
    return report.Result(
        about=f"{told['notes']} notes in the window, {told['looks']:,} looks; {len(opened)} runs after a first one.",
        told={"load before": _load()},
        tables=[report.grid(_HEAD_PAGE, [[name, report.cell(ones, "{:,.0f}")] for name, ones in lines.items()])],
        figures=[report.Figure(what="opened and measured, ms", values=together, target=f"≤ {MOST_PAGE_MS}")],
        rounds=told,
    )


def beside(effort: Effort) -> report.Result:
    """Let pandas compute the summary of a smaller data set in turns with ours; the answers must be equal."""
    folder = effort.folder / "dataset"
    _made(folder, _size(NOTES_QUICKLY if effort.quick else NOTES_BESIDE))
    rounds: dict[str, list[Run]] = {"hongshu": [], "pandas, groupby and apply": [], "pandas, without apply": []}
    for _ in range(min(effort.rounds, 3)):
        for (name, runs), way in zip(rounds.items(), ("--ours", "--pandas", "--vectors"), strict=True):
            runs.append(_run(way, folder, effort.folder / name))
    for name in list(rounds)[1:]:
        _run("--compare", effort.folder / "hongshu", effort.folder / name)
    _remove(folder, None)
    ours, applied, vectors = rounds.values()
    return report.Result(
        about="performance, viral, ratios and cadence of all creators; answers are equal.",
        told={"load before": _load()},
        tables=[report.grid(_HEAD_BESIDE, [_line(name, runs)[:3] for name, runs in rounds.items()])],
        figures=[
            report.Figure(
                what="pandas, groupby and apply ÷ hongshu, seconds",
                values=[its.seconds / one.seconds for one, its in zip(ours, applied, strict=True)],
                target=f"≥ {LEAST_TIMES}",
            ),
            report.Figure(
                what="pandas, without apply ÷ hongshu, seconds",
                values=[its.seconds / one.seconds for one, its in zip(ours, vectors, strict=True)],
            ),
        ],
        rounds={name: [asdict(one) for one in runs] for name, runs in rounds.items()},
    )


def make(folder: Path, size: Size) -> None:
    """Write a data set, one part after the other on each core."""
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda part: _part(folder, size, part), _PARTS))
    files = list(folder.rglob("*.parquet"))
    _tell(seconds=time.perf_counter() - began, mb=sum(one.stat().st_size for one in files) / 1e6, files=len(files))


def _part(folder: Path, size: Size, part: str) -> None:
    import duckdb  # noqa: PLC0415 - not in the process that starts the others

    chance = random.Random(_SEED)  # noqa: S311 - texts, no secret
    with duckdb.connect(config={"threads": 1, "partitioned_write_flush_threshold": 10**8}) as db:
        db.execute("SET VARIABLE pieces = ?", [["".join(chance.choices(_SIGNS, k=10)) for _ in range(_PIECES)]])
        db.execute(_MACROS)
        db.execute(_CREATORS.format(notes=size.notes, creators=size.creators))
        db.execute(f"DELETE FROM drawn WHERE part <> '{part}'")
        db.execute(_NOTES)
        _write(db, _NOTE_ROWS, What.NOTES, folder, part, "published_at")
        _write(db, _OBSERVATION_ROWS.format(looked=size.looked), What.OBSERVATIONS, folder, part, "seen_at")
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


def ask(folder: Path, *questions: str) -> None:
    """Ask questions about all notes of a data set, one after the other, and print the seconds they took."""
    from hongshu import analytics  # noqa: PLC0415 - not in the process that starts the others

    began = time.perf_counter()
    with analytics.open_dataset(folder) as data:
        given = analytics.window("all", "Asia/Shanghai", data)
        frames = [data.ask(question, given) for question in questions]
        seconds = time.perf_counter() - began
        _tell(seconds=seconds, rows=sum(map(len, frames)))


def answer(folder: Path, out: Path) -> None:
    """Answer the summary with hongshu and write what it came to."""
    from hongshu import analytics  # noqa: PLC0415 - not in the process that starts the others

    began = time.perf_counter()
    with analytics.open_dataset(folder) as data:
        given = analytics.window("all", "Asia/Shanghai", data)
        frames = {question: data.ask(question, given).to_pandas().set_index("creator") for question in SUMMARY}
    _tell(seconds=time.perf_counter() - began, rows=sum(map(len, frames.values())))
    _keep(frames, out)


def analyse(folder: Path, out: Path, summary: Callable[[Path, Any], Mapping[str, Any]]) -> None:
    """Answer the summary as an analyst does with pandas, and write what it came to."""
    began = time.perf_counter()
    frames = summary(folder, _timeline(folder))
    _tell(seconds=time.perf_counter() - began, rows=sum(map(len, frames.values())))
    _keep(frames, out)


_READ = ["creator", "published_at", "last_seen_at"] + [
    f"{name}{more}" for name in ("likes", "collects", "comments", "shares") for more in ("", "_precision")
]
_DAY = 86_400_000


def _frame(folder: Path, columns: Sequence[str]) -> Any:
    """Read columns of a table with pandas; where it has no reader of Parquet, through DuckDB."""
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - not in the process that starts the others

    if find_spec("pyarrow"):
        return pd.read_parquet(folder, columns=list(columns))
    import duckdb  # noqa: PLC0415 - not in the process that starts the others

    with duckdb.connect() as db:
        return db.execute(f"SELECT {', '.join(columns)} FROM read_parquet('{folder}/**/*.parquet')").df()


def _timeline(folder: Path) -> Any:
    """Return the notes as a frame: values that are exact, interactions, and which are ripe."""
    notes = _frame(folder / What.NOTES.value, _READ)
    notes["likes_least"] = notes["likes"]
    for name in ("likes", "collects", "comments", "shares"):
        notes[name] = notes[name].where(notes[f"{name}_precision"] != "at_least").astype("float64")
    notes["interactions"] = notes["likes"] + notes["collects"] + notes["comments"]
    notes["rounded"] = (notes[[f"{name}_precision" for name in ("likes", "collects", "comments")]] == "rounded").any(
        axis=1
    )
    notes["published_ms"] = notes["published_at"].astype("datetime64[ms]").astype("int64")
    notes["seen_ms"] = notes["last_seen_at"].astype("datetime64[ms]").astype("int64")
    notes["ripe"] = notes["seen_ms"] - notes["published_ms"] >= 7 * _DAY
    return notes


def _spans(folder: Path, as_of_ms: int) -> Any:
    """Return from when until when each creator is known without a gap."""
    creators = _frame(folder / What.CREATORS.value, ["creator", "first_published_at", "complete_from", "complete_to"])
    creators = creators[creators["complete_to"].notna()]
    since = creators["complete_from"].fillna(creators["first_published_at"])
    creators["since_ms"] = since.astype("datetime64[ms]").astype("int64")
    creators["until_ms"] = creators["complete_to"].astype("datetime64[ms]").astype("int64").clip(upper=as_of_ms)
    return creators.set_index("creator")[["since_ms", "until_ms"]]


def _known(folder: Path, notes: Any) -> Any:
    """Return the notes of times that are known without a gap, with these times."""
    known = notes.join(_spans(folder, notes["seen_ms"].max()), on="creator", how="inner")
    return known[(known["published_ms"] >= known["since_ms"]) & (known["published_ms"] < known["until_ms"])]


def apply(folder: Path, notes: Any) -> Mapping[str, Any]:
    """Group by creator and apply a function to each group, four times."""
    return {
        "performance": notes.groupby("creator").apply(_performance),
        "viral": notes.groupby("creator").apply(_viral),
        "ratios": notes[notes["ripe"] & (notes["likes"] >= 20)].groupby("creator").apply(_ratios),
        "cadence": _known(folder, notes).groupby("creator").apply(_cadence),
    }


def _performance(group: Any) -> Any:
    import pandas as pd  # noqa: PLC0415 - not in the process that starts the others

    ripe = group[group["ripe"]]
    values = ripe["interactions"].dropna()
    told: dict[str, float | None] = dict.fromkeys(("p25", "median", "p75", "most", "hit_dependence"))
    if len(values) >= 5:
        p25, middle, p75 = values.quantile([0.25, 0.5, 0.75])
        told = {"p25": p25, "median": middle, "p75": p75, "most": values.max()}
        told["hit_dependence"] = values.mean() / middle if middle else None
    counts = {"notes": len(group), "ripening": len(group) - len(ripe), "n": len(values)}
    return pd.Series({**counts, "rounded": ripe.loc[values.index, "rounded"].sum(), **told}, dtype="float64")


def _viral(group: Any) -> Any:
    import pandas as pd  # noqa: PLC0415 - not in the process that starts the others

    ripe = group[group["ripe"]]
    hits = (ripe["likes_least"] >= 1000).sum()
    n = hits + (ripe["likes"] < 1000).sum()
    return pd.Series({"n": n, "hits": hits, "rate": hits / n if n >= 5 else None}, dtype="float64")


def _ratios(liked: Any) -> Any:
    import pandas as pd  # noqa: PLC0415 - not in the process that starts the others

    told: dict[str, Any] = {}
    for name, counter in (("save_like", "collects"), ("comment_like", "comments"), ("share_like", "shares")):
        values = (liked[counter] / liked["likes"]).dropna()
        told[f"{name}_n"] = len(values)
        told[name] = values.median() if len(values) >= 5 else None
    return pd.Series(told, dtype="float64")


def _cadence(group: Any) -> Any:
    import pandas as pd  # noqa: PLC0415 - not in the process that starts the others

    since, until = group["since_ms"].iloc[0], group["until_ms"].iloc[0]
    gaps = group["published_ms"].sort_values().diff().dropna()
    n, days, middle = len(group), (until - since) / _DAY, gaps.median()
    told = {"n": n, "days": days, "days_since_last": (until - group["published_ms"].max()) / _DAY}
    if n >= 5:
        told |= {"per_7_days": n * 7 / days, "per_30_days": n * 30 / days, "median_gap_days": middle / _DAY}
        told["longest_gap_days"] = gaps.max() / _DAY
        told["regularity"] = max(0, 1 - (gaps - middle).abs().median() / middle) if middle else None
    columns = ["n", "days", "days_since_last", "per_7_days", "per_30_days"]
    return pd.Series(told, index=[*columns, "median_gap_days", "longest_gap_days", "regularity"], dtype="float64")


def vectorise(folder: Path, notes: Any) -> Mapping[str, Any]:
    """Compute the same with whole columns only."""
    ripe = notes[notes["ripe"]]
    return {
        "performance": _performances(notes, ripe),
        "viral": _virals(notes, ripe),
        "ratios": _all_ratios(ripe[ripe["likes"] >= 20]),
        "cadence": _cadences(_known(folder, notes)),
    }


def _performances(notes: Any, ripe: Any) -> Any:
    import pandas as pd  # noqa: PLC0415 - not in the process that starts the others

    known = ripe[ripe["interactions"].notna()].groupby("creator")
    told = known["interactions"].agg(n="size", most="max", mean="mean")
    quartiles = known["interactions"].quantile([0.25, 0.5, 0.75]).unstack()
    told[["p25", "median", "p75"]] = quartiles.to_numpy()
    told["hit_dependence"] = told.pop("mean") / told["median"].where(told["median"] > 0)
    told["rounded"] = known["rounded"].sum()
    told.loc[told["n"] < 5, ["p25", "median", "p75", "most", "hit_dependence"]] = None
    counts = notes.groupby("creator").agg(notes=("ripe", "size"), ripe=("ripe", "sum"))
    counts["ripening"] = counts["notes"] - counts.pop("ripe")
    return pd.concat([counts, told], axis=1).fillna({"n": 0, "rounded": 0})


def _virals(notes: Any, ripe: Any) -> Any:
    hits, less = ripe["likes_least"] >= 1000, ripe["likes"] < 1000
    told = ripe.assign(n=hits | less, hits=hits).groupby("creator")[["n", "hits"]].sum()
    told = told.reindex(notes["creator"].unique(), fill_value=0)
    told["rate"] = (told["hits"] / told["n"]).where(told["n"] >= 5)
    return told


def _all_ratios(liked: Any) -> Any:
    pairs = (("save_like", "collects"), ("comment_like", "comments"), ("share_like", "shares"))
    grouped = liked.assign(**{name: liked[counter] / liked["likes"] for name, counter in pairs}).groupby("creator")
    told = grouped[[name for name, _ in pairs]].median()
    for name, _ in pairs:
        told[f"{name}_n"] = grouped[name].count()
        told[name] = told[name].where(told[f"{name}_n"] >= 5)
    return told


def _cadences(known: Any) -> Any:
    known = known.sort_values(["creator", "published_ms"])
    known["gap"] = known.groupby("creator")["published_ms"].diff()
    grouped = known.groupby("creator")
    told = grouped.agg(n=("gap", "size"), since=("since_ms", "first"), until=("until_ms", "first"))
    told["days"] = (told["until"] - told.pop("since")) / _DAY
    told["days_since_last"] = (told.pop("until") - grouped["published_ms"].last()) / _DAY
    middle = grouped["gap"].median()
    away = (known["gap"] - known["creator"].map(middle)).abs().groupby(known["creator"]).median()
    many = told["n"] >= 5
    told["per_7_days"] = (told["n"] * 7 / told["days"]).where(many)
    told["per_30_days"] = (told["n"] * 30 / told["days"]).where(many)
    told["median_gap_days"] = (middle / _DAY).where(many)
    told["longest_gap_days"] = (grouped["gap"].max() / _DAY).where(many)
    told["regularity"] = (1 - away / middle.where(middle > 0)).clip(lower=0).where(many)
    return told


def compare(ours: Path, theirs: Path) -> None:
    """Exit where two summaries differ."""
    import pandas as pd  # noqa: PLC0415 - not in the process that starts the others

    for question in SUMMARY:
        one, its = (pd.read_pickle(folder / question) for folder in (ours, theirs))
        wanted = one[its.columns].astype("float64")
        pd.testing.assert_frame_equal(its.astype("float64"), wanted, check_like=True, rtol=1e-9, check_names=False)
    _tell(seconds=0)


def measure(folder: Path, data: Path, runs: int) -> None:
    """Measure the only creator of a data set again and again from lines, and print what each step took, in ms."""
    from hongshu import analytics  # noqa: PLC0415 - not in the process that starts the others
    from hongshu.analytics.facts import trimmed  # noqa: PLC0415 - not in the process that starts the others
    from hongshu.engine.reporting import facts_of, facts_of_dataset  # noqa: PLC0415 - not in the process that starts the others
    from hongshu.service import open_room  # noqa: PLC0415 - not in the process that starts the others

    with analytics.open_dataset(folder) as dataset:
        given = analytics.window("all", "Asia/Shanghai", dataset)
        creators = [one["creator"] for one in dataset.ask("known", given)]
        facts = facts_of_dataset(dataset, creators)
    steps: dict[str, list[float]] = {name: [] for name in ("read", "opened", "measured", "again")}
    data.mkdir()
    with closing(open_room("sqlite", data, "notes")) as room:
        room.write(lambda db: _put(db, creators[0], facts))
        for _ in range(runs + 1):
            began = time.perf_counter()
            kept = facts_of(room, creators)
            steps["read"].append(_ms_since(began))
            _measure_once(trimmed(facts, given), given, steps)
    if any(len(kept[table]) != len(facts[table]) for table in ("notes", "looks")):
        raise SystemExit("the store does not give back every note and look")
    print(
        json.dumps(
            {**{name: ones[1:] for name, ones in steps.items()}, **{n: len(facts[n]) for n in ("notes", "looks")}}
        )
    )


def _measure_once(facts: Any, given: Any, steps: Mapping[str, list[float]]) -> None:
    from hongshu import analytics  # noqa: PLC0415 - not in the process that starts the others
    from hongshu.analytics import duck  # noqa: PLC0415 - not in the process that starts the others
    from hongshu.analytics.facts import write_lines  # noqa: PLC0415 - not in the process that starts the others

    with TemporaryDirectory(prefix="hongshu-bench-") as folder:
        began = time.perf_counter()
        with duck.open_tables(write_lines(facts, Path(folder))) as analyst:
            steps["opened"].append(_ms_since(began))
            for step in ("measured", "again"):
                began = time.perf_counter()
                analytics.measure(analyst, given)
                steps[step].append(_ms_since(began))


def _put(db: Any, creator: str, facts: Any) -> None:
    """Put notes and looks as a report reads them into a store."""
    from hongshu.models import EVERYONE, Kept, Note, Observation, Shape  # noqa: PLC0415 - not in the process that starts the others
    from hongshu.store import notes  # noqa: PLC0415 - not in the process that starts the others

    kept = []
    for one in facts["notes"]:
        wire = json.dumps({"desc": one["text"]}).encode()
        told = {name: one[name] for name in ("nickname", "title", "text", "pinned", "goods")}
        note = Note(
            id=one["note"],
            shape=Shape.V4,
            raw=b"",
            wire=wire,
            published_ms=one["published_ms"],
            estimated=one["estimated"],
            kind=one["kind"],
            cover_key=one["cover"],
            hashtags=tuple(one["hashtags"]),
            counters=_counters(one),
            **told,
        )
        seen_ms = one["seen_ms"]
        kept.append(Kept(note=note, pin_rank=None, first_seen_ms=seen_ms, last_seen_ms=seen_ms, source="sim"))
    notes.put(db, creator, EVERYONE, kept)
    seen = [
        Observation(note_id=one["note"], seen_ms=one["seen_ms"], counters=_counters(one), source="sim")
        for one in facts["looks"]
    ]
    notes.put_observations(db, creator, EVERYONE, seen)


def _counters(line: Mapping[str, Any]) -> Any:
    from hongshu.models import Count, Counters  # noqa: PLC0415 - not in the process that starts the others

    told = {name: line.get(name) for name in ("likes", "collects", "comments", "shares")}
    return Counters(**{name: None if one is None else Count(value=one, text=str(one)) for name, one in told.items()})


def _size(notes: int) -> Size:
    return Size(notes=notes, creators=notes // NOTES_OF_A_CREATOR)


def _made(folder: Path, size: Size) -> Mapping[str, Any]:
    """Make a data set where there is none, and tell what it holds."""
    if not folder.exists():
        _run("--make", folder, size.notes, size.creators, size.looked)
    return _run("--count", folder).told


def count(folder: Path) -> None:
    """Print how much a data set holds."""
    import duckdb  # noqa: PLC0415 - not in the process that starts the others

    told = {}
    for what in (What.NOTES, What.OBSERVATIONS, What.CREATORS):
        with duckdb.connect() as db:
            sql = f"SELECT count(*) FROM read_parquet('{folder}/{what.value}/**/*.parquet')"
            told[what.value] = db.execute(sql).fetchall()[0][0]
    files = [one.stat().st_size for one in folder.rglob("*.parquet")]
    _tell(seconds=0, **told, mb=sum(files) / 1e6, files=len(files))


def _run(*words: object) -> Run:
    """Run a part of this file in a process of its own to its end; exit where it fails."""
    command = script("analytics.py", *words)
    process = subprocess.Popen(command, env=environment(Path("unused")), stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words[0]} failed")
    return Run(told=json.loads(said), peak_mb=used.ru_maxrss / 1024)


def _keep(frames: Mapping[str, Any], out: Path) -> None:
    out.mkdir(exist_ok=True)
    for question, frame in frames.items():
        frame.to_pickle(out / question)


def _tell(**told: float) -> None:
    print(json.dumps(told))


def _remove(folder: Path, kept: Path | None) -> None:
    if kept is None:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f} processes on average in the last minute"


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _line(name: str, runs: Sequence[Run]) -> list[str]:
    seconds = report.cell([one.seconds for one in runs], "{:,.1f}")
    return [name, seconds, f"{max(_peaks(*runs)):,.0f}", f"{median(one.told['rows'] for one in runs):,.0f}"]


def _figure(what: str, runs: Sequence[Run], target: str) -> report.Figure:
    return report.Figure(what=what, values=[one.seconds for one in runs], target=target)


def _peaks(*runs: Run) -> list[float]:
    return [one.peak_mb for one in runs]


def _sizes() -> argparse.Namespace:
    """Take the options of this file alone out of what was given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--notes", type=int, default=NOTES)
    parser.add_argument("--dataset", type=Path)
    sizes, sys.argv[1:] = parser.parse_known_args()
    return sizes


STEPS: Mapping[str, Callable[..., None]] = {
    "--make": lambda folder, *size: make(
        Path(folder), Size(notes=int(size[0]), creators=int(size[1]), looked=float(size[2]))
    ),
    "--count": lambda folder: count(Path(folder)),
    "--ask": lambda folder, *questions: ask(Path(folder), *questions),
    "--ours": lambda folder, out: answer(Path(folder), Path(out)),
    "--pandas": lambda folder, out: analyse(Path(folder), Path(out), apply),
    "--vectors": lambda folder, out: analyse(Path(folder), Path(out), vectorise),
    "--compare": lambda ours, theirs: compare(Path(ours), Path(theirs)),
    "--page": lambda folder, data, runs: measure(Path(folder), Path(data), int(runs)),
}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        STEPS[sys.argv[1]](*sys.argv[2:])
    else:
        given = _sizes()
        everyone_of = partial(everyone, notes=given.notes, kept=given.dataset)
        main({"everyone": everyone_of, "page": page, "beside": beside}, __doc__)
