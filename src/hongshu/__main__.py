"""The `hongshu` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from hongshu.cli.main import run  # noqa: PLC0415 - `import hongshu.__main__` stays cheap

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
