"""A messenger other than Twilio carries a conversation: the port is all that the actors know of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pytest

from clients.matching import candidates
from clients.messenger import Accepted, ListedMessage, Listing, MessageFile, OutgoingMessage
from clients.vendors import Vendors
from db.pool import Pool
from schemas.documents import now
from schemas.errors import RetryableError, TerminalError, UnknownOutcome, Withheld
from schemas.verdicts import Verdict
from tests.support.deadline import eventually
from tests.support.echo_agent import EchoAgent
from tests.support.gateway import NUMBER
from tests.support.one_process import OneProcess, one_process

_SENDER = "pigeon:home"


@dataclass
class Pigeons:
    """Carries notes, and remembers them.

    `fates` of the next ones: taken, lost on the way back, not sent, or refused.
    """

    vendor = "pigeons"
    fates: list[str] = field(default_factory=list)
    carried: list[ListedMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        if not may_leave():
            raise Withheld
        fate = self.fates.pop(0) if self.fates else "taken"
        if fate == "not sent":
            raise RetryableError(self.vendor, "all are out")
        if fate == "refused":
            raise TerminalError(self.vendor, "no such roof", 7)
        note = ListedMessage(
            sid=f"note-{len(self.carried)}",
            to=message.to,
            from_=_SENDER,
            body=message.body or "",
            is_inbound=False,
            status="sent",
            created=now().replace(microsecond=0),
        )
        self.carried.insert(0, note)
        if fate == "lost on the way back":
            raise UnknownOutcome(self.vendor, "did not come back")
        return Accepted(note.sid, "sent", note.body)

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        found = [each for each in self.carried if each.created >= since and to in (None, each.to)]
        return Listing(messages=tuple(found), as_of=now())

    async def find_sent(
        self, to: str, body: str | None, not_before: datetime, known_sids: Set[str]
    ) -> list[ListedMessage]:
        return candidates((await self.sent_since(not_before, to)).messages, to, body, known_sids)

    async def listed(
        self, since: datetime, until: datetime, direction: Literal["inbound", "outbound"]
    ) -> AsyncIterator[ListedMessage]:
        for each in self.carried:
            yield each

    async def files(self, sid: str) -> list[MessageFile]:
        return []

    def typing(self, sid: str) -> AbstractContextManager[None]:
        return nullcontext()

    def classify(self, code: int | str | None) -> Verdict:
        return Verdict(kind="terminal", es="no", en="no")

    def said(self) -> list[str]:
        return [each.body for each in reversed(self.carried)]


@pytest.fixture
async def carried(pool: Pool) -> AsyncIterator[tuple[OneProcess, Pigeons]]:
    pigeons, agent = Pigeons(), EchoAgent()
    async with one_process(pool, lambda *_: Vendors(pigeons, agent, agent)) as service:
        await service.call()
        await eventually(lambda: asyncio.sleep(0, len(pigeons.carried) == 1), 30)
        yield service, pigeons


async def _said(pigeons: Pigeons, *texts: str) -> None:
    """Wait until this was carried since the call, each once."""
    await eventually(lambda: asyncio.sleep(0, pigeons.said()[1:] == list(texts)), 60)


async def test_a_conversation_is_carried(carried: tuple[OneProcess, Pigeons], pool: Pool) -> None:
    service, pigeons = carried
    await service.write("SM1", "hola")
    await _said(pigeons, "Oí: hola")
    await service.write("SM2", "¿cuánto cuesta?")
    await _said(pigeons, "Oí: hola", "Oí: ¿cuánto cuesta?")
    assert {each.to for each in pigeons.carried} == {f"whatsapp:{NUMBER}"}
    kept = await pool.fetch("SELECT direction FROM conversation_messages ORDER BY id")
    assert [row["direction"] for row in kept].count("inbound") == 2


async def test_what_was_not_sent_goes_again_and_what_was_is_found(
    carried: tuple[OneProcess, Pigeons],
) -> None:
    service, pigeons = carried
    pigeons.fates = ["not sent", "lost on the way back"]
    await service.write("SM1", "uno")
    await _said(pigeons, "Oí: uno")
    await service.write("SM2", "dos")
    await _said(pigeons, "Oí: uno", "Oí: dos")


async def test_what_is_refused_fails_alone(carried: tuple[OneProcess, Pigeons], pool: Pool) -> None:
    service, pigeons = carried
    pigeons.fates = ["refused"]
    await service.write("SM1", "uno")

    async def failed() -> bool:
        return bool(await pool.fetchval("SELECT count(*) FROM conversation_log WHERE type = 'failed'"))

    await eventually(failed, 30)
    await service.write("SM2", "dos")
    await eventually(lambda: asyncio.sleep(0, "Oí: dos" in pigeons.said()), 60)
    assert "Oí: uno" not in pigeons.said()
