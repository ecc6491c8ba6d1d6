"""The how-to of watching, typed as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from running import environment

HOWTO = Path(__file__).parents[2] / "docs/howto/watch-creators.md"
WORLD = '[delivery]\nallow_networks = ["127.0.0.1/32"]\n[[source]]\nname = "sim"\nkind = "simulator"\n'


def test_every_command_of_the_howto_works(tmp_path: Path) -> None:
    """In their order, in one folder; but that no chat is there to take the test message."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "hongshu.toml").write_text(WORLD, encoding="utf-8")
    (tmp_path / "feishu.url").write_text("https://open.feishu.cn/open-apis/bot/v2/hook/aaaa-bbbb\n")
    (tmp_path / "hook.url").write_text("https://1.1.1.1/hook\n")
    blocks = re.findall(r"```sh\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 7
    env = environment(data) | {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    printed = []
    for block in blocks:
        ended = subprocess.run(
            ["bash", "-e", "-c", block], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert ended.returncode == ("channel test" in block), (block, ended.stderr)
        printed.append(ended.stdout)
    assert re.search(r"added +2\n", printed[0])
    assert re.search(r"calls_per_day +5000", printed[1])
    assert "aaaa-bbbb" not in "".join(printed)
    assert "not taken by the service" in printed[3]
    assert "whsec_" in printed[4]
    assert printed[5].count("/feeds/hsf_") == 3
    assert "rivals" not in printed[6]
