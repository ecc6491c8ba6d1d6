"""What is told on channels, and how that went: the SQL, and rows to words and back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from hongshu.models import News, ReportNews, Word
from hongshu.store.base import Connection, Row, among

_COLUMNS: Final = "id, channel, digest, created_ms, state, due_ms, tries, last_ms, status, news, report"


class DeliveryState(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(Word):
    """One event, a digest of several, or a report, on one channel; the id stays the same however often it is sent."""

    id: str
    channel: str
    created_ms: int
    due_ms: int
    news: tuple[News, ...]
    report: ReportNews | None = None
    digest: bool = False
    state: DeliveryState = DeliveryState.WAITING
    tries: int = 0
    last_ms: int | None = None
    status: str = ""


class Trouble(Word):
    """A source that does not answer as it should, since when and why."""

    source: str
    since_ms: int
    why: str


def add(db: Connection, deliveries: Sequence[Delivery]) -> None:
    """Write deliveries that are to be made."""
    db.many(
        f"INSERT INTO deliveries ({_COLUMNS}, worker, lease_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0)",  # noqa: S608 - only fixed names are put in
        [_values(one) for one in deliveries],
    )


def gathering(db: Connection, channel: str, now_ms: int) -> Delivery | None:
    """Return the digest of a channel that is not due yet; more may go into it until the transaction ends."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM deliveries WHERE state = ? AND channel = ? AND digest = 1 AND tries = 0"  # noqa: S608 - only fixed names are put in
        f" AND due_ms > ? ORDER BY due_ms LIMIT 1{db.for_update}",
        (DeliveryState.WAITING.value, channel, now_ms),
    )
    return _delivery(rows[0]) if rows else None


def put_news(db: Connection, delivery_id: str, news: Sequence[News]) -> None:
    """Write what a digest holds."""
    db.rows("UPDATE deliveries SET news = ? WHERE id = ?", (_as_json(news), delivery_id))


def due_channels(db: Connection, now_ms: int, at_hand: Collection[str] = ()) -> list[str]:
    """Return the channels on which something is due that nobody has in hand; of reports those whose file is at hand."""
    marks, ids = among(at_hand)
    return [
        channel
        for (channel,) in db.rows(
            "SELECT DISTINCT channel FROM deliveries WHERE state = ? AND due_ms <= ? AND lease_ms < ?"  # noqa: S608 - only marks are put in
            f" AND (report = '' OR id IN ({marks})) ORDER BY channel",
            (DeliveryState.WAITING.value, now_ms, now_ms, *ids),
        )
    ]


def claim(
    db: Connection,
    channel: str,
    worker: str,
    now_ms: int,
    lease_ms: int,
    limit: int,
    at_hand: Collection[str] = (),
) -> list[Delivery]:
    """Take deliveries of a channel in hand that are due and that no living worker has, the oldest first.

    Of reports those are taken whose file is at hand.
    """
    marks, ids = among(at_hand)
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM deliveries WHERE state = ? AND channel = ? AND due_ms <= ? AND lease_ms < ?"  # noqa: S608 - only fixed names are put in
        f" AND (report = '' OR id IN ({marks})) ORDER BY due_ms, id LIMIT ?{db.for_update}",
        (DeliveryState.WAITING.value, channel, now_ms, now_ms, *ids, limit),
    )
    found = [_delivery(row) for row in rows]
    db.many(
        "UPDATE deliveries SET worker = ?, lease_ms = ? WHERE id = ?", [(worker, lease_ms, one.id) for one in found]
    )
    return found


def settle(db: Connection, after: Delivery, worker: str) -> None:
    """Write how a delivery stands after a try, and give it back; another worker's is left alone."""
    db.rows(
        "UPDATE deliveries SET state = ?, due_ms = ?, tries = ?, last_ms = ?, status = ?, worker = '', lease_ms = 0"
        " WHERE id = ? AND worker = ?",
        (after.state.value, after.due_ms, after.tries, after.last_ms, after.status, after.id, worker),
    )


def let_go(db: Connection, worker: str) -> None:
    """Give back what a worker has in hand, for others."""
    db.rows(
        "UPDATE deliveries SET worker = '', lease_ms = 0 WHERE state = ? AND worker = ?",
        (DeliveryState.WAITING.value, worker),
    )


def give_up(db: Connection, channel: str, why: str) -> None:
    """Let everything that waits for a channel fail."""
    db.rows(
        "UPDATE deliveries SET state = ?, status = ? WHERE state = ? AND channel = ?",
        (DeliveryState.FAILED.value, why, DeliveryState.WAITING.value, channel),
    )


def again(db: Connection, delivery_id: str, now_ms: int) -> bool:
    """Let a delivery be made once more, whatever came of it; say whether there is one of this id.

    A report that is delivered or given up has no file any more: that one stays as it is.
    """
    rows = db.rows(
        "UPDATE deliveries SET state = ?, due_ms = ?, tries = 0, status = ''"
        " WHERE id = ? AND (report = '' OR state = ?) RETURNING id",
        (DeliveryState.WAITING.value, now_ms, delivery_id, DeliveryState.WAITING.value),
    )
    return bool(rows)


