"""Of two replays that write to clients once more on one topic, the second does not begin."""

import asyncio
import sys
import uuid

import pytest
import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cli.replay import Options, run_replay
from clients.kafka.topics import ensure_topics
from db.pool import Pool
from db.readers import replays
from schemas.documents import now
from schemas.errors import InvalidInput
from schemas.events import InboundMessage
from schemas.settings import Settings, load_settings
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE

_AT_ONCE = 8
_NUMBER = "+573138000001"
_AGAIN = Options(
    topic=INBOUND_MESSAGE,
    since="1h",
    until=None,
    from_offset=None,
    to_offset=None,
    mode="again",
    number=None,
    batch=None,
    only=None,
    rate=100.0,
    identity=None,
    into=None,
    catch_up=False,
    dry_run=False,
    yes=False,
    as_json=False,
)


@pytest.fixture
async def settings(kafka_bootstrap: str, database_url: str) -> Settings:
    """A topic with one message."""
    found = load_settings(
        {},
        kafka_bootstrap_servers=kafka_bootstrap,
        database_url=database_url,
        topic_prefix=f"t{uuid.uuid4().hex[:8]}-",
        topic_partitions=1,
    )
    await ensure_topics(found)
    params = {"From": f"whatsapp:{_NUMBER}", "Body": "hola"}
    event = InboundMessage(event_id="SM1", received_at=now(), params=params)
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        await producer.send_and_wait(f"{found.topic_prefix}{INBOUND_MESSAGE}", event.to_json(), b"k")
    return found


async def _events(settings: Settings) -> int:
    place = TopicPartition(f"{settings.topic_prefix}{INBOUND_MESSAGE}", 0)
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers) as consumer:
        return int((await consumer.end_offsets([place]))[place])


async def test_of_those_that_begin_at_once_one_begins(pool: Pool) -> None:
    async def begin(identity: str, topic: str = INBOUND_MESSAGE, mode: str = "again") -> str | None:
        return await replays.begin(pool, identity, topic, mode, {})

    names = [f"r{place}" for place in range(_AT_ONCE)]
    others = await asyncio.gather(*map(begin, names))
    [begun] = [name for name, other in zip(names, others, strict=True) if other is None]
    assert set(others) == {None, begun}
    assert await pool.fetchval("SELECT array_agg(id) FROM conversation_replay") == [begun]
    assert await begin("elsewhere", topic=CALL_COMPLETED) is None
    assert await begin("resumed", mode="resume") is None
    assert await begin("too early") == begun
    await replays.end(pool, begun)
    assert await begin("later") is None


async def test_one_that_began_while_the_question_was_open_is_named(
    settings: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    def answered_late(*_: object, **__: object) -> str:
        other = replays.begin(pool, "the-other", INBOUND_MESSAGE, "again", {})
        assert asyncio.run_coroutine_threadsafe(other, loop).result() is None
        return "1"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", answered_late)
    with pytest.raises(InvalidInput, match=r"^--mode: .*go on with --id the-other"):
        await asyncio.to_thread(run_replay, settings, _AGAIN)
    assert await pool.fetchval("SELECT array_agg(id) FROM conversation_replay") == ["the-other"]
    assert await _events(settings) == 1
