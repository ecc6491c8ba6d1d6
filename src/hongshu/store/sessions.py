"""One-time links into the console and the sessions they open: the SQL, and rows to words and back."""

from __future__ import annotations

from enum import StrEnum

from hongshu.models import Word
from hongshu.store.base import Connection, Row


class Role(StrEnum):
    """As whom somebody is at the console."""

    ACCOUNT = "account"
    OPERATOR = "operator"


class Link(Word):
    """What a link opens, and until when; `who` is the id of an account or an operator."""

    role: Role
    who: str
    read_only: bool
    until_ms: int


class Session(Word):
    """Somebody at the console, under the name of the account or operator, in the account's zone; without the secret."""

    id: str
    role: Role
    who: str
    read_only: bool
    created_ms: int
    until_ms: int
    name: str = ""
    zone: str = ""


def add_link(db: Connection, link: Link, link_hash: bytes) -> None:
    """Keep a link."""
    db.rows(
        "INSERT INTO login_links (link_hash, role, who, read_only, until_ms) VALUES (?, ?, ?, ?, ?)",
        (link_hash, link.role.value, link.who, int(link.read_only), link.until_ms),
    )


def has_link(db: Connection, link_hash: bytes) -> bool:
    """Say whether there is a link, also one that is over."""
    return bool(db.rows("SELECT 1 FROM login_links WHERE link_hash = ?", (link_hash,)))


def take_link(db: Connection, link_hash: bytes) -> Link | None:
    """Return a link and remove it; None where there is none."""
    rows = db.rows("DELETE FROM login_links WHERE link_hash = ? RETURNING role, who, read_only, until_ms", (link_hash,))
    return (
        Link(role=Role(rows[0][0]), who=rows[0][1], read_only=bool(rows[0][2]), until_ms=rows[0][3]) if rows else None
    )


def add(db: Connection, session: Session, session_hash: bytes) -> None:
    """Keep a session."""
    db.rows(
        "INSERT INTO sessions (session_hash, id, role, who, read_only, created_ms, until_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(session_hash, session.id, session.role.value, session.who),
            *(int(session.read_only), session.created_ms, session.until_ms),
        ),
    )


def session(db: Connection, session_hash: bytes) -> Session | None:
    """Return a session, also one that is over; None where its account or active operator is not there."""
    rows = db.rows(
        "SELECT s.id, s.role, s.who, s.read_only, s.created_ms, s.until_ms, coalesce(a.name, o.name), a.zone"
        " FROM sessions s LEFT JOIN accounts a ON s.role = 'account' AND a.id = s.who"
        " LEFT JOIN operators o ON s.role = 'operator' AND o.id = s.who AND o.active = 1 WHERE s.session_hash = ?",
        (session_hash,),
    )
    return _session(rows[0]) if rows and rows[0][6] is not None else None


def prolong(db: Connection, session_id: str, until_ms: int) -> None:
    """Let a session last longer."""
    db.rows("UPDATE sessions SET until_ms = ? WHERE id = ?", (until_ms, session_id))


def end(db: Connection, session_hash: bytes) -> None:
    """End a session."""
    db.rows("DELETE FROM sessions WHERE session_hash = ?", (session_hash,))


def forget(db: Connection, now_ms: int) -> None:
    """Remove links and sessions that are over."""
    db.rows("DELETE FROM login_links WHERE until_ms <= ?", (now_ms,))
    db.rows("DELETE FROM sessions WHERE until_ms <= ?", (now_ms,))


def end_all(db: Connection) -> None:
    """Remove every link and session."""
    db.rows("DELETE FROM login_links")
    db.rows("DELETE FROM sessions")


def _session(row: Row) -> Session:
    return Session(
        id=row[0],
        role=Role(row[1]),
        who=row[2],
        read_only=bool(row[3]),
        created_ms=row[4],
        until_ms=row[5],
        name=row[6],
        zone=row[7] or "",
    )
