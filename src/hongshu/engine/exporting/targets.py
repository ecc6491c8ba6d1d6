"""Where an export goes: a file or a folder of this machine, or an address that fsspec knows.

An export is made in a draft and gets its name when it is complete: on this machine in a hidden folder beside the
target, so that the last step is a rename; for an address in a temporary folder, from which it is copied.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Final

from hongshu.disk import lock, sync
from hongshu.errors import ConflictError, UsageError

MANIFEST: Final = "manifest.json"
SIDECAR: Final = ".manifest.json"
"""What the name of a single file's manifest ends in."""

_DRAFT: Final = ".draft"
_LOCK: Final = "lock"
_NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
_ANOTHER: Final = "name another one, or pass --overwrite"


class Target(ABC):
    """A place for one file with its manifest beside it, or for a folder.

    Raises `UsageError` where it may not be used.
    """

    @abstractmethod
    def check(self) -> None:
        """Refuse what may not be written over, before anything is made."""

    @abstractmethod
    def open_draft(self) -> Path:
        """Make and return a folder for what is not complete yet."""

    @abstractmethod
    def publish_file(self, made: Path, manifest: Path) -> None:
        """Give a complete file its name; its manifest gets its own first."""

    @abstractmethod
    def publish_folder(self, made: Path) -> None:
        """Give a complete folder its name."""

    @abstractmethod
    def discard(self) -> None:
        """Remove the draft."""


class LocalTarget(Target):
    """A file or folder on this machine."""

    def __init__(self, out: str, *, single: bool, overwrite: bool) -> None:
        given = Path(out)
        self._path = given.parent.resolve() / (given.name or given.resolve().name)
        self._single = single
        self._overwrite = overwrite
        self._draft: Path | None = None
        self._locked: int | None = None

    def check(self) -> None:
        """Refuse a target that exists, unless it may be written over; nothing but a data set of ours is removed."""
        if not self._path.parent.is_dir():
            raise UsageError(f"{self._path.parent} is no folder; make it first")
        if not self._path.exists() or (not self._single and _is_empty_folder(self._path)):
            return
        if not self._overwrite:
            raise ConflictError(f"{self._path} exists; {_ANOTHER}")
        if self._single == self._path.is_dir():
            raise ConflictError(f"{self._path} is {'a folder' if self._single else 'no folder'}; name another one")
        if not self._single and not _is_ours(self._path / MANIFEST):
            raise ConflictError(f"{self._path} is no data set of hongshu; remove it yourself, or name another one")

    def open_draft(self) -> Path:
        """Make a hidden folder beside the target; what exports to it left behind that were killed goes."""
        _remove_dead_drafts(self._path)
        self._draft = Path(tempfile.mkdtemp(prefix=f".{self._path.name}.", suffix=_DRAFT, dir=self._path.parent))
        self._locked = lock(self._draft / _LOCK)
        return self._draft

    def publish_file(self, made: Path, manifest: Path) -> None:
        """Rename file and manifest; where somebody else made the file meanwhile it stays as it is."""
        sync(made)
        sync(manifest)
        beside = self._path.with_name(self._path.name + SIDECAR)
        if self._path.exists() and not self._overwrite:
            raise ConflictError(f"{self._path} exists by now; {_ANOTHER}")
        manifest.replace(beside)
        if self._overwrite:
            made.replace(self._path)
        else:
            _rename_to_new(made, self._path)
        sync(self._path.parent)

    def publish_folder(self, made: Path) -> None:
        """Rename the folder; a data set that it replaces is moved away first and removed with the draft."""
        for path in sorted(made.rglob("*"), reverse=True):
            sync(path)
        sync(made)
        self.check()
        old = made.with_name("old")
        if self._path.exists():
            self._path.rename(old)
        try:
            made.rename(self._path)
        except OSError:
            if old.exists():
                old.rename(self._path)
            raise
        sync(self._path.parent)

    def discard(self) -> None:
        """Remove the draft."""
        if self._draft is not None:
            shutil.rmtree(self._draft, ignore_errors=True)
        if self._locked is not None:
            os.close(self._locked)
            self._locked = None


def _rename_to_new(made: Path, target: Path) -> None:
    """Rename a file where nothing has that name; raises `ConflictError` where something has."""
    try:
        os.link(made, target)
    except FileExistsError:
        raise ConflictError(f"{target} exists by now; {_ANOTHER}") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        made.rename(target)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _is_ours(manifest: Path) -> bool:
    try:
        with manifest.open(encoding="utf-8") as file:
            head: dict[str, object] = json.loads(file.readline().rstrip(",\n") + "}")
        return head.keys() >= {"hongshu", "format_version"}
    except (OSError, ValueError, AttributeError):
        return False


def _remove_dead_drafts(target: Path) -> None:
    """Remove the drafts of the same target whose exports do not live any more."""
    for draft in target.parent.glob(f".{_plain(target.name)}.*{_DRAFT}"):
        with suppress(OSError):
            held = lock(draft / _LOCK, new=False)
            if held is not None:
                shutil.rmtree(draft, ignore_errors=True)
                os.close(held)


def _plain(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
