"""Settings: one definition, four layers, one clear line for whatever is wrong."""

import copy
import pickle
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hongshu.config import (
    KINDS,
    PRESETS,
    Config,
    Entry,
    Loaded,
    RemoteConfig,
    ReplayConfig,
    SimulatorConfig,
    as_json,
    entries,
    env_name,
    example_toml,
    load,
    reference_markdown,
)
from hongshu.config.catalogue import PLAIN, settings_of
from hongshu.errors import ConfigError
from hongshu.secret import Secret

DOCS = Path(__file__).parent.parent / "docs"
SECRET = "hs_DoNotShowThis0123456789"
REMOTE = f'[[source]]\nname = "joa"\nkind = "remote"\npreset = "justone"\ntoken = "{SECRET}"\n'
VENDOR = '[[source]]\nname = "tik"\nkind = "vendor"\npreset = "tikhub"\ntoken = "t"\n'
SIMULATOR = '[[source]]\nname = "sim"\nkind = "simulator"\n'


def read(
    folder: Path,
    text: str | bytes | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    if text is not None:
        (folder / "hongshu.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file=None, environ=environ or {}, flags=flags or {}, default_dir=lambda: folder)


def fault(folder: Path, *args: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, *args)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert SECRET not in message
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value.__cause__)
    return message


def remote(*lines: str) -> str:
    return "\n".join(['[[source]]\nname = "joa"\nkind = "remote"', *lines])


def test_without_anything_given_the_settings_are_the_published_defaults(tmp_path: Path) -> None:
    """The defaults are those that the design names."""
    loaded = read(tmp_path)
    assert as_json(loaded.config) == {
        "store": "sqlite",
        "server": {
            "host": "127.0.0.1",
            "port": 8787,
            "workers": 1,
            "background": True,
            "http_status": "always-200",
            "cors_origins": [],
            "public_url": "",
        },
        "cache": {"max_age": 300, "stale_if_error": 0, "page_size": 20},
        "fetch": {"deadline": 55, "cross_check": 0},
        "metering": {"price": 10, "cached_price": 10, "call_log_days": 90},
        "limits": {"rate_per_minute": 600, "burst": 60, "daily_quota": 100000},
        "covers": {
            "hosts": ["xhscdn.com", "xhscdn.net", "rednotecdn.com", "ci.xiaohongshu.com"],
            "allow_networks": [],
            "max_bytes": 10_000_000,
            "concurrency": 4,
            "timeout": 10,
        },
        "watch": {
            "calls_per_day": 0,
            "serve": True,
            "concurrency": 8,
            "silence_days": 14,
            "milestones": ["likes=1000", "likes=10000", "likes=100000"],
        },
        "delivery": {"allow_networks": [], "timeout": 20, "concurrency": 4},
        "worker": {"concurrency": 4},
        "mcp": {"http": False, "session_credits": 1000, "hosts": []},
        "otel": {"endpoint": "", "sample": 1.0},
        "backup": {"folder": "", "every": 86400, "keep": 7},
        "retention": {"raw_days": 90, "event_days": 730, "cover_days": 365, "batch_days": 365},
        "source": [],
        "channel": [],
    }
    assert loaded.config == Config()
    assert (loaded.data_dir, loaded.file) == (tmp_path, None)
    assert set(loaded.origins.values()) == {"default"}


def test_every_kind_of_source_has_its_own_defaults(tmp_path: Path) -> None:
    """What is not given is the kind's default."""
    text = SIMULATOR + '[[source]]\nname = "mine"\nkind = "replay"\nfolder = "captures"\n' + REMOTE
    sim, mine, joa = read(tmp_path, text).config.source
    assert sim == SimulatorConfig(name="sim", seed=7, creators=200, at=None, speed=None)
    assert mine == ReplayConfig(name="mine", folder=tmp_path / "captures")
    assert joa == RemoteConfig(name="joa", preset="justone", token=Secret(SECRET))
    assert [each.kind for each in (sim, mine, joa)] == ["simulator", "replay", "remote"]
    assert {each.timeout for each in (sim, mine, joa)} == {25.0}


def test_flags_go_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    """Each layer wins over the one before it, and the origins say which did."""
    text = "[server]\nport = 1\nworkers = 2\npublic_url = 'https://a.example'\n"
    environ = {"HONGSHU_SERVER__PORT": "3", "HONGSHU_SERVER__WORKERS": "4"}
    loaded = read(tmp_path, text, environ, {"server.port": 5, "server.host": None})
    server = loaded.config.server
    assert (server.port, server.workers, server.public_url, server.host) == (5, 4, "https://a.example", "127.0.0.1")
    assert {path: loaded.origins[f"server.{path}"] for path in ("port", "workers", "public_url", "host")} == {
        "port": "flag --port",
        "workers": "environment HONGSHU_SERVER__WORKERS",
        "public_url": "file hongshu.toml",
        "host": "default",
    }


def test_flags_are_named_as_they_are_typed(tmp_path: Path) -> None:
    """A dotted path with an underscore is a flag with a dash."""
    loaded = read(tmp_path, None, {}, {"cache.max_age": "60", "source": [{"name": "s", "kind": "simulator"}]})
    assert loaded.config.cache.max_age == 60
    assert loaded.origins["cache.max_age"] == "flag --max-age"
    assert loaded.origins["source.s.name"] == "flag --source"
    assert read(tmp_path, SIMULATOR, {}, {"source.sim.seed": 3}).config.source[0] == SimulatorConfig(name="sim", seed=3)


def test_a_flag_may_give_a_path(tmp_path: Path) -> None:
    """Commands pass paths and secrets as what they are."""
    text = '[[source]]\nname = "mine"\nkind = "replay"\nfolder = "a"\n' + REMOTE
    flags = {"source.mine.folder": tmp_path / "b", "source.joa.token": Secret("other")}
    mine, joa = read(tmp_path, text, {}, flags).config.source
    assert isinstance(mine, ReplayConfig)
    assert isinstance(joa, RemoteConfig)
    assert (mine.folder, joa.token) == (tmp_path / "b", Secret("other"))


def test_the_data_directory_comes_from_the_environment_else_from_the_platform(tmp_path: Path) -> None:
    """HONGSHU_DATA_DIR wins, its file is read, and an empty one counts as absent."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "hongshu.toml").write_text("[server]\nport = 9\n")
    loaded = read(tmp_path, None, {"HONGSHU_DATA_DIR": str(elsewhere)})
    assert (loaded.data_dir, loaded.file, loaded.config.server.port) == (elsewhere, elsewhere / "hongshu.toml", 9)
    assert read(tmp_path, None, {"HONGSHU_DATA_DIR": ""}).data_dir == tmp_path
    assert load(file=None, environ={}, flags={}).data_dir.name == "hongshu"


def test_a_relative_data_directory_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data directory is always absolute."""
    monkeypatch.chdir(tmp_path)
    assert read(tmp_path, None, {"hongshu_data_dir": "here"}).data_dir == tmp_path / "here"


def test_a_named_file_takes_the_place_of_the_one_in_the_data_directory(tmp_path: Path) -> None:
    """--config is read instead of hongshu.toml, and named in the origins."""
    (tmp_path / "hongshu.toml").write_text("[server]\nport = 1\nworkers = 2\n")
    mine = tmp_path / "mine.toml"
    mine.write_text("[server]\nport = 3\n")
    loaded = load(file=mine, environ={}, flags={}, default_dir=lambda: tmp_path)
    assert (loaded.config.server.port, loaded.config.server.workers, loaded.file) == (3, 1, mine)
    assert loaded.origins["server.port"] == "file mine.toml"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A --config that is not there is an error; a missing default file is not."""
    with pytest.raises(ConfigError, match=r"^--config .*nowhere\.toml: there is no such file; check the path"):
        load(file=tmp_path / "nowhere.toml", environ={}, flags={}, default_dir=lambda: tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"), [("", "cannot be read (Is a directory)"), ("a\0b", "cannot be read (not a usable path)")]
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, reason: str) -> None:
    """A folder in its place, or a path that no file can have."""
    with pytest.raises(ConfigError, match=re.escape(reason)):
        load(file=tmp_path / name, environ={}, flags={}, default_dir=lambda: tmp_path)


def test_a_default_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """What is there is never skipped in silence."""
    (tmp_path / "hongshu.toml").mkdir()
    assert "hongshu.toml: cannot be read (Is a directory); check the path" in fault(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    """Some editors write one."""
    assert read(tmp_path, b"\xef\xbb\xbf[server]\nport = 1\n").config.server.port == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[server]\nhost = '\xff'", "hongshu.toml: byte 17 is not UTF-8; save the file as UTF-8"),
        ("[server]\nport = = 1", "hongshu.toml: is not valid TOML: Invalid value (at line 2, column 8)"),
        ("[server]\nport =", "hongshu.toml: is not valid TOML: Invalid value (at line 2, column 7)"),
        (f"token = '{SECRET}", 'hongshu.toml: is not valid TOML: Expected "\'" (at line 1, column 36)'),
        ("store = " + "9" * 5000, "hongshu.toml: is not valid TOML: a number in it is too long"),
        ("store = " + "[" * 100_000, "hongshu.toml: is nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_an_error_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    """The line and the column are named, the value is not."""
    assert message in fault(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1", 'hongshu.toml: unknown setting "server.prot"; did you mean "server.port"?'),
        ("[sever]\nport = 1", 'hongshu.toml: unknown setting "sever"; did you mean "server"?'),
        ("port = 1", 'hongshu.toml: unknown setting "port"; did you mean "server.port"?'),
        ("[[sources]]\nname = 'a'", 'hongshu.toml: unknown setting "sources"; did you mean "source"?'),
        ("[[channels]]\nname = 'ops'", 'hongshu.toml: unknown setting "channels"; did you mean "channel"?'),
        ('"a\\nb" = 1', 'hongshu.toml: unknown setting "a\\nb"; known are '),
        (SIMULATOR + "sede = 1", 'hongshu.toml: unknown setting "source.sim.sede"; did you mean "source.sim.seed"?'),
        ("server = 1", "hongshu.toml: server: is a section, not a value; set one of its keys, such as server.host"),
        ("[[server]]\nport = 1", "hongshu.toml: server: is a section, not a value"),
        (
            "[source]\nname = 'a'",
            "hongshu.toml: source is not a list of tables; write [[source]] in the file, a JSON list",
        ),
        ("source = '[]'", "hongshu.toml: source is not a list of tables"),
        ("source = [1]", "hongshu.toml: source is not a list of tables"),
    ],
)
def test_an_unknown_setting_in_the_file_is_an_error_that_names_the_right_one(
    tmp_path: Path, text: str, message: str
) -> None:
    """Nothing in the file is passed over."""
    assert fault(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HONGSHU_SERVER__PROT", 'unknown setting "server.prot"; did you mean HONGSHU_SERVER__PORT?'),
        ("HONGSHU_PORT", 'unknown setting "port"; did you mean HONGSHU_SERVER__PORT?'),
        ("HONGSHU_SERVER", "is a section, not a value; set one of its keys, such as server.host"),
        ("HONGSHU_XYZZY", 'unknown setting "xyzzy"; known are store, '),
        ("HONGSHU_SOURCE__SIM__SEDE", 'unknown setting "source.sim.sede"; did you mean HONGSHU_SOURCE__SIM__SEED?'),
        ("HONGSHU_SOURCE__TOKEN", 'there is no source ""; correct the name, or set its kind to add it'),
        ("HONGSHU_SOURCE__JOA__TOKEN", 'there is no source "joa"; correct the name, or set its kind to add it'),
        ("HONGSHU_SOURCE__1__SEED", 'there is no source "1"; correct the name, or set its kind to add it'),
    ],
)
def test_an_unknown_setting_in_the_environment_is_an_error_that_names_the_right_one(
    tmp_path: Path, name: str, message: str
) -> None:
    """A misspelt variable does not go unnoticed."""
    assert fault(tmp_path, SIMULATOR, {name: SECRET}).startswith(f"environment {name}: {message}")


def test_an_unknown_flag_is_an_error(tmp_path: Path) -> None:
    """Flags are checked like everything else."""
    message = fault(tmp_path, None, {}, {"server.prot": 1})
    assert message == 'flag --prot: unknown setting "server.prot"; did you mean "server.port"?'


def test_variables_of_other_programs_and_of_tests_are_no_settings(tmp_path: Path) -> None:
    """HONGSHU_TEST_ is left to test runs."""
    environ = {"PATH": "/bin", "HONGSHU_TEST_POSTGRES": "x", "hongshu_test_y": "", "HONGSHU": "z", "XHONGSHU_A": "b"}
    assert read(tmp_path, None, environ).config == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[server]\nport = "9000"', 'server.port: "9000" is not a whole number from 0 to 65535'),
        ("[server]\nport = 65536", "server.port: 65536 is not a whole number from 0 to 65535"),
        ("[server]\nport = -1", "server.port: -1 is not a whole number"),
        ("[server]\nport = true", "server.port: true is not a whole number"),
        ("[server]\nport = 1.5", "server.port: 1.5 is not a whole number"),
        ("[server]\nport = {}", "server.port: a table is not a whole number"),
        ("[server]\nport = 0x" + "f" * 5000, "server.port: so large a number is not a whole number"),
        ("[server]\nworkers = 0", "server.workers: 0 is not a whole number from 1 to 64"),
        ("[server]\nworkers = 65", "server.workers: 65 is not a whole number from 1 to 64"),
        ("[server]\nhost = ''", "server.host: is empty; write an address of this machine"),
        ("[server]\nhost = 1", "server.host: 1 is not text"),
        ('[server]\nhost = "a\\u0000"', "server.host: holds a control character or a broken one"),
        ("[server]\nhttp_status = 'real'", 'server.http_status: "real" is not one of "always-200", "mapped"'),
        ("[server]\ncors_origins = 'https://a'", 'server.cors_origins: "https://a" is not a list of texts'),
        ("[server]\ncors_origins = [1]", "server.cors_origins: a list is not a list of texts"),
        ("[cache]\nmax_age = -1", "cache.max_age: -1 is not a whole number from 0 to"),
        ("[cache]\nstale_if_error = -1", "cache.stale_if_error: -1 is not a whole number from 0 to"),
        ("[cache]\npage_size = 0", "cache.page_size: 0 is not a whole number from 1 to 500"),
        ("[cache]\npage_size = 501", "cache.page_size: 501 is not a whole number from 1 to 500"),
        ("[fetch]\ndeadline = 60", "fetch.deadline: 60 is not a number from 1 to 59"),
        ("[fetch]\ndeadline = 0.5", "fetch.deadline: 0.5 is not a number from 1 to 59"),
        ("[fetch]\ndeadline = nan", "fetch.deadline: nan is not a number from 1 to 59"),
        ("[fetch]\ndeadline = inf", "fetch.deadline: inf is not a number from 1 to 59"),
        ("[metering]\nprice = -1", "metering.price: -1 is not a whole number from 0 to"),
        ("[metering]\ncached_price = 1.5", "metering.cached_price: 1.5 is not a whole number from 0 to"),
        ("[limits]\nrate_per_minute = 0", "limits.rate_per_minute: 0 is not a whole number from 1 to"),
        ("[limits]\nburst = 0", "limits.burst: 0 is not a whole number from 1 to"),
        ("[limits]\ndaily_quota = -1", "limits.daily_quota: -1 is not a whole number from 0 to"),
        ("store = 1", "store: 1 is not text"),
        ("store = 'mysql://u:pw@h/d'", 'store: is neither "sqlite" nor an address like postgresql://user@host/db'),
        ("store = 'postgresql://u@h/d e'", 'store: is neither "sqlite" nor an address like postgresql://user@host/db'),
        ("[server]\npublic_url = 'a.example'", "server.public_url: is not an http or https address"),
        (SIMULATOR + "seed = -1", "source.sim.seed: -1 is not a whole number"),
        (SIMULATOR + "creators = 0", "source.sim.creators: 0 is not a whole number from 1 to"),
        (SIMULATOR + "speed = 0", "source.sim.speed: 0 is not a number from"),
        (SIMULATOR + "timeout = 0", "source.sim.timeout: 0 is not a number from"),
        (SIMULATOR + "pause = [3, 2]", "source.sim.pause: is not from the shorter to the longer, both from 0 to 3600"),
        (SIMULATOR + "pause = [3]", "source.sim.pause: a list is not a list of two numbers"),
        (SIMULATOR + "hours = '9-17'", "source.sim.hours: is no stretch of a day; write it like 08:00-23:00"),
        (SIMULATOR + "zone = 'Peking'", "source.sim.zone: is no time zone; write its IANA name"),
        (SIMULATOR + "rate = 0", "source.sim.rate: 0 is not a number from 0.0001 to 10000"),
        (VENDOR + "auth = 'basic'", "source.tik.auth: says not how the token travels"),
        (VENDOR + "notes_at = 'a..b'", "source.tik.notes_at: is no way to a field"),
        (VENDOR + "success = ['code=ok']", "source.tik.success: does not say what success is"),
        (VENDOR + "user_parameter = 'a b'", "source.tik.user_parameter: is no parameter's name"),
        (SIMULATOR + "daily_calls = -1", "source.sim.daily_calls: -1 is not a whole number from 0 to 1000000000"),
    ],
)
def test_a_wrong_value_in_the_file_is_an_error_with_its_path_and_what_is_right(
    tmp_path: Path, text: str, message: str
) -> None:
    """Wrong types and bounds are told apart from right ones, with the right ones named."""
    assert fault(tmp_path, text).startswith(f"hongshu.toml: {message}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVER__PORT", "abc", '"abc" is not a whole number from 0 to 65535'),
        ("SERVER__PORT", "", '"" is not a whole number'),
        ("SERVER__PORT", "x" * 99, f'"{"x" * 57}…" is not a whole number'),
        ("FETCH__DEADLINE", "nan", '"nan" is not a number from 1 to 59'),
        ("SERVER__CORS_ORIGINS", "[1", '"[1" is not a list of texts'),
        ("SERVER__CORS_ORIGINS", "[" * 9999, "is not a list of texts"),
        ("SERVER__HOST", "\udc80", "holds a control character or a broken one"),
        ("SOURCE", "[{", 'is not JSON; write a list of sources like [{"name": "sim", "kind": "simulator"}]'),
        ("SOURCE", "[" * 9999, "is not JSON"),
        ("SOURCE", f"{SECRET}\udc80", "is not JSON"),
        ("SOURCE", '{"name": "a"}', "source is not a list of tables"),
        ("SOURCE", '[{"name": "a", "kind": "simulator", "seed": -1}]', "source.a.seed: -1 is not a whole number"),
        ("SOURCE", '[{"kind": "simulator"}]', "source.0.name: is missing; give text"),
        ("DATA_DIR", "a\0", "holds a control character"),
    ],
)
def test_a_wrong_value_in_the_environment_is_an_error_with_its_variable(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    """The variable is named, the value shortened."""
    told = fault(tmp_path, None, {f"HONGSHU_{name}": value})
    assert told.startswith(f"environment HONGSHU_{name}: ")
    assert message in told


def test_a_wrong_flag_is_an_error_with_its_name(tmp_path: Path) -> None:
    """The flag is named as it is typed."""
    assert (
        fault(tmp_path, None, {}, {"server.port": 70000}) == "flag --port: 70000 is not a whole number from 0 to 65535"
    )


def test_the_environment_reads_numbers_truths_and_lists_from_text(tmp_path: Path) -> None:
    """Lists are JSON or separated by commas; names may be in any case."""
    environ = {
        "hongshu_server__port": "9000",
        "HONGSHU_FETCH__DEADLINE": "12.5",
        "HONGSHU_SERVER__CORS_ORIGINS": '["https://a.example", "http://b.example:81"]',
        "HONGSHU_SOURCE__JOA__ALLOW_CLEARTEXT": "true",
        "HONGSHU_SOURCE__JOA__PRESET": "justone-cn",
    }
    loaded = read(tmp_path, REMOTE, environ)
    assert (loaded.config.server.port, loaded.config.fetch.deadline) == (9000, 12.5)
    assert loaded.config.server.cors_origins == ("https://a.example", "http://b.example:81")
    assert isinstance(loaded.config.source[0], RemoteConfig)
    assert loaded.config.source[0].address == PRESETS["justone-cn"]
    assert loaded.origins["server.port"] == "environment HONGSHU_SERVER__PORT"
    commas = read(tmp_path, None, {"HONGSHU_SERVER__CORS_ORIGINS": "https://a.example, https://b.example,"})
    assert commas.config.server.cors_origins == ("https://a.example", "https://b.example")


def test_a_variable_in_two_spellings_is_an_error(tmp_path: Path) -> None:
    """Which one holds would depend on chance."""
    message = fault(tmp_path, None, {"HONGSHU_SERVER__PORT": "1", "hongshu_server__port": "2"})
    assert message.startswith("environment HONGSHU_SERVER__PORT: is set twice, in upper and in lower case")


@pytest.mark.parametrize("name", ["MY_JOA", "my-joa", "0"])
def test_the_environment_names_a_source_by_name_or_number(tmp_path: Path, name: str) -> None:
    """A dash in the name is an underscore in the variable."""
    environ = {f"HONGSHU_SOURCE__{name}__TOKEN": SECRET}
    loaded = read(tmp_path, '[[source]]\nname = "my-joa"\nkind = "remote"\npreset = "justone"\n', environ)
    assert isinstance(loaded.config.source[0], RemoteConfig)
    assert loaded.config.source[0].token == Secret(SECRET)
    assert loaded.origins["source.my-joa.token"] == f"environment HONGSHU_SOURCE__{name.upper()}__TOKEN"


def test_a_name_goes_before_a_number(tmp_path: Path) -> None:
    """A source may be named 0."""
    text = SIMULATOR + '[[source]]\nname = "0"\nkind = "simulator"\n'
    first, second = read(tmp_path, text, {"HONGSHU_SOURCE__0__TIMEOUT": "3"}).config.source
    assert (first.timeout, second.timeout) == (25.0, 3.0)


def test_a_source_with_two_underscores_in_its_name_can_be_named(tmp_path: Path) -> None:
    """The last part of the variable is the key."""
    text = '[[source]]\nname = "a__b_"\nkind = "simulator"\n'
    assert read(tmp_path, text, {"HONGSHU_SOURCE__A__B___SEED": "3"}).config.source[0] == SimulatorConfig(
        name="a__b_", seed=3
    )


def test_a_variable_that_means_two_sources_is_an_error(tmp_path: Path) -> None:
    """a-b and a_b are alike in the environment."""
    text = "".join(f'[[source]]\nname = "{name}"\nkind = "simulator"\n' for name in ("a-b", "a_b"))
    assert read(tmp_path, text).config.source[1].name == "a_b"
    message = fault(tmp_path, text, {"HONGSHU_SOURCE__A_B__SEED": "1"})
    assert message.startswith("environment HONGSHU_SOURCE__A_B__SEED: means more than one source; rename them")


def test_the_environment_makes_a_source_by_giving_its_kind(tmp_path: Path) -> None:
    """New sources follow those of the file, in the order of their names."""
    environ = {
        "HONGSHU_SOURCE__ZOE__KIND": "simulator",
        "HONGSHU_SOURCE__JOA__KIND": "remote",
        "HONGSHU_SOURCE__JOA__PRESET": "justone",
        "HONGSHU_SOURCE__JOA__TOKEN": SECRET,
    }
    loaded = read(tmp_path, SIMULATOR, environ)
    assert [source.name for source in loaded.config.source] == ["sim", "joa", "zoe"]
    assert loaded.origins["source.joa.name"] == "environment HONGSHU_SOURCE__JOA__KIND"
    del environ["HONGSHU_SOURCE__JOA__TOKEN"]
    assert fault(tmp_path, None, environ).startswith(
        "environment HONGSHU_SOURCE__JOA__KIND: source.joa.token: is missing; set token_file"
    )


def test_the_environment_may_give_all_sources_as_json(tmp_path: Path) -> None:
    """The list takes the place of the file's, and single variables still go over it."""
    sources = '[{"name": "joa", "kind": "remote", "preset": "justone", "token": "a", "ca_file": null}]'
    loaded = read(tmp_path, SIMULATOR, {"HONGSHU_SOURCE": sources, "HONGSHU_SOURCE__JOA__TOKEN": "b"})
    assert loaded.config.source == (RemoteConfig(name="joa", preset="justone", token=Secret("b")),)
    assert loaded.origins["source.joa.preset"] == "environment HONGSHU_SOURCE"
    assert loaded.origins["source.joa.ca_file"] == "default"


def test_relative_paths_start_at_the_file_or_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's paths follow the file; the environment's follow the shell."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    text = '[[source]]\nname = "mine"\nkind = "replay"\nfolder = "captures"\n' + REMOTE + 'ca_file = "ca.pem"\n'
    mine, joa = read(tmp_path, text).config.source
    assert isinstance(mine, ReplayConfig)
    assert isinstance(joa, RemoteConfig)
    assert (mine.folder, joa.ca_file) == (tmp_path / "captures", tmp_path / "ca.pem")
    moved = read(tmp_path, text, {"HONGSHU_SOURCE__MINE__FOLDER": "captures"}).config.source[0]
    assert moved == ReplayConfig(name="mine", folder=here / "captures")
    (here / "c.toml").write_text(text)
    beside = load(file=Path("c.toml"), environ={}, flags={}, default_dir=lambda: tmp_path)
    assert beside.config.source[0] == ReplayConfig(name="mine", folder=here / "captures")
    assert beside.file == here / "c.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[source]]\n", "source.0.kind: is missing; give one of simulator, replay, remote"),
        ('[[source]]\nname = "a"', "source.a.kind: is missing; give one of simulator, replay, remote"),
        ('[[source]]\nkind = "simulator"', "source.0.name: is missing; give text"),
        ('[[source]]\nkind = "simulatr"', 'source.0.kind: "simulatr" is not a kind of source; give one of simulator'),
        ("[[source]]\nkind = []", "source.0.kind: a list is not a kind of source; give one of simulator"),
        (
            '[[source]]\nname = "br"\nkind = "browser"',
            "source.br.owner: is missing; name the account that the signed-in session belongs to",
        ),
        ('[[source]]\nkind = "crawler"', 'source.0.kind: "crawler" is not a kind of source; give one of simulator'),
        ('[[source]]\nname = "A"\nkind = "simulator"', "source.0.name: is not a source's name; write 1 to 32 of a-z"),
        (f'[[source]]\nname = "{"a" * 33}"\nkind = "simulator"', "source.0.name: is not a source's name"),
        ('[[source]]\nname = "-a"\nkind = "simulator"', "source.0.name: is not a source's name"),
        ('[[source]]\nname = "a\\n"\nkind = "simulator"', "source.0.name: holds a control character"),
        (SIMULATOR + SIMULATOR, 'source.sim.name: two sources are named "sim"; rename one'),
        ('[[source]]\nname = "m"\nkind = "replay"', "source.m.folder: is missing; give a path"),
        ('[[source]]\nname = "m"\nkind = "replay"\nfolder = ""', 'source.m.folder: "" is not a path'),
        ('[[source]]\nname = "m"\nkind = "replay"\nfolder = 1', "source.m.folder: 1 is not a path"),
        ('[[source]]\nname = "m"\nkind = "replay"\nfolder = "\\u0000"', "source.m.folder: holds a control character"),
        (remote(f'token = "{SECRET}"'), 'source.joa.url: is missing; give url = "https://…", or preset as one of'),
        (remote('preset = "tikhub"'), 'source.joa.preset: "tikhub" is not one of "justone", "justone-cn"'),
        (REMOTE + 'url = "https://a.example"', "source.joa.url: stands beside preset; give only one of the two"),
        (
            remote('preset = "justone"'),
            "source.joa.token: is missing; set token_file, or HONGSHU_SOURCE__JOA__TOKEN in",
        ),
        (remote('preset = "justone"', 'token = ""'), "source.joa.token: is missing; set token_file"),
        (remote('preset = "justone"', "token = 4711"), "source.joa.token: the value is not text"),
        (remote('preset = "justone"', f'token = "{SECRET} "'), "source.joa.token: is no token: "),
        (remote('preset = "justone"', f'token = "{SECRET}\\n"'), "source.joa.token: is no token: "),
        (remote('preset = "justone"', f'token = "{SECRET}…"'), "source.joa.token: is no token: "),
        (remote('preset = "justone-cn"', f'token = "{SECRET}"'), "source.joa.preset: is plain http to another machine"),
        (REMOTE + 'allow_cleartext = "yes"', 'source.joa.allow_cleartext: "yes" is not true or false'),
        ('[[source]]\nname = "tik"\nkind = "vendor"\npreset = "tikhub"', "source.tik.token: is missing"),
        ('[[source]]\nname = "tik"\nkind = "vendor"\ntoken = "t"', "source.tik.url: is missing; give url"),
        (REMOTE + 'token_file = "joa.token"', "source.joa.token_file: stands beside token; give only one of the two"),
    ],
)
def test_a_source_that_does_not_fit_together_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """Every rule about a source says what to do, and never shows the token."""
    told = fault(tmp_path, text)
    assert told.startswith(f"hongshu.toml: {message}")
    assert "4711" not in told


