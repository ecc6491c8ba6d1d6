"""Accounts: opened, shown with all that is theirs, topped up, adjusted, suspended; for operators."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import quote

from hongshu.engine.money import logbook, telling, usage
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.queries import address
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run
from hongshu.service.desk import Ledger
from hongshu.store import accounts
from hongshu.store.accounts import Account

SHOWN: Final = 50
ENTRIES_SHOWN: Final = 10
DAYS_SHOWN: Final = 30
ZONE: Final = "Asia/Shanghai"


class Accounts:
    """Keeps accounts."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/accounts", Rule.RUN, self.listed),
            Door("POST", "/accounts", Rule.MANAGE, self.open),
            Door("GET", "/accounts/{account}", Rule.RUN, self.shown),
            Door("POST", "/accounts/{account}/topup", Rule.MANAGE, self.top_up),
            Door("POST", "/accounts/{account}/adjust", Rule.MANAGE, self.adjust),
            Door("POST", "/accounts/{account}/suspend", Rule.MANAGE, self.suspend),
            Door("POST", "/accounts/{account}/resume", Rule.MANAGE, self.resume),
            Door("POST", "/accounts/{account}/zone", Rule.MANAGE, self.set_zone),
            Door("POST", "/accounts/{account}/low-balance", Rule.MANAGE, self.set_low_balance),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """List accounts by name, those that a search finds."""
        text, after = visit.query.get("q", "").strip().casefold(), visit.query.get("after", "")
        every = await self._run(lambda desk: desk.accounting.accounts())
        found = sorted((one for one in every if text in one.name.casefold() or text == one.id), key=_place)
        behind = [one for one in found if not after or _place(one) > (after.casefold(), after)]
        shown = behind[:SHOWN]
        words = {
            "accounts": [told(one) for one in shown],
            "any": bool(every),
            "number": len(found),
            "zone": ZONE,
            "newest": address("/accounts", visit.query, after="") if after else "",
            "older": address("/accounts", visit.query, after=shown[-1].name) if len(behind) > SHOWN else "",
        }
        return Page("accounts.html", words)

    async def open(self, visit: Visit) -> Answer:
        """Open an account."""
        form = visit.form
        name, zone = form.text("name"), form.text("zone", ZONE)
        balance, low = form.number("balance", 0), form.number("low_balance", 0)
        opened = await self._run(
            lambda desk: desk.accounting.open_account(name, balance=balance, zone=zone, low_balance=low)
        )
        return Go(_path(opened), "account_opened")

    async def shown(self, visit: Visit) -> Answer:
        """Show an account: its money, tokens, newest entries and last days."""
        name, now_ms = visit.path["account"], time.time_ns() // 1_000_000
        return Page("account.html", await self._run(lambda desk: _words(desk, name, now_ms)))

    async def top_up(self, visit: Visit) -> Answer:
        """Add credits."""
        name, amount, reference = visit.path["account"], visit.form.number("amount"), visit.form.text("reference")
        key = visit.form.once()
        topped = await self._run(lambda desk: desk.accounting.top_up(name, amount, reference, key))
        return Go(_path(topped), "topped_up")

    async def adjust(self, visit: Visit) -> Answer:
        """Add or take credits, with a reason."""
        name, amount, reason = visit.path["account"], visit.form.number("amount"), visit.form.text("reason")
        key = visit.form.once()
        adjusted = await self._run(lambda desk: desk.accounting.adjust(name, amount, reason, key))
        return Go(_path(adjusted), "adjusted")

    async def suspend(self, visit: Visit) -> Answer:
        """Refuse every call of an account."""
        name = visit.path["account"]
        return Go(_path(await self._run(lambda desk: desk.accounting.set_active(name, active=False))), "suspended")

    async def resume(self, visit: Visit) -> Answer:
        """Let a suspended account call again."""
        name = visit.path["account"]
        return Go(_path(await self._run(lambda desk: desk.accounting.set_active(name, active=True))), "resumed")

    async def set_zone(self, visit: Visit) -> Answer:
        """Change the zone of an account's quota day."""
        name, zone = visit.path["account"], visit.form.text("zone")
        return Go(_path(await self._run(lambda desk: desk.accounting.set_zone(name, zone))), "zone_set")

    async def set_low_balance(self, visit: Visit) -> Answer:
        """Change the threshold below which an account is told as low."""
        name, threshold = visit.path["account"], visit.form.number("low_balance")
        changed = await self._run(lambda desk: desk.accounting.set_low_balance(name, threshold))
        return Go(_path(changed), "low_balance_set")


def told(account: Account) -> dict[str, Any]:
    """Return an account as pages show it."""
    state = "suspended" if not account.active else "low" if account.is_low else "active"
    return {**telling.account_words(account), "state": state, "available": account.balance - account.held}


def standing_words(desk: Ledger, account: Account, now_ms: int) -> dict[str, Any]:
    """Return how an account stands: its money, today's use of its tokens, and its last days."""
    used, days = desk.database.read(
        lambda db: (usage.used_today(db, account, now_ms), usage.of_days(db, account, now_ms, DAYS_SHOWN))
    )
    return {
        "account": told(account),
        "used": [{"token": token, "used": number} for token, number in used],
        "days": [telling.day_words(one) for one in days],
    }


def _words(desk: Ledger, name: str, now_ms: int) -> dict[str, Any]:
    account = desk.accounting.account(name)
    newest = desk.database.read(lambda db: logbook.ledger_page(db, account.id, None, None, ENTRIES_SHOWN))
    tokens = desk.database.read(lambda db: accounts.tokens(db, account.id))
    return {
        **standing_words(desk, account, now_ms),
        "tokens": len(tokens),
        "entries": telling.entry_rows(desk.accounting, newest.rows),
    }


def _place(account: Account) -> tuple[str, str]:
    return account.name.casefold(), account.name


def _path(account: Account) -> str:
    return f"/accounts/{quote(account.id)}"
