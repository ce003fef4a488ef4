"""Those who write now are handed over ahead of what waits, and released in their turn."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from rules.inputs import Recovered
from schemas.errors import Unavailable
from schemas.events import InboundMessage
from schemas.topics import REPLAY_HEADER
from streams.actors.ahead import Ahead
from streams.actors.records import Arrived
from streams.actors.turns import Early, Turns
from streams.actors.values import Told
from streams.engine.following import Followed, Poll
from streams.engine.offsets import TopicPartition

ANA, EVA = "+573138539155", "+573138539156"
_NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
_SECONDS = _NOW.timestamp()
_MARK = b"r1;again;inbound-message/0/7;2026-03-02T14:00:00+00:00"


def record(
    offset: int, number: str, *, now: bool = False, headers: Sequence[tuple[str, bytes]] = ()
) -> Followed:
    event = {
        "event_id": f"SM{offset}",
        "received_at": _NOW.isoformat(),
        "params": {"From": f"whatsapp:{number}", "MessageSid": f"SM{offset}"},
    }
    at = _SECONDS if now else _SECONDS - 60
    return Followed(0, offset, number.encode(), json.dumps(event).encode(), headers, at)


class World:
    """A topic with records, those who read it, and mailboxes that take everything."""

    generation = 3

    def __init__(self, *records: Followed) -> None:
        self.records = list(records)
        self.position = 0
        self.unread = 1000
        self.is_away = False
        self.error: Exception | None = None
        #: What was handed over, oldest first.
        self.handed: list[str] = []
        self.early: list[Early] = []
        self.polls = 0
        self.turns = Turns()
        self.ahead = Ahead(
            self,
            self.read,
            self.follow,
            self.turns,
            positions=lambda: {0: self.position},
            unread=lambda: self.unread,
            assigned_at=lambda: _NOW - timedelta(seconds=30),
            partition_of=lambda key: 0,
            now=lambda: _NOW,
            sender="+14155238886",
        )

    async def put(
        self,
        source: TopicPartition,
        offset: int,
        key: str,
        told: Told,
        token: object,
        generation: int,
        *,
        urgent: bool,
    ) -> None:
        assert (source.partition, generation, urgent) == (0, 3, False)
        assert told.origin[0].topic == "inbound-message"
        assert told.event is not None
        assert isinstance(token, Early)
        self.handed.append(told.event[1])
        self.early.append(token)

    async def read(self, arrived: Sequence[Arrived]) -> list[Told]:
        if self.is_away:
            raise Unavailable("Postgres does not answer")
        return [Told(given=Recovered(), event=("message", self._id(each))) for each in arrived]

    def _id(self, arrived: Arrived) -> str:
        assert isinstance(arrived.event, InboundMessage)
        return arrived.event.event_id

    @asynccontextmanager
    async def follow(self, starts: Mapping[int, int]) -> AsyncIterator[Poll]:
        assert starts == {0: self.position}

        async def poll() -> list[Followed]:
            await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
            self.polls += 1
            found, self.records = self.records, []
            return found

        yield poll

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                await asyncio.sleep(0)

    async def after_polls(self, count: int) -> None:
        until = self.polls + count
        await self.until(lambda: self.polls >= until)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.ahead.while_behind())
        await self.after_polls(2)
        yield
        task.cancel()

    async def in_turn(self, each: Followed) -> Early | None:
        """Hand a record over in its turn; return it if it went ahead."""
        async with self.turns.of(each.key):
            early = self.turns.reached(0, each.offset, self.generation)
            if early is None:
                self.handed.append(f"SM{each.offset} in turn")
            self.position = each.offset + 1
            self.turns.passed(each.key, each.partition, each.offset, self.generation)
        return early


async def test_they_go_ahead_in_their_own_order_and_nobody_else_does() -> None:
    world = World(record(0, EVA), record(1, ANA), record(2, EVA), record(3, ANA), record(4, ANA, now=True))
    async with world.working():
        assert world.handed == ["SM1", "SM3", "SM4"]
        world.records = [record(5, EVA), record(6, ANA, now=True)]
        await world.after_polls(2)
        assert world.handed == ["SM1", "SM3", "SM4", "SM6"]


async def test_a_record_is_released_when_it_is_durable_and_its_turn_has_come() -> None:
    first, second = record(0, ANA), record(1, ANA, now=True)
    world, released = World(first, second), list[int]()
    async with world.working():
        world.early[0].ack()
        for each in (first, second):
            early = await world.in_turn(each)
            assert early is not None
            early.reached(lambda offset=each.offset: released.append(offset))  # type: ignore[misc]
        assert released == [0]
        world.early[1].ack()
        assert released == [0, 1]
    assert world.handed == ["SM0", "SM1"]


async def test_what_was_handed_over_in_turn_does_not_go_ahead() -> None:
    records = [record(0, ANA), record(1, ANA), record(2, ANA, now=True)]
    world = World(records[0])
    async with world.working():
        await world.in_turn(records[0])
        world.records = records
        await world.after_polls(2)
    assert world.handed == ["SM0 in turn", "SM1", "SM2"]


async def test_a_number_that_is_handed_over_in_turn_is_waited_for() -> None:
    world = World()
    async with world.working():
        async with world.turns.of(ANA.encode()):
            world.records = [record(0, ANA), record(1, ANA, now=True)]
            await world.after_polls(1)
            await asyncio.sleep(0)
            assert world.handed == []
            world.position = 1
            world.turns.passed(ANA.encode(), 0, 0, world.generation)
        await world.until(lambda: world.handed == ["SM1"])


@pytest.mark.parametrize(
    "odd",
    [
        record(0, ANA, headers=[(REPLAY_HEADER, _MARK)]),
        record(0, ANA)._replace(value=b'{"From":"whatsapp:%s"}' % ANA.encode()),  # no message
    ],
)
async def test_a_number_with_something_extraordinary_waits_for_its_turn(odd: Followed) -> None:
    world = World(odd, record(1, ANA, now=True), record(2, EVA, now=True))
    async with world.working():
        assert world.handed == ["SM2"]
        assert await world.in_turn(odd) is None
        world.records = [record(3, ANA, now=True)]
        await world.after_polls(2)
        assert world.handed == ["SM2", "SM0 in turn"], "the one before it has not been handed over"
        assert await world.in_turn(record(1, ANA)) is None
        await world.after_polls(2)
    assert world.handed == ["SM2", "SM0 in turn", "SM1 in turn", "SM3"]


async def test_our_own_number_is_nobody_who_writes() -> None:
    world = World(record(0, "+14155238886", now=True))
    async with world.working():
        assert world.handed == []


async def test_it_is_tried_again_while_postgres_is_away() -> None:
    world = World(record(0, ANA, now=True))
    world.is_away = True
    async with world.working():
        assert world.handed == []
        world.is_away = False
        await world.until(lambda: world.handed == ["SM0"])


async def test_it_ends_when_few_wait_and_when_partitions_move() -> None:
    world = World(record(0, EVA))
    task = asyncio.create_task(world.ahead.while_behind())
    await world.after_polls(2)
    world.unread = 10
    await world.until(task.done)
    assert world.turns.backlog is None
    world.unread = 1000
    task = asyncio.create_task(world.ahead.while_behind())
    await world.after_polls(2)
    world.generation = 4
    world.records = [record(0, ANA, now=True)]
    await world.until(task.done)
    assert world.handed == []
    assert world.turns.reached(0, 0, 4) is None


@pytest.mark.parametrize("error", [Unavailable("Kafka does not answer"), RuntimeError("a bug")])
async def test_if_it_cannot_be_done_all_wait_for_their_turn(error: Exception) -> None:
    world = World(record(0, ANA, now=True))
    world.error = error
    await world.ahead.while_behind()
    assert (world.handed, world.turns.backlog) == ([], None)
    world.error = None
    async with world.working():
        assert world.handed == ["SM0"]
