"""The numbers worked out a second time, with pandas, from their definitions: slow, plain, and apart from the SQL.

Every answer is a list of mappings, in the order and with the columns of the question. Unknown is None.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from statistics import fmean
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from analytics.datasets import COUNTERS, DAY, HOUR, SEEN, Told
from hongshu.analytics.windows import Window
from needed import leave_out

if TYPE_CHECKING:
    from pandas import DataFrame, Series


def needed(module: str) -> ModuleType:
    """Import what tests need; without it they are left out, and fail where nothing may be left out."""
    try:
        return import_module(module)
    except ImportError:
        leave_out(f"{module} is not installed")


np = needed("numpy")
pd = needed("pandas")

Settings = Mapping[str, float]
Rows = list[dict[str, Any]]
Point = tuple[int, int]

SETTINGS: Final[Settings] = {
    "ripe_ms": 7 * DAY,
    "least": 5,
    "least_group": 3,
    "least_likes": 20,
    "threshold": 1000,
    "times_median": 0,
    "of_interactions": 0,
    "breakout_least": 8,
    "jump_least": 50,
    "jump_missing": 10,
}
AGES: Final = {"1h": HOUR, "6h": 6 * HOUR, "24h": DAY, "72h": 3 * DAY, "7d": 7 * DAY}
AROUND: Final = 15
"""So many notes before and after one make the 31 of its running median."""
COOPERATION: Final = re.compile("广告|合作|赞助|推广|品牌方|恰饭|体验官|sponsored|gifted by")


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of creators and their notes; counters that are bounds are apart, as `*_least`."""

    notes: DataFrame
    looks: DataFrame
    creators: DataFrame
    profiles: DataFrame


def known(notes: Sequence[Told], creators: Sequence[Told]) -> Known:
    """Return the frames of notes and creators as they were written by hand."""
    numbered = [(one.get("id", f"{number:024x}"), one) for number, one in enumerate(notes)]
    return Known(
        notes=_frame((_note(identifier, one) for identifier, one in numbered), _NOTE),
        looks=_frame((row for identifier, one in numbered for row in _looks(identifier, one)), _LOOK),
        creators=_frame(creators, ("creator", "complete_from", "complete_to", "first_published_at")),
        profiles=_frame((row for one in creators for row in _profiles(one)), _PROFILE),
    )


# What is told, as frames ------------------------------------------------------------------------------------------

_NOTE: Final = (
    *("creator", "note", "kind", "published_ms", "estimated", "seen_ms", "goods", "title", "text", "tags", "rounded"),
    *COUNTERS,
    *(f"{name}_least" for name in COUNTERS),
)
_LOOK: Final = ("creator", "note", "seen_ms", "likes", "collects", "comments", "rounded")
_PROFILE: Final = ("creator", "as_of_ms", "followers", "price", "currency")
_WHOLE: Final = {
    *("published_ms", "seen_ms", "as_of_ms", "followers", "complete_from", "complete_to", "first_published_at"),
    *COUNTERS,
    *(f"{name}_least" for name in COUNTERS),
}


def _frame(rows: Iterable[Told], columns: Sequence[str]) -> DataFrame:
    told = list(rows)
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in told], dtype="Int64" if name in _WHOLE else object)
            for name in columns
        }
    )


def _note(identifier: str, one: Told) -> dict[str, Any]:
    return {
        "creator": one["creator"],
        "note": identifier,
        "kind": one.get("type"),
        "published_ms": one["published"],
        "estimated": one.get("estimated", False),
        "seen_ms": one.get("seen", SEEN),
        "tags": tuple(one.get("tags", ())),
        **{name: one.get(name) for name in ("goods", "title", "text")},
        **_counted(one, one),
        **{f"{name}_least": one.get(name) for name in COUNTERS},
    }


def _looks(identifier: str, one: Told) -> Iterator[dict[str, Any]]:
    for seen_ms, *counts in one.get("looks", ()):
        seen = dict(zip(COUNTERS, (*counts, 0, 0, 0), strict=False))
        yield {"creator": one["creator"], "note": identifier, "seen_ms": seen_ms, **_counted(one, seen)}


