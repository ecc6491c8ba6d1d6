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


class Rulebook:
    """Rules at hand: those of single creators, of whom there may be thousands, by creator."""

    def __init__(self, rules: Sequence[Rule], groups: Mapping[str, Collection[str]]) -> None:
        """Sort rules; `groups` are the members of the groups that they name."""
        self._wide = [one for one in rules if one.scope is not Scope.CREATOR]
        self._groups = groups
        self._own: dict[str, list[Rule]] = {}
        for one in rules:
            if one.scope is Scope.CREATOR:
                self._own.setdefault(one.who, []).append(one)

    def channels_of(self, one: News) -> list[str]:
        """Return the channels on which an event is told, each once."""
        meant = [*(rule for rule in self._wide if self._means(rule, one)), *self._own.get(one.creator, ())]
        found = [rule.channel for rule in meant if one.kind in (rule.kinds or USUAL_KINDS)]
        return list(dict.fromkeys(found))

    def _means(self, rule: Rule, one: News) -> bool:
        return rule.scope is Scope.ALL or one.creator in self._groups.get(rule.who, ())
