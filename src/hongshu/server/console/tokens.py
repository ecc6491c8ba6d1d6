"""Tokens: an account's own, or everybody's for operators; a secret is shown where it is made and nowhere else."""

from __future__ import annotations

import time
from typing import Final

from hongshu.config import LimitsConfig
from hongshu.engine.money import telling
from hongshu.engine.money.accounting import CONSOLE
from hongshu.engine.money.allowance import Allowance, Draft
from hongshu.errors import UsageError
from hongshu.formats.v4 import V4_PATH
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.queries import account_names, address
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run
from hongshu.store.accounts import Standing, Token

SHOWN: Final = 100
SAMPLE_CREATOR: Final = "5c2f338a000000000701e1c6"


class Tokens:
    """Lists, makes, rotates and revokes tokens."""

    def __init__(self, limits: LimitsConfig, run: Run) -> None:
        self._limits = limits
        self._run = run

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/tokens", Rule.LOOK, self.listed),
            Door("POST", "/tokens", Rule.ACT, self.create),
            Door("POST", "/tokens/{token}/rotate", Rule.ACT, self.rotate),
            Door("POST", "/tokens/{token}/revoke", Rule.ACT, self.revoke),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """List tokens, the newest first, without their secrets."""
        account, before = visit.account(), visit.query.get("before", "")
        tokens = await self._run(lambda desk: desk.accounting.newest_tokens(account, before or "u", SHOWN + 1))
        words = {
            "tokens": [{**telling.token_words(one), "state": _state(one)} for one in tokens[:SHOWN]],
            "accounts": await account_names(self._run, visit),
            "limits": self._limits,
            "of_account": account,
            "newest": address("/tokens", visit.query, before="") if before else "",
            "older": address("/tokens", visit.query, before=tokens[SHOWN - 1].token.id) if len(tokens) > SHOWN else "",
        }
        return Page("tokens.html", words)

    async def create(self, visit: Visit) -> Answer:
        """Make a token; the only page that holds its secret."""
        form = visit.form
        account = visit.own or form.text("account")
        if not account:
            raise UsageError("choose the account that pays for the token's calls")
        draft = Draft(
            rate_per_minute=form.number("rate_per_minute", 0) or None,
            burst=form.number("burst", 0) or None,
            daily_quota=form.number("daily_quota", 0) or None,
            expires=form.text("expires") or None,
            networks=tuple(form.text("networks").replace(",", " ").split()),
        )
        allowance = draft.allowance(self._limits)
        if visit.own:
            _check_within(allowance, self._limits)
        name = form.text("name")
        issued, secret = await self._run(
            lambda desk: (desk.accounting.issue_own_token if visit.own else desk.accounting.issue_token)(
                account, name, allowance
            )
        )
        return _shown(visit, issued, secret)

    async def rotate(self, visit: Visit) -> Answer:
        """Give a token another secret; the only page that holds it."""
        token, grace = await self._owned(visit), visit.form.number("grace", 0)
        if visit.own and token.name == CONSOLE:
            raise UsageError("nobody has the secret of the token that pays for what is ordered here; it needs no other")
        rotated, secret = await self._run(lambda desk: desk.accounting.rotate_token(token.id, grace))
        return _shown(visit, rotated, secret)

    async def revoke(self, visit: Visit) -> Answer:
        """Switch a token off for good."""
        token = await self._owned(visit)
        await self._run(lambda desk: desk.accounting.revoke_token(token.id))
        return Go("/tokens", "token_revoked")

    async def _owned(self, visit: Visit) -> Token:
        """Return the token in the address, which is the visitor's to change."""
        token = visit.path["token"]
        standing = await self._run(lambda desk: desk.accounting.token(token))
        visit.check_own(standing.account.id)
        return standing.token


def _check_within(allowance: Allowance, limits: LimitsConfig) -> None:
    """Raise `UsageError` where an account would give itself more than the operator gives to anyone."""
    for name in ("rate_per_minute", "burst", "daily_quota"):
        if getattr(allowance, name) > getattr(limits, name):
            raise UsageError(f"{name} is at most {getattr(limits, name)} here; ask an operator for more")


def _shown(visit: Visit, issued: Standing, secret: str) -> Page:
    url = f"{visit.address}{V4_PATH}?userId={SAMPLE_CREATOR}"
    curl = f'curl -H "Authorization: Bearer {secret}" "{url}"'
    return Page("token_shown.html", {"token": telling.token_words(issued), "secret": secret, "curl": curl}, 201)


def _state(one: Standing) -> str:
    if not one.token.active:
        return "revoked"
    expires_ms = one.token.expires_ms
    return "expired" if expires_ms is not None and expires_ms <= time.time() * 1000 else "active"
