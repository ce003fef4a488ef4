"""What a turn that is no answer of the agent's leaves alone."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from schemas.settings import load_settings
from streams.journal.journal import Journal
from streams.journal.turn import Send, Turn
from streams.turns.runner import Runner
from streams.vendors import OutgoingMessage, Vendors
from streams.vendors.twilio_messages import Accepted

NOW = datetime.now(UTC)


class Recorder:
    """A journal that takes everything and remembers what an answer came with."""

    def __init__(self) -> None:
        self.columns: dict[str, Any] = {}
        self.accepted: list[str] = []

    async def answer(self, turn: Turn, reply: object, sends: list[Send], **columns: object) -> Turn:
        self.columns = columns
        return replace(turn, state="answered", sends=sends)

    async def own(self, partition: int) -> None:
        return None

    async def intend(self, turn: Turn, send: Send) -> None:
        return None

    async def accept(self, turn: Turn, send: Send, sid: str, status: str | None, body: str | None) -> None:
        self.accepted.append(send.body)


class Twilio:
    """Accepts everything."""

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted("SM1", "queued")


RULES: list[tuple[Literal["write", "again"], dict[str, Any], list[str]]] = [
    ("write", {"write": {"text": "habla Luz", "by": "luz"}}, ["habla Luz"]),
    (
        "again",
        {"again": {"parts": [{"body": "uno", "content": None}, {"body": "dos", "content": None}]}},
        ["uno", "dos"],
    ),
]


@pytest.mark.parametrize(("kind", "rule", "said"), RULES)
async def test_only_the_agents_own_answer_catches_it_up_with_what_a_person_said(
    kind: Literal["write", "again"], rule: dict[str, Any], said: list[str]
) -> None:
    settings, journal = load_settings({}), Recorder()
    vendors = cast(Vendors, SimpleNamespace(twilio=Twilio(), typing=None))
    turn = Turn(
        id=1, kind=kind, state="begun", phone_number="+573138539155", partition=0, conversation_id=1, request_id=None,
        address="whatsapp:+573138539155", age_seconds=0.0, answered_at=None, client_name="Ana", agent_id="agent",
        elevenlabs_conversation_id="c1", rule=rule, last_inbound_at=NOW, meanwhile_from=7,
    )  # fmt: skip
    await Runner(settings, cast(Journal, journal), vendors).finish(turn)
    assert journal.accepted == said
    assert journal.columns["caught_up"] is False
