"""Settings from the defaults, the file, the environment and the flags, each over the one before it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from hongshu.config.catalogue import PLAIN, SECTIONS, Setting, settings_of
from hongshu.config.channels import ChannelConfig
from hongshu.config.given import PREFIX, Given, GivenSource, Layers, fault, shown, unknown
from hongshu.config.part import Part
from hongshu.config.settings import Config
from hongshu.config.sources import KINDS, SourceConfig
from hongshu.errors import ConfigError
from hongshu.secret import Secret

FILE_NAME: Final = "hongshu.toml"
DATA_DIR: Final = "HONGSHU_DATA_DIR"
TEST_PREFIX: Final = "HONGSHU_TEST_"
_LONGEST_ADDRESS: Final = 10_000
UNWANTED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Loaded(Part, frozen=True, kw_only=True):
    """The settings of one start, and where each came from.

    `origins` maps a dotted path, as in `source.joa.timeout`, to "default", "file hongshu.toml",
    "environment HONGSHU_SERVER__PORT" or "flag --port". `file` is the configuration file that was read, if any.
    """

    config: Config
    data_dir: Path
    file: Path | None
    origins: Mapping[str, str]


def platform_dir() -> Path:
    """Return the folder in which this platform keeps an application's files."""
    from platformdirs import user_data_dir  # noqa: PLC0415 - not needed where the folder is named

    return Path(user_data_dir("hongshu", appauthor=False))


def load(
    *,
    file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    default_dir: Callable[[], Path] = platform_dir,
) -> Loaded:
    """Return the settings: flags over the environment over the file over the defaults.

    `file` is the one named by `--config` and must exist; without it, `hongshu.toml` in the data directory is read if it
    is there. `flags` maps dotted paths to values, `None` meaning not given. Raises `ConfigError`, in one line, for the
    first thing that is wrong.
    """
    variables = _variables(environ)
    data_dir = _data_dir(variables, default_dir)
    path = file or data_dir / FILE_NAME
    text = _read(path, must_exist=file is not None)
    layers = Layers()
    if text is not None:
        layers.take_file(path, _parsed(path.name, text))
    layers.take_environment(variables)
    layers.take_flags(flags)
    config, origins = _built(layers)
    return Loaded(config=config, data_dir=data_dir, file=None if text is None else path.absolute(), origins=origins)


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper.startswith(TEST_PREFIX):
            continue
        if upper in found:
            raise fault(f"environment {upper}", "is set twice, in upper and in lower case; keep one of them")
        found[upper] = environ[name]
    return found


def _data_dir(variables: dict[str, str], default_dir: Callable[[], Path]) -> Path:
    named = variables.pop(DATA_DIR, "")
    if UNWANTED.search(named):
        raise fault(f"environment {DATA_DIR}", "holds a control character; remove it")
    return (Path(named) if named else default_dir()).absolute()


def _read(path: Path, *, must_exist: bool) -> str | None:
    place = f"--config {path}" if must_exist else str(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as exc:
        if not must_exist:
            return None
        raise fault(place, "there is no such file; check the path, or leave --config out") from exc
    except UnicodeDecodeError as exc:
        # The cause would hold the whole file, secrets included.
        raise fault(place, f"byte {exc.start} is not UTF-8; save the file as UTF-8") from None
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "not a usable path"
        raise fault(place, f"cannot be read ({reason}); check the path and its permissions") from exc


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        last = f"line {text.count(chr(10)) + 1}, column {len(text) - text.rfind(chr(10))}"
        problem = str(exc).replace("(at end of document)", f"(at {last})")
        raise fault(name, f"is not valid TOML: {problem}; correct that line") from exc
    except ValueError as exc:
        raise fault(name, "is not valid TOML: a number in it is too long; shorten it") from exc
    except RecursionError as exc:
        raise fault(name, "is nested too deeply; settings have three levels at most") from exc


def _built(layers: Layers) -> tuple[Config, dict[str, str]]:
    values: dict[str, dict[str, Any]] = {"": {}, **{name: {} for name in SECTIONS}}
    origins = {}
    for path, setting in PLAIN.items():
        given = layers.plain.get(path)
        origins[path] = given.origin if given else "default"
        if given:
            section, _, key = path.rpartition(".")
            values[section][key] = _converted(setting, given)
    sources: dict[str, SourceConfig] = {}
    for each in layers.sources:
        source = _built_source(each)
        if source.name in sources:
            raise fault(each.keys["name"].place, f"two sources are named {shown(source.name)}; rename one")
        sources[source.name] = source
        origins.update(_source_origins(source, each.keys))
    channels: dict[str, ChannelConfig] = {}
    for each in layers.channels:
        channel = _built_channel(each)
        if channel.name in channels:
            raise fault(each.keys["name"].place, f"two channels are named {shown(channel.name)}; rename one")
        channels[channel.name] = channel
        origins.update(_channel_origins(channel, each.keys))
    parts: dict[str, Any] = {name: part(**values[name]) for name, part in SECTIONS.items()}
    return Config(**values[""], **parts, source=tuple(sources.values()), channel=tuple(channels.values())), origins


def _source_origins(source: SourceConfig, keys: Mapping[str, Given]) -> dict[str, str]:
    found = {key: keys[key].origin if key in keys else "default" for key in ("kind", *settings_of(type(source)))}
    if "token_file" in keys:
        found["token"] = keys["token_file"].origin
    return {f"source.{source.name}.{key}": origin for key, origin in found.items()}


def _channel_origins(channel: ChannelConfig, keys: Mapping[str, Given]) -> dict[str, str]:
    found = {key: keys[key].origin if key in keys else "default" for key in settings_of(ChannelConfig)}
    if "url_file" in keys:
        found["url"] = keys["url_file"].origin
    return {f"channel.{channel.name}.{key}": origin for key, origin in found.items()}


def _built_channel(given: GivenSource) -> ChannelConfig:
    values = _values(given, settings_of(ChannelConfig))
    if "url_file" in values:
        if values.get("url"):
            raise fault(given.keys["url_file"].place, "stands beside url; give only one of the two")
        values["url"] = _address(values["url_file"], given.keys["url_file"])
    if not values.get("url"):
        raise fault(given.place("url_file"), "is missing; name a file that holds the channel's address")
    return ChannelConfig(**values)


def _address(path: Path, given: Given) -> Secret:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_ADDRESS).decode("utf-8", "replace").strip()
    except OSError as exc:
        raise fault(given.place, f"cannot be read ({exc.strerror}); check the path and its permissions") from exc
    if not text:
        raise fault(given.place, "is empty; put the channel's address there")
    return Secret(text)


