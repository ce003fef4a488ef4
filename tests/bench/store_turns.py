"""What a turn reads from the store and writes to it, with values as large as the service's."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from db.store.write import Write
from schemas.rows import Change, ConversationChange, LogRow, MessageRow, MessageTimes, SeenRow, SendChange

TEXT = (
    "Sí me interesa, ¿cuál es el precio del plan Premium y qué incluye? "
    "Además quisiera saber si tienen soporte. "
) * 2
_AT = datetime(2026, 5, 4, tzinfo=UTC)
_IDLE = timedelta(hours=72)


@dataclass(slots=True)
class Chat:
    """One conversation as its owner has it."""

    id: int
    partition: int
    sequences: "count[int]"
    messages: "count[int]"
    due_at: datetime
    version: int = 0
    number: int = 0
    #: What its state holds besides what it always holds.
    open: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    @property
    def phone(self) -> str:
        return f"+57300{self.id:07}"

    def write(self, events: dict[str, dict[str, Any]], *changes: Change) -> Write:
        """Return the next write, and assume that it succeeds."""
        now = datetime.now(UTC)
        rows = tuple(
            LogRow(number=self.number + place, sequence=next(self.sequences), type=kind, at=now, data=data)
            for place, (kind, data) in enumerate(events.items(), start=1)
        )
        write = Write(
            phone_number=self.phone,
            partition=self.partition,
            epoch=1,
            version=self.version,
            write_id=uuid4(),
            conversation_id=self.id,
            state=self._state(now),
            is_open=bool(self.open),
            due_at=self.due_at,
            log=rows,
            changes=changes,
        )
        self.version += 1
        self.number += len(rows)
        return write

    def begins(self) -> Write:
        columns: Any = {
            "client_name": "Ana García",
            "elevenlabs_conversation_id": f"conv_{self.id}",
            "agent_id": "agent_1",
        }
        call = {
            "batch_id": "btcal_9201k8pjch8teq3t428mqt82xe3d",
            "recipient": {"id": "rcpt_1", "status": "completed"},
        }
        change = ConversationChange(
            id=self.id, phone_number=self.phone, columns=columns, metadata={"call": call}
        )
        return self.write({"started": columns}, change)

    def received(self, sid: str) -> Write:
        at, message = datetime.now(UTC), next(self.messages)
        self.open = {
            "inbox": [{"event_id": sid, "at": str(at), "text": TEXT, "address": f"whatsapp:{self.phone}"}]
        }
        data = {
            "message_sid": sid,
            "content": TEXT,
            "received_at": str(at),
            "message_id": message,
            "address": self.phone,
        }
        return self.write(
            {"received": data},
            SeenRow(kind="message", event_id=sid, phone_number=self.phone, at=at),
            self._counted(last_message_at=at, last_inbound_at=at),
            self._message(message, "inbound", sid, at),
        )

    def answered(self, sid: str, own_id: str) -> Write:
        part = {
            "own_id": own_id,
            "to": f"whatsapp:{self.phone}",
            "body": TEXT,
            "state": "intended",
            "tries": 1,
        }
        self.open = {"turn": {"id": self.number, "kind": "reply", "answers": [sid], "parts": [part]}}
        columns: Any = {
            "phone_number": self.phone,
            "conversation_id": self.id,
            "turn_id": self.number,
            "turn_kind": "reply",
            "part": 0,
            "to_address": f"whatsapp:{self.phone}",
            "body": TEXT,
            "state": "intended",
            "tries": 1,
            "planned_at": datetime.now(UTC),
            "intended_at": datetime.now(UTC),
        }
        data = {
            "turn_id": self.number,
            "text": TEXT,
            "parts": [part],
            "reply": {"response": TEXT},
            "seconds": 0.3,
        }
        return self.write({"answered": data}, SendChange(own_id=own_id, columns=columns))

    def sent(self, own_id: str, sid: str) -> tuple[Write, int]:
        """Return the write and the message's id."""
        at, message = datetime.now(UTC), next(self.messages)
        self.open = {}
        columns: Any = {
            "state": "accepted",
            "sid": sid,
            "status": "queued",
            "accepted_at": at,
            "message_id": message,
        }
        data = {
            "own_id": own_id,
            "sid": sid,
            "content": TEXT,
            "message_id": message,
            "sent_at": str(at),
            "is_last": True,
        }
        changes = (
            SendChange(own_id=own_id, columns=columns),
            self._counted(last_message_at=at),
            self._message(message, "outbound", sid, at),
        )
        return self.write({"sent": data}, *changes), message

    def reported(self, own_id: str, sid: str, message: int, rank: int) -> Write:
        at, status = datetime.now(UTC), ("sent", "delivered", "read")[rank]
        columns: Any = {"status": status, "rank": rank, **({f"{status}_at": at} if rank else {})}
        times = MessageTimes(id=message, **{f"{status}_at": at}) if rank else None
        data = {"own_id": own_id, "sid": sid, "status": status, "rank": rank, "message_id": message}
        return self.write(
            {"delivered": data}, SendChange(own_id=own_id, columns=columns), *([times] if times else [])
        )

    def _counted(self, **columns: Any) -> ConversationChange:  # noqa: ANN401 - columns of a row
        self.count += 1
        return ConversationChange(id=self.id, phone_number=self.phone, columns=columns, messages=1)

    def _message(self, message: int, direction: Any, sid: str, at: datetime) -> MessageRow:  # noqa: ANN401
        return MessageRow(
            id=message,
            conversation_id=self.id,
            direction=direction,
            content=TEXT,
            twilio_message_id=sid,
            sent_at=at,
            metadata={"turn_id": self.number, "request_id": "3f1c9c11"},
        )

    def _state(self, now: datetime) -> bytes:
        idle = {
            "id": self.id,
            "key": self.phone,
            "number": self.number,
            "client_name": "Ana García",
            "agent_id": "agent_1",
            "agent_name": "Agente Admin",
            "elevenlabs_conversation_id": f"conv_{self.id}",
            "status": "active",
            "started_at": str(_AT),
            "last_message_at": str(now),
            "last_inbound_at": str(now),
            "message_count": self.count,
            "batch_id": "btcal_9201k8pjch8teq3t428mqt82xe3d",
            "address": f"whatsapp:{self.phone}",
            "has_begun": True,
            "summary": "La clienta mostró interés en el plan Premium y pidió que la llamaran en la tarde.",
        }
        return json.dumps(idle | self.open).encode()


def chats(most: int, partitions: int) -> list[Chat]:
    """Return conversations that have not begun, spread over the partitions."""
    sequences, messages = [count(1) for _ in range(partitions)], count(1)
    due = datetime.now(UTC) + _IDLE
    return [
        Chat(number, number % partitions, sequences[number % partitions], messages, due)
        for number in range(1, most + 1)
    ]
