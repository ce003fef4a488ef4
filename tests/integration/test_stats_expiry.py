"""What ended long ago leaves the statistics, and comes back whole when the client writes again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from db.pool import Pool
from schemas.documents import now
from schemas.settings import Settings
from tests.support.deadline import eventually
from tests.support.stats_process import StatsProcess
from tests.support.stats_world import StatsWorld


async def _records(worker: StatsProcess) -> dict[str, Any] | None:
    """Return all records by number; None while they are not to be had."""
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


async def test_what_ended_long_ago_leaves_and_comes_back(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings, pool: Pool
) -> None:
    worker, world = workers[0], StatsWorld(pool, producer, settings)
    await worker.start()
    await eventually(worker.figures, 60)  # its first sweep is over: it found nothing
    first = await world.first()
    ended, open_, mixed = (first.another(f"+57313853900{number}") for number in range(3))
    for chat, days in ((ended, 40), (open_, 40), (mixed, 20)):
        chat.now = now() - timedelta(days=days)
        chat.call(f"call {chat.state.key}")
        chat.greet()
    ended.command("close")
    mixed.now = now()
    mixed.write("hoy", received_at=now() - timedelta(seconds=1))
    assert mixed.state.questions
    for chat in (ended, open_, mixed):
        await chat.save()
    await world.publish()
    before = await _show(worker, {ended.state.key, open_.state.key, mixed.state.key})
    assert (before[ended.state.key]["status"], len(before[open_.state.key]["days"])) == ("closed", 1)
    assert (
        len(before[mixed.state.key]["days"]) == 1
    )  # its own newest day is today: what is older than eight goes at once

    assert await worker.stop() == 0
    await worker.start()  # each assignment is followed by a sweep
    await worker.ready()
    swept = await _show(worker, {open_.state.key, mixed.state.key})

    async def days_are_gone() -> bool:
        found = await _records(worker)
        return (
            found is not None
            and found[open_.state.key]["days"] == {}
            and found[open_.state.key]["calls"] == []
        )

    await eventually(days_are_gone, 60)
    assert swept[mixed.state.key]["days"].keys() == {datetime.now(UTC).date().isoformat()}
    assert await worker.stop() == 0
    await worker.start()  # gone from the changelog, too
    await worker.ready()
    await _show(worker, {open_.state.key, mixed.state.key})

    ended.now = now()
    ended.write("¿siguen ahí?")
    assert ended.state.questions
    await ended.save()
    await world.publish()
    back = (await _show(worker, {ended.state.key, open_.state.key, mixed.state.key}))[ended.state.key]
    assert (back["status"], back["received"], back["sent"], back["gap"]) == ("active", 1, 1, False)
