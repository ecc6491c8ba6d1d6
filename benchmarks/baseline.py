"""The same job as a competent user would write it: FastAPI, SQLAlchemy, pydantic; a charge and a commit per call.

The endpoint is `async def` and calls SQLAlchemy in place: on one worker that answered twice as many calls as a plain
`def` in FastAPI's thread pool, with or without a lock around the charge. `baseline.py PORT FOLDER` serves what
`prepare` put into the folder.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hosting import host
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, ForeignKey, Index, create_engine, event, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

PATH = "/api/xiaohongshu/get-user-note-list/v4"
PRICE = 10
PAGE_SIZE = 20
FILE = "baseline.db"


class Base(DeclarativeBase):
    """The tables."""


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Token(Base):
    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str] = mapped_column(unique=True)
    active: Mapped[bool]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    account: Mapped[Account] = relationship(lazy="joined")


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = (Index("notes_by_creator", "creator_id", "create_time"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    creator_id: Mapped[str]
    create_time: Mapped[int]
    last_update_time: Mapped[int]
    type: Mapped[str]
    title: Mapped[str]
    display_title: Mapped[str]
    desc: Mapped[str]
    time_desc: Mapped[str]
    cursor: Mapped[str]
    level: Mapped[int]
    price: Mapped[int]
    likes: Mapped[int]
    nice_count: Mapped[int]
    collected_count: Mapped[int]
    comments_count: Mapped[int]
    share_count: Mapped[int]
    view_count: Mapped[int]
    sticky: Mapped[bool]
    has_music: Mapped[bool]
    is_goods_note: Mapped[bool]
    infavs: Mapped[bool]
    niced: Mapped[bool]
    inlikes: Mapped[bool]
    simulated: Mapped[bool]
    widgets_context: Mapped[str]
    images_list: Mapped[list[Any]] = mapped_column(JSON)
    user: Mapped[dict[str, Any]] = mapped_column(JSON)
    recommend: Mapped[dict[str, Any]] = mapped_column(JSON)
    advanced_widgets_groups: Mapped[dict[str, Any]] = mapped_column(JSON)
    ats: Mapped[list[Any]] = mapped_column(JSON)
    video_info_v2: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class LedgerRow(Base):
    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    amount: Mapped[int]
    balance_after: Mapped[int]
    request_id: Mapped[str] = mapped_column(unique=True)
    at: Mapped[datetime]


class CallRow(Base):
    __tablename__ = "calls"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(unique=True)
    token_id: Mapped[int]
    code: Mapped[int]
    amount: Mapped[int]
    at: Mapped[datetime]


class Image(BaseModel):
    height: int
    width: int
    url: str
    url_size_large: str
    original: str
    trace_id: str
    fileid: str


class User(BaseModel):
    nickname: str
    images: str
    red_official_verify_type: int
    userid: str
    followed: bool
    fstatus: str


class Recommend(BaseModel):
    type: str
    desc: str
    icon: str
    target_id: str
    target_name: str
    track_id: str


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    last_update_time: int
    nice_count: int
    sticky: bool
    time_desc: str
    id: str
    title: str
    images_list: list[Image]
    level: int
    comments_count: int
    create_time: int
    likes: int
    has_music: bool
    collected_count: int
    infavs: bool
    niced: bool
    cursor: str
    widgets_context: str
    view_count: int
    is_goods_note: bool
    user: User
    recommend: Recommend
    advanced_widgets_groups: dict[str, Any]
    desc: str
    inlikes: bool
    price: int
    share_count: int
    ats: list[Any]
    display_title: str
    type: str
    simulated: bool
    video_info_v2: dict[str, Any] | None = None


class Data(BaseModel):
    notes: list[NoteOut]
    tags: list[Any] = []
    has_more: bool


class Answer(BaseModel):
    code: int = 0
    message: str | None = None
    recordTime: datetime  # noqa: N815 - the contract's name
    requestId: str  # noqa: N815 - the contract's name
    data: Data


class RefusedError(Exception):
    """A business code other than 0."""

    def __init__(self, code: int, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class Shop:
    """The database, and what a call does to it."""

    def __init__(self, folder: Path) -> None:
        engine = create_engine(f"sqlite:///{folder / FILE}", connect_args={"timeout": 30})
        event.listen(engine, "connect", _configure)
        self.sessions = sessionmaker(engine, expire_on_commit=False)

    def token(self, session: Session, secret: str) -> Token:
        """Look the token up with its account."""
        token = session.scalar(select(Token).where(Token.secret_hash == hashed(secret)))
        if token is None or not token.active:
            raise RefusedError(100, 401)
        if token.account.balance < PRICE:
            raise RefusedError(601, 403)
        return token

    def page(self, session: Session, creator: str) -> Sequence[Note]:
        """Read one note more than a page holds."""
        wanted = select(Note).where(Note.creator_id == creator).order_by(Note.create_time.desc())
        return session.scalars(wanted.limit(PAGE_SIZE + 1)).all()

    def charge(self, session: Session, token: Token, request_id: str) -> None:
        """Take the price where the balance still allows it, and write ledger and log; one commit."""
        now = datetime.now(UTC)
        taken = update(Account).where(Account.id == token.account_id, Account.balance >= PRICE)
        balance = session.scalar(
            taken.values(balance=Account.balance - PRICE).returning(Account.balance),
            execution_options={"synchronize_session": False},
        )
        if balance is None:
            raise RefusedError(601, 403)
        account = token.account_id
        session.add(LedgerRow(account_id=account, amount=-PRICE, balance_after=balance, request_id=request_id, at=now))
        session.add(CallRow(request_id=request_id, token_id=token.id, code=0, amount=PRICE, at=now))
        session.commit()


def application(folder: Path) -> FastAPI:
    """Build the application inside the worker."""
    app = FastAPI()
    shop = Shop(folder)

    @app.get(PATH)
    async def user_notes(token: str, userId: str) -> Answer:  # noqa: N803 - the contract's name
        request_id = f"req_{secrets.token_hex(12)}"
        with shop.sessions() as session:
            known = shop.token(session, token)
            rows = shop.page(session, userId)
            shop.charge(session, known, request_id)
        notes = [NoteOut.model_validate(row) for row in rows[:PAGE_SIZE]]
        data = Data(notes=notes, has_more=len(rows) > PAGE_SIZE)
        return Answer(recordTime=datetime.now(UTC), requestId=request_id, data=data)

    @app.exception_handler(RefusedError)
    def refuse(_: Request, error: RefusedError) -> JSONResponse:
        return JSONResponse({"code": error.code, "data": None}, status_code=error.status)

    return app


def prepare(folder: Path, secret: str, balance: int, creator: str, notes: Sequence[Mapping[str, Any]]) -> None:
    """Make the database: one account, its token, and the notes of one creator."""
    shop = Shop(folder)
    with shop.sessions.begin() as session:
        Base.metadata.create_all(session.connection())
        account = Account(id=1, balance=balance)
        session.add_all([account, Token(secret_hash=hashed(secret), active=True, account=account)])
        session.add_all(Note(creator_id=creator, **note) for note in notes)


class Books:
    """The money of a folder that was prepared."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def balance(self) -> int:
        """Return the credits of the one account."""
        with Shop(self._folder).sessions() as session:
            return session.scalars(select(Account.balance)).one()

    def verify(self) -> None:
        """See that the ledger adds up to the balance, and the call log to the ledger."""
        with Shop(self._folder).sessions() as session:
            entered = session.scalar(select(func.coalesce(func.sum(LedgerRow.amount), 0)))
            logged = session.scalar(select(func.coalesce(func.sum(CallRow.amount), 0))) or 0
            lowest = session.scalar(select(func.min(LedgerRow.balance_after)))
            if entered != -logged or (lowest is not None and lowest != self.balance()):
                raise RuntimeError("the baseline's books do not add up")


def hashed(secret: str) -> str:
    """Return the form in which a token is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _configure(connection: Any, _: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


if __name__ == "__main__":
    host(partial(application, Path(sys.argv[2])), int(sys.argv[1]))
