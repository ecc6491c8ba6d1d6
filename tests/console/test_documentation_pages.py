"""The endpoint's documentation: generated, so that it cannot disagree with the server; public; usable as it is."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import expect

import hostile
from console.visiting import Answered, Visitor
from hongshu.errors import BY_CODE
from hongshu.server.documentation import contract, words
from hongshu.server.documentation.samples import sample_answer, samples
from reports.photographs import browsing
from running import SIMULATOR, V4_PATH, Running

DOCUMENT = "/openapi/xiaohongshu-apis/user-published-notes-v4-{}.json"


def page(server: Running, query: str = "", **headers: str) -> Answered:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return Visitor(server.address).get(f"/docs{query}", given)


def document(server: Running, lang: str = "en") -> dict[str, Any]:
    return dict(server.get(DOCUMENT.format(lang)).body)


def copied(answer: Answered, label: str) -> str:
    found = re.search(rf'aria-label="{re.escape(label)}"><code>(.*?)</code>', answer.text, re.DOTALL)
    assert found, label
    return html.unescape(found[1])


def test_everybody_may_read_it_under_the_consoles_policy(simulated: Running) -> None:
    """No session and no token; one heading of the first order; no script or style stands in the page."""
    answer = page(simulated)
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert len(re.findall("<h1", answer.text)) == 1
    assert not re.search(r"<script(?![^>]*src)|<style|\sstyle=|\son[a-z]+=", answer.text)
    assert "hs_" not in re.sub("hs_…", "", answer.text)


def test_the_language_is_asked_for_kept_or_preferred(simulated: Running) -> None:
    """`?lang=` goes before the console's cookie, that before the browser's wish; nonsense is as nothing."""
    assert 'lang="zh-CN"' in page(simulated, "?lang=zh").text
    assert 'lang="en"' in page(simulated, "?lang=en", accept_language="zh").text
    assert 'lang="zh-CN"' in page(simulated, accept_language="zh-CN,en;q=0.5").text
    assert 'lang="zh-CN"' in page(simulated, cookie="hongshu_lang=zh").text
    assert 'lang="en"' in page(simulated, "?lang=en", cookie="hongshu_lang=zh").text
    assert 'lang="en"' in page(simulated, "?lang=zz%3Cscript%3E", accept_language="fr").text


def test_a_language_chosen_at_the_console_holds_here_too(simulated: Running) -> None:
    """The cookie is sent to both."""
    visitor = Visitor(simulated.address)
    sent = visitor.send("/console/language", {"lang": "zh", "back": ""})
    assert sent.status == 303
    assert "Path=/;" in sent.headers["set-cookie"] + ";"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_parameter_header_and_field_of_the_document_is_told(simulated: Running, lang: str) -> None:
    """Names and words are those of the OpenAPI document, in its language."""
    told, plain = document(simulated, lang), html.unescape(page(simulated, f"?lang={lang}").text)
    operation = told["paths"][V4_PATH]["get"]
    bare = re.sub(r"</?code[^>]*>", "`", plain)
    for one in operation["parameters"]:
        assert f"`{one['name']}`" in bare
        assert one["description"] in bare
        assert one["schema"].get("pattern", "") in plain
    for name, header in operation["responses"]["200"]["headers"].items():
        assert f"`{name}`" in bare
        assert header["description"] in bare
    for schema in told["components"]["schemas"].values():
        for name, member in schema["properties"].items():
            assert f">{name}</code>" in plain
            assert member.get("description", "") in plain


@pytest.mark.parametrize("mode", ["always-200", "mapped"])
def test_every_code_is_told_with_this_servers_http_status(serve: Callable[..., Running], mode: str) -> None:
    """The table says what this server does, mapped or not."""
    server = serve(f'[server]\nhttp_status = "{mode}"\n{SIMULATOR}')
    text = page(server).text
    for code, error in BY_CODE.items():
        row = re.search(rf'<tr id="code-{code}">(.*?)</tr>', text, re.DOTALL)
        assert row, code
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row[1], re.DOTALL)
        assert cells[0] == str(code)
        assert cells[3] == str(200 if mode == "always-200" else error.http_status)
        assert cells[4] == "no"
        assert cells[5].startswith("yes" if error.retryable else "no")
    assert server.page("5c2f338a000000000701e1c6", token="x").status == (200 if mode == "always-200" else 401)


def test_the_sample_answer_is_one_that_this_server_could_give(simulated: Running) -> None:
    """It is valid against the schema that is served, and stands on the page as it is."""
    told = document(simulated)
    validator = Draft202012Validator({"$ref": "#/components/schemas/Result", "components": told["components"]})
    shown = json.loads(copied(page(simulated), "A sample answer"))
    validator.validate(shown)
    assert shown == json.loads(sample_answer())
    assert shown["data"]["notes"]
    known = told["components"]["schemas"]["NoteBody"]["properties"]
    assert set(shown["data"]["notes"][0]) - {"simulated"} <= set(known)


def test_prices_and_limits_are_those_of_the_installation(serve: Callable[..., Running]) -> None:
    """What the settings say stands in the sentences, in both languages and in the prompt."""
    server = serve(
        "[metering]\nprice = 1234\ncached_price = 7\n[limits]\nrate_per_minute = 321\nburst = 45\ndaily_quota = 6789\n"
        "[cache]\npage_size = 13\nmax_age = 99\n" + SIMULATOR
    )
    english, chinese = page(server), page(server, "?lang=zh")
    for text in (english.plain, copied(english, "Prompt for AI assistants")):
        assert "A page that is collected costs 1,234 credits, a page from the store 7." in text
        assert "321 calls a minute, 45 at once, and 6,789 a day" in text
        assert "up to 13 notes" in text
        assert "at most 99 seconds old" in text
    assert "采集一页 1,234 积分，由存储返回一页 7 积分" in chinese.plain


def test_samples_and_prompt_hold_the_servers_own_address(serve: Callable[..., Running]) -> None:
    """The address is the public one where the settings name it; six languages, each whole."""
    server = serve('[server]\npublic_url = "https://notes.example"\n' + SIMULATOR)
    answer = page(server)
    for one in samples("https://notes.example"):
        assert copied(answer, one.language).strip() == one.text.strip()
        assert one.text.count("https://notes.example") == 1
    told = copied(answer, "Prompt for AI assistants")
    assert f"GET https://notes.example{V4_PATH}" in told
    assert "https://notes.example/openapi/" in told
    for code in BY_CODE:
        assert f"- {code}: " in told
    assert "127.0.0.1" not in answer.plain


def test_a_hostile_host_header_stays_text(simulated: Running) -> None:
    """What a caller writes is never a part of the page's own code."""
    answer = page(simulated, host='x"><script>alert(1)</script>')
    assert "<script>alert" not in answer.text


