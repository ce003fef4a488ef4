"""Decompression of Kafka's batches within a bound.

A megabyte of zstd may hold thirty gigabytes, and Kafka's client inflates a batch as a whole.
"""

import mmap
import struct
from collections.abc import Callable

import cramjam

LARGEST_BATCH = 16 * 1024 * 1024
"""Bytes of an uncompressed batch; producers put 1 MB into one, counted before compression."""

# xerial's snappy framing, which Java's clients write: a magic, two versions, then blocks after their lengths.
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_LENGTH = struct.Struct("!i")

CODECS = {1: "gzip_decode", 2: "snappy_decode", 3: "lz4_decode", 4: "zstd_decode"}
"""The codec's number in a batch's attributes, and aiokafka's name for its decoder."""


class NotDecompressed(ValueError):
    """A batch that cannot be decompressed, or would be longer than `LARGEST_BATCH`."""


def decompressed(codec: int, payload: bytes) -> bytes:
    """Return a batch's decompressed records; `codec` as in the batch's attributes.

    Raises:
        NotDecompressed: this is impossible, at least within the bound.
    """
    if codec not in _DECODERS:
        raise NotDecompressed(f"unknown compression {codec}")
    try:
        return _DECODERS[codec](payload)
    except (cramjam.DecompressionError, struct.error) as error:
        raise NotDecompressed(f"not decompressed to {LARGEST_BATCH} bytes or fewer: {error}") from error


def _snappy(payload: bytes) -> bytes:
    if not payload.startswith(_XERIAL):
        return _snappy_block(payload, LARGEST_BATCH)
    whole, at = bytearray(), _XERIAL_HEADER
    while at < len(payload):
        (length,) = _LENGTH.unpack_from(payload, at)
        at += _LENGTH.size
        if length <= 0:
            raise NotDecompressed(f"a block of {length} bytes")
        whole += _snappy_block(payload[at : at + length], LARGEST_BATCH - len(whole))
        at += length
    return bytes(whole)


def _snappy_block(block: bytes, most: int) -> bytes:
    """Decompress a block, which begins with its own length; reserve no memory for one that is too long."""
    if cramjam.snappy.decompress_raw_len(block) > most:
        raise NotDecompressed(f"longer than {LARGEST_BATCH} bytes")
    return bytes(cramjam.snappy.decompress_raw(block))


def _bounded(decompress_into: Callable[[bytes, mmap.mmap], int]) -> Callable[[bytes], bytes]:
    """Decompress into memory that is reserved, but taken from the system only as it is written to."""

    def decompress(payload: bytes) -> bytes:
        with mmap.mmap(-1, LARGEST_BATCH) as room:
            return room[: decompress_into(payload, room)]

    return decompress


_DECODERS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: _bounded(cramjam.gzip.decompress_into),
    2: _snappy,
    3: _bounded(cramjam.lz4.decompress_into),
    4: _bounded(cramjam.zstd.decompress_into),
}
