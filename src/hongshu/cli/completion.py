"""`hongshu completion`."""

from __future__ import annotations

from typing import Literal

from hongshu.cli.main import application


def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print what a shell needs to complete commands and options; see docs/howto/complete-commands.md.

    Parameters
    ----------
    shell
        The shell: bash, zsh or fish.
    """
    print(application().generate_completion(shell=shell))
