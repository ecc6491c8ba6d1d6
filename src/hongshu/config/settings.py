"""Every setting, defined once: its name, type, bounds, default, and its meaning in English and Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from hongshu.config.rules import (
    Secret,
    at_fault,
    auth_fault,
    host_fault,
    hours_fault,
    is_loopback,
    name_fault,
    origins_fault,
    parameter_fault,
    path_fault,
    pause_fault,
    public_url_fault,
    store_fault,
    success_fault,
    token_fault,
    url_fault,
    zone_fault,
)

Rule = Callable[[Any], str]
"""Return what is wrong with a value of the right type, or an empty text."""

TEN_YEARS: Final = 315_360_000
BILLION: Final = 10**9
PRESETS: Final[Mapping[str, str]] = {
    "justone": "https://api.justoneapi.com",
    "justone-cn": "http://47.117.133.51:30015",
}


VENDORS: Final[Mapping[str, str]] = {
    "tikhub": "https://api.tikhub.io/api/v1/xiaohongshu/app_v2/get_user_posted_notes",
    "spiderhubs": "https://api.spiderhubs.com/openapi/v1/contentcreator/xiaohongshu/app/get_user_notes",
}
"""Vendors that all of `VendorConfig`'s defaults fit: another one is a line here, or a `[[source]]` with its facts."""


def _said(en: str, zh: str, *, ge: float | None = None, le: float | None = None, rule: Rule | None = None) -> Meta:
    return Meta(description=en, ge=ge, le=le, extra={"zh": zh, "rule": rule})


def env_name(path: str) -> str:
    """Return the environment variable of a setting: `server.port` is `HONGSHU_SERVER__PORT`."""
    return "HONGSHU_" + path.upper().replace(".", "__").replace("-", "_")


class Part(Struct, frozen=True, kw_only=True):
    """Base of the groups of settings."""


class ServerConfig(Part, frozen=True, kw_only=True):
    """`[server]`."""

    host: Annotated[str, _said("Address on which the server listens.", "服务器监听的地址。", rule=host_fault)] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        _said(
            "Port on which the server listens; 0 takes a free one.",
            "服务器监听的端口；0 表示任选空闲端口。",
            ge=0,
            le=65535,
        ),
    ] = 8787
    workers: Annotated[
        int, _said("Number of server processes that share the store.", "共用同一存储的服务器进程数。", ge=1, le=64)
    ] = 1
    http_status: Annotated[
        Literal["always-200", "mapped"],
        _said(
            "HTTP status of a business code: always 200, or mapped to 4xx and 5xx.",
            "业务码对应的 HTTP 状态：一律 200，或映射为 4xx 和 5xx。",
        ),
    ] = "always-200"
    cors_origins: Annotated[
        tuple[str, ...],
        _said(
            "Web origins whose pages may call the endpoint from a browser.",
            "允许其网页从浏览器调用接口的来源（origin）。",
            rule=origins_fault,
        ),
    ] = ()
    public_url: Annotated[
        str,
        _said(
            "Address of this server as its callers see it, for documentation and links; empty takes the request's own.",
            "调用方看到的服务器地址，用于文档和链接；留空则取请求自身的地址。",
            rule=public_url_fault,
        ),
    ] = ""


