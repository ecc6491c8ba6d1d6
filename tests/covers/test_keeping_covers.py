"""Covers are kept once for each media key, as files named by their content; what fails is counted and told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hostile
import stores
from covers.cdn import Cdn, ok, refused
from covers.drawn import boxed, gif, jpeg, png, riff, vp8
from databases import open_room
from hongshu.config import Config, CoversConfig
from hongshu.config.rules import domains_fault, networks_fault
from hongshu.egress import GuardedEgress
from hongshu.engine.covers import CoverFiles, CoverPolicy, Covers, KeptCovers
from hongshu.errors import StoreDownError
from hongshu.formats.addresses import networks
from hongshu.formats.envelopes import read
from hongshu.formats.images import Picture, PictureKind
from hongshu.formats.recordings import recordings
from hongshu.formats.v4 import cover_url, read_note
from hongshu.models import Asked, Note, Page, Reply
from hongshu.sources.simulator import SimulatorServer, SimulatorSource, World
from hongshu.store import covers, erased
from hongshu.store.base import Database
from hongshu.store.covers import Cover
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

NOW_MS = 1_767_225_600_000
LOCAL = CoverPolicy(hosts=("127.0.0.1",), timeout=5.0)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ns = NOW_MS * 1_000_000

    def __call__(self) -> int:
        return self.ns


USER = "5d0000000000000000000c01"


class Shelf:
    """Covers of one test, with the database and the folder in which they end."""

    def __init__(self, database: Database, folder: Path, policy: CoverPolicy) -> None:
        self.database = database
        self.folder = folder
        self.clock = Clock()
        self.files = CoverFiles(folder / "covers", self.clock)
        egress = GuardedEgress("hongshu/test", networks(["127.0.0.1/32"]))
        writer: GroupWriter[Any, Any] = GroupWriter(database.write_all)
        self.covers = Covers(Reader(database), writer, egress, self.files, policy, self.clock)

    async def keep(self, *notes: Note) -> KeptCovers:
        return await self.covers.keep(USER, notes)

    def rows(self) -> dict[str, Cover]:
        found = self.database.read(lambda db: db.rows("SELECT media FROM covers"))
        return self.database.read(lambda db: covers.known(db, [key for (key,) in found]))

    def names(self) -> list[str]:
        """Every file below the data directory but the database's, by its path."""
        paths = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("notes.db")]
        return sorted(str(path.relative_to(self.folder)) for path in paths)


@asynccontextmanager
async def shelf_in(database: Database, folder: Path, policy: CoverPolicy = LOCAL) -> AsyncIterator[Shelf]:
    made = Shelf(database, folder, policy)
    yield made
    await made.covers.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = stores.opened(tmp_path, "notes")
    yield opened
    opened.close()


