"""Every business code that can be reached, in both modes of HTTP statuses, and the order in which calls are refused."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from running import SIMULATOR, V4_PATH, Answer, Running, run_hongshu, start_server

KNOWN = "5c2f338a000000000701e1c6"
UNKNOWN = "5c2f338a000000000701e1c7"
NOTE = "63f1a2b3000000001203c4d5"
KEYS = {"code", "message", "recordTime", "requestId", "data"}
MAPPED = {0: 200, 100: 401, 301: 503, 400: 400, 600: 403, 601: 403}
MODES = ["always-200", "mapped"]
SAYS = {
    100: "Pass a valid token",
    301: "Please Retry",
    400: "pass the 24 hex digits",
    600: "ask the operator",
    601: "Ask the operator for a top-up",
}


class Desk:
    """A server that knows one creator of one note, with accounts and tokens in every state."""

    def __init__(self, folder: Path, mode: str) -> None:
        captures = folder / "captures"
        captures.mkdir()
        note = {"id": NOTE, "title": "a note", "create_time": 1_700_000_000, "user": {"userid": KNOWN}}
        (captures / "page.json").write_text(json.dumps({"code": 0, "data": {"notes": [note], "has_more": False}}))
        source = f"[[source]]\nname = 'captured'\nkind = 'replay'\nfolder = '{captures}'\n"
        self.server = start_server(folder / "data", f'[server]\nhttp_status = "{mode}"\n{source}')
        self.token = self.server.token
        self.poor = self.secret_of_new_account("poor", 9)
        self.expired = self.secret("test", "--expires", "2020-01-01")
        made = self.made("test")
        self.cli("token", "revoke", made["id"])
        self.revoked = str(made["token"])

    def cli(self, *arguments: str) -> str:
        done = self.server.cli(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def made(self, account: str, *options: str) -> dict[str, Any]:
        return dict(json.loads(self.cli("token", "create", "--account", account, *options, "--json")))

    def secret(self, account: str, *options: str) -> str:
        return str(self.made(account, *options)["token"])

    def secret_of_new_account(self, name: str, balance: int) -> str:
        self.cli("account", "create", name, "--balance", str(balance))
        return self.secret(name)

    def balances(self) -> dict[str, int]:
        return {row["name"]: row["balance"] for row in json.loads(self.cli("account", "list", "--json"))}

    def ask(self, query: str, **headers: str) -> Answer:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.server.get(f"{V4_PATH}?{query}", headers=given)

    def page(self, **parameters: str) -> Answer:
        return self.ask(urlencode({"token": self.token, "userId": KNOWN, **parameters}))

    def code(self, query: str, **headers: str) -> int:
        return self.ask(query, **headers).code


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Desk]]:
    """One server for each mode of HTTP statuses."""
    opened: dict[str, Desk] = {}

    def desk_of(mode: str) -> Desk:
        if mode not in opened:
            opened[mode] = Desk(tmp_path_factory.mktemp(mode), mode)
        return opened[mode]

    yield desk_of
    for one in opened.values():
        one.server.stop()


@pytest.fixture
def desk(desks: Callable[[str], Desk]) -> Desk:
    """The server in the mode that is the default."""
    return desks("always-200")


def without_its_id(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """What is left of an answer once its request id and its date are taken out."""
    headers = [(name, text) for name, text in answer.headers.items() if name not in {"x-request-id", "date"}]
    return answer.status, headers, answer.raw.replace(answer.body["requestId"].encode(), b"ID")


def with_two_headers(server: Running, query: str, name: str, values: list[str]) -> int:
    """The code of a call that carries a header several times."""
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    connection.putrequest("GET", f"{V4_PATH}?{query}")
    for value in values:
        connection.putheader(name, value)
    connection.endheaders()
    code = json.loads(connection.getresponse().read())["code"]
    connection.close()
    return int(code)


@pytest.mark.parametrize("mode", MODES)
def test_every_code_has_its_status_five_keys_and_a_way_out_and_only_a_success_is_charged(
    desks: Callable[[str], Desk], mode: str
) -> None:
    """A refusal is an envelope that says what to do next, with its request id in the header too, and costs nothing."""
    desk = desks(mode)
    calls = {
        100: f"token=nonsense&userId={KNOWN}",
        301: f"token={desk.token}&userId={UNKNOWN}",
        400: f"token={desk.token}&userId=nobody-at-all!",
        601: f"token={desk.poor}&userId={KNOWN}",
    }
    before = desk.balances()
    for code, query in calls.items():
        answer = desk.ask(query)
        assert answer.code == code
        assert answer.status == (200 if mode == "always-200" else MAPPED[code])
        assert set(answer.body) == KEYS
        assert (answer.body["data"], answer.body["recordTime"]) == (None, None)
        assert SAYS[code] in answer.body["message"]
        assert answer.headers["X-Request-Id"] == answer.body["requestId"] != ""
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert (answer.headers["Retry-After"] is not None) == (code == 301)
        assert "X-Hongshu-Cost" not in answer.headers
    assert desk.balances() == before

    answer = desk.page()
    assert (answer.code, answer.status, set(answer.body)) == (0, 200, KEYS)
    assert answer.body["message"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.body["recordTime"])
    assert answer.headers["X-Request-Id"] == answer.body["requestId"]
    assert desk.balances() == {**before, "test": before["test"] - 10}


@pytest.mark.parametrize("mode", MODES)
def test_a_suspended_account_gets_600_before_its_parameters_are_looked_at(
    serve: Callable[..., Running], mode: str
) -> None:
    """600 comes after 100 and before 400; it is the account's own, so a bad token still says 100."""
    server = serve(f'[server]\nhttp_status = "{mode}"\n{SIMULATOR}')
    if server.cli("account", "suspend", "test").returncode != 0:
        pytest.skip("this version has one scope and cannot suspend an account, so 600 cannot be reached")
    answer = server.page("nobody-at-all!")
    assert (answer.code, answer.status) == (600, 200 if mode == "always-200" else MAPPED[600])
    assert SAYS[600] in answer.body["message"]
    assert set(answer.body) == KEYS
    assert server.page(KNOWN, token="nonsense").code == 100


