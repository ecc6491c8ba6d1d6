"""`hongshu simulate`: a V4 server of simulated creators that fails as it is told, over real sockets."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from hongshu.models import Asked
from hongshu.sources.simulator import FAULTS, World
from running import V4_PATH, environment, run_hongshu

AT: Final = "2026-01-01T00:00:00Z"
AT_MS: Final = 1_767_225_600_000
WORLD: Final = World(seed=5, creators=50)
USER: Final = next(one for one in WORLD.creators if len(WORLD.notes(one, AT_MS)) > 50)
RULES: Final = '[[fault]]\nname = "code-503"\nunder = "a"\n'


class Served:
    """The command in a process of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "faults.toml").write_text(RULES, encoding="utf-8")
        options = ("--seed", "5", "--creators", "50", "--at", AT, "--faults", str(folder / "faults.toml"), "--json")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "simulate", "--port", "0", *options],
            env=environment(folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.told: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.port = int(self.told["address"].rpartition(":")[2])

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def page(self, under: str = "", query: str = f"token=any&userId={USER}", **headers: str) -> dict[str, Any]:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        decoded: dict[str, Any] = json.loads(self.get(f"{under}{V4_PATH}?{query}", told)[1])
        return decoded

    def dial(self, under: str) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        line.sendall(f"GET {under}{V4_PATH}?token=t&userId={USER} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return line

    def end(self, number: signal.Signals) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = Served(tmp_path_factory.mktemp("simulate"))
    yield one
    if one.process.poll() is None:
        assert one.end(signal.SIGTERM) == 0


def test_its_pages_are_those_of_the_seed_and_the_time(served: Served) -> None:
    """Byte for byte, from the first to the last, by any token and also as a bearer's."""
    assert served.told["creators"] == list(WORLD.creators)
    asked = Asked(creator=USER)
    for _ in range(3):
        cursor = f"&lastCursor={asked.cursor}" if asked.cursor else ""
        page = served.get(f"{V4_PATH}?userId={USER}{cursor}", {"Authorization": "Bearer x"})[1]
        assert page == WORLD.page(asked, AT_MS)
        asked = Asked(creator=USER, cursor=json.loads(page)["data"]["notes"][-1]["cursor"])


def test_it_refuses_as_the_contract_says(served: Served) -> None:
    """Without a token 100, with parameters that are none 400; other addresses and methods are no calls."""
    assert served.page(query=f"userId={USER}")["code"] == 100
    assert served.page(query="token=a&userId=nobody")["code"] == 400
    assert served.page(query=f"token=a&userId={USER}&lastCursor=x")["code"] == 400
    assert served.get("/nothing")[0] == 404
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        connection.request("POST", V4_PATH, body=b"{}")
        assert connection.getresponse().status == 400


def test_its_first_page_tells_what_there_is(served: Served) -> None:
    """Creators, faults, and how many calls have come."""
    told = json.loads(served.get("/")[1])
    assert told["simulated"]
    assert told["faults"] == {one.name: one.about for one in FAULTS.values()}
    served.page()
    assert json.loads(served.get("/")[1])["calls"] == told["calls"] + 1


def test_a_fault_is_asked_for_by_path_by_header_or_by_a_rule(served: Served) -> None:
    """An unknown name is refused with one that is meant."""
    assert served.page("/faults/code-601")["code"] == 601
    assert served.page(X_Simulate_Fault="code-303")["code"] == 303
    assert served.page("/a")["code"] == 503
    assert served.page("/b")["code"] == served.page()["code"] == 0
    assert 'did you mean "code-601"?' in served.page("/faults/code-60x1")["message"]
    assert "NAME:SECONDS" in served.page("/faults/late:soon")["message"]
    began = time.monotonic()
    assert served.page("/faults/late:0.3")["code"] == 0
    assert 0.3 <= time.monotonic() - began < 5


def test_a_fault_of_the_connection_is_one(served: Served) -> None:
    """A reset is a reset, a cut body is shorter than its length says, and silence is silent."""
    with closing(served.dial("/faults/reset")) as line, pytest.raises(ConnectionResetError):
        line.recv(1)
    with closing(served.dial("/faults/closed")) as line:
        assert line.recv(1) == b""
    with pytest.raises(http.client.IncompleteRead):
        served.get(f"/faults/cut{V4_PATH}?token=t&userId={USER}")
    with closing(served.dial("/faults/hang")) as line:
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
    with closing(served.dial("/faults/drip:0.01")) as line:
        assert line.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        assert all(len(line.recv(65536)) < 20 for _ in range(10))


def test_many_that_hang_and_a_head_without_an_end_hold_nobody_up(served: Served) -> None:
    """Fifty silent connections, and one whose head is too large, leave good calls as they were."""
    lines = [served.dial("/faults/hang") for _ in range(50)]
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=20)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000)
        assert b" 431 " in line.recv(200)
    began = time.monotonic()
    assert all(served.page()["code"] == 0 for _ in range(20))
    assert time.monotonic() - began < 5
    for one in lines:
        one.close()


def test_it_takes_several_calls_on_a_connection(served: Served) -> None:
    """As servers do."""
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        for _ in range(5):
            connection.request("GET", f"{V4_PATH}?token=t&userId={USER}")
            assert json.loads(connection.getresponse().read())["code"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_with_0_whatever_hangs(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C, while a connection is silent."""
    one = Served(tmp_path)
    with closing(one.dial("/faults/hang")):
        assert one.end(number) == 0


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


def test_a_port_that_is_taken_is_said_so(served: Served, tmp_path: Path) -> None:
    """With what to do."""
    done = run_hongshu("simulate", "--port", str(served.port), data_dir=tmp_path)
    assert done.returncode == 2
    assert "choose another one with --port" in done.stderr


def test_the_faults_are_listed(tmp_path: Path) -> None:
    """As JSON and for people."""
    rows = json.loads(run_hongshu("simulate", "--list-faults", "--json", data_dir=tmp_path).stdout)
    assert [row["name"] for row in rows] == list(FAULTS)
    assert "gzip-bomb" in run_hongshu("simulate", "--list-faults", data_dir=tmp_path).stdout
