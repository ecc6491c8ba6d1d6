"""Log lines: where they go, and what they never hold."""

from __future__ import annotations

import io
import sys

import pytest
import structlog

from hongshu import logs
from hongshu.formats import tokens


def fail(held: str) -> None:
    """Fail while a variable holds something."""
    raise ValueError(f"{len(held)} signs\n\x1b[2J\u202e")


def test_a_traceback_is_one_line_without_what_variables_held(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does anything in it drive a terminal."""
    logs.configure()
    try:
        fail("nobody" * 2)
    except ValueError as error:
        structlog.get_logger("hongshu.tests").error("failed", exc_info=error)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "12 signs" in err
    assert "in fail" in err
    assert "nobodynobody" not in err
    assert err.rstrip("\n").isprintable()


def test_tokens_are_left_out_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """In the event and in what is said with it."""
    logs.configure()
    secret = tokens.minted(tokens.API, bytes(range(30)))
    structlog.get_logger("hongshu.tests").warning(f"refused {secret}", why=f"token={secret}")
    err = capsys.readouterr().err
    assert err.count("hs_…") == 2
    assert secret[6:] not in err


def test_a_line_goes_to_whatever_standard_error_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command inside another program, whose stream was closed since, says it to the next; below a warning nothing."""
    logs.configure()
    log = structlog.get_logger("hongshu.tests")
    for word in ("first", "second"):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        log.info("not this")
        log.warning(word)
        assert word in stream.getvalue()
        assert "not this" not in stream.getvalue()
        stream.close()
