"""The protocol around the tools: what is offered, how arguments are read, how a failure is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from mcp.server import Server, ServerRequestContext
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from hongshu import __version__
from hongshu.errors import HongshuError, InternalError, StoreError
from hongshu.formats.border import printable
from hongshu.formats.tokens import without_tokens
from hongshu.mcp_server.results import (
    NOTICE,
    AskCompare,
    AskNotes,
    AskPosts,
    AskReport,
    AskTimeline,
    Notes,
    Posts,
    Report,
    Timeline,
    schema,
)
from hongshu.mcp_server.tools import Caller, Tools
from hongshu.models import Word

Who = Callable[[Any], Caller]
"""Says who calls, of an HTTP request; over stdio there is none (None)."""

_INSTRUCTIONS: Final = (
    "Reads notes of creators on Xiaohongshu (小红书, RedNote). list_notes and timeline cost credits of the user's"
    " account, within a cap for this session; the other tools read what is kept and are free. Nothing can be changed. "
    + NOTICE
)
_READ_ONLY: Final = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=True)
_log = structlog.get_logger("hongshu.mcp")


class Offer(NamedTuple):
    """A tool as it is offered."""

    name: str
    title: str
    about: str
    asks: type[Word]
    tells: type[Word]
    run: Callable[[Caller, Any], Awaitable[Word]]


def server(tools: Tools, who: Who) -> Server[Any]:
    """Build the server of some tools; it is run by a transport."""
    offers = {one.name: one for one in _offers(tools)}
    listed = [_listed(one) for one in offers.values()]

    async def list_tools(_: ServerRequestContext[Any, Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(context: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> CallToolResult:
        offer = offers.get(params.name)
        if offer is None:
            return _refused(f"there is no such tool; there are {', '.join(offers)}")
        return await _called(offer, who(context.request), params.arguments or {})

    built: Server[Any] = Server(
        "hongshu",
        title="hongshu 红书",
        version=__version__,
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    built.middleware.append(_nameless)
    return built


async def _nameless(ctx: ServerRequestContext[Any, Any], call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    """Take tokens out of a method's name: of one that is not known, the library tells the name back."""
    return await call_next(replace(ctx, method=without_tokens(ctx.method)))


async def _called(offer: Offer, caller: Caller, arguments: dict[str, Any]) -> CallToolResult:
    try:
        told = await offer.run(caller, msgspec.convert(arguments, offer.asks))
    except msgspec.ValidationError as error:
        return _refused(f"the arguments do not fit: {error}")
    except StoreError as error:
        _log.error("the store failed", tool=offer.name, why=error.message)
        return _refused(InternalError().message)
    except HongshuError as error:
        return _refused(error.message)
    except Exception as error:
        _log.error("a tool failed unexpectedly", tool=offer.name, exc_info=error)
        return _refused("something went wrong inside hongshu; try again, and tell the operator if it stays")
    return CallToolResult(
        content=[TextContent(type="text", text=f"{NOTICE}\n{msgspec.json.encode(told).decode()}")],
        structured_content=msgspec.to_builtins(told),
    )


def _refused(message: str) -> CallToolResult:
    text = printable(without_tokens(message))
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _listed(offer: Offer) -> Tool:
    return Tool(
        name=offer.name,
        title=offer.title,
        description=offer.about,
        input_schema=schema(offer.asks),
        output_schema=schema(offer.tells),
        annotations=_READ_ONLY,
    )


def _offers(tools: Tools) -> Sequence[Offer]:
    return (
        Offer(
            "list_notes",
            "List a creator's notes",
            "One page of a creator's notes, newest first, with counters; next_cursor leads on. Costs credits.",
            AskNotes,
            Notes,
            tools.list_notes,
        ),
        Offer(
            "timeline",
            "A creator's timeline since a date",
            "A creator's notes since a date, page by page; where it is not complete, next_cursor goes on."
            " Costs credits for each page.",
            AskTimeline,
            Timeline,
            tools.timeline,
        ),
        Offer(
            "creator_report",
            "Report about a creator",
            "Findings and figures about a creator with samples, intervals and formulas, from notes that are kept"
            " (list_notes keeps what it shows). Free.",
            AskReport,
            Report,
            tools.creator_report,
        ),
        Offer(
            "compare",
            "Compare creators",
            "Findings and figures about two to ten creators side by side, from notes that are kept. Free.",
            AskCompare,
            Report,
            tools.compare,
        ),
        Offer(
            "new_posts",
            "New posts of a group",
            "What the creators of a group published, newest first, as far as they are watched or collected. Free.",
            AskPosts,
            Posts,
            tools.new_posts,
        ),
    )
