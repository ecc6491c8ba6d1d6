"""One text for AI assistants that are to write a client: address, contract in short, codes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hongshu.formats.v4 import V4_PATH
from hongshu.server.documentation.contract import Code, Parameter
from hongshu.server.documentation.words import RULES, say


def prompt(
    lang: str, parameters: Sequence[Parameter], codes: Sequence[Code], values: Mapping[str, object], openapi: str
) -> str:
    """Return the text; `values` are what the rules of this installation have put in."""
    parts = [
        [say(lang, "You are to write a client of this HTTP API. Keep to what follows.", {})],
        [f"GET {values['address']}{V4_PATH}"],
        [_heading(lang, "Parameters"), *_parameters(lang, parameters)],
        *([_heading(lang, name), *_rules(lang, name, values)] for name in RULES),
        [_heading(lang, "Business codes"), *_codes(lang, codes)],
        [
            say(
                lang, "Read the token from the environment variable HONGSHU_TOKEN; never print it or write it down.", {}
            ),
            f"{say(lang, 'The whole contract as OpenAPI 3.1:', {})} {openapi}",
        ],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _heading(lang: str, name: str) -> str:
    return f"# {say(lang, name, {})}"


def _parameters(lang: str, parameters: Sequence[Parameter]) -> Iterator[str]:
    for one in parameters:
        yield f"- {one.name} ({say(lang, 'required' if one.required else 'optional', {})}): {one.about}"


def _rules(lang: str, name: str, values: Mapping[str, object]) -> Iterator[str]:
    for sentence in RULES[name]:
        yield f"- {say(lang, sentence, values)}"


def _codes(lang: str, codes: Sequence[Code]) -> Iterator[str]:
    for one in codes:
        told = " ".join(say(lang, text, {}) for text in (one.name, one.next) if text)
        yield f"- {one.code}: {told} HTTP {one.http_status}; {say(lang, 'retry', {})}: {say(lang, one.retry, {})}"
