"""Conversations as the rules decide them, written by the store and published to `conversation-event`.

One statement writes fifty of them. Each has nine messages: a first one, then four by the client, each with an
answer. Every answer is delivered.
"""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aiokafka.partitioner import murmur2

from db.pool import Pool
from db.store.ownership import claim
from db.store.publication import advance
from mailboxes.ports import KeyWrite, Outcome
from rules.codec import published
from rules.draft import Fresh
from rules.inputs import Recovered
from rules.policy import Policy
from rules.state import Conversation
from schemas.rows import LogRow
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT
from streams.actors.behaviour import transition
from streams.actors.store import ConversationStore
from streams.actors.values import Actor, Stored, Transition
from tests.chaos import topics
from tests.support.chat import Chat, fresh

MESSAGES = 9
"""Messages in a conversation."""
_TURNS = 4
# The largest group that a worker writes.
_AT_ONCE = 50


@dataclass
class Published:
    """What the store's writes have for Kafka."""

    topic: str
    #: The newest of each partition.
    sequences: dict[int, int] = field(default_factory=dict)
    records: list[topics.Record] = field(default_factory=list)

    def next_sequence(self, partition: int, epoch: int) -> int:
        self.sequences[partition] = self.sequences.get(partition, 0) + 1
        return self.sequences[partition]

    def begun(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...
    def refused(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...

    def written(self, partition: int, epoch: int, key: str, rows: Sequence[tuple[LogRow, int]]) -> None:
        for row, conversation_id in rows:
            value, _ = published(row, key, conversation_id)
            self.records.append(topics.Record(self.topic, value, key.encode(), partition))

    def take(self) -> list[topics.Record]:
        taken, self.records = self.records, []
        return taken


async def live(pool: Pool, settings: Settings, conversations: int) -> int:
    """Play conversations in a store whose partitions nobody owns; return the number of events."""
    count, policy, ids = 0, Policy.of(settings), fresh()
    claims = await claim(pool, range(settings.topic_partitions), "bench")
    events = Published(f"{settings.topic_prefix}{CONVERSATION_EVENT}")
    store = ConversationStore(pool, policy, events, lambda partition, at: None, lambda: 0.0)
    epochs = {partition: each.epoch for partition, each in claims.items()}
    for numbers in _groups(conversations):
        writes = [_write(number, _chat(number, policy, ids), epochs) for number in numbers]
        assert set(await store.append(writes)) == {Outcome.WRITTEN}
        count += len(events.records)
        await topics.produce(str(settings.kafka_bootstrap_servers), events.take())
    await advance(pool, epochs, events.sequences)
    return count


def _groups(conversations: int) -> Iterator[list[str]]:
    numbers = (f"+57310{number:07d}" for number in range(conversations))
    while group := list(itertools.islice(numbers, _AT_ONCE)):
        yield group


def _chat(number: str, policy: Policy, ids: Fresh) -> Chat:
    """Return a conversation after all its messages."""
    chat = Chat(policy=policy, fresh=ids, state=Conversation(key=number), sids=lambda: uuid.uuid4().int)
    chat.call(f"conv_{number}")
    chat.greet()
    for place in range(_TURNS):
        chat.exchange(f"¿Cuánto cuesta el plan {place}?", "El plan Premium cuesta $99 al mes.")
    for own_id in chat.sent_ids():
        chat.report(own_id, "delivered")
    return chat


def _write(number: str, chat: Chat, epochs: dict[int, int]) -> KeyWrite[Transition]:
    partition = (murmur2(number.encode()) & 0x7FFFFFFF) % len(epochs)
    actor = Actor(Conversation(key=number), Stored())
    writes = (transition(actor, Recovered(), chat.steps_from(actor.state, 0)),)
    return KeyWrite(number, partition, epochs[partition], uuid.uuid4().hex, writes)
