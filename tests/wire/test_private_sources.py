"""S5 of PROMISES: what a source with an owner gives is its owner's alone, and touches nothing that others see."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import stores
from hongshu.sources.simulator import World
from running import Answer, Running, run_hongshu
from waiting import eventually

Serve = Callable[..., Running]

AT: Final = "2026-01-01T00:00:00Z"
AT_MS: Final = 1_767_225_600_000
MINE: Final = 1
SHARED: Final = 2
USERS: Final = World(seed=MINE).creators[:3]
ONE, OTHER, THIRD = USERS
TABLES: Final = ("notes", "raws", "observations", "stretches")
LATE_SECONDS: Final = 1.0
SLOW: Final = f'[[fault]]\nname = "late"\nseconds = {LATE_SECONDS}\n'
DOWN_LATER: Final = '[[fault]]\nname = "code-500"\nfrom_call = 2\n'
DOWN: Final = '[[fault]]\nname = "code-500"\n'


def source(folder: Path, name: str, seed: int, faults: str = "", more: str = "") -> str:
    """A frozen world as a source; two worlds have no note in common."""
    (folder / f"{name}.toml").write_text(faults, encoding="utf-8")
    return (
        f'[[source]]\nname = "{name}"\nkind = "simulator"\nseed = {seed}\nat = "{AT}"\nrest = 0.01\n'
        f'faults = "{folder / name}.toml"\n{more}'
    )


def settings(folder: Path, mine: str = "", shared: str = "") -> str:
    """The private source of the account "test", then one for everyone; stale pages of any age are given."""
    private = source(folder, "mine", MINE, mine, 'owner = "test"\n')
    return f"[cache]\nstale_if_error = 315360000\n{private}{source(folder, 'shared', SHARED, shared)}"


def token_of(server: Running, name: str) -> str:
    """A token of another account, which is opened."""
    assert server.cli("account", "create", name, "--balance", "100000").returncode == 0
    made = server.cli("token", "create", "--account", name, "--json")
    return str(json.loads(made.stdout)["token"])


def told(answer: Answer) -> tuple[str, str]:
    """Where a good answer came from, and how."""
    assert answer.code == 0, answer.body
    return answer.headers["X-Hongshu-Source"], answer.headers["X-Hongshu-Cache"]


def ids(answer: Answer) -> set[str]:
    """The notes of an answer."""
    return {one["id"] for one in answer.notes}


def true_ids(seed: int, user: str) -> set[str]:
    """All notes of a creator in a world."""
    return {one.id for one in World(seed=seed).notes(user, AT_MS)}


def rows(server: Running, where: str, *values: str) -> dict[str, list[Any]]:
    """The rows of every table of notes that a condition picks."""
    found = {table: f"SELECT * FROM {table} WHERE {where}" for table in TABLES}
    return {table: sorted(stores.run(server.data_dir, "notes", sql, *values), key=repr) for table, sql in found.items()}


def number(server: Running, where: str, *values: str) -> int:
    """How many rows of all tables a condition picks."""
    return sum(map(len, rows(server, where, *values).values()))


def test_each_account_sees_its_own_world(serve: Serve, tmp_path: Path) -> None:
    """The owner's page comes from the private source, the other's never, neither collected nor at hand."""
    server = serve(settings(tmp_path))
    other = token_of(server, "other")
    for user in USERS:
        mine = server.page(user)
        assert told(mine) == ("mine", "miss")
        assert ids(mine) <= true_ids(MINE, user)
        assert told(server.page(user)) == ("mine", "hit")
        theirs = [server.page(user, token=other) for _ in range(2)]
        assert [told(one) for one in theirs] == [("shared", "miss"), ("shared", "hit")]
        assert all(ids(one) <= true_ids(SHARED, user) and ids(one) for one in theirs)
        next_page = server.page(user, mine.notes[-1]["cursor"], token=other)
        assert next_page.headers["X-Hongshu-Source"] == "shared"
        assert not ids(next_page) & true_ids(MINE, user)


def test_nothing_private_is_at_hand_stale_or_told_to_others(serve: Serve, tmp_path: Path) -> None:
    """While the shared source is down the others have 301, and no word of the private one; the owner has pages."""
    server = serve(settings(tmp_path, DOWN_LATER, DOWN))
    other = token_of(server, "other")
    assert told(server.page(ONE)) == ("mine", "miss")
    asked: list[dict[str, str]] = [
        {},
        {"Cache_Control": "no-cache"},
        {"Cache_Control": "max-age=999999999"},
        {"Cache_Control": "only-if-cached, max-age=999999999"},
    ]
    refused = [server.page(ONE, token=other, **headers) for headers in asked]
    assert [one.code for one in refused] == [301] * len(asked)
    assert all(b"mine" not in one.raw + repr(one.headers.items()).encode() for one in refused)
    assert "shared: " in refused[0].body["message"]
    assert told(server.page(ONE, Cache_Control="no-cache")) == ("mine", "stale")
    assert told(server.page(ONE)) == ("mine", "hit")


def test_flights_of_the_owner_are_joined_by_no_one_else(serve: Serve, tmp_path: Path) -> None:
    """Four call at once, two of them for the owner: two flights, each shared by those who may see what it brings."""
    server = serve(settings(tmp_path, SLOW, SLOW))
    tokens = [server.token, server.token, token_of(server, "other"), token_of(server, "third")]
    with ThreadPoolExecutor(len(tokens)) as pool:
        answers = list(pool.map(lambda token: server.page(ONE, token=token), tokens))
    assert sorted(map(told, answers[:2])) == [("mine", "coalesced"), ("mine", "miss")]
    assert sorted(map(told, answers[2:])) == [("shared", "coalesced"), ("shared", "miss")]
    assert all(ids(one) <= true_ids(MINE, ONE) for one in answers[:2])
    assert all(ids(one) <= true_ids(SHARED, ONE) for one in answers[2:])


def test_a_private_look_touches_no_shared_row(serve: Serve, tmp_path: Path) -> None:
    """Each row of the private world is under its owner; the shared rows are the same, byte by byte, and as fresh."""
    server = serve(settings(tmp_path))
    other = token_of(server, "other")
    owner = json.loads(server.cli("account", "show", "test", "--json").stdout)["id"]
    shared = server.page(ONE, token=other)
    before = rows(server, "audience = ''")
    assert all(before.values())
    for user in (ONE, OTHER):
        first = server.page(user, Cache_Control="no-cache")
        server.page(user, first.notes[-1]["cursor"], Cache_Control="no-cache")
    eventually(lambda: number(server, "audience = ?", owner) > 0, expected=True)
    assert rows(server, "audience = ''") == before
    assert number(server, "audience NOT IN ('', ?)", owner) == 0
    kept = set(stores.run(server.data_dir, "notes", "SELECT audience, source FROM notes"))
    assert kept == {("", "shared"), (owner, "mine")}
    again = server.page(ONE, token=other)
    assert told(again) == ("shared", "hit")
    assert again.notes == shared.notes


def test_nothing_of_the_owner_is_in_the_usage_of_others(serve: Serve, tmp_path: Path) -> None:
    """Their own calls are counted for them, and no source, creator or note of the owner's is named."""
    server = serve(settings(tmp_path))
    other = token_of(server, "other")
    for _ in range(3):
        assert told(server.page(ONE, Cache_Control="no-cache"))[0] == "mine"
    assert told(server.page(THIRD, token=other))[0] == "shared"
    usage = server.get(f"/api/account/usage?token={other}")
    assert usage.code == 0
    assert usage.body["data"]["today"]["used"] == 1
    assert b"mine" not in usage.raw
    assert ONE.encode() not in usage.raw


def test_an_owner_who_does_not_exist_is_one_clear_line(tmp_path: Path) -> None:
    """Nothing is served under an account that might be somebody else's later; the line says what to do."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "hongshu.toml").write_text(source(tmp_path, "mine", MINE, "", 'owner = "nobody"\n'), encoding="utf-8")
    done = run_hongshu("serve", "--port", "0", data_dir=data_dir)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("hongshu: ")
    for word in ("mine", "nobody", "does not exist", "hongshu account create nobody"):
        assert word in line
