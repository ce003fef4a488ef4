"""Conversations on the real store whose events reach a topic as a worker's publisher sends them."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from db.pool import Pool
from db.store.ownership import claim
from db.store.publication import advance
from mailboxes.ports import KeyWrite, Outcome
from rules.codec import published
from rules.draft import Fresh
from rules.events import Event, Recorded
from rules.inputs import Input, TimerFired
from rules.policy import Policy
from rules.state import Conversation
from schemas.rows import LogRow
from schemas.topics import CONVERSATION_EVENT
from streams.actors.behaviour import transition
from streams.actors.store import ConversationStore
from streams.actors.values import Actor, Stored, Transition
from streams.replay.reader import Record
from tests.support.chat import Chat, fresh

PARTITIONS = 2
Step = tuple[Recorded, Conversation, Conversation]
"""An event, and the states before and after it."""


@dataclass
class Topic:
    """`conversation-event` in memory: what was published, by partition."""

    records: list[Record] = field(default_factory=list)
    sequences: dict[int, int] = field(default_factory=dict)

    def next_sequence(self, partition: int, epoch: int) -> int:
        self.sequences[partition] = self.sequences.get(partition, 0) + 1
        return self.sequences[partition]

    def begun(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...
    def refused(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...

    def written(self, partition: int, epoch: int, key: str, rows: Sequence[tuple[LogRow, int]]) -> None:
        for row, conversation_id in rows:
            value, _ = published(row, key, conversation_id)
            offset = sum(record.partition == partition for record in self.records)
            self.records.append(
                Record(CONVERSATION_EVENT, partition, offset, key.encode(), value, datetime.now(UTC))
            )


@dataclass
class ToldChat(Chat):
    """A chat of which `await chat.save()` writes what was decided since the last time."""

    world: "World | None" = None
    stored: Stored = field(default_factory=Stored)
    steps: list[Step] = field(default_factory=list)

    def give(self, given: Input) -> list[Event]:
        """Decide; no two inputs come at the same moment."""
        self.now += timedelta(milliseconds=1)
        return super().give(given)

    def _record(self, recorded: Recorded) -> None:
        before = self.state
        super()._record(recorded)
        self.steps.append((recorded, before, self.state))

    async def save(self) -> None:
        """Write all that was decided; an erasure is a write of its own."""
        assert self.world is not None
        for group in _groups(self.steps):
            actor = Actor(group[0][1], self.stored)
            write = transition(actor, TimerFired(), [(recorded, after) for recorded, _, after in group])
            await self.world.write(self.state.key, write)
        self.steps.clear()


def _groups(steps: Iterable[Step]) -> Iterable[list[Step]]:
    group: list[Step] = []
    for step in steps:
        if step[2].erased and group:
            yield group
            group = []
        group.append(step)
        if step[2].erased:
            yield group
            group = []
    if group:
        yield group


@dataclass
class World:
    """A store with conversations of several numbers, which share their ids."""

    pool: Pool
    policy: Policy
    store: ConversationStore
    topic: Topic
    epochs: dict[int, int]
    ids: Fresh
    chats: dict[str, ToldChat] = field(default_factory=dict)

    def chat(self, number: str) -> ToldChat:
        """Return a number's conversation."""
        if number not in self.chats:
            first = len(self.chats) * 1_000
            sids = iter(range(first + 1, first + 1_000)).__next__
            state = Conversation(key=number)
            self.chats[number] = ToldChat(
                policy=self.policy, fresh=self.ids, state=state, sids=sids, world=self
            )
        return self.chats[number]

    async def write(self, key: str, transition: Transition) -> None:
        partition = sorted(self.chats).index(key) % PARTITIONS
        write = KeyWrite(key, partition, self.epochs[partition], uuid.uuid4().hex, (transition,))
        assert list(await self.store.append([write])) == [Outcome.WRITTEN]

    async def save(self) -> None:
        """Write all, and note that all is published."""
        for chat in self.chats.values():
            await chat.save()
        await advance(self.pool, self.epochs, self.topic.sequences)


async def world(pool: Pool, policy: Policy) -> World:
    """Claim the partitions of a store; return the world on it."""
    claims = await claim(pool, range(PARTITIONS), "test")
    topic = Topic()
    store = ConversationStore(pool, policy, topic, lambda partition, at: None, lambda: 0.0)
    epochs = {partition: each.epoch for partition, each in claims.items()}
    return World(pool, policy, store, topic, epochs, replace(fresh(), jitter=lambda: 0.5))
