"""Mistakes that a tired developer would make, each with the tests that must see it.

To add one: its name, the file below `src/hongshu`, a text that stands there once, what takes its place, and the node of
the quickest test that goes red. A test that needs more than this machine's Python must not be the one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One change of the source, and the tests that must fail with it."""

    name: str
    file: str
    right: str
    wrong: str
    caught_by: tuple[str, ...]

    def planted_in(self, text: str) -> str:
        """The text of the file with the mistake in it."""
        times = text.count(self.right)
        assert times == 1, f"{self.file} holds what '{self.name}' replaces {times} times; plant it anew"
        return text.replace(self.right, self.wrong)


_FETCHING: Final = "tests/keeping/test_fetching.py"
MISTAKES: Final = (
    Mistake(
        name="the charge is written after the answer",
        file="engine/money/metering.py",
        right="        return outcomes, Unwritten(), group.save(db, opened.changes())",
        wrong="""\
        changes = opened.changes()
        asyncio.get_running_loop().call_later(0.01, lambda: self._money.write(lambda db: group.save(db, changes)))
        return outcomes, Unwritten(), True""",
        caught_by=("tests/money/test_commits.py::test_a_caller_is_told_when_another_can_read_its_charge[sqlite-1]",),
    ),
    Mistake(
        name="a transaction takes its lock when it first writes",
        file="store/sqlite.py",
        right='self._write.rows("BEGIN IMMEDIATE")',
        wrong='self._write.rows("BEGIN")',
        caught_by=("tests/keeping/test_files.py::test_what_writes_has_its_lock_before_it_reads",),
    ),
    Mistake(
        name="the log row of a charge rides with the next transaction",
        file="engine/money/metering.py",
        right="        return outcomes, Unwritten(), group.save(db, opened.changes())",
        wrong="""\
        changes = msgspec.structs.replace(opened.changes(), calls=(), usage={})
        return outcomes, left, group.save(db, changes)""",
        caught_by=("tests/money/test_groups.py::test_calls_of_one_group_are_decided_in_order[sqlite]",),
    ),
    Mistake(
        name="log lines are written as they come, tokens and all",
        file="logs.py",
        right="            _without_secrets,\n",
        wrong="",
        caught_by=("tests/test_logs.py::test_tokens_are_left_out_wherever_they_stand",),
    ),
    Mistake(
        name="a failed connection tells its address and the token in it",
        file="egress/__init__.py",
        right='raise SourceError(f"the connection failed ({type(error).__name__})") from error',
        wrong='raise SourceError(f"the connection failed ({error!r})") from error',
        caught_by=(
            "tests/covers/test_source_egress.py::test_a_connection_that_fails_is_told_without_address_and_token",
        ),
    ),
    Mistake(
        name="what a source says of its trouble goes to the caller",
        file="engine/fetcher.py",
        right="return _no_look(_SAID[judged.verdict], learned, judged.verdict.value)",
        wrong="return _no_look(judged.why, learned, judged.verdict.value)",
        caught_by=(f"{_FETCHING}::test_where_every_source_fails_it_is_301_with_words_of_our_own[an unknown code]",),
    ),
    Mistake(
        name="a compressed answer is unpacked whole, then measured",
        file="egress/__init__.py",
        right="body = machine.decompress(raw, LARGEST_BODY + 1)",
        wrong="body = machine.decompress(raw)",
        caught_by=("tests/covers/test_source_egress.py::test_a_bomb_takes_no_more_memory_than_the_largest_page",),
    ),
    Mistake(
        name="text that no database holds is kept as it came",
        file="formats/border.py",
        right="    text = without_bad_escapes(text)\n",
        wrong="",
        caught_by=("tests/formats/test_border.py::test_nul_and_lone_surrogates_become_the_replacement_character",),
    ),
    Mistake(
        name="pages at hand stand on one shelf for every audience",
        file="engine/fetcher.py",
        right="shelf, state = self._shelves[audience], self._notes.state()",
        wrong="shelf, state = self._shelves[EVERYONE], self._notes.state()",
        caught_by=("tests/wire/test_private_sources.py::test_each_account_sees_its_own_world",),
    ),
    Mistake(
        name="what is at hand is looked up without its audience",
        file="store/coverage.py",
        right="""\
 WHERE creator = ? AND audience = ? AND (lower_ms, lower_id) < (?, ?)"
        " ORDER BY upper_ms DESC, upper_id DESC LIMIT ?",
        (creator, audience, *start, _MOST_AHEAD),""",
        wrong="""\
 WHERE creator = ? AND (lower_ms, lower_id) < (?, ?)"
        " ORDER BY upper_ms DESC, upper_id DESC LIMIT ?",
        (creator, *start, _MOST_AHEAD),""",
        caught_by=("tests/keeping/test_serving_cases.py::test_what_one_audience_looked_at_is_at_hand_for_no_other",),
    ),
    Mistake(
        name="an address is judged by its text and not where it is dialled",
        file="egress/__init__.py",
        right="        if not may_dial(str(host), int(port), self._allowed):\n            raise RefusedPlaceError\n",
        wrong="",
        caught_by=("tests/covers/test_guarded_egress.py::test_a_name_that_leads_inside_is_not_reached",),
    ),
    Mistake(
        name="the rate is counted in minutes of the clock",
        file="engine/money/limits.py",
        right="""\
    interval = interval_ns(rate_per_minute)
    then_ns = ahead_ns(rate_per_minute, burst, tat_ns, now_ns) + interval
    return Pace(wait_ns=max(0, then_ns - burst * interval), tat_ns=now_ns + then_ns)""",
        wrong="""\
    begin_ns = now_ns - now_ns % MINUTE_NS
    used = max(0, tat_ns - begin_ns)
    if used >= min(burst, rate_per_minute):
        return Pace(wait_ns=begin_ns + MINUTE_NS - now_ns, tat_ns=tat_ns)
    return Pace(wait_ns=0, tat_ns=begin_ns + used + 1)""",
        caught_by=("tests/money/test_rate.py::test_two_processes_together_never_pass_more_than_the_rate[sqlite-60-5]",),
    ),
    Mistake(
        name="a walk goes on while a page promises more",
        file="life/walking.py",
        right="""\
    if not fresh:
        why = "a page held nothing new, though more was promised"
    elif _held(walk.marks, [_mark("after " + cursor)]):
        why = "the source repeats itself"
    elif walk.pages >= MOST_PAGES:
        why = f"no end after {MOST_PAGES} pages"
""",
        wrong="",
        caught_by=("tests/collecting/test_walks.py::test_a_walk_ends_in_any_feed[the first page for ever]",),
    ),
    Mistake(
        name="the client follows whatever cursor it is given",
        file="client/walking.py",
        right="if page.cursor in self._cursors or self._pages >= MOST_PAGES:",
        wrong="if not page.notes:",
        caught_by=(
            "tests/client/test_walking.py::test_pages_that_lead_in_a_circle_end_with_an_error",
            "tests/client/test_walking.py::test_pages_without_end_end",
        ),
    ),
    Mistake(
        name="a page whose cursor does not move is believed",
        file="formats/verdict.py",
        right="if read.notes[-1].id == asked.cursor or not _continues(read, below):",
        wrong="if not _continues(read, below):",
        caught_by=("tests/formats/test_verdict.py::test_a_cursor_that_does_not_move_is_suspicious",),
    ),
    Mistake(
        name="titles are markup in reports",
        file="reports/html.py",
        right="        autoescape=True,\n",
        wrong="        autoescape=False,\n",
        caught_by=("tests/reports/test_html.py::test_hostile_texts_add_no_element",),
    ),
    Mistake(
        name="of a parameter that is given twice the first counts",
        file="server/edge.py",
        right="""\
        if len(values) > 1:
            raise InvalidParametersError(f"{name} is given {len(values)} times; pass it once")
""",
        wrong="",
        caught_by=("tests/wire/test_refusals.py::test_a_known_parameter_given_twice_is_400_whatever_it_says",),
    ),
    Mistake(
        name="money is synced when SQLite finds the time",
        file="service/places.py",
        right='(MONEY_FILE, "FULL")',
        wrong='(MONEY_FILE, "NORMAL")',
        caught_by=("tests/keeping/test_opening.py::test_a_commit_of_money_waits_for_the_disk[sqlite-money]",),
    ),
    Mistake(
        name="the files of a backup are not brought onto disk",
        file="engine/backups/pieces.py",
        right="        made.flush()\n        os.fsync(made.fileno())\n",
        wrong="",
        caught_by=("tests/backups/test_backups.py::test_a_backup_that_has_its_name_is_on_disk",),
    ),
    Mistake(
        name="rows are deleted, and their bytes stay",
        file="engine/erasing/erasing.py",
        right="""\
        log_empty = self._empty_logs()
        if not self._notes.inline:
""",
        wrong="        return False, True\n        if not self._notes.inline:\n            log_empty = True\n",
        caught_by=("tests/erasing/test_bytes.py::test_neither_files_nor_their_logs_hold_a_byte_of_who_was_erased",),
    ),
)
