"""A statistics process: the product's counting, changelog and upkeep on simulated Kafka and connections."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from aiokafka.errors import KafkaError
from pydantic_core import from_json

from process.periodic import every
from schemas.topics import CONVERSATION_EVENT, STATS_CHANGELOG
from streams.stats.changes import Changes
from streams.stats.counting import Counting
from streams.stats.live import LiveRecords
from streams.stats.postgres import Rows
from streams.stats.record import latest
from streams.stats.upkeep import Upkeep
from tests.universe.group import Group, Place
from tests.universe.kafka import Kafka, Stored
from tests.universe.postgres import Way
from tests.universe.worker import COMMIT_SECONDS, Event, Reader, Services, Worker
from tests.universe.world import Process

_TRIED_AGAIN_SECONDS = 0.1


class Batch:
    """See aiokafka's builder."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, bytes | None]] = []

    def append(self, *, key: bytes, value: bytes | None, timestamp: None) -> bool:
        self.entries.append((key, value))
        return True

    def record_count(self) -> int:
        return len(self.entries)


class BatchProducer:
    """Sends whole batches, one after the other in each partition."""

    def __init__(self, kafka: Kafka, process: Process) -> None:
        self._kafka, self._process = kafka, process
        self._former: dict[int, asyncio.Task[None]] = {}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Task[None]":
        former = self._former.get(partition)
        task = self._former[partition] = asyncio.create_task(self._send(batch, topic, partition, former))
        return task

    async def _send(
        self, batch: Batch, topic: str, partition: int, former: "asyncio.Task[None] | None"
    ) -> None:
        if former is not None:
            await former
        left = list(batch.entries)

        def append() -> None:
            while left:
                self._kafka.append(topic, *left.pop(0), [], partition)

        while True:
            try:
                await self._kafka.service.call(self._process, f"send {topic}", append)
            except KafkaError:
                await asyncio.sleep(_TRIED_AGAIN_SECONDS)
            else:
                return


class Assignment:
    """What the product asks Faust about the group."""

    def __init__(self) -> None:
        self.ready = False
        self.rebalance = 0
        self.partitions: set[int] = set()

    def active(self) -> set[int]:
        return self.partitions


class StatsWorker(Worker):
    """A statistics process. `records` is there once it has begun."""

    def __init__(self, services: Services, group: Group, process: Process) -> None:
        super().__init__(replace(services, kafka=services.kafka.of_group(group)), process)
        self.assigned = Assignment()
        self.records: LiveRecords | None = None
        self.table: dict[str, Any] = {}

    async def main(self) -> None:
        """Run as in `streams.stats.run`."""
        self.stopping = asyncio.Event()
        settings, world = self._services.settings, self.process.world
        changes = Changes(settings, STATS_CHANGELOG, lambda error: self.process.kill())
        changes._producer = BatchProducer(self._kafka, self.process)
        table: Any = SimpleNamespace(data=self.table)
        assignment: Any = self.assigned
        self.records = LiveRecords(
            table,
            changes,
            assignment,
            partitions=self._kafka.partitions,
            zone=ZoneInfo(settings.stats_timezone),
            days_kept=settings.stats_days_kept,
            now=world.datetime,
        )
        pool: Any = Way(self._services.postgres, self.process)
        upkeep = Upkeep(self.records, Rows(pool, settings.stats_closed_kept_days), settings)
        counting = Counting(self.records, changes)
        tasks = [
            asyncio.create_task(each)
            for each in (upkeep.watch(), self._go_on(counting), self.stopping.wait())
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                world.violated(f"{self.process.name} ends: {error!r}")
        if self.stopping.is_set():
            await self._leave(counting)
        self.process.kill()

    async def _leave(self, counting: Counting) -> None:
        await counting.drain()
        await self._commit()
        await self._call("leave", lambda: self._kafka.leave(self.process.name), forgive=True)

    async def _go_on(self, counting: Counting) -> None:
        while True:
            generation, partitions = await self._join()
            self._must_rejoin.clear()
            beating = asyncio.create_task(self._beat(generation))
            await self._count_on(counting, generation, partitions)
            beating.cancel()

    async def _count_on(self, counting: Counting, generation: int, partitions: Collection[int]) -> None:
        places = [Place(CONVERSATION_EVENT, partition) for partition in partitions]
        self._tps, self._reader = set(places), Reader(generation)
        await counting.assigned(set(places))  # type: ignore[arg-type]  # Faust's pairs are alike
        await self._recover(partitions)
        committed = await self._surely(
            "offsets", lambda: {p: self._kafka.group.committed.get(p, 0) for p in places}
        )
        self._reader.done, self._reader.committed = dict(committed), dict(committed)
        self.assigned.partitions = set(partitions)
        self.assigned.ready = True
        reading = asyncio.create_task(self._read_events(counting, committed))
        committing = asyncio.create_task(every(COMMIT_SECONDS, self._commit))
        await self._must_rejoin.wait()
        self.assigned.ready = False
        self.assigned.rebalance += 1  # when it begins, as Faust does
        await counting.drain()
        for task in (reading, committing):
            task.cancel()
        await self._commit()

    async def _recover(self, partitions: Collection[int]) -> None:
        """Read the changelog's partitions, as `streams.stats.changelog` does."""
        for partition in partitions:
            log: list[Stored] = await self._surely(
                "fetch changelog",
                lambda partition=partition: list(self._kafka.log[Place(STATS_CHANGELOG, partition)]),
            )
            for stored in log:
                key, value = from_json(stored.key or b""), stored.value
                if value is None:
                    self.table.pop(key, None)
                else:
                    self.table[key] = latest(self.table.get(key), from_json(value))

    async def _read_events(self, counting: Counting, positions: dict[Place, int]) -> None:
        at, reader = dict(positions), self._reader
        while True:
            batch: list[Stored] = await self._surely(f"fetch {CONVERSATION_EVENT}", lambda: self._fetched(at))
            for stored in batch:
                await counting.take(Event(stored, reader))
                at[Place(CONVERSATION_EVENT, stored.partition)] = stored.offset + 1
            if not batch:
                await self._arrival(CONVERSATION_EVENT, at)
