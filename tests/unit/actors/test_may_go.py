"""Right before the socket a send asks what memory knows: what came while its intention was written counts."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from mailboxes.ports import KeyWrite, Limits, Outcome
from rules import inputs as i
from streams.actors.behaviour import Conversations
from streams.actors.hosting import Hosting
from streams.actors.rejections import Rejections
from streams.actors.values import Actor, Stored, Told
from streams.engine.offsets import TopicPartition
from tests.support.chat import NUMBER, Chat, fresh, talking
from tests.unit.actors.test_rejected import Letters
from tests.unit.mailboxes.setting import turns
from tests.unit.mailboxes.virtual_time import now, virtual

SOURCE = TopicPartition("inbound-message", 0)


class Outside:
    """Has a conversation, and takes for ever to write or send; no open work is listed."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    async def load(self, keys: list[str]) -> dict[str, Actor]:
        return {key: Actor(self._chat.state, Stored(1)) for key in keys}

    async def append(self, writes: list[KeyWrite[Any]]) -> list[Outcome]:
        await asyncio.Event().wait()
        return []

    async def perform(self, key: str, effect: object) -> i.Input:
        await asyncio.Event().wait()
        return i.TimerFired()

    async def fetch(self, *arguments: object) -> list[object]:
        return []


async def hosting(chat: Chat) -> Hosting:
    outside = cast(Any, Outside(chat))
    behaviour = Conversations(
        chat.policy,
        fresh(),
        seen=lambda event: False,
        calls_read_until=lambda: chat.now,
        now=chat.now.timestamp,
    )
    host = Hosting(
        behaviour,
        outside,
        outside,
        outside,
        cast(Any, SimpleNamespace(epochs={0: 1})),
        limits=Limits(),
        clock=chat.now.timestamp,
        monotonic=now,
        new_id=uuid4,
        rejections=Rejections(cast(Any, Letters())),
        tell_status=cast(Any, None),
    )
    host.assign({0: 1})
    return host


@pytest.mark.parametrize(("text", "may_go"), [("STOP", False), ("¿y el plan oro?", True)])
@virtual
async def test_a_stop_that_is_not_durable_yet_stops_what_has_not_left(text: str, may_go: bool) -> None:
    chat = talking()
    chat.write("¿precio?", "SM9")
    chat.answer()
    [sending] = chat.sends()
    own_id, host = sending.part.own_id, await hosting(chat)
    assert host.may_go(NUMBER, own_id), "nothing is known of a number that is not in memory"
    said = i.MessageReceived(
        event_id="SM10",
        address=f"whatsapp:{NUMBER}",
        text=text,
        received_at=chat.now,
        intent=chat.policy.keywords.intent({"Body": text}),
    )
    token = SimpleNamespace(ack=lambda: None)
    told = Told(given=said, event=("message", "SM10"))
    await host.put(SOURCE, 0, NUMBER, told, token, host.generation, urgent=False)
    await turns()
    assert host.may_go(NUMBER, own_id) is may_go
