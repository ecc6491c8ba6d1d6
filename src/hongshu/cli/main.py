"""The commands, each loaded when it is called, and what their failures become."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError

from hongshu import __version__
from hongshu.errors import ErasedError, HongshuError, InvalidParametersError, SetupError, UsageError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
PARTLY: Final = 3

_ADDRESS: Final = re.compile(r"[\w+.-]+://[^\s'\"]+")
"""What was given where it does not belong may hold a secret: addresses are not repeated."""

_COMMANDS: Final = {
    "demo": ("serve:demo", "Serve simulated creators, with a token and a curl line to paste."),
    "serve": ("serve:serve", "Serve the endpoint."),
    "simulate": ("simulate:simulate", "Serve simulated creators as a V4 server that fails as you say."),
    "conform": ("conform:conform", "Drive any V4 server through the contract and say where it deviates."),
    "fetch": ("fetch:fetch", "Fetch one page of a creator's notes and show it."),
    "collect": ("collect:collect", "Collect all notes of creators, the new ones first."),
    "batch": ("batch:app", "List, show and cancel batches of creators."),
    "export": ("export:export_", "Export what is kept as one file or as a data set."),
    "import": ("import_:import_", "Import what other tools, or an export of hongshu, hold."),
    "ask": ("ask:ask", "Ask what is kept, or a data set, one question about creators in numbers."),
    "report": ("report:app", "Report about creators, compare them, and verify reports."),
    "coverage": ("coverage:coverage", "Show which part of creators' timelines is known without a gap."),
    "creator": ("creator:app", "List and show creators, group them, and import followers and prices."),
    "watch": ("watch:app", "Watch creators and be told what they publish."),
    "channel": ("channel:app", "Add, test and remove the channels on which news is told."),
    "rule": ("rule:app", "Say whose events of which kinds are told on which channel."),
    "delivery": ("delivery:app", "See what was told on channels, and send it again."),
    "feed": ("feed:app", "Addresses at which feed readers find what is new."),
    "account": ("account:app", "Open, list, top up, correct and suspend accounts."),
    "token": ("token:app", "Create, list, rotate and revoke tokens."),
    "operator": ("operator:app", "Create, list and revoke operators."),
    "login": ("login:login", "Print a one-time link into the console."),
    "ledger": ("ledger:app", "List, export and prove the ledger; find and refund what was never delivered."),
    "usage": ("usage:usage", "Show what was called and what it cost."),
    "source": ("source:app", "List and check the sources."),
    "mcp": ("mcp:mcp", "Serve tools to an assistant over standard input and output."),
    "worker": ("worker:app", "Do the work of an installation on PostgreSQL, on many machines."),
    "backup": ("backup:backup", "Back up the whole installation while it runs."),
    "restore": ("backup:restore", "Put a backup in place, or try that without touching what is in use."),
    "erase": ("erase:erase", "Erase creators for good, with all that is kept of them."),
    "doctor": ("doctor:doctor", "Say what is wrong with an installation, and how to mend it."),
    "migrate": ("migrate:migrate", "Bring the store up to this version."),
    "migrate-store": ("migrate:migrate_store", "Move everything to another database."),
    "config": ("config:show", "Show every setting and where its value came from."),
    "completion": ("completion:completion", "Print what a shell needs to complete commands and options."),
    "version": ("version:version", "Show the version."),
}


def application() -> App:
    """Build the command line."""
    app = App(
        name="hongshu",
        help="User Published Notes V4 for Xiaohongshu (小红书, RedNote), self-hosted.",
        version=__version__,
    )
    for name, (place, about) in _COMMANDS.items():
        app.command(f"hongshu.cli.{place}", name=name, help=about)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 usage or configuration, 3 partly done."""
    try:
        status = application()(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _said(UsageError(_ADDRESS.sub("***", " ".join(str(error).split()))), USAGE)
    except (SetupError, UsageError, InvalidParametersError, ErasedError) as error:
        return _said(error, USAGE)
    except HongshuError as error:
        return _said(error, FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    return status if isinstance(status, int) else DONE


def _said(error: HongshuError, status: int) -> int:
    from hongshu.formats.border import printable  # noqa: PLC0415 - `--help` does without
    from hongshu.formats.redaction import without_secrets  # noqa: PLC0415 - `--help` does without

    print(f"hongshu: {printable(without_secrets(error.message))}", file=sys.stderr)
    return status
