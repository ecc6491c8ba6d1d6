"""Without a network everything works, and nobody is asked for whom the configuration does not name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from needed import leave_out
from supply.pages import Page, beyond, of_style
from supply.system_calls import alone, lacking, targets

NAMES_OF_USERS = '"/var/run/nscd/socket"'
"""Where the C library looks first for who the user is, on this machine."""
ASKING = """
import socket
for family, address in ((socket.AF_INET, ("203.0.113.1", 443)), (socket.AF_INET6, ("2001:db8::1", 443))):
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.connect_ex(address)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
    try:
        line.sendto(b"x", ("198.51.100.1", 9))
    except OSError:
        pass
with socket.socket(socket.AF_UNIX) as line:
    line.connect_ex("/nowhere/socket")
"""


@pytest.fixture(autouse=True)
def _watched() -> None:
    if why := lacking():
        leave_out(why)


def test_whoever_is_asked_for_is_seen(tmp_path: Path) -> None:
    """By connection or by datagram, also where nobody can be reached."""
    assert alone([sys.executable, "-c", ASKING], tmp_path / "trace", 60).returncode == 0
    expected = {"203.0.113.1:443", "2001:db8::1:443", "198.51.100.1:9", '"/nowhere/socket"'}
    assert targets(tmp_path / "trace") == expected


@pytest.mark.parametrize(
    "given",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img srcset="/a.png 1x, //cdn.example/b.png 2x">',
        '<link rel="preconnect" href="https://cdn.example">',
        "<style>@import 'https://cdn.example/x.css';</style>",
        '<p style="background: url(//cdn.example/x.png)">',
        '<form action="http://cdn.example/send"></form>',
        '<svg><use href="https://cdn.example/x.svg#a"/></svg>',
        '<meta http-equiv="refresh" content="0; url=https://cdn.example/">',
    ],
)
def test_what_a_page_loads_from_elsewhere_is_seen(given: str) -> None:
    """And what it only links to is not."""
    assert Page(given).strangers("127.0.0.1:1") == ["cdn.example"]
    assert Page(given.replace("cdn.example", "127.0.0.1:1")).strangers("127.0.0.1:1") == []
    assert Page('<a href="https://cdn.example">there</a>').strangers("127.0.0.1:1") == []


def test_what_a_policy_or_a_sheet_of_styles_allows_is_seen() -> None:
    """Another host, anybody, and no policy at all."""
    assert list(beyond("default-src 'none'; img-src 'self' data:; script-src 'sha256-a+b/c='")) == []
    assert list(beyond("default-src 'self' https://cdn.example; img-src *")) == [
        "default-src https://cdn.example",
        "img-src *",
    ]
    assert list(beyond("")) == ["everything, for it has no default-src"]
    assert of_style("a { background: url('https://cdn.example/x') } b { color: red }") == ["cdn.example"]


def test_everything_works_without_a_network_and_asks_only_whom_the_configuration_names(tmp_path: Path) -> None:
    """P6: a server, its pages, feeds and documents, and what commands do with notes; every connection of every process.

    A name that is looked up is one too, to a name server that nobody named.
    """
    script = Path(__file__).with_name("alone.py")
    done = alone([sys.executable, str(script), str(tmp_path)], tmp_path / "trace", 240)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert targets(tmp_path / "trace") - {NAMES_OF_USERS} == set(told["named"])
    assert told["stopped"] == 0
    assert {path: found for path, found in told["pages"].items() if found} == {}
    assert {"/console/sources", "/console/ledger", "/console/reports", "/docs"} <= set(told["pages"])
    assert len(told["pages"]) > 30
    assert (told["report"], told["feeds"], told["openapi"]) == ([], [], [])
