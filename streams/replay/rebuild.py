"""Rebuilds the tables from `conversation-event`, folded and written as live events are. Calls no vendor."""

from collections import Counter
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from db.rebuild import Target
from db.store.erasures import Erasures
from db.store.write import Write
from rules.earlier_turns import Memory
from rules.log_events import Folded, fold, fold_after_gap, is_former
from rules.policy import Policy
from rules.state import Conversation
from schemas.errors import InvalidInput
from schemas.events import ConversationEvent
from schemas.phone import number_digests
from schemas.rows import Erasure, SendChange
from streams.actors.store import Place, load_actors, write_of
from streams.replay.folding import NumberLog, Step
from streams.replay.reader import Record

Progress = Callable[[int], None]
"""Called with the number of records read."""


@dataclass(slots=True)
class Rebuilt:
    """Counts of events, and what was found in them."""

    events: int = 0
    #: Those that the tables had.
    known: int = 0
    erased: int = 0
    #: By reason; left in the log.
    unreadable: Counter[str] = field(default_factory=Counter)
    #: Conversations whose rows Postgres refuses, by its reason.
    refused: Counter[str] = field(default_factory=Counter)
    #: Conversations whose first events the log no longer has: what it has is there, the rest is not.
    without_beginning: set[int] = field(default_factory=set)
    #: Conversations of which an event between two others is missing.
    with_gaps: set[int] = field(default_factory=set)
    #: The highest event number by conversation.
    numbers: dict[int, int] = field(default_factory=dict)
    #: The highest that were handed out.
    ids: Counter[str] = field(default_factory=Counter)
    #: When numbers were erased, by digest.
    erasures: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class _Former:
    """What events of former builds need of those before them, and the state that they alone come to."""

    known: Memory
    state: Conversation


