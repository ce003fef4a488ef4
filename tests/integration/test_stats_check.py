"""`stats --check` and `--rebuild` with three stats workers that are killed and join during conversations."""

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from db.pool import Pool
from schemas.settings import Settings
from tests.integration.conftest import Command
from tests.support.deadline import eventually
from tests.support.stats_process import StatsProcess, never_partial
from tests.support.stats_world import CHATS, StatsWorld
from tests.support.stored_chat import StoredChat


async def test_tables_and_postgres_agree_whatever_happens(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings, pool: Pool, command: Command
) -> None:
    first, second, third = workers
    world = StatsWorld(pool, producer, settings)
    chats = await world.begin()
    await world.publish()
    await first.start()
    await eventually(lambda: _shows_all(first), 60)
    async with (
        world.going_on(chats),
        never_partial(workers, total_conversations_today=CHATS, active_conversations=CHATS),
    ):
        await second.start()
        await second.ready()
        await first.kill()
        await third.start()
        await third.ready()
        await first.start()
        await first.ready()
        assert await second.stop() == 0
    code, found = await command(third, check=True)
    assert (code, found["conversations"], found["differences"]) == (0, CHATS, [])

    await _lost_events_are_found(world, chats, third, command)
    await _changed_rows_are_told_and_made_again(pool, first, command)


async def _shows_all(worker: StatsProcess) -> bool:
    figures = await worker.figures()
    return figures is not None and figures["total_conversations_today"] == CHATS


async def _lost_events_are_found(
    world: StatsWorld, chats: list[StoredChat], worker: StatsProcess, command: Command
) -> None:
    """The record knows of its gap, and is made again from Postgres."""
    await world.talk(chats)
    chats[0].exchange("se pierde", "también")
    await chats[0].save()
    await world.publish(lose=chats[0].state.id)
    await world.talk(chats)
    code, found = await command(worker, check=True)
    assert (code, found["differences"]) == (0, [])


async def _changed_rows_are_told_and_made_again(pool: Pool, worker: StatsProcess, command: Command) -> None:
    """Somebody changes Postgres by hand: each difference is told, and gone after a rebuild."""
    changed: int = await pool.fetchval(
        "UPDATE conversation_state SET status = 'closed'"
        " WHERE id = (SELECT min(id) FROM conversation_state) RETURNING id"
    )
    await pool.execute(
        "DELETE FROM conversation_messages WHERE conversation_id = $1 AND direction = 'inbound'", changed
    )
    code, found = await command(worker, check=True, patience=3)
    assert code == 1
    assert {"status", "received"} <= {each["field"] for each in found["differences"]}
    assert all("*" in each["conversation"] or each["conversation"] == "all" for each in found["differences"])
    code, found = await command(worker, rebuild="postgres")
    assert (code, found["rebuilt"]["looked_at"], found["rebuilt"]["changed"]) == (0, CHATS, 1)
    code, found = await command(worker, check=True)
    assert (code, found["differences"]) == (0, [])


def test_numbers_are_spread_over_the_partitions() -> None:
    partitions = {(murmur2(f"+5731385390{number:02d}".encode()) & 0x7FFFFFFF) % 4 for number in range(CHATS)}
    assert partitions == set(range(4))
