"""`hongshu watch`, `channel`, `rule` and `delivery`: what they take, what they refuse, and what they never show."""

from __future__ import annotations

from pathlib import Path

import pytest

import stores
from commanding import Command
from hongshu.models import Kind, News
from hongshu.store import deliveries
from hongshu.store.deliveries import Delivery, DeliveryState

ONE, TWO = "5c2f338a000000000701e1c6", "6563d2a0000000000000abcd"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture
def address(tmp_path: Path) -> Path:
    """A file that holds an address."""
    file = tmp_path / "address.txt"
    file.write_text(SLACK)
    return file


def test_watches_are_added_listed_paused_and_removed(command: Command, address: Path) -> None:
    """Each once, by id or link, with their group and rules."""
    command("channel", "add", "team", "--file", str(address))
    words = command("watch", "add", ONE, f"https://www.xiaohongshu.com/user/profile/{TWO}", ONE, "--json").words
    assert words == {"added": 2, "watched": 2}
    assert command("watch", "add", ONE, "--group", "rivals", "--notify", "team", "--json").words["added"] == 0
    rows = {one["creator"]: one for one in command("watch", "list", "--json").words}
    assert (rows[ONE]["groups"], rows[ONE]["state"], rows[ONE]["last_look"]) == (["rivals"], "active", None)
    assert [one["creator"] for one in command("watch", "list", "--group", "rivals", "--json").words] == [ONE]
    [rule] = command("rule", "list", "--json").words
    assert (rule["scope"], rule["who"], rule["kinds"], rule["channel"]) == ("group", "rivals", ["usual"], "team")
    assert command("watch", "pause", ONE).status == 0
    assert {one["creator"]: one["state"] for one in command("watch", "list", "--json").words}[ONE] == "paused"
    assert command("watch", "resume", "--group", "rivals").status == 0
    assert command("watch", "remove", ONE, TWO).status == 0
    assert command("watch", "list", "--json").words == []
    assert "nobody is watched" in command("watch", "list").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("watch", "add"), "nobody is named"),
        (("watch", "add", "nonsense"), "nonsense"),
        (("watch", "add", ONE, "--notify", "nowhere"), "hongshu channel add nowhere"),
        (("watch", "add", ONE, "--kinds", "new,odd"), "--kinds takes some of new, edited"),
        (("watch", "pause", TWO), "none of them is watched"),
        (("watch", "plan", "--calls-per-day", "0"), "at least 1"),
        (("watch", "test", ONE), "no rule tells of"),
        (("watch", "run", "--once"), "no source is configured"),
        (("watch", "events", "--kinds", "odd"), "--kinds takes"),
        (("channel", "test", "nowhere"), 'there is no channel "nowhere"'),
        (("channel", "remove", "nowhere"), 'there is no channel "nowhere"'),
        (("channel", "open", "nowhere"), 'there is no channel "nowhere"'),
        (("rule", "add", "--all", "--notify", "nowhere"), 'there is no channel "nowhere"'),
        (("rule", "add", "--all", "--creator", ONE, "--notify", "x"), "pass one of"),
        (("delivery", "list", "--limit", "0"), "--limit"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(command: Command, arguments: tuple[str, ...], said: str) -> None:
    """With what to do instead."""
    ended = command(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_what_is_not_there_is_said(command: Command) -> None:
    """Rules and deliveries by their ids."""
    for arguments in (("rule", "remove", "rul_x"), ("delivery", "resend", "dlv_x")):
        ended = command(*arguments)
        assert (ended.status, ended.out) == (2, "") or ended.status == 1
        assert "there is no" in ended.err


@pytest.mark.parametrize(
    "given",
    [
        "https://127.0.0.1/hook",
        "https://10.1.2.3/hook",
        "http://1.1.1.1/hook",
        "https://[::1]/hook",
        "https://0x7f000001/hook",
        "https://2130706433/hook",
        "https://user:SECRET@example.com/",
        "https://1.1.1.1/hook\nwhsec_c2hvcnQ=",
        "https://1.1.1.1/hook\nnot a secret",
        "json://SECRET/hook",
        "",
    ],
)
def test_an_address_that_may_not_be_asked_is_not_saved(command: Command, address: Path, given: str) -> None:
    """Refused when it is given, in words that do not repeat it."""
    address.write_text(given)
    ended = command("channel", "add", "hook", "--file", str(address))
    assert (ended.status, ended.out) == (2, "")
    assert "SECRET" not in ended.err
    assert command("channel", "list", "--json").words == []


def test_a_channel_shows_its_secret_once_and_its_address_never(command: Command, address: Path) -> None:
    """Neither in lists nor in tables."""
    address.write_text("https://1.1.1.1/hook?key=PART-OF-IT")
    added = command("channel", "add", "hook", "--file", str(address), "--digest", "08:00", "--lang", "zh", "--json")
    assert added.words["secret"].startswith("whsec_")
    assert (added.words["kind"], added.words["to"], added.words["state"]) == ("webhook", "1.1.1.1", "open")
    address.write_text(SLACK)
    chat = command("channel", "add", "team", "--file", str(address), "--sources", "--json").words
    assert (chat["kind"], chat["to"], chat["sources"], "secret" in chat) == ("chat", "slack", True, False)
    for ended in (command("channel", "list"), command("channel", "list", "--json")):
        assert ended.status == 0
        for secret in ("PART-OF-IT", added.words["secret"], "TIiajkdnlazkcOXrIdevi7FQ"):
            assert secret not in ended.out + ended.err + added.err
    assert command("channel", "remove", "hook").status == 0
    assert [one["channel"] for one in command("channel", "list", "--json").words] == ["team"]


@pytest.mark.parametrize(
    "option", [("--zone", "Mars"), ("--digest", "8"), ("--quiet-hours", "25:00-08:00"), ("--lang", "fr")]
)
def test_wrong_options_of_a_channel_are_refused(command: Command, address: Path, option: tuple[str, str]) -> None:
    """With how to write them."""
    ended = command("channel", "add", "team", "--file", str(address), *option)
    assert ended.status == 2
    assert option[1] in ended.err


def test_channels_of_the_settings(command: Command, data_dir: Path, address: Path) -> None:
    """They are listed beside the others, changed in the settings only, and not shown by `hongshu config`."""
    data_dir.mkdir()
    (data_dir / "hongshu.toml").write_text(
        f'[[channel]]\nname = "ops"\nurl_file = "{address}"\nlang = "zh"\nquiet_hours = "23:00-08:00"\ndigest = "0"\n'
    )
    [row] = command("channel", "list", "--json").words
    assert (row["channel"], row["from"], row["to"], row["lang"]) == ("ops", "settings", "slack", "zh")
    for arguments in (("channel", "add", "ops", "--file", str(address)), ("channel", "remove", "ops")):
        ended = command(*arguments)
        assert ended.status == 2
        assert "settings" in ended.err
    shown = command("config")
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in shown.out
    assert "channel.ops.url" in shown.out


def test_deliveries_are_listed_and_sent_again(command: Command, data_dir: Path) -> None:
    """By channel and state; a resend waits for who sends."""
    data_dir.mkdir()
    news = (News(id="evt_1", kind=Kind.NEW, creator=ONE, seen_ms=1),)
    told = [
        Delivery(id="dlv_1", channel="a", created_ms=1, due_ms=1, news=news, state=DeliveryState.FAILED, tries=10),
        Delivery(id="dlv_2", channel="b", created_ms=2, due_ms=2, news=news, status="\x1b[31mHTTP 500"),
    ]
    room = stores.opened(data_dir, "notes")
    room.write(lambda db: deliveries.add(db, told))
    room.close()
    rows = command("delivery", "list", "--json").words
    assert [(one["delivery"], one["state"], one["kinds"]) for one in rows] == [
        ("dlv_2", "waiting", ["new"]),
        ("dlv_1", "failed", ["new"]),
    ]
    assert "\x1b" not in command("delivery", "list").out
    assert [one["delivery"] for one in command("delivery", "list", "--state", "failed", "--json").words] == ["dlv_1"]
    assert [one["delivery"] for one in command("delivery", "list", "--channel", "b", "--json").words] == ["dlv_2"]
    assert command("delivery", "resend", "dlv_1").status == 0
    assert {one["state"] for one in command("delivery", "list", "--json").words} == {"waiting"}


def test_an_address_is_never_an_argument(command: Command) -> None:
    """Nothing takes one, and what is given all the same is not repeated."""
    ended = command("channel", "add", "team", SLACK)
    assert ended.status == 2
    assert "T1JJ3T3L2" not in ended.err
    assert command("channel", "list", "--json").words == []
