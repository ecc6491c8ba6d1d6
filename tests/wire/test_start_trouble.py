"""What keeps a server from starting: one clear line on standard error, exit status 2, and never a traceback."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import stores
from running import SIMULATOR, Running, run_hongshu, start_server

USER = "5c2f338a000000000701e1c6"


def refused(data_dir: Path, *words: str, arguments: tuple[str, ...] = ("serve", "--port", "0")) -> None:
    """Run a command that must not work, and check the one line that it says."""
    done = run_hongshu(*arguments, data_dir=data_dir)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("hongshu: ")
    for word in words:
        assert word in line


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Path]:
    """Write a configuration into a data directory of the test's own."""

    def write(config: str) -> Path:
        data_dir = tmp_path / "data"
        data_dir.mkdir(exist_ok=True)
        (data_dir / "hongshu.toml").write_text(config, encoding="utf-8")
        return data_dir

    return write


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that a server has used and left: accounts, money and some pages of notes."""
    server = start_server(tmp_path_factory.mktemp("used") / "data", SIMULATOR)
    for number in range(20):
        assert server.page(f"{USER[:-2]}{number:02x}").code == 0
    assert server.stop() == 0
    return server.data_dir


@pytest.fixture
def used(left_behind: Path, tmp_path: Path) -> Path:
    """A copy of a used data directory."""
    return stores.same(Path(shutil.copytree(left_behind, tmp_path / "used")), left_behind)


def test_a_used_data_directory_starts_again(serve: Callable[..., Running], used: Path) -> None:
    """What the tests below spoil is whole before they do."""
    server = serve(SIMULATOR, name=used.name)
    assert server.page(USER).code == 0
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[server\nport = 1", ("hongshu.toml", "not valid TOML", "line 1")),
        ("[server]\nprot = 1", ("hongshu.toml", "server.prot", "server.port")),
        ("[sever]\nport = 1", ("hongshu.toml", "sever", "server")),
        ('[cache]\npage_size = "many"', ("cache.page_size", "many")),
        ("[cache]\npage_size = 7000", ("cache.page_size", "7000", "500")),
        ('[server]\nhttp_status = "sometimes"', ("server.http_status", "always-200", "mapped")),
        ('[[source]]\nkind = "simulator"', ("source", "name", "missing")),
        ('[[source]]\nname = "x"\nkind = "oracle"', ("oracle", "simulator, replay, remote")),
        ('[[source]]\nname = "x"\nkind = "simulator"\nseeds = 7', ("seeds", "seed")),
        ('[[source]]\nname = "x"\nkind = "remote"\nurl = "http://10.0.0.9"\ntoken = "t0k"', ("allow_cleartext",)),
        ('[[source]]\nname = "x"\nkind = "remote"\nurl = "https://10.0.0.9"', ("token", "missing")),
        ("\x00", ("hongshu.toml", "not valid TOML")),
    ],
)
def test_a_configuration_that_is_wrong_says_where_and_what_instead(
    configured: Callable[[str], Path], config: str, words: tuple[str, ...]
) -> None:
    """Broken TOML, an unknown key with the nearest right one, a wrong value, a source that lacks something."""
    refused(configured(config), *words)


def test_a_configuration_that_is_not_utf8_or_not_there_is_refused(configured: Callable[[str], Path]) -> None:
    """The file that was named must be readable."""
    data_dir = configured("")
    refused(data_dir, "nowhere.toml", arguments=("serve", "--config", str(data_dir / "nowhere.toml")))
    (data_dir / "hongshu.toml").write_bytes(b"# \xff\n")
    refused(data_dir, "hongshu.toml", "UTF-8")


def test_a_taken_port_is_said_before_anything_starts(configured: Callable[[str], Path]) -> None:
    """The line names the port and what to do."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = str(other.getsockname()[1])
        refused(configured(SIMULATOR), port, "taken", "--port", arguments=("serve", "--port", port))


