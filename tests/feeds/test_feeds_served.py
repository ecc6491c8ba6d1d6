"""Feeds over HTTP as a reader asks for them, of a real server; and `hongshu feed`."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import feedparser

from running import Answer, Running, run_quick


def address(server: Running, *scope: str) -> tuple[str, dict[str, str]]:
    """Make a feed; its id, and its paths by form."""
    words = json.loads(server.cli("feed", "create", *scope, "--json").stdout)
    return words.pop("feed"), {form: "/feeds/" + url.rpartition("/")[2] for form, url in words.items()}


def head(server: Running, path: str, method: str) -> Answer:
    request = urllib.request.Request(server.address + path, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def test_a_reader_gets_feeds_and_hears_when_nothing_has_changed(serve: Callable[..., Running]) -> None:
    """By tag and by time, in every form, by HEAD too; a revoked feed is gone within a second."""
    server = serve()
    feed, paths = address(server, "--all", "--lang", "zh")
    for form, path in paths.items():
        first = server.get(path)
        assert first.status == 200
        assert first.headers["Content-Type"].startswith("application/")
        assert first.headers["X-Content-Type-Options"] == "nosniff"
        assert first.headers["Cache-Control"] == "private, max-age=300"
        if form != "json":
            assert not feedparser.parse(first.raw).bozo
        tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
        for headers in (
            {"If-None-Match": tag},
            {"If-None-Match": f'"other", W/{tag}'},
            {"If-None-Match": "*"},
            {"If-Modified-Since": modified},
        ):
            again = server.get(path, headers=headers)
            assert (again.status, again.raw) == (304, b""), headers
            assert again.headers["ETag"] == tag
        for headers in (
            {"If-None-Match": '"other"'},
            {"If-None-Match": '"other"', "If-Modified-Since": modified},
            {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
            {"If-Modified-Since": "nonsense"},
        ):
            assert server.get(path, headers=headers).status == 200, headers
        asked = head(server, path, "HEAD")
        assert (asked.status, asked.raw, asked.headers["ETag"]) == (200, b"", tag)
        assert head(server, path, "POST").status == 405
        assert server.get(path + "?kinds=new,edited").status == 200
        assert server.get(path + "?kinds=odd").status == 400
    assert server.cli("feed", "revoke", feed).returncode == 0
    time.sleep(1)
    gone = [server.get(path) for path in paths.values()]
    never = [server.get("/feeds/hsf_nothing.atom"), server.get("/feeds/x.atom"), server.get(paths["atom"] + "x")]
    assert {one.status for one in (*gone, *never)} == {404}
    assert {one.raw for one in (*gone, *never)} == {b"there is no such feed\n"}
    [listed] = json.loads(server.cli("feed", "list", "--json").stdout)
    assert (listed["feed"], listed["active"], listed["lang"]) == (feed, False, "zh")
    key = paths["atom"].removeprefix("/feeds/").removesuffix(".atom")
    assert server.stop() == 0
    assert key not in "".join(server.log) + json.dumps(listed)


def test_a_feed_is_served_whatever_sources_do(tmp_path: Path, serve: Callable[..., Running]) -> None:
    """A source that nobody answers at changes nothing."""
    dead = (
        '[[source]]\nname = "dead"\nkind = "remote"\nurl = "http://127.0.0.1:9"\ntoken = "x"\nallow_cleartext = true\n'
    )
    server = serve(dead)
    _, paths = address(server, "--all")
    assert server.get(paths["json"]).status == 200


def test_of_whom_a_feed_is_must_be_said(tmp_path: Path) -> None:
    """One of three, in one line."""
    for arguments in ((), ("--all", "--group", "g"), ("--creator", "nonsense")):
        ended = run_quick("feed", "create", *arguments, data_dir=tmp_path)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert len(ended.stderr.strip().splitlines()) == 1
