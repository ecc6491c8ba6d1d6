"""The settings as people and programs read them: a listing, the reference page, the example file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from hongshu.config.catalogue import PLAIN, SECTIONS, Lang, Setting, settings_of
from hongshu.config.channels import ChannelConfig
from hongshu.config.loading import Loaded
from hongshu.config.part import Part, env_name
from hongshu.config.settings import Config
from hongshu.config.sources import KINDS, SourceBase
from hongshu.secret import Secret

EXAMPLES: Final[Sequence[Mapping[str, object]]] = (
    {
        "name": "sim",
        "kind": "simulator",
        "seed": 7,
        "creators": 200,
        "at": "2026-01-01T00:00:00Z",
        "speed": 1.0,
        "faults": "faults.toml",
    },
    {"name": "mine", "kind": "replay", "folder": "captures"},
    {"name": "joa", "kind": "remote", "preset": "justone", "token_file": "joa.token", "timeout": 25},
    {
        "name": "tik",
        "kind": "vendor",
        "preset": "tikhub",
        "token_file": "tik.token",
        "call_cost": 10,
        "daily_credits": 1_000_000,
    },
    {
        "name": "other",
        "kind": "vendor",
        "url": "https://vendor.example/api/notes",
        "token": "REPLACE_ME",
        "auth": "bearer",
        "user_parameter": "user_id",
        "cursor_parameter": "cursor",
        "notes_at": "data.data.notes",
        "success": ("code=200", "data.code=0"),
    },
    {
        "name": "own",
        "kind": "browser",
        "devtools": "http://127.0.0.1:9222",
        "site": "https://www.xiaohongshu.com",
        "owner": "team",
        "shared": False,
        "daily_calls": 40,
    },
    {
        "name": "peer",
        "kind": "remote",
        "url": "https://peer.example:8787",
        "token": "hs_REPLACE_ME",
        "ca_file": "peer.pem",
        "allow_cleartext": False,
        "rate": 5.0,
        "pause": (0.0, 0.0),
        "concurrency": 16,
        "rest": 300.0,
        "hours": "",
        "zone": "Asia/Shanghai",
        "call_cost": 0,
        "failed_call_cost": 0,
        "daily_calls": 100_000,
        "daily_credits": 1_000_000,
        "owner": "",
    },
)
_INTRO: Final[Mapping[Lang, str]] = {
    "en": """# Settings

Settings stand in `hongshu.toml` in the data directory, or in the file named by `--config`. The environment goes over
the file, and flags go over the environment: `[server] port` is `HONGSHU_SERVER__PORT` and `--port`. `hongshu config`
lists every value and where it came from. `HONGSHU_DATA_DIR`, in the environment only, sets the data directory.

Times are in seconds and money in integer credits. Relative paths start at the folder of the file, or at the working
directory where the environment gives them. In the environment a list is JSON or separated by commas. A source is named
there by its name, `-` written `_`, or by its number from 0; `KIND` for a new name adds a source, and `HONGSHU_SOURCE`
holds all sources as a JSON list. Secrets are shown as `***`.
[hongshu.example.toml](../hongshu.example.toml) holds every setting.
""",
    "zh": """# 设置

设置写在数据目录的 `hongshu.toml` 中，或写在 `--config` 指定的文件中。环境变量优先于文件，
命令行参数优先于环境变量：`[server] port` 即 `HONGSHU_SERVER__PORT` 和 `--port`。
`hongshu config` 列出每个值及其出处。数据目录由环境变量 `HONGSHU_DATA_DIR` 设定（不能写在文件里）。

时间以秒计，金额为整数积分。相对路径以配置文件所在文件夹为起点；环境变量中的相对路径以当前工作目录为起点。
环境变量中的列表写成 JSON 或以逗号分隔。来源在环境变量中用名称（`-` 写作 `_`）或从 0 起的序号指代；
为新名称设置 `KIND` 即新增一个来源，`HONGSHU_SOURCE` 则以 JSON 列表给出全部来源。机密值显示为 `***`。
[hongshu.example.toml](../hongshu.example.toml) 包含全部设置。
""",
}
_COLUMNS: Final[Mapping[Lang, str]] = {
    "en": "| Setting | Value | Default | Environment | Meaning |\n|---|---|---|---|---|",
    "zh": "| 设置 | 取值 | 默认值 | 环境变量 | 含义 |\n|---|---|---|---|---|",
}
_PHRASES: Final[Mapping[Lang, tuple[str, str, str, str]]] = {
    "en": ("required", "none", "Every source has:", "A `{}` also has:"),
    "zh": ("必填", "无", "每个来源都有：", "`{}` 还有："),
}


class Entry(NamedTuple):
    """One line of `hongshu config`: dotted path, value as text (secrets starred), and where it came from."""

    path: str
    value: str
    origin: str


def as_json(config: Config) -> dict[str, Any]:
    """Return the settings as JSON-ready values, secrets as "***" where they are set and "" where not."""
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config, enc_hook=_plain), type=dict[str, Any])
    return told


def entries(loaded: Loaded) -> tuple[Entry, ...]:
    """Return every setting in the order of the definition, each source's by `source.<name>.<key>`."""
    return tuple(Entry(path, _text(value), loaded.origins[path]) for path, value in _flat(as_json(loaded.config)))


