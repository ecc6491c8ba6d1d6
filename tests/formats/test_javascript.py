"""The state in a profile page: JavaScript, not JSON."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.formats.border import MalformedError
from hongshu.formats.javascript import state_json


def page(state: str) -> bytes:
    """Write a page that carries a state."""
    return (
        "<!doctype html><html><head><script>window.__SSR__=true</script></head><body><div id='app'>{}</div>"
        f"<script>window.__INITIAL_STATE__={state}</script><script>window.after={{}}</script></body></html>"
    ).encode()


def state(text: str) -> Any:
    """Read a state back with another parser."""
    return json.loads(state_json(page(text)))


@pytest.mark.parametrize("word", ["undefined", "NaN", "Infinity", "-Infinity"])
def test_values_that_json_does_not_know_become_null(word: str) -> None:
    """As a member, as an element, before a comma and before a bracket."""
    assert state(f'{{"a":{word},"b":[{word},1,{word}],"c": {word} }}') == {"a": None, "b": [None, 1, None], "c": None}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("undefined", id="the word alone"),
        pytest.param("undefined,NaN:Infinity", id="like values"),
        pytest.param('say "undefined", or NaN', id="after an escaped quote"),
        pytest.param("C:\\", id="a backslash at the end"),
        pytest.param("</div>{}};", id="marks and brackets"),
        pytest.param("window.__INITIAL_STATE__={}", id="the state's own name"),
        pytest.param("我undefined你", id="between Chinese"),
    ],
)
def test_strings_keep_the_words_that_are_values_elsewhere(text: str) -> None:
    """Inside a string `undefined` is text, and a tag or bracket ends nothing."""
    written = json.dumps(text, ensure_ascii=False)
    assert state(f'{{"a":{written},"b":undefined,{written}:1}}') == {"a": text, "b": None, text: 1}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param(r"\u002F\u002Fsns.invalid\u002Fa", "//sns.invalid/a", id="u002F"),
        pytest.param(r"\x2F\x2f", "//", id="x2F"),
        pytest.param(r"\x26amp;", "&amp;", id="x26"),
        pytest.param(r"\'\`\$", "'`$", id="quotes that JSON does not escape"),
        pytest.param(r"\v", "\x0b", id="vertical tab"),
        pytest.param(r"\\x2F", r"\x2F", id="an escaped backslash before x2F"),
        pytest.param(r"\\\x2F", r"\/", id="an escaped backslash and an escape"),
        pytest.param(r"\n\t\"\/\\", '\n\t"/\\', id="what JSON knows too"),
        pytest.param(r"\ud83d\ude00", "\U0001f600", id="a pair"),
    ],
)
def test_escapes_of_javascript_are_understood(written: str, meant: str) -> None:
    """A string means what JavaScript says it means."""
    assert state(f'{{"a":"{written}"}}') == {"a": meant}


def test_names_that_only_contain_a_word_are_no_values() -> None:
    """Only the whole word is a value: `undefined1` is not JSON and stays none."""
    with pytest.raises(ValueError, match="Expecting"):
        state('{"a":undefined1}')


@pytest.mark.parametrize("end", [";", " ;\n", "\n", ""])
def test_a_semicolon_or_a_line_break_may_end_the_state(end: str) -> None:
    """The page is written by a bundler, not by us."""
    assert state('{"a":1}' + end) == {"a": 1}


def test_spaces_around_the_sign_of_equality_are_allowed() -> None:
    """The page is written by a bundler, not by us."""
    assert json.loads(state_json(b'<script>\n window.__INITIAL_STATE__ = {"a":1}\n;\n</script>')) == {"a": 1}


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>login</body></html>", id="no script"),
        pytest.param(b"<script>window.__INITIAL_STATE__=null</script>", id="null"),
        pytest.param(b"<script>window.__INITIAL_STATE__=</script><p>{}</p>", id="empty"),
        pytest.param(b'<script>window.__INITIAL_STATE__={"a":[1,2', id="cut inside"),
        pytest.param(b'<script>window.__INITIAL_STATE__={"a":1}', id="cut after"),
        pytest.param(b'<script>window.__OTHER_STATE__={"a":1}</script>', id="another state"),
    ],
)
def test_a_page_without_a_whole_state_is_malformed(html: bytes) -> None:
    """A missing and a cut state are told apart from an empty creator."""
    with pytest.raises(MalformedError, match="__INITIAL_STATE__"):
        state_json(html)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "html",
    [
        pytest.param(b"<script>window.__INITIAL_STATE__={" * 240_000, id="many beginnings"),
        pytest.param(b"<script>window.__INITIAL_STATE__={}" + b" " * 8_000_000, id="spaces"),
        pytest.param(b"<script>window.__INITIAL_STATE__={" + b"} ;" * 2_700_000, id="many ends"),
        pytest.param(b"<script>window.__INITIAL_STATE__={}" + b"</script" * 1_000_000, id="many closings"),
        pytest.param(
            b'<script>window.__INITIAL_STATE__={"' + rb"\"" * 4_000_000 + b"}</script>", id="no closing quote"
        ),
        pytest.param(b"<script>window.__INITIAL_STATE__={" + b"-" * 8_000_000 + b"}</script>", id="minus signs"),
    ],
)
def test_eight_hostile_megabytes_take_little_time(html: bytes) -> None:
    """No page within the size limit can hold the process up."""
    with contextlib.suppress(MalformedError):
        state_json(html)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\\"undefiNaINty {}[],:'), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


def known_to_json(value: Any) -> Any:
    """Return a value with what JSON does not know as null."""
    if isinstance(value, dict):
        return {name: known_to_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [known_to_json(inner) for inner in value]
    return None if isinstance(value, float) and value - value != 0 else value


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_any_state_comes_back_with_only_those_values_as_null(value: dict[str, Any]) -> None:
    """Strings, numbers and structure survive; NaN and the infinities become null."""
    written = json.dumps(value).replace("<", "\\u003C")
    assert state(written) == known_to_json(value)


def test_a_captured_page_is_read(samples: Path) -> None:
    """The state of a real page, with its `undefined` and `\\u002F`, is JSON afterwards."""
    html = (samples / "web_profile_shell_no_notes_2024-11.anon.html").read_bytes()
    assert b":undefined" in html
    found = json.loads(state_json(html))
    assert found["note"]["currentNoteId"] is None
    assert found["global"]["appSettings"]["ICPInfoList"][0]["link"] == "//beian.miit.gov.cn/"
