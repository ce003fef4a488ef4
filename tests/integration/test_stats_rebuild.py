"""`stats --rebuild` during conversations: from the real topic as far as it reaches, else from Postgres."""

import json
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from clients.kafka.producer import partition_of
from db.pool import Pool
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, STATS_CHANGELOG, topic_name
from tests.integration.conftest import Command
from tests.support.servers import needs_apache
from tests.support.stats_process import StatsProcess
from tests.support.stats_world import CHATS, StatsWorld
from tests.support.stored_chat import StoredChat

_PARTITIONS = 4


class Falsifier:
    """Writes wrong records into a stopped worker's changelog: its agent takes all events for counted."""

    def __init__(self, producer: AIOKafkaProducer, settings: Settings, worker: StatsProcess) -> None:
        self._producer = producer
        self._changelog = topic_name(settings.topic_prefix, STATS_CHANGELOG)
        self._worker = worker

    async def falsify(self, chats: list[StoredChat]) -> None:
        records = [await self._record(chat) for chat in chats]
        assert await self._worker.stop() == 0
        for record in records:
            record |= {"received": record["received"] + 7, "status": "closed"}
            key, value = json.dumps(record["phone_number"]).encode(), json.dumps(record).encode()
            await self._producer.send_and_wait(self._changelog, value, key, partition=record["partition"])
        await self._worker.start()
        await self._worker.ready()

    async def _record(self, chat: StoredChat) -> dict[str, Any]:
        found = await self._worker.get(f"/records?partition={partition_of(chat.state.key, _PARTITIONS)}")
        assert found is not None
        (record,) = [each for each in found.json()["records"] if each["phone_number"] == chat.state.key]
        return dict(record)


@needs_apache
async def test_the_topic_is_used_as_far_as_it_reaches(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings, pool: Pool, command: Command
) -> None:
    worker, world = workers[0], StatsWorld(pool, producer, settings)
    chats = await world.begin()
    await world.publish()
    await worker.start()
    await worker.ready()
    await world.talk(chats)
    assert (await command(worker, check=True))[0] == 0
    falsifier = Falsifier(producer, settings, worker)
    await falsifier.falsify(chats[:3])
    code, found = await command(worker, check=True)
    assert (
        code,
        len({each["conversation"] for each in found["differences"] if each["field"] == "received"}),
    ) == (1, 3)

    async with world.going_on(chats):
        code, found = await command(worker, rebuild="topic")
    _check_rebuilt(code, found, from_topic=CHATS, from_postgres=0)
    code, found = await command(worker, check=True)
    assert (code, found["differences"]) == (0, [])

    await falsifier.falsify(chats[:3])
    cut = partition_of(chats[0].state.key, _PARTITIONS)
    await _forget(settings, cut)
    async with world.going_on(chats):
        code, found = await command(worker, rebuild="topic")
    of_postgres = sum(partition_of(chat.state.key, _PARTITIONS) == cut for chat in chats)
    _check_rebuilt(code, found, from_topic=CHATS - of_postgres, from_postgres=of_postgres)
    code, found = await command(worker, check=True)
    assert (code, found["differences"]) == (0, [])


def _check_rebuilt(code: int, found: Any, **counts: int) -> None:  # noqa: ANN401
    """Records that were only behind at that moment differ, too."""
    changed = found["rebuilt"].pop("changed")
    assert (code, found["rebuilt"]) == (0, {"looked_at": CHATS} | counts)
    assert changed >= 3


async def _forget(settings: Settings, partition: int) -> None:
    """What retention does: the topic no longer has what it had."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        place = TopicPartition(settings.topic_prefix + CONVERSATION_EVENT, partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=-1)})
    finally:
        await admin.close()
