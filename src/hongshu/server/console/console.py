"""Opens the doors: says who comes, asks each door's rule, checks where forms come from, and answers with pages."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path

from hongshu.errors import ConflictError, HongshuError, NotKnownError, OverloadedError, StoreError
from hongshu.formats.tokens import without_tokens
from hongshu.secret import Secret
from hongshu.server.console.base import PREFIX, Answer, Door, Go, Page, Room, Visit
from hongshu.server.console.forms import Form, cookies, language, read_form, storable
from hongshu.server.console.pages import HEADERS, STATIC, rendered, static
from hongshu.server.console.queries import address
from hongshu.server.console.rules import Refusal, Rule, refusal
from hongshu.server.console.words.told import in_chinese
from hongshu.server.operators import Run

COOKIE: Final = "hongshu_session"
LANG_COOKIE: Final = "hongshu_lang"
THEME_COOKIE: Final = "hongshu_theme"
FORM_KEY: Final = "form_key"
THEMES: Final = ("auto", "light", "dark")
YEAR_SECONDS: Final = 31_536_000

_COOKIES: Final = {COOKIE: 64, LANG_COOKIE: 2, THEME_COOKIE: 5}
_STATUSES: Final = {Refusal.SIGN_IN: 401, Refusal.OPERATORS_ONLY: 403, Refusal.READ_ONLY: 403}
_TOO_OLD: Final = "the page was too old; load it again and repeat what you did"
_FROM_ELSEWHERE: Final = (
    "the form came from another address than this server knows as its own; behind a proxy, set [server] public_url"
    " to the address that browsers show, and restart"
)
_log = structlog.get_logger("hongshu.console")


class Console:
    """Answers everything below `/console`."""

    def __init__(self, rooms: Sequence[Room], run: Run, public_url: str) -> None:
        self._doors = [door for room in rooms for door in room.doors()]
        self._run = run
        self._public_url = public_url
        self._pages = [compile_path(door.path)[0] for door in self._doors if door.method == "GET"]

    @property
    def doors(self) -> Sequence[Door]:
        """Return every door, for whoever checks their rules."""
        return self._doors

    def routes(self) -> list[Route]:
        """Return a route for each path, and one for the files that pages load."""
        by_path: dict[str, dict[str, Door]] = {}
        for door in self._doors:
            by_path.setdefault(door.path, {})[door.method] = door
        return [
            Route(f"{PREFIX}/static/{{name}}", self._static),
            *(Route(PREFIX + path, self._opened(doors), methods=list(doors)) for path, doors in by_path.items()),
        ]

    async def missing(self, request: Request, status: int) -> Response:
        """Answer where no door is."""
        met = await self._met(request, reads=False)
        return met if isinstance(met, Response) else self._page(request, met, Page("missing.html", {}, status))

    def _opened(self, doors: dict[str, Door]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            door = doors["GET" if request.method == "HEAD" else request.method]
            met = await self._met(request, reads=door.method == "POST")
            return met if isinstance(met, Response) else await self._answer(request, door, met)

        return answer

    async def _met(self, request: Request, *, reads: bool) -> Visit | Response:
        """Return who comes and what for, reading a form; where that cannot be known, an answer that says so."""
        try:
            return await self._visit(request, await read_form(request) if reads else Form([]))
        except StoreError as error:
            _log.error("the store failed", why=error.message)
            return _bare(request, 503, "the store cannot be used; see the server's log")
        except HongshuError as error:
            return _bare(request, 400, error.message)

    async def _answer(self, request: Request, door: Door, visit: Visit) -> Response:
        refused = refusal(door.rule, visit.session)
        if refused is not None:
            return self._refused(request, visit, refused)
        if door.method == "POST" and not self._is_from_here(request):
            return self._failed(request, visit, 403, _FROM_ELSEWHERE)
        if door.method == "POST" and not _has_key(request, door, visit):
            return self._failed(request, visit, 403, _TOO_OLD)
        try:
            answer = await door.act(visit)
        except HongshuError as error:
            return self._failed(request, visit, *_told(error))
        return self._sent(request, visit, answer)

    def _sent(self, request: Request, visit: Visit, answer: Answer) -> Response:
        if isinstance(answer, Page):
            return self._page(request, visit, answer)
        if isinstance(answer, Go):
            to = f"{PREFIX}{answer.to}" + (
                f"{'&' if '?' in answer.to else '?'}done={answer.done}" if answer.done else ""
            )
            if _is_part(request):
                return Response(status_code=204, headers={**HEADERS, "HX-Redirect": to})
            return Response(status_code=303, headers={**HEADERS, "location": to})
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    def _refused(self, request: Request, visit: Visit, refused: Refusal) -> Response:
        page = Page("refused.html", {"refused": refused.value}, _STATUSES[refused])
        return self._page(request, visit, page)

    def _failed(self, request: Request, visit: Visit, status: int, why: str) -> Response:
        return self._page(request, visit, Page("failed.html", {"why": without_tokens(why)}, status))

    def _page(self, request: Request, visit: Visit, page: Page) -> Response:
        about: dict[str, Any] = {
            "session": visit.session,
            "operates": visit.session is not None and visit.own is None,
            "may_act": visit.session is not None and not visit.session.read_only,
            "form_key": request.state.form_key,
            "path": request.url.path.removeprefix(PREFIX),
            "back_to": self._back(request, visit),
            "query": dict(visit.query),
            "done": visit.query.get("done", ""),
            "theme": cookies(request, _COOKIES).get(THEME_COOKIE, "auto"),
            **_part_words(request),
        }
        headers = dict(HEADERS)
        if _is_part(request) and request.method == "POST" and page.status < 400:
            headers |= {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML show:top"}
        if _is_part(request) and request.method == "GET" and page.status == 401:
            headers["HX-Redirect"] = f"{PREFIX}/sign-in"
        return Response(rendered(page, visit.lang, about), page.status, headers, "text/html; charset=utf-8")

    def _back(self, request: Request, visit: Visit) -> str:
        """Return where the forms below a page lead back to: the page, or the nearest above what a form was sent to."""
        path = request.url.path.removeprefix(PREFIX)
        if request.method != "POST":
            return address(quote(path), visit.query).removeprefix(PREFIX)
        while path and not any(page.fullmatch(path) for page in self._pages):
            path = path.rpartition("/")[0]
        return quote(path)

    async def _visit(self, request: Request, form: Form) -> Visit:
        secret = cookies(request, _COOKIES).get(COOKIE, "")
        session, key = await self._run(lambda desk: (desk.signing.session(secret), desk.signing.form_key(secret)))
        request.state.form_key = key if session else ""
        return Visit(
            session=session,
            lang=_language(request),
            address=(self._public_url or str(request.base_url)).rstrip("/"),
            client=request.client.host if request.client else "",
            path={name: storable(str(value)) for name, value in request.path_params.items()},
            query={storable(name): storable(value) for name, value in request.query_params.items()},
            form=form,
            secret=Secret(secret),
        )

    def _is_from_here(self, request: Request) -> bool:
        """Say whether a form was sent from a page of this console, as far as browsers tell; other programs do not."""
        here = {request.headers.get("host", "").lower(), _place(self._public_url)} - {""}
        origin = request.headers.get("origin")
        if origin is not None and _place(origin) not in here:
            return False
        return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}

    async def _static(self, request: Request) -> Response:
        if request.path_params["name"] not in STATIC:
            return Response("there is no such file", 404, HEADERS, "text/plain")
        found = static(request.path_params["name"])
        headers = {**HEADERS, "cache-control": f"public, max-age={YEAR_SECONDS}, immutable"}
        return Response(found.body, 200, headers, found.media_type)


def _place(url: str) -> str:
    """Return the host and port of an address as the header `Host` tells them; nothing for what is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ":"))


