"""Kafka's batches of records, read so that none of them can stop its reader.

aiokafka gives up on a batch because of a header name that is not UTF-8, a wrong checksum or an unknown
compression, and requests it again forever. Here such a name is read with replacement characters, as Java's
clients do. What still cannot be read becomes a record whose value is `Unreadable`, so that the handler of the
others handles it, too, once.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import decode_varint

from clients.kafka.codecs import decompressed

# Base offset, length, leader's epoch, format, checksum, attributes, last offset, first and last time,
# producer (three), count: Kafka's format 2 (KIP-98).
_HEAD = struct.Struct(">qiibIhiqqqhii")
_CODEC, _LOG_APPEND_TIME = 0x07, 0x08

Header = tuple[str, bytes | None]


class Unreadable(bytes):
    """What came instead of a record's value. `why`: what is wrong with the bytes, for finding the cause."""

    why: str

    @classmethod
    def of(cls, data: bytes, why: str) -> "Unreadable":
        found = cls(data)
        found.why = why
        return found


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A record as aiokafka's reader expects it. `timestamp`: ms; `timestamp_type`: 1 if the broker set it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    checksum: None = None


class ReadableBatch:
    """Stands in for aiokafka's batch of format 2, whose own fast reader is used as long as it succeeds."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batch = DefaultRecordBatch(data)
        self.base_offset: int = self._batch.base_offset
        self.next_offset: int = self._batch.next_offset
        self.producer_id: int = self._batch.producer_id
        self.is_control_batch: bool = self._batch.is_control_batch
        self.is_transactional: bool = self._batch.is_transactional

    def validate_crc(self) -> bool:
        """Return True: nothing is refused here, and a wrong checksum is reported as `Unreadable`."""
        return True

    def __next__(self) -> Any:  # noqa: ANN401 - aiokafka's own; asked of control batches alone
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        if not self._batch.validate_crc():
            return iter([self._unreadable("its checksum is wrong")])
        try:
            return iter(list(self._batch))
        except Exception:  # noqa: BLE001 - whatever its bytes come to
            return iter(self._read_anew())

    def _read_anew(self) -> list[BatchRecord]:
        try:
            return list(_records(self._data))
        except Exception as error:  # noqa: BLE001 - as above
            return [self._unreadable(f"{type(error).__name__}: {error}")]

    def _unreadable(self, why: str) -> BatchRecord:
        """Return the batch as one record, at its last offset: a reader in the middle of it gets it, too."""
        return BatchRecord(
            self.next_offset - 1, self._batch.max_timestamp, 0, None, Unreadable.of(self._data, why)
        )


def _records(data: bytes) -> Iterator[BatchRecord]:
    base, _, _, _, _, attributes, _, first_at, last_at, _, _, _, count = _HEAD.unpack_from(data)
    payload = bytearray(decompressed(attributes & _CODEC, data[_HEAD.size :]))
    at = 0
    for place in range(count):
        length, at = decode_varint(payload, at)
        body = _Body(_part(payload, at, length))
        at += length
        yield body.record(base, place, first_at, last_at if attributes & _LOG_APPEND_TIME else None)


def _part(data: bytearray, at: int, length: int) -> bytearray:
    if not 0 <= length <= len(data) - at:
        raise ValueError(f"a part of {length} bytes where {len(data) - at} are left")
    return data[at : at + length]


class _Body:
    """The bytes of one record, after its length."""

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self._at = 1  # attributes, which mean nothing yet

    def record(self, base: int, place: int, first_at: int, appended_at: int | None) -> BatchRecord:
        """Return the record; an unreadable one gets its offset from its place among the others."""
        try:
            later, offset = self._number(), self._number()
            at = first_at + later if appended_at is None else appended_at
            key, value = self._bytes(), self._bytes()
            headers = tuple(self._header() for _ in range(self._number()))
            if self._at != len(self._data):
                raise ValueError(f"{len(self._data) - self._at} bytes are left over")
        except (ValueError, IndexError) as error:
            value = Unreadable.of(bytes(self._data), f"a record that cannot be read: {error}")
            return BatchRecord(
                base + place, appended_at or first_at, int(appended_at is not None), None, value
            )
        return BatchRecord(base + offset, at, int(appended_at is not None), key, value, headers)

    def _header(self) -> Header:
        return (self._bytes() or b"").decode(errors="replace"), self._bytes()

    def _bytes(self) -> bytes | None:
        length = self._number()
        if length < 0:
            return None
        part = _part(self._data, self._at, length)
        self._at += length
        return bytes(part)

    def _number(self) -> int:
        number, self._at = decode_varint(self._data, self._at)
        return int(number)
