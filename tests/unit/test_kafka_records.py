"""No Kafka record stops its reader: any compression, headers of any bytes, broken batches, within a bound."""

import struct
from collections.abc import Iterator

import cramjam
import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.kafka.batches import Unreadable
from clients.kafka.codecs import CODECS, LARGEST_BATCH, NotDecompressed, decompressed
from clients.kafka.records import ReadableRecords, mend_records

_BASE = 7
_CRC, _ATTRIBUTES, _HEAD = (
    struct.calcsize(">qiib"),
    struct.calcsize(">qiibI"),
    struct.calcsize(">qiibIhiqqqhii"),
)
_RECORDS = [
    (f"key-{n}".encode(), f"value-{n}".encode() * 20, [("x-request-id", b"r1"), ("name", None)])
    for n in range(5)
]
_NAMES = {0: "none", **{codec: name.partition("_")[0] for codec, name in CODECS.items()}}


def batch(
    codec: int = 0, records: list[tuple[bytes, bytes, list[tuple[str, bytes | None]]]] = _RECORDS
) -> bytearray:
    """Make a batch as a producer does, and number it as the broker does."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1_000_000)
    for place, (key, value, headers) in enumerate(records):
        builder.append(place, 1_761_694_074_000, key, value, headers)
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, _BASE)
    return built


def signed(data: bytearray) -> bytes:
    """Set the checksum right."""
    struct.pack_into(">I", data, _CRC, calc_crc32c(bytes(data[_ATTRIBUTES:])))
    return bytes(data)


def read(data: bytes, offset: int = 0) -> tuple[list[ConsumerRecord], int]:
    """Read as a consumer does; return the records, and where it would go on."""
    mend_records()
    found = PartitionRecords(TopicPartition("t", 0), ReadableRecords(data), [], offset, None, None, True, 1)
    return list(found), found.next_fetch_offset


@pytest.mark.parametrize("codec", _NAMES, ids=_NAMES.get)
def test_every_compression_is_read(codec: int) -> None:
    records, following = read(bytes(batch(codec)))
    assert [(record.key, record.value, list(record.headers)) for record in records] == _RECORDS
    assert ([record.offset for record in records], following) == ([7, 8, 9, 10, 11], 12)


@pytest.mark.parametrize("codec", _NAMES, ids=_NAMES.get)
def test_a_headers_name_that_is_no_text_spoils_nothing(codec: int) -> None:
    data = batch(0).replace(b"name", b"n\xff\xfee")
    payload = bytes(data[_HEAD:])
    packed = {
        0: bytes,
        1: cramjam.gzip.compress,
        2: cramjam.snappy.compress_raw,
        3: cramjam.lz4.compress,
        4: cramjam.zstd.compress,
    }[codec](payload)
    data = data[:_HEAD] + bytes(packed)
    struct.pack_into(">h", data, _ATTRIBUTES, codec)
    struct.pack_into(">i", data, 8, len(data) - 12)
    records, following = read(signed(data))
    assert [(record.key, record.value) for record in records] == [(key, value) for key, value, _ in _RECORDS]
    assert records[0].headers == (("x-request-id", b"r1"), ("n��e", None))
    assert ([record.offset for record in records], following) == ([7, 8, 9, 10, 11], 12)


def test_one_record_that_cannot_be_read_leaves_the_others() -> None:
    data = batch(0)
    at = data.index(b"key-2") - 1
    data[at] = 0x7E  # its key claims to be longer than the record is
    records, following = read(signed(data))
    assert [type(record.value) for record in records] == [bytes, bytes, Unreadable, bytes, bytes]
    assert ([record.offset for record in records], following) == ([7, 8, 9, 10, 11], 12)
    assert b"value-2" in records[2].value


@pytest.mark.parametrize("offset", [0, 9])
def test_a_wrong_checksum_is_one_record_wherever_its_reader_stands(offset: int) -> None:
    data = batch(0)
    data[-1] ^= 1
    (record,), following = read(bytes(data) + bytes(batch(0))[:20], offset)
    assert (record.offset, record.value, record.value.why) == (11, bytes(data), "its checksum is wrong")
    assert following == 12


@pytest.mark.parametrize("codec", [1, 2, 3, 4, 5])
def test_what_cannot_be_decompressed_is_one_record(codec: int) -> None:
    data = batch(0)
    struct.pack_into(">h", data, _ATTRIBUTES, codec)
    (record,), following = read(signed(data))
    assert isinstance(record.value, Unreadable)
    assert "NotDecompressed" in record.value.why
    assert following == 12


def bombs() -> Iterator[tuple[int, bytes]]:
    zeros = bytes(LARGEST_BATCH + 1)
    yield 1, bytes(cramjam.gzip.compress(zeros))
    yield 2, bytes(cramjam.snappy.compress_raw(zeros))
    block = bytes(cramjam.snappy.compress_raw(zeros[: LARGEST_BATCH // 2 + 1]))
    yield 2, b"\x82SNAPPY\x00" + bytes(8) + 2 * (struct.pack("!i", len(block)) + block)
    yield 2, b"\x82SNAPPY\x00" + bytes(8) + struct.pack("!i", -4)
    yield 2, b"\xff\xff\xff\xff\x0f123"
    yield 3, bytes(cramjam.lz4.compress(zeros))
    yield 4, bytes(cramjam.zstd.compress(zeros))


@pytest.mark.parametrize(("codec", "payload"), list(bombs()))
def test_nothing_is_inflated_without_a_bound(codec: int, payload: bytes) -> None:
    with pytest.raises(NotDecompressed):
        decompressed(codec, payload)
    data = batch(0)[:_HEAD] + payload
    struct.pack_into(">h", data, _ATTRIBUTES, codec)
    struct.pack_into(">i", data, 8, len(data) - 12)
    (record,), following = read(signed(data))
    assert (type(record.value), following) == (Unreadable, 12)


_CHANGES = st.lists(st.tuples(st.integers(_HEAD, 600), st.integers(0, 255)), min_size=1, max_size=20)


@settings(max_examples=300, deadline=None)
@given(_CHANGES, st.sampled_from([0, 2, 4]))
def test_any_bytes_are_read_to_their_end(changes: list[tuple[int, int]], codec: int) -> None:
    data = batch(codec)
    for at, value in changes:
        data[_HEAD + (at - _HEAD) % (len(data) - _HEAD)] = value
    _, following = read(signed(data))
    assert following == 12