def _plain(value: object) -> str:
    return "" if isinstance(value, Secret) and not value else str(value)


def _flat(tree: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", each) for inner, each in value.items())
        elif key in {"source", "channel"}:
            yield from ((f"{key}.{table['name']}.{inner}", each) for table in value for inner, each in table.items())
        else:
            yield key, value


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _toml(value)


def _toml(value: object) -> str:
    """Write a text, number, truth or list of them, in which TOML and JSON are alike."""
    return msgspec.json.encode(value, enc_hook=_plain).decode().removesuffix(".0")


def reference_markdown(*langs: Lang) -> str:
    """Return the reference page: every setting in a table, in the languages given, one after the other."""
    return "\n".join(line for lang in langs for line in _page(lang))


def _page(lang: Lang) -> Iterator[str]:
    groups = settings_of(Config)
    yield _INTRO[lang]
    yield from _table(lang, "", {"store": PLAIN["store"]})
    for name, part in SECTIONS.items():
        yield f"## `[{name}]`\n\n{groups[name].meaning(lang)}\n"
        yield from _table(lang, f"{name}.", settings_of(part))
    yield f"## `[[source]]`\n\n{groups['source'].meaning(lang)}\n"
    yield from _sources(lang)
    yield f"## `[[channel]]`\n\n{groups['channel'].meaning(lang)}\n"
    yield from _table(lang, "channel.<name>.", settings_of(ChannelConfig), by_name=False)


def _sources(lang: Lang) -> Iterator[str]:
    common = settings_of(SourceBase)
    choices = {"en": "one of {}", "zh": "{} 之一"}[lang].format(", ".join(f'"{kind}"' for kind in KINDS))
    meaning = {"en": "What kind of source it is.", "zh": "来源的种类。"}[lang]
    yield _PHRASES[lang][2] + "\n"
    kind_row = _row("source.<name>.kind", choices, _PHRASES[lang][0], meaning)
    yield from _table(lang, "source.<name>.", common, first=(kind_row,))
    for kind, part in KINDS.items():
        own = {key: each for key, each in settings_of(part).items() if each != common.get(key)}
        yield _PHRASES[lang][3].format(kind) + "\n"
        yield from _table(lang, "source.<name>.", own)


def _table(
    lang: Lang, prefix: str, settings: Mapping[str, Setting], first: Sequence[str] = (), *, by_name: bool = True
) -> Iterator[str]:
    """Return a table; not `by_name` where the environment cannot set single values."""
    required, absent, *_ = _PHRASES[lang]
    yield _COLUMNS[lang]
    yield from first
    for key, setting in settings.items():
        usual = absent if setting.default is None else f"`{_toml(setting.default)}`"
        row = _row(prefix + key, setting.expected(lang), required if setting.required else usual, setting.meaning(lang))
        yield row if by_name else row.replace(env_name(prefix + key).replace("<name>", "<NAME>"), "HONGSHU_CHANNEL")
    yield ""


def _row(path: str, expected: str, usual: str, meaning: str) -> str:
    variable = env_name(path).replace("<name>", "<NAME>")
    return f"| `{path}` | {expected} | {usual} | `{variable}` | {meaning} |"


def example_toml() -> str:
    """Return an example file: a simulator, and every setting with its default, commented out."""
    return "\n".join(_example_lines()).rstrip() + "\n"


def _example_lines() -> Iterator[str]:
    yield "# Settings of hongshu. Copy this file to hongshu.toml in the data directory; remove a # to change a default."
    yield "# docs/reference/settings.md says more. 中文说明见 docs/reference/settings.md。"
    yield ""
    yield from _commented({"store": PLAIN["store"]})
    for name, part in SECTIONS.items():
        yield f"\n# {settings_of(Config)[name].meaning('en')}\n[{name}]"
        yield from _commented(settings_of(part))
    yield f"\n# {settings_of(Config)['source'].meaning('en')}"
    for number, example in enumerate(EXAMPLES):
        yield from _example_source(example, "#" if number else "")
    yield f"# {settings_of(Config)['channel'].meaning('en')}"
    yield "#[[channel]]"
    for key, setting in settings_of(ChannelConfig).items():
        value = {"name": "ops", "url_file": "ops.url"}.get(key, setting.default)
        if key != "url":
            yield f"# {setting.meaning('en')}\n#{key} = {_toml(value)}"
    yield ""


def _commented(settings: Mapping[str, Setting]) -> Iterator[str]:
    for key, setting in settings.items():
        yield f"# {setting.meaning('en')}\n#{key} = {_toml(setting.default)}"


def _example_source(example: Mapping[str, object], mark: str) -> Iterator[str]:
    part: type[Part] = KINDS[str(example["kind"])]
    settings = settings_of(part)
    yield f"{mark}[[source]]"
    for key, value in example.items():
        if key in settings:
            yield f"# {settings[key].meaning('en')}"
        required = key == "kind" or settings[key].required or value == settings[key].default
        yield f"{mark or ('' if required else '#')}{key} = {_toml(value)}"
    yield ""
