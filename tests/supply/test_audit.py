"""The pins against advisories in the OSV format, which the tests write."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import audit
import pytest
from advisories import read
from packaging.version import Version

SHA256: Final = "a" * 64
BEFORE_2: Final = [{"introduced": "0"}, {"fixed": "2.0"}]


def advisory(identifier: str, *affected: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"id": identifier, "summary": "a hole", "modified": "2026-01-01T00:00:00Z", "affected": affected}
    return {**told, **more}


def of(
    name: str, *events: dict[str, str], ecosystem: str = "PyPI", kind: str = "ECOSYSTEM", **more: Any
) -> dict[str, Any]:
    return {
        "package": {"name": name, "ecosystem": ecosystem},
        "ranges": [{"type": kind, "events": list(events)}] if events else [],
        **more,
    }


@pytest.fixture
def database(tmp_path: Path) -> Callable[..., Path]:
    """Write advisories into a folder, or a zip, one a file."""

    def written(*told: dict[str, Any], packed: bool = False) -> Path:
        folder = tmp_path / "advisories"
        folder.mkdir()
        for one in told:
            (folder / f"{one['id']}.json").write_text(json.dumps(one), encoding="utf-8")
        if not packed:
            return folder
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)
        return tmp_path / "all.zip"

    return written


@pytest.fixture
def ended(tmp_path: Path) -> Callable[..., int]:
    """Run the command over some pins."""
    folder = tmp_path / "requirements"
    folder.mkdir()

    def status(place: Path, *pins: str, file: str = "image") -> int:
        lines = "".join(f"{pin} \\\n    --hash=sha256:{SHA256}\n" for pin in pins)
        (folder / f"{file}.txt").write_text(lines, encoding="utf-8")
        return audit.main([str(place), "--requirements", str(folder)])

    return status


@pytest.mark.parametrize(
    ("events", "affected", "free"),
    [
        (BEFORE_2, ["0.0.0a1", "1", "1.9.9", "2.0rc1", "2.0.dev3"], ["2.0", "2.0.0", "2.0.post1", "10"]),
        ([{"introduced": "1.10"}, {"fixed": "1.12"}], ["1.10", "1.11", "1.10.1"], ["1.9", "1.2", "1.12"]),
        ([{"introduced": "1"}, {"last_affected": "1.4"}], ["1", "1.4", "1.4.0"], ["0.9", "1.4.post1", "1.5"]),
        ([{"fixed": "3"}, {"introduced": "2"}, {"fixed": "1"}, {"introduced": "0"}], ["0.5", "2.5"], ["1", "1.5", "3"]),
        ([{"introduced": "0"}], ["0.1", "99"], []),
        ([{"introduced": "0"}, {"fixed": "2!1.0"}], ["9", "1!5"], ["2!1.0"]),
    ],
)
def test_a_range_holds_the_versions_that_python_orders_into_it(
    database: Callable[..., Path], events: Sequence[dict[str, str]], affected: Sequence[str], free: Sequence[str]
) -> None:
    """Numbers as numbers, what comes before a release before it, in whatever order the events stand."""
    [told] = read(database(advisory("X-1", of("one", *events))))["one"]
    assert [one for one in (*affected, *free) if told.affects(Version(one))] == list(affected)


def test_versions_that_are_named_count_beside_ranges_and_those_of_commits_do_not(database: Callable[..., Path]) -> None:
    """A version is the same however it is written; one that is none of Python's is nobody's."""
    named = of("one", {"introduced": "a1b2"}, kind="GIT", versions=["1.4", "3.0-custom build"])
    [told] = read(database(advisory("X-1", named)))["one"]
    assert [told.affects(Version(one)) for one in ("1.4.0", "1.5", "3.0")] == [True, False, False]


def test_what_is_found_is_told_with_what_to_do(
    database: Callable[..., Path], ended: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Package, version, file, the advisory with its other names, the version that is fixed, and the line to write."""
    place = database(
        advisory("GHSA-1", of("Some_Thing", *BEFORE_2), aliases=["CVE-1"]),
        advisory("PYSEC-1", of("some-thing", *BEFORE_2), aliases=["CVE-1", "GHSA-1"]),
        advisory("GHSA-2", of("some-thing", {"introduced": "1"}), summary="", details="another hole\nin full"),
        packed=True,
    )
    assert ended(place, "some.thing==1.5", "other==1") == 1
    told = capsys.readouterr()
    assert told.out == (
        "some-thing 1.5 (requirements/image.txt)\n"
        "  GHSA-1, CVE-1: a hole\n"
        "  Fixed in 2.0: write `some-thing>=2.0  # GHSA-1: …` into requirements/floors.in,"
        " then make lock and make sbom.\n"
        "some-thing 1.5 (requirements/image.txt)\n"
        "  GHSA-2: another hole\n"
        "  No version is told to be without it: read the advisory, then do without the package or what it does.\n"
    )
    assert told.err == "2 versions checked against 3 advisories: 2 found.\n"


