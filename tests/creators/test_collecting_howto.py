"""The how-to of collecting, typed as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from running import environment

HOWTO = Path(__file__).parents[2] / "docs/howto/collect-a-list-of-creators.md"
WORLD = '[[source]]\nname = "sim"\nkind = "simulator"\n'


def test_every_command_of_the_howto_works(tmp_path: Path) -> None:
    """In their order, in one folder, with a simulator as the source."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "hongshu.toml").write_text(WORLD, encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 7
    env = environment(data)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    printed = []
    for block in blocks:
        ended = subprocess.run(
            ["bash", "-e", "-c", block], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, (block, ended.stderr)
        printed.append(ended.stdout)
    assert "creators       3" in printed[1]
    assert re.search(r"complete +3\n", printed[2])
    assert re.search(r"calls +3\n", printed[5])
    assert re.search(r"members +3\n", printed[6])
