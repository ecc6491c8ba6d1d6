"""Makes reports out of facts, and makes their numbers again: facts → what was measured → what is said → a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from hongshu import __version__
from hongshu.analytics.base import Analyst
from hongshu.analytics.duck import open_tables
from hongshu.analytics.facts import Facts, Line, bounds_of, sha256_of, trimmed, write_lines
from hongshu.analytics.measuring.creators import measure
from hongshu.analytics.numbers import Measured
from hongshu.analytics.questions import DEFAULTS
from hongshu.analytics.windows import Window, window
from hongshu.errors import HongshuError, UsageError
from hongshu.models import Word
from hongshu.reports.compare import Compared, compare_report
from hongshu.reports.competitors import competitors_report
from hongshu.reports.creator import creator_report
from hongshu.reports.document import Document, Manifest, ReportKind
from hongshu.reports.html import html, sealed_of
from hongshu.reports.markdown import markdown, sealed_of_markdown
from hongshu.reports.pieces import About
from hongshu.reports.sealing import Sealed, sealed, unsealed
from hongshu.reports.sheets import sealed_of_workbook, workbook

LARGEST_FILE: Final = 512 * 1024 * 1024
_LIBRARIES: Final = ("duckdb", "numpy")


class ReportForm(StrEnum):
    """How a report is written; each is the ending of a file's name as well."""

    HTML = "html"
    XLSX = "xlsx"
    MARKDOWN = "md"
    JSON = "json"


class Wanted(Word):
    """What a report is to be about: creators in the order of their ids, or of a group, and a window as it is typed."""

    kind: ReportKind
    creators: Sequence[str]
    window: str
    zone: str
    lang: str
    group: str = ""
    focus: str = ""


class Report(Word):
    """A report that can be written in every form, with the data it carries."""

    document: Document
    manifest: Manifest
    sealed: str


class Verified(Word):
    """Whether a report's numbers could be made again: `same` where the whole file is, byte for byte."""

    same: bool
    form: ReportForm
    manifest: Manifest
    differences: Sequence[str]


def make(wanted: Wanted, facts: Facts, covers: Mapping[str, str], made_ms: int) -> Report:
    """Make a report. Raises `UsageError` for a window that cannot be read, `HongshuError` where there is no data."""
    manifest, kept = _prepared(wanted, facts, made_ms)
    shown = {one["cover"] for one in kept["notes"] if one["cover"]}
    return _made(manifest, kept, {media: cover for media, cover in sorted(covers.items()) if media in shown})


def tell(wanted: Wanted, facts: Facts, made_ms: int) -> Document:
    """Return what a report says, without covers and without the data it stands on. Raises what `make` raises."""
    manifest, kept = _prepared(wanted, facts, made_ms)
    return _told(manifest, kept, {})


def _prepared(wanted: Wanted, facts: Facts, made_ms: int) -> tuple[Manifest, Facts]:
    unknown = sorted(set(wanted.creators) - {one["creator"] for one in facts["notes"]})
    if len(unknown) == len(wanted.creators):
        raise HongshuError(
            f"nothing is known of {', '.join(unknown)}; collect first: hongshu collect {' '.join(unknown)}"
        )
    own = {table: [one for one in lines if one["creator"] in wanted.creators] for table, lines in facts.items()}
    given, as_of_ms = _window(wanted, own)
    kept = trimmed(own, given)
    return _manifest(wanted, given, kept, as_of_ms, made_ms), kept


