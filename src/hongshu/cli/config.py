"""`hongshu config`."""

from __future__ import annotations

import sys

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, quiet_settings
from hongshu.config import as_json, entries


def show(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """Show every setting and where its value came from; secrets are starred."""
    loaded = quiet_settings(config)
    if json:
        document = {
            "data_dir": str(loaded.data_dir),
            "file": str(loaded.file) if loaded.file else None,
            "config": as_json(loaded.config),
            "origins": dict(loaded.origins),
        }
        print_json(document)
        return
    rows = [{"setting": path, "value": value, "from": origin} for path, value, origin in entries(loaded)]
    print_table(rows, empty="there are no settings")
    print(f"data directory: {loaded.data_dir}", file=sys.stderr)
