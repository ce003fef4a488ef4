"""Poison of every kind into every topic, and good records where they do not belong."""

import json
import time
from collections import Counter
from contextlib import suppress

from tests.chaos import topics
from tests.chaos.clients import Clients, Written
from tests.chaos.topics import Record
from tests.chaos.world import World
from tests.support.raw_headers import produce_raw_header

_READ = ("call-completed", "inbound-message", "message-status", "conversation-command")
_TOPICS = (*_READ, "conversation-event", "dead-letter")
_LARGE = 1_048_000  # just under the broker's 1 MB for a record
_VALUES: tuple[bytes | None, ...] = (
    None,
    b"",
    b"\xff\xfe\x00",
    b"{not json",
    b"[]",
    b'"text"',
    b'{"event_id": 5, "received_at": "yesterday", "params": []}',
    b'{"agent_id": null, "recipient": {"phone_number": 12}}',
    b'{"event_id": "x", "params": {"From": "whatsapp:+57"}, "received_at": "2025-01-01T00:00:00Z"}',
    json.dumps({"x": "y" * _LARGE}).encode(),
)
_CODECS = (None, "gzip", "snappy", "lz4", "zstd")


async def poison(world: World) -> None:
    """Put all kinds into each topic, keyed and unkeyed, on partitions of their own choice, in every compression; and one
    with headers that are no text.
    """
    world.strikes()
    servers = world.kafka.bootstrap_servers
    for number, codec in enumerate(_CODECS):
        records = [
            # A record has a key or a value at least: aiokafka sends no other.
            Record(topic, value, b"+573100000001" if value is None or place % 2 else None, None if place % 2 else place % 8)
            for place, value in enumerate(_VALUES)
            for topic in _TOPICS
            if place % len(_CODECS) == number
        ]
        await topics.produce(servers, records, codec)
    for topic in _TOPICS:
        await produce_raw_header(servers, topic, b"+573100000001", b"{", partition=0)


async def misplace(world: World, clients: Clients) -> None:
    """Good messages under a wrong key or on a wrong partition: each must be answered."""
    records = []
    for place, number in enumerate(clients.numbers[:16]):
        sid, text = f"SM{place:032x}", f"m{number.lstrip('+')}xmisplaced{place}"
        now = time.time()
        clients.written.append(Written(number, text, sid, now, now + 1))
        params = {"MessageSid": sid, "From": f"whatsapp:{number}", "To": "whatsapp:+14155238886", "Body": text}
        value = json.dumps({"event_id": sid, "received_at": "2025-10-28T10:00:00Z", "params": params}).encode()
        wrong_key = place % 2 == 0
        records.append(Record(topics.MESSAGES, value, b"someone" if wrong_key else number.encode(), place % 8))
    await topics.produce(world.kafka.bootstrap_servers, records)


async def all_buried(world: World, clients: Clients) -> None:
    """Every poisoned record of a topic that is read by the worker lies in the dead letters, once, with its reason."""
    found: Counter[str] = Counter()
    for value in await topics.values(world.kafka.bootstrap_servers, topics.DEAD_LETTERS):
        with suppress(ValueError, TypeError, KeyError):  # our own poison lies there as well
            letter = json.loads(value)
            found[letter["topic"]] += bool(letter["reason"])
    for topic in _READ:
        if found[topic] != len(_VALUES) + 1:
            world.problems.append(f"{found[topic]} dead letters of {topic}, {len(_VALUES) + 1} expected")
