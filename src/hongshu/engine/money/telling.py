"""Accounts, tokens, entries and usage as JSON-ready words: the same for the command line and for operators' routes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.audit import Verified
from hongshu.engine.money.decision import Limits
from hongshu.engine.money.entries import charge_id
from hongshu.engine.money.usage import Day, Line
from hongshu.models import rfc3339
from hongshu.store.accounts import Account, Operator, Standing
from hongshu.store.calls import CallRow
from hongshu.store.ledger import Entered

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Words = dict[str, Any]

FORMATS: Final = ("csv", "jsonl")
ENTRY_COLUMNS: Final = (
    "id",
    "at",
    "account",
    "token_id",
    "kind",
    "amount",
    "balance_after",
    "request_id",
    "idempotency_key",
    "endpoint",
    "source",
    "cache",
    "reference",
)


CALL_COLUMNS: Final = (
    "request_id",
    "at",
    "account",
    "token_id",
    "endpoint",
    "code",
    "kind",
    "credits",
    "duration_ms",
    "source",
    "keyed",
    "delivered",
)


def account_words(account: Account) -> Words:
    """Return an account; balance, held and low_balance in credits."""
    return {
        "id": account.id,
        "name": account.name,
        "balance": account.balance,
        "held": account.held,
        "zone": account.zone,
        "active": account.active,
        "low_balance": account.low_balance,
        "is_low": account.is_low,
    }


def token_words(issued: Standing, secret: str | None = None) -> Words:
    """Return a token; its secret only where it was just made."""
    token = issued.token
    return {
        "id": token.id,
        "account": token.account,
        "account_name": issued.account.name,
        "name": token.name,
        "token": secret or f"{token.shown_start}…",
        "scopes": token.scopes,
        "rate_per_minute": token.rate_per_minute,
        "burst": token.burst,
        "daily_quota": token.daily_quota,
        "expires": _time(token.expires_ms),
        "networks": token.networks,
        "active": token.active,
        "former_secret_until": _time(token.former_until_ms),
    }


def operator_words(operator: Operator, secret: str | None = None) -> Words:
    """Return an operator; the token only where it was just made."""
    words: Words = {"id": operator.id, "name": operator.name, "active": operator.active}
    return {**words, "token": secret} if secret else words


def entry_rows(books: Accounting, entries: Sequence[Entered]) -> list[Words]:
    """Return ledger entries with the names of their accounts; amounts in credits."""
    names = books.names(one.entry.account for one in entries)
    return [{**_entry_words(one), "account_name": names.get(one.entry.account)} for one in entries]


def orphan_rows(books: Accounting, found: Sequence[CallRow]) -> list[Words]:
    """Return charges whose answers are not noted as handed over, with the entries to refund."""
    names = books.names(one.account for one in found)
    return [_orphan_words(one, names.get(one.account)) for one in found]


def _entry_words(entered: Entered) -> Words:
    entry = entered.entry
    return {
        "id": entry.id,
        "at": rfc3339(entry.at_ms),
        "account": entry.account,
        "token_id": entry.token_id,
        "kind": entry.kind,
        "amount": entry.amount,
        "balance_after": entered.balance_after,
        "request_id": entry.request_id,
        "idempotency_key": entry.idempotency_key,
        "endpoint": entry.endpoint,
        "source": entry.source,
        "cache": entry.cache,
        "reference": entry.reference,
    }


def entry_lines(books: Accounting, account_id: str, after: int, form: str) -> tuple[str, int | None]:
    """Return some thousand lines of an export behind a number, and the number to go on behind; None at the end.

    A line is "jsonl", or "csv" under `ENTRY_COLUMNS`.
    """
    entries = books.entries_after(account_id, after)
    return "".join(_entry_line(one, form) for one in entries), entries[-1].number if entries else None


def _entry_line(entered: Entered, form: str) -> str:
    words = _entry_words(entered)
    return csv_line(words.values()) if form == "csv" else msgspec.json.encode(words).decode() + "\n"


def call_words(call: CallRow) -> Words:
    """Return a call as the log holds it; what was charged in credits."""
    return {
        "request_id": call.request_id,
        "at": rfc3339(call.at_ms),
        "account": call.account,
        "token_id": call.token_id,
        "endpoint": call.endpoint,
        "code": call.code,
        "kind": call.kind,
        "credits": call.amount,
        "duration_ms": call.duration_ms,
        "source": call.source,
        "keyed": bool(call.keyed),
        "delivered": bool(call.delivered),
    }


def call_lines(found: Iterable[CallRow], form: str) -> str:
    """Return calls as lines of an export: "jsonl", or "csv" under `CALL_COLUMNS`."""
    rows = [call_words(one) for one in found]
    return "".join(
        csv_line(one.values()) if form == "csv" else msgspec.json.encode(one).decode() + "\n" for one in rows
    )


def csv_line(values: Iterable[object]) -> str:
    """Write one line of CSV; a text that a spreadsheet would run as a formula is marked as text."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_inert(value) for value in values])
    return line.getvalue()


def verified_words(verified: Verified) -> Words:
    """Return what `ledger verify` found."""
    return {
        "ok": verified.ok,
        "accounts": verified.accounts,
        "entries": verified.entries,
        "differences": [
            {"account": one.account, "account_name": one.account_name, "entry": one.entry, "what": one.what}
            for one in verified.differences
        ],
    }


def _orphan_words(call: CallRow, account_name: str | None) -> Words:
    return {
        "entry": charge_id(call.request_id),
        "request_id": call.request_id,
        "at": rfc3339(call.at_ms),
        "account": call.account,
        "account_name": account_name,
        "token_id": call.token_id,
        "amount": call.amount,
        "source": call.source,
    }


def usage_words(line: Line, by: str) -> Words:
    """Return a line of usage."""
    return {
        "account": line.account,
        "account_name": line.account_name,
        by: line.value,
        "calls": line.calls,
        "charged": line.charged,
        "credits": line.credits,
    }


def day_words(day: Day) -> Words:
    """Return a day of an account's usage: calls by code, credits charged."""
    return {
        "day": day.day,
        "calls": sum(day.codes.values()),
        "codes": {str(code): calls for code, calls in day.codes.items()},
        "credits": day.credits,
    }


def holder_words(standing: Standing, limits: Limits, days: list[Words]) -> Words:
    """Return what a token's holder may know: balance, limits, today's use, calls by day and code."""
    account, token = standing.account, standing.token
    return {
        "account": account.id,
        "account_name": account.name,
        "active": account.active,
        "balance": account.balance,
        "held": account.held,
        "low_balance": account.low_balance,
        "is_low": account.is_low,
        "zone": account.zone,
        "token": {
            "id": token.id,
            "name": token.name,
            "scopes": token.scopes,
            "networks": token.networks,
            "expires": _time(token.expires_ms),
        },
        "rate": {
            "per_minute": limits.rate_per_minute,
            "burst": limits.burst,
            "left": limits.rate_left,
            "full_in_seconds": limits.rate_full_in_seconds,
        },
        "today": {
            "day": limits.day,
            "quota": limits.daily_quota,
            "used": limits.used_today,
            "left": limits.left_today,
            "resets_at": rfc3339(limits.day_ends_ms),
        },
        "days": days,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
