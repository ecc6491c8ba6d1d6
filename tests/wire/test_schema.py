"""The served OpenAPI documents, and whether the server keeps to them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from jsonschema import Draft202012Validator

from running import SIMULATOR, V4_PATH, Answer, Running, start_server

DOCUMENT = "/openapi/xiaohongshu-apis/user-published-notes-v4-{}.json"
USER = "5c2f338a000000000701e1c6"
WORDS = {"description", "summary", "title"}
MODES = ["always-200", "mapped"]
OTHER_PARAMETERS = b"this Idempotency-Key was used with other parameters"
SEED = "20261123"
STATUSES = {"always-200": {"200", "503"}, "mapped": {"200", "400", "401", "403", "429", "500", "503"}}


@pytest.fixture(scope="module")
def simulated_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """One server of simulated creators for each mode of HTTP statuses."""
    started: dict[str, Running] = {}

    def start(mode: str) -> Running:
        if mode not in started:
            config = f'[server]\nhttp_status = "{mode}"\n{SIMULATOR}'
            started[mode] = start_server(tmp_path_factory.mktemp(mode) / "data", config, balance=10**9)
        return started[mode]

    yield start
    for server in started.values():
        server.stop()


def served(server: Running, lang: str = "en") -> dict[str, Any]:
    answer = server.get(DOCUMENT.format(lang))
    assert answer.status == 200
    return dict(answer.body)


def without_words(given: Any) -> Any:
    """What is left of a document when all that is said in a language is taken out."""
    if isinstance(given, list):
        return [without_words(one) for one in given]
    if isinstance(given, dict):
        return {name: without_words(value) for name, value in given.items() if not is_words(name, value)}
    return given


def is_words(name: str, value: object) -> bool:
    return name in WORDS and isinstance(value, str)


def result_validator(document: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({"$ref": "#/components/schemas/Result", "components": document["components"]})


def content(response: dict[str, Any]) -> bytes:
    return base64.b64decode((response.get("content") or {}).get("$base64") or "")


def cases_of_schemathesis(server: Running, config: Path) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Run schemathesis with every check; yield each case's method, status and complaints."""
    config.write_text(f'[parameters]\n"query.token" = "{server.token}"\n', encoding="utf-8")
    report = config.with_name("report.ndjson")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color", "--config-file", str(config), "run"),
            *(server.address + DOCUMENT.format("en"), "--checks", "all", "--max-examples", "250", "--seed", SEED),
            *("--continue-on-failure", "--report", "ndjson", "--report-ndjson-path", str(report)),
        ],
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    for line in report.read_text(encoding="utf-8").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case, interaction in recorder.get("interactions", {}).items():
            complaints = {one["name"]: one for one in recorder["checks"].get(case, []) if one["status"] != "success"}
            if OTHER_PARAMETERS in content(interaction["response"]):
                complaints.pop("positive_data_acceptance", None)  # no schema can say that a key is for one question
            yield interaction["request"]["method"], interaction["response"]["status_code"], complaints


def test_schemathesis_finds_nothing_where_codes_are_mapped(
    simulated_in: Callable[[str], Running], tmp_path: Path
) -> None:
    """Valid requests succeed, invalid ones are refused with 4xx, other methods with 405, all as documented."""
    found = list(cases_of_schemathesis(simulated_in("mapped"), tmp_path / "schemathesis.toml"))
    assert [complaints for _, _, complaints in found if complaints] == []
    statuses = Counter(status for _, status, _ in found)
    assert statuses[200] > 50
    assert statuses[400] > 20
    assert statuses[405] >= 5
    assert set(statuses) == {200, 400, 405}


def test_schemathesis_misses_nothing_but_a_4xx_where_every_code_is_200(
    simulated_in: Callable[[str], Running], tmp_path: Path
) -> None:
    """By default the code stands in the body, so its wish for a rejecting status is the only complaint allowed."""
    found = list(cases_of_schemathesis(simulated_in("always-200"), tmp_path / "schemathesis.toml"))
    assert {name for _, _, complaints in found for name in complaints} == {"negative_data_rejection"}
    assert {status for method, status, _ in found if method == "GET"} == {200}
    assert {status for method, status, _ in found if method != "GET"} == {405}


