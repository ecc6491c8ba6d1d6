"""What the documentation says of the endpoint, read out of its OpenAPI document and the errors. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hongshu.errors import BY_CODE, CallError
from hongshu.formats.v4 import V4_PATH
from hongshu.models import Word
from hongshu.server.answers import ALWAYS_200

Members = Mapping[str, Any]

_REF: Final = "#/components/schemas/"
_RETRY: Final[Mapping[int, str]] = {
    302: "yes, after the time in Retry-After",
    303: "yes, after the quota day ends",
    601: "yes, after a top-up",
}


class Parameter(Word):
    """What may be sent, in the address or as a header."""

    name: str
    required: bool
    about: str
    pattern: str
    example: str


class Code(Word):
    """A business code: its name, what to do next, the HTTP status, and whether a call of this kind is charged."""

    code: int
    name: str
    next: str
    http_status: int
    charged: bool
    retry: str


class Field(Word):
    """A member of the answer; `depth` is how many others it stands in."""

    path: str
    name: str
    depth: int
    type: str
    required: bool
    about: str


def parameters(document: Members, place: str) -> list[Parameter]:
    """Return what may be sent in a place, "query" or "header"."""
    return [
        Parameter(
            name=one["name"],
            required=one["required"],
            about=one["description"],
            pattern=one["schema"].get("pattern", ""),
            example=one.get("example", ""),
        )
        for one in _operation(document)["parameters"]
        if one["in"] == place
    ]


def headers_out(document: Members) -> dict[str, str]:
    """Return the headers that an answer may have, and what they say."""
    found: dict[str, str] = {}
    for response in _operation(document)["responses"].values():
        for name, header in response["headers"].items():
            found.setdefault(name, header["description"])
    return found


def codes(http_status: str) -> list[Code]:
    """Return the business codes, as a server in a mode of HTTP statuses gives them."""
    success = Code(code=0, name="Success.", next="", http_status=200, charged=True, retry="–")
    return [success, *(_code(code, error, http_status) for code, error in sorted(BY_CODE.items()))]


def fields(document: Members) -> list[Field]:
    """Return the members of an answer, those of objects and lists below them."""
    return list(_members(document["components"]["schemas"], "Result", "", 0))


def _operation(document: Members) -> Members:
    operation: Members = document["paths"][V4_PATH]["get"]
    return operation


def _code(code: int, error: type[CallError], http_status: str) -> Code:
    name, _, advice = error().message.partition(". ")
    return Code(
        code=code,
        name=name.rstrip(".") + ".",
        next=advice,
        http_status=200 if http_status == ALWAYS_200 else error.http_status,
        charged=False,
        retry=_RETRY.get(code, "yes") if error.retryable else "no",
    )


def _members(schemas: Mapping[str, Members], of: str, path: str, depth: int) -> Iterator[Field]:
    schema = schemas[of]
    for name, given in schema["properties"].items():
        its_type, inner = _type(given)
        ends = "[]" if its_type.startswith("array") else ""
        yield Field(
            path=path + name,
            name=name,
            depth=depth,
            type=its_type,
            required=name in schema.get("required", ()),
            about=given.get("description", ""),
        )
        if inner:
            yield from _members(schemas, inner, f"{path}{name}{ends}.", depth + 1)


def _type(given: Members) -> tuple[str, str]:
    """Return a type in words, and the name of the schema inside, if there is one."""
    if "anyOf" in given:
        parts = [_type(one) for one in given["anyOf"]]
        return " | ".join(name for name, _ in parts), next((inner for _, inner in parts if inner), "")
    if "$ref" in given:
        return "object", given["$ref"].removeprefix(_REF)
    if "enum" in given:
        return " | ".join(str(one) for one in given["enum"]), ""
    kind = given.get("type", "")
    if isinstance(kind, list):
        return "any", ""
    if kind == "array":
        name, inner = _type(given.get("items", {}))
        return f"array of {name}" if name and name != "any" else "array", inner
    return kind or "any", ""