@pytest.fixture
async def shelf(database: Database, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf_in(database, tmp_path) as made:
        yield made


def a_note(key: str | None, url: str | None, *, number: int = 1) -> Note:
    """A note with a cover, as a source tells it."""
    image = {name: one for name, one in {"fileid": key, "url": url}.items() if one is not None}
    return read_note(json.dumps({"id": f"63f1a2b3{number:016x}", "images_list": [image]}).encode())


def a_cover(cdn: Cdn, key: str, body: bytes, query: str = "") -> Note:
    """A note whose cover is there to be fetched."""
    cdn.answers[f"/{key}"] = ok(body)
    return a_note(key, f"{cdn.address}/{key}{query}")


def named(body: bytes, extension: str) -> str:
    name = hashlib.sha256(body).hexdigest()
    return f"covers/{name[:2]}/{name}.{extension}"


async def test_a_cover_is_a_file_named_by_its_content_and_a_row(cdn: Cdn, shelf: Shelf) -> None:
    """The row says which file it is, how large, and when it was kept; the file holds just what came."""
    body = png(640, 480)
    assert await shelf.keep(a_cover(cdn, "1040g00831", body, "?imageView2/2|x&sign=1")) == KeptCovers(kept=1)
    assert shelf.names() == [named(body, "png")]
    assert (shelf.folder / named(body, "png")).read_bytes() == body
    [cover] = shelf.rows().values()
    picture = Picture(kind=PictureKind.PNG, width=640, height=480)
    sha256 = hashlib.sha256(body).hexdigest()
    assert cover == Cover(
        media="1040g00831", sha256=sha256, bytes=len(body), picture=picture, kept_ms=NOW_MS, creator=USER
    )
    assert shelf.files.path(cover).read_bytes() == body
    assert (shelf.folder / named(body, "png")).stat().st_mode & 0o777 == 0o600


async def test_of_whom_nothing_is_kept_again_no_image_is_left_either(shelf: Shelf, cdn: Cdn) -> None:
    """Erased while it was fetched: neither a row nor a file stays."""
    shelf.database.write(lambda db: erased.put(db, {erased.hashed(db.key, USER): NOW_MS}))
    told = await shelf.keep(a_cover(cdn, "1040g00831", png(640, 480)))
    assert (told.kept, told.failed) == (0, 1)
    assert (shelf.names(), shelf.rows()) == ([], {})


async def test_every_kind_of_image_has_its_ending(cdn: Cdn, shelf: Shelf) -> None:
    """By what the image is, whatever its address or its answer says."""
    bodies = {
        "jpg": jpeg(30, 40),
        "png": png(30, 40),
        "webp": riff(vp8(30, 40)),
        "gif": gif(30, 40),
        "avif": boxed((30, 40)),
        "heif": boxed((30, 40), brand=b"heic"),
    }
    notes = [a_cover(cdn, f"key-{number}.exe", body) for number, body in enumerate(bodies.values())]
    assert await shelf.keep(*notes) == KeptCovers(kept=6)
    assert shelf.names() == sorted(named(body, extension) for extension, body in bodies.items())


async def test_a_changed_address_of_the_same_media_key_is_not_asked(cdn: Cdn, shelf: Shelf) -> None:
    """Signatures change at every look; the picture does not."""
    note = a_cover(cdn, "spectrum/1040g00831", png(9, 9), "?sign=1&t=2")
    assert await shelf.keep(note) == KeptCovers(kept=1)
    again = a_note("spectrum/1040g00831", f"{cdn.address}/other/spectrum/1040g00831?sign=3&t=4")
    assert await shelf.keep(again, note) == KeptCovers(known=1)
    assert cdn.paths == ["/spectrum/1040g00831"]


async def test_the_same_content_under_two_keys_is_one_file(cdn: Cdn, shelf: Shelf) -> None:
    """Two rows name it."""
    body = png(9, 9)
    assert await shelf.keep(a_cover(cdn, "one", body), a_cover(cdn, "two", body)) == KeptCovers(kept=2)
    assert shelf.names() == [named(body, "png")]
    assert {cover.sha256 for cover in shelf.rows().values()} == {hashlib.sha256(body).hexdigest()}


async def test_two_pages_at_once_fetch_a_cover_once(cdn: Cdn, shelf: Shelf) -> None:
    """Whoever comes second does not ask again."""
    note = a_cover(cdn, "one", png(9, 9))
    both = await asyncio.gather(shelf.keep(note), shelf.keep(note, note))
    assert both == [KeptCovers(kept=1), KeptCovers(known=1)]
    assert cdn.paths == ["/one"]


async def test_no_more_are_fetched_at_once_than_the_settings_say(cdn: Cdn, database: Database, tmp_path: Path) -> None:
    """Also when several pages are kept at once."""
    at_once = most = 0

    async def counted(writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        writer.write(ok(png(9, 9)))

    cdn.answers = {f"/k{number}": counted for number in range(20)}
    notes = [a_note(f"k{number}", f"{cdn.address}/k{number}") for number in range(20)]
    async with shelf_in(database, tmp_path, msgspec.structs.replace(LOCAL, concurrency=3)) as shelf:
        told = await asyncio.gather(shelf.keep(*notes[:10]), shelf.keep(*notes[10:]))
    assert [one.kept for one in told] == [10, 10]
    assert most == 3


async def test_failures_are_counted_and_told_and_the_others_kept(cdn: Cdn, shelf: Shelf) -> None:
    """Each reason stands in words that name neither address nor key."""
    cdn.answers |= {
        "/gone": refused(404),
        "/dead": refused(403),
        "/moved": refused(302, f"Location: {cdn.address}/there"),
        "/page": ok(b"<html>no</html>"),
        "/huge": ok(png(9000, 9000)),
        "/there": ok(png(9, 9)),
    }
    kept = await shelf.keep(
        a_cover(cdn, "good", png(9, 9)),
        *(a_note(key, f"{cdn.address}/{key}") for key in ("gone", "dead", "moved", "page", "huge")),
        a_note("elsewhere", "https://cdn.example/elsewhere"),
        a_note("login", "http://user:pass@127.0.0.1/login"),
        a_note(None, f"{cdn.address}/nameless"),
        a_note("unasked", None),
    )
    assert kept == KeptCovers(
        kept=1,
        failed=7,
        without=2,
        reasons={
            "the host answered 404": 1,
            "the host answered 403": 1,
            "the host answered 302": 1,
            "the answer is no cover: it is no image of a kind that is kept": 1,
            "the answer is no cover: its png has more than 50,000,000 pixels": 1,
            "its host is not in the list [covers] hosts": 1,
            "the address may not be asked: it is no plain http or https address": 1,
        },
    )
    assert shelf.names() == [named(png(9, 9), "png")]
    assert set(shelf.rows()) == {"good"}
    assert "/there" not in cdn.paths


async def test_what_failed_is_tried_again_at_the_next_look(cdn: Cdn, shelf: Shelf) -> None:
    """A failure leaves nothing behind."""
    cdn.answers["/one"] = refused(503)
    assert (await shelf.keep(a_note("one", f"{cdn.address}/one"))).failed == 1
    assert (await shelf.keep(a_cover(cdn, "one", png(9, 9)))).kept == 1


async def test_too_large_and_too_slow_answers_end(cdn: Cdn, database: Database, tmp_path: Path) -> None:
    """Within the bytes and the time of the settings."""
    cdn.answers |= {"/endless": cdn.endless(), "/drip": cdn.endless(pause=0.05, part=b"a")}
    policy = msgspec.structs.replace(LOCAL, max_bytes=100_000, timeout=0.5)
    began = time.monotonic()
    async with shelf_in(database, tmp_path, policy) as shelf:
        told = await shelf.keep(*(a_note(key, f"{cdn.address}/{key}") for key in ("endless", "drip")))
    assert told.reasons == {"the answer is larger than 100000 bytes": 1, "There was no answer in time.": 1}
    assert time.monotonic() - began < 3
    assert shelf.names() == []


async def test_a_host_that_leads_inside_is_not_reached(cdn: Cdn, database: Database, tmp_path: Path) -> None:
    """A host of the list counts for nothing where its address is not of the open internet."""
    note = a_cover(cdn, "one", png(9, 9))
    async with shelf_in(database, tmp_path) as shelf:
        shelf.covers = Covers(
            Reader(database), GroupWriter(database.write_all), GuardedEgress("t"), shelf.files, LOCAL, shelf.clock
        )
        assert list((await shelf.keep(note)).reasons) == [
            "the address may not be asked: it does not lead to the open internet"
        ]
    assert cdn.met == 0


KEYS = [
    *hostile.attacking("file"),
    *map(hostile.named, ("NUL", "lone surrogates", "lines", "drop", "plain")),
    *("x" * 300, "x" * 1_000_000, "drafts"),
]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
async def test_a_hostile_media_key_names_no_file(
    cdn: Cdn, store: tuple[str, Path | str], key: str, tmp_path: Path
) -> None:
    """Whatever the key is: it is refused, or it is a text in a row, on both databases."""
    body, last = png(9, 9), key.rpartition("/")[2]
    cdn.answers = dict.fromkeys([f"/{last}", "/x"], ok(body))
    opened = open_room(store[0], "notes", store[1])
    async with shelf_in(opened, tmp_path / "room") as shelf:
        url = f"{cdn.address}/{last if last.isascii() and last else 'x'}"
        note = msgspec.structs.replace(a_note("x", url), cover_key=key)
        told = await shelf.keep(note)
        assert told.kept + told.failed == 1
        assert shelf.names() == ([named(body, "png")] if told.kept else [])
        assert set(shelf.rows()) == ({key} if told.kept else set())
        assert not any(key in reason for reason in told.reasons if len(key) > 4)
    opened.close()
    assert not [one for one in os.listdir(tmp_path) if "notes.db" not in one and one != "room"]  # noqa: PTH208 - names are enough


async def test_a_picture_cannot_be_hung_under_another_key(cdn: Cdn, shelf: Shelf) -> None:
    """The address must be the key's own: else whoever tells one note could choose the cover of another."""
    cdn.answers = dict.fromkeys(["/evil", "/evil/key", "/key/evil", "/keyed!nd"], ok(png(9, 9)))
    for target in ("/evil?key", "/evil", "/key/evil", "/evil?x=/key", "/evil/ke"):
        told = await shelf.keep(a_note("spectrum/key", cdn.address + target))
        assert told.reasons == {"the address is not that of the media key": 1}
    assert cdn.heads == []
    assert (await shelf.keep(a_note("spectrum/keyed", f"{cdn.address}/keyed!nd?x"))).kept == 1


async def test_both_databases_keep_rows_alike(cdn: Cdn, store: tuple[str, Path | str], tmp_path: Path) -> None:
    """What is written is read; a thousand keys are asked for at once; the last word of a key counts."""
    opened = open_room(store[0], "notes", store[1])
    async with shelf_in(opened, tmp_path) as shelf:
        first = a_cover(cdn, "one", png(9, 9))
        assert (await shelf.keep(first, a_cover(cdn, "two", jpeg(12, 7)))).kept == 2
        assert await shelf.keep(first) == KeptCovers(known=1)
        rows = opened.read(lambda db: covers.known(db, ["one", "two", *(f"key {number}" for number in range(1500))]))
        assert {key: (row.picture.kind.value, row.picture.width) for key, row in rows.items()} == {
            "one": ("png", 9),
            "two": ("jpeg", 12),
        }
        newer = msgspec.structs.replace(rows["one"], sha256="0" * 64, bytes=2**40, kept_ms=NOW_MS + 5)
        opened.write(lambda db: covers.put(db, newer))
        assert opened.read(lambda db: covers.known(db, ["one"])) == {"one": newer}
        assert opened.read(lambda db: covers.known(db, [])) == {}
    opened.close()


async def test_a_file_without_its_row_is_fetched_again_and_stays_one_file(cdn: Cdn, shelf: Shelf) -> None:
    """A process that ends between the two leaves a file that the next look finds in place."""
    body = png(9, 9)
    shelf.files.put(body)
    written = (shelf.folder / named(body, "png")).stat()
    assert await shelf.keep(a_cover(cdn, "one", body)) == KeptCovers(kept=1)
    assert shelf.names() == [named(body, "png")]
    assert (shelf.folder / named(body, "png")).stat().st_ino == written.st_ino


async def test_a_row_without_its_file_is_mended_at_the_next_look(cdn: Cdn, shelf: Shelf) -> None:
    """Where somebody removed or cut the file, the cover is fetched again."""
    note = a_cover(cdn, "one", png(9, 9))
    await shelf.keep(note)
    file = shelf.folder / named(png(9, 9), "png")
    for spoil in (file.unlink, lambda: file.write_bytes(b"cut")):
        spoil()
        assert await shelf.keep(note) == KeptCovers(kept=1)
        assert file.read_bytes() == png(9, 9)
    assert await shelf.keep(note) == KeptCovers(known=1)


KILLED = """
import os, sys, time
from pathlib import Path
from hongshu.engine.covers import CoverFiles
from covers.drawn import chunk, png
files = CoverFiles(Path(sys.argv[1]), time.time_ns)
for number in range(10_000):
    body = png(9, 9, extra=chunk(b"teXt", b"%d" % number + b"x" * 200_000))
    print(number, flush=True)
    files.put(body)
"""


def test_a_process_killed_at_any_moment_leaves_no_half_file(tmp_path: Path) -> None:
    """Under their final names stand whole images only, each under its own content's."""
    tests = Path(__file__).parents[1]
    for turn in range(5):
        environment = {**os.environ, "PYTHONPATH": str(tests)}
        command = [sys.executable, "-c", KILLED, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        assert process.stdout is not None
        for _ in range(10):
            process.stdout.readline()
        time.sleep(0.002 * turn)
        process.kill()
        process.communicate()
    found = [path for path in tmp_path.rglob("*.png") if path.parent.name != "drafts"]
    assert len(found) >= 9
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.stem for path in found)
    assert all(path.parent.name == path.stem[:2] for path in found)


def test_drafts_of_dead_processes_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    """An hour is longer than any cover takes."""
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    for name, age in (("dead", 3700), ("alive", 60)):
        (drafts / name).write_bytes(b"half")
        os.utime(drafts / name, (NOW_MS / 1000 - age,) * 2)
    CoverFiles(tmp_path, Clock()).put(png(9, 9))
    assert [path.name for path in drafts.iterdir()] == ["alive"]


async def test_a_folder_that_cannot_be_written_fails_covers_only(cdn: Cdn, shelf: Shelf) -> None:
    """The collection goes on; the words say where to look."""
    (shelf.folder / "covers").write_bytes(b"in the way")
    told = await shelf.keep(a_cover(cdn, "one", png(9, 9)))
    assert told.failed == 1
    assert "look at the folder covers" in next(iter(told.reasons))
    assert shelf.rows() == {}


async def test_a_store_that_is_down_fails_covers_only(cdn: Cdn, shelf: Shelf) -> None:
    """At the first question, and at the row: nothing is raised, and every cover is told as failed."""
    notes = [a_cover(cdn, "one", png(9, 9)), a_cover(cdn, "two", png(8, 8))]

    def down(_: object) -> Any:
        raise StoreDownError("the store is down")

    egress = GuardedEgress("t", networks(["127.0.0.1/32"]))
    broken = Covers(Reader(shelf.database), GroupWriter(down), egress, shelf.files, LOCAL, shelf.clock)
    assert (await broken.keep(USER, notes)).reasons == {"the store is down": 2}
    await broken.close()
    assert await shelf.keep(*notes) == KeptCovers(kept=2)
    shelf.database.write(lambda db: db.rows("ALTER TABLE covers RENAME TO moved"))
    told = await shelf.keep(*notes)
    assert (told.kept, told.failed, len(told.reasons)) == (0, 2, 1)


async def test_a_dead_host_does_not_hold_up_what_waits(cdn: Cdn, database: Database, tmp_path: Path) -> None:
    """After five failures in a row nobody is asked for a while; then one question is, and all goes on."""
    policy = msgspec.structs.replace(LOCAL, timeout=0.1, concurrency=1)
    cdn.answers = {f"/k{number}": cdn.endless(pause=1.0, part=b"") for number in range(40)}
    notes = [a_note(f"k{number}", f"{cdn.address}/k{number}", number=number) for number in range(40)]
    async with shelf_in(database, tmp_path, policy) as shelf:
        told = await shelf.keep(*notes)
        assert sorted(told.reasons.values()) == [5, 35]
        assert len(cdn.heads) == 5
        shelf.clock.ns += 6_000_000_000
        cdn.answers = {path: ok(png(9, 9)) for path in cdn.answers}
        assert (await shelf.keep(*notes)).kept == 40


async def test_a_run_that_is_stopped_leaves_nothing_half(cdn: Cdn, shelf: Shelf) -> None:
    """Who gives up waiting may come back: the same key is fetched then."""
    asked = asyncio.Event()

    async def never(_: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    cdn.answers["/slow"] = never
    keeping = asyncio.create_task(shelf.keep(a_note("slow", f"{cdn.address}/slow")))
    await asked.wait()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert shelf.names() == []
    assert await shelf.keep(a_cover(cdn, "slow", png(9, 9))) == KeptCovers(kept=1)


async def test_the_covers_of_a_simulated_server_are_kept(database: Database, tmp_path: Path) -> None:
    """On a laptop without any network: pages below /pictures name pictures that the server gives."""
    world = World(5, 30)
    server = SimulatorServer(SimulatorSource("sim", world, time.time_ns, at_ms=NOW_MS))
    address = await server.start(0)
    creator = next(one for one in world.creators if len(world.notes(one, NOW_MS)) > 10)
    query = f"token=any&userId={creator}"
    egress = GuardedEgress("t", networks(["127.0.0.1/32"]))
    path = "/api/xiaohongshu/get-user-note-list/v4"
    bodies = [
        (await egress.get(f"{address}{under}{path}?{query}", most_bytes=10**7, timeout_seconds=5)).body
        for under in ("/pictures", "")
    ]
    page, plain = (read(Reply(body=body)) for body in bodies)
    assert isinstance(page, Page)
    assert isinstance(plain, Page)
    async with shelf_in(database, tmp_path) as shelf:
        told = await shelf.keep(*page.notes)
        assert told == KeptCovers(kept=len(page.notes))
        assert {(row.picture.kind, row.picture.width) for row in shelf.rows().values()} == {(PictureKind.PNG, 48)}
        assert set(shelf.rows()) == {note.cover_key for note in plain.notes}
        told = await shelf.keep(*plain.notes)
        assert told == KeptCovers(known=len(page.notes))
    assert bodies[1] == world.page(Asked(creator=creator), NOW_MS)
    await egress.close()
    await server.close()


def test_the_cover_of_a_note_is_its_first_image() -> None:
    """Only there; where the small form is missing the large one counts, and an address without scheme gets one."""

    def told(images: object) -> str | None:
        return cover_url(json.dumps({"id": "1", "images_list": images}).encode())

    assert told([{"url": "http://a/1"}, {"url": "http://a/2"}]) == "http://a/1"
    assert told([{"url_size_large": "http://a/l", "url": "http://a/1"}]) == "http://a/1"
    assert told([{"url": "", "url_size_large": "http://a/l"}]) == "http://a/l"
    assert told([{"url": "//ci.xiaohongshu.com/1"}]) == "https://ci.xiaohongshu.com/1"
    for images in ([], [{}], [{"url": 5}], [{"url": None}], [5], {}, "x", None, [[{"url": "http://a/1"}]]):
        assert told(images) is None
    for wire in (b"", b"[]", b"5", b"{", b"\xff"):
        assert cover_url(wire) is None


def test_the_covers_of_real_captures_are_on_hosts_of_the_list(samples: Path) -> None:
    """What the world sends can be kept with the settings as they are: hosts, spelling, and the key in the address."""
    unused: Any = None
    kept = Covers(unused, unused, unused, unused, CoverPolicy(hosts=CoversConfig().hosts), time.time_ns)
    pages = [one.page for path in samples.iterdir() for one in recordings(path.read_bytes(), NOW_MS) if one.page]
    notes = [note for page in pages for note in page.notes if note.cover_key]
    assert len(notes) == 48
    assert {kept._refusal(note.cover_key or "", cover_url(note.wire) or "") for note in notes} == {""}


def test_the_settings_refuse_what_is_no_host_and_no_network() -> None:
    """Each says how to write it."""
    assert Config().covers == CoversConfig()
    assert not domains_fault(CoversConfig().hosts)
    assert not domains_fault(())
    assert not domains_fault(("127.0.0.1", "localhost", "a_b.cdn-1.example"))
    for wrong in ("*.xhscdn.com", "http://xhscdn.com", "xhscdn.com:80", "XHSCDN.com", ".com", "a..b", "", "x" * 300):
        assert "write each like" in domains_fault(("xhscdn.com", wrong))
    assert not networks_fault(("10.0.0.0/8", "fd00::/8", "192.168.1.5"))
    for wrong in ("10.0.0.1/8", "10/8", "all", "", "10.0.0.0/33", "::/129"):
        assert "write each like" in networks_fault(("10.0.0.0/8", wrong))