class CacheConfig(Part, frozen=True, kw_only=True):
    """`[cache]`."""

    max_age: Annotated[
        int,
        _said(
            "Age in seconds up to which a stored page is served without asking a source.",
            "已存页面可直接返回、不再询问来源的最长时间（秒）。",
            ge=0,
            le=TEN_YEARS,
        ),
    ] = 300
    stale_if_error: Annotated[
        int,
        _said(
            "Age in seconds up to which older notes are served free when every source fails; 0 turns it off.",
            "所有来源都失败时，可免费返回的旧数据的最长时间（秒）；0 表示关闭。",
            ge=0,
            le=TEN_YEARS,
        ),
    ] = 0
    page_size: Annotated[
        int,
        _said(
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
        _said(
            "Seconds within which a call is answered, whatever its sources do.",
            "无论来源如何，一次调用必须在此秒数内答复。",
            ge=1,
            le=59,
        ),
    ] = 55.0


class MeteringConfig(Part, frozen=True, kw_only=True):
    """`[metering]`."""

    price: Annotated[
        int,
        _said(
            "Credits charged for a page that a source was asked for.",
            "向来源获取一页的价格（积分）。",
            ge=0,
            le=BILLION,
        ),
    ] = 10
    cached_price: Annotated[
        int, _said("Credits charged for a page from the store.", "由存储返回一页的价格（积分）。", ge=0, le=BILLION)
    ] = 10
    call_log_days: Annotated[
        int,
        _said(
            "Days for which single calls stay in the call log; ledger and hourly usage are kept for good.",
            "调用日志中单次调用的保留天数；账本与按小时汇总的用量长期保留。",
            ge=1,
            le=3650,
        ),
    ] = 90


class LimitsConfig(Part, frozen=True, kw_only=True):
    """`[limits]`: what a new token gets."""

    rate_per_minute: Annotated[
        int, _said("Calls a minute that a new token may make.", "新令牌每分钟可调用的次数。", ge=1, le=BILLION)
    ] = 600
    burst: Annotated[
        int, _said("Calls that a new token may make at once.", "新令牌可一次性突发调用的次数。", ge=1, le=BILLION)
    ] = 60
    daily_quota: Annotated[
        int,
        _said(
            "Calls a day that a new token may make, in its account's time zone.",
            "新令牌每天可调用的次数，按账户所在时区计日。",
            ge=0,
            le=BILLION,
        ),
    ] = 100_000


class SourceBase(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What every `[[source]]` has."""

    name: Annotated[
        str,
        _said(
            "Name of the source: 1 to 32 of a-z, 0-9, _ and -, different for each source.",
            "来源名称：1 至 32 个字符，限 a-z、0-9、_ 和 -，不可重复。",
            rule=name_fault,
        ),
    ]
    timeout: Annotated[
        float,
        _said(
            "Seconds that one attempt at this source may take.", "对该来源一次尝试的最长时间（秒）。", ge=0.1, le=600
        ),
    ] = 25.0
    rate: (
        Annotated[
            float,
            _said(
                "Questions a second, evenly spaced over all processes; absent means no limit.",
                "每秒询问次数，由所有进程合计并均匀间隔；缺省为不限。",
                ge=0.0001,
                le=10_000,
            ),
        ]
        | None
    ) = None
    pause: Annotated[
        tuple[float, float],
        _said(
            "Seconds to wait after a question before its place is free again, drawn between the two.",
            "每次询问后到其名额重新可用的等待秒数，在两数之间随机选取。",
            rule=pause_fault,
        ),
    ] = (0.0, 0.0)
    concurrency: Annotated[
        int, _said("Questions at once, in each process.", "每个进程同时询问的数量。", ge=1, le=10_000)
    ] = 16
    hours: Annotated[
        str,
        _said(
            "Hours of the day in which the source is asked, like 08:00-23:00; empty means always.",
            "一天中允许询问的时段，如 08:00-23:00；留空表示全天。",
            rule=hours_fault,
        ),
    ] = ""
    zone: Annotated[
        str,
        _said(
            "Time zone of `hours` and of the day of the caps, by its IANA name.",
            "`hours` 及每日上限所用的时区（IANA 名称）。",
            rule=zone_fault,
        ),
    ] = "Asia/Shanghai"
    call_cost: Annotated[
        int,
        _said("Credits that the source takes for a page.", "该来源每页收取的积分。", ge=0, le=BILLION),
    ] = 0
    failed_call_cost: Annotated[
        int,
        _said(
            "Credits that the source takes for a question that gave no page.",
            "未取得页面的询问所收取的积分。",
            ge=0,
            le=BILLION,
        ),
    ] = 0
    daily_calls: (
        Annotated[
            int,
            _said(
                "Questions a day, never passed; absent means no cap.",
                "每天询问次数的硬上限；缺省为不限。",
                ge=0,
                le=BILLION,
            ),
        ]
        | None
    ) = None
    daily_credits: (
        Annotated[
            int,
            _said(
                "Credits a day that the source may take, never passed; absent means no cap.",
                "该来源每天可消耗积分的硬上限；缺省为不限。",
                ge=0,
                le=BILLION,
            ),
        ]
        | None
    ) = None
    owner: Annotated[
        str,
        _said(
            "Name of the account that alone sees what this source gives; empty means everyone.",
            "唯一可以看到该来源数据的账户名称；留空表示所有账户。",
        ),
    ] = ""

    @property
    def kind(self) -> str:
        """The kind as the settings spell it."""
        return str(self.__struct_config__.tag)

    def conflict(self) -> tuple[str, str] | None:
        """Return the key and what is wrong with it where the settings do not fit together."""
        return None


class SimulatorConfig(SourceBase, frozen=True, kw_only=True, tag="simulator"):
    """Made-up creators that live."""

    seed: Annotated[
        int, _said("Number from which the creators are made.", "生成模拟博主所用的种子。", ge=0, le=2**32 - 1)
    ] = 7
    creators: Annotated[int, _said("How many creators there are.", "模拟博主的数量。", ge=1, le=1_000_000)] = 200
    at: (
        Annotated[
            str,
            _said(
                "Time at which the simulator's clock stands or starts, RFC 3339; absent means now.",
                "模拟时钟停住或起始的时间（RFC 3339）；缺省为当前时间。",
                rule=at_fault,
            ),
        ]
        | None
    ) = None
    speed: (
        Annotated[
            float,
            _said(
                "Simulated seconds that pass in one second.",
                "每一秒真实时间所经过的模拟秒数。",
                ge=0.001,
                le=1_000_000,
            ),
        ]
        | None
    ) = None

    @property
    def at_ms(self) -> int | None:
        """The time `at`, in ms since 1970, or None."""
        return None if self.at is None else round(msgspec.convert(self.at, datetime).timestamp() * 1000)


class ReplayConfig(SourceBase, frozen=True, kw_only=True, tag="replay"):
    """A folder of recorded pages."""

    folder: Annotated[Path, _said("Folder of the recorded pages.", "已录制页面所在的文件夹。")]


class PeerConfig(SourceBase, frozen=True, kw_only=True):
    """What every source has that is asked over HTTP with a token of the user's own."""

    url: (
        Annotated[
            str,
            _said("Address of the server, instead of `preset`.", "服务器地址，与 `preset` 二选一。", rule=url_fault),
        ]
        | None
    ) = None
    token: Annotated[
        Secret,
        _said(
            "Token for that server, unless `token_file` names one; secret.",
            "访问该服务器的令牌（或用 `token_file` 指定）；属机密，不会显示。",
            rule=token_fault,
        ),
    ] = Secret()
    token_file: (
        Annotated[
            Path,
            _said("File whose first line is the token, instead of `token`.", "首行为令牌的文件，与 `token` 二选一。"),
        ]
        | None
    ) = None
    ca_file: (
        Annotated[
            Path,
            _said(
                "File of certificates (PEM) to trust for that server instead of the system's.",
                "访问该服务器时代替系统证书所信任的证书文件（PEM）。",
            ),
        ]
        | None
    ) = None
    allow_cleartext: Annotated[
        bool,
        _said(
            "Allow plain http to another machine, where the token travels in clear.",
            "允许以明文 http 访问其他机器，此时令牌以明文传输。",
        ),
    ] = False

    @property
    def presets(self) -> Mapping[str, str]:
        """The addresses of the known servers of this kind."""
        return {}

    @property
    def known(self) -> str:
        """The name of the known server that is meant, or an empty text."""
        return ""

    @property
    def address(self) -> str:
        """The address that is asked, from `url` or from the preset."""
        return self.url or self.presets.get(self.known, "")

    def conflict(self) -> tuple[str, str] | None:
        """Return the key and what is wrong with it where the settings do not fit together."""
        key = "preset" if self.known else "url"
        if not self.address:
            return key, f'is missing; give url = "https://…", or preset as one of {", ".join(self.presets)}'
        if self.known and self.url:
            return "url", "stands beside preset; give only one of the two"
        parts = urlsplit(self.address)
        if parts.scheme == "http" and not is_loopback(parts.hostname or "") and not self.allow_cleartext:
            return key, (
                "is plain http to another machine, so the token would travel in clear; "
                "use https, or accept it with allow_cleartext = true"
            )
        if not self.token:
            return "token", f"is missing; set token_file, or {env_name(f'source.{self.name}.token')} in the environment"
        return None


class RemoteConfig(PeerConfig, frozen=True, kw_only=True, tag="remote"):
    """A server that speaks the V4 contract."""

    preset: (
        Annotated[
            Literal["justone", "justone-cn"],
            _said("A known server, instead of `url`.", "预设的服务器，与 `url` 二选一。"),
        ]
        | None
    ) = None

    @property
    def presets(self) -> Mapping[str, str]:
        return PRESETS

    @property
    def known(self) -> str:
        return self.preset or ""


class VendorConfig(PeerConfig, frozen=True, kw_only=True, tag="vendor"):
    """Another vendor's list of one creator's notes, in the app's shape, inside an envelope of its own."""

    preset: (
        Annotated[
            Literal["tikhub", "spiderhubs"],
            _said("A known vendor, instead of `url`.", "预设的服务商，与 `url` 二选一。"),
        ]
        | None
    ) = None
    auth: Annotated[
        str,
        _said(
            "How the token travels: bearer, header:NAME or query:NAME.",
            "令牌的传递方式：bearer、header:名称 或 query:名称。",
            rule=auth_fault,
        ),
    ] = "bearer"
    user_parameter: Annotated[
        str, _said("Parameter that names the creator.", "表示博主的参数名。", rule=parameter_fault)
    ] = "user_id"
    cursor_parameter: Annotated[
        str, _said("Parameter that names the cursor.", "表示游标的参数名。", rule=parameter_fault)
    ] = "cursor"
    notes_at: Annotated[
        str,
        _said(
            "Where the answer holds the list, by the names on the way to it.",
            "应答中笔记列表的位置（逐级字段名）。",
            rule=path_fault,
        ),
    ] = "data.data.notes"
    success: Annotated[
        tuple[str, ...],
        _said(
            "What an answer says where it is a page: each a name's way and a whole number.",
            "表示成功的条件：每项为字段路径与整数。",
            rule=success_fault,
        ),
    ] = ("code=200", "data.code=0")

    @property
    def presets(self) -> Mapping[str, str]:
        return VENDORS

    @property
    def known(self) -> str:
        return self.preset or ""


SourceConfig = SimulatorConfig | ReplayConfig | RemoteConfig | VendorConfig
KINDS: Final[Mapping[str, type[SourceConfig]]] = {
    "simulator": SimulatorConfig,
    "replay": ReplayConfig,
    "remote": RemoteConfig,
    "vendor": VendorConfig,
}
LATER_KINDS: Final = frozenset({"browser"})
LATER_KEYS: Final = frozenset({"channel"})


class Config(Part, frozen=True, kw_only=True):
    """All settings."""

    store: Annotated[
        str,
        _said(
            'Where everything is kept: "sqlite" means notes.db and money.db in the data directory; or the address of a'
            ' PostgreSQL database, "postgresql://user@host/db", whose password is not shown.',
            "存储位置：“sqlite” 表示数据目录中的 notes.db 和 money.db；或 PostgreSQL 数据库的地址"
            "（postgresql://user@host/db），其中的密码不会显示。",
            rule=store_fault,
        ),
    ] = "sqlite"
    server: Annotated[ServerConfig, _said("How the server listens and answers.", "服务器如何监听与应答。")] = (
        ServerConfig()
    )
    cache: Annotated[CacheConfig, _said("When stored notes are served.", "何时返回已存的笔记。")] = CacheConfig()
    fetch: Annotated[FetchConfig, _said("How sources are asked.", "如何询问来源。")] = FetchConfig()
    metering: Annotated[MeteringConfig, _said("What a call costs.", "一次调用的价格。")] = MeteringConfig()
    limits: Annotated[LimitsConfig, _said("What a new token may do by default.", "新令牌的默认限额。")] = LimitsConfig()
    source: Annotated[
        tuple[SourceConfig, ...],
        _said("Where notes come from, tried in this order.", "笔记的来源，按此顺序尝试。"),
    ] = ()
