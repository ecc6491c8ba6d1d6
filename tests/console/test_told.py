"""What is said below the console is said in Chinese on Chinese pages, and as it was where nobody knows it."""

from __future__ import annotations

import ast
import html
import re
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import hongshu
import stores
from console.visiting import Answered, Visitor, signed_in
from hongshu.ids import new_id
from hongshu.models import Kind, News
from hongshu.server.console.words import reasons, refusals
from hongshu.server.console.words.told import CHINESE, LONGEST, in_chinese, pieces
from hongshu.store import deliveries, health, watches
from hongshu.store.base import Connection
from hongshu.store.deliveries import Delivery, DeliveryState
from hongshu.store.health import Alarm, State
from running import SIMULATOR, Running, start_server
from waiting import eventually

SOURCE = Path(hongshu.__file__).parent
TABLES = SOURCE / "server/console/words"
HIGH_MS = 1_795_000_000_000
UNKNOWN = "5d000000000000000000beef"
COLLECTED = "5d0000000000000000000c01"
NOBODY = "0" * 24
OTHER = "5d000000000000000000cafe"
ELSEWHERE = '[watch]\nserve = false\n[[source]]\nname = "folder"\nkind = "replay"\nfolder = "/nowhere/at/all"\n'
VALUE = "\0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a source that cannot be read behind the simulator."""
    running = start_server(tmp_path_factory.mktemp("told"), SIMULATOR + ELSEWHERE)
    running.cli("operator", "create", "root")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def people(server: Running) -> Mapping[tuple[str, str], Visitor]:
    """The operator and the account, in both languages."""
    who = {"operator": ("--operator", "root"), "account": ("--account", "test")}
    return {
        (name, lang): signed_in(server.address, server.data_dir, *given, lang=lang)
        for name, given in who.items()
        for lang in ("en", "zh")
    }


# What the tables hold


