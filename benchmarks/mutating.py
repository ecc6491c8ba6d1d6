"""What tests notice: the modules that decide, changed in one place at a time by mutmut, and how many changes they saw.

    python benchmarks/mutating.py                                   every mutant; hours on two cores
    python benchmarks/mutating.py hongshu.formats.verdict           those of some modules
    python benchmarks/mutating.py --share 0.1 --seed 7              a sample of each module, drawn from a seed
    python benchmarks/mutating.py --told                            the scores of what was run, and who survived

Each module is mutated in a copy of its own below `mutants/`, against the tests that are its own. The scores go to
`mutants/scores.json`; `mutmut show NAME`, in the module's copy, shows a survivor. A run goes on where an earlier one
ended; `make clean` begins afresh. What survives, and why, is told in `docs/decisions/0019-mutation.md`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MUTANTS: Final = ROOT / "mutants"
PROCESSES: Final = 2
KILLED: Final = (1, 3)
SURVIVED: Final = 0
NO_TESTS: Final = (5, 33)
COLUMNS: Final = ("mutants", "run", "killed", "timeout", "survived", "no tests", "score")
WITHOUT_A_SERVER: Final = "not postgresql and not server"
_CALLS: Final = ("tests/money/test_groups.py", "tests/money/test_keys.py", "tests/money/test_call_log.py")
_LEDGER: Final = ("tests/keeping/test_ledger_tampering.py", "tests/keeping/test_accounting.py")
_EGRESS: Final = tuple(f"tests/covers/test_{one}.py" for one in ("guarded_egress", "guarded_posts", "source_egress"))
_LIMITS: Final = (
    "tests/money/test_rate.py::test_no_window_of_time_holds_more_than_its_rate_and_a_burst",
    "tests/money/test_rate.py::test_a_call_is_made_to_wait_only_where_a_window_would_hold_too_many",
    "tests/money/test_rate.py::test_the_wait_that_is_told_is_exact",
    "tests/money/test_rate.py::test_calls_at_the_even_pace_all_pass",
    "tests/money/test_rate.py::test_the_rate_reckons_in_integers_to_the_nanosecond",
    "tests/money/test_rate.py::test_a_refusal_tells_whole_seconds_after_which_the_call_passes",
    "tests/money/test_quota_days.py::test_a_quota_day_has_the_name_of_the_local_date",
    "tests/money/test_quota_days.py::test_a_quota_day_ends_at_the_first_instant_of_a_later_date",
    "tests/money/test_quota_days.py::test_a_date_that_a_zone_skipped_is_no_quota_day",
    "tests/money/test_quota_days.py::test_hours_of_usage_add_up_to_local_days",
    "tests/money/test_decision.py",
)
"""Those that no database slows down."""
MODULES: Final[Mapping[str, Sequence[str]]] = {
    "hongshu.formats.verdict": ("tests/formats/test_verdict.py",),
    "hongshu.formats.addresses": ("tests/covers/test_address_guard.py",),
    "hongshu.life.covering": ("tests/keeping/test_coverage_algebra.py", "tests/keeping/test_parts_of_timelines.py"),
    "hongshu.engine.money.limits": _LIMITS,
    "hongshu.engine.money.decision": ("tests/money/test_decision.py",),
    "hongshu.engine.money.book": ("tests/money/test_book.py", *_CALLS),
    "hongshu.engine.money.jobs": ("tests/money/test_rows_of_a_group.py", *_CALLS),
    "hongshu.engine.money.entries": _LEDGER,
    "hongshu.engine.money.audit": ("tests/money/test_words_of_the_proof.py", *_LEDGER),
    "hongshu.store.group": ("tests/money/test_rows_of_a_group.py", *_CALLS),
    "hongshu.store.ledger": ("tests/money/test_what_is_kept.py", *_LEDGER),
    "hongshu.store.accounts": ("tests/money/test_what_is_kept.py", *_LEDGER),
    "hongshu.store.sums": ("tests/soundness/test_sums.py",),
    "hongshu.store.scanning": ("tests/soundness/test_sums.py",),
    "hongshu.store.coverage": ("tests/keeping/test_coverage_rows.py",),
    "hongshu.egress": _EGRESS,
    "hongshu.egress.sessions": ("tests/covers/test_http_sessions.py", *_EGRESS),
}
"""Each module with the tests that are its own: those that fail first where it is wrong, and need no server."""

Ends = Mapping[str, int | None]
"""How the tests of each mutant ended, by its name; None where they have not run."""


def file_of(module: str) -> Path:
    """Return where a module stands below the root."""
    path = Path("src", *module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


def copied(module: str) -> Path:
    """Return the copy in which a module is mutated, which is made where it is not there."""
    copy = MUTANTS / module
    if not copy.exists():
        for folder in ("src", "tests"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        settings = {
            "source_paths": ["src"],
            "only_mutate": [str(file_of(module))],
            "timeout_multiplier": 4.0,
            "timeout_constant": 20.0,
            "pytest_add_cli_args": ["-n", "0", "-p", "no:schemathesis", "-k", WITHOUT_A_SERVER],
            "pytest_add_cli_args_test_selection": list(MODULES[module]),
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        (copy / "pyproject.toml").write_text("\n".join([text, "[tool.mutmut]", *lines, ""]), encoding="utf-8")
    return copy


def ends(module: str) -> Ends:
    """Read what became of the mutants of a module."""
    meta = MUTANTS / module / "mutants" / f"{file_of(module)}.meta"
    found: Ends = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"] if meta.exists() else {}
    return found


def run(module: str, *names: str, check: bool = True) -> None:
    """Run the tests of some mutants of a module, or of all."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(PROCESSES), *names]
    subprocess.run(command, cwd=copied(module), check=check)


