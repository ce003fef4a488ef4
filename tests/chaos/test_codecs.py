"""What is on the broker's disk is read correctly: each compression by its name."""

from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from tests.chaos.codecs import codecs_of


def batch(codec: int, value: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 100_000)
    builder.append(0, timestamp=1, key=b"k", value=value, headers=[])
    return bytes(builder.build())


@pytest.mark.parametrize("room", [0, 4096])
def test_batches_are_counted_by_their_compression(room: int, tmp_path: Path) -> None:
    for partition in (0, 1):
        segment = tmp_path / "data" / f"inbound-message-{partition}" / "00000000000000000000.log"
        segment.parent.mkdir(parents=True)
        batches = [batch(codec, b"message " * 100) for codec in range(5)]
        segment.write_bytes(b"".join(batches) + bytes(room))  # a broker may reserve room
    found = codecs_of(tmp_path, "inbound-message")
    assert found == dict.fromkeys(("none", "gzip", "snappy", "lz4", "zstd"), 2)
    assert codecs_of(tmp_path, "inbound") == {}