@pytest.mark.parametrize(
    "url",
    [
        "a.example",
        "ftp://a.example",
        "https://",
        "https:///path",
        "https://:80",
        "https://user@a.example",
        f"https://user:{SECRET}@a.example",
        f"https://a.example/?token={SECRET}",
        "https://a.example/#part",
        "https://a.example:x",
        "https://a.example:0",
        "https://a.example:70000",
        "https://a b.example",
        "https://[::1",
        "https://a.example\u2028",
        "",
    ],
)
def test_a_remote_url_is_a_plain_http_address(tmp_path: Path, url: str) -> None:
    """What is not one is refused without being shown, for it may hold a secret."""
    message = fault(tmp_path, remote(f"url = '{url}'", 'token = "t"'))
    assert message.startswith("hongshu.toml: source.joa.url: ")
    assert url in {"", "https://"} or url not in message


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "http://127.8.8.8", "http://[::1]:9/v", "http://localhost", "https://a.example"]
)
def test_a_url_that_keeps_the_token_private_needs_no_leave(tmp_path: Path, url: str) -> None:
    """Loopback never leaves the machine, and https is sealed."""
    source = read(tmp_path, remote(f"url = '{url}'", 'token = "t"')).config.source[0]
    assert isinstance(source, RemoteConfig)
    assert source.address == url


