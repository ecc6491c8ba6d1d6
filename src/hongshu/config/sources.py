"""The settings of `[[source]]`: what every source has, and what each kind adds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

import msgspec

from hongshu.config.part import BILLION, Part, env_name, said
from hongshu.config.rules import (
    at_fault,
    auth_fault,
    devtools_fault,
    hours_fault,
    is_loopback,
    name_fault,
    parameter_fault,
    path_fault,
    pause_fault,
    success_fault,
    token_fault,
    url_fault,
    zone_fault,
)
from hongshu.secret import Secret

PRESETS: Final[Mapping[str, str]] = {
    "justone": "https://api.justoneapi.com",
    "justone-cn": "http://47.117.133.51:30015",
}
VENDORS: Final[Mapping[str, str]] = {
    "tikhub": "https://api.tikhub.io/api/v1/xiaohongshu/app_v2/get_user_posted_notes",
    "spiderhubs": "https://api.spiderhubs.com/openapi/v1/contentcreator/xiaohongshu/app/get_user_notes",
}
"""Vendors that all of `VendorConfig`'s defaults fit: another one is a line here, or a `[[source]]` with its facts."""


_RATE: Final = said(
    "Questions a second, evenly spaced over all processes; absent means no limit.",
    "每秒询问次数，由所有进程合计并均匀间隔；缺省为不限。",
    ge=0.0001,
    le=10_000,
)
_PAUSE: Final = said(
    "Seconds to wait after a question before its place is free again, drawn between the two.",
    "每次询问后到其名额重新可用的等待秒数，在两数之间随机选取。",
    rule=pause_fault,
)
_DAILY_CALLS: Final = said(
    "Questions a day, never passed; absent means no cap.",
    "每天询问次数的硬上限；缺省为不限。",
    ge=0,
    le=BILLION,
)
_TIMEOUT: Final = said(
    "Seconds that one attempt at this source may take.", "对该来源一次尝试的最长时间（秒）。", ge=0.1, le=600
)