@pytest.mark.parametrize("mode", MODES)
def test_the_documents_are_valid_openapi_and_alike_in_both_languages(
    simulated_in: Callable[[str], Running], mode: str
) -> None:
    """English and Chinese differ in words only, list the statuses of the mode and name this server's address."""
    server = simulated_in(mode)
    both = english, chinese = served(server, "en"), served(server, "zh")
    for document in both:
        openapi_spec_validator.validate(document)
        assert document["openapi"].startswith("3.1.")
        assert document["servers"] == [{"url": server.address}]
        assert set(document["paths"]) == {V4_PATH}
        operation = document["paths"][V4_PATH]["get"]
        assert set(operation["responses"]) == STATUSES[mode]
        assert set(re.findall(r"\| (\d{3}) \|", operation["description"])) <= STATUSES[mode]
    assert without_words(english) == without_words(chinese)
    assert english["info"]["title"] != chinese["info"]["title"]
    said = [[one["description"] for one in document["paths"][V4_PATH]["get"]["parameters"]] for document in both]
    assert [any("一" <= sign <= "鿿" for sign in words) for words in said[0]] == [False] * 5
    assert [any("一" <= sign <= "鿿" for sign in words) for words in said[1]] == [True] * 5


def test_the_documents_name_the_public_address_where_one_is_set(serve: Callable[..., Running]) -> None:
    """Behind a proxy the address is the one that callers see."""
    server = serve(f'[server]\npublic_url = "https://notes.example/"\n{SIMULATOR}')
    assert served(server)["servers"] == [{"url": "https://notes.example"}]


def refusals(serve: Callable[..., Running], mode: str, folder: Path) -> tuple[Running, list[Answer]]:
    """A server without pages, and one answer for each code that it can be made to give."""
    folder.mkdir()
    source = f"[[source]]\nname = 'captured'\nkind = 'replay'\nfolder = '{folder}'\n"
    server = serve(f'[server]\nhttp_status = "{mode}"\n{source}', name="refusing", balance=10)
    calls = {100: server.page(USER, token="x"), 301: server.page(USER), 400: server.page("!")}
    server.cli("account", "create", "poor")
    poor = json.loads(server.cli("token", "create", "--account", "poor", "--json").stdout)["token"]
    calls[601] = server.page(USER, token=poor)
    assert {code: answer.code for code, answer in calls.items()} == {code: code for code in calls}
    return server, [*calls.values(), server.get("/nowhere")]


@pytest.mark.parametrize("mode", MODES)
def test_answers_keep_to_our_schema_and_to_the_published_one(
    simulated_in: Callable[[str], Running], serve: Callable[..., Running], samples: Path, tmp_path: Path, mode: str
) -> None:
    """Successes of every kind of source, and each refusal, validate against both."""
    published = json.loads((samples / "justoneapi_openapi_user_note_list_v4.json").read_text(encoding="utf-8"))
    server, answers = refusals(serve, mode, tmp_path / "nothing")
    ours, theirs = result_validator(served(server)), result_validator(published)
    replay = f"[[source]]\nname = 'captured'\nkind = 'replay'\nfolder = '{samples}'\n"
    replaying = serve(f'[server]\nhttp_status = "{mode}"\n{replay}', name="replaying")
    for pages in (replaying, simulated_in(mode)):
        for user in json.loads(pages.cli("source", "list", "--json").stdout)[0]["creators"][:12]:
            answers += [pages.page(user), pages.page(user)]
    assert sum(answer.code == 0 for answer in answers) > 30
    assert {answer.code for answer in answers} == {0, 100, 301, 400, 601}
    for answer in answers:
        for validator in (ours, theirs):
            assert [error.message for error in validator.iter_errors(answer.body)] == [], answer.raw[:300]


def test_our_schema_refuses_what_is_no_answer(simulated: Running) -> None:
    """The document says something: a missing key, an unknown code or a note without its id does not validate."""
    ours = result_validator(served(simulated))
    good = simulated.page(USER).body
    assert ours.is_valid(good)
    note = good["data"]["notes"][0]
    wrong = [
        {name: value for name, value in good.items() if name != "recordTime"},
        {**good, "code": 7},
        {**good, "code": "0"},
        {**good, "data": {**good["data"], "notes": None}},
        {**good, "data": {**good["data"], "notes": [{**note, "id": None}]}},
        {**good, "data": {**good["data"], "notes": [{**note, "likes": "3.1万"}]}},
        {**good, "data": {**good["data"], "has_more": None}},
    ]
    assert [ours.is_valid(answer) for answer in wrong] == [False] * len(wrong)
