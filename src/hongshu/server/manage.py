"""Operators' JSON routes under `/manage`: the same verbs and words as the command line, with real HTTP statuses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hongshu.engine.money import telling, usage
from hongshu.engine.money.accounting import Allowance, expiry_ms
from hongshu.engine.money.decision import SCOPES
from hongshu.engine.money.telling import ENTRY_COLUMNS, FORMATS, csv_line, entry_line
from hongshu.errors import ConflictError, HongshuError, InvalidTokenError, NotKnownError, StoreError, UsageError
from hongshu.formats import tokens
from hongshu.models import Word
from hongshu.server.edge import INCOMING, LARGEST_BODY
from hongshu.service import Ledger

T = TypeVar("T")
Run = Callable[[Callable[[Ledger], Any]], Awaitable[Any]]
"""Do something with the money side, off the event loop."""

Act = Callable[[Request], Awaitable[Response]]

PREFIX: Final = "/manage"

_PRIVATE: Final = {"cache-control": "private, no-store"}
_ENTRIES: Final = 100


class NewAccount(Word, forbid_unknown_fields=True):
    """Body of `POST /manage/accounts`."""

    name: str
    balance: int = 0
    zone: str = "Asia/Shanghai"
    low_balance: int = 0


class Amount(Word, forbid_unknown_fields=True):
    """Body of a top-up or an adjustment; `reference` says what stands behind it."""

    amount: int
    reference: str


class Zone(Word, forbid_unknown_fields=True):
    """Body of a change of zone."""

    zone: str


class LowBalance(Word, forbid_unknown_fields=True):
    """Body of a change of the threshold, in credits."""

    low_balance: int


class NewToken(Word, forbid_unknown_fields=True):
    """Body of `POST /manage/tokens`; what is absent is taken from `[limits]`."""

    account: str
    name: str = ""
    scopes: tuple[str, ...] = SCOPES
    rate_per_minute: int | None = None
    burst: int | None = None
    daily_quota: int | None = None
    expires: str | None = None
    networks: tuple[str, ...] = ()


class Rotation(Word, forbid_unknown_fields=True):
    """Body of a rotation: seconds for which the present secret still works."""

    grace: int = 0


class Limited(Word):
    """What a new token gets where its maker does not say."""

    rate_per_minute: int
    burst: int
    daily_quota: int


class Manage:
    """Answers operators. Every route asks for an operator's token; there is none without."""

    def __init__(self, limits: Limited, run: Run) -> None:
        self._limits = limits
        self._run = run

    def routes(self) -> list[Route]:
        """Return the routes."""
        told: tuple[tuple[str, str, Act], ...] = (
            ("GET", "/manage/accounts", self.accounts),
            ("POST", "/manage/accounts", self.open_account),
            ("GET", "/manage/accounts/{account}", self.account),
            ("POST", "/manage/accounts/{account}/topup", self.top_up),
            ("POST", "/manage/accounts/{account}/adjust", self.adjust),
            ("POST", "/manage/accounts/{account}/suspend", self.suspend),
            ("POST", "/manage/accounts/{account}/resume", self.resume),
            ("POST", "/manage/accounts/{account}/zone", self.set_zone),
            ("POST", "/manage/accounts/{account}/low-balance", self.set_low_balance),
            ("GET", "/manage/tokens", self.tokens),
            ("POST", "/manage/tokens", self.issue_token),
            ("GET", "/manage/tokens/{token}", self.token),
            ("POST", "/manage/tokens/{token}/revoke", self.revoke_token),
            ("POST", "/manage/tokens/{token}/rotate", self.rotate_token),
            ("GET", "/manage/ledger", self.ledger),
            ("GET", "/manage/ledger/export", self.export),
            ("GET", "/manage/ledger/verify", self.verify),
            ("GET", "/manage/ledger/orphans", self.orphans),
            ("POST", "/manage/ledger/{entry}/refund", self.refund),
            ("GET", "/manage/usage", self.usage),
        )
        by_path: dict[str, dict[str, Act]] = {}
        for method, path, act in told:
            by_path.setdefault(path, {})[method] = act
        return [Route(path, self._operated(acts), methods=list(acts)) for path, acts in by_path.items()]

    async def accounts(self, _: Request) -> Response:
        """List the accounts."""
        return _json([telling.account_words(one) for one in await self._run(lambda desk: desk.accounting.accounts())])

    async def account(self, request: Request) -> Response:
        """Show an account."""
        name = request.path_params["account"]
        return _json(telling.account_words(await self._run(lambda desk: desk.accounting.account(name))))

    async def open_account(self, request: Request) -> Response:
        """Open an account."""
        body = await _body(request, NewAccount)
        opened = await self._run(
            lambda desk: desk.accounting.open_account(
                body.name, balance=body.balance, zone=body.zone, low_balance=body.low_balance
            )
        )
        return _json(telling.account_words(opened), status=201)

    async def top_up(self, request: Request) -> Response:
        """Add credits to an account."""
        name, body = request.path_params["account"], await _body(request, Amount)
        topped = await self._run(lambda desk: desk.accounting.top_up(name, body.amount, body.reference))
        return _json(telling.account_words(topped))

    async def adjust(self, request: Request) -> Response:
        """Add or take credits."""
        name, body = request.path_params["account"], await _body(request, Amount)
        adjusted = await self._run(lambda desk: desk.accounting.adjust(name, body.amount, body.reference))
        return _json(telling.account_words(adjusted))

    async def suspend(self, request: Request) -> Response:
        """Refuse every call of an account."""
        return await self._set_active(request, active=False)

    async def resume(self, request: Request) -> Response:
        """Let a suspended account call again."""
        return await self._set_active(request, active=True)

    async def set_zone(self, request: Request) -> Response:
        """Change the zone of an account's quota day."""
        name, body = request.path_params["account"], await _body(request, Zone)
        return _json(telling.account_words(await self._run(lambda desk: desk.accounting.set_zone(name, body.zone))))

    async def set_low_balance(self, request: Request) -> Response:
        """Change the threshold below which an account is told as low."""
        name, body = request.path_params["account"], await _body(request, LowBalance)
        changed = await self._run(lambda desk: desk.accounting.set_low_balance(name, body.low_balance))
        return _json(telling.account_words(changed))

    async def tokens(self, request: Request) -> Response:
        """List tokens, without their secrets."""
        account = request.query_params.get("account")
        return _json(
            [telling.token_words(one) for one in await self._run(lambda desk: desk.accounting.tokens(account))]
        )

    async def token(self, request: Request) -> Response:
        """Show a token, without its secret."""
        token = request.path_params["token"]
        return _json(telling.token_words(await self._run(lambda desk: desk.accounting.token(token))))

    async def issue_token(self, request: Request) -> Response:
        """Make a token; the only answer that holds its secret."""
        body = await _body(request, NewToken)
        limits = self._limits
        allowance = Allowance(
            rate_per_minute=limits.rate_per_minute if body.rate_per_minute is None else body.rate_per_minute,
            burst=limits.burst if body.burst is None else body.burst,
            daily_quota=limits.daily_quota if body.daily_quota is None else body.daily_quota,
            scopes=body.scopes,
            expires_ms=expiry_ms(body.expires) if body.expires else None,
            networks=body.networks,
        )
        issued, secret = await self._run(lambda desk: desk.accounting.issue_token(body.account, body.name, allowance))
        return _json(telling.token_words(issued, secret), status=201)

    async def revoke_token(self, request: Request) -> Response:
        """Switch a token off for good."""
        token = request.path_params["token"]
        return _json(telling.token_words(await self._run(lambda desk: desk.accounting.revoke_token(token))))

    async def rotate_token(self, request: Request) -> Response:
        """Give a token another secret; the only answer that holds it."""
        token, body = request.path_params["token"], await _body(request, Rotation)
        rotated, secret = await self._run(lambda desk: desk.accounting.rotate_token(token, body.grace))
        return _json(telling.token_words(rotated, secret))

    async def ledger(self, request: Request) -> Response:
        """Show the newest ledger entries."""
        account, limit = request.query_params.get("account"), _number(request, "limit", _ENTRIES)
        entries = await self._run(lambda desk: desk.accounting.newest_entries(account, limit))
        return _json([telling.entry_words(one) for one in entries])

    async def export(self, request: Request) -> Response:
        """Stream the ledger as CSV or JSON lines."""
        account, form = request.query_params.get("account"), request.query_params.get("format", "jsonl")
        if form not in FORMATS:
            raise UsageError(f"the format is {' or '.join(FORMATS)}")
        owners = await self._run(
            lambda desk: [desk.accounting.account(account)] if account else desk.accounting.accounts()
        )
        kind = "text/csv; charset=utf-8" if form == "csv" else "application/jsonl"
        lines = self._exported([one.id for one in owners], form)
        return StreamingResponse(lines, media_type=kind, headers=_PRIVATE)

    async def _exported(self, account_ids: Sequence[str], form: str) -> AsyncIterator[str]:
        if form == "csv":
            yield csv_line(ENTRY_COLUMNS)
        for account_id in account_ids:
            number = 0
            while entries := await self._run(lambda desk: desk.accounting.entries_after(account_id, number)):  # noqa: B023 - called at once
                yield "".join(entry_line(one, form) for one in entries)
                number = entries[-1].number

    async def verify(self, _: Request) -> Response:
        """Prove the ledger; 200 also where differences were found."""
        return _json(telling.verified_words(await self._run(lambda desk: desk.verify())))

    async def orphans(self, _: Request) -> Response:
        """List charges whose answers were never handed over."""
        return _json([telling.orphan_words(one) for one in await self._run(lambda desk: desk.accounting.orphans())])

    async def refund(self, request: Request) -> Response:
        """Give back what a charge took."""
        entry = request.path_params["entry"]
        return _json(telling.entry_words(await self._run(lambda desk: desk.accounting.refund(entry))), status=201)

    async def usage(self, request: Request) -> Response:
        """Show what was called and what it cost."""
        asked = request.query_params
        account, by, since = asked.get("account"), asked.get("by", "day"), asked.get("since")
        lines = await self._run(lambda desk: usage.report(desk.database, account, by, since))
        return _json([telling.usage_words(one, by) for one in lines])

    async def _set_active(self, request: Request, *, active: bool) -> Response:
        name = request.path_params["account"]
        return _json(
            telling.account_words(await self._run(lambda desk: desk.accounting.set_active(name, active=active)))
        )

    def _operated(self, acts: Mapping[str, Act]) -> Act:
        async def answer(request: Request) -> Response:
            try:
                secret = request.scope[INCOMING].token
                await self._run(lambda desk: desk.accounting.operator_of(secret))
                return await acts["GET" if request.method == "HEAD" else request.method](request)
            except InvalidTokenError:
                return _refused(401, "an operator's token is needed, as 'Authorization: Bearer hso_…'")
            except NotKnownError as error:
                return _refused(404, error.message)
            except ConflictError as error:
                return _refused(409, error.message)
            except StoreError:
                return _refused(503, "the store cannot be used; see the server's log, then try again")
            except HongshuError as error:
                return _refused(400, error.message)

        return answer


async def _body(request: Request, form: type[T]) -> T:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > LARGEST_BODY:
            raise UsageError("the request's body is too large")
    try:
        return msgspec.json.decode(raw or b"{}", type=form)
    except msgspec.ValidationError as error:
        raise UsageError(f"the request's body is not as it should be: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("the request's body is not JSON") from None


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name, str(default))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= 1_000_000:
        raise UsageError(f"{name} is a whole number from 1 to 1000000")
    return int(given)


def _json(words: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(words), status_code=status, media_type="application/json", headers=_PRIVATE)


def unrouted(error: HTTPException) -> Response:
    """Answer what no route takes, in the words of these routes."""
    if error.status_code == 405:
        return _refused(405, f"this address takes {(error.headers or {}).get('Allow', '')} only", error.headers)
    return _refused(error.status_code, "there is nothing at this address; docs/reference/manage.md lists what there is")


def _refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    headers = {"www-authenticate": 'Bearer realm="hongshu operators"'} if status == 401 else headers or {}
    body = msgspec.json.encode({"error": tokens.without_tokens(why)})
    return Response(body, status_code=status, media_type="application/json", headers={**_PRIVATE, **headers})
