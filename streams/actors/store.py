"""The mailbox's store over Postgres: loads actors, and writes what they decided in groups."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast
from uuid import UUID

from db.pool import Pool
from db.store.append import append
from db.store.load import load, load_conversations
from db.store.lookups import newest_sends
from db.store.rows import ConversationRow, Loaded
from db.store.write import Conflict, Failed, Fenced, Result, Write, Written
from mailboxes.ports import KeyWrite, Outcome
from rules.codec import logged, state_json, state_of
from rules.effects import next_due
from rules.inputs import Input
from rules.known_sends import REMEMBERED, KnownSends
from rules.person import OptOut
from rules.policy import Policy
from rules.state import Conversation
from schemas.errors import ServiceError
from schemas.rows import Change, LogRow, SeenRow
from streams.actors.reports import known_send
from streams.actors.telemetry import observe
from streams.actors.values import Actor, Stored, Transition
from streams.metrics import step_took

# The mailbox then writes its messages one by one.
_APART = "an erasure and what begins after it are not one write"
# Numbers that were loaded before; what was read for one waits for seconds, a few minutes at most.
_MOST_LOADED = 50_000
# Ids of clients' messages that are in the store, as far as written or met here: what comes again within
# minutes asks the agent nothing before the store refuses it. Some 10 MB.
_MOST_SEEN = 50_000


class CannotBeWritten(ServiceError):
    """Postgres refuses a conversation's data, and would do so again."""


