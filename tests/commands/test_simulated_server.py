"""`hongshu simulate`: a V4 server of simulated creators that fails as it is told, over real sockets."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from hongshu.models import Asked
from hongshu.sources.simulator import FAULTS
from running import V4_PATH, run_hongshu
from simulating import AT_MS, QUERY, USER, WORLD, Simulating

RULES: Final = '[[fault]]\nname = "code-503"\nunder = "/a/"\n'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulating]:
    one = Simulating(tmp_path_factory.mktemp("simulate"), RULES, "--json")
    yield one
    if one.process.returncode is None:
        assert one.end()[0] == 0


def test_its_pages_are_those_of_the_seed_and_the_time(served: Simulating) -> None:
    """Byte for byte, from the first to the last, by any token and also as a bearer's."""
    assert json.loads(served.first_line)["creators"] == list(WORLD.creators)
    asked = Asked(creator=USER)
    for _ in range(3):
        cursor = f"&lastCursor={asked.cursor}" if asked.cursor else ""
        page = served.get(f"{V4_PATH}?userId={USER}{cursor}", {"Authorization": "Bearer x"})[1]
        assert page == WORLD.page(asked, AT_MS)
        asked = Asked(creator=USER, cursor=json.loads(page)["data"]["notes"][-1]["cursor"])


def test_it_refuses_as_the_contract_says(served: Simulating) -> None:
    """Without a token 100, with parameters that are none 400; other addresses and methods are no calls."""
    assert served.code(f"{V4_PATH}?userId={USER}") == 100
    assert served.code(f"{V4_PATH}?token=a&userId=nobody") == 400
    assert served.code(f"{V4_PATH}?token=a&userId={USER}&lastCursor=x") == 400
    assert served.get("/nothing")[0] == 404
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        connection.request("POST", V4_PATH, body=b"{}")
        assert connection.getresponse().status == 400


def test_its_first_page_tells_what_there_is(served: Simulating) -> None:
    """Creators, faults, and how many calls have come."""
    told = json.loads(served.get("/")[1])
    assert told["simulated"]
    assert told["faults"] == {one.name: one.about for one in FAULTS.values()}
    served.page()
    assert json.loads(served.get("/")[1])["calls"] == told["calls"] + 1


def test_a_fault_is_asked_for_by_path_by_header_or_by_a_rule(served: Simulating) -> None:
    """An unknown name is refused with one that is meant."""
    assert served.code(f"/faults/code-601{QUERY}") == 601
    assert served.code(X_Simulate_Fault="code-303") == 303
    assert served.code(f"/a{QUERY}") == 503
    assert served.code(f"/b{QUERY}") == served.code() == 0
    assert 'did you mean "code-601"?' in served.page(f"/faults/code-60x1{QUERY}")["message"]
    assert "NAME:SECONDS" in served.page(f"/faults/late:soon{QUERY}")["message"]
    began = time.monotonic()
    assert served.code(f"/faults/late:0.3{QUERY}") == 0
    assert 0.3 <= time.monotonic() - began < 5


def test_a_fault_of_the_connection_is_one(served: Simulating) -> None:
    """A reset is a reset, a cut body is shorter than its length says, and silence is silent."""
    with closing(served.send(f"/faults/reset{QUERY}")) as line, pytest.raises(ConnectionResetError):
        line.recv(1)
    with closing(served.send(f"/faults/closed{QUERY}")) as line:
        assert line.recv(1) == b""
    with pytest.raises(http.client.IncompleteRead):
        served.get(f"/faults/cut{QUERY}")
    with closing(served.send(f"/faults/hang{QUERY}")) as line:
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
    with closing(served.send(f"/faults/drip:0.01{QUERY}")) as line:
        assert line.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        assert all(len(line.recv(65536)) < 20 for _ in range(10))


def test_many_that_hang_and_a_head_without_an_end_hold_nobody_up(served: Simulating) -> None:
    """Fifty silent connections, and one whose head is too large, leave good calls as they were."""
    lines = [served.send(f"/faults/hang{QUERY}") for _ in range(50)]
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=20)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000)
        assert b" 431 " in line.recv(200)
    began = time.monotonic()
    assert all(served.code() == 0 for _ in range(20))
    assert time.monotonic() - began < 5
    for one in lines:
        one.close()


def test_it_takes_several_calls_on_a_connection(served: Simulating) -> None:
    """As servers do."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        for _ in range(5):
            connection.request("GET", QUERY)
            assert json.loads(connection.getresponse().read())["code"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_with_0_whatever_hangs(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C, while a connection is silent."""
    one = Simulating(tmp_path, "", "--json")
    with closing(one.send(f"/faults/hang{QUERY}")):
        assert one.end(number)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--at", "noon"), "--at is not a time"),
        (("--seed", "-1"), "seed"),
        (("--creators", "0"), "creators"),
        (("--faults", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("--port", "99999"), "port 99999 cannot be listened on"),
    ],
)
def test_what_is_wrong_is_one_line_and_2(tmp_path: Path, arguments: tuple[str, str], says: str) -> None:
    """And a port that is taken too."""
    done = run_hongshu("simulate", *arguments, data_dir=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said_so(served: Simulating, tmp_path: Path) -> None:
    """With what to do."""
    done = run_hongshu("simulate", "--port", str(served.port), data_dir=tmp_path)
    assert done.returncode == 2
    assert "choose another one with --port" in done.stderr


def test_the_faults_are_listed(tmp_path: Path) -> None:
    """As JSON and for people."""
    rows = json.loads(run_hongshu("simulate", "--list-faults", "--json", data_dir=tmp_path).stdout)
    assert [row["name"] for row in rows] == list(FAULTS)
    assert "gzip-bomb" in run_hongshu("simulate", "--list-faults", data_dir=tmp_path).stdout
