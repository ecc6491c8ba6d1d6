"""The ledger: an account's own entries, or everybody's for operators; its proof, what was never delivered, refunds."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from hongshu.engine.money import logbook, telling
from hongshu.engine.money.audit import Verified
from hongshu.errors import HongshuError, NotKnownError, StoreError, UsageError
from hongshu.models import Word
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.queries import account_names, address, asked_account
from hongshu.server.console.rules import Rule
from hongshu.server.exporting import checked_format, download, ledger_lines
from hongshu.server.operators import Run

SHOWN: Final = 50
MOST_DIFFERENCES: Final = 200
ORPHAN_DAYS: Final = 7
"""Older charges were looked through before; the command looks through all."""
KINDS: Final = ("topup", "charge", "refund", "adjust")


class Proof(Word):
    """What a proof of the ledger found, and when it ended, in ms."""

    at_ms: int
    verified: Verified


class Proofs:
    """Proves the ledger, once at a time: who asks while it is read gets the same proof."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._under_way: asyncio.Task[Proof] | None = None
        self.last: Proof | None = None
        """The last one of this process."""

    async def prove(self) -> Proof:
        """Read the whole ledger, which may take minutes."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._proved())
        return await asyncio.shield(self._under_way)

    async def _proved(self) -> Proof:
        verified = await self._run(lambda desk: desk.verify(), window="audits")
        self.last = Proof(at_ms=time.time_ns() // 1_000_000, verified=verified)
        return self.last


class LedgerPages:
    """Shows, exports and proves the ledger, and gives back charges."""

    def __init__(self, run: Run, proofs: Proofs) -> None:
        self._run = run
        self._proofs = proofs

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/ledger", Rule.LOOK, self.listed),
            Door("GET", "/ledger/export", Rule.LOOK, self.export),
            Door("POST", "/ledger/verify", Rule.RUN, self.verify),
            Door("GET", "/ledger/orphans", Rule.RUN, self.orphans),
            Door("POST", "/ledger/{entry}/refund", Rule.MANAGE, self.refund),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """Show entries, newest first; where a filter is wrong, say so where they would stand."""
        words: dict[str, Any] = {
            "accounts": await account_names(self._run, visit),
            "of_account": visit.query.get("account", ""),
            "kinds": KINDS,
            "proof": self._proofs.last if visit.own is None else None,
            "csv": address("/ledger/export", visit.query, format="csv", before="", kind=""),
            "jsonl": address("/ledger/export", visit.query, format="jsonl", before="", kind=""),
        }
        try:
            return Page("ledger.html", {**words, **await self._found(visit), "why": ""})
        except StoreError:
            raise
        except HongshuError as error:
            nothing = {"entries": (), "reached_ms": None, "newest": "", "older": "", "why": error.message}
            return Page("ledger.html", {**words, **nothing}, 404 if isinstance(error, NotKnownError) else 400)

    async def export(self, visit: Visit) -> Answer:
        """Stream the ledger of an account, or of all."""
        form, account = checked_format(visit.query.get("format", "csv")), await asked_account(self._run, visit)
        owners = [account] if account else await self._run(lambda desk: desk.accounting.accounts())
        return download(ledger_lines(self._run, [one.id for one in owners], form), form, "ledger")

    async def verify(self, _: Visit) -> Answer:
        """Prove the ledger, and say what is not as it should be."""
        proof = await self._proofs.prove()
        words = telling.verified_words(proof.verified)
        shown = words["differences"][:MOST_DIFFERENCES]
        told = {**words, "differences": shown, "number": len(words["differences"]), "at_ms": proof.at_ms}
        return Page("ledger_verified.html", told)

    async def orphans(self, _: Visit) -> Answer:
        """List charges whose answers are not noted as handed over."""
        rows = await self._run(
            lambda desk: telling.orphan_rows(desk.accounting, desk.accounting.orphans(days=ORPHAN_DAYS)),
            window="audits",
        )
        return Page("ledger_orphans.html", {"orphans": rows, "days": ORPHAN_DAYS})

    async def refund(self, visit: Visit) -> Answer:
        """Give back what a charge took, once."""
        entry = visit.path["entry"]
        refunded = await self._run(lambda desk: desk.accounting.refund(entry))
        back = "/ledger/orphans" if visit.query.get("of") == "orphans" else f"/ledger?account={refunded.entry.account}"
        return Go(back, "refunded")

    async def _found(self, visit: Visit) -> dict[str, Any]:
        account = await asked_account(self._run, visit)
        kind, before = visit.query.get("kind") or None, visit.query.get("before") or None
        if kind is not None and kind not in KINDS:
            raise UsageError(f"an entry is of the kind {', '.join(KINDS)}; choose one of them")
        account_id = account.id if account else None
        page = await self._run(
            lambda desk: desk.database.read(lambda db: logbook.ledger_page(db, account_id, kind, before, SHOWN))
        )
        rows = await self._run(lambda desk: telling.entry_rows(desk.accounting, page.rows))
        found = {
            "entries": rows,
            "reached_ms": page.reached_ms,
            "newest": address("/ledger", visit.query, before="") if before else "",
            "older": address("/ledger", visit.query, before=page.before) if page.before else "",
        }
        return {**found, "of_account": account.name} if account else found