def write(report: Report, form: ReportForm, path: Path) -> None:
    """Write a report; a file of that name is replaced when the new one is complete."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        if form is ReportForm.XLSX:
            workbook(report.document, report.manifest, report.sealed, draft)
        else:
            draft.write_text(_TEXTS[form](report), encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        raise HongshuError(f"{path} cannot be written ({error.strerror or error}); see to the folder") from error
    finally:
        draft.unlink(missing_ok=True)


def read_sealed(path: Path) -> tuple[ReportForm, Sealed]:
    """Return the form of a report and what it carries. Raises `UsageError` where it is no report of ours."""
    form = form_of(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError(f"{path} is larger than any report")
        text = sealed_of_workbook(path) if form is ReportForm.XLSX else _SEALS[form](path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error})") from error
    if text is None:
        raise UsageError(f"{path} carries no data of hongshu; verify files that `hongshu report` wrote")
    return form, unsealed(text)


def verify(path: Path) -> Verified:
    """Make a report again from what it carries, and compare it with the file."""
    form, found = read_sealed(path)
    manifest = found.manifest
    again = _made(manifest, found.facts, found.covers)
    differences = []
    if sha256_of(found.facts) != manifest.data_sha256:
        differences.append("the data is not what the manifest says; the file was changed")
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, path.name)
        write(again, form, other)
        same = other.read_bytes() == path.read_bytes()
    if not same:
        made_by = _version_words(manifest)
        differences.append(
            "what stands in the file is not what its data gives; the file was changed"
            if made_by == _version_words(_with_versions(manifest))
            else f"what stands in the file is not what this installation makes of its data; it was made by {made_by}"
        )
    return Verified(same=not differences, form=form, manifest=manifest, differences=differences)


def form_of(path: Path) -> ReportForm:
    """Return the form that the ending of a name says. Raises `UsageError` for another."""
    try:
        return ReportForm(path.suffix.lower().removeprefix("."))
    except ValueError:
        endings = ", ".join(f".{form.value}" for form in ReportForm)
        raise UsageError(f"{path} ends in none of {endings}; rename it, or pass --format") from None


def _window(wanted: Wanted, facts: Facts) -> tuple[Window, int]:
    """Return the window, for several creators cut to what is known of all of them, and the time of the data."""
    as_of_ms = bounds_of(facts).seen_ms
    if as_of_ms is None:
        raise HongshuError("nothing is known yet; collect first: hongshu collect USER")
    given = window(wanted.window, wanted.zone, as_of_ms)
    if wanted.kind is ReportKind.CREATOR:
        return given, as_of_ms
    known = [_known(one) for one in facts["creators"] if _is_covered(one) and one["creator"] in wanted.creators]
    if len(known) < 2:
        names = " ".join(wanted.creators)
        raise HongshuError(
            "fewer than two of these creators are known without a gap, so there is nothing to compare; collect them:"
            f" hongshu collect {names}"
        )
    since_ms = max([given.since_ms, *(since for since, _ in known)])
    until_ms = min([given.until_ms, *(until for _, until in known)])
    if since_ms >= until_ms:
        raise HongshuError(
            "these creators share no time of the window that is known without a gap; collect them again, or pass a"
            " longer --window"
        )
    return Window(since_ms=since_ms, until_ms=until_ms, zone=given.zone), until_ms


def _is_covered(one: Line) -> bool:
    return one["to_ms"] is not None and (one["from_ms"] is not None or one["state"] == "complete")


def _known(one: Line) -> tuple[int, int]:
    """Return from when until when a creator is known; who is complete is known from the very beginning."""
    return (one["from_ms"] or 0), one["to_ms"]


def _made(manifest: Manifest, facts: Facts, covers: Mapping[str, str]) -> Report:
    document = _told(manifest, facts, covers)
    return Report(document=document, manifest=manifest, sealed=sealed(manifest, facts, covers))


def _told(manifest: Manifest, facts: Facts, covers: Mapping[str, str]) -> Document:
    given = Window(since_ms=manifest.since_ms, until_ms=manifest.until_ms, zone=manifest.zone)
    about = About(
        lang=manifest.lang,
        window=given,
        given=manifest.window,
        as_of_ms=manifest.as_of_ms,
        made_ms=manifest.made_ms,
        covers=covers,
    )
    with _opened(facts) as analyst:
        return _document(manifest, facts, analyst, about)


def _document(manifest: Manifest, facts: Facts, analyst: Analyst, about: About) -> Document:
    if manifest.kind is ReportKind.CREATOR:
        [creator] = manifest.creators
        return creator_report(measure(analyst, about.window, [creator], manifest.settings)[creator], about)
    covered = {one["creator"] for one in facts["creators"] if _is_covered(one)}
    compared = [creator for creator in manifest.creators if creator in covered]
    measured = measure(analyst, about.window, compared, manifest.settings)
    told = Compared(
        measured=sorted(measured.values(), key=_typical),
        left_out=[creator for creator in manifest.creators if creator not in covered],
        shares=_lines(analyst, "shares", about.window, manifest.settings, compared),
        averages=_lines(analyst, "averages", about.window, manifest.settings, compared),
        focus=manifest.focus,
        group=manifest.group,
    )
    return (compare_report if manifest.kind is ReportKind.COMPARE else competitors_report)(told, about)


def _typical(one: Measured) -> tuple[float, str]:
    return -(one.numbers["median"].value or 0), one.creator


def _lines(
    analyst: Analyst, question: str, given: Window, settings: Mapping[str, Any], creators: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    found = analyst.ask(question, given, settings).by("creator")
    return {creator: found[creator] for creator in creators if creator in found}


@contextmanager
def _opened(facts: Facts) -> Iterator[Analyst]:
    with tempfile.TemporaryDirectory() as folder:
        analyst = open_tables(write_lines(facts, Path(folder)), threads=1)
        try:
            yield analyst
        finally:
            analyst.close()


def _manifest(wanted: Wanted, given: Window, facts: Facts, as_of_ms: int, made_ms: int) -> Manifest:
    told = Manifest(
        hongshu="",
        engine="",
        libraries={},
        kind=wanted.kind,
        creators=wanted.creators,
        group=wanted.group,
        focus=wanted.focus,
        window=wanted.window,
        zone=wanted.zone,
        lang=wanted.lang,
        since_ms=given.since_ms,
        until_ms=given.until_ms,
        as_of_ms=as_of_ms,
        made_ms=made_ms,
        settings=DEFAULTS,
        data_sha256=sha256_of(facts),
        data_rows={table: len(lines) for table, lines in facts.items()},
    )
    return _with_versions(told)


def _with_versions(manifest: Manifest) -> Manifest:
    libraries = {name: version(name) for name in _LIBRARIES}
    return msgspec.structs.replace(manifest, hongshu=__version__, engine="duckdb", libraries=libraries)


def _version_words(manifest: Manifest) -> str:
    libraries = ", ".join(f"{name} {number}" for name, number in sorted(manifest.libraries.items()))
    return f"hongshu {manifest.hongshu} with {libraries}"


def _as_html(report: Report) -> str:
    return html(report.document, report.manifest, report.sealed)


def _as_markdown(report: Report) -> str:
    return markdown(report.document, report.manifest, report.sealed)


def _as_json(report: Report) -> str:
    words = {"manifest": report.manifest, "report": report.document, "sealed": report.sealed}
    return msgspec.json.format(msgspec.json.encode(words), indent=2).decode() + "\n"


def _sealed_of_json(text: str) -> str | None:
    try:
        return str(msgspec.json.decode(text)["sealed"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return None


_TEXTS: Final = {ReportForm.HTML: _as_html, ReportForm.MARKDOWN: _as_markdown, ReportForm.JSON: _as_json}
_SEALS: Final = {
    ReportForm.HTML: sealed_of,
    ReportForm.MARKDOWN: sealed_of_markdown,
    ReportForm.JSON: _sealed_of_json,
}
