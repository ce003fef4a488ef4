"""A drain waits for the agent and for sends, within its cap; whatever only waits is cut off at once."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mailboxes.ports import KeyWrite, Limits, Outcome
from rules import effects as f
from rules import inputs as i
from streams.actors.behaviour import Conversations
from streams.actors.hosting import Hosting
from streams.actors.values import Actor, Stored, Told, Transition
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.engine.membership import Membership
from streams.engine.offsets import TopicPartition
from tests.support.chat import NUMBER, Chat, fresh, talking
from tests.unit.mailboxes.virtual_time import now, virtual


class Store:
    """Has one conversation, and takes everything. Also a pool without rows."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self.written: list[Transition] = []

    async def load(self, keys: Sequence[str]) -> Mapping[str, Actor]:
        return {key: Actor(self._chat.state, Stored(1)) for key in keys}

    async def append(self, writes: Sequence[KeyWrite[Transition]]) -> Sequence[Outcome | Exception]:
        self.written += [transition for write in writes for transition in write.writes]
        return [Outcome.WRITTEN] * len(writes)

    async def fetch(self, *arguments: object) -> list[object]:
        return []


class Vendors:
    """The agent takes its time; nobody has a place in the rate, but for an answer with a `slot`."""

    def __init__(self, agent_seconds: float, *, slot: bool = False) -> None:
        self._agent_seconds = agent_seconds
        self._slot = slot
        self.begun: list[type[object]] = []

    async def perform(self, key: str, effect: f.Effect) -> i.Input:
        self.begun.append(type(effect))
        if isinstance(effect, f.SendMessage):
            return i.SendAccepted(own_id=effect.part.own_id, sid="MM9")
        if not isinstance(effect, f.AskAgent):
            await asyncio.Event().wait()
        await asyncio.sleep(self._agent_seconds)
        return i.AgentAnswered(question=("SM9",), text="99", reply={}, seconds=1.0, slot=self._slot)

    def abandon(self) -> None:
        return None


def hosting(
    chat: Chat, store: Store, vendors: Vendors, epochs: dict[int, int], membership: Membership | None = None
) -> Hosting:
    behaviour = Conversations(
        chat.policy,
        fresh(),
        seen=lambda event: False,
        calls_read_until=lambda: chat.now,
        now=chat.now.timestamp,
    )
    ownership = cast(Any, SimpleNamespace(epochs=epochs, membership=membership or Membership(now)))
    host = Hosting(
        behaviour,
        store,
        cast(Any, vendors),
        cast(Any, store),
        ownership,
        limits=Limits(),
        clock=chat.now.timestamp,
        monotonic=now,
        new_id=lambda: "w1",
        rejections=cast(Any, None),
        tell_status=cast(Any, None),
    )
    host.assign(epochs)
    return host


async def drained(chat: Chat, vendors: Vendors, membership: Membership | None = None) -> tuple[float, Store]:
    """Load the conversation, so that what it wants begins, and drain; return how long that took."""
    store = Store(chat)
    host = hosting(chat, store, vendors, {0: 1}, membership)
    await host.tell(0, NUMBER, i.TimerFired())
    while not vendors.begun:
        await asyncio.sleep(0.01)
    begun = now()
    await host.drain()
    return now() - begun, store


@virtual
async def test_who_waits_for_a_place_in_the_rate_is_cut_off_at_once() -> None:
    chat = talking()
    chat.write("¿precio?", "SM9")
    chat.answer(slot=False)
    vendors = Vendors(0)
    seconds, _ = await drained(chat, vendors)
    assert (vendors.begun, round(seconds, 1)) == ([f.AwaitSlot], 0.0)


@virtual
async def test_an_answer_that_is_being_made_is_waited_for_and_stored() -> None:
    chat = talking()
    chat.write("¿precio?", "SM9")
    seconds, store = await drained(chat, Vendors(5))
    assert seconds == pytest.approx(5, abs=0.1)
    [answered] = store.written
    assert answered.state.turn is not None


@virtual
async def test_what_is_intended_in_a_drain_is_sent_and_the_next_owner_has_nothing_to_find_out() -> None:
    chat = talking()
    chat.write("¿precio?", "SM9")
    vendors = Vendors(5, slot=True)
    seconds, store = await drained(chat, vendors)
    assert (vendors.begun, round(seconds, 1)) == ([f.AskAgent, f.SendMessage], 5.0)
    assert store.written[-1].state.turn is None


@virtual
async def test_but_no_longer_than_the_cap() -> None:
    chat = talking()
    chat.write("¿precio?", "SM9")
    seconds, store = await drained(chat, Vendors(3600))
    assert store.written == []
    assert seconds == pytest.approx(DRAIN_CAP_SECONDS, abs=0.1)


@virtual
async def test_but_not_where_the_group_has_given_this_process_up_and_another_asks_already() -> None:
    chat, membership = talking(), Membership(now, session_seconds=0)
    chat.write("¿precio?", "SM9")
    vendors = Vendors(3600)
    seconds, store = await drained(chat, vendors, membership)
    assert (vendors.begun, store.written, round(seconds, 1)) == ([f.AskAgent], [], 0.0)


class Silent(Store):
    """Never loads anything."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, Actor]:
        await asyncio.Event().wait()
        raise AssertionError("never")


@virtual
async def test_a_partition_whose_loss_was_found_out_first_is_forgotten_as_well() -> None:
    """Its records would count as unfinished for ever, and take the room of others."""
    chat, epochs = talking(), {0: 1, 1: 1}
    host = hosting(chat, Silent(chat), Vendors(0), epochs)
    for partition in (0, 1):
        source, told = TopicPartition("inbound-message", partition), Told(given=i.TimerFired())
        await host.put(source, 0, f"{NUMBER}{partition}", told, None, host.generation, urgent=False)
    assert host.unfinished == 4  # two records, of two numbers
    del epochs[0]
    host.revoke()
    host.assign({1: 2})
    assert host.unfinished == 0