@cache
def sentences() -> str:
    """Return every sentence of the code below the tables, one a line; what is put in is a sign that no sentence has."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if TABLES not in path.parents:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            told = path.name == "errors.py"  # a docstring is the message there
            found.update(literals(tree, constants(tree), docstrings=told))
    return "\n".join(["", *sorted(found), ""])


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module gives names to."""
    named: dict[str, str] = {}
    for one in tree.body:
        target = (
            one.targets[0] if isinstance(one, ast.Assign) else one.target if isinstance(one, ast.AnnAssign) else None
        )
        value = getattr(one, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            named[target.id] = value.value
    return named


def literals(tree: ast.AST, named: Mapping[str, str], *, docstrings: bool) -> Iterator[str]:
    """Return the texts of a module, each whole and with spaces for underscores, as forms name their fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and not docstrings:
            node.value.value = ""
        text = shape(node, named)
        for line in (text or "").splitlines():
            yield line
            yield line.replace("_", " ")


def shape(node: ast.AST, named: Mapping[str, str]) -> str | None:
    """Return a text with a sign for each value that is put in; None for what is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(shape(one, named) or "" for one in values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name in named:
            return named[name]
        case ast.FormattedValue():
            return VALUE
        case _:
            return None


def is_said(sentence: str) -> bool:
    """Say whether the code below says a sentence: a word alone is a text of its own, all else stands in one."""
    text = "".join(fixed + (VALUE if name is not None else "") for fixed, name in pieces(sentence))
    if VALUE not in text and " " not in text:
        return f"\n{text}\n" in sentences()
    text = text.strip(VALUE + ' "“”;:,.()…')
    pattern = ".*".join(re.escape(one) for one in text.split(VALUE))
    return re.search(rf"(?<!\w){pattern}(?!\w)", sentences()) is not None


def test_every_pattern_is_of_a_sentence_that_is_said_below() -> None:
    """A sentence that was written anew is not told in Chinese until its pattern is."""
    assert len(CHINESE) > 200
    assert [one for one in CHINESE if not is_said(one)] == []
    assert [one for one in refusals.WHATS if not is_said(one)] == []


def test_a_sentence_that_nobody_says_is_noticed() -> None:
    """The test above would fail for it."""
    assert not is_said('there is no account "{account}"; `hongshu account index` shows them')
    assert not is_said("sen")


def test_both_languages_hold_the_same_values_each_once() -> None:
    def names(text: str) -> list[str]:
        return sorted(name for _, name in pieces(text) if name is not None)

    assert [one for one, other in CHINESE.items() if names(one) != names(other)] == []
    assert [one for one in CHINESE if len(names(one)) != len(set(names(one)))] == []


def test_no_two_values_touch_and_no_sentence_is_told_twice() -> None:
    """Between two values stands what parts them."""
    assert [one for one in CHINESE if "}{" in one] == []
    assert reasons.CHINESE.keys() & refusals.CHINESE.keys() == set()


def test_the_chinese_is_chinese_in_the_words_of_the_glossary() -> None:
    others = ("\u521b\u4f5c\u8005", "\u6570\u636e\u6e90", "\u70b9\u6570")  # creator, source, credits, said otherwise
    told = [*CHINESE.values(), *refusals.WHATS.values()]
    assert [one for one in told if not re.search("[\u4e00-\u9fff]", re.sub(r"{\w+}", "", one))] == [
        "{why}（HTTP {status}）"
    ]
    assert [one for one in told if any(other in one for other in others)] == []


# How a message is told


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("its name is nobody's", "its name is nobody's"),
        ("", ""),
        (
            'there is no account "<b>{x}</b>"; `hongshu account list` shows them',
            "没有账户“<b>{x}</b>”；可用 `hongshu account list` 查看",
        ),
        (
            "Collection Failed. Please Retry. (a: resting: it is not valid JSON (HTTP 502); b: blocked)",
            "采集失败，请重试。（a：暂停请求：不是有效的 JSON（HTTP 502）；b：被拦截）",
        ),
        ("HTTP 302; redirects are not followed", "HTTP 302；不跟随重定向"),
        ("HTTP 204", "HTTP 204"),
        (
            "about 2.5 notes a day, most around 09:00 (Shanghai); learned from 31 notes",
            "每天约 2.5 篇笔记，多在 09:00 前后（北京时间）；依据 31 篇笔记",
        ),
        (
            "its daily cap of 5 credits is used up until 2027-01-31T00:00:00Z",
            "其每日上限 5 积分已用完，至 2027-01-31T00:00:00Z 恢复",
        ),
        ("the balance is 5, but the sum of its entries is 7", "余额为 5，但其分录之和为 7"),
        ('low balance is a whole number, not ""', "低余额提醒阈值应为整数，而不是“”"),
        (
            (
                "a creator is a short link; open it in a browser and pass the 24 hex digits of the user id, or the"
                " profile link that holds /user/profile/<id>"
            ),
            "这是短链接；请在浏览器中打开，再填写用户 ID（24 位十六进制数字）或含 /user/profile/<id> 的主页链接",
        ),
        ("it holds something strange", "应答是something strange"),
    ],
)
def test_a_message_is_told_with_its_values_as_they_are(message: str, told: str) -> None:
    """What is not known stays English, inside of a sentence too."""
    assert in_chinese(message) == told


def test_a_message_that_is_too_long_stays_as_it_is() -> None:
    known = 'there is no account "{}"; `hongshu account list` shows them'
    fits = known.format("x" * (LONGEST - len(known) + 2))
    assert in_chinese(fits) != fits
    longer = known.format("x" * (LONGEST - len(known) + 3))
    assert in_chinese(longer) == longer


def lines(number: int) -> str:
    """Return what is said of so many lines that name nobody."""
    return "; ".join(f'line {one}, "momo": it is longer than {one} signs' for one in range(1, number + 1))


def test_as_many_lines_as_pages_tell_of_are_told_and_not_endlessly_many() -> None:
    """Sentences stand inside of sentences, to a depth."""
    assert in_chinese(lines(5)) == "；".join(f"第 {one} 行“momo”：超过 {one} 个字符" for one in range(1, 6))
    assert in_chinese(lines(20)).endswith("it is longer than 20 signs")