@pytest.mark.parametrize("url", ["http://a.example", "http://10.0.0.1", "http://0.0.0.0", "http://localhost.example"])
def test_cleartext_to_another_machine_must_be_allowed(tmp_path: Path, url: str) -> None:
    """The message says that the token would travel in clear."""
    lines = (f"url = '{url}'", 'token = "t"')
    message = fault(tmp_path, remote(*lines))
    assert "source.joa.url: is plain http to another machine, so the token would travel in clear" in message
    assert "allow_cleartext = true" in message
    assert read(tmp_path, remote(*lines, "allow_cleartext = true")).config.source


def test_the_plain_http_preset_works_once_it_is_allowed(tmp_path: Path) -> None:
    """Presets stand for the published addresses."""
    source = read(tmp_path, REMOTE.replace("justone", "justone-cn") + "allow_cleartext = true").config.source[0]
    assert isinstance(source, RemoteConfig)
    assert source.address == "http://47.117.133.51:30015"
    assert RemoteConfig(name="a", preset="justone").address == "https://api.justoneapi.com"
    assert get_args(settings_of(RemoteConfig)["preset"].type) == tuple(PRESETS)


@pytest.mark.parametrize(
    "origin", ["*", "null", "a.example", "https://a.example/", "https://a.example/p", "https://A.example", "ws://a", ""]
)
def test_an_origin_is_written_as_browsers_send_it(tmp_path: Path, origin: str) -> None:
    """An origin that no browser sends would never match."""
    message = fault(tmp_path, f"[server]\ncors_origins = ['https://ok.example', '{origin}']")
    assert message.startswith("hongshu.toml: server.cors_origins: holds something that is not an origin; write each")


