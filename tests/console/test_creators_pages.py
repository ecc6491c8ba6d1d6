"""The list of creators: found, filtered, paged, grouped; nothing of private sources, and quick among thousands."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

import hostile
import stores
from console.looked import GROUP, a_server, stored
from console.visiting import Visitor, signed_in
from databases import open_room
from hongshu.models import Profile
from hongshu.server.console.reading import Lists
from hongshu.service.desk import Study
from hongshu.store import creators, profiles
from hongshu.store.base import Connection
from running import Running

SCRIPT = hostile.named("script")

NOTE = (
    "INSERT INTO notes (creator, audience, pinned, published_ms, id, estimated, shape, kind, title, hashtags, nickname,"
    " first_seen_ms, last_seen_ms, source, wire) VALUES (?, ?, 0, ?, ?, 0, 'v4', 'normal', ?, '', ?, 1, 2, 'sim', ?)"
)


def an_id(number: int) -> str:
    return f"{number:024x}"


def put_note(db: Connection, creator: str, nickname: str, audience: str = "", title: str = "a title") -> None:
    db.rows(NOTE, (creator, audience, 1_700_000_000_000, an_id(1), title, nickname, b"{}"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, list[str]]]:
    running, people = a_server(tmp_path_factory.mktemp("creators"), known=3)
    running.cli("creator", "group", people[0], people[1], "--add", GROUP)
    yield running, people
    running.stop()


@pytest.fixture(scope="module")
def server(world: tuple[Running, list[str]]) -> Running:
    return world[0]


@pytest.fixture(scope="module")
def people(world: tuple[Running, list[str]]) -> list[str]:
    return world[1]


def shown(visitor: Visitor, query: str = "") -> list[str]:
    """The creators that a page lists."""
    answer = visitor.get(f"/console/creators{query}")
    assert answer.status == 200
    return re.findall(r'<th scope="row"><a href="/console/creators/([0-9a-f]{24})"', answer.text)


def test_everyone_who_is_known_is_listed_with_notes_coverage_and_groups(account: Visitor, people: list[str]) -> None:
    """In the order of the ids."""
    page = account.get("/console/creators")
    assert shown(account) == sorted(people[:3])
    assert page.plain.count("complete") == 3
    assert GROUP in page.plain
    assert "<script>" not in page.text


def test_a_creator_is_found_by_nickname_id_link_and_group(account: Visitor, server: Running, people: list[str]) -> None:
    """And by a shared text that holds a link."""
    [name] = stored(server, lambda db: creators.names(db, people[:1]).values())
    link = f"https%3A%2F%2Fwww.xiaohongshu.com%2Fuser%2Fprofile%2F{people[0]}%3Fxsec_token%3Dx"
    assert name
    assert people[0] in shown(account, f"?q={quote(name)}")
    assert shown(account, f"?q={people[0]}") == shown(account, f"?q={link}") == [people[0]]
    assert people[0] in shown(account, f"?q={people[0][3:12]}")
    assert shown(account, "?q=RIVALS") == shown(account, "?group=%E6%8A%A4%E8%82%A4+%26+rivals") == sorted(people[:2])


def test_what_matches_nothing_says_what_to_do(account: Visitor) -> None:
    """The list is empty, the advice is not."""
    page = account.get("/console/creators?q=zzz-nobody%00")
    assert "Nothing matches. Search for other words" in re.sub(r"\s+", " ", page.plain)


def test_an_empty_installation_says_how_creators_come(tmp_path: Path) -> None:
    """In both languages."""
    running, _ = a_server(tmp_path, known=0)
    try:
        english = signed_in(running.address, running.data_dir, "--account", "test")
        chinese = signed_in(running.address, running.data_dir, "--account", "test", lang="zh")
        assert "No creator is known yet." in english.get("/console/creators").plain
        assert "还没有任何博主" in chinese.get("/console/creators").plain
    finally:
        running.stop()


def test_creators_of_private_sources_are_not_listed_nor_shown(account: Visitor, server: Running) -> None:
    """What one account's own source told is that account's."""
    private = an_id(77)
    stored(server, lambda db: put_note(db, private, "hidden", audience="acc_other"))
    assert private not in shown(account)
    assert shown(account, "?q=hidden") == []
    assert account.get(f"/console/creators/{private}").status == 404


def test_hostile_nicknames_and_groups_are_text(operator: Visitor, server: Running) -> None:
    """No name of anybody is markup."""
    creator = an_id(5)
    stored(
        server,
        lambda db: (
            put_note(db, creator, SCRIPT),
            creators.add_members(db, SCRIPT, [creator]),
        ),
    )
    page = operator.get("/console/creators")
    assert SCRIPT in page.plain
    assert SCRIPT not in page.text
    assert SCRIPT not in operator.get(f"/console/creators/{creator}").text
    stored(
        server,
        lambda db: (
            db.rows("DELETE FROM notes WHERE creator = ?", (creator,)),
            db.rows("DELETE FROM memberships WHERE creator = ?", (creator,)),
        ),
    )


def test_long_lists_are_paged_without_loss_or_repetition(account: Visitor, server: Running) -> None:
    """Page after page holds every creator once."""
    many = [an_id(0xAB0000 + number) for number in range(120)]
    stored(server, lambda db: [put_note(db, one, "paged") for one in many])
    path, found = "/console/creators?q=paged", []
    while path:
        page = account.get(path)
        found += re.findall(r'<th scope="row"><a href="/console/creators/([0-9a-f]{24})"', page.text)
        older = re.search(r'<a href="([^"]+)" rel="next">', page.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == many
    stored(server, lambda db: db.rows("DELETE FROM notes WHERE nickname = 'paged'"))


def test_operators_change_groups_and_accounts_may_not(
    operator: Visitor, account: Visitor, server: Running, people: list[str]
) -> None:
    """A group is there as long as it has members."""
    fields = {"group": "new ones", "creators": f"{people[1]}\n{people[2]}", "change": "add"}
    assert account.post("/console/groups", fields).status == 403
    assert operator.post("/console/groups", fields).status == 303
    assert shown(operator, "?group=new+ones") == sorted(people[1:3])
    assert operator.post("/console/groups", {**fields, "change": "remove", "creators": people[1]}).status == 303
    assert stored(server, lambda db: creators.members(db, "new ones")) == [people[2]]


def test_a_line_that_names_nobody_is_told_by_number(operator: Visitor) -> None:
    """With what to write instead."""
    answer = operator.post("/console/groups", {"group": "g", "creators": f"{an_id(1)}\nmy_red_id", "change": "add"})
    assert answer.status == 400
    assert "line 2" in answer.plain
    assert "profile link" in answer.plain
    assert operator.post("/console/groups", {"group": "", "creators": an_id(1)}).status == 400
    assert operator.post("/console/groups", {"group": "g", "creators": ""}).status == 400


def test_the_form_of_new_creators_goes_to_batches(account: Visitor) -> None:
    """Who may only look sees no form."""
    assert 'action="/console/batches"' in account.get("/console/creators").text


def test_pages_among_thousands_of_creators_come_quickly(store: tuple[str, Path | str]) -> None:
    """A page reads its own creators, a search the names; no page reads all notes."""
    kind, where = store
    with closing(open_room(kind, "notes", where)) as notes:
        people = [an_id(number * 977) for number in range(1, 3001)]
        notes.write(
            lambda db: db.many(
                NOTE,
                [
                    (one, "", 1_700_000_000_000 + number, an_id(number), "t", f"name {one[-4:]}", b"x" * 300)
                    for one in people
                    for number in range(4)
                ],
            )
        )
        began = time.perf_counter()
        first = notes.read(lambda db: creators.search(db, "", "", "", 50))
        paged = time.perf_counter() - began
        found = notes.read(lambda db: creators.search(db, f"NAME {people[-1][-4:]}", "", "", 50))
        searched = time.perf_counter() - began - paged
    assert first.creators == people[:50]
    assert first.after == people[49]
    assert people[-1] in found.creators
    assert paged < 0.2
    assert searched < 1.5


def test_notes_names_groups_and_states_are_read_alike_in_both_databases(store: tuple[str, Path | str]) -> None:
    """Nicknames are those of the newest notes, else what was told; titles are found without their case."""
    kind, where = store
    one, other = an_id(1), an_id(2)
    with closing(open_room(kind, "notes", where)) as notes:
        notes.write(lambda db: put_note(db, one, "named", title="50%_OFF!"))
        notes.write(lambda db: creators.add_members(db, "g", [one, other]))
        notes.write(lambda db: profiles.put(db, Profile(creator=other, as_of_ms=5, nickname="told")))
        assert notes.read(lambda db: creators.names(db, [one, other])) == {one: "named", other: "told"}
        assert notes.read(lambda db: creators.groups_of_each(db, [one, other])) == {one: ["g"], other: ["g"]}
        before = notes.read(lambda db: creators.state(db, [one, other]))
        assert before == notes.read(lambda db: creators.state(db, [one, other]))
        notes.write(lambda db: db.rows("UPDATE notes SET crc = NULL, last_seen_ms = 9"))
        assert before != notes.read(lambda db: creators.state(db, [one, other]))
        for words, number in (("50%_off!", 1), ("50__off", 0), ("", 1)):
            found = notes.read(lambda db, words=words: creators.lines(db, one, words, (2**62, ""), 9))
            assert len(found) == number
        assert notes.read(lambda db: creators.search(db, "TOLD", "g", "", 9)).creators == [other]
        assert notes.read(lambda db: creators.search(db, "", "", "", 9)).creators == [one, other]


def test_accounts_are_not_offered_groups_that_they_may_not_change(account: Visitor, operator: Visitor) -> None:
    assert 'name="into"' not in account.get("/console/creators").text
    assert 'name="into"' in operator.get("/console/creators").text


async def test_lists_are_read_beside_the_event_loop(tmp_path: Path) -> None:
    study = Study(lambda: stores.opened(tmp_path, "notes"), places=1)
    try:
        assert await Lists(study.read).read(lambda _: threading.current_thread()) is not threading.current_thread()
    finally:
        study.close()
