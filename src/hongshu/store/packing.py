"""Bytes that are kept packed: with zstd, and with its checksum of what was packed."""

from __future__ import annotations

import sys
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from hongshu.errors import DamagedError

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


def unpacked(kept: bytes, table: str) -> bytes:
    """Return the content of what is kept in a table. Raises `DamagedError` where it is not what was packed."""
    try:
        return zstd.decompress(kept)
    except (zstd.ZstdError, TypeError):  # or a number or a text where bytes stand
        raise DamagedError(table) from None


def unpacks(kept: bytes) -> bool:
    """Say whether what is kept is what was packed."""
    try:
        unpacked(kept, "")
    except DamagedError:
        return False
    return True
