"""The two ways to the tools: standard input and output of a process, and HTTP."""

from __future__ import annotations

from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from hongshu.mcp_server.building import Who, server
from hongshu.mcp_server.tools import Tools


async def over_stdio(tools: Tools, who: Who) -> None:
    """Answer what comes on standard input, one message a line, until it ends."""
    talks = server(tools, who)
    async with stdio_server() as (reading, writing):
        await talks.run(reading, writing, talks.create_initialization_options())


def over_http(tools: Tools, who: Who, largest_body: int) -> StreamableHTTPSessionManager:
    """Return what answers HTTP requests, each for itself: any process may answer any of them.

    Host and Origin are the caller's to check: this library takes a Host that only begins like an allowed one.
    """
    return StreamableHTTPSessionManager(
        server(tools, who),
        json_response=True,
        stateless=True,
        max_request_body_size=largest_body,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
