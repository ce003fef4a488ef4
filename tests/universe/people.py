"""Clients, the backend and operators: who they are, and what they say."""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from clients.kafka.producer import partition_of
from tests.universe.appending import POISON
from tests.universe.door import Door
from tests.universe.vendors import SENDER, Taken, Written, key_of
from tests.universe.world import World

_WORDS = ("STOP", "ALTA", "ALTA", "asesor", "ALTA")
_COMMANDS = ("close", "escalate", "resume", "write", "resume", "write", "change_agent", "resume")
# At most: one with both, one with the id alone, and two that begin with the id alone.
_WITH_IDS = 4
# How many messages still come from the id alone.
_HIDDEN, _HIDDEN_FOR_LONG = 8, 20


@dataclass(slots=True)
class Said:
    """What a client wrote."""

    sid: str
    key: str
    text: str
    #: When it came to our door.
    arrived: float
    #: As Twilio names them.
    sender: dict[str, str]
    #: When our door had it.
    acknowledged: float | None = None


@dataclass(slots=True)
class Person:
    """A client."""

    #: None if it is hidden for good.
    number: str | None
    user_id: str | None = None
    #: How many messages still come from the id alone.
    hidden: int = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(each for each in (self.number, self.user_id) if each)

    def sender(self) -> dict[str, str]:
        """Return how Twilio names the sender."""
        self.hidden -= 1
        if self.number is None or self.hidden >= 0:
            return {"From": f"whatsapp:{self.user_id}"}
        linked = {"ExternalUserId": f"whatsapp:{self.user_id}"} if self.user_id else {}
        return {"From": f"whatsapp:{self.number}"} | linked


class People:
    """Everybody, and what they have said.

    Attributes:
        said: By the vendor's message id.
        calls: Ids of the calls that were announced.
        called: When our door had a number's first successful call.
        keys: Everybody's addresses.
    """

    def __init__(self, world: World, door: Door, partitions: int, numbers: int) -> None:
        self._world, self._door = world, door
        self.persons = [Person(number) for number in _keys(partitions, numbers)]
        for place, person in enumerate(self.persons[-min(_WITH_IDS, numbers - 1) :]):
            person.user_id = f"CO.{place}573001"
        self.persons[-1].hidden = world.random.randrange(1, _HIDDEN)
        self.persons[-2].number = None
        self.persons[-3].hidden = world.random.randrange(_HIDDEN_FOR_LONG) if numbers > _WITH_IDS else 0
        self.keys = [address for person in self.persons for address in person.addresses]
        self._of = {address: person for person in self.persons for address in person.addresses}
        self.said: dict[str, Said] = {}
        self.calls: set[str] = set()
        self.called: dict[str, float] = {}
        self.commands: dict[str, str] = {}
        """The address that each command was sent to, by its id."""
        self.erased: set[str] = set()
        self._ids = itertools.count(1)

    def write(self, number: int, text: str | None = None, shows: str | None = None) -> None:
        """Write a message. `shows`: another person's id, which comes with it."""
        place = next(self._ids)
        sender, sid = self._person(number).sender(), f"SM{place:032x}"
        sender |= {"ExternalUserId": f"whatsapp:{shows}"} if shows else {}
        key = key_of(sender["From"])
        said = self.said[sid] = Said(sid, key, text or f"m{place} hola", self._world.now, sender)
        self._world.note("says", key, said.text)
        self._send(said)

    def burst(self, number: int, count: int, gap: float) -> None:
        """Have one person write several messages, one after the other."""
        for place in range(count):
            self._world.after(place * gap, lambda: self.write(number))

    def crowd(self, seconds: float) -> None:
        """Have all write within a moment, as after a campaign."""
        for number in range(len(self.persons)):
            self._world.after(
                seconds * self._world.random.random(),
                lambda number=number: self.write(number),  # type: ignore[misc]
            )

    def contradict(self, number: int, other: Person) -> None:
        """Have one person's message show the id of another, who must not be taken for them."""
        person = self._person(number)
        is_plain = person.number is not None and person.hidden <= 0
        if is_plain and person is not other and self.erased.isdisjoint((*person.addresses, *other.addresses)):
            self.write(number, shows=other.user_id)

    def _person(self, number: int) -> Person:
        return self.persons[number % len(self.persons)]

    def addresses_of(self, key: str) -> tuple[str, ...]:
        """Return a person's addresses, including this one."""
        return self._of[key].addresses

    def repeat(self, back: int) -> None:
        """Have Twilio bring a message once more, most often a new one."""
        if self.said:
            self._send(list(self.said.values())[-1 - back % len(self.said)])

    def say(self, number: int, which: int) -> None:
        self.write(number, _WORDS[which % len(_WORDS)])

    def poison(self, number: int) -> None:
        self.write(number, POISON)

    def written(self) -> list[Written]:
        """Return the clients' messages that Twilio has, oldest first."""
        return [
            Written(each.sid, each.sender["From"], each.text, each.arrived) for each in self.said.values()
        ]

    def _send(self, said: Said) -> None:
        params = {"MessageSid": said.sid, **said.sender, "To": SENDER, "Body": said.text, "NumMedia": "0"}

        def stored() -> None:
            said.acknowledged = said.acknowledged or self._world.now

        self._door.incoming(params, stored)

    def call(self, number: int, which: int) -> None:
        """End a call, every other time one announced before. Nobody without a number is called."""
        if (key := self._person(number).number) is None:
            return
        conversation = f"conv_{key}_{which % 3}"
        who = {
            "phone_number": key,
            "conversation_id": conversation,
            "status": "no_response" if which > 7 else "completed",
        }
        body = {
            "agent_id": "agent_1",
            "agent_name": "Sofía",
            "batch_id": "b1",
            "recipient": who | {"id": f"lead{number}"},
        }
        self.calls.add(conversation)
        self._world.note("call", key, conversation)

        def stored() -> None:
            if which <= 7:
                self.called.setdefault(key, self._world.now)

        self._door.call(key, body | {"call_metadata": {"client_name": "Ana"}}, stored)

    def command(self, number: int, which: int) -> None:
        """Send a command to any of a person's addresses."""
        key = self._world.random.choice(self._person(number).addresses)
        self._command(key, _COMMANDS[which % len(_COMMANDS)])

    def erase(self, number: int) -> None:
        """Erase a person: all addresses with the one, as far as they are known to be the same person's."""
        addresses = self._person(number).addresses
        self.erased.update(addresses)
        self._command(self._world.random.choice(addresses), "erase")

    def _command(self, key: str, name: str) -> None:
        identity = str(UUID(int=next(self._ids)))
        body = {"command_id": identity, "command": name, "by": "ana"}
        body |= {"text": f"op{next(self._ids)} Soy Ana"} if name == "write" else {}
        body |= {"agent_id": "agent_2"} if name == "change_agent" else {}
        self.commands[identity] = key
        self._world.note("command", key, name)
        self._door.command(key, body)

    def report(self, taken: Taken, params: dict[str, str]) -> None:
        """Have Twilio report on a message, sometimes through its own callback, which does not know our id."""
        own_id = taken.own_id if self._world.random.random() < 0.9 else None
        self._world.note("report", taken.sid, params["MessageStatus"], params.get("ErrorCode", ""))
        self._door.status(params, own_id)


def _keys(partitions: int, numbers: int) -> list[str]:
    """Return numbers on all partitions, about as many on each."""
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
