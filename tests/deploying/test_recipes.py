"""Recipes for other tools: the shell functions run, the workflow's code runs, the dashboard asks for what there is."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from running import V4_PATH, Running

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/use-in-other-tools.md").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/hongshu.json").read_text("utf-8"))
WORKFLOW: dict[str, Any] = json.loads((ROOT / "deploy/n8n/new-notes.json").read_text("utf-8"))
[FUNCTIONS, CALLS] = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
MADE_OF = re.compile(r"(_total|_bucket|_sum|_count)$")


def shell(server: Running, script: str, token: str = "") -> subprocess.CompletedProcess[str]:
    missing = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not on this machine")
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    given = {**env, "HONGSHU": server.address, "TOKEN": token or server.token}
    return subprocess.run(
        ["bash", "-c", f"{FUNCTIONS}\n{script}"], env=given, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_shell_functions_list_a_creator_to_the_end(simulated: Running, creators: list[str]) -> None:
    """Every note once, one a line."""
    prolific = next(user for user in creators if simulated.page(user).body["data"]["has_more"])
    done = shell(simulated, f"notes {prolific}")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [
        note["id"] for note in simulated.whole(prolific)
    ]


def test_a_refusal_is_told_in_the_servers_words(simulated: Running, creators: list[str]) -> None:
    """And ends the command with a failure."""
    done = shell(simulated, f"notes {creators[0]}", token="nonsense")
    assert done.returncode != 0
    assert "code 100" in done.stderr
    assert "req_" in done.stderr


def test_the_calls_that_are_shown_work(simulated: Running, creators: list[str], tmp_path: Path) -> None:
    """As typed, with an address, a token and a creator that are right."""
    lines = CALLS.replace("5c2f338a000000000701e1c6", creators[0]).splitlines()
    assert lines[0].startswith("HONGSHU=")
    done = shell(simulated, "\n".join([f"cd {tmp_path}", *lines[1:]]))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(simulated.page(creators[0]).notes)
    assert (tmp_path / "notes.jsonl").stat().st_size > 0


class Failing(BaseHTTPRequestHandler):
    """Fails the first call with a 503, as a server with mapped statuses does, and answers the second."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers["Idempotency-Key"])
        good = len(self.asked) > 1
        data = {"notes": [{"id": "1", "cursor": "1"}], "tags": [], "has_more": False} if good else None
        words = {"code": 0 if good else 301, "message": "x", "requestId": "r", "data": data}
        body = json.dumps(words).encode()
        self.send_response(200 if good else 503)
        for name, value in (("Retry-After", "1"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_call_that_fails_first_is_repeated_with_its_key_and_read_from_its_last_answer(simulated: Running) -> None:
    """With statuses of the codes curl sees the failure, and prints both answers."""
    Failing.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        failing = dataclasses.replace(simulated, address=f"http://127.0.0.1:{server.server_port}")
        done = shell(failing, "notes 5c2f338a000000000701e1c6")
    finally:
        server.shutdown()
        server.server_close()
    assert (done.returncode, json.loads(done.stdout)["id"]) == (0, "1"), done.stderr
    assert len(Failing.asked) == 2
    assert len(set(Failing.asked)) == 1


def nodes() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in WORKFLOW["nodes"]}


def test_the_workflow_asks_as_the_contract_has_it() -> None:
    """The address, the parameter, a token that is no part of the file, and nodes that are joined from end to end."""
    asking = nodes()["Notes"]["parameters"]
    assert asking["url"].endswith(V4_PATH)
    assert [one["name"] for one in asking["queryParameters"]["parameters"]] == ["userId"]
    assert [one["name"] for one in asking["headerParameters"]["parameters"]] == ["Idempotency-Key"]
    assert asking["genericAuthType"] == "httpHeaderAuth"
    assert asking["options"]["timeout"] >= 60_000
    assert "hs_" not in json.dumps(WORKFLOW)
    place, joined = "Every hour", ["Every hour"]
    while place in WORKFLOW["connections"]:
        [[following]] = WORKFLOW["connections"][place]["main"]
        place = following["node"]
        joined.append(place)
    assert joined == list(nodes())


def test_the_workflows_code_hands_on_each_note_once(simulated: Running, creators: list[str]) -> None:
    """Run by node with what n8n gives it: one creator's refusal keeps no other's news back, two refusals are told."""
    if shutil.which("node") is None:
        pytest.skip("node is not on this machine")
    answer = simulated.page(creators[0]).body
    refusal = simulated.page(creators[0], token="nonsense").body
    script = f"""
    const data = {{}};
    const $getWorkflowStaticData = () => data;
    const run = (...answers) => {{
      const $input = {{ all: () => answers.map((answer) => ({{ json: answer }})) }};
      {nodes()["Only new ones"]["parameters"]["jsCode"].replace("return fresh;", "return fresh.length;")}
    }};
    const creators = (() => {{ {nodes()["Creators"]["parameters"]["jsCode"]} }})();
    const answer = {json.dumps(answer)};
    const refusal = {json.dumps(refusal)};
    const told = [creators.length, run(refusal, answer), run(answer)];
    try {{ run(refusal, refusal); }} catch (error) {{ told.push(error.message); }}
    console.log(JSON.stringify(told));
    """
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
    first, fresh, again, refused = json.loads(done.stdout)
    assert (first, fresh, again) == (1, len(answer["data"]["notes"]), 0)
    assert refused.startswith("hongshu: code 100: ")


def expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_for_metrics_that_there_are(simulated: Running) -> None:
    """Each is in the reference, and what the server gives carries the labels that are asked for."""
    asked = {name for one in expressions() for name in re.findall(r"hongshu_\w+", one)}
    known = set(
        re.findall(r"^### (hongshu_\w+)", (ROOT / "docs/reference/monitoring.md").read_text("utf-8"), re.MULTILINE)
    )
    bare = {MADE_OF.sub("", name) for name in known}
    assert bare - {MADE_OF.sub("", name) for name in asked} == {"hongshu_accounts", "hongshu_kept_answers_bytes"}
    assert {MADE_OF.sub("", name) for name in asked} <= bare
    given = simulated.get("/metrics").raw.decode()
    for one in expressions():
        for name, labels in re.findall(r"by \(([a-z, ]+)\).*?(hongshu_\w+)", one):
            wanted = [label for label in name.split(", ") if label != "le"]
            lines = [line for line in given.splitlines() if line.startswith(f"{labels}{{")]
            assert all(f"{label}=" in lines[0] for label in wanted if lines), one


def test_the_dashboards_panels_stand_beside_each_other() -> None:
    """No two on the same place, each inside the grid, each with a title, a description and a source one can choose."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(one.count("(") == one.count(")") and one.count("{") == one.count("}") for one in expressions())
