"""A worker: the product's heart on simulated ports, and a consumer like Faust's under `streams.engine`."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import KafkaError

from clients.vendors import Vendors
from db.pool import POSTGRES_ERRORS
from db.store.load import clock as database_clock
from process.periodic import every
from rules.policy import Policy
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE
from streams.actors.clock import DatabaseClock
from streams.actors.ids import Ids
from streams.engine.following import Followed, Poll
from streams.engine.intake import _take_surely
from streams.engine.membership import SESSION_TIMEOUT_SECONDS, Membership
from streams.engine.offsets import TopicPartition
from streams.worker.heart import Heart, Outside, build_heart
from tests.universe.builds import adds
from tests.universe.kafka import Kafka, Place, Producer, Stored
from tests.universe.postgres import Postgres, Way
from tests.universe.vendors import Agent, Backend, ElevenLabs, Messenger, Twilio
from tests.universe.world import Process, World

_HEARTBEAT_SECONDS, COMMIT_SECONDS = 2.0, 1.0
_RECORDS_A_POLL = 50
# Arrivals are announced. This covers what came between a look and the request to be told.
_POLL_SECONDS = 5.0
# Few, so that they run out now and then.
_IDS_AT_ONCE, _IDS_EVERY_SECONDS = 64, 1.0
_CLOCK_EVERY_SECONDS = 60.0
# Messages that are kept for minutes are swept more often.
_SWEEP_SECONDS = 20.0
# So few that those who write now go ahead whenever there is no room for a moment.
_FAR_BEHIND = 3
_FOLLOW_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class Services:
    """Everything outside, which outlives processes."""

    world: World
    settings: Settings
    policy: Policy
    kafka: Kafka
    postgres: Postgres
    twilio: Twilio
    elevenlabs: ElevenLabs
    backend: Backend


@dataclass(slots=True)
class Event:
    """A record as Faust gives it to an agent."""

    message: Any
    reader: "Reader"

    def ack(self) -> None:
        self.reader.acknowledged(Place(self.message.topic, self.message.partition), self.message.offset)


@dataclass(slots=True)
class Reader:
    """What one assignment has read and acknowledged. `done`: where to go on."""

    generation: int
    done: dict[Place, int] = field(default_factory=dict)
    committed: dict[Place, int] = field(default_factory=dict)

    def acknowledged(self, place: Place, offset: int) -> None:
        if place in self.done:
            self.done[place] = max(self.done[place], offset + 1)


class Worker:
    """A worker process. `heart` exists once it has begun; `tells_ends`: see `streams.actors.partitions`."""

    def __init__(self, services: Services, process: Process, build: int = 0) -> None:
        self._services, self.process, self.build = services, process, build
        self._kafka = services.kafka
        self.heart: Heart | None = None
        self.stopping: asyncio.Event | None = None
        self._tps: set[Place] = set()
        self._reader = Reader(0)
        self._must_rejoin = asyncio.Event()
        self._membership = Membership(lambda: process.world.now, SESSION_TIMEOUT_SECONDS)
        self.tells_ends = True

    # What `streams.actors.partitions` asks of Faust's consumer.

    def assignment(self) -> set[Place]:
        return set(self._tps)

    async def highwaters(self, *partitions: Place) -> Mapping[Place, int]:
        def ends() -> dict[Place, int]:
            return {place: len(self._kafka.log[place]) for place in partitions}

        topics = sorted({place.topic for place in partitions})
        found: Mapping[Place, int] = await self._call(" ".join(["ends", *topics]), ends)
        return found

    def highwater(self, tp: Place) -> int | None:
        return len(self._kafka.log[tp])

    def read_up_to(self, tp: Place, done: int) -> int:
        return done

    # Its life.

    async def main(self) -> None:
        """Run as in `streams.worker.run`; a task that ends, ends the process."""
        self.stopping = asyncio.Event()
        pool: Any = Way(self._services.postgres, self.process, adds(self.build))
        clock = DatabaseClock(lambda: self.process.world.now)
        await clock.set(lambda: database_clock(pool))
        world = self.process.world
        ids = await Ids.reserve(pool, world.new_id, world.random.random, _IDS_AT_ONCE)
        heart = self.heart = self._build(pool, clock, ids)
        sides = [
            heart.intake.work(),
            heart.ahead.work(),
            heart.publisher.work(),
            every(_IDS_EVERY_SECONDS, ids.refill),
            heart.hosting.watch_due(),
            heart.hosting.watch_fencing(),
            heart.partitions.watch_calls(),
            every(
                _SWEEP_SECONDS, heart.retention.sweep, forgive=POSTGRES_ERRORS, problem="old rows are left"
            ),
            every(_CLOCK_EVERY_SECONDS, lambda: clock.set(lambda: database_clock(pool))),
            self._consume(heart),
        ]
        tasks = [asyncio.create_task(each) for each in sides]
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            await self._stop(heart)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self.process.world.note("worker ends", self.process.name, type(error).__name__)
        self.process.kill()

    def _build(self, pool: Any, clock: DatabaseClock, ids: Ids) -> Heart:  # noqa: ANN401
        services, process = self._services, self.process
        agent = Agent(services.elevenlabs, process)
        world = process.world
        vendors: Any = Vendors(Messenger(services.twilio, process), agent, agent)  # type: ignore[arg-type]
        producer: Any = Producer(self._kafka, process)
        outside = Outside(
            settings=services.settings,
            partitions=self._kafka.partitions,
            pool=pool,
            producer=producer,
            vendors=vendors,
            session=services.backend.session(process),
            ids=ids,
            clock=clock,
            owner=process.name,
            steady=lambda: world.now,
            membership=self._membership,
            monotonic=process.loop.time,
            new_id=world.new_id,
            follow=self._following,
            far_behind=_FAR_BEHIND,
        )
        return build_heart(outside, services.policy, lambda: self)

    @asynccontextmanager
    async def _following(self, starts: Mapping[int, int]) -> AsyncIterator[Poll]:
        """Read on as `streams.engine.following` does."""
        at = {Place(INBOUND_MESSAGE, partition): offset for partition, offset in starts.items()}

        async def poll() -> list[Followed]:
            try:
                found = await self._call("fetch ahead", lambda: self._fetched(at))
            except KafkaError:
                found = []
            for each in found:
                at[Place(INBOUND_MESSAGE, each.partition)] = each.offset + 1
            if not found:
                await asyncio.sleep(_FOLLOW_SECONDS)
            return [
                Followed(
                    each.partition, each.offset, each.key, each.value, list(each.headers), each.timestamp
                )
                for each in found
            ]

        try:
            await self._call("connect ahead", lambda: None)
        except KafkaError as error:
            raise Unavailable("Kafka does not answer") from error
        yield poll

    async def _stop(self, heart: Heart) -> None:
        """Stop as on SIGTERM: take nothing new, finish what runs within the cap, give partitions back."""
        self.process.world.note("stopping", self.process.name)
        await self._drain(heart)
        await self._commit()
        await self._call("leave", lambda: self._kafka.leave(self.process.name), forgive=True)
        try:
            async with asyncio.timeout(5):
                await heart.ownership.give_back()
        except TimeoutError:
            pass

    async def _consume(self, heart: Heart) -> None:
        while True:
            generation, partitions = await self._join()
            self._membership.heard(0, self.process.world.now)
            self._must_rejoin.clear()
            beating = asyncio.create_task(self._beat(generation))
            await self._read_on(heart, generation, partitions)
            beating.cancel()

    async def _read_on(self, heart: Heart, generation: int, partitions: Collection[int]) -> None:
        topics = heart.intake.topics
        places = [Place(topic, partition) for topic in topics for partition in partitions]
        self._tps, self._reader = set(places), Reader(generation)
        await heart.partitions.assigned(self._tps)
        committed = await self._surely(
            "offsets", lambda: {p: self._kafka.group.committed.get(p, 0) for p in places}
        )
        self._reader.done, self._reader.committed = dict(committed), dict(committed)
        heart.partitions.sought(dict(committed))
        reading = [asyncio.create_task(self._read(heart, topic, committed)) for topic in topics]
        committing = asyncio.create_task(every(COMMIT_SECONDS, self._commit))
        await self._must_rejoin.wait()
        await self._drain(heart)
        for task in (*reading, committing):
            task.cancel()
        await self._commit()

    async def _drain(self, heart: Heart) -> None:
        """Drain. This may cut off what it cannot wait for."""
        self.process.is_draining = True
        try:
            await heart.partitions.drain()
        finally:
            self.process.is_draining = False

    async def _join(self) -> tuple[int, list[int]]:
        while True:
            joined: asyncio.Future[tuple[int, list[int]]] = self.process.loop.create_future()

            def tell(generation: int, partitions: list[int], joined: Any = joined) -> None:  # noqa: ANN401
                if self.process.is_alive and not joined.done():
                    joined.set_result((generation, partitions))

            try:
                await self._call(
                    "join",
                    lambda tell=tell: self._kafka.join(self.process.name, tell),  # type: ignore[misc]
                )
                async with asyncio.timeout(60):
                    return await joined
            except (KafkaError, TimeoutError):
                await asyncio.sleep(0.2)

    async def _beat(self, generation: int) -> None:
        name = self.process.name
        while True:  # also while it drains, or a drain would cost it its partitions
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            asked_at = self.process.world.now
            try:
                if await self._call("heartbeat", lambda: self._kafka.heartbeat(name, generation)):
                    self._must_rejoin.set()
                else:
                    self._membership.heard(0, asked_at)
            except KafkaError:
                continue

    async def _commit(self) -> None:
        reader = self._reader
        moved = {place: at for place, at in reader.done.items() if at > reader.committed.get(place, 0)}
        if not moved:
            return
        try:
            if await self._call(
                "commit", lambda: self._kafka.commit(self.process.name, reader.generation, moved)
            ):
                reader.committed.update(moved)
        except KafkaError:
            return

    async def _read(self, heart: Heart, topic: str, positions: Mapping[Place, int]) -> None:
        """Feed one topic's agent with the records of its partitions in turn."""
        at = {place: offset for place, offset in positions.items() if place.topic == topic}
        reader = self._reader
        while True:
            batch: list[Stored] = await self._surely(f"fetch {topic}", lambda: self._fetched(at))
            for stored in batch:
                await self._hand_over(heart, stored, reader)
                at[Place(topic, stored.partition)] = stored.offset + 1
            if not batch:
                await self._arrival(topic, at)

    def _fetched(self, at: Mapping[Place, int]) -> list[Stored]:
        found: list[Stored] = []
        for place, offset in at.items():
            found += self._kafka.read(place, offset, _RECORDS_A_POLL)
        return found

    async def _hand_over(self, heart: Heart, stored: Stored, reader: Reader) -> None:
        message = SimpleNamespace(
            topic=stored.topic,
            partition=stored.partition,
            offset=stored.offset,
            key=stored.key,
            value=stored.value,
            headers=list(stored.headers),
            timestamp=stored.timestamp,
        )
        await _take_surely(
            heart.intake, TopicPartition(stored.topic, stored.partition), Event(message, reader), 1.0
        )

    async def _arrival(self, topic: str, at: Mapping[Place, int]) -> None:
        if any(len(self._kafka.log[place]) > offset for place, offset in at.items()):
            return  # it came after the look
        arrived: asyncio.Future[None] = self.process.loop.create_future()

        def wake() -> None:
            if self.process.is_alive and not arrived.done():
                arrived.set_result(None)

        self._kafka.when_written(topic, lambda: self.process.world.after(self._kafka.service.latency(), wake))
        self.process.world.after(_POLL_SECONDS, wake)
        await arrived

    async def _surely(self, what: str, do: Any) -> Any:  # noqa: ANN401
        while True:
            try:
                return await self._call(what, do)
            except KafkaError:
                await asyncio.sleep(0.1)

    async def _call(self, what: str, do: Any, *, forgive: bool = False) -> Any:  # noqa: ANN401
        try:
            return await self._kafka.service.call(self.process, what, do)
        except KafkaError:
            if not forgive:
                raise
