"""A server whose money a test looks at from inside, with accounts and tokens of the test's own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

import msgspec

import stores
from hongshu.engine.money.allowance import Allowance
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Standing
from running import Running

PLENTY: Final = Allowance(rate_per_minute=60_000, burst=1000, daily_quota=1000)
_numbers: Final = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server and its money; `zone` and `limits` are those of accounts and tokens that say no others."""

    server: Running
    ledger: Ledger
    zone: str = "UTC"
    limits: Allowance = PLENTY

    def token(self, *, balance: int = 1000, account: str | None = None, **limits: Any) -> tuple[Standing, str]:
        """Make a token, of an account of its own unless one is named."""
        name = account or f"own {next(_numbers)}"
        if account is None:
            self.ledger.accounting.open_account(name, balance=balance, zone=self.zone)
        return self.ledger.accounting.issue_token(name, "ci", msgspec.structs.replace(self.limits, **limits))

    def run(self, sql: str, *values: Any) -> list[Any]:
        """Run a statement on the money as a stranger does."""
        return stores.run(self.server.data_dir, "money", sql, *values)
