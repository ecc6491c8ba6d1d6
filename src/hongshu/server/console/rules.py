"""Who may do what at the console: every door has one of these rules. Pure."""

from __future__ import annotations

from enum import StrEnum

from hongshu.store.sessions import Role, Session


class Rule(StrEnum):
    """What a door asks of whoever comes."""

    ANYONE = "anyone"
    """Nothing; no session is needed."""
    LOOK = "look"
    """A session. What belongs to an account is shown to that account and to operators."""
    ACT = "act"
    """A session that may change things, of an account for what is its own, or of an operator."""
    RUN = "run"
    """An operator's session."""
    MANAGE = "manage"
    """An operator's session that may change things."""


class Refusal(StrEnum):
    """Why somebody is not let in."""

    SIGN_IN = "sign_in"
    OPERATORS_ONLY = "operators_only"
    READ_ONLY = "read_only"


def refusal(rule: Rule, session: Session | None) -> Refusal | None:
    """Return why a rule does not let somebody in; None where it does."""
    if rule is Rule.ANYONE:
        return None
    if session is None:
        return Refusal.SIGN_IN
    if rule in {Rule.RUN, Rule.MANAGE} and session.role is not Role.OPERATOR:
        return Refusal.OPERATORS_ONLY
    if rule in {Rule.ACT, Rule.MANAGE} and session.read_only:
        return Refusal.READ_ONLY
    return None
