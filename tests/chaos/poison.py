"""Poison of every kind in every topic, and good records where they do not belong."""

import asyncio
import json
import math
import time
from collections import Counter

from tests.chaos import odd_clients, strangers, topics
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
_ODD_LETTER = json.dumps(
    {
        "topic": "elsewhere",
        "partition": 3_000_000_000,
        "offset": 0,
        "reason": "r",
        "details": "d",
        "tries": 1,
        "key_base64": None,
        "value_base64": None,
        "at": "2025-10-28T10:00:00Z",
    }
).encode()
_CODECS = (None, "gzip", "snappy", "lz4", "zstd")


async def poison(world: World) -> None:
    """Put all kinds of bytes into each topic, while odd clients and strangers do what they can think of."""
    world.strikes()
    await asyncio.gather(_into_the_topics(world), odd_clients.write(world), strangers.come(world))


async def _into_the_topics(world: World) -> None:
    """Write the records keyed and unkeyed, to chosen partitions, in every compression.

    One more has headers that are not text.
    """
    servers = world.kafka.bootstrap_servers
    for number, codec in enumerate(_CODECS):
        records = [
            # A record has at least a key or a value: aiokafka sends no other.
            Record(
                topic,
                value,
                b"+573100000001" if value is None or place % 2 else None,
                None if place % 2 else place % 8,
            )
            for place, value in enumerate(_VALUES)
            for topic in _TOPICS
            if place % len(_CODECS) == number
        ]
        await topics.produce(servers, records, codec)
    await topics.produce(servers, [Record("dead-letter", _ODD_LETTER, b"+573100000001")])
    for topic in _TOPICS:
        await produce_raw_header(servers, topic, b"+573100000001", b"{", partition=0)


async def prepare(world: World, clients: Clients) -> None:
    """Have the odd clients called, then write some good messages where they do not belong."""
    await odd_clients.call(world)
    await misplace(world, clients)


async def misplace(world: World, clients: Clients) -> None:
    """Write good messages under a wrong key or to a wrong partition: each must be answered."""
    records = []
    for place, number in enumerate(clients.numbers[:16]):
        sid, text = f"SM{place:032x}", f"m{number.lstrip('+')}xmisplaced{place}"
        # It enters its number's log when it is moved there: it has no order with what is written meanwhile.
        clients.written.append(Written(number, text, sid, time.time(), math.inf))
        params = {
            "MessageSid": sid,
            "From": f"whatsapp:{number}",
            "To": "whatsapp:+14155238886",
            "Body": text,
        }
        value = json.dumps(
            {"event_id": sid, "received_at": "2025-10-28T10:00:00Z", "params": params}
        ).encode()
        wrong_key = place % 2 == 0
        records.append(
            Record(topics.MESSAGES, value, b"someone" if wrong_key else number.encode(), place % 8)
        )
    await topics.produce(world.kafka.bootstrap_servers, records)


async def all_buried(world: World, clients: Clients) -> None:
    """Check that all poison was buried.

    Every poisoned record of a topic that the worker reads is in the dead letters once, with its reason. Each
    odd client and stranger has its outcome, and whoever looks at the dead letters sees them.
    """
    await odd_clients.judge(world)
    found = Counter(
        letter["topic"] for letter in await topics.letters(world.kafka.bootstrap_servers) if letter["reason"]
    )
    wanted = Counter(odd_clients.LETTERS) + Counter({topic: len(_VALUES) + 1 for topic in _READ})
    for topic in _READ:
        if found[topic] != wanted[topic]:
            world.problems.append(f"{found[topic]} dead letters of {topic}, {wanted[topic]} expected")
    await strangers.judge(world)