def test_the_documents_and_the_front_page_lead_here_and_back(simulated: Running) -> None:
    """Links lead somewhere."""
    assert simulated.get("/").body["docs"] == f"{simulated.address}/docs"
    answer = page(simulated)
    for path in set(re.findall(r'(?:href|src)="(/[^"#]*)"', answer.text)) - {"/console"}:
        assert Visitor(simulated.address).get(path).status == 200, path
    for anchor in re.findall(r'href="#([^"]+)"', answer.text):
        assert f'id="{anchor}"' in answer.text


def test_every_sentence_is_translated(simulated: Running) -> None:
    """The words of the codes and the rules, and what templates say, are known in Chinese."""
    told = [sentence for one in contract.codes("mapped") for sentence in (one.name, one.next) if sentence]
    told += [one.retry for one in contract.codes("mapped") if one.retry not in {"–", "yes", "no"}]
    told += [*words.RULES, *(sentence for sentences in words.RULES.values() for sentence in sentences)]
    assert [one for one in told if one not in words.CHINESE] == []
    plain = page(simulated, "?lang=zh").plain
    for english in ("Parameters", "May a retry help", "Try it", "On this page", "Copy "):
        assert english not in plain


def test_a_call_can_be_tried_and_the_token_is_kept_nowhere(simulated: Running) -> None:
    """The page's script calls the endpoint, shows what came, pages on; the token is in no address and no storage."""
    with browsing() as browser:
        tab = browser.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda said: wrong.append(said.text))
        tab.goto(f"{simulated.address}/docs")
        tab.fill("#try-token", simulated.token)
        tab.click("#try button.main")
        tab.wait_for_selector("#try-next:visible")
        body = json.loads(tab.inner_text("#try-answer .copied code"))
        assert body["code"] == 0
        assert "X-Hongshu-Cost" in tab.inner_text("#try-headers")
        tab.click("#try-next")
        expect(tab.locator("#try-said")).to_have_text(re.compile(r"^0 "))
        assert tab.input_value("#try-cursor") == body["data"]["notes"][-1]["cursor"]
        assert simulated.token not in tab.inner_text("body")
        assert "$TOKEN" in tab.inner_text("#try-it .copied")
        tab.fill("#try-token", "nonsense")
        tab.press("#try-token", "Enter")
        expect(tab.locator("#try-said")).to_have_text(re.compile(r"^100 "))
        assert tab.evaluate("localStorage.length + sessionStorage.length") == 0
        assert tab.evaluate("document.cookie") == ""
        assert [one for one in asked if simulated.token in one or "nonsense" in one] == []
        assert tab.url == f"{simulated.address}/docs"
        assert wrong == []


def test_what_a_tried_call_brings_runs_nothing(serve: Callable[..., Running], tmp_path: Path) -> None:
    """P4 of PROMISES: the corpus of hostile texts as titles, shown by the page's script as the text that they are."""
    user = "5c2f338a000000000701e1c6"
    notes = [
        {"id": f"{0x63F1A2B3 - number:08x}0000000000000001", "title": text, "user": {"userid": user, "nickname": text}}
        for number, text in enumerate(hostile.SHORT)
    ]
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "page.json").write_bytes(
        hostile.as_json({"code": 0, "data": {"notes": notes, "has_more": False}})
    )
    source = f'[[source]]\nname = "captured"\nkind = "replay"\nfolder = "{tmp_path}/captures"\n'
    server = serve(f"[cache]\npage_size = 500\n{source}")
    with browsing() as browser:
        tab = browser.new_page()
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(f"{server.address}/docs")
        tab.fill("#try-token", server.token)
        tab.fill("#try-user", user)
        tab.click("#try button.main")
        expect(tab.locator("#try-said")).to_have_text(re.compile(r"^0 "))
        body = json.loads(tab.text_content("#try-answer .copied code") or "")
        assert [note["title"] for note in body["data"]["notes"]] == [*map(hostile.kept, hostile.SHORT)]
        assert tab.evaluate("window.ran") is None
        assert [one for one in asked if not one.startswith(server.address)] == []
