"""What a fetch from Kafka brings, as batches that can always be read; see `clients.kafka.batches`."""

import struct
from functools import partial
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, legacy_records
from aiokafka.record.legacy_records import LegacyRecordBatch

from clients.kafka.batches import ReadableBatch
from clients.kafka.codecs import CODECS, decompressed

_OFFSET_LENGTH = struct.Struct(">qi")
_FORMAT = struct.calcsize(">qii")
_NEWEST_FORMAT = 2


class ReadableRecords:
    """Stands in for aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data or b"")
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        """Return whether there is a whole batch: the last one of a fetch may be cut off."""
        return self._end() <= len(self._data)

    def next_batch(self) -> Any:  # noqa: ANN401 - `ReadableBatch`, or aiokafka's
        """Return the next batch; aiokafka's own if its format is one that brokers before 4.0 may keep."""
        data = self._data[self._at : self._end()]
        self._at += len(data)
        if data[_FORMAT] < _NEWEST_FORMAT:
            return LegacyRecordBatch(data, data[_FORMAT])
        return ReadableBatch(bytes(data))

    def _end(self) -> int:
        """Return where the next batch ends; beyond the data if not even its length is there."""
        if len(self._data) - self._at < _OFFSET_LENGTH.size:
            return len(self._data) + 1
        _, length = _OFFSET_LENGTH.unpack_from(self._data, self._at)
        if length <= _FORMAT - _OFFSET_LENGTH.size:
            raise CorruptRecordException(f"a batch of {length} bytes")
        return self._at + _OFFSET_LENGTH.size + int(length)


def mend_records() -> None:
    """Have aiokafka's consumers read this way, in all of Kafka's compressions; safe to repeat."""
    fetcher.MemoryRecords = ReadableRecords
    for module in (default_records, legacy_records, *_compiled()):
        for number, name in CODECS.items():
            if hasattr(module, name):
                setattr(module, name, partial(decompressed, number))


def _compiled() -> list[Any]:
    """Return the modules that do the same in C, if aiokafka was built with them."""
    try:
        from aiokafka.record import _crecords
    except ImportError:
        return []
    return [_crecords.default_records, _crecords.legacy_records]
