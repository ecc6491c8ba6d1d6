"""P3 of PROMISES: a name that changes from an allowed to a loopback address after the check reaches no canary."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_in_a_network_of_its_own_with_its_own_name_server(tmp_path: Path) -> None:
    """Through the system's resolver: what is dialled is what is looked at, whatever was true when it was saved."""
    outside = ["unshare", "--map-root-user", "--net", "--mount"]
    if subprocess.run([*outside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace may be made here")
    script = Path(__file__).with_name("rebinding.py")
    ended = subprocess.run(
        [*outside, sys.executable, str(script), str(tmp_path / "resolv.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["first"], told["canary"]) == ("HTTP 204", 0)
    assert told["asked"] >= 3
    assert all("the address may not be asked" in one for one in told["again"])
    assert "the address may not be asked" in told["checked"]
    assert told["good"] + sum("may not be asked" in one for one in told["kept"]) == 5
    assert told["said"] == "not taken by the service"  # it was reached, and said 204 where 200 is expected
    assert all("the address may not be asked" in one for one in told["chats"])