@pytest.mark.parametrize("at", ['"2026-01-01T00:00:00Z"', '"2026-01-01T08:00:00+08:00"', "2026-01-01T00:00:00Z"])
def test_a_simulators_time_is_rfc_3339(tmp_path: Path, at: str) -> None:
    """TOML's own date and time is taken as well."""
    source = read(tmp_path, SIMULATOR + f"at = {at}\nspeed = 2").config.source[0]
    assert isinstance(source, SimulatorConfig)
    assert (source.at_ms, source.speed) == (1_767_225_600_000, 2.0)
    assert SimulatorConfig(name="sim").at_ms is None


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1767225600", ""]
)
def test_a_simulators_time_without_zone_or_sense_is_an_error(tmp_path: Path, at: str) -> None:
    """The zone must be given."""
    message = fault(tmp_path, SIMULATOR + f'at = "{at}"')
    assert message.startswith("hongshu.toml: source.sim.at: is not a time with its zone as in RFC 3339; write one like")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"])
def test_a_simulators_time_is_one_that_note_ids_can_hold(tmp_path: Path, at: str) -> None:
    """The first eight hex digits of an id are seconds since 1970."""
    assert "source.sim.at: is before 1970 or after 2106" in fault(tmp_path, SIMULATOR + f'at = "{at}"')