def _has_key(request: Request, door: Door, visit: Visit) -> bool:
    """Say whether a form carries the key of the session; where there is none, some doors take one without."""
    if door.rule is Rule.ANYONE and visit.session is None:
        return True
    given = " ".join(visit.form.texts(FORM_KEY))
    return hmac.compare_digest(given.encode(), request.state.form_key.encode() or b"-")


def _bare(request: Request, status: int, why: str) -> Response:
    """Answer with a sentence alone: without a session there is no page to say it on."""
    if _is_part(request):
        part = rendered(Page("failed.html", {"why": why}), _language(request), _part_words(request))
        return Response(part, status, HEADERS, "text/html; charset=utf-8")
    return Response(in_chinese(why) if _language(request) == "zh" else why, status, HEADERS, "text/plain")


def _language(request: Request) -> str:
    return language(cookies(request, _COOKIES).get(LANG_COOKIE), request.headers.get("accept-language", ""))


def _told(error: HongshuError) -> tuple[int, str]:
    """Return the status and the sentence of an error."""
    if isinstance(error, StoreError):
        _log.error("the store failed", why=error.message)
        return 503, "the store cannot be used; see the server's log, then try again"
    statuses = {NotKnownError: 404, ConflictError: 409, OverloadedError: 503}
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 400), error.message


def _is_part(request: Request) -> bool:
    """Say whether the page's script asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def _part_words(request: Request) -> dict[str, bool]:
    """Return whether a part is asked for, and whether it takes the place of what a filter found."""
    return {"is_part": _is_part(request), "finds": request.headers.get("hx-target") == "found"}
