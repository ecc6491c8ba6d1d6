"""The circuit breaker: opens on failures in a row, lets one probe through, and rests longer each time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.engine.asking.circuit import FAILURES_IN_A_ROW, FIRST_REST_SECONDS, REST_SECONDS, Circuit
from hongshu.engine.asking.lessons import Effect, Lesson

WORKS, FAILED, WAIT = Lesson(effect=Effect.WORKS), Lesson(effect=Effect.FAILED), Lesson(effect=Effect.WAIT, seconds=9)


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(FAILURES_IN_A_ROW):
        circuit = circuit.learned(FAILED, now, probe=False)
    return circuit


def test_a_few_failures_open_nothing_and_a_success_forgets_them() -> None:
    """Only failures in a row count."""
    circuit = Circuit()
    for _ in range(3):
        for _ in range(FAILURES_IN_A_ROW - 1):
            circuit = circuit.learned(FAILED, 0, probe=False)
            assert circuit.lets_pass(0)
        circuit = circuit.learned(WORKS, 0, probe=False)
        assert circuit == Circuit()


def test_it_opens_for_a_while_and_then_lets_one_probe_pass() -> None:
    """Half open: the second question waits for what the first learns."""
    circuit = opened()
    assert not circuit.lets_pass(FIRST_REST_SECONDS - 0.01)
    assert circuit.lets_pass(FIRST_REST_SECONDS)
    probing = circuit.probed(now_probing=True)
    assert not probing.lets_pass(FIRST_REST_SECONDS)
    assert probing.probed(now_probing=False).lets_pass(FIRST_REST_SECONDS)
    assert probing.learned(WORKS, FIRST_REST_SECONDS, probe=True) == Circuit()


def test_each_failed_probe_doubles_the_rest_up_to_five_minutes() -> None:
    """5, 10, 20, … 300 seconds."""
    circuit, now, rests = opened(), 0.0, []
    for _ in range(9):
        assert circuit.open_until is not None
        rests.append(circuit.open_until - now)
        now = circuit.open_until
        circuit = circuit.probed(now_probing=True).learned(FAILED, now, probe=True)
    assert rests == [min(FIRST_REST_SECONDS * 2**turn, REST_SECONDS) for turn in range(9)]


def test_what_was_sent_before_it_opened_teaches_nothing_afterwards() -> None:
    """Late failures do not lengthen the rest, late successes do not end it, and neither frees the probe's place."""
    for circuit in (opened(), opened().probed(now_probing=True)):
        for lesson in (WORKS, FAILED, WAIT, Lesson(effect=Effect.REST, seconds=999)):
            assert circuit.learned(lesson, 1.0, probe=False) == circuit


def test_a_source_whose_account_cannot_be_used_rests_at_once_as_long_as_it_says() -> None:
    """One answer is enough; a Retry-After of a failure lengthens the rest too."""
    resting = Circuit().learned(Lesson(effect=Effect.REST, seconds=600, why="used up"), 0, probe=False)
    assert not resting.lets_pass(599.9)
    assert resting.lets_pass(600)
    assert resting.why == "used up"
    told = opened().probed(now_probing=True).learned(Lesson(effect=Effect.FAILED, seconds=77), 5, probe=True)
    assert told.open_until == 5 + 77


@given(st.lists(st.tuples(st.sampled_from([WORKS, FAILED, WAIT]), st.floats(0, 50)), max_size=60))
def test_at_most_one_probe_is_ever_under_way(steps: list[tuple[Lesson, float]]) -> None:
    """Whatever is learned and whenever: while one probes nobody else is let pass."""
    circuit, now = Circuit(), 0.0
    for lesson, seconds in steps:
        now += seconds
        if not circuit.lets_pass(now):
            continue
        probe = circuit.half_open
        if probe:
            circuit = circuit.probed(now_probing=True)
            assert not circuit.lets_pass(now + 1e9)
        circuit = circuit.learned(lesson, now, probe=probe)
        assert not circuit.probing


@pytest.mark.parametrize("rests", [0, 5, 500])
def test_no_rest_is_endless(rests: int) -> None:
    """However often it has failed."""
    circuit = Circuit(rests=min(rests, 16), open_until=0.0, probing=True).learned(FAILED, 0, probe=True)
    assert circuit.open_until is not None
    assert circuit.open_until <= REST_SECONDS


def test_a_source_is_left_alone_as_long_as_its_settings_say_unless_it_names_a_longer_time() -> None:
    """After failures at most so long, and where our account there cannot be used just so long."""
    refused, told = Lesson(effect=Effect.REST), Lesson(effect=Effect.REST, seconds=9)
    assert Circuit().learned(refused, 10, probe=False, rest=0.5).open_until == 10.5
    assert Circuit().learned(refused, 10, probe=False).open_until == 10 + REST_SECONDS
    assert Circuit().learned(told, 10, probe=False, rest=0.5).open_until == 19
    circuit = Circuit()
    for _ in range(FAILURES_IN_A_ROW):
        circuit = circuit.learned(FAILED, 10, probe=False, rest=0.5)
    assert circuit.open_until == 10.5
