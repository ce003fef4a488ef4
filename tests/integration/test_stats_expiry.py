"""What ended long ago leaves the statistics, and comes back whole when the client writes again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from db.pool import Pool
from schemas.settings import Settings
from tests.support.deadline import eventually
from tests.support.journal import Chat, ago, chat_on
from tests.support.stats_process import StatsProcess
from tests.support.stats_world import StatsWorld


async def _records(worker: StatsProcess) -> dict[str, Any] | None:
    """Give all records by number; None while they are not to be had."""
    found: dict[str, Any] = {}
    for partition in range(4):
        answer = await worker.get(f"/records?partition={partition}")
        if answer is None or answer.status_code != 200:
            return None
        found |= {record["phone_number"]: record for record in answer.json()["records"]}
    return found


async def _show(worker: StatsProcess, numbers: set[str]) -> dict[str, Any]:
    """Wait until the records are those of these numbers."""

    async def look() -> dict[str, Any] | None:
        found = await _records(worker)
        return found if found is not None and found.keys() == numbers else None

    return await eventually(look, 60) or {}


async def _long_ago(chat: Chat, days: int) -> None:
    """Everything that happened in the conversation happened so long ago, in rows and in events."""
    moved = f"- interval '{days} days'"
    conversation = await chat.pool.fetchval("SELECT id FROM conversation_state WHERE phone_number = $1", chat.number)
    whose = "WHERE conversation_id = $1"
    for statement in (
        f"UPDATE conversation_messages SET sent_at = sent_at {moved} {whose}",
        f"UPDATE conversation_history SET at = at {moved}, data = data || jsonb_build_object('started_at', at {moved})"
        f" {whose}",
        f"UPDATE conversation_state SET started_at = started_at {moved}, last_message_at = last_message_at {moved}"
        " WHERE id = $1",
    ):
        await chat.pool.execute(statement, conversation)
    for row in await chat.pool.fetch(
        "SELECT number, payload FROM conversation_outbox WHERE conversation_id = $1", conversation
    ):
        payload, at = row["payload"], (datetime.now(UTC) - timedelta(days=days)).isoformat()
        payload["at"] = at
        payload["data"] |= {name: at for name in ("received_at", "sent_at") if name in payload["data"]}
        if "row" in payload["data"]:
            payload["data"]["row"]["started_at"] = at
        await chat.pool.execute(
            "UPDATE conversation_outbox SET payload = $3 WHERE conversation_id = $1 AND number = $2",
            conversation, row["number"], payload,
        )  # fmt: skip


async def test_what_ended_long_ago_leaves_and_comes_back(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings, pool: Pool
) -> None:
    worker, world = workers[0], StatsWorld(pool, producer, settings)
    await worker.start()
    await eventually(worker.figures, 60)  # its first sweep is over: it found nothing
    first = await chat_on(pool)
    ended, open_, mixed = (Chat(pool, first.journal, number=f"+57313853900{n}", _written=n * 1000) for n in range(3))
    for chat, days in ((ended, 40), (open_, 40), (mixed, 20)):
        await chat.called(f"call {chat.number}")
        await _long_ago(chat, days)
    await pool.execute("UPDATE conversation_state SET status = 'closed' WHERE phone_number = $1", ended.number)
    await pool.execute(
        "UPDATE conversation_outbox SET payload = jsonb_set(payload, '{state,status}', '\"closed\"')"
        " WHERE phone_number = $1", ended.number,
    )  # fmt: skip
    begun = await mixed.write("hoy", at=ago(seconds=1))
    assert begun.turn is not None
    await world.publish()
    before = await _show(worker, {ended.number, open_.number, mixed.number})
    assert (before[ended.number]["status"], len(before[open_.number]["days"])) == ("closed", 1)
    assert len(before[mixed.number]["days"]) == 1  # its own newest day is today: what is older than eight goes at once

    assert await worker.stop() == 0
    await worker.start()  # each assignment is followed by a sweep
    await worker.ready()
    swept = await _show(worker, {open_.number, mixed.number})

    async def days_are_gone() -> bool:
        found = await _records(worker)
        return found is not None and found[open_.number]["days"] == {} and found[open_.number]["calls"] == []

    await eventually(days_are_gone, 60)
    assert swept[mixed.number]["days"].keys() == {datetime.now(UTC).date().isoformat()}
    assert await worker.stop() == 0
    await worker.start()  # gone from the changelog, too
    await worker.ready()
    await _show(worker, {open_.number, mixed.number})

    begun = await ended.write("¿siguen ahí?")
    assert begun.turn is not None
    await world.publish()
    back = (await _show(worker, {ended.number, open_.number, mixed.number}))[ended.number]
    assert (back["status"], back["received"], back["sent"], back["gap"]) == ("active", 1, 1, False)
