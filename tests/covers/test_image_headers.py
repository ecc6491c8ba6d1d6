"""What an image says of itself: kind and size without decoding, and a refusal for all else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from covers.drawn import (
    REAL,
    box,
    boxed,
    chunk,
    gif,
    jpeg,
    png,
    real,
    riff,
    segment,
    spatial,
    vp8,
    vp8l,
    vp8x,
)
from hongshu.formats.images import LONGEST_SIDE, MOST_PIXELS, NotAPictureError, Picture, PictureKind, measured

DRAWN: dict[str, tuple[PictureKind, Callable[[int, int], bytes], int]] = {
    "baseline jpeg": (PictureKind.JPEG, jpeg, 65_535),
    "extended jpeg": (PictureKind.JPEG, lambda width, height: jpeg(width, height, frame=0xC1), 65_535),
    "progressive jpeg": (PictureKind.JPEG, lambda width, height: jpeg(width, height, frame=0xC2), 65_535),
    "png": (PictureKind.PNG, png, 65_535),
    "gif": (PictureKind.GIF, gif, 65_535),
    "gif without a table": (PictureKind.GIF, lambda width, height: gif(width, height, colours=False), 65_535),
    "lossy webp": (PictureKind.WEBP, lambda width, height: riff(vp8(width, height)), 16_383),
    "lossless webp": (PictureKind.WEBP, lambda width, height: riff(vp8l(width, height)), 16_384),
    "extended webp": (
        PictureKind.WEBP,
        lambda width, height: riff(vp8x(width, height), (b"ALPH", b"\1\2\3"), vp8(width, height)),
        16_383,
    ),
    "animated webp": (
        PictureKind.WEBP,
        lambda width, height: riff(vp8x(width, height, 2), (b"ANIM", bytes(6)), (b"ANMF", bytes(24))),
        65_535,
    ),
    "avif": (PictureKind.AVIF, lambda width, height: boxed((width, height)), 65_535),
    "avif named as mif1": (
        PictureKind.AVIF,
        lambda width, height: boxed((width, height), brand=b"mif1", others=(b"miaf", b"avif")),
        65_535,
    ),
    "heif": (PictureKind.HEIF, lambda width, height: boxed((width, height), brand=b"heic"), 65_535),
    "heif named as mif1": (
        PictureKind.HEIF,
        lambda width, height: boxed((width, height), brand=b"mif1", others=(b"heic",)),
        65_535,
    ),
}


def refusal(body: bytes) -> str:
    with pytest.raises(NotAPictureError) as refused:
        measured(body)
    return str(refused.value)


@pytest.mark.parametrize("name", REAL)
def test_what_encoders_write_is_measured(name: str) -> None:
    """The smallest images of libwebp, libavif and others have the size that they have."""
    kind, width, height = REAL[name][1]
    assert measured(real(name)) == Picture(kind=PictureKind(kind), width=width, height=height)


@pytest.mark.parametrize("name", DRAWN)
@given(data=st.data())
def test_every_kind_tells_its_size(name: str, data: st.DataObject) -> None:
    """Width and height are read from the right places, in the right order of bytes."""
    kind, draw, longest = DRAWN[name]
    width = data.draw(st.integers(1, longest))
    height = data.draw(st.integers(1, min(longest, MOST_PIXELS // width)))
    assert measured(draw(width, height)) == Picture(kind=kind, width=width, height=height)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("size", [(0, 7), (7, 0), (0, 0), (7072, 7072), (65_535, 65_535)])
def test_absurd_sizes_are_refused(name: str, size: tuple[int, int]) -> None:
    """No pixels, or more than 50 million of them, are no cover, however small the file is."""
    _, draw, longest = DRAWN[name]
    if max(size) > longest or ("webp" in name and name != "lossy webp" and 0 in size):
        return  # this kind cannot even say so
    assert "pixels" in refusal(draw(*size)) or "contradicts" in refusal(draw(*size))


@pytest.mark.parametrize("draw", [png, lambda width, height: boxed((width, height))])
def test_sides_that_no_camera_makes_are_refused(draw: Callable[[int, int], bytes]) -> None:
    """A side is bounded even where the other one is short."""
    assert measured(draw(LONGEST_SIDE, 1)).width == LONGEST_SIDE
    for size in [(LONGEST_SIDE + 1, 1), (1, LONGEST_SIDE + 1), (2**32 - 1, 2**32 - 1)]:
        assert "side" in refusal(draw(*size))


@pytest.mark.parametrize("name", DRAWN)
def test_every_cut_of_an_image_is_refused(name: str) -> None:
    """What a broken connection leaves is never taken for the whole."""
    body = DRAWN[name][1](321, 123)
    for length in range(len(body)):
        refusal(body[:length])


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("behind", [b"PK\x03\x04 archive", b"<script>alert(1)</script>", b"\x7fELF" + bytes(60)])
def test_something_else_behind_an_image_is_refused(name: str, behind: bytes) -> None:
    """A file that is an image and an archive, or a page, is no image here."""
    refusal(DRAWN[name][1](321, 123) + behind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
        b"<!doctype html><title>403</title>",
        b'{"code":0}',
        b"BM" + bytes(60),
        b"II*\x00" + bytes(60),
        b"%PDF-1.7\n" + bytes(60),
        b"\x00\x00\x01\x00\x01\x00" + bytes(60),
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(60),
        box(b"ftyp", b"isom", bytes(4), b"mp42") + box(b"mdat", bytes(50)),
        box(b"ftyp", b"qt  ", bytes(4), b"avif") + box(b"mdat", bytes(50)),
        b"\n" + jpeg(10, 10),
        b"<html>" + png(10, 10),
    ],
)
def test_what_is_no_image_of_a_kept_kind_is_refused(body: bytes) -> None:
    """Pages, vector drawings, films, icons, and images behind something else."""
    assert refusal(body)


def test_a_thumbnail_inside_a_jpeg_is_not_its_size() -> None:
    """The size stands in the image's own frame, wherever another one stands in what cameras add."""
    body = jpeg(
        640, 480, before=segment(0xE1, b"Exif\0\0" + jpeg(160, 120)) + b"\xff\xff\xff" + segment(0xFE, b"hi")[1:]
    )
    assert measured(body) == Picture(kind=PictureKind.JPEG, width=640, height=480)


