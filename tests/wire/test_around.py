"""What surrounds the endpoint: signs of life, addresses that are none, other methods, browsers, HTTP's own words."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable

import pytest

from running import SIMULATOR, V4_PATH, Answer, Running

KEYS = {"code", "message", "recordTime", "requestId", "data"}
MODES = ["always-200", "mapped"]
ORIGIN = "https://app.example"


def asked(server: Running, method: str, path: str, *, body: bytes | None = None, **headers: str) -> Answer:
    """Send one request of any method."""
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, path, body=body, headers=given)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def of_the_page(server: Running, user: str) -> str:
    return f"{V4_PATH}?token={server.token}&userId={user}"


def test_ping_answers_in_the_envelope_without_a_token_and_touches_nothing(serve: Callable[..., Running]) -> None:
    """`pong`, with its request id in body and header, whatever else stands in the request."""
    server = serve("")
    before = server.balance()
    for path in ("/ping", "/ping?token=nonsense", f"/ping?token={server.token}&token={server.token}"):
        answer = server.get(path)
        assert answer.status == 200
        request_id = answer.headers["X-Request-Id"]
        pong = {"code": 0, "message": None, "recordTime": None, "requestId": request_id, "data": "pong"}
        assert answer.body == pong
    assert server.balance() == before


def test_a_server_without_a_source_is_alive_and_not_ready(serve: Callable[..., Running]) -> None:
    """Health is about the process, readiness about store, money and at least one source."""
    server = serve("")
    assert server.get("/healthz").status == 200
    ready = server.get("/readyz")
    assert (ready.status, ready.body["ready"]) == (503, False)
    assert ready.body["checks"] == {"store": True, "money": True, "source": False}
    assert server.page("5c2f338a000000000701e1c6").code == 301


def test_a_server_with_a_source_is_ready_and_says_where_its_endpoint_stands(simulated: Running) -> None:
    """The front page leads to the endpoint and its documents, all of which are there."""
    ready = simulated.get("/readyz")
    assert (ready.status, ready.body["ready"]) == (200, True)
    front = simulated.get("/").body
    assert front["endpoint"] == simulated.address + V4_PATH
    assert len(front["openapi"]) == 2
    for address in front["openapi"]:
        assert simulated.get(address.removeprefix(simulated.address)).status == 200


@pytest.mark.parametrize("mode", MODES)
def test_what_is_nowhere_or_takes_another_method_keeps_its_own_status(serve: Callable[..., Running], mode: str) -> None:
    """404, 405 and 413 are envelopes with code 400 in both modes, and nothing redirects."""
    server = serve(f'[server]\nhttp_status = "{mode}"\n{SIMULATOR}')
    page = of_the_page(server, "5c2f338a000000000701e1c6")
    before = server.balance()
    nowhere = ["/nowhere", "/ping/", "//", f"{V4_PATH}/", V4_PATH.upper(), V4_PATH.replace("v4", "v3"), "/%2e%2e/etc"]
    answers = [(404, asked(server, "GET", path)) for path in nowhere]
    answers += [(405, asked(server, method, page)) for method in ("POST", "PUT", "TRACE", "DELETE", "PATCH", "OPTIONS")]
    answers += [(405, asked(server, "POST", path)) for path in ("/", "/ping", "/healthz", "/readyz")]
    answers += [(413, asked(server, "GET", page, Content_Length=str(2**20 + 1)))]
    for status, answer in answers:
        assert answer.status == status
        assert set(answer.body) == KEYS
        assert (answer.code, answer.body["data"], answer.body["recordTime"]) == (400, None, None)
        assert answer.headers["X-Request-Id"] == answer.body["requestId"]
        assert answer.body["message"]
        assert server.token not in answer.raw.decode()
        assert ("GET" in answer.headers.get("Allow", "")) == (status == 405)
    assert server.balance() == before


def test_head_on_the_endpoint_is_405_and_collects_nothing(simulated: Running) -> None:
    """A page is not charged for being asked about; around it, HEAD works as it does everywhere."""
    user = "5d00000000000000000000a1"
    answer = asked(simulated, "HEAD", of_the_page(simulated, user))
    assert (answer.status, answer.headers["Allow"], answer.raw) == (405, "GET", b"")
    assert simulated.page(user).headers["X-Hongshu-Cache"] == "miss"
    for path in ("/", "/ping", "/healthz"):
        assert asked(simulated, "HEAD", path).status == 200
        assert asked(simulated, "POST", path).headers["Allow"] == "GET, HEAD"


def test_browsers_of_other_sites_are_kept_out_by_default(simulated: Running) -> None:
    """Without `cors_origins` no answer allows an origin, and a preflight is refused."""
    page = of_the_page(simulated, "5d00000000000000000000a2")
    answer = asked(simulated, "GET", page, Origin=ORIGIN)
    preflight = asked(simulated, "OPTIONS", page, Origin=ORIGIN, Access_Control_Request_Method="GET")
    assert (answer.code, preflight.status) == (0, 405)
    for one in (answer, preflight):
        assert [name for name in one.headers if name.lower().startswith("access-control-")] == []


def test_named_origins_may_call_the_endpoint_from_a_browser(serve: Callable[..., Running]) -> None:
    """Success, refusal and preflight allow exactly the origin that asks, and only if it is listed."""
    server = serve(f'[server]\ncors_origins = ["{ORIGIN}", "http://localhost:3000"]\n{SIMULATOR}')
    page = of_the_page(server, "5d00000000000000000000a3")
    wish = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    for origin in (ORIGIN, "http://localhost:3000"):
        success, refusal = asked(server, "GET", page, Origin=origin), asked(server, "GET", V4_PATH, Origin=origin)
        preflight = asked(server, "OPTIONS", V4_PATH, Origin=origin, **wish)
        assert (success.code, refusal.code, preflight.status) == (0, 100, 204)
        for answer in (success, refusal, preflight):
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Vary"] == "Origin"
        assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        assert "X-Request-Id" in success.headers["Access-Control-Expose-Headers"]
    for origin in ("https://evil.example", "null", "", f"{ORIGIN}.evil.example", ORIGIN.upper()):
        for answer in (asked(server, "GET", page, Origin=origin), asked(server, "OPTIONS", V4_PATH, Origin=origin)):
            assert answer.headers["Access-Control-Allow-Origin"] is None
    assert asked(server, "GET", "/ping", Origin=ORIGIN).headers["Access-Control-Allow-Origin"] is None


def test_the_second_call_is_a_hit_that_says_how_old_it_is(simulated: Running) -> None:
    """Same notes and same recordTime, from the store, with the seconds since then in `Age`."""
    user = "5d00000000000000000000a4"
    first = simulated.page(user)
    time.sleep(1.1)
    second = simulated.page(user)
    assert [answer.headers["X-Hongshu-Cache"] for answer in (first, second)] == ["miss", "hit"]
    assert first.headers["Age"] == "0"
    assert 1 <= int(second.headers["Age"]) < 60
    assert second.body["recordTime"] == first.body["recordTime"]
    assert second.notes == first.notes
    assert second.body["requestId"] != first.body["requestId"]
    for answer in (first, second):
        assert answer.headers["X-Hongshu-Source"] == "sim"
        assert answer.headers["X-Hongshu-Cost"] == "10"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Length"] == str(len(answer.raw))


def test_the_callers_cache_control_says_how_fresh_the_page_must_be(simulated: Running) -> None:
    """`no-cache` and `max-age=0` collect afresh; a larger age, or what is not known, takes what is stored."""
    user = "5d00000000000000000000a5"
    assert simulated.page(user).headers["X-Hongshu-Cache"] == "miss"
    time.sleep(1.1)
    known = ["max-age=1000", "MAX-AGE=1000", "only-if-cached", "max-age=1000, only-if-cached"]
    for said in [*known, "no-store", "max-age=x", "max-age=-1", ""]:
        assert simulated.page(user, Cache_Control=said).headers["X-Hongshu-Cache"] == "hit", said
    for said in ("no-cache", "No-Cache", "max-age=1000 , no-cache"):
        assert simulated.page(user, Cache_Control=said).headers["X-Hongshu-Cache"] == "miss", said
    time.sleep(1.1)
    for said in ("max-age=0", "max-age=1", "max-age=1000, max-age=1"):
        assert simulated.page(user, Cache_Control=said).headers["X-Hongshu-Cache"] == "miss", said
        time.sleep(1.1)


def test_cache_control_in_two_headers_counts_as_one(simulated: Running) -> None:
    """RFC 9110 5.3: a field that comes twice is the list of both."""
    user = "5d00000000000000000000a6"
    assert simulated.page(user).code == 0
    host = simulated.address.removeprefix("http://")
    for values in (("no-cache", "max-age=1000"), ("max-age=1000", "no-cache")):
        with contextlib.closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.putrequest("GET", of_the_page(simulated, user))
            for value in values:
                connection.putheader("Cache-Control", value)
            connection.endheaders()
            response = connection.getresponse()
            assert json.loads(response.read())["code"] == 0
            assert response.headers["X-Hongshu-Cache"] == "miss", values


def test_only_if_cached_never_collects_and_costs_nothing_where_nothing_is_stored(simulated: Running) -> None:
    """301 for what is not stored or too old; the next plain call finds nothing collected."""
    user = "5d00000000000000000000a7"
    before = simulated.balance()
    for said in ("only-if-cached", "only-if-cached, max-age=1000", "only-if-cached, no-cache"):
        answer = simulated.page(user, Cache_Control=said)
        assert (answer.code, answer.body["data"]) == (301, None)
        assert "only-if-cached" in answer.body["message"]
    assert simulated.balance() == before
    assert simulated.page(user).headers["X-Hongshu-Cache"] == "miss"
    assert simulated.page(user, Cache_Control="only-if-cached").headers["X-Hongshu-Cache"] == "hit"
    assert simulated.page(user, Cache_Control="only-if-cached, no-cache").code == 301
