"""A database that lacks what its own log has told takes nothing up until it has been rebuilt."""

import uuid
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from clients.kafka.producer import Producer
from clients.kafka.topics import ensure_topics
from db.pool import Pool
from db.store.publication import lost_events
from schemas.documents import now
from schemas.events import ConversationEvent
from schemas.settings import Settings, load_settings
from schemas.topics import CONVERSATION_EVENT
from tests.support.chat import policy_of
from tests.support.deadline import eventually
from tests.support.full_life import play
from tests.support.processes import code_of, environment, running
from tests.support.rebuild import ERASED, PHONES
from tests.support.servers import Databases
from tests.support.told_chat import World, world

_LINE = "configuration error: DATABASE_URL: Postgres lacks events that the log has, such as "


@pytest.fixture
async def lived(pool: Pool) -> World:
    """A world of somebody who was erased, and somebody who was not."""
    lived = await world(pool, policy_of())
    play(lived.chat(PHONES[0]))
    play(lived.chat(ERASED))
    lived.chat(ERASED).command("erase")
    await lived.save()
    return lived


def told(lived: World) -> list[ConversationEvent]:
    return [ConversationEvent.from_json(record.value or b"") for record in lived.topic.records]


async def test_what_was_written_kept_or_erased_is_not_lost(lived: World, pool: Pool) -> None:
    events = told(lived)
    assert {each.phone_number for each in events} == {PHONES[0], ERASED}
    assert await lost_events(pool, events) == []
    await pool.execute("DELETE FROM conversation_log")
    assert await lost_events(pool, events) == [], "retention does that behind a snapshot"


async def test_what_came_after_is_and_what_a_rebuild_has_looked_at_is_not(lived: World, pool: Pool) -> None:
    last = [each for each in told(lived) if each.phone_number == PHONES[0]][-1]
    news = last.model_copy(update={"number": last.number + 1, "at": now()})
    anew = [each for each in told(lived) if each.phone_number == ERASED][-1]
    after = anew.model_copy(update={"at": now() + timedelta(seconds=1), "conversation_id": 99})
    assert await lost_events(pool, [last, news, after]) == [news, after]
    await pool.execute("INSERT INTO conversation_restore VALUES (now() AT TIME ZONE 'UTC' + interval '2 s')")
    assert await lost_events(pool, [last, news, after]) == []


async def test_a_worker_takes_nothing_up_until_it_has_been_rebuilt(
    lived: World, databases: Databases, migrated: str, kafka_bootstrap: str, tmp_path: Path
) -> None:
    """The log is that of another database: this one was lost, and none of it is here."""
    url = (await databases.create(migrated))[1]
    env = environment(url, kafka_bootstrap, TOPIC_PREFIX=f"t{uuid.uuid4().hex[:8]}.")
    await ensure_topics(load_settings(env))
    await _publish(load_settings(env), lived)
    before, rebuild, after = (tmp_path / f"{name}.log" for name in ("before", "rebuild", "after"))
    async with running("worker", env, before) as process:
        assert await code_of(process) == 2
    [line] = [each for each in before.read_text().splitlines() if each.startswith("configuration error")]
    assert line.startswith(_LINE)
    assert line.endswith("`whatsapp-microservice replay conversation-event --mode rebuild --catch-up`")
    options = ("conversation-event", "--mode", "rebuild", "--catch-up", "--yes")
    async with running("replay", env, rebuild, *options) as process:
        assert await code_of(process) == 0, rebuild.read_text()
    async with running("worker", env, after) as process:
        await eventually(lambda: _is_at_work(env), seconds=30)
        assert process.returncode is None


async def _publish(settings: Settings, lived: World) -> None:
    producer = Producer(settings)
    await producer.start()
    try:
        records = [((record.key or b""), record.value or b"", []) for record in lived.topic.records]
        await producer.send_marked(CONVERSATION_EVENT, records)
    finally:
        await producer.stop()


async def _is_at_work(env: dict[str, str]) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{env['WORKER_PORT']}/partitions")
            view = answer.raise_for_status().json()
        except httpx.HTTPError:
            return False
    return bool(view["owned"])
