"""The journal on a real Postgres, driven for one number as the worker drives it; nothing is really sent."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from db.pool import Pool
from schemas.documents import now
from schemas.events import CallCompleted
from schemas.settings import load_settings
from streams.conversation.inbound import quoted_sid
from streams.conversation.keywords import Keywords
from streams.journal.journal import Begun, Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn

PHONE = "+573138539155"
ADDRESS = f"whatsapp:{PHONE}"
KEYWORDS = Keywords.of(load_settings({}))


@dataclass
class Chat:
    """One number's conversation. `sent`: what was accepted, in order."""

    pool: Pool
    journal: Journal
    sent: list[str] = field(default_factory=list)
    number: str = PHONE
    _written: int = 0

    async def begin_call(self, conversation: str = "c1", **over: object) -> Begun:
        return await self.journal.begin_call(0, call(conversation, self.number, **over), None)

    async def called(self, conversation: str = "c1", **over: object) -> None:
        """A call whose first message went out."""
        begun = await self.begin_call(conversation, **over)
        assert begun.turn is not None, begun
        await self.send(begun.turn, "primer mensaje")

    async def write(self, *bodies: str, at: datetime | None = None, **params: str) -> Begun:
        """The client writes; gives what beginning their turn came to."""
        inputs = [self._input(body, at or now(), params) for body in bodies]
        return await self.journal.begin_reply(0, self.number, inputs, None)

    async def send(self, turn: Turn, *texts: str, **columns: object) -> Turn:
        """The turn is answered and its messages accepted."""
        turn = await self.answer(turn, *texts, **columns)
        for send in turn.sends:
            assert await self.journal.intend(turn, send) is None
            await self.journal.accept(turn, send, f"SM{uuid.uuid4().hex}", None)
            self.sent.append(send.body)
        return turn

    async def answer(self, turn: Turn, *texts: str, **columns: object) -> Turn:
        sends = [Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=text) for text in texts]
        return await self.journal.answer(turn, {"text": texts}, sends, text=" ".join(texts), seconds=0.0, **columns)

    async def report(self, send: Send, status: str, rank: int, **over: object) -> None:
        report = {"own_id": send.own_id, "sid": "SM1", "status": status, "rank": rank, "delivered": False, "read": False}
        await self.journal.report(report | {"error_code": None, "failed": status == "undelivered", "reason": None} | over)

    async def events(self, *types: str) -> list[dict[str, Any]]:
        """Give the outbox's events, in order: all, or those of some types."""
        rows = await self.pool.fetch("SELECT payload FROM conversation_outbox ORDER BY conversation_id, number")
        return [row["payload"] for row in rows if not types or row["payload"]["type"] in types]

    async def status(self) -> str:
        status: str = await self.pool.fetchval("SELECT status FROM conversation_state WHERE phone_number = $1", self.number)
        return status

    def _input(self, body: str, at: datetime, params: dict[str, str]) -> dict[str, Any]:
        self._written += 1
        intent = KEYWORDS.intent({"Body": body, **params})
        given = {"event_id": f"SMin{self._written}", "address": f"whatsapp:{self.number}", "received_at": at, "text": body}
        quoted = {"quotes": sid} if (sid := quoted_sid(params)) else {}
        return given | {"params": params} | ({"intent": intent.as_json()} if intent else {}) | quoted


def call(conversation: str, number: str = PHONE, **over: object) -> CallCompleted:
    recipient = {"phone_number": number, "conversation_id": conversation}
    return CallCompleted.from_object({"agent_id": "agent", "recipient": recipient, **over})


async def chat_on(pool: Pool, number: str = PHONE) -> Chat:
    """Own the partition and give a chat."""
    ownership = Ownership(pool, "test")
    await ownership.claim({0})
    return Chat(pool, Journal(pool, Steps(pool), ownership), number=number)


def ago(**of: float) -> datetime:
    return now() - timedelta(**of)
