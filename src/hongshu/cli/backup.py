"""`hongshu backup` and `hongshu restore`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, give_way, money, notes, settings
from hongshu.config import Loaded
from hongshu.engine.backups.keeper import Keeper, lying
from hongshu.engine.backups.manifest import SETTINGS, read
from hongshu.engine.backups.taking import take
from hongshu.engine.backups.telling import backup_words
from hongshu.errors import UsageError
from hongshu.service import backups

_NO_FOLDER: Final = (
    "no folder for backups is set; name one: hongshu backup PATH, or set [backup] folder in hongshu.toml"
)


def backup(
    path: Path | None = None,
    *,
    listed: Annotated[bool, Parameter(name="--list", negative=())] = False,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Back up ledger, notes, key, covers and settings into a new folder; servers go on meanwhile.

    Parameters
    ----------
    path
        A folder that is not there yet. Without it, the folder of `[backup]` gets one more.
    listed
        List the backups in the folder of `[backup]` instead.
    """
    loaded = settings(config)
    if listed:
        _list(loaded, as_json=json)
        return
    give_way()
    with money(loaded) as ledger, notes(loaded) as database:
        what = backups.kept(loaded.config.store.reveal(), loaded.data_dir, loaded.file, ledger.database, database)
        if path is None:
            made = _scheduled(backups.keeper(loaded.config.backup, what, time.time_ns)).turn()
            path, taken = made.path, made.backup
        else:
            path = path.absolute()
            taken = take(what, path, time.time_ns)
    words = backup_words(taken, path)
    if json:
        print_json(words)
        return
    print_words(words)
    print(f"put it back with: hongshu restore {path}", file=sys.stderr)


def restore(
    path: Path, *, replace: bool = False, drill: bool = False, config: ConfigFile = None, json: AsJson = False
) -> None:
    """Put a backup in place of an installation; every file, page and ledger entry of it is checked first.

    Parameters
    ----------
    path
        The backup's folder.
    replace
        Set what stands there aside, in a folder (or schemas) of its own; nothing of it is removed.
    drill
        Do all but the last step, beside what is in use, and say whether it would work.
    """
    if drill and replace:
        raise UsageError("--drill replaces nothing; leave --replace out")
    folder = path.absolute()
    read(folder)
    loaded = _settings(config, folder)
    if drill:
        taken, proved = backups.drill(loaded, folder)
        words = backup_words(taken, folder) | {"entries": proved.entries, "ok": True}
        done = "it can be restored: every file, page and ledger entry is as it was; nothing was changed"
    else:
        restored = backups.restore(loaded, folder, time.time_ns, replace=replace)
        words = backup_words(restored.backup, folder) | {"data_dir": str(loaded.data_dir), "aside": restored.aside}
        done = _advice(restored)
    if json:
        print_json(words)
        return
    print_words(words)
    print(done, file=sys.stderr)


def _settings(config: Path | None, folder: Path) -> Loaded:
    """Load the settings of the installation, or those of the backup where it has none."""
    loaded = settings(config)
    saved = folder / SETTINGS
    return settings(saved) if loaded.file is None and saved.exists() else loaded


def _list(loaded: Loaded, *, as_json: bool) -> None:
    if not loaded.config.backup.folder:
        raise UsageError(_NO_FOLDER)
    rows = [backup_words(one.backup, one.path) for one in lying(loaded.data_dir / loaded.config.backup.folder)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, empty="there are no backups yet; take one with: hongshu backup")


def _scheduled(keeper: Keeper | None) -> Keeper:
    if keeper is None:
        raise UsageError(_NO_FOLDER)
    return keeper


def _advice(restored: backups.Restored) -> str:
    told = ["restored; start the server with: hongshu serve"]
    if restored.aside:
        told.append(f"what stood there before is in {restored.aside}; remove it when you need it no more")
    told.append("tokens that were revoked since this backup are valid again: look through hongshu token list")
    return "\n".join(told)