class SourceBase(Part, frozen=True, kw_only=True, tag_field="kind"):
    """What every `[[source]]` has."""

    name: Annotated[
        str,
        said(
            "Name of the source: 1 to 32 of a-z, 0-9, _ and -, different for each source.",
            "来源名称：1 至 32 个字符，限 a-z、0-9、_ 和 -，不可重复。",
            rule=name_fault,
        ),
    ]
    timeout: Annotated[float, _TIMEOUT] = 25.0
    rate: Annotated[float, _RATE] | None = None
    pause: Annotated[tuple[float, float], _PAUSE] = (0.0, 0.0)
    concurrency: Annotated[
        int, said("Questions at once, in each process.", "每个进程同时询问的数量。", ge=1, le=10_000)
    ] = 16
    rest: Annotated[
        float,
        said(
            "Seconds for which the source is left alone where our account there cannot be used, and at most after"
            " failures; it may name a longer time itself.",
            "我们在该来源的账户不可用时停止询问的秒数，也是连续失败后停止询问的最长秒数；来源自己可要求更久。",
            ge=0.01,
            le=86_400,
        ),
    ] = 300.0
    hours: Annotated[
        str,
        said(
            "Hours of the day in which the source is asked, like 08:00-23:00; empty means always.",
            "一天中允许询问的时段，如 08:00-23:00；留空表示全天。",
            rule=hours_fault,
        ),
    ] = ""
    zone: Annotated[
        str,
        said(
            "Time zone of `hours` and of the day of the caps, by its IANA name.",
            "`hours` 及每日上限所用的时区（IANA 名称）。",
            rule=zone_fault,
        ),
    ] = "Asia/Shanghai"
    call_cost: Annotated[
        int,
        said("Credits that the source takes for a page.", "该来源每页收取的积分。", ge=0, le=BILLION),
    ] = 0
    failed_call_cost: Annotated[
        int,
        said(
            "Credits that the source takes for a question that gave no page.",
            "未取得页面的询问所收取的积分。",
            ge=0,
            le=BILLION,
        ),
    ] = 0
    daily_calls: Annotated[int, _DAILY_CALLS] | None = None
    daily_credits: (
        Annotated[
            int,
            said(
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
        said(
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
        int, said("Number from which the creators are made.", "生成模拟博主所用的种子。", ge=0, le=2**32 - 1)
    ] = 7
    creators: Annotated[int, said("How many creators there are.", "模拟博主的数量。", ge=1, le=1_000_000)] = 200
    at: (
        Annotated[
            str,
            said(
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
            said(
                "Simulated seconds that pass in one second.",
                "每一秒真实时间所经过的模拟秒数。",
                ge=0.001,
                le=1_000_000,
            ),
        ]
        | None
    ) = None
    faults: (
        Annotated[Path, said("File that says which questions fail, and how.", "说明哪些询问会失败、如何失败的文件。")]
        | None
    ) = None

    @property
    def at_ms(self) -> int | None:
        """The time `at`, in ms since 1970, or None."""
        return None if self.at is None else round(msgspec.convert(self.at, datetime).timestamp() * 1000)


class ReplayConfig(SourceBase, frozen=True, kw_only=True, tag="replay"):
    """A folder of recorded pages."""

    folder: Annotated[Path, said("Folder of the recorded pages.", "已录制页面所在的文件夹。")]


class PeerConfig(SourceBase, frozen=True, kw_only=True):
    """What every source has that is asked over HTTP with a token of the user's own."""

    presets: ClassVar[Mapping[str, str]] = {}
    """The addresses of the known servers of this kind."""
    preset: str | None = None
    url: (
        Annotated[
            str,
            said("Address of the server, instead of `preset`.", "服务器地址，与 `preset` 二选一。", rule=url_fault),
        ]
        | None
    ) = None
    token: Annotated[
        Secret,
        said(
            "Token for that server, unless `token_file` names one; secret.",
            "访问该服务器的令牌（或用 `token_file` 指定）；属机密，不会显示。",
            rule=token_fault,
        ),
    ] = Secret()
    token_file: (
        Annotated[
            Path,
            said("File whose first line is the token, instead of `token`.", "首行为令牌的文件，与 `token` 二选一。"),
        ]
        | None
    ) = None
    ca_file: (
        Annotated[
            Path,
            said(
                "File of certificates (PEM) to trust for that server instead of the system's.",
                "访问该服务器时代替系统证书所信任的证书文件（PEM）。",
            ),
        ]
        | None
    ) = None
    allow_cleartext: Annotated[
        bool,
        said(
            "Allow plain http to another machine, where the token travels in clear.",
            "允许以明文 http 访问其他机器，此时令牌以明文传输。",
        ),
    ] = False

    @property
    def address(self) -> str:
        """The address that is asked, from `url` or from the preset."""
        return self.url or self.presets.get(self.preset or "", "")

    def conflict(self) -> tuple[str, str] | None:
        """Return the key and what is wrong with it where the settings do not fit together."""
        key = "preset" if self.preset else "url"
        if not self.address:
            return key, f'is missing; give url = "https://…", or preset as one of {", ".join(self.presets)}'
        if self.preset and self.url:
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

    presets: ClassVar = PRESETS
    preset: (
        Annotated[
            Literal["justone", "justone-cn"],
            said("A known server, instead of `url`.", "预设的服务器，与 `url` 二选一。"),
        ]
        | None
    ) = None


class VendorConfig(PeerConfig, frozen=True, kw_only=True, tag="vendor"):
    """Another vendor's list of one creator's notes, in the app's shape, inside an envelope of its own."""

    presets: ClassVar = VENDORS
    preset: (
        Annotated[
            Literal["tikhub", "spiderhubs"],
            said("A known vendor, instead of `url`.", "预设的服务商，与 `url` 二选一。"),
        ]
        | None
    ) = None
    auth: Annotated[
        str,
        said(
            "How the token travels: bearer, header:NAME or query:NAME.",
            "令牌的传递方式：bearer、header:名称 或 query:名称。",
            rule=auth_fault,
        ),
    ] = "bearer"
    user_parameter: Annotated[
        str, said("Parameter that names the creator.", "表示博主的参数名。", rule=parameter_fault)
    ] = "user_id"
    cursor_parameter: Annotated[
        str, said("Parameter that names the cursor.", "表示游标的参数名。", rule=parameter_fault)
    ] = "cursor"
    notes_at: Annotated[
        str,
        said(
            "Where the answer holds the list, by the names on the way to it.",
            "应答中笔记列表的位置（逐级字段名）。",
            rule=path_fault,
        ),
    ] = "data.data.notes"
    success: Annotated[
        tuple[str, ...],
        said(
            "What an answer says where it is a page: each a name's way and a whole number.",
            "表示成功的条件：每项为字段路径与整数。",
            rule=success_fault,
        ),
    ] = ("code=200", "data.code=0")


class BrowserConfig(SourceBase, frozen=True, kw_only=True, tag="browser"):
    """The operator's own signed-in browser."""

    devtools: Annotated[
        str,
        said(
            "Address at which the browser listens for the DevTools protocol, on this machine.",
            "浏览器在本机监听 DevTools 协议的地址。",
            rule=devtools_fault,
        ),
    ] = "http://127.0.0.1:9222"
    site: Annotated[str, said("Where profiles stand.", "主页所在的网站。", rule=url_fault)] = (
        "https://www.xiaohongshu.com"
    )
    shared: Annotated[
        bool,
        said(
            "What it collects is for everyone; else `owner` names the account that alone sees it.",
            "采集结果对所有账户可见；否则仅 `owner` 指定的账户可见。",
        ),
    ] = False
    timeout: Annotated[float, _TIMEOUT] = 45.0
    rate: Annotated[float, _RATE] | None = 0.2
    pause: Annotated[tuple[float, float], _PAUSE] = (4.0, 10.0)
    concurrency: Annotated[
        int,
        said(
            "Questions at once: a browser shows one page at a time.", "同时询问的数量：浏览器一次只看一页。", ge=1, le=1
        ),
    ] = 1
    daily_calls: Annotated[int, _DAILY_CALLS] | None = 100

    def conflict(self) -> tuple[str, str] | None:
        """Return the key and what is wrong with it where the settings do not fit together."""
        if not self.owner and not self.shared:
            return "owner", (
                "is missing; name the account that the signed-in session belongs to, which alone will see what it"
                " collects, or say shared = true"
            )
        if self.owner and self.shared:
            return "shared", "stands beside owner; what is one account's is not everyone's"
        return None


SourceConfig = SimulatorConfig | ReplayConfig | RemoteConfig | VendorConfig | BrowserConfig
KINDS: Final[Mapping[str, type[SourceConfig]]] = {
    "simulator": SimulatorConfig,
    "replay": ReplayConfig,
    "remote": RemoteConfig,
    "vendor": VendorConfig,
    "browser": BrowserConfig,
}
