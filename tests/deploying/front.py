"""A real nginx with the sample configuration, on ports and paths of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from needed import leave_out
from running import Answer, Running

NGINX = Path(__file__).parents[2] / "deploy" / "nginx"
UPSTREAM = re.compile(r"    server \S+:8787 (?:resolve )?(max_fails.*)\n")


def program(name: str) -> str:
    """Where a program lies, or leave the test out."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or leave_out(f"{name} is not installed")


def free_port() -> int:
    """A port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def upstreams(text: str, servers: Sequence[str]) -> str:
    """A file of server groups with other servers in each group, as every version of nginx takes it."""
    lines: list[str] = []
    placed = False
    for line in text.splitlines(keepends=True):
        found = UPSTREAM.fullmatch(line)
        placed = placed and not line.startswith("upstream ")
        if found and not placed:
            lines += [f"    server {one} {found[1]}\n" for one in servers]
            placed = True
        elif not found and not line.startswith("    resolver "):
            lines.append(line)
    return "".join(lines)


class Front:
    """nginx before some servers. `error_log` puts another line in place of the sample's own."""

    def __init__(self, folder: Path, servers: Sequence[str], *, error_log: str = "", workers: int = 2) -> None:
        self.folder = folder
        self.port = free_port()
        self._program = program("nginx")
        folder.mkdir(parents=True, exist_ok=True)
        site = (NGINX / "hongshu.conf").read_text(encoding="utf-8")
        site = re.sub(r"listen \[::\]:80 default_server;\n", "", site.replace("#   listen", "#"))
        site = site.replace("listen 80 default", f"listen 127.0.0.1:{self.port} default")
        site = site.replace("/var/log/nginx/access.log", f"{folder}/access.log")
        if error_log:
            site = site.replace("error_log /dev/null emerg;", error_log)
        self.set_servers(servers)
        (folder / "site.conf").write_text(site, encoding="utf-8")
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off;\n{'user root;' if os.geteuid() == 0 else ''}\nworker_processes {workers};\n"
            f"pid {folder}/nginx.pid;\nerror_log {folder}/main.log info;\nevents {{ worker_connections 512; }}\n"
            f"http {{\n{temporary}access_log {folder}/everything.log;\n"
            f"include {folder}/upstream.conf;\ninclude {folder}/site.conf;\n}}\n",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[str] | None = None
        self.said = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def logged(self) -> str:
        """All that nginx has written down: its logs and what it printed."""
        return self.said + "".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("*.log")))

    @property
    def lines(self) -> list[str]:
        """The lines of the access log."""
        return (self.folder / "access.log").read_text(encoding="utf-8").splitlines()

    def set_servers(self, servers: Sequence[str]) -> None:
        """Write other servers into the file that names them; `reload` makes nginx read it."""
        text = upstreams((NGINX / "hongshu-upstream.conf").read_text(encoding="utf-8"), servers)
        (self.folder / "upstream.conf").write_text(text, encoding="utf-8")

    def check(self) -> subprocess.CompletedProcess[str]:
        """Have nginx read its configuration."""
        command = [self._program, "-t", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def start(self) -> None:
        """Start, and wait until it listens."""
        command = [self._program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        self._process = subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
        self._until(self._listens)

    def reload(self) -> None:
        """Read the configuration again: new workers take new calls, the old ones finish theirs."""
        assert self._process is not None
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        self._until(lambda: bool(self._workers()) and not self._workers() & before)

    def stop(self) -> None:
        """End it at once, and keep what it printed."""
        if self._process is not None:
            self._process.terminate()
            self.said += self._process.communicate(timeout=30)[0] or ""
            self._process = None

    def server(self, behind: Running) -> Running:
        """The server behind it, asked through it."""
        return Running(self.address, behind.data_dir, behind.process, behind.token)

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path through it."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return Running(self.address, self.folder, None, "").get(path, headers=given)  # type: ignore[arg-type]

    def _workers(self) -> set[int]:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        return {int(one) for one in children.split() if "shutting down" not in _title(int(one))}

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._process.communicate()[0]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end, self.logged
            time.sleep(0.02)


def _title(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "shutting down"


class Stub:
    """A server that writes down the heads of requests, and answers them, or breaks off after reading them."""

    def __init__(self, *, breaks_off: bool = False) -> None:
        heads: list[tuple[str, Mapping[str, str]]] = []
        self.heads = heads

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                heads.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if breaks_off:
                    self.close_connection = True
                    return
                body = b'{"code":0}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - its name in the standard library

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def stubs(*breaks_off: bool) -> Iterator[list[Stub]]:
    """Some such servers."""
    made = [Stub(breaks_off=one) for one in breaks_off]
    yield made
    for one in made:
        one.close()
