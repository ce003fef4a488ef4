"""How many records in Kafka a consumer group has not finished."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from clients.kafka.connection import REQUEST_TIMEOUT_MS, connection_arguments, consumer_arguments
from schemas.errors import Unavailable
from schemas.settings import Settings

T = TypeVar("T")


class GroupLag:
    """A look at a consumer group from outside, joining no group. `look_up_seconds`: of three look-ups."""

    def __init__(self, settings: Settings, group: str, look_up_seconds: float) -> None:
        self._group = f"{settings.topic_prefix}{group}"
        self.seconds = look_up_seconds
        self._admin = AIOKafkaAdminClient(
            **connection_arguments(settings), request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        self._looks = set[asyncio.Task[Any]]()
        self.consumer = AIOKafkaConsumer(**consumer_arguments(settings))

    async def start(self) -> None:
        await self._admin.start()
        await self.consumer.start()

    async def stop(self) -> None:
        for look in self._looks:
            look.cancel()
        await self.consumer.stop()
        await self._admin.close()

    async def behind(self, partitions: list[TopicPartition]) -> int:
        """Return the number of records after the committed offsets.

        Raises:
            Unavailable: Kafka does not answer in time.
        """
        return await self.in_time(self._look_up(partitions))

    async def in_time(self, look: Coroutine[Any, Any, T]) -> T:
        """Return a look-up's result.

        One that takes longer goes on in the background: its request's own time-out ends a connection to a
        broker that is gone.

        Raises:
            Unavailable: Kafka does not answer in time.
        """
        task = asyncio.create_task(look)
        self._looks.add(task)
        task.add_done_callback(self._looked)
        done, _ = await asyncio.wait({task}, timeout=self.seconds)
        if not done:
            raise Unavailable("Kafka does not answer")
        try:
            return task.result()
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("Kafka does not answer") from error

    def _looked(self, task: asyncio.Task[Any]) -> None:
        self._looks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio would report it as never retrieved

    async def _look_up(self, partitions: list[TopicPartition]) -> int:
        committed = await self._admin.list_consumer_group_offsets(self._group, partitions=partitions)
        begun = {tp: found.offset for tp, found in committed.items() if found.offset >= 0}
        if untouched := [tp for tp in partitions if tp not in begun]:
            begun |= await self.consumer.beginning_offsets(untouched)
        ends = await self.consumer.end_offsets(partitions)
        return sum(max(0, ends[tp] - begun[tp]) for tp in partitions)