def drawn(module: str, share: float, seed: int) -> Iterator[str]:
    """Draw a share of the mutants of a module, at least thirty."""
    names = sorted(ends(module))
    number = min(len(names), max(30, round(share * len(names))))
    yield from random.Random(f"{seed} {module}").sample(names, number)  # noqa: S311 - a sample guards nothing


def score(found: Ends) -> dict[str, int | float]:
    """Count the mutants of a module that were run; the score is the share of these that made a test fail."""
    told = Counter(
        "survived" if end == SURVIVED else "killed" if end in KILLED else "no tests" if end in NO_TESTS else "timeout"
        for end in found.values()
        if end is not None
    )
    ran = sum(told.values())
    seen = told["killed"] + told["timeout"]
    return {"mutants": len(found), "run": ran, **told, "score": round(100 * seen / ran, 1) if ran else 0.0}


def tell(chosen: Sequence[str]) -> None:
    """Print a table of scores, and the names of who survived."""
    scores = {module: score(ends(module)) for module in chosen}
    (MUTANTS / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    print(f"| module | {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * len(COLUMNS)}", sep="\n")
    for module, one in scores.items():
        print(f"| `{module}` | {' | '.join(str(one.get(name, 0)) for name in COLUMNS)} |")
    for module in chosen:
        for name, end in ends(module).items():
            if end == SURVIVED or end in NO_TESTS:
                print(name, "survived" if end == SURVIVED else "is run by no test")


def main() -> None:
    """Run what is asked for, then tell."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("modules", nargs="*", choices=[*MODULES, []], metavar="module", help="all where none is given")
    asked.add_argument("--share", type=float, default=1.0, help="of each module's mutants")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--told", action="store_true", help="run nothing")
    given = asked.parse_args()
    chosen = given.modules or list(MODULES)
    for module in () if given.told else chosen:
        if given.share < 1:
            run(module, "none", check=False)  # it refuses, once the mutants are made that are to be drawn from
            run(module, *drawn(module, given.share, given.seed))
        else:
            run(module)
    tell(chosen)


if __name__ == "__main__":
    main()
