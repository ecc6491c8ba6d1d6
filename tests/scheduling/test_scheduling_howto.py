"""The how-to of scheduled reports, typed as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from running import environment

HOWTO = Path(__file__).parents[2] / "docs/howto/schedule-reports.md"
WORLD = '[[source]]\nname = "sim"\nkind = "simulator"\n'


def test_every_command_of_the_howto_works(tmp_path: Path) -> None:
    """In their order, in one folder; but that nothing was collected yet, which `run` says and what to do."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "hongshu.toml").write_text(WORLD, encoding="utf-8")
    (tmp_path / "mail.url").write_text("mailtos://ann:SECRET-PART@example.com?to=boss@example.com\n")
    blocks = re.findall(r"```sh\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    env = environment(data)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    printed, schedule = [], ""
    for block in blocks:
        ended = subprocess.run(
            ["bash", "-e", "-c", block.replace("sch_…", schedule)],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == ("schedule run" in block), (block, ended.stderr)
        printed.append(ended.stdout + ended.stderr)
        schedule = schedule or re.findall(r"sch_\w+", ended.stdout)[0]
    assert re.search(r"every +Mon 09:00\n", printed[0])
    assert re.search(r"every +1 09:00\n", printed[1])
    assert re.search(r"zone +Europe/Berlin\n", printed[1])
    assert "collect first: hongshu collect" in printed[2]
    assert len(set(re.findall(r"sch_\w+", printed[3]))) == 3
    assert f"{schedule} is removed" in printed[4]
    assert "SECRET-PART" not in "".join(printed)
