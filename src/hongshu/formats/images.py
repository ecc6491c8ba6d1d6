"""What an image says of itself before anything decodes it: its kind and its size in pixels."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from hongshu.models import Word

MOST_PIXELS: Final = 50_000_000
LONGEST_SIDE: Final = 65_535

_MOST_STEPS: Final = 10_000
"""Parts of a file that are looked at; more would only take time."""
_MOST_EXTENSIONS: Final = 100
_SIZED_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_ENDS: Final = b"\xff\xd9"
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PNG_NAME: Final = re.compile(rb"[A-Za-z]{4}")
_BOX_NAME: Final = re.compile(rb"[ -~]{4}")
_AVIF: Final = frozenset({b"avif", b"avis"})
_HEIF: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})


class PictureKind(StrEnum):
    """The kinds of images that are kept."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    HEIF = "heif"

    @property
    def extension(self) -> str:
        """How the name of a file of this kind ends."""
        return "jpg" if self is PictureKind.JPEG else self.value


class Picture(Word):
    """An image's kind, and its size in pixels as it is stored, before any turning that it asks for."""

    kind: PictureKind
    width: int
    height: int


class NotAPictureError(ValueError):
    """The bytes are no whole image that may be kept."""


class _Size(NamedTuple):
    width: int
    height: int


def measured(body: bytes) -> Picture:
    """Return what the whole bytes of an image say of themselves.

    Raises `NotAPictureError` for all that is not one whole JPEG, PNG, WebP, GIF, AVIF or HEIF by its own account, cut
    off or with something else behind it, and for sizes of zero, of more than 50 million pixels or of sides that no
    camera makes. Sources: ITU T.81, PNG 3rd edition, RFC 9649, GIF89a, ISO/IEC 14496-12 and 23008-12.
    """
    kind = _kind(body)
    try:
        size = _READERS[kind](body)
    except (IndexError, KeyError) as error:
        raise NotAPictureError(f"its {kind} is cut off or damaged") from error
    if not (0 < size.width <= LONGEST_SIDE and 0 < size.height <= LONGEST_SIDE):
        raise NotAPictureError(f"its {kind} has a side of no pixels, or of too many")
    if size.width * size.height > MOST_PIXELS:
        raise NotAPictureError(f"its {kind} has more than {MOST_PIXELS:,} pixels")
    return Picture(kind=kind, width=size.width, height=size.height)


def _kind(body: bytes) -> PictureKind:
    if body.startswith(b"\xff\xd8\xff"):
        return PictureKind.JPEG
    if body.startswith(_PNG_SIGNATURE):
        return PictureKind.PNG
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return PictureKind.WEBP
    if body.startswith((b"GIF87a", b"GIF89a")):
        return PictureKind.GIF
    if body[4:8] == b"ftyp":
        return _brand(body)
    raise NotAPictureError("it is no image of a kind that is kept")


def _brand(body: bytes) -> PictureKind:
    end = min(_number(body, 0, 4), 256)
    major, others = body[8:12], {body[at : at + 4] for at in range(16, end - 3, 4)}
    if major in _AVIF or (major == b"mif1" and others & _AVIF):
        return PictureKind.AVIF
    if major in _HEIF:
        return PictureKind.HEIF
    raise NotAPictureError("it is no image of a kind that is kept")


def _jpeg(body: bytes) -> _Size:
    if not body.rstrip(b"\0\r\n ").endswith(_JPEG_ENDS):
        raise NotAPictureError("its jpeg is cut off, or something else stands behind it")
    at, size = 2, None
    for _ in range(_MOST_STEPS):
        if body[at] != 0xFF:
            break
        marker, at = body[at + 1], at + 2
        if marker == 0xFF:
            at -= 1
        elif marker in _SIZED_FRAMES:
            if size is not None:
                break
            size = _Size(width=_number(body, at + 5, 2), height=_number(body, at + 3, 2))
        elif marker == 0xDA and size is not None:
            return size
        if marker != 0xFF and marker not in _ALONE:
            length = _number(body, at, 2)
            if length < 2:
                break
            at += length
    raise NotAPictureError("its jpeg has no size of a usual kind")


def _png(body: bytes) -> _Size:
    chunks = _chunks(body, len(_PNG_SIGNATURE))
    name, at, length = next(chunks)
    header = body[at : at + length]
    if (name, length) != (b"IHDR", 13) or zlib.crc32(name + header) != _number(body, at + length, 4):
        raise NotAPictureError("its png has no sound header")
    depth, colour, packing, filtering, interlace = header[8:]
    if depth not in _PNG_DEPTHS.get(colour, ()) or packing or filtering or interlace > 1:
        raise NotAPictureError("its png has no sound header")
    if b"IDAT" not in {name for name, _, _ in chunks}:
        raise NotAPictureError("its png holds no image")
    return _Size(width=_number(header, 0, 4), height=_number(header, 4, 4))


