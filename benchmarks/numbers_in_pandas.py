"""Computes the summary of `analytics.py` as an analyst does with pandas, and compares; in processes of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from hongshu.formats.exports.kinds import What

_READ = ["creator", "published_at", "last_seen_at"] + [
    f"{name}{more}" for name in ("likes", "collects", "comments", "shares") for more in ("", "_precision")
]
_DAY = 86_400_000


def analyse(folder: Path, out: Path, summary: Callable[[Path, Any], Mapping[str, Any]]) -> None:
    """Answer the summary as an analyst does with pandas, and write what it came to."""
    began = time.perf_counter()
    frames = summary(folder, _timeline(folder))
    _tell(seconds=time.perf_counter() - began, rows=sum(map(len, frames.values())))
    out.mkdir(exist_ok=True)
    for question, frame in frames.items():
        frame.to_pickle(out / question)


def _frame(folder: Path, columns: Sequence[str]) -> Any:
    """Read columns of a table with pandas; where it has no reader of Parquet, through DuckDB."""
    if find_spec("pyarrow"):
        return pd.read_parquet(folder, columns=list(columns))
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
    ripe = group[group["ripe"]]
    hits = (ripe["likes_least"] >= 1000).sum()
    n = hits + (ripe["likes"] < 1000).sum()
    return pd.Series({"n": n, "hits": hits, "rate": hits / n if n >= 5 else None}, dtype="float64")


def _ratios(liked: Any) -> Any:
    told: dict[str, Any] = {}
    for name, counter in (("save_like", "collects"), ("comment_like", "comments"), ("share_like", "shares")):
        values = (liked[counter] / liked["likes"]).dropna()
        told[f"{name}_n"] = len(values)
        told[name] = values.median() if len(values) >= 5 else None
    return pd.Series(told, dtype="float64")


def _cadence(group: Any) -> Any:
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


def compare(ours: Path, theirs: Path, questions: Sequence[str]) -> None:
    """Exit where two summaries differ."""
    for question in questions:
        one, its = (pd.read_pickle(folder / question) for folder in (ours, theirs))
        wanted = one[its.columns].astype("float64")
        pd.testing.assert_frame_equal(its.astype("float64"), wanted, check_like=True, rtol=1e-9, check_names=False)
    _tell(seconds=0)


def _tell(**told: float) -> None:
    print(json.dumps(told))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["apply", folder, out]:
            analyse(Path(folder), Path(out), apply)
        case ["vectorise", folder, out]:
            analyse(Path(folder), Path(out), vectorise)
        case ["compare", ours, theirs, *questions]:
            compare(Path(ours), Path(theirs), questions)
        case other:
            raise SystemExit(f"apply, vectorise or compare, not {other}")
