"""A disk of a few megabytes that nobody else sees: a file system in memory, in a mount namespace of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

FILLER: Final = "filler"


class SmallDisk:
    """Mounted at a folder, for processes that are started with `inside`; `seen` is where others see it."""

    def __init__(self, folder: Path, holder: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._holder = holder

    @property
    def inside(self) -> Sequence[str]:
        """What a command begins with so that it sees the disk."""
        return ("nsenter", "--target", str(self._holder.pid), "--mount", "--wd=/")

    @property
    def seen(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.seen / FILLER).open("wb", buffering=0) as filler:
            size = 1024 * 1024
            while size:
                try:
                    filler.write(bytes(size))
                except OSError:
                    size //= 2

    def free(self) -> None:
        (self.seen / FILLER).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Make one, or skip where no mount namespace may be made."""
    if sys.platform != "linux" or shutil.which("nsenter") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a file system of its own, on Linux")
    folder.mkdir(parents=True, exist_ok=True)
    mount = f"mount -t tmpfs -o size={megabytes}m,mode=0700 hongshu {folder} && echo mounted && exec sleep 3600"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != "mounted\n":
                pytest.skip("no file system can be mounted here")
            yield SmallDisk(folder, holder)
        finally:
            holder.kill()
