"""How many records stand in Kafka that a consumer group has not finished."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from clients.kafka.connection import connection_arguments, consumer_arguments
from schemas.errors import Unavailable
from schemas.settings import Settings


class GroupLag:
    """Looks at a consumer group from outside; joins no group itself. `look_up_seconds`: of three look-ups."""

    def __init__(self, settings: Settings, group: str, look_up_seconds: float) -> None:
        self._group = f"{settings.topic_prefix}{group}"
        self.seconds = look_up_seconds
        self._admin = AIOKafkaAdminClient(**connection_arguments(settings))
        self.consumer = AIOKafkaConsumer(**consumer_arguments(settings))

    async def start(self) -> None:
        await self._admin.start()
        await self.consumer.start()

    async def stop(self) -> None:
        await self.consumer.stop()
        await self._admin.close()

    async def behind(self, partitions: list[TopicPartition]) -> int:
        """Return the number of records behind the committed offsets.

        Raises:
            Unavailable: Kafka does not answer in time.
        """
        try:
            async with asyncio.timeout(self.seconds):
                return await self._look_up(partitions)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("Kafka does not answer") from error

    async def _look_up(self, partitions: list[TopicPartition]) -> int:
        committed = await self._admin.list_consumer_group_offsets(self._group, partitions=partitions)
        begun = {tp: found.offset for tp, found in committed.items() if found.offset >= 0}
        if untouched := [tp for tp in partitions if tp not in begun]:
            begun |= await self.consumer.beginning_offsets(untouched)
        ends = await self.consumer.end_offsets(partitions)
        return sum(max(0, ends[tp] - begun[tp]) for tp in partitions)
