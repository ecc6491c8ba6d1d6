"""Exports to addresses that fsspec knows: made on this machine, then copied; a folder's manifest comes last."""

from __future__ import annotations

import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from hongshu.engine.exporting.targets import MANIFEST, SIDECAR, Target
from hongshu.errors import ConflictError, HongshuError, SetupError, UsageError

_HERE: Final = {"file", "local"}


def is_address(out: str) -> bool:
    """Say whether a target is an address rather than a path."""
    return "://" in out


class RemoteTarget(Target):
    """A file or folder at an address; credentials come from the environment, as its driver documents."""

    def __init__(self, out: str, *, single: bool, overwrite: bool) -> None:
        self._filesystem, self._path = _opened(out)
        self._out = out
        self._single = single
        self._overwrite = overwrite
        self._draft: Path | None = None

    def check(self) -> None:
        """Refuse an address where something is, unless it may be written over."""
        with self._telling():
            there = self._filesystem.exists(self._path)
        if there and not self._overwrite:
            raise ConflictError(f"{self._out} exists; name another one, or pass --overwrite")
        if there and not self._single:
            with self._telling():
                ours = self._filesystem.exists(posixpath.join(self._path, MANIFEST))
            if not ours:
                raise ConflictError(f"{self._out} is no data set of hongshu; remove it yourself, or name another one")

    def open_draft(self) -> Path:
        """Make a temporary folder on this machine."""
        self._draft = Path(tempfile.mkdtemp(prefix="hongshu-export-"))
        return self._draft

    def publish_file(self, made: Path, manifest: Path) -> None:
        """Copy the manifest, then the file."""
        self.check()
        self._put(manifest, self._path + SIDECAR)
        self._put(made, self._path)

    def publish_folder(self, made: Path) -> None:
        """Copy everything, the manifest last: a folder without one is no complete data set."""
        self.check()
        with self._telling():
            if self._filesystem.exists(self._path):
                self._filesystem.rm(self._path, recursive=True)
        files = sorted(path for path in made.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path == made / MANIFEST):
            self._put(path, posixpath.join(self._path, path.relative_to(made).as_posix()))

    def discard(self) -> None:
        """Remove the draft."""
        if self._draft is not None:
            shutil.rmtree(self._draft, ignore_errors=True)

    def _put(self, made: Path, path: str) -> None:
        with self._telling():
            self._filesystem.makedirs(posixpath.dirname(path), exist_ok=True)
            self._filesystem.put_file(str(made), path)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what drivers raise, each its own kinds, into one line."""
        try:
            yield
        except Exception as error:
            why = next(iter(str(error).splitlines()), "")
            raise HongshuError(
                f"{self._out} cannot be used ({type(error).__name__}: {why}); see what its driver takes from the"
                " environment"
            ) from error


def _opened(out: str) -> tuple[Any, str]:
    """Return the file system of an address and the path there."""
    try:
        parts = urlsplit(out)
    except ValueError:
        raise UsageError("the address of --out cannot be read") from None
    if "@" in parts.netloc or parts.query or "::" in out:
        raise UsageError(
            "the address of --out must be plain, as in s3://bucket/notes.parquet; credentials come from the"
            " environment, as its driver documents (for s3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        )
    if parts.scheme in _HERE:
        raise UsageError("for a file of this machine write its path, without file://")
    try:
        import fsspec  # noqa: PLC0415 - an extra, without types
    except ImportError as error:
        raise SetupError('addresses need fsspec; install it with: pip install "hongshu[cloud]"') from error
    try:
        filesystem, path = fsspec.core.url_to_fs(out)
    except (ImportError, ValueError) as error:
        raise SetupError(f"{parts.scheme}:// cannot be used ({error})") from error
    return filesystem, str(path)
