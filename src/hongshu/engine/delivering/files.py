"""The files of reports that are to be delivered, each named by its delivery: for this user alone, gone when done."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from hongshu.errors import ChannelError
from hongshu.models import ReportNews

FOLDER: Final = "reports"
KEPT_DAYS: Final = 7
"""What could not be delivered by then is given up."""


class ReportFiles:
    """A folder of reports on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, delivery_id: str, ending: str) -> Path:
        """Return where the file of a delivery is to be written; the folder is there then."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{delivery_id}.{ending}"

    def keep(self, path: Path) -> tuple[int, str]:
        """Bring a file that was written onto disk, for this user alone; return its bytes and SHA-256 in hex."""
        path.chmod(0o600)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
            content = file.read()
        return len(content), hashlib.sha256(content).hexdigest()

    def at_hand(self) -> list[str]:
        """Return the deliveries whose files lie here."""
        return sorted({_delivery(name) for name in self._names() if not name.startswith(".")})

    def left(self) -> list[str]:
        """Return the deliveries of which anything lies here, drafts of processes that died included."""
        return sorted({_delivery(name) for name in self._names()})

    def read(self, delivery_id: str, report: ReportNews) -> bytes:
        """Return the file of a delivery. Raises `ChannelError` where it is gone, or not what was made."""
        try:
            content = self.place(delivery_id, _ending(report.file)).read_bytes()
        except OSError as error:
            raise ChannelError(f"the report's file cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != report.sha256:
            raise ChannelError("the report's file is not what was made; it was changed, and is not sent")
        return content

    def remove(self, delivery_id: str) -> None:
        """Remove everything that lies here of a delivery."""
        for name in self._names():
            if _delivery(name) == delivery_id:
                (self._folder / name).unlink(missing_ok=True)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._folder)  # noqa: PTH208 - looked at twice a second, and mostly not there
        except FileNotFoundError:
            return []


def _delivery(name: str) -> str:
    return name.lstrip(".").partition(".")[0]


def _ending(name: str) -> str:
    return name.rpartition(".")[2]