SLOW_TO_READ = (
    '" ' * 499,
    '; line 1, "' * 90,
    " (HTTP " * 142,
    '": ' * 333,
    "; " * 499,
    "userId " * 142,
    "0" * 999,
    "the balance is 1, but " * 45,
)


def test_a_hostile_message_takes_no_longer_than_five_plain_ones_of_its_length() -> None:
    """Values are cut for good where the text behind them stands: nothing is tried over and over."""

    def seconds(message: str) -> float:
        taken = []
        for number in range(5):
            began = time.perf_counter()
            in_chinese(message + str(number))  # else it would be remembered
            taken.append(time.perf_counter() - began)
        return min(taken)

    plain = seconds("plain " * 166)
    taken = {one[:12]: seconds(one) / plain for one in SLOW_TO_READ}
    assert {one: ratio for one, ratio in taken.items() if ratio > 5} == {}


# What pages show


class Refused(NamedTuple):
    """Something that is not done, and the values in the sentence that says why."""

    path: str
    fields: Mapping[str, Any] | None
    values: tuple[str, ...] = ()
    who: str = "operator"


REFUSED = (
    Refused("accounts", {"name": "test"}, ("test",)),
    Refused("accounts", {"name": "!"}),
    Refused("accounts", {"name": "a", "zone": "Mars/Olympus"}, ("Mars/Olympus", "IANA", "Asia/Shanghai", "UTC")),
    Refused("accounts/nobody", None, ("nobody", "hongshu account list")),
    Refused("accounts/%3Cb%3Ebold", None, ("<b>bold", "hongshu account list")),
    Refused("accounts/test/topup", {"amount": "ten", "reference": "x"}, ("ten",)),
    Refused("accounts/test/topup", {"amount": "0", "reference": "x"}),
    Refused("accounts/test/topup", {"amount": "5"}),
    Refused("accounts/test/adjust", {"amount": "-99999999", "reason": "x"}, ("99999999",)),
    Refused("accounts/test/low-balance", {"low_balance": "x"}, ("x",)),
    Refused("tokens", {"name": "x"}),
    Refused("tokens", {"account": "test", "networks": "home"}, ("home",)),
    Refused("tokens", {"account": "test", "burst": "-1"}),
    Refused("tokens", {"account": "test", "expires": "soon"}, ("soon", "T12", "00Z")),
    Refused("tokens", {"rate_per_minute": "1000000"}, who="account"),
    Refused("tokens/tok_x/rotate", {}, ("tok_x", "hongshu token list")),
    Refused("ledger/led_x/refund", {}, ("led_x", "hongshu ledger list")),
    Refused("ledger?kind=gift", None, ("topup, charge, refund, adjust",)),
    Refused("calls?code=abc", None, ("abc",)),
    Refused("calls?since=2027-02-01&until=2027-01-01", None),
    Refused("calls?before=req_x", None),
    Refused("usage?by=moon", None, ("moon", "day, hour, token, code, source, endpoint")),
    Refused("usage?since=2027-02-01&until=2027-01-01", None),
    Refused("news?creator=https://xhslink.com/x", None),
    Refused("news?creator=momo", None, ("ID", "/user/profile/<id>")),
    Refused("news?creator=x&group=y", None),
    Refused("groups", {"creators": "x y", "group": "g"}, ("x y", "ID", "/user/profile/<id>")),
    Refused("groups", {"creators": UNKNOWN}),
    Refused("batches", {"creators": "a b\nc d\ne f\ng h"}, ("a b", "c d", "e f", "ID", "/user/profile/<id>")),
    Refused("batches", {}, ("ID",)),
    Refused("batches", {"creators": UNKNOWN, "into": "g"}, who="account"),
    Refused("batches", {"creators": UNKNOWN, "since": "soon"}, ("soon", "T12", "00Z")),
    Refused("batches", {"creators": UNKNOWN, "most_pages": "few"}, ("few",)),
    Refused("batches/bat_x", None),
    Refused("creators/xyz", None, ("ID",)),
    Refused(f"creators/{UNKNOWN}", None, (UNKNOWN, "hongshu collect")),
    Refused(f"creators/{UNKNOWN}/numbers", None, (UNKNOWN, "hongshu collect")),
    Refused(f"compare/numbers?creators={UNKNOWN}", None, ("hongshu report compare",)),
    Refused(f"compare/numbers?creators={UNKNOWN}%0A{OTHER}", None, (UNKNOWN, OTHER, "hongshu collect")),
    Refused("watches/change", {"change": "pause", "creators": UNKNOWN}),
    Refused("watches/change", {"change": "forget", "creators": UNKNOWN}),
    Refused("watches", {"group": "nobody's"}),
    Refused("watches", {}, ("ID",)),
    Refused("watches/plan?calls=-1", None),
    Refused("deliveries/dlv_x/resend", {}, ("dlv_x", "hongshu delivery list")),
    Refused("channels/none/test", {}),
    Refused("sources/none", None),
    Refused("backups", {}, ("hongshu.toml", "[backup] folder")),
    Refused("reports", {"kind": "creator", "format": "html", "lang": "en"}),
    Refused("reports", {"kind": "poem"}, ("creator, compare, competitors",)),
    Refused(
        "reports",
        {"kind": "creator", "creators": UNKNOWN, "format": "html", "lang": "en", "window": "soon"},
        ("soon", "90d", "all"),
    ),
    Refused(
        "reports",
        {"kind": "creator", "creators": UNKNOWN, "format": "html", "lang": "en"},
        (UNKNOWN, "hongshu collect"),
    ),
    Refused("reports/schedules/sch_x/remove", {}),
    Refused("datasets", {"format": "csv", "what": "notes", "group": "nobody's"}),
    Refused("datasets", {"format": "doc"}, ("dataset, csv, xlsx, jsonl, parquet",)),
    Refused("datasets", {"format": "csv", "since": "2027-02-01", "until": "2027-01-01"}),
    Refused("theme", {"theme": "loud"}, ("auto, light, dark",)),
    Refused("theme", {"theme": ["auto", "dark"]}),
    Refused("sign-in/nothing", {}, ("hongshu login",)),
)