def test_the_version_to_take_is_one_that_no_other_range_holds(database: Callable[..., Path]) -> None:
    """Of several branches that were mended, the lowest above the pin."""
    branches = [{"introduced": "1"}, {"fixed": "1.4"}, {"introduced": "2"}, {"fixed": "2.2"}]
    again = {"type": "ECOSYSTEM", "events": [{"introduced": "1.4"}, {"fixed": "1.4.1"}]}
    affected = of("one", *branches)
    [told] = read(database(advisory("X-1", {**affected, "ranges": [*affected["ranges"], again]})))["one"]
    assert [str(told.fixed_in(Version(one))) for one in ("1.0", "2.0", "2.2")] == ["1.4.1", "2.2", "None"]


def test_what_is_about_others_is_not_found(database: Callable[..., Path], ended: Callable[..., int]) -> None:
    """Another ecosystem's package of the name, another version, and an advisory that was withdrawn."""
    place = database(
        advisory("X-1", of("one", *BEFORE_2, ecosystem="npm"), of("one", {"introduced": "3"})),
        advisory("X-2", of("one", {"introduced": "0"}), withdrawn="2026-01-02T00:00:00Z"),
        advisory("X-3", of("two", {"introduced": "0"})),
    )
    assert ended(place, "one==2.5") == 0


def test_each_version_of_each_file_is_looked_at(
    database: Callable[..., Path], ended: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where two stand for two versions of Python; all files that have a version are named."""
    place = database(advisory("X-1", of("one", *BEFORE_2)))
    ended(place, "one==1.0", file="core")
    both = ("one==1.0 ; python_full_version < '3.12'", "one==1.1 ; python_full_version >= '3.12'")
    assert ended(place, *both) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("one 1.1")]
    assert lines == ["one 1.1 (requirements/image.txt)"]
    ended(place, *both)
    assert "one 1.0 (requirements/core.txt, requirements/image.txt)" in capsys.readouterr().out


def test_no_database_is_not_taken_for_no_hole(
    tmp_path: Path, database: Callable[..., Path], ended: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing there, nothing about Python, something else, and a version that cannot be compared, end with 2."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/one.json").write_text('{"id": ', encoding="utf-8")
    (tmp_path / "list").mkdir()
    (tmp_path / "list/one.json").write_text("[]", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip", encoding="utf-8")
    for name in ("nowhere", "broken", "list", "empty", "text.zip"):
        assert ended(tmp_path / name, "one==1") == 2, name
        assert "advisories" in capsys.readouterr().err
    assert ended(database(advisory("X-1", of("one", {"introduced": "0"}, {"fixed": "a1b2c3"}))), "one==1") == 2
    assert "X-1 names 'a1b2c3'" in capsys.readouterr().err


def test_an_advisory_of_another_package_may_be_as_odd_as_it_likes(
    database: Callable[..., Path], ended: Callable[..., int]
) -> None:
    """Only what is asked about ours has to be compared."""
    assert ended(database(advisory("X-1", of("two", {"introduced": "0"}, {"fixed": "a1b2c3"}))), "one==1") == 0


def test_pins_that_are_none_are_not_checked(
    tmp_path: Path, database: Callable[..., Path], ended: Callable[..., int]
) -> None:
    """A range cannot be looked up."""
    assert ended(database(advisory("X-1", of("one", *BEFORE_2))), "one>=1") == 2


def test_our_own_pins_are_checked(database: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """As make audit does: against the floors' own holes, none is found."""
    place = database(
        advisory("CVE-2026-69244", of("aiohttp", {"introduced": "0"}, {"fixed": "3.14.3"})),
        advisory("CVE-2025-43859", of("h11", {"introduced": "0"}, {"fixed": "0.16.0"})),
    )
    assert audit.main([str(place)]) == 0
    assert "2 advisories: 0 found" in capsys.readouterr().err


def test_without_a_place_to_look_the_usage_is_told() -> None:
    """As make audit without ADVISORIES does."""
    with pytest.raises(SystemExit) as ended:
        audit.main([])
    assert ended.value.code == 2
