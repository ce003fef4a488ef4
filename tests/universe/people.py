"""Clients, the backend and operators: what they say reaches Kafka through a door that keeps each number's order."""

import itertools
import json
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from clients.kafka.partitioner import partition_of
from schemas.events import InboundMessage, MessageStatus
from schemas.topics import CALL_COMPLETED, CONVERSATION_COMMAND, INBOUND_MESSAGE, MESSAGE_STATUS
from tests.universe.appending import POISON
from tests.universe.kafka import Kafka
from tests.universe.vendors import SENDER, Taken, key_of
from tests.universe.world import World

_WORDS = ("STOP", "ALTA", "ALTA", "asesor", "ALTA")
_COMMANDS = ("close", "escalate", "resume", "write", "resume", "write", "change_agent", "resume")
_AGAIN_SECONDS = 0.3


@dataclass(slots=True)
class Said:
    """What a client wrote. `arrived`, `acknowledged`: at our door, and when that had stored it."""

    sid: str
    key: str
    text: str
    arrived: float
    acknowledged: float | None = None


@dataclass(slots=True)
class Door:
    """Publishes, as `web` does: while Kafka is away what a number says waits, in its order."""

    world: World
    kafka: Kafka
    waiting: dict[str, deque[tuple[str, bytes, Callable[[], None]]]] = field(default_factory=lambda: defaultdict(deque))

    def publish(self, topic: str, key: str, value: bytes, stored: Callable[[], None] = lambda: None) -> None:
        self.waiting[key].append((topic, value, stored))
        if len(self.waiting[key]) == 1:
            self.world.after(self.world.random.random() * 0.02, lambda: self._go_on(key))

    def _go_on(self, key: str) -> None:
        if self.kafka.service.is_down:
            self.world.after(_AGAIN_SECONDS, lambda: self._go_on(key))
            return
        topic, value, stored = self.waiting[key][0]
        self.kafka.append(topic, key.encode(), value, [], None)
        self.waiting[key].popleft()
        stored()
        if self.waiting[key]:
            self.world.after(self.world.random.random() * 0.02, lambda: self._go_on(key))


class People:
    """`said`: by the vendor's id of a message; `calls`, `commands`: ids of what was told; `called`: when Kafka had a
    number's first call that went well.
    """

    def __init__(self, world: World, door: Door, partitions: int, numbers: int) -> None:
        self._world, self._door = world, door
        self.keys = _keys(partitions, numbers)
        self.said: dict[str, Said] = {}
        self.calls: set[str] = set()
        self.called: dict[str, float] = {}
        self.commands: set[str] = set()
        self.erased: set[str] = set()
        self._ids = itertools.count(1)

    def write(self, number: int, text: str | None = None) -> None:
        place = next(self._ids)
        key, sid = self.keys[number % len(self.keys)], f"SM{place:032x}"
        said = self.said[sid] = Said(sid, key, text or f"m{place} hola", self._world.now)
        self._world.note("says", key, said.text)
        self._send(said)

    def burst(self, number: int, count: int, gap: float) -> None:
        """One writes several messages, one after the other."""
        for place in range(count):
            self._world.after(place * gap, lambda: self.write(number))

    def crowd(self, seconds: float) -> None:
        """All write within a moment, as after a campaign."""
        for number in range(len(self.keys)):
            self._world.after(seconds * self._world.random.random(), lambda number=number: self.write(number))  # type: ignore[misc]

    def repeat(self, back: int) -> None:
        """Twilio brings a message once more; most often a new one."""
        if self.said:
            self._send(list(self.said.values())[-1 - back % len(self.said)])

    def say(self, number: int, which: int) -> None:
        self.write(number, _WORDS[which % len(_WORDS)])

    def poison(self, number: int) -> None:
        self.write(number, POISON)

    def _send(self, said: Said) -> None:
        params = {"MessageSid": said.sid, "From": f"whatsapp:{said.key}", "To": SENDER, "Body": said.text, "NumMedia": "0"}
        message = InboundMessage(event_id=said.sid, received_at=self._world.datetime(), params=params)

        def stored() -> None:
            said.acknowledged = said.acknowledged or self._world.now

        self._door.publish(INBOUND_MESSAGE, said.key, message.to_json(), stored)

    def call(self, number: int, which: int) -> None:
        """A call ends; every other time one that was told before."""
        key = self.keys[number % len(self.keys)]
        conversation = f"conv_{key}_{which % 3}"
        who = {"phone_number": key, "conversation_id": conversation, "status": "no_response" if which > 7 else "completed"}
        body = {"agent_id": "agent_1", "agent_name": "Sofía", "batch_id": "b1", "recipient": who | {"id": f"lead{number}"}}
        self.calls.add(conversation)
        self._world.note("call", key, conversation)

        def stored() -> None:
            if which <= 7:
                self.called.setdefault(key, self._world.now)

        body |= {"call_metadata": {"client_name": "Ana"}}
        self._door.publish(CALL_COMPLETED, key, json.dumps(body).encode(), stored)

    def command(self, number: int, which: int) -> None:
        self._command(self.keys[number % len(self.keys)], _COMMANDS[which % len(_COMMANDS)])

    def erase(self, number: int) -> None:
        key = self.keys[number % len(self.keys)]
        self.erased.add(key)
        self._command(key, "erase")

    def _command(self, key: str, name: str) -> None:
        identity = str(UUID(int=next(self._ids)))
        at = self._world.datetime().isoformat()
        body = {"command_id": identity, "phone_number": key, "command": name, "by": "ana", "at": at}
        body |= {"text": f"op{next(self._ids)} Soy Ana"} if name == "write" else {}
        body |= {"agent_id": "agent_2"} if name == "change_agent" else {}
        self.commands.add(identity)
        self._world.note("command", key, name)
        self._door.publish(CONVERSATION_COMMAND, key, json.dumps(body).encode())

    def report(self, taken: Taken, params: dict[str, str]) -> None:
        """Twilio tells what became of a message; sometimes by its own callback, which knows no id of ours."""
        own_id = taken.own_id if self._world.random.random() < 0.9 else None
        event_id = f"{taken.sid}:{params['MessageStatus']}"
        report = MessageStatus(event_id=event_id, received_at=self._world.datetime(), params=params, own_id=own_id)
        self._world.note("report", taken.sid, params["MessageStatus"], params.get("ErrorCode", ""))
        self._door.publish(MESSAGE_STATUS, key_of(taken.to), report.to_json())


def _keys(partitions: int, numbers: int) -> list[str]:
    """Return numbers that lie on all partitions, about as many on each."""
    found: dict[int, list[str]] = defaultdict(list)
    most = -(-numbers // partitions)
    for place in itertools.count():
        key = f"+57300{place:07}"
        of = found[partition_of(key, partitions)]
        if len(of) < most:
            of.append(key)
        if len(found) == partitions and all(len(each) == most for each in found.values()):
            return [key for some in zip(*found.values(), strict=True) for key in some][:numbers]
    raise AssertionError("there are numbers enough")
