"""The agent and Twilio of the model: each call waits at a gate until the history lets it go on."""

import asyncio
from collections import deque
from datetime import datetime

from schemas.errors import RetryableError, UnknownOutcome
from streams.vendors import Accepted, AgentReply, Found, OutgoingMessage, Question
from tests.model.database import Database


class Outside:
    """`told`: what Twilio accepted, (number, text) in its order; `fates`: what becomes of the next sends."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Future[None]] = []
        self.fates: deque[str] = deque()
        self.told: list[tuple[str, str, str]] = []

    async def gate(self) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate

    def open(self, place: int) -> None:
        """Let one call go on."""
        gate = self.gates.pop(place % len(self.gates))
        if not gate.done():
            gate.set_result(None)

    def accepted(self, number: str) -> list[str]:
        """Give the texts of clients that were answered, in the order of the answers."""
        return [text for to, body, _ in self.told if to == number for text in body.removeprefix("Eco: ").split("\n")]


class EchoAgent:
    """Says what it heard."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def ask(self, question: Question) -> AgentReply:
        await question.confirm()
        await self._outside.gate()
        return AgentReply(text=f"Eco: {question.text}", raw={}, transport="model")


class ModelTwilio:
    """Takes a message at the moment of its send; only its answer is late, lost, or a refusal."""

    def __init__(self, outside: Outside, database: Database) -> None:
        self._outside = outside
        self._database = database

    async def send(self, message: OutgoingMessage) -> Accepted:
        fate = self._outside.fates.popleft() if self._outside.fates else "accepted"
        sid = f"SM{len(self._outside.told)}"
        if fate in ("accepted", "silent", "reported"):
            self._outside.told.append((message.to.removeprefix("whatsapp:"), message.body or "", sid))
        if fate == "reported":
            self._database.step("wm_report", {"own_id": message.own_id, "sid": sid})
        await self._outside.gate()
        if fate == "refused":
            raise RetryableError("twilio", "too many", 429)
        if fate in ("silent", "reported", "lost"):
            raise UnknownOutcome("twilio", "broke off")
        return Accepted(sid, "queued")

    async def find_sent(self, to: str, from_: str, body: str | None, since: datetime, known: set[str]) -> list[Found]:
        number = to.removeprefix("whatsapp:")
        return [
            Found(sid, "sent", since)
            for each, text, sid in reversed(self._outside.told)
            if (each, text) == (number, body) and sid not in known
        ]