def test_a_token_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """The first line counts, without the space around it, and the path starts at the configuration."""
    (tmp_path / "joa.token").write_text(f"  {SECRET} \nnot this\n")
    loaded = read(tmp_path, remote('preset = "justone"', 'token_file = "joa.token"'))
    source = loaded.config.source[0]
    assert isinstance(source, RemoteConfig)
    assert (source.token, source.token_file) == (Secret(SECRET), tmp_path / "joa.token")
    assert loaded.origins["source.joa.token"] == "file hongshu.toml"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory); check the path and its permissions"),
        (b"\nsecond", "has an empty first line; put the token there"),
        (b"", "has an empty first line"),
        (SECRET.encode() + b"\xff", "is no token"),
        (SECRET.encode() * 1000, "is no token"),
    ],
)
def test_a_token_file_without_a_token_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    """The file is named by its setting; what stands in it is not shown."""
    if content is not None:
        (tmp_path / "joa.token").write_bytes(content)
    told = fault(tmp_path, remote('preset = "justone"', 'token_file = "joa.token"'))
    assert told.startswith(f"hongshu.toml: source.joa.token_file: {message}")


def test_a_secret_shows_itself_nowhere() -> None:
    """Neither printed, formatted, compared, pickled, copied nor encoded does it give its text away."""
    secret = Secret(SECRET)
    source = RemoteConfig(name="joa", preset="justone", token=secret)
    assert {repr(secret), str(secret), f"{secret}"} == {"***"}
    assert SECRET not in repr(source)
    assert secret.reveal() == SECRET
    assert secret != SECRET
    assert secret == Secret(SECRET)
    assert secret != Secret("other")
    assert hash(secret) == hash(Secret("other"))
    assert Secret("\udc80") != secret
    assert not Secret()
    for write in (pickle.dumps, copy.copy, msgspec.json.encode):
        with pytest.raises(TypeError):
            write(secret)