def delivery(db: Connection, delivery_id: str) -> Delivery | None:
    """Return a delivery; None where there is none of this id."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM deliveries WHERE id = ?", (delivery_id,))  # noqa: S608 - only fixed names are put in
    return _delivery(rows[0]) if rows else None


def waiting_of(db: Connection, ids: Collection[str]) -> set[str]:
    """Return which of some deliveries wait."""
    marks, values = among(ids)
    rows = db.rows(
        f"SELECT id FROM deliveries WHERE state = ? AND id IN ({marks})",  # noqa: S608 - only marks are put in
        (DeliveryState.WAITING.value, *values),
    )
    return {identifier for (identifier,) in rows}


def late_reports(db: Connection, before_id: str) -> list[str]:
    """Return the reports from before an id that wait still."""
    rows = db.rows(
        "SELECT id FROM deliveries WHERE state = ? AND report <> '' AND id < ? ORDER BY id",
        (DeliveryState.WAITING.value, before_id),
    )
    return [identifier for (identifier,) in rows]


def fail(db: Connection, ids: Collection[str], why: str) -> None:
    """Let some of what waits fail."""
    db.many(
        "UPDATE deliveries SET state = ?, status = ? WHERE state = ? AND id = ?",
        [(DeliveryState.FAILED.value, why, DeliveryState.WAITING.value, one) for one in sorted(ids)],
    )


def next_due_ms(db: Connection) -> int | None:
    """Return when the next delivery is due, be it in somebody's hand; None where none waits."""
    rows = db.rows("SELECT min(due_ms) FROM deliveries WHERE state = ?", (DeliveryState.WAITING.value,))
    found: int | None = rows[0][0]
    return found


def listed(
    db: Connection,
    *,
    channel: str | None = None,
    state: DeliveryState | None = None,
    limit: int,
    before: str | None = None,
) -> list[Delivery]:
    """Return the newest deliveries, newest first, of all channels or one, in any state or one, from before an id."""
    wanted = {"channel = ?": channel, "state = ?": state.value if state else None, "id < ?": before}
    given = {condition: value for condition, value in wanted.items() if value is not None}
    where = " AND ".join(given)
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM deliveries{' WHERE ' + where if where else ''} ORDER BY id DESC LIMIT ?",  # noqa: S608 - only fixed names are put in
        (*given.values(), limit),
    )
    return [_delivery(row) for row in rows]


def counts(db: Connection) -> dict[tuple[str, DeliveryState], int]:
    """Return how many deliveries of each channel stand how."""
    rows = db.rows("SELECT channel, state, count(*) FROM deliveries GROUP BY channel, state ORDER BY channel, state")
    return {(channel, DeliveryState(state)): number for channel, state, number in rows}


def forget(db: Connection, before_id: str, limit: int) -> bool:
    """Delete deliveries from before an id that nothing is to be done about; say whether there may be more."""
    gone = db.rows(
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE id < ? AND state <> ? ORDER BY id LIMIT ?)"
        " RETURNING id",
        (before_id, DeliveryState.WAITING.value, limit),
    )
    return len(gone) == limit


def troubles(db: Connection) -> dict[str, Trouble]:
    """Return the sources about whose trouble channels were told."""
    rows = db.rows("SELECT source, since_ms, why FROM troubles ORDER BY source")
    return {row[0]: Trouble(source=row[0], since_ms=row[1], why=row[2]) for row in rows}


def put_trouble(db: Connection, trouble: Trouble) -> None:
    """Note that channels are told of a source's trouble."""
    db.rows(
        "INSERT INTO troubles (source, since_ms, why) VALUES (?, ?, ?)"
        " ON CONFLICT (source) DO UPDATE SET since_ms = excluded.since_ms, why = excluded.why",
        (trouble.source, trouble.since_ms, trouble.why),
    )


def end_trouble(db: Connection, source: str) -> None:
    """Note that a source is well again."""
    db.rows("DELETE FROM troubles WHERE source = ?", (source,))


def _values(one: Delivery) -> tuple[object, ...]:
    return (
        one.id,
        one.channel,
        int(one.digest),
        one.created_ms,
        one.state.value,
        one.due_ms,
        one.tries,
        one.last_ms,
        one.status,
        _as_json(one.news),
        msgspec.json.encode(one.report).decode() if one.report else "",
    )


def _as_json(news: Sequence[News]) -> str:
    return msgspec.json.encode(news).decode()


def _delivery(row: Row) -> Delivery:
    identifier, channel, digest, created_ms, state, due_ms, tries, last_ms, status, news, report = row
    return Delivery(
        id=identifier,
        channel=channel,
        digest=bool(digest),
        created_ms=created_ms,
        state=DeliveryState(state),
        due_ms=due_ms,
        tries=tries,
        last_ms=last_ms,
        status=status,
        news=msgspec.json.decode(news, type=tuple[News, ...]),
        report=msgspec.json.decode(report, type=ReportNews) if report else None,
    )
