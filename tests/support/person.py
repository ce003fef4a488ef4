"""One number's writes to the store, built as its owner would build them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from db.pool import Pool
from db.store.append import append
from db.store.write import Write, Written
from schemas.rows import Change, ConversationChange, LogRow, MessageRow, SeenRow, SendChange

AT = datetime(2026, 5, 4, 12, 30, 15, 250_000, tzinfo=UTC)
_sequences = count(1)


@dataclass
class Person:
    """A phone number and what its owner knows of it. `number` is that of its newest event."""

    phone: str = "+573138539155"
    id: int = 1
    partition: int = 0
    epoch: int = 1
    version: int = 0
    number: int = 0
    state: dict[str, Any] = field(default_factory=lambda: {"status": "active"})

    def write(self, *changes: Change, events: int = 1, **over: Any) -> Write:  # noqa: ANN401 - its fields
        """Return the next write, of some events and these changes."""
        fields: dict[str, Any] = {
            "phone_number": self.phone,
            "partition": self.partition,
            "epoch": self.epoch,
            "version": self.version,
            "write_id": uuid4(),
            "conversation_id": self.id,
            "state": json.dumps(self.state).encode(),
            "log": tuple(self.event(self.number + place) for place in range(1, events + 1)),
            "changes": changes,
        }
        return Write(**fields | over)

    def event(self, number: int, **data: object) -> LogRow:
        return LogRow(
            number=number, sequence=next(_sequences), type="noted", at=AT, data=data or {"n": number}
        )

    def wrote(self, write: Write) -> None:
        """Note that a write happened."""
        self.version = 0 if write.state is None else write.version + 1
        self.number += len(write.log)

    async def append(self, pool: Pool, *changes: Change, **over: Any) -> Write:  # noqa: ANN401 - its fields
        """Write, and expect success."""
        write = self.write(*changes, **over)
        [result] = await append(pool, [write])
        assert result == Written(version=0 if write.state is None else write.version + 1), result
        self.wrote(write)
        return write

    def begins(self, **columns: Any) -> ConversationChange:  # noqa: ANN401 - columns of a row
        """Return a change that makes its row of `conversation_state`."""
        given = {
            "elevenlabs_conversation_id": "conv_1",
            "agent_id": "agent_1",
            "client_name": "Ana",
            "started_at": AT,
        }
        return self.changes(**given | columns)

    def changes(self, **columns: Any) -> ConversationChange:  # noqa: ANN401 - columns of a row
        return ConversationChange(id=self.id, phone_number=self.phone, columns=columns)

    def message(self, message_id: int, **over: Any) -> MessageRow:  # noqa: ANN401 - a message's fields
        fields: dict[str, Any] = {
            "direction": "inbound",
            "content": "hola",
            "twilio_message_id": f"SM{message_id}",
        }
        return MessageRow(id=message_id, conversation_id=self.id, **fields | {"sent_at": AT} | over)

    def seen(self, event_id: str, kind: Any = "message") -> SeenRow:  # noqa: ANN401 - an input's kind
        return SeenRow(kind=kind, event_id=event_id, phone_number=self.phone, at=AT)

    def send(self, own_id: str, **columns: Any) -> SendChange:  # noqa: ANN401 - columns of a row
        """Return the row of a message that is about to be sent."""
        given = {
            "phone_number": self.phone,
            "conversation_id": self.id,
            "turn_id": 1,
            "turn_kind": "reply",
            "part": 0,
            "to_address": f"whatsapp:{self.phone}",
            "body": "respuesta",
            "state": "intended",
            "tries": 1,
            "planned_at": AT,
            "intended_at": AT,
        }
        return SendChange(own_id=own_id, columns=given | columns)  # type: ignore[typeddict-item]


def later(**of: float) -> datetime:
    return AT + timedelta(**of)
