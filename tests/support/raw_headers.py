"""A record with a header name that is not text: other languages' producers allow it, aiokafka does not."""

import struct

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

_CRC, _ATTRIBUTES = struct.calcsize(">qiib"), struct.calcsize(">qiibI")
_STANDS_IN = "name-that-is-none"
RAW_NAME = b"name\xff\xfe\x00at-is-none"


async def produce_raw_header(bootstrap: str, topic: str, key: bytes, value: bytes, partition: int) -> None:
    """Produce the record as its own batch. Its other headers are no better."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        headers = [(_STANDS_IN, b"\xff"), ("x-request-id", b"a\x00b"), ("traceparent", bytes(100))]
        batch.append(timestamp=None, key=key, value=value, headers=headers)
        built = batch._build()
        built[:] = built.replace(_STANDS_IN.encode(), RAW_NAME)
        struct.pack_into(">I", built, _CRC, calc_crc32c(bytes(built[_ATTRIBUTES:])))
        await (await producer.send_batch(batch, topic, partition=partition))