def _counted(one: Told, seen: Told) -> dict[str, Any]:
    """Return the counters that are values, and whether one of likes, collects and comments is a rounded one."""
    how = {name: one.get(f"{name}_precision", "exact") for name in COUNTERS}
    values = {name: None if how[name] == "at_least" else seen.get(name) for name in COUNTERS}
    return {**values, "rounded": any(how[name] == "rounded" and values[name] is not None for name in COUNTERS[:3])}


def _profiles(one: Told) -> Iterator[dict[str, Any]]:
    for told in one.get("profiles", ()):
        yield {
            "creator": one["creator"],
            "as_of_ms": round(datetime.fromisoformat(told["as_of"]).timestamp() * 1000),
            "followers": told["followers"],
            "price": None if told["price"] is None else float(told["price"]),
            "currency": told["currency"],
        }


# Small words ------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value of a frame as Python's own."""
    if value is None or value is pd.NA:
        return None
    return value.item() if hasattr(value, "item") else value


def numbers(values: Series) -> list[float]:
    """Return the numbers that are known."""
    return [float(value) for value in values.dropna()]


def middle(values: Sequence[float], least: float = 1) -> float | None:
    """Return the median of so many numbers or more."""
    return float(np.median(values)) if len(values) >= max(least, 1) else None


def over(above: Any, below: Any) -> float | None:
    """Return a quotient; unknown where a part is, or where it would be by 0."""
    above, below = plain(above), plain(below)
    return None if above is None or below is None or below == 0 else above / below


def told_if(condition: bool, value: Any) -> Any:
    return value if condition else None


def by_creator(frame: DataFrame) -> Iterator[tuple[str, DataFrame]]:
    yield from frame.groupby("creator", sort=True)


def kinds(frame: DataFrame) -> Iterator[tuple[str, DataFrame]]:
    for kind in sorted(set(frame["kind"].dropna())):
        yield kind, frame[frame["kind"] == kind]


def within(known: Known, given: Window, settings: Settings) -> DataFrame:
    return _within(known, given, settings["ripe_ms"])