def refused(visitor: Visitor, asked: Refused) -> Answered:
    path = f"/console/{asked.path}"
    return visitor.get(path) if asked.fields is None else visitor.post(path, asked.fields)


def said(answer: Answered) -> str:
    """Return what a page says is wrong."""
    found = re.search(r'<p class="said"[^>]*>(.*?)</p>', answer.text, re.DOTALL)
    assert found, answer.text
    assert "<" not in found[1]
    return html.unescape(found[1])


def english_left(sentence: str, values: tuple[str, ...]) -> list[str]:
    """Return the English words of a sentence that are no values."""
    for one in sorted(values, key=len, reverse=True):
        sentence = sentence.replace(one, "")
    return re.findall("[A-Za-z]+", sentence)


@pytest.mark.parametrize("asked", REFUSED, ids=lambda one: f"{one.path} {one.fields or ''}")
def test_an_error_is_told_in_chinese(people: Mapping[tuple[str, str], Visitor], asked: Refused) -> None:
    """The status and the values are those of the English page; nothing else of it is left."""
    english, chinese = (refused(people[asked.who, lang], asked) for lang in ("en", "zh"))
    assert english.status == chinese.status
    told = said(chinese)
    assert re.search("[\u4e00-\u9fff]", told), told
    assert english_left(told, asked.values) == [], told
    assert not re.search("[\u4e00-\u9fff]", said(english).replace("小红书号", ""))
    assert [one for one in asked.values if one not in told] == []


