"""Commands of hongshu that stand in files and pages, as the command line would take them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from cyclopts import CycloptsError

from hongshu.cli.main import application
from hongshu.config import Loaded, load

ROOT = Path(__file__).parents[2]
BEFORE = re.compile(
    r"^(?:sudo |-H |-u hongshu |env |docker compose (?:exec|run --rm) \w+ |[A-Z_]+=\S+ |/opt/hongshu/bin/)+"
)


def refused(words: Sequence[str]) -> str:
    """Why the command line does not take what follows `hongshu`; empty where it does."""
    try:
        application().parse_args(list(words), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return " ".join(str(error).split())
    return ""


def settings(environment: dict[str, str]) -> Loaded:
    """The settings that variables make; raises where one is none."""
    return load(file=None, environ={"HONGSHU_DATA_DIR": "/nowhere", **environment}, flags={})


def on_page(page: Path) -> Iterator[list[str]]:
    """What follows `hongshu` in the code of a page, a command a line, in blocks and in sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [*"".join(blocks).splitlines(), *re.findall(r"`([^`\n]+)`", text)]
    for line in lines:
        if found := re.fullmatch(r"hongshu(?: (.*))?", BEFORE.sub("", line.strip())):
            words = shlex.split((found[1] or "").split(" | ")[0], comments=True)
            if words and "…" not in words:
                yield words