def test_the_listing_holds_every_value_and_its_origin_with_secrets_starred(tmp_path: Path) -> None:
    """One line a setting, each source's under its name."""
    text = "[fetch]\ndeadline = 50\n[server]\ncors_origins = ['https://a.example']\n" + SIMULATOR + REMOTE
    listed = entries(read(tmp_path, text, {"HONGSHU_SOURCE__JOA__ALLOW_CLEARTEXT": "1"}))
    by_path = {entry.path: entry for entry in listed}
    assert len(by_path) == len(listed)
    assert [entry.path for entry in listed][: len(PLAIN)] == list(PLAIN)
    for name, kind in (("sim", SimulatorConfig), ("joa", RemoteConfig)):
        assert {f"source.{name}.{key}" for key in ("kind", *settings_of(kind))} <= set(by_path)
    assert by_path["fetch.deadline"] == Entry("fetch.deadline", "50", "file hongshu.toml")
    assert by_path["server.cors_origins"].value == '["https://a.example"]'
    assert by_path["server.public_url"] == Entry("server.public_url", "", "default")
    assert by_path["source.sim.at"].value == ""
    assert by_path["source.sim.kind"].value == "simulator"
    assert by_path["source.joa.token"] == Entry("source.joa.token", "***", "file hongshu.toml")
    assert by_path["source.joa.allow_cleartext"] == Entry(
        "source.joa.allow_cleartext", "true", "environment HONGSHU_SOURCE__JOA__ALLOW_CLEARTEXT"
    )


