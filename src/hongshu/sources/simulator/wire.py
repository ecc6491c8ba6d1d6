"""Made-up notes as V4 JSON: one template a note, into which the fields that move with time are written."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from hongshu.models import SIMULATED_MEDIA, TEXT_LIMIT
from hongshu.sources.simulator.creators import DAY_MS, HOUR_MS, Creator
from hongshu.sources.simulator.life import Birth, Life
from hongshu.sources.simulator.writing import TITLE_LIMIT, Writing

PICTURES: Final = "https://sns-img.simulated.invalid/"
FILMS: Final = "https://sns-video.simulated.invalid/"
FACES: Final = "https://sns-avatar.simulated.invalid/avatar/"

_SIGNED: Final = "&ap=5&sc=USR_PRV&sign=%(sign)b&t=%(until)b"
_TRUE, _FALSE = b"true", b"false"
_NUMBERS_OF_PICTURES: Final = (1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 9)
_LEVELS: Final = (1, 2, 3, 4, 4, 5)
_SIZES: Final = ((1280, 1707), (1080, 1440), (1440, 1920), (1242, 1660), (1080, 1080), (1920, 1440))
_ASKED_FOR: Final = (
    "guos_test",
    "note_next_step",
    "second_jump_bar",
    "note_collection",
    "cooperate_binds",
    "rec_next_infos",
)
_RECOMMEND: Final = {"type": "", "desc": "", "icon": "", "target_id": "", "target_name": "", "track_id": ""}
_encode: Final = msgspec.json.Encoder().encode


def _moving(name: str) -> msgspec.Raw:
    return msgspec.Raw(b"%%(%b)b" % name.encode())


_MOVING: Final = {
    name: _moving(name) for name in ("edited", "sticky", "goods", "likes", "collects", "comments", "shares")
}


def template(creator: Creator, birth: Birth, life: Life, writing: Writing, chance: bytes) -> bytes:
    """Return a note's JSON with `%(name)b` where `fill` writes; `chance` are 64 random bytes."""
    letters = chance.hex()
    level, music, asked_for, pictures, size, seconds = chance[24:30]
    number = 1 if life.video else _NUMBERS_OF_PICTURES[pictures % len(_NUMBERS_OF_PICTURES)]
    title = _fixed(writing.title)
    text = _fixed(writing.text[:TEXT_LIMIT])
    note: dict[str, Any] = {
        "last_update_time": _MOVING["edited"],
        "nice_count": 0,
        "sticky": _MOVING["sticky"],
        "time_desc": "%(when)b",
        "id": birth.id,
        "title": title,
        "images_list": _pictures(letters, number, _SIZES[size % len(_SIZES)]),
        "level": _LEVELS[level % len(_LEVELS)],
        "comments_count": _MOVING["comments"],
        "create_time": birth.published_ms // 1000,
        "likes": _MOVING["likes"],
        "has_music": music < 64,
        "collected_count": _MOVING["collects"],
        "infavs": False,
        "niced": False,
        "cursor": birth.id,
        "widgets_context": _widgets(creator, life, letters),
        "view_count": 0,
        "is_goods_note": _MOVING["goods"],
        "user": {
            "nickname": creator.nickname,
            "images": f"{FACES}{creator.id}.jpg?imageView2/2/w/80/format/jpg",
            "red_official_verify_type": 0,
            "userid": creator.id,
            "followed": False,
            "fstatus": "none",
        },
        "recommend": _RECOMMEND,
        "advanced_widgets_groups": {"groups": [{"mode": 1, "fetch_types": _ASKED_FOR[: 1 + asked_for % 6]}]},
        "desc": text,
        "inlikes": False,
        "price": 0,
        "share_count": _MOVING["shares"],
        "ats": (),
        "display_title": title or _fixed(writing.text.split("\n", 1)[0][:TITLE_LIMIT]),
        "type": "video" if life.video else "normal",
        "simulated": True,
    }
    if life.video:
        note["video_info_v2"] = _film(letters, 8 + seconds)
    return _encode(note)


