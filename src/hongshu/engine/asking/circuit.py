"""Whether a source may be asked at all: a circuit breaker with one probe at a time.

Pure; times are seconds of one clock.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hongshu.engine.asking.lessons import Effect, Lesson
from hongshu.models import Word

FAILURES_IN_A_ROW: Final = 5
FIRST_REST_SECONDS: Final = 5.0
REST_SECONDS: Final = 300.0
_MOST_RESTS: Final = 16


class Circuit(Word):
    """What is remembered of a source's last answers.

    Closed while `open_until` is None; open until that time; then half open: one question at a time may try.
    """

    failures: int = 0
    rests: int = 0
    open_until: float | None = None
    probing: bool = False
    why: str = ""

    def lets_pass(self, now: float) -> bool:
        """Say whether a question may be sent now."""
        return self.open_until is None or (now >= self.open_until and not self.probing)

    @property
    def half_open(self) -> bool:
        """A question that is let pass is a probe."""
        return self.open_until is not None

    def probed(self, *, now_probing: bool) -> Circuit:
        """Return what to remember when a probe is sent, or was not sent after all."""
        return msgspec.structs.replace(self, probing=now_probing)

    def learned(self, lesson: Lesson, now: float, *, probe: bool, rest: float = REST_SECONDS) -> Circuit:
        """Return what to remember after an answer, or none, to a question that was a probe or not.

        `rest` is for how many seconds the source is left alone at most, unless it told a longer time itself.
        """
        if self.half_open and not probe:
            return self  # sent before the circuit opened: it says nothing of what came since
        match lesson.effect:
            case Effect.WORKS:
                return Circuit()
            case Effect.WAIT:
                return msgspec.structs.replace(self, probing=False)
            case Effect.REST:
                return self._opened(lesson.seconds or rest, now, lesson.why)
            case Effect.FAILED:
                return self._failed(lesson, now, rest)

    def _failed(self, lesson: Lesson, now: float, rest: float) -> Circuit:
        failures = self.failures + 1
        if failures < FAILURES_IN_A_ROW and not self.half_open:
            return msgspec.structs.replace(self, failures=failures)
        seconds = min(rest, FIRST_REST_SECONDS * 2**self.rests)
        return self._opened(max(seconds, lesson.seconds), now, lesson.why)

    def _opened(self, seconds: float, now: float, why: str) -> Circuit:
        return Circuit(rests=min(self.rests + 1, _MOST_RESTS), open_until=now + seconds, why=why)