def test_a_second_jpeg_behind_the_first_is_how_phones_keep_light() -> None:
    """An image with a gain map is kept, in the size of its first image."""
    assert measured(jpeg(640, 480) + jpeg(160, 120)).width == 640


def test_the_largest_image_of_a_file_with_tiles_counts() -> None:
    """Tiles, thumbnails and depth maps stand beside the picture."""
    assert measured(boxed((512, 512), (3024, 4032), (160, 120), brand=b"heic")).height == 4032
    assert "pixels" in refusal(boxed((160, 120), (50_000, 50_000)))


@pytest.mark.parametrize(
    "body",
    [
        jpeg(10, 10, frame=0xC3),
        jpeg(10, 10, frame=0xC9),
        jpeg(10, 10, before=segment(0xC0, b"\x08\0\x09\0\x09\1\1\x11\0")),
        b"\xff\xd8" + segment(0xE0, b"JFIF") + b"\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00" + jpeg(10, 10)[2:],
        b"\xff\xd8" + b"\xff" * 60_000 + b"\xff\xd9",
        png(10, 10, shape=b"\x08\x07\x00\x00\x00"),
        png(10, 10, shape=b"\x03\x02\x00\x00\x00"),
        png(10, 10, shape=b"\x08\x02\x01\x00\x00"),
        png(10, 10, shape=b"\x08\x02\x00\x00\x02"),
        png(10, 10)[:19] + b"\1" + png(10, 10)[20:],
        png(10, 10)[:29] + bytes(4) + png(10, 10)[33:],
        b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(3) + b"\1" + bytes(3) + b"\1\x08\x02\0\0\0") + chunk(b"IEND", b""),
        png(10, 10, extra=b"\xff\xff\xff\xfftEXt"),
        png(10, 10, extra=chunk(b"\0\0\0\0", b"")),
        riff(vp8x(640, 480), vp8(64, 48)),
        riff(vp8x(640, 480)),
        riff(vp8(10, 10), vp8(9000, 5000)),
        riff((b"EXIF", bytes(10))),
        riff((b"VP8 ", b"\x31\x01\x00\x9d\x01\x2a\x01\x00\x01\x00")),
        riff((b"VP8 ", b"\x30\x01\x00\x9d\x01\x2b\x01\x00\x01\x00")),
        riff((b"VP8L", b"\x2f\x00\x00\x00\xff")),
        riff((b"VP8L", b"")),
        b"RIFF\x04\x00\x00\x00WEBP",
        gif(10, 10).replace(b",\0\0\0\0\x0a\0\x0a\0", b",\0\0\0\0\xff\xff\xff\xff"),
        gif(10, 10, before=b"*/alert(1)//"),
        b"GIF89a" + bytes(7) + b";",
        b"GIF89a/*" + bytes(5) + b"*/=alert(1);",
        box(b"ftyp", b"avif", bytes(4)) + box(b"mdat", bytes(9)),
        box(b"ftyp", b"avif", bytes(4)) + box(b"meta", bytes(4), box(b"iprp", box(b"ipco"))) + box(b"mdat"),
        box(b"ftyp", b"avif", bytes(4)) + box(b"meta", bytes(4), box(b"iprp", box(b"ipco", spatial(9, 9)))),
        boxed((9, 9)).replace(b"ispe", b"\0\0\0\0"),
    ],
)
def test_damaged_and_contradicting_images_are_refused(body: bytes) -> None:
    """A wrong check, a frame that is not there, sizes that differ from place to place."""
    assert refusal(body)


