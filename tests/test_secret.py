"""P1 of PROMISES: the type in which secrets are held shows itself nowhere, and what holds one does not either."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback

import msgspec
import pytest

from hongshu import Client
from hongshu.client.asking import Send
from hongshu.config import Config, StorePlace, as_json
from hongshu.config.channels import ChannelConfig
from hongshu.conformance.base import Probe, Subject
from hongshu.egress import Egress
from hongshu.formats.webhooks import read_receiver, shown_secret
from hongshu.mcp_server.tools import Caller
from hongshu.secret import Secret
from hongshu.server.console.base import Visit
from hongshu.server.console.forms import Form
from hongshu.server.edge import take_token
from hongshu.sources.remote import RemoteSource
from hongshu.store.channels import Channel

CANARY = "C4nary-that-nobody-may-see"


def ways_of_showing(held: object) -> dict[str, str]:
    """What comes out of everything that turns a value into text; an error's words where it refuses."""
    ways = {
        "repr": repr,
        "str": str,
        "format": lambda one: f"{one} {one!r} {one!s:>40} {one}",
        "percent": lambda one: "%s %r" % (one, one),  # noqa: UP031 - it is one of the ways
        "pprint": lambda one: pprint.pformat({"held": [one]}),
        "json": lambda one: json.dumps({"held": one}),
        "json of its text": lambda one: json.dumps({"held": one}, default=str),
        "msgspec": lambda one: msgspec.json.encode({"held": one}).decode(),
        "msgspec of its text": lambda one: msgspec.json.encode({"held": one}, enc_hook=str).decode(),
        "builtins": lambda one: str(msgspec.to_builtins(one, enc_hook=repr)),
        "pickle": lambda one: repr(pickle.dumps(one)),
        "copy": lambda one: repr(copy.deepcopy(one)),
        "vars": lambda one: str(getattr(one, "__dict__", "none")),
        "log": lambda one: logging.LogRecord("a", 30, "p", 1, "%s %r", (one, one), None).getMessage(),
        "locals": traced,
    }
    shown = {}
    for name, way in ways.items():
        try:
            shown[name] = way(held)
        except (TypeError, AttributeError, ValueError) as error:
            shown[name] = repr(error)
    return shown


def traced(held: object) -> str:
    """A traceback that tells what variables held."""
    try:
        raise ValueError(held)
    except ValueError as error:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(whole.format())


@pytest.mark.parametrize("kind", [Secret, StorePlace])
def test_a_secret_is_shown_by_nothing_that_turns_values_into_text(kind: type[Secret]) -> None:
    """It has to be revealed, alone and inside something else."""
    text = f"postgresql://user:{CANARY}@host/db" if kind is StorePlace else CANARY
    secret = kind(text)
    for held in (secret, [secret], (secret,), {"secret": secret}, ValueError(secret)):
        leaking = [name for name, shown in ways_of_showing(held).items() if CANARY in shown]
        assert leaking == []
    assert secret.reveal() == text
    assert secret == kind(text)
    assert secret != text
    assert {secret: 1}[kind(text)] == 1
    assert bool(secret)
    assert not kind("")


def holders() -> list[object]:
    """Something of each kind that holds a secret of a user or a peer, with the canary in it."""
    secret = Secret(CANARY)
    query = f"userId=1&%74oken={CANARY}&Token={CANARY}".encode()
    scope = {"query_string": query, "headers": [(b"authorization", b"Bearer " + CANARY.encode())]}
    whsec = shown_secret(CANARY.encode())
    channel = Secret(f"https://hooks.example/{CANARY}\n{whsec}")
    form = Form([])
    return [
        Config(store=StorePlace(f"postgresql://user:{CANARY}@host/db")),
        ChannelConfig(name="a", url=channel),
        Channel(name="a", address=channel),
        read_receiver(channel.reveal()),
        RemoteSource("a", "http://host", secret, Egress("test")),
        take_token(scope),
        Caller(token=secret, address=""),
        Visit(session=None, lang="en", address="", client="", path={}, query={}, form=form, secret=secret),
        Subject(creator="1", token=secret, token_at_its_rate=secret),
        Probe(target=f"/?token={CANARY}"),
        Send(url="http://host", params={"token": CANARY}, headers={}, timeout_seconds=1),
    ]


@pytest.mark.parametrize("held", holders(), ids=lambda one: type(one).__name__)
def test_what_holds_a_secret_does_not_print_it(held: object) -> None:
    """By itself and in a traceback that tells variables."""
    shown = f"{held!r} {held} {traced(held)} {pprint.pformat([held])}"
    assert CANARY not in shown
    assert shown_secret(CANARY.encode()) not in shown


def test_a_client_does_not_print_its_token() -> None:
    """Neither does anything that it keeps."""
    with Client(CANARY, base_url="http://127.0.0.1:9") as client:
        kept = [client, client._caller, client._caller._endpoint, vars(client._caller), vars(client._caller._endpoint)]
        assert CANARY not in "".join(f"{one!r}{one}" for one in kept)


def test_settings_are_told_without_what_is_secret() -> None:
    """The store's address with its user and place, and nothing of a channel's."""
    config = Config(
        store=StorePlace(f"postgresql://user:{CANARY}@host/db"), channel=(ChannelConfig(name="a", url=Secret(CANARY)),)
    )
    told = as_json(config)
    assert told["store"] == "postgresql://user:***@host/db"
    assert told["channel"][0]["url"] == "***"
    assert CANARY not in json.dumps(told)
