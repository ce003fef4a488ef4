"""Whoever waits for the outbox never waits for ever: Postgres away is waited out, all else is told."""

import asyncio
from typing import cast

import asyncpg
import pytest

from db.pool import Pool
from streams.worker import outbox as outbox_module
from streams.worker.outbox import Outbox
from streams.worker.producer import Producer

_AWAY = [
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.InternalClientError("another operation is in progress"),
    ConnectionRefusedError(),
    TimeoutError(),
]


class EmptyOutbox:
    """A pool whose table is empty, once its troubles are over."""

    def __init__(self, *troubles: Exception) -> None:
        self._troubles = list(troubles)

    async def fetch(self, *arguments: object) -> list[object]:
        if self._troubles:
            raise self._troubles.pop(0)
        return []


def outbox(*troubles: Exception) -> Outbox:
    return Outbox(cast(Pool, EmptyOutbox(*troubles)), cast(Producer, None))


async def test_postgres_away_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_LONGEST_RETRY_SECONDS", 0.01)
    async with asyncio.timeout(5):
        await outbox(*_AWAY).flush(0)


async def test_what_cannot_be_waited_out_is_told_and_the_next_try_begins_anew() -> None:
    broken = outbox(KeyError("payload"))
    async with asyncio.timeout(5):
        told = await asyncio.gather(broken.flush(0), broken.flush(0), return_exceptions=True)
        assert [type(each) for each in told] == [KeyError, KeyError]
        await broken.flush(0)
