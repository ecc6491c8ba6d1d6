"""The settings of what stands beside the endpoint: workers, assistants, traces."""

from __future__ import annotations

from typing import Annotated

from hongshu.config.part import BILLION, Part, said
from hongshu.config.rules import domains_fault, public_url_fault


class WorkerConfig(Part, frozen=True, kw_only=True):
    """`[worker]`."""

    concurrency: Annotated[
        int,
        said(
            "Chunks of batches, and of looks, that a worker has in hand at once; a chunk is up to 40 creators.",
            "每个 worker 同时处理的批次分块数和监测分块数；每个分块最多 40 位创作者。",
            ge=1,
            le=64,
        ),
    ] = 4


class McpConfig(Part, frozen=True, kw_only=True):
    """`[mcp]`."""

    http: Annotated[
        bool,
        said(
            "Whether assistants may call tools over HTTP at /mcp, with a token; `hongshu mcp` serves them over stdio.",
            "是否允许 AI 助手凭令牌通过 HTTP 在 /mcp 调用工具；`hongshu mcp` 通过 stdio 提供。",
        ),
    ] = False
    session_credits: Annotated[
        int,
        said(
            "Credits that a session of an assistant may spend; over HTTP a token's day (UTC) is a session.",
            "AI 助手每个会话最多花费的额度；通过 HTTP 时，一个令牌的一天（UTC）为一个会话。",
            ge=0,
            le=BILLION,
        ),
    ] = 1000
    hosts: Annotated[
        tuple[str, ...],
        said(
            "Names under which assistants may call /mcp beside this machine's, `host` and `public_url`.",
            "除本机、`host` 与 `public_url` 外，AI 助手可用来访问 /mcp 的主机名。",
            rule=domains_fault,
        ),
    ] = ()


class OtelConfig(Part, frozen=True, kw_only=True):
    """`[otel]`."""

    endpoint: Annotated[
        str,
        said(
            "Address of a collector that takes OpenTelemetry traces by OTLP over HTTP; empty sends none.",
            "通过 OTLP/HTTP 接收 OpenTelemetry 追踪数据的地址；留空则不发送。",
            rule=public_url_fault,
        ),
    ] = ""
    sample: Annotated[
        float,
        said(
            "Share of calls that are traced, where the caller does not decide.",
            "追踪的调用比例（调用方未指定时）。",
            ge=0,
            le=1,
        ),
    ] = 1.0