def test_a_call_wrong_in_several_ways_gets_the_first_refusal_in_the_contracts_order(desk: Desk) -> None:
    """100 before 400 before 601 before the source."""
    before = desk.balances()
    assert desk.code("token=nonsense") == 100
    assert desk.code(f"token={desk.expired}&userId=nobody-at-all!&lastCursor=x") == 100
    assert desk.code(f"token=nonsense&userId={KNOWN}&userId={KNOWN}") == 100
    assert desk.code(f"token={desk.poor}") == 400
    assert desk.code(f"token={desk.poor}&userId={UNKNOWN}&lastCursor=x") == 400
    assert desk.code(f"token={desk.poor}&userId={UNKNOWN}") == 601
    assert desk.code(f"token={desk.poor}&userId={UNKNOWN}", Cache_Control="only-if-cached") == 601
    assert desk.code(f"token={desk.token}&userId={UNKNOWN}") == 301
    assert desk.balances() == before


def test_a_page_at_hand_is_not_handed_to_an_account_that_cannot_pay_for_it(desk: Desk) -> None:
    """A stored page costs its price too."""
    token = desk.secret_of_new_account("frugal", 9)
    assert desk.page().code == 0
    assert desk.page(token=token).code == 601
    desk.cli("account", "topup", "frugal", "1", "--reference", "one more")
    assert desk.page(token=token).code == 0
    assert desk.balances()["frugal"] == 0


