"""A replay of thousands of events on real Kafka and store: planned, published once, in order, resumed."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from clients.kafka.producer import Producer
from clients.kafka.topics import ensure_topics
from db.pool import Pool
from db.queries import load
from schemas.documents import now
from schemas.events import InboundMessage
from schemas.replay_mark import Mark
from schemas.settings import Settings, load_settings
from schemas.topics import INBOUND_MESSAGE
from streams.replay.reader import Record
from streams.replay.session import Order, Session
from streams.replay.window import Window

_EVENTS, _NUMBERS, _PARTITIONS = 3000, 50, 4
_RATE = 10_000.0
_sql = load("replay")


def number(place: int) -> str:
    return f"+573138{place % _NUMBERS:06d}"


@pytest.fixture
async def settings(kafka_bootstrap: str) -> Settings:
    """Topics of the test's own, with all events in them."""
    found = load_settings(
        {},
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=f"t{uuid.uuid4().hex[:8]}-",
        topic_partitions=_PARTITIONS,
    )
    await ensure_topics(found)
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, linger_ms=20) as producer:
        for place in range(_EVENTS):
            params = {"From": f"whatsapp:{number(place)}", "Body": str(place)}
            event = InboundMessage(event_id=f"SM{place}", received_at=now(), params=params)
            await producer.send(
                f"{found.topic_prefix}{INBOUND_MESSAGE}", event.to_json(), number(place).encode()
            )
    return found


async def taken_up(pool: Pool, places: range) -> None:
    await pool.execute(
        """INSERT INTO conversation_seen (kind, event_id, phone_number, at)
           SELECT 'message', 'SM' || place, '', now() FROM unnest($1::int[]) AS place""",
        list(places),
    )


def session(settings: Settings, pool: Pool, window: Window, positions: dict[int, int]) -> Session:
    order = Order(topic=INBOUND_MESSAGE, window=window, mode="resume", rate=_RATE)
    return Session(settings, pool, order, "rp1", positions, {})


async def records(settings: Settings) -> list[Record]:
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers) as consumer:
        places = [TopicPartition(f"{settings.topic_prefix}{INBOUND_MESSAGE}", n) for n in range(_PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends, found = await consumer.end_offsets(places), list[Record]()
        async with asyncio.timeout(60):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for raws in (await consumer.getmany(timeout_ms=500)).values():
                    found += [
                        Record(INBOUND_MESSAGE, r.partition, r.offset, r.key, r.value, now(), r.headers)
                        for r in raws
                    ]
        return found


async def test_thousands_are_planned_published_once_in_order_and_resumed(
    settings: Settings, pool: Pool
) -> None:
    await taken_up(pool, range(0, _EVENTS, 3))
    producer = Producer(settings)
    await producer.start()
    try:
        window = Window(since=now() - timedelta(hours=1), until=now() + timedelta(milliseconds=1))
        await pool.execute(_sql.begin, "rp1", INBOUND_MESSAGE, "resume", {})
        first = session(settings, pool, window, {})
        async with first.reader() as reader:
            assert reader.total == _EVENTS
            plan = await first.plan(reader, lambda count: None)
        assert plan.outcomes == {"done": _EVENTS // 3, "new": _EVENTS - _EVENTS // 3}
        assert len(await records(settings)) == _EVENTS  # a plan writes nothing
        counts: list[int] = []
        with pytest.raises(asyncio.CancelledError):  # interrupted in the middle
            async with first.reader() as reader:
                await first.publish(reader, producer, lambda count: _stop_after(counts, count))
        row = await pool.fetchrow(_sql.find, "rp1")
        assert row is not None
        assert 0 < row["published"] < plan.published
        rest = session(settings, pool, window, {int(n): offset for n, offset in row["positions"].items()})
        async with rest.reader() as reader:
            await rest.publish(reader, producer, lambda count: None)
    finally:
        await producer.stop()
    again = await records(settings)
    marked = [
        InboundMessage.from_json(each.value or b"") for each in again if Mark.of(each.headers) is not None
    ]
    at_first = [
        InboundMessage.from_json(each.value or b"") for each in again if Mark.of(each.headers) is None
    ]
    assert sorted(each.event_id for each in marked) == sorted(f"SM{n}" for n in range(_EVENTS) if n % 3)
    for place in range(_NUMBERS):
        published = [each.event_id for each in marked if each.key == number(place)]
        assert published == [
            each.event_id for each in at_first if each.key == number(place) and int(each.body) % 3
        ]


async def test_what_comes_after_the_plan_is_not_published_again(settings: Settings, pool: Pool) -> None:
    """A window without an end ends where its topic ended, also for who goes on with it later."""
    await pool.execute(_sql.begin, "rp1", INBOUND_MESSAGE, "resume", {})
    planned = session(settings, pool, Window(since=now() - timedelta(hours=1)), {})
    async with planned.reader() as reader:
        plan = await planned.plan(reader, lambda count: None)
    producer = Producer(settings)
    await producer.start()
    try:
        params = {"From": f"whatsapp:{number(0)}", "Body": "después"}
        late = InboundMessage(event_id="SMlate", received_at=now(), params=params)
        await producer.send(INBOUND_MESSAGE, number(0).encode(), late.to_json())
        async with planned.reader() as reader:
            done = await planned.publish(reader, producer, lambda count: None)
    finally:
        await producer.stop()
    assert (plan.published, done.published) == (_EVENTS, _EVENTS)
    marked = [each for each in await records(settings) if Mark.of(each.headers) is not None]
    assert b"SMlate" not in b"".join(each.value or b"" for each in marked)


def _stop_after(counts: list[int], count: int) -> None:
    counts.append(count)
    if sum(counts) > _EVENTS // 2:
        raise asyncio.CancelledError
