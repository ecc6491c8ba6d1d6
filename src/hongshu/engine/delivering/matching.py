"""Who is told what: events and rules to channels. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from hongshu.models import Kind, News, Scope
from hongshu.store.channels import Rule

USUAL_KINDS: Final = frozenset(
    {Kind.NEW, Kind.EDITED, Kind.GOODS, Kind.VANISHED, Kind.BACK, Kind.MILESTONE, Kind.BREAKOUT, Kind.SILENCE}
)
"""What a rule tells that names no kinds."""
DRAFT_MS: Final = 8 * 86_400_000
"""A note may have been published so long before its watch began and come into sight only then."""


def is_news(one: News, since_ms: int) -> bool:
    """Say whether an event of a creator that is watched since a time is to be told at all.

    A note is new only if it was published after the watch began, with slack for what was scheduled.
    """
    if one.kind is not Kind.NEW:
        return True
    return one.published_ms is not None and one.published_ms >= since_ms - DRAFT_MS


def channels_of(one: News, rules: Sequence[Rule], groups: Mapping[str, Collection[str]]) -> list[str]:
    """Return the channels on which an event is told, each once, in the order of the rules.

    `groups` are the members of the groups that rules name.
    """
    found = [rule.channel for rule in rules if _meets(one, rule, groups)]
    return list(dict.fromkeys(found))


def _meets(one: News, rule: Rule, groups: Mapping[str, Collection[str]]) -> bool:
    if one.kind not in (rule.kinds or USUAL_KINDS):
        return False
    match rule.scope:
        case Scope.ALL:
            return True
        case Scope.GROUP:
            return one.creator in groups.get(rule.who, ())
        case Scope.CREATOR:
            return one.creator == rule.who
