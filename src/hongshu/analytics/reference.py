"""The reference page of the metrics, in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.analytics.catalogue import METRICS, NEVER
from hongshu.analytics.catalogue.base import Metric
from hongshu.analytics.questions import DEFAULTS

_HEAD: Final = """# Creators in numbers

Every number in reports opens to its formula, its sample, what was left out and why, an interval, and the time
of the data; where there is too little, the answer is "cannot tell". E is likes + collects + comments of a note.

- **Window and zone**: notes published in the window; days and hours are those of the zone (Asia/Shanghai by
  default). A window ends with the last look, never in the future. `90d` are whole days of the zone, the day
  of the last look included.
- **Sample**: below 5 notes there is no number, from 5 to 15 it is a hypothesis, from 16 on a pattern; groups
  (hashtags, hours, types) need 3. Notes younger than 7 days are still ripening and leave medians and rates.
  Pinned notes count, dated by their publish time.
- **Intervals** hold the true value in 95 of 100 data sets: by the bootstrap (2,000 draws, always with the
  same chance) for medians and ratios, by Wilson for shares, by a quasi-Poisson law for notes a week.
  Something is called a finding where the 99 % interval leaves out "no difference", for many things are looked
  at.
- **Counts**: a missing term makes E unknown, never smaller. A rounded count ("1.2万") is a value and is
  marked; a lower bound ("10万+") is none, but decides a viral note where it can.
- **Coverage**: cadence and shares are told of time that is known without a gap. Creators are compared inside
  a window that is complete for all of them.

Ask one with [`hongshu ask`](commands.md), see all in a [report](../howto/report.md), or use them
[in a notebook](../tutorials/creators-in-numbers.ipynb). Each question is an SQL file that can be read. The numbers
that are put into it (`hongshu ask QUESTION --set NAME=NUMBER`):

{settings}

"""
_SETTINGS: Final[Mapping[str, str]] = {
    "ripe_ms": "milliseconds until a note is ripe",
    "least": "fewest notes of a number",
    "least_group": "fewest notes of a group",
    "least_advice": "fewest notes of an hour that is advised",
    "least_likes": "fewest likes of a note in ratios",
    "threshold": "likes (or interactions) of a viral note",
    "times_median": "where it is not 0, a viral note has so many times the creator's own median",
    "of_interactions": "1 counts viral notes by interactions, 0 by likes",
    "breakout_least": "fewest other notes at the same age",
    "jump_least": "fewest likes of a jump",
    "jump_missing": "fewest collects and comments that would have come along with a jump",
}


def reference() -> str:
    """Return the reference page: a section for each metric."""
    settings = "\n".join(f"- `{name}` = {DEFAULTS[name]}: {_SETTINGS[name]}" for name in DEFAULTS)
    sections = [_section(metric) for metric in METRICS.values()]
    never = "\n".join(f"- {one.en}" for one in NEVER)
    return f"{_HEAD.format(settings=settings)}{''.join(sections)}## Not computable, so never shown\n{never}\n"


def _section(metric: Metric) -> str:
    file = f"../../src/hongshu/analytics/sql/{metric.question}.sql"
    return (
        f"## {metric.name.en} · {metric.name.zh}\n`{metric.key}`, by the question [`{metric.question}`]({file}).\n\n"
        f"- **Formula**: {metric.formula.en}\n- **Needs**: {metric.needs.en}\n- **Limits**: {metric.limits.en}\n\n"
    )
