"""An installation of the product: a data directory with a configuration, accounts and tokens, asked by its commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from processes import environment

PRICE = 10
BALANCE = 10**12
MOST = 10**9
ACCOUNT = "bench"

_CONFIG = f"""
[server]
http_status = "mapped"
[cache]
max_age = 315360000
[metering]
price = {PRICE}
cached_price = {PRICE}
[[source]]
name = "sim"
kind = "simulator"
seed = 7
at = "2026-01-01T00:00:00Z"
"""
_LIMITS = ("--rate-per-minute", str(MOST), "--burst", str(MOST), "--daily-quota", str(MOST))
_LONGEST_SECONDS = 600


class Installation:
    """One data directory, on SQLite or on the PostgreSQL database at an address."""

    def __init__(self, folder: Path, store: str = "sqlite") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.use(store)

    def use(self, store: str) -> None:
        """Write another store into the configuration, such as that to which everything was moved."""
        self.store = store
        (self.folder / "hongshu.toml").write_text(f'store = "{store}"\n{_CONFIG}', encoding="utf-8")

    def run(self, *arguments: str) -> Any:
        """Run one command of the product and return what it says."""
        command = [sys.executable, "-m", "hongshu", *arguments, "--json"]
        done = subprocess.run(
            command,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"hongshu {' '.join(arguments)} failed: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def open_account(self, name: str = ACCOUNT) -> str:
        """Open an account with more credits than any run can take, and return a token of its, which is never slowed."""
        self.run("account", "create", name, "--balance", str(BALANCE))
        return self.issue_token(name)

    def issue_token(self, account: str) -> str:
        """Return another token of an account."""
        return str(self.run("token", "create", "--account", account, *_LIMITS)["token"])

    def creators(self) -> list[str]:
        """Return the creators that the simulator lists."""
        [source] = self.run("source", "list")
        return list(source["creators"])

    def balance(self) -> int:
        """Return the credits of all accounts together."""
        return sum(int(account["balance"]) for account in self.run("account", "list"))

    def verify(self) -> int:
        """Prove the ledger, and return how many entries it has; the command fails where something is wrong."""
        verified = self.run("ledger", "verify")
        if not verified["ok"]:
            raise RuntimeError(f"the ledger does not add up: {verified['differences'][:3]}")
        return int(verified["entries"])