def test_missing_unknown_malformed_revoked_and_expired_tokens_get_one_and_the_same_answer(
    desk: Desk, tmp_path: Path
) -> None:
    """Whoever has no valid token learns nothing: the answers differ in nothing but the request id."""
    run_hongshu("account", "create", "other", data_dir=tmp_path)
    made = run_hongshu("token", "create", "--account", "other", "--json", data_dir=tmp_path)
    unknown = json.loads(made.stdout)["token"]
    operator = json.loads(desk.cli("operator", "create", "boss", "--json"))["token"]
    bad = [
        *("", "x", unknown, desk.revoked, desk.expired, operator, desk.token.swapcase(), f" {desk.token}"),
        *(f"{desk.token}\n", f"{desk.token}\0", desk.token[:-1], desk.token + "x", "令牌", "'; --", "hs_", "x" * 5000),
    ]
    expected = without_its_id(desk.ask(f"userId={KNOWN}"))
    assert json.loads(expected[2])["code"] == 100
    for token in bad:
        assert without_its_id(desk.page(token=token)) == expected, token
        assert without_its_id(desk.ask(f"token={quote(token)}&userId=!&userId=!&lastCursor=!")) == expected, token
    for token in (unknown, desk.revoked, desk.expired, operator, "", "x"):
        assert without_its_id(desk.ask(f"userId={KNOWN}", Authorization=f"Bearer {token}")) == expected
    assert without_its_id(desk.ask(f"userId={KNOWN}", Authorization=f"Basic {desk.token}")) == expected


def test_a_token_given_twice_is_400_and_says_nothing_about_either(desk: Desk) -> None:
    """Repeated, under an encoded name, or in query and header: refused before any look-up, valid or not."""
    expected = without_its_id(desk.ask("token=a&token=b"))
    assert json.loads(expected[2])["code"] == 400
    before = desk.balances()
    for one in (desk.token, "nonsense", ""):
        for other in (desk.token, desk.revoked, "nonsense", ""):
            for second in ("token", "%74oken", "t%6Fken", "%74%6f%6b%65%6e"):
                twice = f"token={one}&userId={KNOWN}&{second}={other}"
                assert without_its_id(desk.ask(twice)) == expected, twice
            if other:
                both = desk.ask(f"token={one}&userId={KNOWN}", Authorization=f"Bearer {other}")
                assert without_its_id(both) == expected
    bearers = [f"Bearer {desk.token}", f"Bearer {desk.token}"]
    assert with_two_headers(desk.server, f"userId={KNOWN}", "Authorization", bearers) == 400
    assert desk.balances() == before


def test_a_token_in_the_authorization_header_works_like_one_in_the_query(desk: Desk) -> None:
    """The scheme's name is read in any case; other schemes are none of ours."""
    query = f"userId={KNOWN}"
    for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
        assert desk.code(query, Authorization=f"{scheme} {desk.token}") == 0
    assert desk.code(f"%74oken={desk.token}&{query}") == 0
    assert desk.code(f"token={desk.token}&{query}", Authorization="Basic dXNlcjpwYXNz") == 0


@pytest.mark.parametrize("name", ["userId", "lastCursor"])
def test_a_known_parameter_given_twice_is_400_whatever_it_says(desk: Desk, name: str) -> None:
    """The decoded name counts, equal values do not help, and a repeated unknown parameter does not hurt."""
    value = {"userId": KNOWN, "lastCursor": ""}[name]
    encoded = f"%{ord(name[0]):02x}{name[1:]}"
    rest = f"token={desk.token}" + ("" if name == "userId" else f"&userId={KNOWN}")
    for second in (name, encoded, encoded.replace("%", "%25")):
        answer = desk.ask(f"{rest}&{name}={value}&{second}={value}")
        assert answer.code == (0 if "%25" in second else 400), second
        if answer.code:
            assert name in answer.body["message"]
    assert desk.code(f"{rest}&{encoded}={value}") == 0


def test_unknown_parameters_are_ignored(desk: Desk) -> None:
    """What we do not know, repeated, without a value or of odd signs, changes nothing."""
    query = f"token={desk.token}&userId={KNOWN}"
    for more in ("pageSize=5", "x=1&x=2", "x", "=", "&&&", "%ff=%fe", "a[]=1", "Token=x&USERID=y", "cursor=zzz"):
        assert desk.code(f"{query}&{more}") == 0, more
        assert desk.code(f"{more}&{query}") == 0, more
    assert desk.code(f"token={desk.token}&userid={KNOWN}") == 400