def _chunks(body: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and length of each chunk, the last one being the end of the file too."""
    for _ in range(_MOST_STEPS):
        length, name = _number(body, at, 4), body[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(body) or not _PNG_NAME.fullmatch(name):
            break
        yield name, at + 8, length
        if name == b"IEND" and end == len(body):
            return
        at = end
    raise NotAPictureError("its png is cut off, or something else stands behind it")


def _webp(body: bytes) -> _Size:
    end = 8 + int.from_bytes(body[4:8], "little")
    if end + end % 2 != len(body) + len(body) % 2 or end > len(body):
        raise NotAPictureError("its webp is cut off, or something else stands behind it")
    parts = list(_riff(body, end))
    canvas = _canvas(parts[0][1]) if parts[0][0] == b"VP8X" else None
    frames = [_frame(name, head) for name, head in parts if name in {b"VP8 ", b"VP8L"}]
    if not frames and (canvas is None or b"ANMF" not in {name for name, _ in parts}):
        raise NotAPictureError("its webp holds no image")
    if len(frames) > 1 or (canvas and any(frame != canvas for frame in frames)):
        raise NotAPictureError("its webp contradicts itself about its size")
    return canvas or frames[0]


def _riff(body: bytes, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each chunk and up to ten bytes of its content."""
    at = 12
    for _ in range(_MOST_STEPS):
        if at >= end:
            return
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            break
        yield body[at : at + 4], body[at + 8 : at + 8 + min(length, 10)]
        at += 8 + length + length % 2
    raise NotAPictureError("its webp is cut off or damaged")


def _canvas(head: bytes) -> _Size:
    if len(head) < 10:
        raise NotAPictureError("its webp is cut off or damaged")
    return _Size(width=int.from_bytes(head[4:7], "little") + 1, height=int.from_bytes(head[7:10], "little") + 1)


def _frame(name: bytes, head: bytes) -> _Size:
    if name == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        if len(head) < 5 or head[0] != 0x2F or bits >> 29:
            raise NotAPictureError("its webp is cut off or damaged")
        return _Size(width=(bits & 0x3FFF) + 1, height=(bits >> 14 & 0x3FFF) + 1)
    if len(head) < 10 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":
        raise NotAPictureError("its webp is cut off or damaged")
    width, height = (int.from_bytes(head[skip : skip + 2], "little") & 0x3FFF for skip in (6, 8))
    return _Size(width, height)


def _gif(body: bytes) -> _Size:
    if not body.rstrip(b"\0").endswith(b";"):
        raise NotAPictureError("its gif is cut off, or something else stands behind it")
    flags = body[10]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    width, height = (int.from_bytes(body[skip : skip + 2], "little") for skip in (6, 8))
    at = _first_image(body, at)
    left, top, wide, high = (int.from_bytes(body[at + skip : at + skip + 2], "little") for skip in (1, 3, 5, 7))
    if not wide or not high or left + wide > width or top + high > height:
        raise NotAPictureError("its gif contradicts itself about its size")
    return _Size(width, height)


def _first_image(body: bytes, at: int) -> int:
    """Return where the first image of a GIF begins, behind the extensions before it."""
    for _ in range(_MOST_EXTENSIONS):
        if body[at] == 0x2C and at + 10 < len(body):
            return at
        if body[at] != 0x21:
            break
        at = _behind_blocks(body, at + 2)
    raise NotAPictureError("its gif holds no image")


def _behind_blocks(body: bytes, at: int) -> int:
    for _ in range(_MOST_STEPS):
        if not body[at]:
            return at + 1
        at += 1 + body[at]
    raise NotAPictureError("its gif is damaged")


def _boxed(body: bytes) -> _Size:
    """Return the size of the largest image of an AVIF or HEIF: tiles and thumbnails of it are smaller."""
    top = dict(_boxes(body, 0, len(body)))
    start, end = top[b"meta"]
    properties = dict(_boxes(body, start + 4, end))[b"iprp"]
    container = dict(_boxes(body, *properties))[b"ipco"]
    sizes = [_spatial(body, *place) for name, place in _boxes(body, *container) if name == b"ispe"]
    if not sizes or not {b"mdat", b"idat"} & {*top, *dict(_boxes(body, start + 4, end))}:
        raise NotAPictureError("it holds no image")
    return max(sizes, key=lambda size: size.width * size.height)


def _boxes(body: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield each box with where its content begins and ends; together they must fill the whole place."""
    for _ in range(_MOST_STEPS):
        if at == end:
            return
        length, name, head = _number(body, at, 4), body[at + 4 : at + 8], 8
        if length == 1:
            length, head = _number(body, at + 8, 8), 16
        stop = at + length if length else end
        if stop > end or stop < at + head or not _BOX_NAME.fullmatch(name):
            break
        yield name, (at + head, stop)
        at = stop
    raise NotAPictureError("it is cut off, or something else stands behind it")


def _spatial(body: bytes, start: int, end: int) -> _Size:
    if end - start != 12:
        raise NotAPictureError("it is damaged")
    return _Size(width=_number(body, start + 4, 4), height=_number(body, start + 8, 4))


def _number(body: bytes, at: int, length: int) -> int:
    """Return a number, the high byte first; raises `IndexError` beyond the end."""
    if at + length > len(body):
        raise IndexError(at)
    return int.from_bytes(body[at : at + length], "big")


_READERS: Final = {
    PictureKind.JPEG: _jpeg,
    PictureKind.PNG: _png,
    PictureKind.WEBP: _webp,
    PictureKind.GIF: _gif,
    PictureKind.AVIF: _boxed,
    PictureKind.HEIF: _boxed,
}
