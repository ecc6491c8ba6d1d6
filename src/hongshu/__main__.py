"""The `hongshu` command."""

from __future__ import annotations

import sys
from types import TracebackType


def main() -> None:
    """Run the command line and exit with its status."""
    from hongshu.cli.main import run  # noqa: PLC0415 - `import hongshu.__main__` stays cheap

    sys.excepthook = _uncaught
    sys.exit(run(sys.argv[1:]))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from hongshu.logs import uncaught  # noqa: PLC0415 - loaded only where something was not caught

    uncaught(kind, error, trace)


if __name__ == "__main__":
    main()
