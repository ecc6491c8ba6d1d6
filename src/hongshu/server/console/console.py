"""Opens the doors: says who comes, asks each door's rule, checks where forms come from, and answers with pages."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hongshu.errors import ConflictError, HongshuError, NotKnownError, StoreError
from hongshu.formats.tokens import without_tokens
from hongshu.server.console.base import PREFIX, Answer, Door, Go, Page, Room, Visit
from hongshu.server.console.forms import Form, cookies, language, read_form
from hongshu.server.console.pages import HEADERS, STATIC, rendered, static
from hongshu.server.console.rules import Refusal, Rule, refusal
from hongshu.server.console.words.told import in_chinese
from hongshu.server.operators import Run
from hongshu.store.sessions import Session

COOKIE: Final = "hongshu_session"
LANG_COOKIE: Final = "hongshu_lang"
THEME_COOKIE: Final = "hongshu_theme"
FORM_KEY: Final = "form_key"
THEMES: Final = ("auto", "light", "dark")

_COOKIES: Final = {COOKIE: 64, LANG_COOKIE: 2, THEME_COOKIE: 5}
_STATUSES: Final = {Refusal.SIGN_IN: 401, Refusal.OPERATORS_ONLY: 403, Refusal.READ_ONLY: 403}
_YEAR_SECONDS: Final = 31_536_000
_log = structlog.get_logger("hongshu.console")


class Console:
    """Answers everything below `/console`."""

    def __init__(self, rooms: Sequence[Room], run: Run, public_url: str) -> None:
        self._doors = [door for room in rooms for door in room.doors()]
        self._run = run
        self._public_url = public_url

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
        session, visit = await self._visit(request, Form([]))
        return self._page(request, visit, session, Page("missing.html", {}, status))

    def _opened(self, doors: dict[str, Door]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            door = doors["GET" if request.method == "HEAD" else request.method]
            try:
                form = await read_form(request) if door.method == "POST" else Form([])
                session, visit = await self._visit(request, form)
            except StoreError as error:
                _log.error("the store failed", why=error.message)
                return _bare(request, 503, "the store cannot be used; see the server's log")
            except HongshuError as error:
                return _bare(request, 400, error.message)
            return await self._answer(request, door, visit, session)

        return answer

    async def _answer(self, request: Request, door: Door, visit: Visit, session: Session | None) -> Response:
        refused = refusal(door.rule, session)
        if refused is not None:
            return self._refused(request, visit, session, refused)
        if door.method == "POST" and not await self._is_from_here(request, door, visit):
            return self._failed(
                request, visit, session, 403, "the page was too old; load it again and repeat what you did"
            )
        try:
            answer = await door.act(visit)
        except HongshuError as error:
            return self._failed(request, visit, session, *_told(error))
        return self._sent(request, visit, session, answer)

    def _sent(self, request: Request, visit: Visit, session: Session | None, answer: Answer) -> Response:
        if isinstance(answer, Page):
            return self._page(request, visit, session, answer)
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

    def _refused(self, request: Request, visit: Visit, session: Session | None, refused: Refusal) -> Response:
        page = Page("refused.html", {"refused": refused.value}, _STATUSES[refused])
        return self._page(request, visit, session, page)

    def _failed(self, request: Request, visit: Visit, session: Session | None, status: int, why: str) -> Response:
        return self._page(request, visit, session, Page("failed.html", {"why": without_tokens(why)}, status))

    def _page(self, request: Request, visit: Visit, session: Session | None, page: Page) -> Response:
        about: dict[str, Any] = {
            "session": session,
            "operates": session is not None and visit.own is None,
            "may_act": session is not None and not session.read_only,
            "form_key": request.state.form_key,
            "path": request.url.path.removeprefix(PREFIX),
            "query": dict(visit.query),
            "done": visit.query.get("done", ""),
            "theme": cookies(request, _COOKIES).get(THEME_COOKIE, "auto"),
            "is_part": _is_part(request),
        }
        headers = dict(HEADERS)
        if _is_part(request) and request.method == "POST" and page.status < 400:
            headers |= {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML show:top"}
        return Response(rendered(page, visit.lang, about), page.status, headers, "text/html; charset=utf-8")

    async def _visit(self, request: Request, form: Form) -> tuple[Session | None, Visit]:
        secret = cookies(request, _COOKIES).get(COOKIE, "")
        session, key = await self._run(lambda desk: (desk.signing.session(secret), desk.signing.form_key(secret)))
        request.state.form_key = key if session else ""
        visit = Visit(
            session=session,
            lang=_language(request),
            address=(self._public_url or str(request.base_url)).rstrip("/"),
            client=request.client.host if request.client else "",
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            form=form,
            secret=secret,
        )
        return session, visit

    async def _is_from_here(self, request: Request, door: Door, visit: Visit) -> bool:
        """Say whether a form was sent from a page of this console, to this visitor."""
        origin = request.headers.get("origin")
        if origin not in {None, "null"} and urlsplit(origin or "").netloc != request.headers.get("host", ""):
            return False
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return False
        if door.rule is Rule.ANYONE and visit.session is None:
            return True
        return hmac.compare_digest(visit.form.text(FORM_KEY).encode(), request.state.form_key.encode() or b"-")

    async def _static(self, request: Request) -> Response:
        if request.path_params["name"] not in STATIC:
            return Response("there is no such file", 404, HEADERS, "text/plain")
        found = static(request.path_params["name"])
        headers = {**HEADERS, "cache-control": f"public, max-age={_YEAR_SECONDS}, immutable"}
        return Response(found.body, 200, headers, found.media_type)


def _bare(request: Request, status: int, why: str) -> Response:
    """Answer with a sentence alone: without a session there is no page to say it on."""
    return Response(in_chinese(why) if _language(request) == "zh" else why, status, HEADERS, "text/plain")


def _language(request: Request) -> str:
    return language(cookies(request, _COOKIES).get(LANG_COOKIE), request.headers.get("accept-language", ""))


def _told(error: HongshuError) -> tuple[int, str]:
    """Return the status and the sentence of an error."""
    if isinstance(error, StoreError):
        _log.error("the store failed", why=error.message)
        return 503, "the store cannot be used; see the server's log, then try again"
    statuses = {NotKnownError: 404, ConflictError: 409}
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 400), error.message


def _is_part(request: Request) -> bool:
    """Say whether the page's script asks for a part of a page."""
    return request.headers.get("hx-request") == "true"
