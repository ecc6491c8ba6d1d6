"""Backups at the console: what there is, a button that takes one, why one failed, and how to set a folder."""

from __future__ import annotations

from collections.abc import Callable

from console.visiting import Visitor, signed_in
from running import SIMULATOR, Running
from waiting import eventually

FOLDER = SIMULATOR + '[backup]\nfolder = "kept"\n'


def operator(server: Running, *more: str, lang: str = "en") -> Visitor:
    server.cli("operator", "create", "root")
    return signed_in(server.address, server.data_dir, "--operator", "root", *more, lang=lang)


def rows(visitor: Visitor) -> int:
    return visitor.get("/console/backups").text.count("--drill</code>")


def test_a_server_takes_the_first_by_itself_and_another_at_a_press(serve: Callable[..., Running]) -> None:
    server = serve(FOLDER)
    visitor = operator(server)
    eventually(lambda: rows(visitor), 1, within=20)
    assert "Back up now" in visitor.get("/console/backups").text
    answer = visitor.post("/console/backups", of="/console/backups")
    assert answer.headers["location"] == "/console/backups?done=backup_wanted"
    eventually(lambda: rows(visitor), 2, within=20)
    looker = signed_in(server.address, server.data_dir, "--operator", "root", "--read-only")
    assert "Back up now" not in looker.get("/console/backups").text


def test_without_a_folder_it_says_how_to_set_one(serve: Callable[..., Running]) -> None:
    visitor = operator(serve(), lang="zh")
    page = visitor.get("/console/backups")
    assert "此服务器不做备份" in page.text
    assert "[backup]" in page.text
    answer = visitor.post("/console/backups", of="/console/backups")
    assert answer.status == 400


def test_why_the_last_one_failed_is_told(serve: Callable[..., Running]) -> None:
    server = serve(FOLDER)
    visitor = operator(server)
    eventually(lambda: rows(visitor), 1, within=20)
    (server.data_dir / "kept" / ".trouble").write_text("no <b>space</b> left")
    page = visitor.get("/console/backups")
    assert "no &lt;b&gt;space&lt;/b&gt; left" in page.text


def test_a_server_stops_beside_its_backups(serve: Callable[..., Running]) -> None:
    server = serve(FOLDER)
    assert server.stop() == 0