def _values(given: GivenSource, settings: Mapping[str, Setting], tag: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the values of one table; `tag` are keys that are read elsewhere."""
    values: dict[str, Any] = {}
    for key, each in given.keys.items():
        if key in settings:
            values[key] = _converted(settings[key], each)
        elif key not in tag:
            raise unknown(each, [f"{each.path.rpartition('.')[0]}.{known}" for known in (*tag, *settings)])
    for key, setting in settings.items():
        if setting.required and key not in values:
            raise fault(given.place(key), f"is missing; give {setting.expected()}")
    return values


def _built_source(given: GivenSource) -> SourceConfig:
    kind = _kind(given)
    values = _values(given, settings_of(kind), ("kind",))
    if "token_file" in values:
        values["token"] = _token(values, given.keys["token_file"])
    source = kind(**values)
    conflict = source.conflict()
    if conflict:
        key, words = conflict
        raise fault(given.place(key), words)
    return source


def _kind(given: GivenSource) -> type[SourceConfig]:
    choices = ", ".join(KINDS)
    named = given.keys.get("kind")
    if named is None:
        raise fault(given.place("kind"), f"is missing; give one of {choices}")
    kind = named.value if isinstance(named.value, str) else ""
    if kind in KINDS:
        return KINDS[kind]
    raise fault(named.place, f"{shown(named.value)} is not a kind of source; give one of {choices}")


def _converted(setting: Setting, given: Given) -> Any:
    value = given.value
    if setting.type in {tuple[str, ...], tuple[float, float]} and isinstance(value, str) and not given.from_file:
        value = _listed(value)
    if setting.type is str and isinstance(value, datetime):
        value = value.isoformat()
    try:
        right = msgspec.convert(value, setting.hint, strict=given.from_file, dec_hook=_made)
    except (msgspec.ValidationError, OverflowError) as exc:
        raise _mismatch(setting, given) from exc
    if right != right:  # noqa: PLR0124 - only nan is unlike itself
        raise _mismatch(setting, given)
    if isinstance(right, str | Path) and UNWANTED.search(str(right)):
        raise fault(given.place, "holds a control character or a broken one; remove it")
    words = setting.wrong(right)
    if words:
        raise fault(given.place, words)
    if isinstance(right, Path):
        return (given.folder / right if given.folder else right).absolute()
    return right


def _listed(text: str) -> object:
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text


def _made(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    if not isinstance(value, str) or (kind is Path and not value):
        raise TypeError
    return kind(value)


def _mismatch(setting: Setting, given: Given) -> ConfigError:
    value = "the value" if setting.type is Secret else shown(given.value)
    return fault(given.place, f"{value} is not {setting.expected()}")


def _token(values: Mapping[str, Any], given: Given) -> Secret:
    if values.get("token"):
        raise fault(given.place, "stands beside token; give only one of the two")
    try:
        with Path(values["token_file"]).open("rb") as file:
            token = Secret(file.readline(5000).decode("ascii", "replace").strip())
    except OSError as exc:
        raise fault(given.place, f"cannot be read ({exc.strerror}); check the path and its permissions") from exc
    words = (
        settings_of(KINDS["remote"])["token"].wrong(token) if token else "has an empty first line; put the token there"
    )
    if words:
        raise fault(given.place, words)
    return token