class Publication(Protocol):
    """What brings the log to Kafka, see `streams.actors.publisher`."""

    def next_sequence(self, partition: int, epoch: int) -> int: ...
    def begun(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...
    def written(self, partition: int, epoch: int, key: str, rows: Sequence[tuple[LogRow, int]]) -> None: ...
    def refused(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...


class ConversationStore:
    """A `mailboxes.ports.Store`.

    `proved(partition, at)`: called when a write that began at `at` found the partition ours.
    `came_through(key, given)`: called when what an input came to is durable.
    """

    def __init__(
        self,
        pool: Pool,
        policy: Policy,
        publication: Publication,
        proved: Callable[[int, float], None],
        steady: Callable[[], float],
        came_through: Callable[[str, Input], None] = lambda key, given: None,
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._publication = publication
        self._proved = proved
        self._steady = steady
        self._came_through = came_through
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._loaded: OrderedDict[str, None] = OrderedDict()

    def was_seen(self, event: tuple[str, str]) -> bool:
        """Return whether the store is known to have this event: written here, or the reason of a refusal."""
        return event in self._seen

    async def load(self, keys: Sequence[str]) -> Mapping[str, Actor]:
        """Load actors; a number for which somebody else made a row goes on with that row."""
        begun = self._steady()
        found = await load_actors(self._pool, keys)
        if again := [key for key in keys if key in self._loaded]:
            found = {**found, **await self._with_sends(found, again)}
        self._loaded.update(dict.fromkeys(keys))
        while len(self._loaded) > _MOST_LOADED:
            self._loaded.popitem(last=False)
        step_took("load").observe(self._steady() - begun)
        return found

    async def _with_sends(self, found: Mapping[str, Actor], keys: Collection[str]) -> Mapping[str, Actor]:
        """Return reloaded actors with their newest sends: the reports waiting for them were read before."""
        sends: dict[str, KnownSends] = {key: {} for key in keys}
        for row in await newest_sends(self._pool, keys, REMEMBERED):
            sends[row.phone_number] = {**sends[row.phone_number], str(row.own_id): known_send(row)}
        return {key: replace(found[key], sends=sends[key]) for key in keys}

    async def append(self, writes: Sequence[KeyWrite[Transition]]) -> Sequence[Outcome | Exception]:
        """Write each key wholly or not at all."""
        whole = [each for each in writes if len(_conversations(each)) <= 1]
        results = dict(
            zip((each.key for each in whole), await self._append(whole) if whole else (), strict=True)
        )
        return [results.get(each.key) or CannotBeWritten(_APART) for each in writes]

    async def _append(self, writes: Sequence[KeyWrite[Transition]]) -> Sequence[Outcome | Exception]:
        prepared = [self._prepare(each) for each in writes]
        for write in prepared:
            self._publication.begun(write.partition, write.epoch, write.log)
        begun = self._steady()
        try:
            results = await append(self._pool, prepared)
        except Exception:  # a cancelled one may be committed all the same: its new owner reads the log
            for write in prepared:
                self._publication.refused(write.partition, write.epoch, write.log)
            raise
        step_took("write").observe(self._steady() - begun)
        pairs = zip(prepared, results, strict=True)
        for partition in {write.partition for write, found in pairs if isinstance(found, Written | Conflict)}:
            self._proved(partition, begun)
        return [self._settle(*each) for each in zip(writes, prepared, results, strict=True)]

    def _prepare(self, key: KeyWrite[Transition]) -> Write:
        last = key.writes[-1].state
        log = tuple(
            logged(recorded, after, self._publication.next_sequence(key.partition, key.epoch))
            for transition in key.writes
            for recorded, after in transition.events
        )
        place = Place(partition=key.partition, epoch=key.epoch, version=key.writes[0].stored.version)
        changes = tuple(change for transition in key.writes for change in transition.changes)
        conversation_id = next(iter(_conversations(key)), last.id)
        return write_of(last, self._policy, place, conversation_id, log, changes, UUID(key.id))

    def _settle(self, key: KeyWrite[Transition], write: Write, result: Result) -> Outcome | Exception:
        if isinstance(result, Written):
            key.writes[0].stored.version = result.version
            ids = [recorded.conversation_id for each in key.writes for recorded, _ in each.events]
            rows = list(zip(write.log, ids, strict=True))
            self._publication.written(write.partition, write.epoch, key.key, rows)
            for each in key.writes:
                self._remember(_messages(each))
                observe(key.key, each)
                self._came_through(key.key, each.given)
            return Outcome.WRITTEN
        self._publication.refused(write.partition, write.epoch, write.log)
        if isinstance(result, Fenced):
            return Outcome.FENCED
        if isinstance(result, Conflict):
            self._remember(result.seen)
            return Outcome.CONFLICT
        assert isinstance(result, Failed)
        return CannotBeWritten(f"{result.sqlstate or 'data'}: {result.why}")

    def _remember(self, events: Iterable[tuple[str, str]]) -> None:
        self._seen.update(dict.fromkeys(events))
        while len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)


def _messages(transition: Transition) -> Iterator[tuple[str, str]]:
    """Return the ids of clients' messages that a write has the store remember."""
    for change in transition.changes:
        if isinstance(change, SeenRow) and change.kind == "message":
            yield change.kind, change.event_id


def _conversations(key: KeyWrite[Transition]) -> set[int]:
    """Return the ids of the conversations in a write: several if a number begins anew once erased."""
    return {recorded.conversation_id for transition in key.writes for recorded, _ in transition.events}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an actor is written, see `db.store.write`."""

    partition: int
    epoch: int
    version: int


def write_of(
    state: Conversation,
    policy: Policy,
    place: Place,
    conversation_id: int | None,
    log: Sequence[LogRow],
    changes: Sequence[Change],
    write_id: UUID,
) -> Write:
    """Return the write that gives an actor a state. An erased number keeps no row, and no id in its state."""
    return Write(
        phone_number=state.key,
        partition=place.partition,
        epoch=place.epoch,
        version=place.version,
        write_id=write_id,
        conversation_id=conversation_id,
        state=None if state.erased else state_json(state),
        is_open=not state.is_idle or bool(state.posts or state.outbox),
        due_at=next_due(state, policy),
        log=tuple(log),
        changes=tuple(changes),
    )


async def load_actors(pool: Pool, keys: Sequence[str]) -> Mapping[str, Actor]:
    """Load actors; a number for which somebody else made a row goes on with that row."""
    found = await load(pool, keys)
    rows = [key for key, each in found.items() if each.state is None and each.conversation_id is not None]
    others = await load_conversations(pool, rows) if rows else {}
    return {key: _actor(each, others.get(key)) for key, each in found.items()}


def _actor(found: Loaded, row: ConversationRow | None) -> Actor:
    stored = Stored(found.version)
    if found.state is not None:
        return Actor(state_of(found.state), stored)
    state = _of_row(row) if row is not None else Conversation(key=found.phone_number)
    return Actor(_with_opt_out(state, found), stored)


def _of_row(row: ConversationRow) -> Conversation:
    """Return a conversation of the backend's own, which has had no event here."""
    return Conversation(
        key=row.phone_number,
        id=row.id,
        has_begun=True,
        client_name=row.client_name,
        agent_id=row.agent_id,
        elevenlabs_conversation_id=row.elevenlabs_conversation_id,
        batch_id=row.batch_id,
        address=row.address or f"whatsapp:{row.phone_number}",
        status="escalated" if row.status == "escalated" else "closed" if row.status == "closed" else "active",
        started_at=row.started_at,
        last_message_at=row.last_message_at,
        last_inbound_at=row.last_inbound_at,
        message_count=row.message_count,
        summary=row.call_summary,
    )


def _with_opt_out(state: Conversation, found: Loaded) -> Conversation:
    if found.suppression is None:
        return state
    known = found.suppression
    source = cast(Literal["client", "twilio", "operator"], known.source)  # what the table's check allows
    out = OptOut(source=source, event_id=known.event_id, since=known.since)
    return replace(state, opt_out=out)
