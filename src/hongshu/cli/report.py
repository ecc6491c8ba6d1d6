"""`hongshu report`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from hongshu.analytics import open_dataset
from hongshu.cli.listing import compared, group_name
from hongshu.cli.main import DONE, FAILED
from hongshu.cli.printing import AsJson, print_json, print_words
from hongshu.cli.schedule import app as schedule
from hongshu.cli.setup import ConfigFile, notes, settings
from hongshu.config import Loaded
from hongshu.errors import SetupError, UsageError
from hongshu.formats.lists import named
from hongshu.models import rfc3339

if TYPE_CHECKING:
    from hongshu.analytics.facts import Facts
    from hongshu.reports.making import Report, ReportForm

app = App(name="report", help="Reports about creators: HTML, XLSX, Markdown or JSON.")
app.command(schedule)

Users = Annotated[str, Parameter(help="Ids of creators, or links to their profiles.")]
Focus = Annotated[str | None, Parameter(help="The creator with whom the others are compared.")]

_ENDINGS: Final = ("html", "xlsx", "md", "json")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Choices:
    """Options of every report."""

    out: Annotated[Path, Parameter(help="File to write; its ending says the format: .html, .xlsx, .md or .json.")]
    form: Annotated[
        Literal["html", "xlsx", "md", "json"] | None,
        Parameter(name="--format", help="Format, where the file's name does not end in it."),
    ] = None
    lang: Annotated[
        Literal["en", "zh"] | None, Parameter(help="Language; that of this machine without it, else English.")
    ] = None
    window: Annotated[str, Parameter(help="Days such as 90d, dates such as 2026-01-01..2026-03-31, or all.")] = "90d"
    zone: Annotated[str, Parameter(help="Time zone of days and hours.")] = "Asia/Shanghai"
    data: Annotated[str | None, Parameter(help="A data set of `hongshu export`, instead of what is kept here.")] = None
    engine: Annotated[Literal["duckdb", "spark"], Parameter(help="What reads the data set.")] = "duckdb"
    master: Annotated[str, Parameter(help="Where Spark runs.")] = "local[*]"


@app.command
def creator(
    user: Annotated[str, Parameter(help="Id of the creator, or a link to the profile.")],
    *,
    choices: Choices,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Report about one creator: typical performance, best hours, hashtags, growth, and what happened."""
    _report(settings(config), choices, {"kind": "creator", "creators": [named(user)]}, json=json)


@app.command
def compare(
    *users: Users,
    focus: Focus = None,
    group: Annotated[str | None, Parameter(help="The creators of a group.")] = None,
    choices: Choices,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Set creators side by side, in the time that is complete for all of them."""
    _report_several(settings(config), choices, "compare", users, group, focus, json=json)


@app.command
def competitors(
    *users: Users,
    focus: Focus = None,
    group: Annotated[str | None, Parameter(help="The creators of a group.")] = None,
    choices: Choices,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Report about competitors: shares, who posted what, breakouts, new hashtags, who is silent."""
    _report_several(settings(config), choices, "competitors", users, group, focus, json=json)


@app.command
def verify(file: Annotated[Path, Parameter(help="A report.")], *, json: AsJson = False) -> int:
    """Make the numbers of a report again from the data it carries, and compare."""
    making = _making()
    told = making.verify(file)
    manifest = told.manifest
    words = {
        "ok": told.same,
        "file": str(file),
        "kind": manifest.kind.value,
        "creators": list(manifest.creators),
        "window": {"since": rfc3339(manifest.since_ms), "until": rfc3339(manifest.until_ms)},
        "made": rfc3339(manifest.made_ms),
        "made_by": manifest.hongshu,
        "data_sha256": manifest.data_sha256,
        "differences": list(told.differences),
    }
    print_json(words) if json else print_words(words)
    return DONE if told.same else FAILED


def _report_several(
    loaded: Loaded,
    choices: Choices,
    kind: str,
    users: Sequence[str],
    group: str | None,
    focus: str | None,
    *,
    json: bool,
) -> None:
    with notes(loaded, in_bulk=True) as room:
        chosen = compared(users, group, focus, room)
    told = {
        "kind": kind,
        "creators": list(chosen),
        "group": group_name(group) if group else "",
        "focus": named(focus) if focus else "",
    }
    _report(loaded, choices, told, json=json)


def _report(loaded: Loaded, choices: Choices, told: Mapping[str, Any], *, json: bool) -> None:
    making = _making()
    form = _form(choices)
    wanted = making.Wanted(
        kind=making.ReportKind(told["kind"]),
        creators=sorted(told["creators"]),
        group=told.get("group", ""),
        focus=told.get("focus", ""),
        window=choices.window,
        zone=choices.zone,
        lang=choices.lang or language(os.environ),
    )
    facts, covers = _read(loaded, choices, wanted.creators)
    report = making.make(wanted, facts, covers, time.time_ns() // 1_000_000)
    making.write(report, form, choices.out)
    _tell(choices.out, form, report, json=json)


def _read(loaded: Loaded, choices: Choices, creators: Sequence[str]) -> tuple[Facts, Mapping[str, str]]:
    """Return what the report stands on: of a data set, or of what is kept, then with covers."""
    from hongshu.engine.covers import FOLDER, CoverFiles  # noqa: PLC0415 - an extra's
    from hongshu.engine.reporting import covers_of, facts_of, facts_of_dataset  # noqa: PLC0415 - an extra's

    if choices.data is None and choices.engine != "duckdb":
        raise UsageError("Spark reads data sets; pass one with --data, made by: hongshu export --out FOLDER")
    if choices.data is not None:
        with open_dataset(choices.data, engine=choices.engine, master=choices.master) as analyst:
            return facts_of_dataset(analyst, creators), {}
    with notes(loaded, in_bulk=True) as room:
        facts = facts_of(room, creators)
        return facts, covers_of(room, facts, CoverFiles(loaded.data_dir / FOLDER, time.time_ns).path)


def language(environment: Mapping[str, str]) -> str:
    """Return the language of a machine's user: Chinese where the environment says so, else English."""
    said = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if said.lower().startswith("zh") else "en"


def _form(choices: Choices) -> ReportForm:
    making = _making()
    ending = choices.out.suffix.lower().removeprefix(".")
    if choices.form and ending in _ENDINGS and ending != choices.form:
        raise UsageError(f"{choices.out} ends in .{ending}, but --format says {choices.form}; leave one of them out")
    form: ReportForm = making.ReportForm(choices.form) if choices.form else making.form_of(choices.out)
    return form


def _tell(out: Path, form: ReportForm, report: Report, *, json: bool) -> None:
    manifest = report.manifest
    words: dict[str, Any] = {
        "file": str(out),
        "format": form.value,
        "title": report.document.title,
        "bytes": out.stat().st_size,
        "creators": list(manifest.creators),
        "window": {"since": rfc3339(manifest.since_ms), "until": rfc3339(manifest.until_ms)},
        "as_of": rfc3339(manifest.as_of_ms),
        "notes": manifest.data_rows["notes"],
        "data_sha256": manifest.data_sha256,
        "findings": [one.text for one in report.document.findings],
    }
    if json:
        print_json(words)
        return
    print_words({name: words[name] for name in ("file", "as_of", "notes")})
    for one in report.document.findings:
        print_words({"•": f"{one.text} ({one.evidence})"})


def _making() -> Any:
    """Return what makes reports; raises `SetupError` with what installs it."""
    try:
        from hongshu.reports import making  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError(
            'reports need DuckDB and NumPy; install them with: pip install "hongshu[analytics]"'
        ) from error
    return making
