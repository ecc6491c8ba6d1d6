"""Bytes that are kept packed: with zstd, and with its checksum of what was packed."""

from __future__ import annotations

import sys
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_WHOLE: Final = zstd.ZstdCompressor.FLUSH_FRAME


class Packer:
    """Packs one thing after the other, at a level of zstd; for one thread."""

    def __init__(self, level: int) -> None:
        self._compressor = zstd.ZstdCompressor(
            options={zstd.CompressionParameter.compression_level: level, zstd.CompressionParameter.checksum_flag: 1}
        )

    def pack(self, content: bytes) -> bytes:
        """Return content as it is kept."""
        return self._compressor.compress(content, _WHOLE)


def unpacked(kept: bytes) -> bytes:
    """Return the content of what is kept."""
    return zstd.decompress(kept)


def unpacks(kept: bytes) -> bool:
    """Say whether what is kept has a content."""
    try:
        unpacked(kept)
    except (zstd.ZstdError, TypeError):  # not what was packed; a number or a text where bytes stand
        return False
    return True