def test_the_settings_as_json_are_ready_to_encode_with_secrets_starred(tmp_path: Path) -> None:
    """Paths are texts, a token that is set is three stars, and one that is not is empty."""
    text = REMOTE + '[[source]]\nname = "mine"\nkind = "replay"\nfolder = "captures"\n'
    shown = as_json(read(tmp_path, text).config)
    assert shown["source"][0]["token"] == "***"
    assert shown["source"][0]["kind"] == "remote"
    assert shown["source"][1]["folder"] == str(tmp_path / "captures")
    assert SECRET not in msgspec.json.encode(shown).decode()
    assert as_json(Config(source=(RemoteConfig(name="a"),)))["source"][0]["token"] == ""


@pytest.mark.parametrize(
    ("words", "path"), [("reference", "reference/settings.md"), ("example", "hongshu.example.toml")]
)
def test_the_committed_documents_are_those_that_the_definition_gives(words: str, path: str) -> None:
    """Run `python -m hongshu.config` to write them again."""
    done = subprocess.run([sys.executable, "-m", "hongshu.config", words], capture_output=True, check=True)
    assert (DOCS / path).read_bytes() == done.stdout


def test_every_setting_stands_in_the_reference_in_both_languages() -> None:
    """Each has a row with its path, its variable and what it means."""
    every = list(PLAIN.items())
    every += [(f"source.<name>.{key}", each) for kind in KINDS.values() for key, each in settings_of(kind).items()]
    for lang in ("en", "zh"):
        rows = reference_markdown(lang).splitlines()
        for path, setting in every:
            named = [line for line in rows if line.startswith(f"| `{path}` |")]
            assert any(setting.meaning(lang) in row for row in named)
            assert all(env_name(path).upper() in row for row in named)
        assert any(line.startswith("| `source.<name>.kind` |") for line in rows)
    assert reference_markdown("en", "zh") == reference_markdown("en") + "\n" + reference_markdown("zh")


def test_every_setting_is_described_in_english_and_in_chinese() -> None:
    """One English sentence, and one with Chinese signs."""
    for part in (
        *map(type, (getattr(Config(), name) for name in Config.__struct_fields__[1:6])),
        *KINDS.values(),
        Config,
    ):
        for setting in settings_of(part).values():
            assert re.fullmatch(r"[A-Z][ -~]+\.", setting.meaning("en")), setting.key
            assert re.search(r"[\u4e00-\u9fff].*。$", setting.meaning("zh")), setting.key


def test_the_example_file_gives_the_defaults_and_a_simulator(tmp_path: Path) -> None:
    """Copied as it is, it changes nothing but to make the first source."""
    assert read(tmp_path, example_toml()).config == Config(source=(SimulatorConfig(name="sim"),))


