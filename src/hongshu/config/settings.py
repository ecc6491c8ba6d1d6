"""Every setting, defined once: its name, type, bounds, default, and its meaning in English and Chinese."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from hongshu.config.beside import McpConfig, OtelConfig, WorkerConfig
from hongshu.config.channels import ChannelConfig
from hongshu.config.part import BILLION, Part, said
from hongshu.config.retention import RetentionConfig
from hongshu.config.rules import (
    StorePlace,
    domains_fault,
    host_fault,
    milestones_fault,
    networks_fault,
    origins_fault,
    public_url_fault,
    store_fault,
)
from hongshu.config.sources import SourceConfig

TEN_YEARS: Final = 315_360_000


class ServerConfig(Part, frozen=True, kw_only=True):
    """`[server]`."""

    host: Annotated[str, said("Address on which the server listens.", "服务器监听的地址。", rule=host_fault)] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        said(
            "Port on which the server listens; 0 takes a free one.",
            "服务器监听的端口；0 表示任选空闲端口。",
            ge=0,
            le=65535,
        ),
    ] = 8787
    workers: Annotated[
        int, said("Number of server processes that share the store.", "共用同一存储的服务器进程数。", ge=1, le=64)
    ] = 1
    background: Annotated[
        bool,
        said(
            "Whether `hongshu serve` also collects what was ordered, watches, delivers, reports and backs up; false"
            " leaves that to `hongshu worker`.",
            "`hongshu serve` 是否同时执行采集、监测、推送、报告和备份；false 表示全部交给 `hongshu worker`。",
        ),
    ] = True
    http_status: Annotated[
        Literal["always-200", "mapped"],
        said(
            "HTTP status of a business code: always 200, or mapped to 4xx and 5xx.",
            "业务码对应的 HTTP 状态：一律 200，或映射为 4xx 和 5xx。",
        ),
    ] = "always-200"
    cors_origins: Annotated[
        tuple[str, ...],
        said(
            "Web origins whose pages may call the endpoint from a browser.",
            "允许其网页从浏览器调用接口的来源（origin）。",
            rule=origins_fault,
        ),
    ] = ()
    public_url: Annotated[
        str,
        said(
            "Address of this server as its callers see it, for documentation and links; empty takes the request's own.",
            "调用方看到的服务器地址，用于文档和链接；留空则取请求自身的地址。",
            rule=public_url_fault,
        ),
    ] = ""


class CacheConfig(Part, frozen=True, kw_only=True):
    """`[cache]`."""

    max_age: Annotated[
        int,
        said(
            "Age in seconds up to which a stored page is served without asking a source.",
            "已存页面可直接返回、不再询问来源的最长时间（秒）。",
            ge=0,
            le=TEN_YEARS,
        ),
    ] = 300
    stale_if_error: Annotated[
        int,
        said(
            "Age in seconds up to which older notes are served free when every source fails; 0 turns it off.",
            "所有来源都失败时，可免费返回的旧数据的最长时间（秒）；0 表示关闭。",
            ge=0,
            le=TEN_YEARS,
        ),
    ] = 0
    page_size: Annotated[
        int,
        said(
            "Unpinned notes in one page that is served from the store.",
            "由存储返回的每页笔记数（不含置顶）。",
            ge=1,
            le=500,
        ),
    ] = 20


class FetchConfig(Part, frozen=True, kw_only=True):
    """`[fetch]`."""

    deadline: Annotated[
        float,
        said(
            "Seconds within which a call is answered, whatever its sources do.",
            "无论来源如何，一次调用必须在此秒数内答复。",
            ge=1,
            le=59,
        ),
    ] = 55.0

    cross_check: Annotated[
        float,
        said(
            "Share of the good pages, from 0 to 1, for which another source is asked too and compared; its questions"
            " cost what they cost.",
            "成功页面中另向一个来源询问并比对的比例（0 至 1）；这些询问照常计费。",
            ge=0,
            le=1,
        ),
    ] = 0.0


class MeteringConfig(Part, frozen=True, kw_only=True):
    """`[metering]`."""

    price: Annotated[
        int,
        said(
            "Credits charged for a page that a source was asked for.",
            "向来源获取一页的价格（积分）。",
            ge=0,
            le=BILLION,
        ),
    ] = 10
    cached_price: Annotated[
        int, said("Credits charged for a page from the store.", "由存储返回一页的价格（积分）。", ge=0, le=BILLION)
    ] = 10
    call_log_days: Annotated[
        int,
        said(
            "Days for which single calls stay in the call log; ledger and hourly usage are kept for good.",
            "调用日志中单次调用的保留天数；账本与按小时汇总的用量长期保留。",
            ge=1,
            le=3650,
        ),
    ] = 90


class LimitsConfig(Part, frozen=True, kw_only=True):
    """`[limits]`: what a new token gets."""

    rate_per_minute: Annotated[
        int, said("Calls a minute that a new token may make.", "新令牌每分钟可调用的次数。", ge=1, le=BILLION)
    ] = 600
    burst: Annotated[
        int, said("Calls that a new token may make at once.", "新令牌可一次性突发调用的次数。", ge=1, le=BILLION)
    ] = 60
    daily_quota: Annotated[
        int,
        said(
            "Calls a day that a new token may make, in its account's time zone.",
            "新令牌每天可调用的次数，按账户所在时区计日。",
            ge=0,
            le=BILLION,
        ),
    ] = 100_000


class CoversConfig(Part, frozen=True, kw_only=True):
    """`[covers]`."""

    hosts: Annotated[
        tuple[str, ...],
        said(
            "Hosts from which covers are fetched, with all hosts below them.",
            "允许下载封面的主机，包含其下所有子域名。",
            rule=domains_fault,
        ),
    ] = ("xhscdn.com", "xhscdn.net", "rednotecdn.com", "ci.xiaohongshu.com")
    allow_networks: Annotated[
        tuple[str, ...],
        said(
            "Networks beside the open internet that these hosts may lead to, at any port, such as an inner mirror's.",
            "除公网外允许这些主机指向的网段（端口不限），例如内网镜像。",
            rule=networks_fault,
        ),
    ] = ()
    max_bytes: Annotated[
        int,
        said("Bytes of the largest cover that is kept.", "可保存的封面的最大字节数。", ge=1000, le=100_000_000),
    ] = 10_000_000
    concurrency: Annotated[
        int,
        said("Covers fetched at once, in each process.", "每个进程同时下载的封面数量。", ge=1, le=64),
    ] = 4
    timeout: Annotated[
        float,
        said("Seconds that one cover may take.", "下载一张封面的最长时间（秒）。", ge=0.1, le=600),
    ] = 10.0


class WatchConfig(Part, frozen=True, kw_only=True):
    """`[watch]`."""

    calls_per_day: Annotated[
        int,
        said(
            "Calls a day that looks at watched creators may take, a bound that is never passed; 0 is two for each.",
            "监测创作者每天最多使用的调用次数，绝不超出；0 表示每位创作者两次。",
            ge=0,
            le=BILLION,
        ),
    ] = 0
    serve: Annotated[
        bool,
        said(
            "Whether `hongshu serve` looks at watched creators and delivers news; else `hongshu watch run` does.",
            "`hongshu serve` 是否同时监测创作者并推送消息；否则由 `hongshu watch run` 完成。",
        ),
    ] = True
    concurrency: Annotated[
        int,
        said("Creators looked at at once, in each process.", "每个进程同时查看的创作者数量。", ge=1, le=1000),
    ] = 8
    silence_days: Annotated[
        int,
        said(
            "Days without a note after which a silence is told; 0 tells none.",
            "多少天没有新笔记即提示沉默；0 表示不提示。",
            ge=0,
            le=3650,
        ),
    ] = 14
    milestones: Annotated[
        tuple[str, ...],
        said(
            "Values of which it is told when a counter passes them: likes, collects, comments or shares.",
            "计数超过这些值时发出提示：likes、collects、comments 或 shares。",
            rule=milestones_fault,
        ),
    ] = ("likes=1000", "likes=10000", "likes=100000")


class DeliveryConfig(Part, frozen=True, kw_only=True):
    """`[delivery]`."""

    allow_networks: Annotated[
        tuple[str, ...],
        said(
            "Networks beside the open internet in which webhooks, chats and mail servers may stand, at any port, also"
            " without TLS.",
            "除公网外允许 webhook、聊天工具和邮件服务器所在的网段（端口不限，可不使用 TLS）。",
            rule=networks_fault,
        ),
    ] = ()
    timeout: Annotated[
        float,
        said("Seconds within which a receiver must answer.", "接收方必须答复的秒数。", ge=0.1, le=60),
    ] = 20.0
    concurrency: Annotated[
        int,
        said(
            "Messages on the way at once on each channel, in each process.",
            "每个进程中每个渠道同时发送的消息数。",
            ge=1,
            le=100,
        ),
    ] = 4


class BackupConfig(Part, frozen=True, kw_only=True):
    """`[backup]`."""

    folder: Annotated[
        str,
        said(
            "Folder in which `hongshu serve`, or a worker, keeps backups, best on another disk; a relative one lies in"
            " the data directory, empty takes none.",
            "`hongshu serve` 或 worker 存放备份的文件夹，最好位于另一块磁盘；相对路径位于数据目录中，留空则不备份。",
        ),
    ] = ""
    every: Annotated[
        int,
        said("Seconds after which the next backup is due.", "两次备份之间的秒数。", ge=60, le=TEN_YEARS),
    ] = 86_400
    keep: Annotated[
        int,
        said("How many backups are kept; the oldest go.", "保留的备份数量，最旧的先删除。", ge=1, le=10_000),
    ] = 7


class Config(Part, frozen=True, kw_only=True):
    """All settings."""

    store: Annotated[
        StorePlace,
        said(
            'Where everything is kept: "sqlite" means notes.db and money.db in the data directory; or the address of a'
            ' PostgreSQL database, "postgresql://user@host/db", whose password is not shown.',
            "存储位置：“sqlite” 表示数据目录中的 notes.db 和 money.db；或 PostgreSQL 数据库的地址"
            "（postgresql://user@host/db），其中的密码不会显示。",
            rule=store_fault,
        ),
    ] = StorePlace("sqlite")
    server: Annotated[ServerConfig, said("How the server listens and answers.", "服务器如何监听与应答。")] = (
        ServerConfig()
    )
    cache: Annotated[CacheConfig, said("When stored notes are served.", "何时返回已存的笔记。")] = CacheConfig()
    fetch: Annotated[FetchConfig, said("How sources are asked.", "如何询问来源。")] = FetchConfig()
    metering: Annotated[MeteringConfig, said("What a call costs.", "一次调用的价格。")] = MeteringConfig()
    limits: Annotated[LimitsConfig, said("What a new token may do by default.", "新令牌的默认限额。")] = LimitsConfig()
    covers: Annotated[
        CoversConfig,
        said("How cover images are kept, with `collect --covers`.", "如何保存封面图片（`collect --covers`）。"),
    ] = CoversConfig()
    watch: Annotated[WatchConfig, said("How creators are watched.", "如何监测创作者。")] = WatchConfig()
    delivery: Annotated[DeliveryConfig, said("How news is delivered.", "如何推送消息。")] = DeliveryConfig()
    worker: Annotated[WorkerConfig, said("How `hongshu worker` works.", "`hongshu worker` 如何工作。")] = WorkerConfig()
    mcp: Annotated[McpConfig, said("How assistants call tools (MCP).", "AI 助手如何调用工具（MCP）。")] = McpConfig()
    otel: Annotated[OtelConfig, said("Where traces go.", "追踪数据的去处。")] = OtelConfig()
    backup: Annotated[BackupConfig, said("When backups are taken.", "何时备份。")] = BackupConfig()
    retention: Annotated[RetentionConfig, said("How long things are kept.", "各类数据保留多久。")] = RetentionConfig()
    source: Annotated[
        tuple[SourceConfig, ...],
        said("Where notes come from, tried in this order.", "笔记的来源，按此顺序尝试。"),
    ] = ()
    channel: Annotated[
        tuple[ChannelConfig, ...],
        said(
            "Where news goes, beside what `hongshu channel add` added.",
            "消息的去处（另可用 `hongshu channel add` 添加）。",
        ),
    ] = ()
