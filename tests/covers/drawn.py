"""Images as bytes, written by hand: whole files of every kind, in any size, without an encoder."""

from __future__ import annotations

import base64
import struct
import zlib

JPEG_TABLES = b"\xff\xdb\x00\x43\x00" + b"\xff" * 64
JPEG_SCAN = b"\xff\xc4\x00\x14\x10\x01" + bytes(16) + b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10"
"""A table and a scan as encoders write them for one grey dot."""
REAL = {
    # What libwebp, libavif and a GIF encoder make of the smallest images.
    "lossy.webp": ("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA", ("webp", 1, 1)),
    "lossless.webp": ("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==", ("webp", 1, 1)),
    "alpha.webp": (
        "UklGRkoAAABXRUJQVlA4WAoAAAAQAAAAAAAAAAAAQUxQSAwAAAARBxAR/Q9ERP8DAABWUDggGAAAABQBAJ0BKgEAAQAAAP4AAA3AAP7mtQAAAA==",
        ("webp", 1, 1),
    ),
    "animated.webp": (
        "UklGRlIAAABXRUJQVlA4WAoAAAASAAAAAAAAAAAAQU5JTQYAAAD/////AABBTk1GJgAAAAAAAAAAAAAAAAAAAGQAAABWUDhMDQAAAC8AAAAQBxAREYiI/gcA",
        ("webp", 1, 1),
    ),
    "dot.gif": ("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", ("gif", 1, 1)),
    "two.avif": (
        (
            "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxpYmF2"
            "aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAB0AAAAoaWluZgAAAAAAAQAAABppbmZlAgAAAAABAABhdjAx"
            "Q29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAAAIAAAACAAAAEHBpeGkAAAAAAwgICAAAAAxhdjFDgQ0MAAAAABNjb2xybmNs"
            "eAACAAIAAYAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACVtZGF0EgAKCBgANogQEAwgMg8f8D///8WfhwB8+ErK42A="
        ),
        ("avif", 2, 2),
    ),
}


def real(name: str) -> bytes:
    return base64.b64decode(REAL[name][0])


def jpeg(width: int, height: int, *, frame: int = 0xC0, before: bytes = b"") -> bytes:
    """A JPEG of one grey part; `before` stands in front of its frame."""
    jfif = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x01\x00\x48\x00\x48\x00\x00"
    sized = struct.pack(">BBHBHHB", 0xFF, frame, 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + jfif + before + JPEG_TABLES + sized + JPEG_SCAN + b"\xff\xd9"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *, extra: bytes = b"", shape: bytes = b"\x08\x02\x00\x00\x00") -> bytes:
    header = chunk(b"IHDR", struct.pack(">II", width, height) + shape)
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def gif(width: int, height: int, *, colours: bool = True, before: bytes = b"") -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80 if colours else 0, 0, 0)
    image = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02D\x01\x00"
    return b"GIF89a" + screen + (b"\0\0\0\xff\xff\xff" if colours else b"") + before + image + b";"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [name + struct.pack("<I", len(one)) + one + b"\0" * (len(one) % 2) for name, one in chunks]
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def vp8(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\x0e\xc0\xfe\x25"


def vp8l(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14) + b"\x07\x10\x11"


def vp8x(width: int, height: int, flags: int = 0x10) -> tuple[bytes, bytes]:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes((flags, 0, 0, 0)) + sides


def box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + name + content


def spatial(width: int, height: int) -> bytes:
    return box(b"ispe", struct.pack(">III", 0, width, height))


def boxed(*sizes: tuple[int, int], brand: bytes = b"avif", others: tuple[bytes, ...] = (b"mif1",)) -> bytes:
    """An AVIF or HEIF file of several images: the picture and its thumbnails or tiles."""
    properties = box(b"iprp", box(b"ipco", *(spatial(*size) for size in sizes)), box(b"ipma", bytes(8)))
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(24)), properties)
    return box(b"ftyp", brand, bytes(4), *others) + meta + box(b"mdat", b"\x12\x00" * 20)
