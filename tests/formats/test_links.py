"""Who is meant by a `userId`, and where a `lastCursor` points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.errors import InvalidParametersError
from hongshu.formats.links import creator_id, cursor_id

ID = "5ff0e6410000000001008400"
OTHER = "63b38c37000000001ed089f5"
PROFILE = f"/user/profile/{ID}"
HEX = st.text("0123456789abcdef", min_size=24, max_size=24)


def test_an_id_names_its_creator() -> None:
    """24 lower-case hex digits are taken as they are."""
    assert creator_id(ID) == ID


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.xiaohongshu.com{PROFILE}",
        f"https://xiaohongshu.com{PROFILE}",
        f"https://m.xiaohongshu.com{PROFILE}",
        f"https://www.rednote.com{PROFILE}",
        f"https://rednote.com{PROFILE}",
        f"https://a.b.rednote.com{PROFILE}",
        f"http://www.xiaohongshu.com{PROFILE}",
        f"HTTPS://WWW.XiaoHongShu.COM{PROFILE}",
        f"www.xiaohongshu.com{PROFILE}",
        f"xiaohongshu.com{PROFILE}",
        f"https://www.xiaohongshu.com:443{PROFILE}",
        f"https://www.xiaohongshu.com.{PROFILE}",
        f"https://www.xiaohongshu.com/en{PROFILE}",
    ],
)
def test_a_profile_link_on_the_site_names_its_creator(link: str) -> None:
    """Both sites, their subdomains, http, https and no scheme."""
    assert creator_id(link) == ID


@pytest.mark.parametrize("start", ["https://www.xiaohongshu.com", "www.rednote.com"])
@pytest.mark.parametrize(
    "trail",
    [
        pytest.param("/", id="slash"),
        pytest.param(f"/{OTHER}", id="a note of the profile"),
        pytest.param("?xsec_token=AB-_%3D&xsec_source=pc_note", id="query"),
        pytest.param("?a=1?b=2&&", id="odd query"),
        pytest.param("?from=https://evil.invalid/user/profile/" + OTHER, id="a link in the query"),
        pytest.param("#notes", id="fragment"),
        pytest.param("?tab=note#x", id="query and fragment"),
        pytest.param(" 复制后打开【小红书】查看笔记！", id="share text"),
        pytest.param("，复制本条信息", id="share text without a space"),
        pytest.param("?xhsshare=CopyLink 看看TA的主页 http://xhslink.com/m/abc", id="share text with a short link"),
        pytest.param("!", id="exclamation mark"),
        pytest.param("%20", id="escaped space"),
        pytest.param(";v=1", id="path parameter"),
    ],
)
def test_whatever_trails_a_profile_link_is_ignored(start: str, trail: str) -> None:
    """People paste what their app copied."""
    assert creator_id(f"{start}{PROFILE}{trail}") == ID


@pytest.mark.parametrize(
    "link",
    [
        f"https://notxiaohongshu.com{PROFILE}",
        f"https://xiaohongshu.com.evil.org{PROFILE}",
        f"https://xiaohongshu.org{PROFILE}",
        f"https://xiaohongshu.com@evil.org{PROFILE}",
        f"https://www.xiaohongshu.com:x@evil.org{PROFILE}",
        f"https://evil.org{PROFILE}",
        f"https://evil.org/www.xiaohongshu.com{PROFILE}",
        f"https://evil.org/?u=https://www.xiaohongshu.com{PROFILE}",
        f"https://evil.org#https://www.xiaohongshu.com{PROFILE}",
        f"https://evil-rednote.com{PROFILE}",
        f"https://xiaohongshu.com%2eevil.org{PROFILE}",
        f"https://xiaohongshu。com{PROFILE}",
        f"https://хiaohongshu.com{PROFILE}",
        f"ftp://www.xiaohongshu.com{PROFILE}",
        f"javascript://www.xiaohongshu.com{PROFILE}",
        f"file:///www.xiaohongshu.com{PROFILE}",
        f"https://[www.xiaohongshu.com{PROFILE}",
        f"https://{PROFILE}",
        PROFILE,
    ],
)
def test_a_link_on_a_look_alike_host_names_nobody(link: str) -> None:
    """The host decides, not what the link looks like."""
    with pytest.raises(InvalidParametersError, match="24 hex digits"):
        creator_id(link)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        pytest.param("http://xhslink.com/m/AbC123", "short link", id="short link"),
        pytest.param("https://www.xhslink.com/a/b", "short link", id="short link with www"),
        pytest.param("xhslink.com/o/abc", "short link", id="short link without scheme"),
        pytest.param("4497938014", "小红书号", id="a number of digits"),
        pytest.param("xiao_hong.shu", "小红书号", id="a name with signs"),
        pytest.param(f"https://www.xiaohongshu.com/explore/{OTHER}", "no profile", id="a note"),
        pytest.param("https://www.xiaohongshu.com/", "no profile", id="the site"),
        pytest.param(f"https://www.xiaohongshu.com{PROFILE[:-1]}", "no profile", id="23 digits in a link"),
        pytest.param(f"https://www.xiaohongshu.com{PROFILE}0", "no profile", id="25 digits in a link"),
        pytest.param(f"https://www.xiaohongshu.com/?x={PROFILE}", "no profile", id="a profile in the query only"),
        pytest.param(ID.upper(), "lower-case", id="capitals"),
        pytest.param(f" {ID}", "spaces", id="a space before"),
        pytest.param(f"{ID}\n", "spaces", id="a line break after"),
        pytest.param("", "neither", id="empty"),
        pytest.param(ID[:-1], "", id="23 digits"),
        pytest.param(ID + "0", "neither", id="25 digits"),
        pytest.param(ID[:-1] + "g", "neither", id="a letter that is no digit"),
        pytest.param("５ff0e6410000000001008400", "neither", id="a full-width digit"),
        pytest.param("昵称001", "neither", id="a nickname"),
        pytest.param("\x00" * 24, "neither", id="NULs"),
    ],
)
def test_a_refusal_says_what_was_given_and_what_to_pass_instead(given: str, word: str) -> None:
    """Code 400 comes with a message that helps."""
    with pytest.raises(InvalidParametersError) as refusal:
        creator_id(given)
    assert refusal.value.code == 400
    assert word in refusal.value.message
    assert "24 hex digits" in refusal.value.message
    assert "/user/profile/" in refusal.value.message


@given(st.text(max_size=60))
def test_any_text_names_a_creator_or_is_refused(text: str) -> None:
    """Nothing but a refusal comes out, and nothing but an id."""
    try:
        found = creator_id(text)
    except InvalidParametersError:
        return
    assert len(found) == 24
    assert found in text


@given(HEX, st.text(max_size=30))
def test_a_profile_link_keeps_its_id_whatever_follows_a_question_mark(identifier: str, trail: str) -> None:
    """The query of a link is never read."""
    assert creator_id(f"https://www.rednote.com/user/profile/{identifier}?{trail}") == identifier


@pytest.mark.timeout(5)
def test_a_hostile_long_text_is_refused_in_time() -> None:
    """Megabytes in a parameter cost no time."""
    with pytest.raises(InvalidParametersError):
        creator_id("https://www.xiaohongshu.com" + "/user/profile/" * 500_000)


@pytest.mark.parametrize("given", [None, "", "0"])
def test_no_cursor_an_empty_one_and_zero_mean_the_first_page(given: str | None) -> None:
    """Clients begin in any of the three ways."""
    assert cursor_id(given) is None


def test_a_cursor_is_the_id_of_a_note() -> None:
    """24 lower-case hex digits are taken as they are."""
    assert cursor_id(OTHER) == OTHER


@pytest.mark.parametrize(
    "given",
    ["00", "-1", "1", "null", " ", OTHER.upper(), OTHER[:-1], OTHER + "0", f" {OTHER}", f"{OTHER}\n", "０", PROFILE],
)
def test_any_other_cursor_is_refused(given: str) -> None:
    """A wrong cursor is 400 and never the first page by mistake."""
    with pytest.raises(InvalidParametersError, match="lastCursor") as refusal:
        cursor_id(given)
    assert refusal.value.code == 400
