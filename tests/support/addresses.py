"""One person's addresses, each with its conversation, whose actors tell each other what they must."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from db.pool import Pool
from rules import effects as f
from rules import inputs as i
from rules.codec import type_of
from rules.draft import Fresh
from rules.events import Event
from rules.person import Letter
from rules.policy import Policy
from rules.state import Conversation
from schemas.commands import ConversationCommand
from schemas.events import InboundMessage, MessageStatus
from streams.actors.reading import InputReader
from streams.actors.records import Arrived
from streams.actors.values import Told
from tests.support.chat import NUMBER, START, Chat, fresh, policy_of

USER = "CO.1234567890"
"""A business-scoped id."""
OTHER = "+573138539199"


async def _all_read() -> None:
    """Return at once: all calls are read."""


class _NoPool:
    """A pool without former calls, or sends other than those in memory."""

    async def fetch(self, *_: object) -> list[object]:
        return []


@dataclass
class Addresses:
    """A person's conversations by address. `published`: every letter that went out, in order."""

    policy: Policy = field(default_factory=policy_of)
    ids: Fresh = field(default_factory=fresh)
    now: datetime = START
    chats: dict[str, Chat] = field(default_factory=dict)
    published: list[Letter] = field(default_factory=list)
    _sids: Any = field(default_factory=lambda: itertools.count(1))

    def chat(self, key: str) -> Chat:
        """Return the conversation of an address."""
        if key not in self.chats:
            self.chats[key] = Chat(
                self.policy, self.ids, state=Conversation(key=key), sids=self._sids.__next__
            )
        self.chats[key].now = self.now
        return self.chats[key]

    def passes(self, **of: float) -> list[Event]:
        """Let time pass, then fire every timer."""
        self.now += timedelta(**of)
        return [event for key in list(self.chats) for event in self.chat(key).give(i.TimerFired())]

    def write(
        self,
        sender: str,
        text: str = "hola",
        sid: str | None = None,
        *,
        backfilled: bool = False,
        **params: str,
    ) -> list[Event]:
        """Write from an address; `params`: what else the vendor says of the message."""
        return asyncio.run(self.awrite(sender, text, sid, backfilled=backfilled, **params))

    async def awrite(
        self, sender: str, text: str, sid: str | None = None, *, backfilled: bool = False, **params: str
    ) -> list[Event]:
        sid = sid or f"SM{next(self._sids):032x}"
        body = {"MessageSid": sid, "From": f"whatsapp:{sender}", "Body": text, "NumMedia": "0"} | params
        message = InboundMessage(event_id=sid, received_at=self.now, params=body, backfilled=backfilled)
        [told] = await self._reader().messages([Arrived(event=message, at=self.now)])
        return self.tell(message.key, told)

    def both(self, text: str = "hola", number: str = NUMBER, user: str = USER, **params: str) -> list[Event]:
        """Write with both addresses visible."""
        return self.write(number, text, **{"ExternalUserId": f"whatsapp:{user}"} | params)

    def report(self, to: str, own_id: str, sid: str, status: str) -> list[Event]:
        """Report on a message to an address, whichever conversation it belongs to."""
        body = {"MessageSid": sid, "MessageStatus": status, "To": f"whatsapp:{to}"}
        report = MessageStatus(event_id=f"{sid}:{status}", received_at=self.now, params=body, own_id=own_id)
        return self.tell(to, asyncio.run(self._read_report(Arrived(event=report, at=self.now))))

    def note(self, key: str, noted: dict[str, object]) -> list[Event]:
        """Tell an address's actor what ElevenLabs says of a call."""
        told = {
            "command_id": "n1",
            "phone_number": key,
            "command": "note_details",
            "by": "web",
            "details": noted,
        }
        command = ConversationCommand.from_object(told | {"at": self.now.isoformat()})
        return self.tell(key, asyncio.run(self._read_command(command)))

    async def _read_command(self, command: ConversationCommand) -> Told:
        [told] = await self._reader().commands([Arrived(event=command, at=self.now)])
        return told

    async def _read_report(self, arrived: Arrived) -> Told:
        [told] = await self._reader().reports([arrived])
        return told

    def tell(self, key: str, told: Told) -> list[Event]:
        """Hand an actor something, unless the store has seen it before."""
        seen: set[object] = {event for chat in self.chats.values() for event in chat.tables.seen}
        return [] if told.event in seen else self.chat(key).give(told.given)

    def letters(self, key: str) -> list[Letter]:
        """Return the letters that an address has to publish now."""
        return [effect.letter for effect in self.chat(key).wanted() if isinstance(effect, f.PublishLetter)]

    def publish(self, key: str, *, times: int = 1) -> list[Event]:
        """Publish an address's next letter and have it taken up `times` times, as often as Kafka has it."""
        return asyncio.run(self._publish(key, times))

    async def _publish(self, key: str, times: int = 1) -> list[Event]:
        [letter] = self.letters(key)
        self.published.append(letter)
        happened: list[Event] = []
        for _ in range(times):
            happened += await self._deliver(letter)
        self.chat(key).give(i.LetterPublished(letter_id=letter.id))
        return happened

    def deliver(self, letter: Letter) -> list[Event]:
        """Have a letter taken up by its actor."""
        return asyncio.run(self._deliver(letter))

    async def _deliver(self, letter: Letter) -> list[Event]:
        command = ConversationCommand.from_json(ConversationCommand.from_object(letter.command).to_json())
        if command.command in ("link", "take_over", "forward", "note_details"):
            told = await self._read_command(command)
        else:
            told = Told(
                given=i.CommandGiven(command=command, received_at=self.now),
                event=("command", command.command_id),
            )
        return self.tell(command.key, told)

    def settle(self) -> list[str]:
        """Have all letters published and taken up; return what happened."""
        return asyncio.run(self.asettle())

    async def asettle(self) -> list[str]:
        happened: list[str] = []
        while waiting := [key for key in list(self.chats) if self.letters(key)]:
            happened += self.told(await self._publish(waiting[0]))
        return happened

    def told(self, events: Sequence[Event]) -> list[str]:
        return [type_of(event) for event in events]

    def _reader(self) -> InputReader:
        pool = cast(Pool, _NoPool())
        return InputReader(pool, self.policy, _all_read, lambda key: self.chat(key).remembered)


def called(policy: Policy | None = None, **given: object) -> Addresses:
    """Return a person who was called at a number and has the first message."""
    person = Addresses(policy or policy_of(**given))
    person.chat(NUMBER).call()
    person.chat(NUMBER).greet()
    return person
