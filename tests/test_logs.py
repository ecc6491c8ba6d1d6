"""P1 of PROMISES: log lines, where they go, and what they never hold, whoever writes them."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hongshu import logs
from hongshu.formats import tokens
from hongshu.formats.redaction import without_secrets


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
    assert err.count("hs_…") == 1
    assert "token=…" in err
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


CANARY = "C4naryC4naryC4nary"
SHAPED = [
    f"hs_{CANARY * 2}",
    f"hso_{CANARY * 2} hsl_{CANARY * 2}, hss_{CANARY * 2}",
    f"whsec_{CANARY}",
    f"whsec_{CANARY}==",
    f"Authorization: Bearer {CANARY}",
    f"authorization: bearer  {CANARY}",
    f"bearer%20{CANARY}",
    f"Authorization: Basic {CANARY}==",
    f"GET /api/x?userId=1&token={CANARY}&x=2 HTTP/1.1",
    f"GET /api/x?token={quote(CANARY)}",
    f"GET /api/x?%74oken={CANARY}",
    f"GET /api/x?%54%4F%4b%65n={CANARY}",
    f"GET /api/x?token%5B%5D={CANARY}",
    f"https://h/send?access_token={CANARY}",
    f"https://h/send?key={CANARY}&x=1",
    f"https://h/x?sig={CANARY}",
    f"postgresql://user:{CANARY}@127.0.0.1:5432/db",
    f"postgresql://user:a/b@c{CANARY}@127.0.0.1/db",
    f"postgresql://:{CANARY}@h/db",
    f"postgresql://h/db?user=u&password={CANARY}",
    f"mailtos://ann:{CANARY}@example.com",
    f"password={CANARY} host=h",
    f"{{'token': '{CANARY}'}}",
    f'{{"secret": "{CANARY}", "x": 1}}',
    f"Task(token='{CANARY}')",
    f"https%3A%2F%2Fh%2F%3Ftoken%3D{CANARY}",
]
PLAIN = [
    "the token is given more than once; pass it once",
    "source failed: s0 answered 401 (token refused)",
    "token_id='tok_0abc' request_id='req_1'",
    "the connection to http://127.0.0.1:8787/api failed",
    "wrote to a@b.example: 12 rows, 3 tokens, no password",
    "design=1&monkey=2&keys=3",
]


@contextmanager
def heard() -> Iterator[io.StringIO]:
    """What the loggers of libraries print, with a format of their own."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logs.configure()
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("said", SHAPED)
def test_what_has_the_shape_of_a_secret_is_left_out_whoever_says_it(
    said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our own loggers and those of libraries, as the message, an argument, and the words of an exception."""
    assert CANARY not in without_secrets(said)
    with heard() as stream:
        structlog.get_logger("hongshu.tests").warning(said, why=said, held={"it": said})
        library = logging.getLogger("a.library")
        library.warning(said)
        library.warning("failed: %s and %r", said, [said])
        try:
            raise ValueError(said)
        except ValueError as error:
            library.error("failed", exc_info=error)
            library.exception("failed %(it)s", {"it": said})
            structlog.get_logger("hongshu.tests").error("failed", exc_info=error)
    out = stream.getvalue() + "".join(capsys.readouterr())
    assert out.count("failed") == 4
    assert "ValueError" in out
    assert CANARY not in out


@pytest.mark.parametrize("said", PLAIN)
def test_what_only_talks_of_secrets_is_said_as_it_is(said: str) -> None:
    """Lines stay of use."""
    assert without_secrets(said) == said


@given(st.text(), st.text())
def test_a_token_in_any_text_is_left_out(before: str, after: str) -> None:
    """Whatever stands around it."""
    secret = tokens.minted(tokens.API, bytes(range(30)))
    assert secret not in without_secrets(f"{before}{secret}{after}")


def test_a_record_that_cannot_be_said_is_left_to_its_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments that do not fit raise nothing where the line is logged."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with heard() as stream:
        logging.getLogger("a.library").warning("%d of them", "x")
        logging.getLogger("a.library").warning("after")
    assert "after" in stream.getvalue()


@pytest.mark.parametrize(
    "code",
    [
        f"raise ValueError('token={CANARY}')",
        f"import threading; t = threading.Thread(target=int, args=('token={CANARY}',)); t.start(); t.join()",
        f"class A:\n  def __del__(self): raise ValueError('Bearer {CANARY}')\nA()",
        f"import asyncio\nasync def f(): asyncio.get_running_loop().call_soon(int, 'token={CANARY}')\nasyncio.run(f())",
    ],
    ids=["main", "thread", "finaliser", "event loop"],
)
def test_what_nobody_caught_is_told_without_secrets(code: str) -> None:
    """In the main thread, in others, in a finaliser, and in an event loop that looks for mistakes."""
    set_up = "import sys; from hongshu import logs; logs.configure(); logs.guard_threads()"
    whole = f"{set_up}; sys.excepthook = logs.uncaught\n{code}"
    done = subprocess.run([sys.executable, "-X", "dev", "-c", whole], capture_output=True, text=True, check=False)
    assert "ValueError" in done.stderr
    assert CANARY not in done.stderr


def test_a_long_line_is_read_in_time() -> None:
    """What strangers make long costs no more than its length."""
    for piece in ("://a", "://a:", "token", "token=", "whsec_", "Bearer ", '"token"', "%74", "?key="):
        without_secrets(piece * 20_000)
