"""A conversation on the real store: what inputs come to is written as a worker writes it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from db.pool import Pool
from db.store.erasures import erasure_key
from db.store.ownership import claim
from mailboxes.ports import KeyWrite, Outcome
from rules.inputs import Recovered
from rules.state import Conversation
from schemas.phone import number_digest
from schemas.rows import LogRow
from streams.actors.behaviour import transition
from streams.actors.store import ConversationStore
from streams.actors.values import Actor, Stored, Transition
from tests.support.chat import NUMBER, Chat, policy_of
from tests.support.tables import Tables

_PARTITION = 0


class Unpublished:
    """A publisher that gives out sequences and publishes nothing."""

    def __init__(self) -> None:
        self.sequence = 0

    def next_sequence(self, partition: int, epoch: int) -> int:
        self.sequence += 1
        return self.sequence

    def begun(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...
    def written(self, partition: int, epoch: int, key: str, rows: Sequence[tuple[LogRow, int]]) -> None: ...
    def refused(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...


@dataclass
class StoredChat(Chat):
    """A chat of which `await chat.save()` writes what was decided since the last time."""

    store: ConversationStore | None = None
    epoch: int = 0
    stored: Stored = field(default_factory=Stored)
    saved: int = 0
    before: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.state

    def another(self, number: str) -> "StoredChat":
        """Return another number's conversation, written to the same partition."""
        return replace(
            self, state=Conversation(key=number), events=[], tables=Tables(), stored=Stored(), saved=0
        )

    async def save(self) -> None:
        """Write all that was decided, in one write."""
        assert self.store is not None
        assert list(await self.store.append([self.key_write()])) == [Outcome.WRITTEN]
        self.saved, self.before = len(self.events), self.state

    def key_write(self) -> KeyWrite[Transition]:
        """Return all that was decided since the last write, as the mailbox hands it over."""
        return KeyWrite(self.state.key, _PARTITION, self.epoch, uuid.uuid4().hex, (self._transition(),))

    def _transition(self) -> Transition:
        actor = Actor(self.before, self.stored)
        return transition(actor, Recovered(), self.steps_from(self.before, self.saved))


async def stored_chat(pool: Pool, **settings: object) -> StoredChat:
    """Claim the partition, and return a chat that is written to it."""
    policy = policy_of(**settings)
    claims = await claim(pool, {_PARTITION}, "test")
    store = ConversationStore(pool, policy, Unpublished(), lambda partition, at: None, lambda: 0.0)
    return StoredChat(policy=policy, store=store, epoch=claims[_PARTITION].epoch)


async def whole_chat(pool: Pool) -> StoredChat:
    """Return a conversation with something in every place that can hold any of it."""
    chat = await stored_chat(pool, backend_events="escalated", handoff_text="Te paso", opt_out_text="Adiós")
    chat.call(agent_name="secreto")
    chat.greet(summary="un secreto")
    chat.exchange("un secreto", "otro secreto")
    chat.write("asesor")
    chat.accept()
    chat.write("STOP")
    chat.write("un secreto más")
    await chat.save()
    await outside(pool, NUMBER)
    return chat


async def outside(pool: Pool, phone: str) -> None:
    """Store what other processes keep of a number."""
    for statement in (
        "INSERT INTO conversation_spool (topic, key, value) VALUES ('inbound-message', $1, 'secreto')",
        "INSERT INTO conversation_presence VALUES ($1, 'Ana', now())",
        "INSERT INTO conversation_replay (id, topic, mode, options)"
        " VALUES ('r' || $1, 'inbound-message', 'again', jsonb_build_object('number', $1::text))",
        "INSERT INTO conversation_dead_letter"
        " (id, topic, source_partition, source_offset, phone_number, reason, details,"
        " tries, value, buried_at) VALUES ('0-' || $1, 'inbound-message', 0, 0, $1, 'r', 'secreto', 1,"
        " convert_to('ningún secreto', 'UTF8'), now())",
    ):
        await pool.execute(statement, phone)
    told, digest = f"{{el secreto de {phone}", number_digest(await erasure_key(pool), phone)
    await pool.execute(
        "INSERT INTO conversation_dead_letter"
        " (id, topic, source_partition, source_offset, reason, details, tries, key,"
        " value, buried_at, mentions) VALUES ('1-' || $1, 'call-completed', 1, 0, 'body', 'd', 1, 'call-17',"
        " convert_to($2, 'UTF8'), now(), ARRAY[$3])",
        phone,
        told,
        digest,
    )
