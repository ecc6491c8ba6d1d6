"""`GET /docs`: the endpoint for people, in English and 中文, with this server's own address, limits and prices."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hongshu.config import Config
from hongshu.formats.v4 import V4_PATH
from hongshu.server.answers import ALWAYS_200
from hongshu.server.console.console import LANG_COOKIE, THEME_COOKIE, THEMES
from hongshu.server.console.forms import LANGUAGES, cookies, language
from hongshu.server.console.pages import HEADERS, environment
from hongshu.server.docs import DOCUMENT_PATHS, Lang, document
from hongshu.server.documentation import contract, words
from hongshu.server.documentation.prompt import prompt
from hongshu.server.documentation.samples import CREATOR, sample_answer, samples

PATH: Final = "/docs"

_COOKIES: Final = {LANG_COOKIE: 2, THEME_COOKIE: 5}
_PACKAGE: Final = "hongshu.server.documentation"


class Documentation:
    """Answers `/docs`; everybody may read it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def routes(self) -> list[Route]:
        """Return the route, for GET and HEAD."""
        return [Route(PATH, self.answer)]

    async def answer(self, request: Request) -> Response:
        """Return the page in the language of `?lang=`, of the console, or of the browser."""
        kept = cookies(request, _COOKIES)
        asked = request.query_params.get("lang", "")[:2]
        chosen = asked if asked in LANGUAGES else kept.get(LANG_COOKIE)
        lang = cast("Lang", language(chosen, request.headers.get("accept-language", "")))
        address = (self._config.server.public_url or str(request.base_url)).rstrip("/")
        theme = kept.get(THEME_COOKIE, "")
        page = environment(lang, _PACKAGE, words.say).get_template("docs.html")
        text = page.render({**self._words(lang, address), "theme": theme if theme in THEMES else "auto"})
        return Response(text, 200, HEADERS, "text/html; charset=utf-8")

    def _words(self, lang: Lang, address: str) -> dict[str, Any]:
        mode = self._config.server.http_status
        told = msgspec.json.decode(document(lang, mode, address))
        values = self._values(address)
        query, codes = contract.parameters(told, "query"), contract.codes(mode)
        [openapi] = [address + path for path, its in DOCUMENT_PATHS.items() if its == lang]
        return {
            "openapi": told,
            "address": address,
            "endpoint": V4_PATH,
            "path": PATH,
            "query": query,
            "headers_in": contract.parameters(told, "header"),
            "headers_out": contract.headers_out(told),
            "codes": codes,
            "mode": words.ALWAYS_200 if mode == ALWAYS_200 else words.MAPPED,
            "fields": contract.fields(told),
            "answer": msgspec.json.format(sample_answer(), indent=2).decode(),
            "cursor": msgspec.json.decode(sample_answer())["data"]["notes"][-1]["cursor"],
            "creator": CREATOR,
            "rules": words.RULES,
            "values": values,
            "samples": samples(address),
            "prompt": prompt(lang, query, codes, values, openapi),
            "documents": {its: path for path, its in DOCUMENT_PATHS.items()},
        }

    def _values(self, address: str) -> dict[str, object]:
        """Return what holds at this installation, as it is put into sentences."""
        config = self._config
        return {
            "address": address,
            "page_size": config.cache.page_size,
            "max_age": config.cache.max_age,
            "deadline": f"{config.fetch.deadline:g}",
            "price": f"{config.metering.price:,}",
            "cached_price": f"{config.metering.cached_price:,}",
            "rate_per_minute": f"{config.limits.rate_per_minute:,}",
            "burst": f"{config.limits.burst:,}",
            "daily_quota": f"{config.limits.daily_quota:,}",
        }
