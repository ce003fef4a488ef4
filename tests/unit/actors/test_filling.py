"""A number that is being retried gives way before its partition is full behind it."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from mailboxes.ports import KeyWrite, Limits, Outcome
from rules import inputs as i
from rules.state import Conversation
from streams.actors.behaviour import Conversations
from streams.actors.hosting import Hosting
from streams.actors.judge import LEAST_TRIES
from streams.actors.rejections import Rejections
from streams.actors.values import Actor, Stored, Told, Transition
from streams.engine.offsets import TopicPartition
from tests.support.chat import Chat, fresh
from tests.unit.actors.test_rejected import Letters
from tests.unit.mailboxes.virtual_time import now, virtual

SOURCE, AHEAD = TopicPartition("inbound-message", 0), TopicPartition("inbound-message-ahead", 0)
POISONED = "+573138539155"
MOST = 20


class Store:
    """Has conversations in which nothing happened, and no rows."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Actor]:
        return {key: Actor(Conversation(key=key), Stored(1)) for key in keys}

    async def append(self, writes: Sequence[KeyWrite[Transition]]) -> Sequence[Outcome | Exception]:
        return [Outcome.WRITTEN] * len(writes)

    async def fetch(self, *arguments: object) -> list[object]:
        return []


async def hosting(letters: Letters) -> Hosting:
    chat, store = Chat(), cast(Any, Store())
    behaviour = Conversations(
        chat.policy,
        fresh(),
        seen=lambda event: False,
        calls_read_until=lambda: chat.now,
        now=chat.now.timestamp,
    )
    host = Hosting(
        behaviour,
        store,
        store,
        store,
        cast(Any, SimpleNamespace(epochs={0: 1})),
        limits=Limits(partition=MOST),
        clock=chat.now.timestamp,
        monotonic=now,
        new_id=uuid4,
        rejections=Rejections(cast(Any, letters)),
        tell_status=cast(Any, None),
    )
    host.assign({0: 1})
    return host


async def put(host: Hosting, offset: int, key: str, told: Told) -> float:
    """Hand a record over; return for how many seconds there was no room for it."""
    token, begun = SimpleNamespace(ack=lambda: None), now()
    await host.put(SOURCE, offset, key, told, token, host.generation, urgent=False)
    return now() - begun


@pytest.mark.parametrize("seconds", [1.0, 0.1, 0.02])
@virtual
async def test_nobody_waits_behind_it_however_much_the_others_write(seconds: float) -> None:
    letters = Letters()
    host = await hosting(letters)
    await put(host, 0, POISONED, Told(given=i.Recovered(), failure=KeyError("x"), origin=(SOURCE, "record")))
    waited = 0.0
    for offset in range(1, 200):
        await asyncio.sleep(seconds)
        waited += await put(host, offset, f"+57313853{offset:04d}", Told(given=i.TimerFired()))
    assert len(letters.buried) == 1
    assert letters.buried[0][1] >= LEAST_TRIES
    # Where half a partition takes less time than its least tries, these are what the others wait for.
    assert waited <= max(0.0, 4.0 - MOST * seconds)


@virtual
async def test_nobody_waits_behind_one_that_went_ahead_either() -> None:
    letters, waited = Letters(), 0.0
    host = await hosting(letters)
    told = Told(given=i.Recovered(), failure=KeyError("x"), origin=(SOURCE, "record"))
    done = host.beside(SOURCE, 0, SimpleNamespace(ack=lambda: None), host.generation)
    await host.put(AHEAD, 1, POISONED, told, SimpleNamespace(ack=done), host.generation, urgent=True)
    for offset in range(1, 200):
        await asyncio.sleep(1)
        waited += await put(host, offset, f"+57313853{offset:04d}", Told(given=i.TimerFired()))
    assert [tries >= LEAST_TRIES for _, tries in letters.buried] == [True]
    assert waited == 0.0


@virtual
async def test_with_room_behind_it_it_has_all_its_tries() -> None:
    letters = Letters()
    host = await hosting(letters)
    await put(host, 0, POISONED, Told(given=i.Recovered(), failure=KeyError("x"), origin=(SOURCE, "record")))
    for offset in range(1, MOST // 2):
        await put(host, offset, f"+57313853{offset:04d}", Told(given=i.TimerFired()))
    await asyncio.sleep(300)
    assert letters.buried == []
