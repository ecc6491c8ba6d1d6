"""Single numbers of a creator, each with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from hongshu.analytics import intervals
from hongshu.analytics.intervals import Interval, Values
from hongshu.analytics.measuring.asked import Asked
from hongshu.analytics.measuring.values import array, divided, interactions, is_sure, known_of, median, number
from hongshu.analytics.numbers import HYPOTHESIS, Line, Lines, Number, Why

_WEEK_MS: Final = 7 * 86_400_000
_DAY_MS: Final = 86_400_000
_NOTHING: Final[Line] = {}


def performance(asked: Asked, creator: str, notes: Lines) -> Iterator[Number]:
    """Yield median, quartiles and maximum of interactions, and hit dependence."""
    told = asked.line("performance", creator) or _NOTHING
    values = interactions(notes)
    made = {
        "median": intervals.of_median(values),
        "p25": intervals.of_quantile(values, 0.25),
        "p75": intervals.of_quantile(values, 0.75),
        "most": None,
        "hit_dependence": intervals.of_hit_dependence(values),
    }
    for metric, interval in made.items():
        yield number(
            metric,
            told.get(metric),
            told.get("n", 0),
            interval,
            left_out=_left_out(told, "ripening", "unknown"),
            why=Why.ZERO if told.get("median") is not None else Why.TOO_FEW,
            note="rounded" if told.get("rounded") else "",
        )


def trend(notes: Lines) -> Number:
    """Return the median of the newer half of ripe notes ÷ that of the older half."""
    newer, older = _halves(notes)
    value = divided(median(newer), median(older)) if len(newer) >= HYPOTHESIS else None
    return number("trend", value, 2 * len(newer), intervals.of_median_ratio(newer, older))


def trend_is_sure(notes: Lines) -> bool:
    """Say whether the newer half of ripe notes surely does better or worse than the older half."""
    newer, older = _halves(notes)
    return len(newer) >= HYPOTHESIS and is_sure(intervals.of_median_ratio(newer, older, intervals.SURE))


def _halves(notes: Lines) -> tuple[Values, Values]:
    """Return the interactions of the newer and of the older half of ripe notes; the one in the middle is left."""
    newest_first = interactions(notes)
    half = len(newest_first) // 2
    return newest_first[:half], newest_first[len(newest_first) - half :]


def viral(asked: Asked, creator: str, preset: str) -> Number:
    """Return the viral-note rate of a preset."""
    told = asked.line("viral", creator, preset) or _NOTHING
    n = told.get("n", 0)
    interval = intervals.of_share(told.get("hits", 0), n)
    return number(preset, told.get("rate"), n, interval, left_out=_left_out(told, "ripening", "unknown"))


def ratios(asked: Asked, creator: str, notes: Lines) -> Iterator[Number]:
    """Yield collects, comments and shares per like."""
    told = asked.line("ratios", creator) or _NOTHING
    ripe = [one for one in notes if one["ripe"]]
    for metric, counter in (("save_like", "collects"), ("comment_like", "comments"), ("share_like", "shares")):
        n = told.get(f"{metric}_n", 0)
        values = _per_like(ripe, counter, asked.settings["least_likes"])
        left = {"ripening": len(notes) - len(ripe), "unknown_or_few_likes": len(ripe) - n}
        yield number(metric, told.get(metric), n, intervals.of_median(values), left_out=left)


def _per_like(ripe: Lines, counter: str, least_likes: float) -> Values:
    liked = (one for one in ripe if one["likes"] is not None and one["likes"] >= least_likes)
    return array(one[counter] / one["likes"] for one in liked if one[counter] is not None)


def cadence(asked: Asked, creator: str, notes: Lines) -> Iterator[Number]:
    """Yield how often and how regularly a creator publishes, in time that is known without a gap."""
    told = asked.line("cadence", creator)
    span = _span(asked, creator)
    n = told["n"] if told else 0
    times = sorted(one["published_ms"] for one in notes if span and span[0] <= one["published_ms"] < span[1])
    gaps = array(after - before for before, after in pairwise(times)) / _DAY_MS
    weekly = intervals.of_rate(_weeks(times, span))
    made = {
        "per_7_days": weekly,
        "per_30_days": _times(weekly, 30 / 7),
        "median_gap_days": intervals.of_median(gaps),
        "longest_gap_days": None,
        "days_since_last": None,
        "regularity": intervals.of_regularity(gaps),
    }
    for metric, interval in made.items():
        yield number(
            metric,
            (told or _NOTHING).get(metric),
            n,
            interval,
            left_out={"not_covered": len(notes) - n},
            why=Why.TOO_FEW if told else Why.NOT_COVERED,
        )


def _span(asked: Asked, creator: str) -> tuple[int, int] | None:
    """Return the part of the window that is known without a gap."""
    known = asked.line("known", creator)
    if known is None or known["until_ms"] is None or known["since_ms"] is None:
        return None
    return max(asked.window.since_ms, known["since_ms"]), min(asked.window.until_ms, known["until_ms"])


def _weeks(times: Sequence[int], span: tuple[int, int] | None) -> Values:
    """Return notes by week of 7 days, counted back from the end of what is known; a part of a week is left."""
    if span is None:
        return array(())
    counts = [0] * max(0, (span[1] - span[0]) // _WEEK_MS)
    for at in times:
        week = (span[1] - 1 - at) // _WEEK_MS
        if week < len(counts):
            counts[week] += 1
    return array(counts)


def _times(interval: Interval | None, by: float) -> Interval | None:
    return None if interval is None else Interval(interval.low * by, interval.high * by)


def shares(asked: Asked, creator: str) -> Iterator[Number]:
    """Yield topic focus, whose note names the hashtag, and the share of goods notes."""
    focus, goods = (asked.line(question, creator) or _NOTHING for question in ("focus", "goods"))
    yield _share("focus", focus, "focus", focus.get("tag") or "")
    yield _share("goods", goods, "share", "")


def _share(metric: str, told: Line, column: str, note: str) -> Number:
    n, value = told.get("n", 0), told.get(column)
    interval = intervals.of_share(round((value or 0) * n), n)
    return number(metric, value, n, interval, left_out={"unknown": told.get("notes", n) - n}, note=note)


def half_life(asked: Asked, creator: str) -> Number:
    """Return the median of the half-lives of notes."""
    values = array(known_of(asked.lines("growth", creator), "half_life_hours"))
    value = median(values) if len(values) >= HYPOTHESIS else None
    why = Why.TOO_FEW if len(values) else Why.NOT_LOOKED
    return number("half_life", value, len(values), intervals.of_median(values), why=why)


def engagement(asked: Asked, creator: str, notes: Lines) -> Iterator[Number]:
    """Yield interactions by followers, as they were at publishing and as they are."""
    told = asked.line("engagement", creator) or _NOTHING
    rates = array(known_of(asked.lines("reach", creator), "rate"))
    yield number(
        "engagement_at_publish",
        told.get("rate_at_publish"),
        told.get("n_at_publish", 0),
        intervals.of_median(rates),
        why=Why.TOO_FEW if told.get("n_at_publish") else Why.NO_FOLLOWERS,
    )
    typical = intervals.of_median(interactions(notes))
    yield number(
        "engagement_latest",
        told.get("rate_latest"),
        told.get("n", 0),
        _times(typical, 1 / told["followers"]) if told else None,
        why=Why.TOO_FEW if told else Why.NO_FOLLOWERS,
    )


def price(asked: Asked, creator: str, notes: Lines) -> Number:
    """Return the price of one interaction."""
    told = asked.line("price", creator) or _NOTHING
    typical = intervals.of_median(interactions(notes))
    turned = None
    if told and typical and typical.low > 0:
        turned = Interval(told["price"] / typical.high, told["price"] / typical.low)
    why = Why.TOO_FEW if told.get("n", 0) < asked.settings["least"] else Why.ZERO
    return number(
        "price_per_interaction",
        told.get("price_per_interaction"),
        told.get("n", 0),
        turned,
        why=why if told else Why.NO_PRICE,
    )


def _left_out(told: Mapping[str, int], *reasons: str) -> dict[str, int]:
    return {reason: told.get(reason, 0) for reason in reasons}