def test_an_address_of_another_machine_cannot_be_listened_on(configured: Callable[[str], Path]) -> None:
    """The line names the address."""
    refused(configured(f'[server]\nhost = "192.0.2.1"\n{SIMULATOR}'), "192.0.2.1")


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("account", "list"), ("fetch", USER)])
def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A path below a file: every command says so."""
    file = tmp_path / "file"
    file.write_text("no folder", encoding="utf-8")
    config = tmp_path / "hongshu.toml"
    config.write_text(SIMULATOR, encoding="utf-8")
    refused(file / "data", str(file), "HONGSHU_DATA_DIR", arguments=(*arguments, "--config", str(config)))


@pytest.mark.files("they are damaged")
@pytest.mark.parametrize("name", ["notes.db", "money.db"])
@pytest.mark.parametrize("damage", ["garbage", "one page", "truncated"])
def test_a_damaged_database_is_noticed_at_the_start(used: Path, name: str, damage: str) -> None:
    """Other bytes in all of it, in one page, or half of it gone: never served, the file is named."""
    path = used / name
    content = path.read_bytes()
    page = int.from_bytes(content[16:18], "big")
    assert len(content) > 5 * page >= 5 * 512
    match damage:
        case "garbage":
            path.write_bytes(b"\xa5" * len(content))
        case "one page":
            path.write_bytes(content[: 2 * page] + b"\xa5" * page + content[3 * page :])
        case _:
            path.write_bytes(content[: len(content) // 2])
    refused(used, str(path), "damaged", "restore a backup")


@pytest.mark.files("another program's are in their place")
@pytest.mark.parametrize("name", ["notes.db", "money.db"])
def test_a_database_of_something_else_is_left_alone(configured: Callable[[str], Path], name: str) -> None:
    """It is not ours: refused, and not one byte of it changes."""
    data_dir = configured(SIMULATOR)
    (data_dir / "hongshu.key").write_bytes(b"k" * 32)
    path = data_dir / name
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.commit()
    before = path.read_bytes()
    refused(data_dir, str(path), "something else")
    assert path.read_bytes() == before


@pytest.mark.files("one is written by itself; of both kinds in test_both_databases")
@pytest.mark.parametrize("name", ["notes.db", "money.db"])
def test_a_database_of_a_newer_version_is_refused(used: Path, name: str) -> None:
    """A migration that this version does not know."""
    with closing(sqlite3.connect(used / name)) as db:
        db.execute("INSERT INTO migrations VALUES (999, '0999_future.sql', 'unknown')")
        db.commit()
    refused(used, name, "newer")


@pytest.mark.files("a key is missed where they are")
def test_a_missing_or_damaged_key_is_not_made_anew(used: Path) -> None:
    """Without the key no token works, so another one would only hide the loss."""
    key = used / "hongshu.key"
    kept = key.read_bytes()
    key.write_bytes(kept[:31])
    refused(used, str(key), "damaged")
    key.unlink()
    refused(used, str(key), "missing", "backup")
    assert not key.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        *(("serv",), ("serve", "now"), ("serve", "--prot", "1"), ("serve", "--port", "many"), ("serve", "--port")),
        *(("account", "creat", "x"), ("account", "create"), ("account", "topup", "x", "5")),
        *(("token", "create"), ("token", "revoke"), ("fetch",), ("source", "check", "no-such-source")),
        *(("account", "show", "nobody"), ("account", "create", "x", "--balance", "-1"), ("fetch", "no user at all")),
        ("token", "create", "--account", "nobody", "--scope", "everything"),
    ],
    ids=" ".join,
)
def test_a_command_that_is_typed_wrongly_exits_with_2(
    configured: Callable[[str], Path], arguments: tuple[str, ...]
) -> None:
    """Unknown commands and options, missing arguments, names of nothing: said on standard error only."""
    done = run_hongshu(*arguments, data_dir=configured(SIMULATOR))
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
