"""How many events stand in Kafka that the workers have not finished."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import Unavailable
from schemas.kafka import connection_arguments
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE, topic_name

WORKER_GROUP = "whatsapp-worker"
# Three look-ups of milliseconds; whoever asks for `/stats` gives up after 1 s.
_LOOK_UP_SECONDS = 0.6


class Lag:
    """Looks at the worker's consumer group from outside; joins no group itself."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        topics = [topic_name(settings.topic_prefix, topic) for topic in (CALL_COMPLETED, INBOUND_MESSAGE)]
        self._partitions = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        self._group = f"{settings.topic_prefix}{WORKER_GROUP}"
        self._admin = AIOKafkaAdminClient(**connection_arguments(settings))
        self._consumer = AIOKafkaConsumer(**connection_arguments(settings))

    async def start(self) -> None:
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def unfinished(self) -> int:
        """Give the number of calls and messages behind the committed offsets.

        Raises:
            Unavailable: Kafka does not answer in time.
        """
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                return await self._look_up()
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("Kafka does not answer") from error

    async def _look_up(self) -> int:
        committed = await self._admin.list_consumer_group_offsets(self._group, partitions=self._partitions)
        begun = {tp: found.offset for tp, found in committed.items() if found.offset >= 0}
        if untouched := [tp for tp in self._partitions if tp not in begun]:
            begun |= await self._consumer.beginning_offsets(untouched)
        ends = await self._consumer.end_offsets(self._partitions)
        return sum(max(0, ends[tp] - begun[tp]) for tp in self._partitions)