def test_a_page_that_is_too_old_and_a_form_that_is_none_are_told_of_in_chinese(
    people: Mapping[tuple[str, str], Visitor],
) -> None:
    """With and without a page around."""
    visitor = people["operator", "zh"]
    assert english_left(said(visitor.send("/console/tokens", {"form_key": "x"})), ()) == []
    bare = visitor.send("/console/tokens", {}, {"content-type": "text/plain"})
    assert (bare.status, english_left(bare.text, ())) == (400, [])
    assert "此处只接受控制台的表单" in bare.text
    part = visitor.send("/console/tokens", {"form_key": visitor.form_key()}, {"hx-request": "true"})
    assert english_left(said(part), ()) == []


def wrote(server: Running, room: str, work: Any) -> None:
    database = stores.opened(server.data_dir, room)
    database.write(work)
    database.close()


def test_reasons_in_tables_are_told_in_chinese(server: Running, people: Mapping[tuple[str, str], Visitor]) -> None:
    """Of sources, alarms, watches, the plan and deliveries; what others wrote is text."""
    news = (News(id="evt_1", kind=Kind.NEW, creator=UNKNOWN, seen_ms=HIGH_MS, nickname="阿柚", title="T"),)
    delivery = Delivery(
        id=new_id("dlv", HIGH_MS * 1_000_000, bytes(5)),
        channel="hook",
        created_ms=HIGH_MS,
        due_ms=HIGH_MS,
        news=news,
        state=DeliveryState.FAILED,
        tries=2,
        status="no answer within 10 s",
    )
    late = watches.Watch(
        creator=UNKNOWN, since_ms=1, next_ms=2, trouble="the look failed; the log says why", trouble_ms=5
    )

    def notes(db: Connection) -> None:
        deliveries.add(db, [delivery])
        watches.add(db, [UNKNOWN, OTHER], HIGH_MS)
        watches.put(db, late, held=False)

    def money(db: Connection) -> None:
        alarm = Alarm(
            source="sim", field="likes", since_ms=HIGH_MS, why="filled in <b>1%</b> of the notes, usually in 9%"
        )
        health.replace_alarms(db, "sim", [alarm])
        health.note(db, "sim", State(bad_ms=HIGH_MS, why="the peer's rate limit is reached", failures=9))

    wrote(server, "notes", notes)
    wrote(server, "money", money)
    visitor = people["operator", "zh"]
    for path, told in (
        ("deliveries", "10 秒内没有应答"),
        ("watches", "观察失败；原因见日志"),
        ("watches/plan", "尚未观察；按其他博主估计"),
        ("sources", "已达到对方的频率限制"),
        ("sources", "文件夹 /nowhere/at/all 无法读取（No such file or directory）"),
        ("sources/sim", "目前 <b>1%</b> 的笔记填有此字段，通常为 9%"),
        ("", "已达到对方的频率限制"),
    ):
        answer = visitor.get(f"/console/{path}".rstrip("/"))
        assert told in answer.plain or html.escape(told) in answer.text, path
        assert "<b>1" not in answer.text
    assert "the peer&#39;s rate limit is reached" in people["operator", "en"].get("/console/sources").text


def test_why_a_batch_is_not_complete_is_told_in_chinese(
    server: Running, people: Mapping[tuple[str, str], Visitor]
) -> None:
    """Each source with its own reason; and the cap that was reached."""
    visitor = people["operator", "zh"]
    capped = visitor.post("/console/batches", {"creators": COLLECTED, "most_pages": "1"})
    path = capped.headers["location"].partition("?")[0]
    eventually(lambda: "批次的上限 1 次调用已用完" in visitor.get(path).plain, True, within=30)
    assert visitor.post("/console/sources/sim/pause", {}).status == 303
    eventually(lambda: server.page(NOBODY, Cache_Control="no-cache").code, 301)
    failing = visitor.post("/console/batches", {"creators": NOBODY})
    path = failing.headers["location"].partition("?")[0]
    eventually(
        lambda: "采集失败，请重试。（sim：已暂停，等待管理员恢复；folder：" in visitor.get(path).plain, True, within=30
    )
    assert "(sim: paused until the operator resumes it; folder: " in people["operator", "en"].get(path).plain
    assert visitor.post("/console/sources/sim/resume", {}).status == 303