def fill(body: bytes, birth: Birth, life: Life, at_ms: int, seal: int, *, pinned: bool) -> bytes:
    """Write into a template what moves with time; `seal` is the hour's odd number that signs addresses."""
    edits = life.edits_by(at_ms)
    likes, collects, comments, shares = life.counters(at_ms - birth.published_ms)
    return body % {
        b"edited": b"%d" % (life.edits_ms[edits - 1] // 1000 if edits else 0),
        b"sticky": _TRUE if pinned else _FALSE,
        b"when": time_desc(birth.published_ms, at_ms).encode(),
        b"goods": _TRUE if life.goods_ms <= at_ms else _FALSE,
        b"likes": b"%d" % likes,
        b"collects": b"%d" % collects,
        b"comments": b"%d" % comments,
        b"shares": b"%d" % shares,
        b"sign": b"%032x" % (int(birth.id, 16) * seal % 2**128),
        b"until": b"%08x" % (at_ms // HOUR_MS * 3600 + 86_400),
    }


def time_desc(published_ms: int, at_ms: int) -> str:
    """Say when a note appeared, as the app does: 刚刚, 5分钟前, 3小时前, 4天前, 03-21, 2023-01-03."""
    age_ms = at_ms - published_ms
    if age_ms < HOUR_MS:
        return f"{age_ms // 60_000}分钟前" if age_ms >= 60_000 else "刚刚"
    if age_ms < 7 * DAY_MS:
        return f"{age_ms // DAY_MS}天前" if age_ms >= DAY_MS else f"{age_ms // HOUR_MS}小时前"
    day = _shanghai_day((published_ms + 8 * HOUR_MS) // DAY_MS)
    return day[5:] if day[:4] == _shanghai_day((at_ms + 8 * HOUR_MS) // DAY_MS)[:4] else day


@lru_cache(maxsize=8192)
def _shanghai_day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def _fixed(text: str) -> str:
    return text.replace("%", "%%") if "%" in text else text


def _pictures(letters: str, number: int, size: tuple[int, int]) -> list[dict[str, object]]:
    """Describe the pictures of a note; as in the real list only the first has its small form."""
    keys = [f"{SIMULATED_MEDIA}{turn}{letters[turn * 8 : turn * 8 + 31]}" for turn in range(number)]
    small = f"{PICTURES}{keys[0]}?imageView2/2/w/576/format/heif/q/58|imageMogr2/strip{_SIGNED}"
    return [_picture(key, size, "" if turn else small) for turn, key in enumerate(keys)]


def _picture(key: str, size: tuple[int, int], small: str) -> dict[str, object]:
    return {
        "height": size[1],
        "width": size[0],
        "url": small,
        "url_size_large": f"{PICTURES}{key}?imageView2/2/w/1440/format/heif/q/46{_SIGNED}",
        "original": "",
        "trace_id": key,
        "fileid": key,
    }


def _widgets(creator: Creator, life: Life, letters: str) -> str:
    context: dict[str, object] = {"flags": {}, "author_id": creator.id, "author_name": creator.nickname}
    if life.video:
        context = {"video": True, "origin_video_key": f"pre_post/{SIMULATED_MEDIA}{letters[64:95]}", **context}
    return _encode(context).decode()


def _film(letters: str, seconds: int) -> dict[str, object]:
    address = f"{FILMS}stream/110/258/{letters[32:66]}_258.mp4"
    stream = {
        "stream_type": 258,
        "stream_desc": "X264_MP4",
        "quality_type": "HD",
        "format": "mp4",
        "duration": seconds * 1000,
        "width": 720,
        "height": 960,
        "fps": 30,
        "size": seconds * 118_000,
        "video_codec": "h264",
        "audio_codec": "aac",
        "avg_bitrate": 944_000,
        "master_url": f"{address}?sign=%(sign)b&t=%(until)b",
        "backup_urls": [address],
    }
    return {
        "media": {
            "video_id": str(int(letters[:14], 16)),
            "stream": {"av1": (), "h264": [stream], "h265": ()},
            "video": {
                "duration": seconds,
                "width": 1080,
                "height": 1440,
                "md5": letters[96:128],
                "stream_types": [258],
            },
        },
        "image": {"first_frame": f"{PICTURES}110/0/{letters[66:100]}_0.webp?imageView2/2/w/1080/format/webp"},
        "capa": {"duration": seconds, "frame_ts": 0, "is_user_select": False, "is_upload": False},
        "consumer": {"can_super_resolution": False},
    }
