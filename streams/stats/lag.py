"""How many events stand in Kafka that a group has not finished."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import Unavailable
from schemas.kafka import connection_arguments
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED, CONVERSATION_EVENT, DEAD_LETTER, INBOUND_MESSAGE, topic_name

WORKER_GROUP = "whatsapp-worker"
STATS_GROUP = "whatsapp-stats"
# Three look-ups of milliseconds; whoever asks for `/stats` gives up after 1 s.
_LOOK_UP_SECONDS = 0.6
_HOUR_SECONDS = 3600.0


class GroupLag:
    """Looks at a consumer group from outside; joins no group itself."""

    def __init__(self, settings: Settings, group: str, look_up_seconds: float = _LOOK_UP_SECONDS) -> None:
        self._group = f"{settings.topic_prefix}{group}"
        self._seconds = look_up_seconds
        self._admin = AIOKafkaAdminClient(**connection_arguments(settings))
        self._consumer = AIOKafkaConsumer(**connection_arguments(settings))

    async def start(self) -> None:
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def behind(self, partitions: list[TopicPartition]) -> int:
        """Give the number of records behind the committed offsets.

        Raises:
            Unavailable: Kafka does not answer in time.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._look_up(partitions)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("Kafka does not answer") from error

    async def _look_up(self, partitions: list[TopicPartition]) -> int:
        committed = await self._admin.list_consumer_group_offsets(self._group, partitions=partitions)
        begun = {tp: found.offset for tp, found in committed.items() if found.offset >= 0}
        if untouched := [tp for tp in partitions if tp not in begun]:
            begun |= await self._consumer.beginning_offsets(untouched)
        ends = await self._consumer.end_offsets(partitions)
        return sum(max(0, ends[tp] - begun[tp]) for tp in partitions)


class Lag(GroupLag):
    """Calls and messages that the workers have not finished."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        super().__init__(settings, WORKER_GROUP)
        topics = [topic_name(settings.topic_prefix, topic) for topic in (CALL_COMPLETED, INBOUND_MESSAGE)]
        self._partitions = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        dead = topic_name(settings.topic_prefix, DEAD_LETTER)
        self._dead = [TopicPartition(dead, number) for number in range(partitions)]

    async def unfinished(self) -> int:
        """Give their number; see `behind`."""
        return await self.behind(self._partitions)

    async def dead_letters(self) -> int:
        """Give the number of events that became dead letters within the last hour; see `behind`."""
        since = int((time.time() - _HOUR_SECONDS) * 1000)
        try:
            async with asyncio.timeout(self._seconds):
                first = await self._consumer.offsets_for_times(dict.fromkeys(self._dead, since))
                if not (found := {tp: at.offset for tp, at in first.items() if at is not None}):
                    return 0
                ends = await self._consumer.end_offsets(list(found))
        except (KafkaError, OSError, TimeoutError) as error:
            raise Unavailable("Kafka does not answer") from error
        return sum(ends[tp] - offset for tp, offset in found.items())


class EventLag(GroupLag):
    """Events that the statistics have not counted. Waits longer: it is asked by a command, not by a view."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, STATS_GROUP, look_up_seconds=10.0)
        self._topic = topic_name(settings.topic_prefix, CONVERSATION_EVENT)

    async def of(self, partition: int) -> int:
        """Give their number in a partition; see `behind`."""
        return await self.behind([TopicPartition(self._topic, partition)])