def test_absent_empty_and_zero_cursors_ask_for_the_first_page(desk: Desk) -> None:
    """All three get the same notes; a cursor of 24 hex digits gets what comes after it."""
    first = desk.page().body["data"]
    assert [note["id"] for note in first["notes"]] == [NOTE]
    for cursor in ("", "0"):
        assert desk.page(lastCursor=cursor).body["data"] == first
    assert desk.ask(f"token={desk.token}&userId={KNOWN}&lastCursor").body["data"] == first
    assert desk.page(lastCursor=NOTE).body["data"]["notes"] == []


NO_CURSORS = ["00", "1", "-1", "null", "undefined", " ", "0 ", NOTE.upper(), NOTE + "0", NOTE[:-1], f"{NOTE}\n", "零"]


@pytest.mark.parametrize("cursor", NO_CURSORS)
def test_a_cursor_that_is_none_is_400(simulated: Running, cursor: str) -> None:
    """The message names the parameter and says what to pass."""
    answer = simulated.page(KNOWN, cursor)
    assert answer.code == 400
    assert "lastCursor must be the cursor of the last note" in answer.body["message"]


@pytest.mark.parametrize(
    "link",
    [
        "https://www.xiaohongshu.com/user/profile/{}",
        "https://www.xiaohongshu.com/user/profile/{}?xsec_token=ABC%3D&xsec_source=pc_note&m_source=pwa",
        "https://xiaohongshu.com/user/profile/{}/?a=b#c",
        "http://www.rednote.com/user/profile/{}#top",
        "https://m.rednote.com/user/profile/{}/collect",
        "https://WWW.XiaoHongShu.com:443/user/profile/{}",
        "www.xiaohongshu.com/user/profile/{}",
        "https://www.xiaohongshu.com/en/user/profile/{}",
    ],
)
def test_a_profile_link_is_as_good_as_the_id_in_it(simulated: Running, link: str) -> None:
    """Whatever trails the id, and with or without a scheme."""
    by_link = simulated.page(link.format(KNOWN))
    assert by_link.code == 0, by_link.body["message"]
    assert [note["id"] for note in by_link.notes] == [note["id"] for note in simulated.page(KNOWN).notes]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("", "userId is missing"),
        ("https://xhslink.com/a/bcDEfg", "short link"),
        ("http://xhslink.com/bcDEfg", "short link"),
        ("9482137650", "小红书号"),
        ("some_body.88", "小红书号"),
        (KNOWN.upper(), "lower-case"),
        (f" {KNOWN}", "spaces"),
        (f"{KNOWN}\n", "spaces"),
        (KNOWN + "a", "neither"),
        ("小红薯", "neither"),
        (f"https://www.xiaohongshu.com/explore/{KNOWN}", "no profile"),
        (f"https://evil.example/user/profile/{KNOWN}", "neither"),
        (f"https://notxiaohongshu.com/user/profile/{KNOWN}", "neither"),
        (f"https://xiaohongshu.com.evil.example/user/profile/{KNOWN}", "neither"),
        (f"https://xiaohongshu.com@evil.example/user/profile/{KNOWN}", "neither"),
        (f"https://evil.example/?u=https://www.xiaohongshu.com/user/profile/{KNOWN}", "neither"),
        (f"ftp://www.xiaohongshu.com/user/profile/{KNOWN}", "neither"),
        (f"https://www.xiaohongshu.com/?u=/user/profile/{KNOWN}", "no profile"),
        ("https://[::1/user/profile/", "neither"),
    ],
)
def test_a_user_that_is_no_id_and_no_profile_link_is_400_and_says_what_to_pass(
    simulated: Running, user: str, said: str
) -> None:
    """Short links and RED ids are told apart, and the message ends with what is wanted."""
    answer = simulated.page(user)
    assert answer.code == 400
    assert said in answer.body["message"]
    assert "pass the 24 hex digits of the user id" in answer.body["message"]