class Rebuild:
    """A rebuild of tables from a log. `erased`: nothing from before these erasures comes back."""

    def __init__(self, target: Target, policy: Policy, erased: Erasures) -> None:
        self._target = target
        self._policy = policy
        self._erased = erased
        self._former: dict[int, _Former] = {}
        self._forgotten: dict[str, Conversation] = {}
        self._message_ids: list[int] = []
        self.result = Rebuilt(erasures=dict(erased.at))

    async def events(self, batches: AsyncIterable[Sequence[Record]], progress: Progress) -> None:
        """Read `conversation-event` from its beginning, or a part into tables that know what came before.

        Raises:
            Unavailable: somebody else writes at the same time.
        """
        async for records in batches:
            await self._batch(records)
            progress(len(records))

    async def _batch(self, records: Sequence[Record]) -> None:
        events = [
            (event, record.partition) for record in records if (event := self._read(record)) is not None
        ]
        actors = await load_actors(self._target.pool, sorted({event.phone_number for event, _ in events}))
        fresh = sum(event.schema_version == 1 for event, _ in events)
        self._message_ids += await self._target.message_ids(fresh) if fresh else []
        logs: dict[str, NumberLog] = {}
        for event, partition in events:
            actor = actors[event.phone_number]
            log = logs.setdefault(event.phone_number, NumberLog(actor.state, actor.stored.version, partition))
            self._add(log, event)
        await self._write(list(logs.values()))

    def _read(self, record: Record) -> ConversationEvent | None:
        self.result.events += 1
        if record.value is None:  # a tombstone, of a number that was erased
            return None
        try:
            event = ConversationEvent.from_json(record.value)
        except InvalidInput as error:
            self.result.unreadable[error.field] += 1
            return None
        identity = event.conversation_id
        self.result.numbers[identity] = max(event.number, self.result.numbers.get(identity, 0))
        self._note_ids(event)
        return event

    def _note_ids(self, event: ConversationEvent) -> None:
        given = {"conversation_id": event.conversation_id} | {
            name: identity
            for name in ("message_id", "turn_id")
            if isinstance(identity := event.data.get(name), int)
        }
        self.result.ids |= Counter(given)  # the higher of both

    def _add(self, log: NumberLog, event: ConversationEvent) -> None:
        if self._is_erased(event):
            self.result.erased += 1
            self._forget(log, event)
        elif log.knows(event):
            self.result.known += 1
            if is_former(event):
                self._fold_former(event)
        else:
            log.cut()
            log.begin_anew(event)
            self._fold(log, event)

    def _fold(self, log: NumberLog, event: ConversationEvent) -> None:
        missing = not log.is_next(event)
        if (folded := self._folded(log.state, event, missing=missing)) is None:
            return
        if missing:
            (self.result.with_gaps if log.state.number else self.result.without_beginning).add(
                event.conversation_id
            )
        for change in folded[1]:
            if isinstance(change, Erasure):
                digests = number_digests(self._erased.key, change.phone_number)
                self.result.erasures |= dict.fromkeys(digests, change.at.replace(tzinfo=None))
        log.add(event, folded, self._target.next_sequence(log.partition))

    def _folded(self, state: Conversation, event: ConversationEvent, *, missing: bool) -> Folded | None:
        """Fold an event. One that cannot be read is left in the log, and what follows it meets a gap."""
        try:
            return (fold_after_gap if missing else fold)(self._memory(event), state, event)
        except (KeyError, ValueError):
            self.result.unreadable["data"] += 1
            return None

    def _memory(self, event: ConversationEvent) -> Memory:
        if not is_former(event):
            self._former.pop(event.conversation_id, None)  # a snapshot says what they came to
            return _NO_MEMORY
        return self._remembered(event).known

    def _remembered(self, event: ConversationEvent) -> _Former:
        nothing = _Former(Memory(self._next_message_id), Conversation(key=event.phone_number))
        return self._former.setdefault(event.conversation_id, nothing)

    def _fold_former(self, event: ConversationEvent) -> None:
        """Remember what later events need of one that the tables already have."""
        former = self._remembered(event)
        former.state, _ = fold(former.known, former.state, event)

    def _next_message_id(self) -> int:
        return self._message_ids.pop(0)

    def _is_erased(self, event: ConversationEvent) -> bool:
        at = self._erased.of(event.phone_number)
        return at is not None and event.at.replace(tzinfo=None) <= at

    def _forget(self, log: NumberLog, event: ConversationEvent) -> None:
        state = self._forgotten.get(event.phone_number, Conversation(key=event.phone_number))
        if (folded := self._folded(state, event, missing=False)) is not None:
            self._forgotten[event.phone_number] = folded[0]
            log.remember(folded)

    async def _write(self, logs: Sequence[NumberLog]) -> None:
        """Write every conversation's first step together, then the second ones, and so on."""
        steps = [(log.partition, log.end()) for log in logs]
        for place in range(max((len(each) for _, each in steps), default=0)):
            writes = [
                self._write_of(partition, each[place]) for partition, each in steps if place < len(each)
            ]
            for failed in await self._target.write(await self._complete(writes)):
                self.result.refused[failed.why] += 1

    def _write_of(self, partition: int, step: Step) -> Write:
        place = Place(partition=partition, epoch=self._target.epochs[partition], version=step.version)
        write = write_of(
            step.state, self._policy, place, step.conversation_id, step.log, step.changes, uuid4()
        )
        return replace(write, is_past=True)

    async def _complete(self, writes: Sequence[Write]) -> Sequence[Write]:
        """Leave out changes to messages that were planned where the log does not reach, or by version 1."""
        partial = {each for write in writes for each in _partial_sends(write)}
        lost = partial - await self._target.known_sends(sorted(partial)) if partial else set()
        return [_without_sends(write, lost) for write in writes] if lost else writes


def _no_ids() -> int:
    raise AssertionError("events of this version tell the ids of their messages")


_NO_MEMORY = Memory(_no_ids)


def _partial_sends(write: Write) -> set[str]:
    changes = [change for change in write.changes if isinstance(change, SendChange)]
    planned = {each.own_id for each in changes if "turn_id" in each.columns}
    return {each.own_id for each in changes} - planned


def _without_sends(write: Write, lost: set[str]) -> Write:
    changes = (each for each in write.changes if not (isinstance(each, SendChange) and each.own_id in lost))
    return replace(write, changes=tuple(changes))
