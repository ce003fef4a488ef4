"""Producers that each compress in their own way, and topics that are stored in yet another."""

from collections import Counter
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from clients.kafka.topic_configs import configurations
from schemas.topics import ALL_TOPICS
from tests.chaos import topics
from tests.chaos.clients import Clients
from tests.chaos.world import World

_CODECS = ("gzip", "snappy", "lz4", "zstd")
_NAMES = dict(enumerate(("none", *_CODECS)))
# Batches of each codec after each change of the topics; messages in each batch.
_ROUNDS = 5
_BATCH = 8
# In a batch on disk: where its length and attributes are, and what precedes the bytes that the length counts
# (Kafka's format v2).
_LENGTH, _ATTRIBUTES, _BEFORE = slice(8, 12), slice(21, 23), 12
_CODEC_BITS = 0x07


async def compress(world: World) -> None:
    """Have the broker store all topics in the next compression, while other producers send in every one."""
    await _keep_in(world, _CODECS[len(world.faults) % len(_CODECS)])
    world.strikes()
    assert world.clients is not None, "faults strike under load"
    for _ in range(_ROUNDS):
        for codec in (None, *_CODECS):
            await _write(world, world.clients, codec)


async def _write(world: World, clients: Clients, codec: str | None) -> None:
    """Have clients write messages that a gateway other than ours publishes."""
    messages = clients.write_elsewhere(_BATCH)
    await topics.produce(world.kafka.bootstrap_servers, [topics.message(each) for each in messages], codec)
    clients.acknowledge(messages)


async def _keep_in(world: World, codec: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap_servers)
    await admin.start()
    try:
        found = await configurations(admin, list(ALL_TOPICS))
        wanted = {name: found[name].own | {"compression.type": codec} for name in ALL_TOPICS}
        answers = await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs) for name, configs in wanted.items()]
        )
        assert not any(resource[0] for answer in answers for resource in answer.resources), answers
    finally:
        await admin.close()


async def all_read(world: World, clients: Clients) -> None:
    """Check that every compression occurred, and that nothing became a dead letter."""
    found = codecs_of(world.folder / "kafka", topics.MESSAGES)
    world.notes.append(
        "batches of messages on disk: " + ", ".join(f"{name} {found[name]}" for name in _NAMES.values())
    )
    if missing := set(_CODECS) - set(found):
        world.problems.append(f"never on disk: {sorted(missing)}")
    if letters := await topics.values(world.kafka.bootstrap_servers, topics.DEAD_LETTERS):
        world.problems.append(f"{len(letters)} dead letters, the first of them {letters[0][:200]!r}")


def codecs_of(data: Path, topic: str) -> Counter[str]:
    """Count a topic's batches by compression, as they are on the broker's disk."""
    found: Counter[str] = Counter()
    for segment in data.rglob(f"{topic}-[0-9]*/*.log"):
        left = memoryview(segment.read_bytes())
        while len(left) > _ATTRIBUTES.stop and (length := int.from_bytes(left[_LENGTH])):
            found[_NAMES[int.from_bytes(left[_ATTRIBUTES]) & _CODEC_BITS]] += 1
            left = left[_BEFORE + length :]
    return found
