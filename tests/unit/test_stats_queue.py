"""What ended today is counted once, however many look at the same time, and what was written late as well."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from db.readers.statistics import ENDED
from schemas.errors import Unavailable
from schemas.settings import load_settings
from streams.stats.queue import Queue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Lag:
    async def unfinished(self) -> int:
        return 0

    async def dead_letters(self) -> int:
        return 0


class Postgres:
    """Has turns that ended at some time. A look at those since a time waits for `opened`."""

    def __init__(self, *ended: datetime) -> None:
        self.ended = [at.replace(tzinfo=None) for at in ended]
        self.is_away = False
        self.asked, self.opened = asyncio.Event(), asyncio.Event()
        self.opened.set()

    async def fetchrow(self, sql: str, *times: Any) -> dict[str, int]:  # noqa: ANN401
        if self.is_away:
            raise OSError
        if sql == ENDED.sql:
            since, until = times
            return {"completed": sum(since < at <= until for at in self.ended), "failed": 0}
        self.asked.set()
        await self.opened.wait()
        [since] = times
        return {"stored": 0, "active": 0, "completed": sum(at > since for at in self.ended), "failed": 0}


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def queue(postgres: Postgres, clock: Clock) -> Queue:
    return Queue(load_settings({"STATS_TIMEZONE": "UTC"}), cast(Any, postgres), cast(Any, Lag()), clock)


async def test_two_looks_at_once_count_nothing_twice() -> None:
    clock, postgres = Clock(), Postgres(NOON - timedelta(seconds=10), NOON - timedelta(hours=1))
    looked = queue(postgres, clock)
    assert (await looked.figures())["completed"] == 2
    postgres.asked.clear()
    postgres.opened.clear()
    clock.now += timedelta(seconds=59)
    slow = asyncio.create_task(looked.figures())
    await postgres.asked.wait()
    clock.now += timedelta(seconds=2)
    other = asyncio.create_task(looked.figures())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    postgres.opened.set()
    assert ((await slow)["completed"], (await other)["completed"]) == (2, 2)


async def test_what_was_decided_in_an_outage_and_written_after_it_is_counted() -> None:
    clock, postgres = Clock(), Postgres()
    looked = queue(postgres, clock)
    assert (await looked.figures())["completed"] == 0
    decided = clock.now
    postgres.is_away = True
    clock.now += timedelta(minutes=5)
    with pytest.raises(Unavailable):
        await looked.figures()
    postgres.is_away = False
    assert (await looked.figures())["completed"] == 0
    postgres.ended.append(decided.replace(tzinfo=None))
    for _ in range(3):
        clock.now += timedelta(minutes=2)
        assert (await looked.figures())["completed"] == 1