@lru_cache(8)
def _within(known: Known, given: Window, ripe_ms: float) -> DataFrame:
    """Return the notes of a window with interactions, the usable ones of them, ripeness, weekday and hour."""
    notes = known.notes
    notes = notes[(notes["published_ms"] >= given.since_ms) & (notes["published_ms"] < given.until_ms)].copy()
    notes["interactions"] = notes["likes"] + notes["collects"] + notes["comments"]
    notes["interactions_least"] = notes["likes_least"] + notes["collects_least"] + notes["comments_least"]
    notes["ripe"] = (notes["seen_ms"] - notes["published_ms"] >= ripe_ms).astype(bool)
    notes["usable"] = notes["interactions"].where(notes["ripe"])
    zone = ZoneInfo(given.zone)
    clocks = [
        None if estimated else datetime.fromtimestamp(at // 1000, zone)
        for at, estimated in zip(notes["published_ms"], notes["estimated"], strict=True)
    ]
    notes["weekday"] = pd.Series([clock and clock.weekday() for clock in clocks], index=notes.index, dtype="Int64")
    notes["hour"] = pd.Series([clock and clock.hour for clock in clocks], index=notes.index, dtype="Int64")
    return notes.sort_values(["creator", "published_ms", "note"])


# Typical performance, viral-note rate, ratios ---------------------------------------------------------------------


def performance(known: Known, given: Window, settings: Settings) -> Rows:
    return [_performance(who, mine, settings["least"]) for who, mine in by_creator(within(known, given, settings))]


def _performance(who: str, mine: DataFrame, least: float) -> dict[str, Any]:
    old = mine[mine["ripe"]]
    sure = old[old["interactions"].notna()]
    values = numbers(sure["interactions"])
    enough = len(values) >= least
    low, half, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist() if enough else [None] * 3
    return {
        "creator": who,
        "notes": len(mine),
        "ripening": len(mine) - len(old),
        "unknown": len(old) - len(sure),
        "rounded": sum(sure["rounded"]),
        "n": len(sure),
        "p25": low,
        "median": half,
        "p75": high,
        "most": int(max(values)) if enough else None,
        "hit_dependence": over(fmean(values), half) if enough else None,
    }


def viral(known: Known, given: Window, settings: Settings) -> Rows:
    return [_viral(who, mine, settings) for who, mine in by_creator(within(known, given, settings))]


def _viral(who: str, mine: DataFrame, settings: Settings) -> dict[str, Any]:
    counter = "interactions" if settings["of_interactions"] else "likes"
    old = mine[mine["ripe"]]
    threshold: float | None = settings["threshold"]
    if settings["times_median"]:
        usual = middle(numbers(old[counter]), settings["least"])
        threshold = settings["times_median"] * usual if usual else None
    hits = judged(old[counter], old[f"{counter}_least"], threshold)
    return {
        "creator": who,
        "threshold": threshold,
        "ripening": len(mine) - len(old),
        "unknown": len(old) - len(hits),
        "n": len(hits),
        "hits": sum(hits),
        "rate": sum(hits) / len(hits) if len(hits) >= settings["least"] else None,
    }


def judged(values: Series, bounds: Series, threshold: float | None) -> list[bool]:
    """Return whether a count reaches the threshold, for each of which that is known; a bound may be enough."""
    if threshold is None:
        return []
    reached: list[bool] = []
    for value, bound in zip(map(plain, values), map(plain, bounds), strict=True):
        if value is not None:
            reached.append(value >= threshold)
        elif bound is not None and bound >= threshold:
            reached.append(True)
    return reached


def ratios(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        liked = mine[mine["ripe"] & (mine["likes"] >= settings["least_likes"]).fillna(False).astype(bool)]
        if len(liked):
            rows.append({"creator": who, **_ratios(liked, settings["least"])})
    return rows


def _ratios(liked: DataFrame, least: float) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, counter in (("save_like", "collects"), ("comment_like", "comments"), ("share_like", "shares")):
        each = numbers(liked[counter] / liked["likes"])
        told |= {f"{name}_n": len(each), name: middle(each, least)}
    return told


# Rhythm -----------------------------------------------------------------------------------------------------------


def cadence(known: Known, given: Window, settings: Settings) -> Rows:
    notes = within(known, given, settings)
    rows: Rows = []
    for _, one in known.creators.sort_values("creator").iterrows():
        begun, until = plain(one["complete_from"]), plain(one["complete_to"])
        if begun is None:
            begun = plain(one["first_published_at"])
        if until is None:
            continue
        since = given.since_ms if begun is None else max(given.since_ms, begun)
        until = min(given.until_ms, until)
        mine = notes[notes["creator"] == one["creator"]]["published_ms"]
        times = sorted(int(at) for at in mine if since <= at < until)
        if times:
            rows.append({"creator": one["creator"], **_cadence(times, since, until, settings["least"])})
    return rows


def _cadence(times: Sequence[int], since: int, until: int, least: float) -> dict[str, Any]:
    days = (until - since) / DAY
    gaps = [(after - before) / DAY for before, after in pairwise(times)]
    enough = len(times) >= least
    usual = middle(gaps)
    away = None if usual is None else middle([abs(gap - usual) for gap in gaps])
    irregular = over(away, usual)
    return {
        "n": len(times),
        "days": days,
        "per_7_days": told_if(enough, len(times) / days * 7),
        "per_30_days": told_if(enough, len(times) / days * 30),
        "median_gap_days": told_if(enough, usual),
        "longest_gap_days": told_if(enough, max(gaps, default=None)),
        "days_since_last": (until - times[-1]) / DAY,
        "regularity": told_if(enough and irregular is not None, max(0.0, 1 - (irregular or 0))),
    }


def slots(known: Known, given: Window, settings: Settings) -> Rows:
    return _slots(known, given, settings["ripe_ms"])


@lru_cache(8)
def _slots(known: Known, given: Window, ripe_ms: float) -> Rows:
    """Return each note whose hour is known against the running median of the notes of its type around it."""
    notes = _within(known, given, ripe_ms).sort_values(["creator", "published_ms", "hour", "usable", "note"])
    rows: Rows = []
    for who, mine in by_creator(notes):
        rows += [_slot(who, row, None) for row in mine[mine["kind"].isna()].to_dict("records")]
        for _, alike in kinds(mine):
            usable = [plain(value) for value in alike["usable"]]
            for place, row in enumerate(alike.to_dict("records")):
                around = usable[max(0, place - AROUND) : place + AROUND + 1]
                rows.append(_slot(who, row, middle([value for value in around if value is not None])))
    told = [row for row in rows if row["hour"] is not None]
    return sorted(told, key=lambda row: (row["creator"], row["weekday"], row["hour"], row["note"]))


def _slot(who: str, row: Told, usual: float | None) -> dict[str, Any]:
    return {
        "creator": who,
        "note": row["note"],
        "weekday": plain(row["weekday"]),
        "hour": plain(row["hour"]),
        "ratio": over(row["usable"], usual),
    }


def hours(known: Known, given: Window, settings: Settings) -> Rows:
    cells: dict[tuple[str, int, int], list[float | None]] = {}
    for row in slots(known, given, settings):
        cells.setdefault((row["creator"], row["weekday"], row["hour"]), []).append(row["ratio"])
    rows: Rows = []
    for (who, weekday, hour), every in sorted(cells.items()):
        sure = [ratio for ratio in every if ratio is not None]
        rows.append(
            {
                "creator": who,
                "weekday": weekday,
                "hour": hour,
                "notes": len(every),
                "n": len(sure),
                "ratio": middle(sure, settings["least_group"]),
            }
        )
    return rows


# Topics, formats, goods -------------------------------------------------------------------------------------------


def hashtags(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        for kind, alike in kinds(mine):
            often = Counter(tag for tags in alike["tags"] for tag in set(tags))
            for tag in (tag for tag, notes in often.items() if notes >= settings["least_group"]):
                rows.append({"creator": who, "kind": kind, "tag": tag, **_hashtag(alike, tag, settings["least_group"])})
    return sorted(rows, key=lambda row: (row["creator"], -row["notes"], row["tag"], row["kind"]))


def _hashtag(alike: DataFrame, tag: str, least: float) -> dict[str, Any]:
    carries = np.array([tag in tags for tags in alike["tags"]])
    usable = alike["usable"].to_numpy(dtype=float, na_value=np.nan)
    its, others = [values[~np.isnan(values)].tolist() for values in (usable[carries], usable[~carries])]
    median, without = middle(its, least), middle(others, least)
    return {
        "notes": int(carries.sum()),
        "share": float(carries.mean()),
        "n": len(its),
        "n_without": len(others),
        "median": median,
        "median_without": without,
        "lift": over(median, without),
    }


def focus(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        often = Counter(tag for tags in mine["tags"] for tag in set(tags))
        tag, notes = min(often.items(), key=lambda one: (-one[1], one[0]), default=(None, 0))
        enough = len(mine) >= settings["least"]
        rows.append(
            {
                "creator": who,
                "n": len(mine),
                "tag": told_if(enough, tag),
                "focus": told_if(enough, notes / len(mine)),
            }
        )
    return rows


def formats(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        typed = int(mine["kind"].notna().sum())
        for kind, alike in kinds(mine):
            values = numbers(alike["usable"])
            rows.append(
                {
                    "creator": who,
                    "kind": kind,
                    "notes": len(alike),
                    "of_notes": typed,
                    "share": len(alike) / typed,
                    "n": len(values),
                    "median": middle(values, settings["least_group"]),
                }
            )
    return rows


def goods(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        said = [one for one in mine["goods"] if one is not None]
        words = [f"{title or ''} {text or ''}" for title, text in zip(mine["title"], mine["text"], strict=True)]
        rows.append(
            {
                "creator": who,
                "notes": len(mine),
                "n": len(said),
                "goods": sum(said),
                "share": sum(said) / len(said) if len(said) >= settings["least"] else None,
                "cooperation_suspected": sum(bool(COOPERATION.search(one)) for one in words),
            }
        )
    return rows


# Growth, breakouts, jumps -----------------------------------------------------------------------------------------


def points(known: Known, given: Window, settings: Settings) -> dict[tuple[str, str], list[Point]]:
    """Return (age, interactions) of every look at each note of the window whose publish time is known."""
    notes = within(known, given, settings)
    notes = notes[[not one for one in notes["estimated"]]]
    looks = known.looks.merge(notes[["creator", "note", "published_ms"]], on=["creator", "note"])
    looks["interactions"] = looks["likes"] + looks["collects"] + looks["comments"]
    seen = pd.concat(
        [frame[["creator", "note", "published_ms", "seen_ms", "interactions"]] for frame in (looks, notes)]
    )
    seen["age"] = seen["seen_ms"] - seen["published_ms"]
    seen = seen[seen["interactions"].notna() & (seen["age"] >= 0)]
    told: dict[tuple[str, str], set[Point]] = {}
    for who, note, age, interactions in seen[["creator", "note", "age", "interactions"]].itertuples(index=False):
        told.setdefault((who, note), set()).add((int(age), int(interactions)))
    return {key: sorted(its) for key, its in sorted(told.items())}


def at_age(its: Sequence[Point], age: int) -> float | None:
    """Return interactions at an age: seen then, or in proportion between looks near enough to each other."""
    seen = [float(count) for when, count in its if when == age]
    if seen:
        return max(seen)
    before = [point for point in its if point[0] < age]
    after = [point for point in its if point[0] > age]
    return between(before[-1], after[0], age) if before and after else None


def between(before: Point, after: Point, age: float) -> float | None:
    """Return interactions between two looks that lie no further apart than the note was old, or that saw the same."""
    wide, gained = after[0] - before[0], after[1] - before[1]
    if wide > age and gained != 0:
        return None
    return before[1] + gained * (age - before[0]) / wide


def half_life(its: Sequence[Point], whole: float | None) -> float | None:
    """Return the first age in hours with half of the interactions after seven days.

    It is unknown where the first look saw as much already, and where nobody knows what was between two looks.
    """
    if not whole:
        return None
    half = whole / 2
    reached = next((place for place, (_, count) in enumerate(its) if count >= half), None)
    if not reached:
        return None
    before, after = its[reached - 1], its[reached]
    age = before[0] + (half - before[1]) * (after[0] - before[0]) / (after[1] - before[1])
    return None if between(before, after, age) is None else age / HOUR


def curves(known: Known, given: Window, settings: Settings) -> Rows:
    return [
        {"creator": who, "note": note, "age_ms": age, "interactions": interactions}
        for (who, note), its in points(known, given, settings).items()
        for age, interactions in its
    ]


def growth(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for (who, note), its in points(known, given, settings).items():
        told = {name: at_age(its, age) for name, age in AGES.items()}
        if any(value is not None for value in told.values()):
            rows.append({"creator": who, "note": note, **_growth(told), "half_life_hours": half_life(its, told["7d"])})
    return rows


def _growth(told: Mapping[str, float | None]) -> dict[str, Any]:
    speeds: dict[str, float | None] = {"per_hour_until_1h": told["1h"]}
    for slow, fast in pairwise(AGES):
        before, after = told[slow], told[fast]
        gained = None if before is None or after is None else after - before
        speeds[f"per_hour_until_{fast}"] = over(gained, (AGES[fast] - AGES[slow]) / HOUR)
    return {**{f"at_{name}": value for name, value in told.items()}, **speeds}


def breakouts(known: Known, given: Window, settings: Settings) -> Rows:
    at_once: dict[tuple[str, int], dict[str, float]] = {}
    for (who, note), its in points(known, given, settings).items():
        for age in (HOUR, 6 * HOUR, DAY, 3 * DAY):
            value = at_age(its, age)
            if value is not None:
                at_once.setdefault((who, age), {})[note] = value
    rows: Rows = []
    for (who, age), values in at_once.items():
        for note, value in values.items():
            others = [other for its, other in values.items() if its != note]
            told = _breakout(value, others, settings["breakout_least"])
            rows.append({"creator": who, "note": note, "age_ms": age, **told})
    return sorted(rows, key=lambda row: (row["creator"], row["note"], row["age_ms"]))


def _breakout(value: float, others: Sequence[float], least: float) -> dict[str, Any]:
    told: dict[str, Any] = {"interactions": value, "others": len(others)}
    if len(others) < least:
        return {**told, "usual": None, "fence": None, "broke_out": None}
    low, usual, high = np.quantile(others, [0.25, 0.5, 0.75]).tolist()
    fence = high + 1.5 * (high - low)
    return {**told, "usual": usual, "fence": fence, "broke_out": value > fence}


def jumps(known: Known, given: Window, settings: Settings) -> Rows:
    looks = known.looks.merge(within(known, given, settings)[["creator", "note"]], on=["creator", "note"])
    looks = looks[[not one for one in looks["rounded"]]].sort_values(["creator", "note", "seen_ms"])
    seen: dict[tuple[str, str], list[list[int | None]]] = {}
    for who, note, *look in looks[["creator", "note", "seen_ms", *COUNTERS[:3]]].itertuples(index=False, name=None):
        seen.setdefault((who, note), []).append([plain(one) for one in look])
    rows: Rows = []
    for (who, note), its in seen.items():
        found = [_jump(before, after, settings) for before, after in pairwise(its)]
        rows += [{"creator": who, "note": note, **told} for told in found if told is not None]
    return rows


def _jump(before: Sequence[Any], after: Sequence[Any], settings: Settings) -> dict[str, Any] | None:
    if None in before or None in after or before[2:] != after[2:]:
        return None
    gained = after[1] - before[1]
    missing = over(gained * (before[2] + before[3]), before[1])
    if gained < settings["jump_least"] or missing is None or missing < settings["jump_missing"]:
        return None
    return {
        "since_ms": before[0],
        "until_ms": after[0],
        "likes_before": before[1],
        "likes": after[1],
        "missing": missing,
    }


# Followers and prices ---------------------------------------------------------------------------------------------


def engagement(known: Known, given: Window, settings: Settings) -> Rows:
    followed = known.profiles[(known.profiles["followers"] > 0).fillna(False).astype(bool)]
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        sure = mine[mine["usable"].notna()]
        told = followed[followed["creator"] == who].sort_values("as_of_ms")
        latest = told[told["as_of_ms"] < given.until_ms]
        if not len(sure) or not len(latest):
            continue
        rates = list(_rates(sure, told))
        usual = middle(numbers(sure["usable"]), settings["least"])
        followers = plain(latest.iloc[-1]["followers"])
        rows.append(
            {
                "creator": who,
                "n": len(sure),
                "n_at_publish": len(rates),
                "rate_at_publish": middle(rates, settings["least"]),
                "followers": followers,
                "as_of_ms": plain(latest.iloc[-1]["as_of_ms"]),
                "rate_latest": over(usual, followers),
            }
        )
    return rows


def _rates(sure: DataFrame, told: DataFrame) -> Iterator[float]:
    """Yield interactions / followers of the notes of whose time, up to 30 days before, followers were told."""
    told_at = [(int(at), int(followers)) for at, followers in zip(told["as_of_ms"], told["followers"], strict=True)]
    for published, interactions in zip(sure["published_ms"], sure["usable"], strict=True):
        near = [followers for at, followers in told_at if published - 30 * DAY <= at <= published]
        if near:
            yield interactions / near[-1]


def price(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(within(known, given, settings)):
        values = numbers(mine["usable"])
        told = known.profiles[known.profiles["creator"] == who].sort_values("as_of_ms")
        told = told[(told["as_of_ms"] < given.until_ms).astype(bool) & told["price"].notna()]
        if values and len(told):
            newest = told.iloc[-1]
            rows.append(
                {
                    "creator": who,
                    "n": len(values),
                    "price": newest["price"],
                    "currency": newest["currency"],
                    "as_of_ms": plain(newest["as_of_ms"]),
                    "price_per_interaction": over(newest["price"], middle(values, settings["least"])),
                }
            )
    return rows


# Creators side by side --------------------------------------------------------------------------------------------


def shares(known: Known, given: Window, settings: Settings) -> Rows:
    notes = within(known, given, settings)
    every = int(notes["usable"].sum())
    rows: Rows = []
    for who, mine in by_creator(notes):
        its = int(mine["usable"].sum())
        rows.append(
            {
                "creator": who,
                "notes": len(mine),
                "share_of_voice": len(mine) / len(notes),
                "n": int(mine["usable"].notna().sum()),
                "interactions": its,
                "share_of_interaction": over(its, every),
            }
        )
    return rows


def averages(known: Known, given: Window, settings: Settings) -> Rows:
    each = {who: _compared(mine, settings) for who, mine in by_creator(within(known, given, settings))}
    rows: Rows = []
    for who, its in each.items():
        told: dict[str, Any] = {"creator": who}
        for name, value in its.items():
            told[name] = value
            told[f"{name}_with"] = _mean(one[name] for one in each.values())
            told[f"{name}_without"] = _mean(one[name] for other, one in each.items() if other != who)
        rows.append(told)
    return rows


def _compared(mine: DataFrame, settings: Settings) -> dict[str, Any]:
    old, least = mine[mine["ripe"]], settings["least"]
    hits = judged(old["likes"], old["likes_least"], settings["threshold"])
    liked = old[(old["likes"] >= settings["least_likes"]).fillna(False).astype(bool)]
    return {
        "notes": len(mine),
        "median": middle(numbers(old["interactions"]), least),
        "viral_rate": sum(hits) / len(hits) if len(hits) >= least else None,
        "save_like": middle(numbers(liked["collects"] / liked["likes"]), least),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    sure = [value for value in values if value is not None]
    return fmean(sure) if sure else None


def fresh(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    for who, mine in by_creator(known.notes):
        used: dict[str, list[int]] = {}
        for published, tags in zip(mine["published_ms"], mine["tags"], strict=True):
            for tag in set(tags):
                used.setdefault(tag, []).append(int(published))
        for tag, times in used.items():
            within_it = [at for at in times if given.since_ms <= at < given.until_ms]
            if within_it and min(times) >= given.since_ms:
                rows.append({"creator": who, "tag": tag, "first_ms": min(times), "notes": len(within_it)})
    return sorted(rows, key=lambda row: (row["creator"], -row["notes"], row["tag"]))


def counters(known: Known, given: Window, settings: Settings) -> Rows:
    rows: Rows = []
    same = ("creator", "note", "kind", "published_ms", "weekday", "hour", "ripe", *COUNTERS, "interactions")
    for row in within(known, given, settings).to_dict("records"):
        told = {name: plain(row[name]) for name in same}
        missing = None in (told["interactions"], told["shares"])
        rows.append(
            {
                **told,
                "with_shares": None if missing else told["interactions"] + told["shares"],
                "save_like": over(row["collects"], row["likes"]),
                "comment_like": over(row["comments"], row["likes"]),
                "share_like": over(row["shares"], row["likes"]),
            }
        )
    return rows


QUESTIONS: Final[Mapping[str, Callable[[Known, Window, Settings], Rows]]] = {
    asked.__name__: asked
    for asked in (
        *(performance, viral, ratios, cadence, slots, hours, hashtags, focus, formats, goods, curves, growth),
        *(breakouts, jumps, engagement, price, shares, averages, fresh, counters),
    )
}
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "slots": ("creator", "note"),
    "hours": ("creator", "weekday", "hour"),
    "hashtags": ("creator", "kind", "tag"),
    "formats": ("creator", "kind"),
    "curves": ("creator", "note", "age_ms", "interactions"),
    "growth": ("creator", "note"),
    "breakouts": ("creator", "note", "age_ms"),
    "jumps": ("creator", "note", "until_ms"),
    "fresh": ("creator", "tag"),
    "counters": ("creator", "note"),
}
"""The columns that tell the rows of a question apart; those of the others are one a creator."""
