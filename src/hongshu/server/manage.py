"""Operators' JSON routes under `/manage`: the same verbs and words as the command line, with real HTTP statuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hongshu.config import LimitsConfig
from hongshu.engine.money import telling, usage
from hongshu.engine.money.allowance import Draft
from hongshu.errors import ConflictError, HongshuError, InvalidTokenError, NotKnownError, StoreError, UsageError
from hongshu.formats import tokens
from hongshu.models import Word
from hongshu.server.edge import INCOMING, LARGEST_BODY
from hongshu.server.exporting import checked_format, download, ledger_lines
from hongshu.server.operators import Run, check_operator

T = TypeVar("T")
Act = Callable[[Request], Awaitable[Response]]

PREFIX: Final = "/manage"

_PRIVATE: Final = {"cache-control": "private, no-store"}
_ENTRIES: Final = 100

_log = structlog.get_logger("hongshu.manage")


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


class NewToken(Draft, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /manage/tokens`."""

    account: str
    name: str = ""


class Rotation(Word, forbid_unknown_fields=True):
    """Body of a rotation: seconds for which the present secret still works."""

    grace: int = 0


class Manage:
    """Answers operators. Every route asks for an operator's token; there is none without."""

    def __init__(self, limits: LimitsConfig, run: Run) -> None:
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
        allowance = body.allowance(self._limits)
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
        return _json(
            await self._run(
                lambda desk: telling.entry_rows(desk.accounting, desk.accounting.newest_entries(account, limit))
            )
        )

    async def export(self, request: Request) -> Response:
        """Stream the ledger as CSV or JSON lines."""
        account, form = request.query_params.get("account"), checked_format(request.query_params.get("format", "jsonl"))
        owners = await self._run(
            lambda desk: [desk.accounting.account(account)] if account else desk.accounting.accounts(), window="audits"
        )
        return download(ledger_lines(self._run, [one.id for one in owners], form), form)

    async def verify(self, _: Request) -> Response:
        """Prove the ledger; 200 also where differences were found."""
        return _json(telling.verified_words(await self._run(lambda desk: desk.verify(), window="audits")))

    async def orphans(self, _: Request) -> Response:
        """List charges whose answers are not noted as handed over."""
        return _json(
            await self._run(
                lambda desk: telling.orphan_rows(desk.accounting, desk.accounting.orphans()), window="audits"
            )
        )

    async def refund(self, request: Request) -> Response:
        """Give back what a charge took."""
        entry = request.path_params["entry"]
        [refunded] = await self._run(lambda desk: telling.entry_rows(desk.accounting, [desk.accounting.refund(entry)]))
        return _json(refunded, status=201)

    async def usage(self, request: Request) -> Response:
        """Show what was called and what it cost."""
        asked = request.query_params
        account, by, since = asked.get("account"), asked.get("by", "day"), asked.get("since")
        lines = await self._run(lambda desk: usage.report(desk.database, account, by, since), window="audits")
        return _json([telling.usage_words(one, by) for one in lines])

    async def _set_active(self, request: Request, *, active: bool) -> Response:
        name = request.path_params["account"]
        return _json(
            telling.account_words(await self._run(lambda desk: desk.accounting.set_active(name, active=active)))
        )

    def _operated(self, acts: Mapping[str, Act]) -> Act:
        async def answer(request: Request) -> Response:
            try:
                await check_operator(self._run, request.scope[INCOMING])
                return await acts["GET" if request.method == "HEAD" else request.method](request)
            except InvalidTokenError:
                return _refused(401, "an operator's token is needed, as 'Authorization: Bearer hso_…'")
            except NotKnownError as error:
                return _refused(404, error.message)
            except ConflictError as error:
                return _refused(409, error.message)
            except StoreError as error:
                _log.error("the store failed", why=error.message)
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


async def unrouted(_: Request, error: HTTPException) -> Response:
    """Answer what no route takes, in the words of these routes."""
    if error.status_code == 405:
        return _refused(405, f"this address takes {(error.headers or {}).get('Allow', '')} only", error.headers)
    return _refused(error.status_code, "there is nothing at this address; docs/reference/manage.md lists what there is")


def _refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    headers = {"www-authenticate": 'Bearer realm="hongshu operators"'} if status == 401 else headers or {}
    body = msgspec.json.encode({"error": tokens.without_tokens(why)})
    return Response(body, status_code=status, media_type="application/json", headers={**_PRIVATE, **headers})