@given(st.binary(max_size=400))
@example(b"\xff\xd8\xff")
@example(b"\x89PNG\r\n\x1a\n")
@example(b"RIFF\x00\x00\x00\x00WEBP")
@example(b"GIF89a")
@example(b"\0\0\0\0ftypavif")
@example(b"\0\0\0\x01ftypheic" + b"\xff" * 16)
def test_garbage_has_no_size(body: bytes) -> None:
    """Random bytes are refused, never measured."""
    refusal(body)


@given(st.sampled_from(sorted(DRAWN)), st.data())
def test_an_image_with_broken_bytes_is_measured_within_the_bounds_or_refused(name: str, data: st.DataObject) -> None:
    """Nothing else than a refusal is raised, and nothing unbounded returned."""
    body = bytearray(DRAWN[name][1](321, 123))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = measured(bytes(body))
    except NotAPictureError:
        return
    assert 0 < found.width * found.height <= MOST_PIXELS
    assert max(found.width, found.height) <= LONGEST_SIDE


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xd8" + b"\xff" * 10_000_000 + b"\xff\xd9",
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2_500_000 + b"\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\x02\0\0\0") + chunk(b"tEXt", b"") * 800_000,
        b"GIF89a\1\0\1\0\0\0\0" + (b"!\xfe" + b"\1a" * 9_000 + b"\0") * 500 + b";",
        b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe\0" * 3_000_000 + b";",
        riff(*[(b"JUNK", b"")] * 10) + bytes(8_000_000),
        boxed((9, 9)) + box(b"free") * 1_000_000,
        os.urandom(10_000_000),
    ],
    ids=["fill", "comments", "chunks", "blocks", "extensions", "riff", "boxes", "noise"],
)
def test_a_file_of_many_tiny_parts_takes_no_time(body: bytes) -> None:
    """Ten million hostile bytes are refused in less than half a second."""
    began = time.process_time()
    refusal(body)
    assert time.process_time() - began < 0.5
