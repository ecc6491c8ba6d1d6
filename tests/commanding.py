"""The command line, run inside the test's own process."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from threading import Lock
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from hongshu.cli.main import run


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Ended]
_ONE_AT_A_TIME: Final = Lock()


def run_in(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as in a process of its own with this environment."""
    out, err = io.StringIO(), io.StringIO()
    with _ONE_AT_A_TIME, patch.dict(os.environ, environ, clear=True), redirect_stdout(out), redirect_stderr(err):
        status = run(arguments)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())