def test_the_example_file_without_its_marks_loads_and_names_every_setting(tmp_path: Path) -> None:
    """Each commented line is a setting that may be given."""
    (tmp_path / "joa.token").write_text("t")
    (tmp_path / "tik.token").write_text("t")
    (tmp_path / "ops.url").write_text("slack://a/b/c")
    text = re.sub(r"(?m)^#(?=\S)", "", example_toml())
    config = read(tmp_path, text).config
    assert [source.name for source in config.source] == ["sim", "mine", "joa", "tik", "other", "own", "peer"]
    assert [(one.name, one.url) for one in config.channel] == [("ops", Secret("slack://a/b/c"))]
    assert msgspec.structs.replace(config, source=(), channel=()) == Config()
    keys = {key for kind in KINDS.values() for key in settings_of(kind)} | {path.rpartition(".")[2] for path in PLAIN}
    assert keys <= set(re.findall(r"(?m)^(\w+) = ", text))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "channel.ops.url_file: is missing; name a file"),
        ("url_file = 'none.url'", "channel.ops.url_file: cannot be read"),
        ("url_file = 'empty.url'", "channel.ops.url_file: is empty; put the channel's address there"),
        ("url = 'a://b'\nurl_file = 'ops.url'", "channel.ops.url_file: stands beside url; give only one of the two"),
        ("url = 'a://b'\nzone = 'Mars'", "channel.ops.zone: is no time zone"),
        ("url = 'a://b'\ndigest = '7m'", "channel.ops.digest: is no time of digests"),
        ("url = 'a://b'\nquiet_hours = '8-9'", "channel.ops.quiet_hours: is no stretch of a day"),
        ("url = 'a://b'\nlang = 'fr'", 'channel.ops.lang: "fr" is not one of "en", "zh"'),
        ("url = 'a://b'\nlnag = 'en'", 'unknown setting "channel.ops.lnag"; did you mean "channel.ops.lang"?'),
        ("url = 'a://b'\n[[channel]]\nname = 'ops'\nurl = 'c://d'", 'two channels are named "ops"; rename one'),
    ],
)
def test_a_channel_that_is_wrong_is_told(tmp_path: Path, table: str, said: str) -> None:
    """With the place and what to do, without its address."""
    (tmp_path / "empty.url").write_text("\n")
    (tmp_path / "ops.url").write_text("slack://a/b/c")
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, f"[[channel]]\nname = 'ops'\n{table}")
    assert said in wrong.value.message
    assert "://" not in wrong.value.message


def test_channels_come_from_the_environment_too(tmp_path: Path) -> None:
    """As a JSON list; their addresses are not shown."""
    loaded = read(tmp_path, environ={"HONGSHU_CHANNEL": '[{"name": "ops", "url": "slack://a/b/c", "lang": "zh"}]'})
    assert as_json(loaded.config)["channel"][0]["url"] == "***"
    assert loaded.origins["channel.ops.lang"] == "environment HONGSHU_CHANNEL"


def test_importing_the_settings_loads_nothing_heavy() -> None:
    """Commands that need no data directory do not pay for finding one."""
    script = "import sys, hongshu.config; print(*{'platformdirs', 'aiohttp', 'asyncio', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(
        ["justone", "sqlite", "remote", "simulator", "https://a.example", "2026-01-01T00:00:00Z", "vendor", ""]
    ),
)
KEYS = st.sampled_from(sorted({key for kind in KINDS.values() for key in settings_of(kind)} | {"kind"})) | st.text()
TREES = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=2), max_size=5)
PATHS = st.sampled_from(
    [env_name(path) for path in PLAIN] + ["HONGSHU_SOURCE", "HONGSHU_DATA_DIR", "HONGSHU_SOURCE__JOA__TOKEN"]
)
NAMES = (
    PATHS | st.text(max_size=20).map(lambda text: f"HONGSHU_{text}") | KEYS.map(lambda key: f"HONGSHU_SOURCE__A__{key}")
)


def holds(text: bytes, environ: Mapping[str, str], flags: Mapping[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            entries(read(Path(folder), text, environ, flags))
        except ConfigError as exc:
            message = str(exc)
        else:
            return
    assert len(message.splitlines()) == 1
    assert message.isprintable()


@settings(deadline=None)
@given(st.binary())
@example(b"a = 0001-01-01T00:00:00")
@example(b'"\\u2028" = 1')
def test_whatever_bytes_stand_in_the_file_load_returns_or_says_one_line(text: bytes) -> None:
    """No other exception, and no second line."""
    holds(text, {}, {})


@settings(deadline=None)
@given(st.text(alphabet="[]{}\"'=.,#\n \\ \t019aesrtu:TZ-+_\u2028\0"))
def test_whatever_looks_like_toml_in_the_file_load_returns_or_says_one_line(text: str) -> None:
    """Signs that TOML gives a meaning to reach deeper."""
    holds(text.encode(), {}, {})


@settings(deadline=None)
@given(
    st.dictionaries(
        NAMES,
        st.text() | SCALARS.map(str) | st.lists(TREES).map(lambda each: msgspec.json.encode(each).decode()),
        max_size=4,
    )
)
def test_whatever_stands_in_the_environment_load_returns_or_says_one_line(environ: dict[str, str]) -> None:
    """Names and values alike."""
    environ = {name: value for name, value in environ.items() if name.upper() != "HONGSHU_DATA_DIR" or "/" not in value}
    holds(b"", environ, {})


@settings(deadline=None)
@given(
    st.lists(TREES, max_size=3),
    st.dictionaries(st.sampled_from([*PLAIN, "source.0.token", "source"]) | st.text(), SCALARS),
)
def test_whatever_sources_and_flags_are_given_load_returns_or_says_one_line(
    sources: list[dict[str, object]], flags: dict[str, object]
) -> None:
    """Structured values go through the same checks as texts."""
    holds(b"", {}, {"source": sources, **flags})
    holds(b"", {"HONGSHU_SOURCE": msgspec.json.encode(sources).decode()}, flags)


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("postgresql://u:s3cret@h:5433/d", "postgresql://u:***@h:5433/d"),
        ("postgresql://u@h/d?password=s3cret&sslmode=require", "postgresql://u@h/d?password=***&sslmode=require"),
        ("postgres://u@h/d", "postgres://u@h/d"),
    ],
)
def test_the_address_of_a_store_is_shown_without_its_password(tmp_path: Path, store: str, shown: str) -> None:
    """It is used as it was given, and never shown so."""
    loaded = read(tmp_path, f"store = '{store}'")
    assert loaded.config.store.reveal() == store
    assert as_json(loaded.config)["store"] == shown
    assert "s3cret" not in str(entries(loaded))
