"""Reports are made of what is known, carry it, and can be made again from it; what was changed is found."""

import re
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")
pytest.importorskip("numpy", reason="the extra `analytics` is not installed")
pytest.importorskip("xlsxwriter", reason="the extra `sheets` is not installed")

from databases import open_room
from hongshu.analytics.facts import Facts
from hongshu.engine.reporting import facts_of
from hongshu.errors import HongshuError, UsageError
from hongshu.reports.document import ReportKind
from hongshu.reports.making import Report, ReportForm, Wanted, make, verify, write
from reports.followed import DAY_MS, END_MS

Known = tuple[Path, list[str]]
MADE_MS = END_MS + DAY_MS


def facts(known: Known) -> Facts:
    folder, creators = known
    with closing(open_room("sqlite", "notes", folder)) as room:
        return facts_of(room, creators)


def made(
    known: Known, kind: str = "creator", lang: str = "en", window: str = "90d", zone: str = "Asia/Shanghai"
) -> Report:
    creators = known[1][:1] if kind == "creator" else known[1]
    wanted = Wanted(
        kind=ReportKind(kind),
        creators=creators,
        window=window,
        zone=zone,
        lang=lang,
        group="rivals",
        focus=creators[-1],
    )
    return make(wanted, facts(known), {}, MADE_MS)


@pytest.mark.parametrize("form", list(ReportForm))
@pytest.mark.parametrize("kind", ["creator", "compare", "competitors"])
def test_a_report_is_made_again_byte_for_byte(known: Known, tmp_path: Path, kind: str, form: ReportForm) -> None:
    path = tmp_path / f"report.{form.value}"
    write(made(known, kind, "zh" if kind == "compare" else "en"), form, path)
    told = verify(path)
    assert (told.same, list(told.differences)) == (True, [])
    assert told.manifest.kind.value == kind


@pytest.mark.parametrize("form", [ReportForm.HTML, ReportForm.MARKDOWN, ReportForm.JSON])
def test_a_changed_number_is_found(known: Known, tmp_path: Path, form: ReportForm) -> None:
    report = made(known)
    path = tmp_path / f"report.{form.value}"
    write(report, form, path)
    text = path.read_text(encoding="utf-8")
    head, carried = text[: text.rindex(report.sealed[:40])], text[text.rindex(report.sealed[:40]) :]
    digits = [found.start() for found in re.finditer(r"[1-8]", head)]
    place = digits[len(digits) // 2]
    path.write_text(head[:place] + "9" + head[place + 1 :] + carried, encoding="utf-8")
    told = verify(path)
    assert not told.same
    assert "the file was changed" in told.differences[0]


def test_data_that_was_changed_is_found(known: Known, tmp_path: Path) -> None:
    report = made(known)
    lying = msgspec.structs.replace(report.manifest, data_sha256="0" * 64)
    from hongshu.reports.sealing import sealed, unsealed  # noqa: PLC0415 - for this test only

    found = unsealed(report.sealed)
    path = tmp_path / "report.json"
    write(
        Report(document=report.document, manifest=lying, sealed=sealed(lying, found.facts, {})), ReportForm.JSON, path
    )
    assert "the data is not what the manifest says; the file was changed" in verify(path).differences


@pytest.mark.parametrize("content", ["", "{}", '{"sealed": "!"}', '{"sealed": "AAAA"}', '{"sealed": 7}', "[1]"])
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(UsageError, match=r"carries no data|is damaged"):
        verify(tmp_path / "report.json")


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.xlsx"])
def test_a_file_of_others_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 not really <html></html>")
    with pytest.raises(UsageError, match=r"carries no data|cannot be read|no workbook"):
        verify(tmp_path / name)


def test_a_report_carries_no_more_than_its_window(known: Known) -> None:
    year, month = made(known, window="365d"), made(known, window="30d")
    assert len(month.sealed) < len(year.sealed) / 2


def test_a_comparison_keeps_to_the_time_that_is_complete_for_all(known: Known) -> None:
    found = {table: list(lines) for table, lines in facts(known).items()}
    late, early = END_MS - 20 * DAY_MS, END_MS - 3 * DAY_MS
    changes = {known[1][0]: {"from_ms": late, "state": "partial"}, known[1][1]: {"to_ms": early}}
    found["creators"] = [{**one, **changes.get(one["creator"], {})} for one in found["creators"]]
    wanted = Wanted(kind=ReportKind.COMPARE, creators=known[1], window="90d", zone="UTC", lang="en")
    report = make(wanted, found, {}, MADE_MS)
    assert (report.manifest.since_ms, report.manifest.until_ms) == (late, early)


def test_who_is_not_known_without_a_gap_is_not_compared(known: Known) -> None:
    found = {table: list(lines) for table, lines in facts(known).items()}
    missing = known[1][0]
    found["creators"] = [{**one, "to_ms": None} if one["creator"] == missing else one for one in found["creators"]]
    wanted = Wanted(kind=ReportKind.COMPARE, creators=known[1], window="90d", zone="UTC", lang="en")
    document = make(wanted, found, {}, MADE_MS).document
    assert missing not in [one.creator for one in document.subjects]
    assert missing in document.findings[0].text
    assert f"hongshu collect {missing}" in document.findings[0].evidence


def test_creators_without_common_time_are_refused_with_what_to_do(known: Known) -> None:
    found = {table: list(lines) for table, lines in facts(known).items()}
    found["creators"] = [{**one, "to_ms": None} for one in found["creators"]]
    wanted = Wanted(kind=ReportKind.COMPARE, creators=known[1], window="90d", zone="UTC", lang="en")
    with pytest.raises(HongshuError, match="hongshu collect"):
        make(wanted, found, {}, MADE_MS)


def test_a_creator_of_whom_nothing_is_known_is_refused_with_what_to_do(known: Known) -> None:
    wanted = Wanted(kind=ReportKind.CREATOR, creators=["f" * 24], window="90d", zone="UTC", lang="en")
    with pytest.raises(HongshuError, match="hongshu collect " + "f" * 24):
        make(wanted, facts(known), {}, MADE_MS)


@pytest.mark.parametrize("kind", ["creator", "compare", "competitors"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_at_most_five_findings_are_told_each_with_its_evidence(known: Known, kind: str, lang: str) -> None:
    document = made(known, kind, lang).document
    assert 1 <= len(document.findings) <= 5
    assert all(one.text and one.evidence for one in document.findings)
    assert document.simulated


def test_a_report_says_that_it_cannot_tell_rather_than_a_number(known: Known) -> None:
    found = facts(known)
    few = {**found, "notes": [one for one in found["notes"] if one["creator"] == known[1][0]][:3], "looks": []}
    wanted = Wanted(kind=ReportKind.CREATOR, creators=known[1][:1], window="all", zone="UTC", lang="en")
    document = make(wanted, few, {}, MADE_MS).document
    [figures] = [block for block in document.blocks if type(block).__name__ == "Figures"]
    told = {one.number.metric: one.number for one in figures.figures}
    assert told["median"].value is None
    assert told["median"].why is not None
    assert told["median"].why.value == "too_few"
    assert "too few notes" in document.findings[0].text
