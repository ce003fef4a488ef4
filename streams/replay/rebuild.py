"""Makes conversations, messages and journal again from `conversation-event`; no vendor is called."""

from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.rebuild import Target
from schemas.errors import InvalidInput
from schemas.events import ConversationEvent, InboundMessage
from schemas.phone import number_digest
from streams.conversation.keywords import Keywords
from streams.replay.fold import Rows, fold
from streams.replay.reader import Record
from streams.worker.inputs import message_input

Progress = Callable[[int], None]
"""Is told how many records were read."""


@dataclass(slots=True)
class Rebuilt:
    """Counts of events. `known`: the tables had them; `unreadable`: by reason, left in the log.

    `without_beginning`: conversations whose first events the log no longer has: what it has is there, the rest is not.
    `with_gaps`: conversations of which an event between two others is missing. `erasures`: numbers that the log says were
    erased, by digest.
    """

    events: int = 0
    known: int = 0
    erased: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)
    without_beginning: set[int] = field(default_factory=set)
    with_gaps: set[int] = field(default_factory=set)
    numbers: dict[int, int] = field(default_factory=dict)
    erasures: dict[str, datetime] = field(default_factory=dict)


class Rebuild:
    """Writes a log into tables. `erased`: numbers of which nothing comes back."""

    def __init__(self, target: Target, keywords: Keywords, erased: Callable[[str, Any], bool]) -> None:
        self._target = target
        self._keywords = keywords
        self._erased = erased
        self.result = Rebuilt()

    async def events(self, batches: AsyncIterable[Sequence[Record]], progress: Progress) -> None:
        """Read `conversation-event` from its beginning, or a part of it into tables that know what is before."""
        async for records in batches:
            await self._batch(records)
            progress(len(records))

    async def inputs(self, batches: AsyncIterable[Sequence[Record]], progress: Progress) -> None:
        """Read `inbound-message` afterwards: the journal's inputs get what only the client's own events have."""
        async for records in batches:
            payloads: dict[str, Any] = {}
            for record in records:
                try:
                    message = InboundMessage.from_json(record.value or b"")
                except InvalidInput:
                    continue  # a dead letter already
                payload = message_input(message, self._keywords, None)
                del payload["text"]  # the conversation's event has it as it was stored, with what it quotes
                payloads[message.event_id] = payload
            await self._target.fill(payloads)
            progress(len(records))

    async def _batch(self, records: Sequence[Record]) -> None:
        events = [(event, record.partition) for record in records if (event := self._read(record)) is not None]
        known = await self._target.numbers(list({event.conversation_id for event, _ in events}))
        rows = Rows()
        for event, partition in events:
            self._fold(rows, event, partition, known)
        if rows.erased:
            await self._target.forget(sorted(rows.erased))
            self.result.erasures |= {number_digest(phone): at.replace(tzinfo=None) for phone, at in rows.erased.items()}
        await self._target.write(_by_table(rows), rows.failed_turns)
        if wanted := [phone for phone, row in rows.suppressed.items() if row is None]:
            await self._target.unsuppress(wanted)

    def _read(self, record: Record) -> ConversationEvent | None:
        self.result.events += 1
        if record.value is None:  # a tombstone, of a number that was erased
            return None
        try:
            event = ConversationEvent.from_json(record.value)
        except InvalidInput as error:
            self.result.unreadable[error.field] = self.result.unreadable.get(error.field, 0) + 1
            return None
        if self._erased(event.phone_number, event.at):
            self.result.erased += 1
            return None
        return event

    def _fold(self, rows: Rows, event: ConversationEvent, partition: int, known: dict[int, int]) -> None:
        identity, before = event.conversation_id, known.get(event.conversation_id, 0)
        seen = self.result.numbers.get(identity, 0)
        self.result.numbers[identity] = max(seen, event.number)
        if event.number <= before:
            self.result.known += 1
            return
        if event.number > before + 1:
            (self.result.with_gaps if before else self.result.without_beginning).add(identity)
        known[identity] = event.number
        fold(rows, event, partition)


def _by_table(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    newest: dict[str, int] = {}  # a number that was erased and came back has a later conversation
    for identity, row in rows.conversations.items():
        newest[row["phone_number"]] = max(identity, newest.get(row["phone_number"], 0))
    conversations = [row for identity, row in rows.conversations.items() if newest[row["phone_number"]] == identity]
    return {
        "conversation_state": conversations,
        "conversation_turn": list(rows.turns.values()),
        "conversation_input": list(rows.inputs.values()),
        "conversation_send": list(rows.sends.values()),
        "conversation_messages": list(rows.messages.values()),
        "conversation_history": rows.history,
        "conversation_suppression": [row for row in rows.suppressed.values() if row is not None],
        "fresh_messages": rows.fresh_messages,
    }
