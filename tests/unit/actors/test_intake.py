"""Whatever a record holds, it is taken over or buried: nothing may stop its topic."""

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from clients.kafka.batches import Unreadable
from clients.kafka.producer import Producer, partition_of
from rules.inputs import MessageBuried, Recovered
from schemas.documents import now
from schemas.events import InboundMessage
from schemas.topics import CONVERSATION_COMMAND, DEAD_LETTER
from streams.actors import records
from streams.actors.intake import Intake
from streams.actors.letters import Letters
from streams.actors.reading import InputReader
from streams.actors.records import Arrived
from streams.actors.turns import Turns
from streams.actors.values import Told
from streams.engine.offsets import TopicPartition

NUMBER = "+573138539155"
_PARTITIONS = 8


def good(event_id: str, body: str = "hola") -> bytes:
    params = {"From": f"whatsapp:{NUMBER}", "Body": body}
    return json.dumps(
        {"event_id": event_id, "received_at": "2025-10-28T10:00:00Z", "params": params}
    ).encode()


class Message:
    """A Kafka record."""

    def __init__(self, value: bytes | None, *, timestamp: float = 0.0, headers: object = ()) -> None:
        self.value, self.key, self.offset = value, NUMBER.encode(), 0
        self.timestamp, self.headers = timestamp, headers


class Event:
    """A Faust event."""

    def __init__(self, message: Message) -> None:
        self.message = message


class Broker:
    """A producer that takes records up to a size."""

    def __init__(self, most: int = 10_000_000) -> None:
        self.most = most
        self.letters: list[dict[str, Any]] = []
        self.moved: list[tuple[bytes | None, int | None, object]] = []

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: object = (),
        *,
        partition: int | None = None,
    ) -> None:
        if len(value) > self.most:
            raise MessageSizeTooLargeError
        if topic == DEAD_LETTER:
            self.letters.append(json.loads(value))
        else:
            self.moved.append((key, partition, headers))


class Reader:
    """Reads messages as they are; one whose body is `spoiled` fails like what nobody foresaw."""

    async def messages(self, arrived: Sequence[Arrived]) -> list[Told]:
        return [self._told(each) for each in arrived]

    calls = reports = commands = messages

    def _told(self, arrived: Arrived) -> Told:
        message = arrived.event
        assert isinstance(message, InboundMessage)
        if message.params["Body"] == "spoiled":
            raise ZeroDivisionError
        return Told(given=Recovered(), event=("message", message.event_id))


class Mailboxes:
    """Takes everything in."""

    generation = 1

    def __init__(self) -> None:
        #: Ids of messages.
        self.handled: list[str] = []
        #: Ids of messages that could not be read, with what they came to.
        self.failed: list[tuple[str, str]] = []
        #: What others came to.
        self.unknown: list[str] = []
        #: Offsets.
        self.done: list[int] = []

    async def put(
        self,
        source: TopicPartition,
        offset: int,
        key: str,
        told: Told,
        token: object,
        generation: int,
        *,
        urgent: bool,
    ) -> None:
        self.done.append(offset)
        if told.event is not None:
            self.handled.append(told.event[1])
        elif isinstance(told.given, MessageBuried):
            self.failed.append((told.given.event_id, type(told.failure).__name__))
        else:
            self.unknown.append(type(told.failure).__name__)

    def beside(
        self, source: TopicPartition, offset: int, token: object, generation: int
    ) -> Callable[[], None]:
        return lambda: self.done.append(offset)


async def taken(broker: Broker, *messages: Message, partitions: int = 1) -> list[str]:
    """Take records; return the ids of what came into a mailbox."""
    return (await told(broker, *messages, partitions=partitions)).handled


async def told(
    broker: Broker, *messages: Message, partitions: int = 1, sender: str | None = None
) -> Mailboxes:
    """Take records. All of them must be handed over, in their order."""
    mailboxes, done, over = Mailboxes(), list[int](), asyncio.Event()
    for offset, message in enumerate(messages):
        message.offset = offset

    def handed_over(source: TopicPartition, offset: int, generation: int) -> None:
        done.append(offset)
        if len(done) == len(messages):
            over.set()

    producer = cast(Producer, broker)
    reader = cast(InputReader, Reader())
    letters = Letters(producer, now)
    intake = Intake(partitions, mailboxes, reader, producer, letters, handed_over, now, Turns(), sender)
    for message in messages:
        await intake(TopicPartition("inbound-message", 0), Event(message))
    working = asyncio.create_task(intake.work())
    async with asyncio.timeout(5):
        await over.wait()
    working.cancel()
    assert mailboxes.done == done == list(range(len(messages)))
    return mailboxes


async def test_what_lies_on_a_wrong_partition_is_moved_by_its_number_and_marked() -> None:
    """By the worker's own count: a producer may have learned of another one by now."""
    broker, right = Broker(), partition_of(NUMBER, _PARTITIONS)
    assert right != 0
    assert await taken(broker, Message(good("SM1")), partitions=_PARTITIONS) == []
    assert broker.moved == [(NUMBER.encode(), right, [("x-moved", b"%d" % _PARTITIONS)])]


@pytest.mark.parametrize(
    ("moved_for", "is_moved"), [(_PARTITIONS - 1, True), (_PARTITIONS, False), (99, False)]
)
async def test_it_is_moved_once_for_a_number_of_partitions(moved_for: int, is_moved: bool) -> None:
    broker = Broker()
    message = Message(good("SM1"), headers=(("x-moved", str(moved_for).encode()),))
    assert await taken(broker, message, partitions=_PARTITIONS) == []
    assert (len(broker.moved), [letter["reason"] for letter in broker.letters]) == (
        (1, []) if is_moved else (0, ["partition"])
    )


@pytest.mark.parametrize("timestamp", [0.0, 1e30, -1e30, float("nan")])
@pytest.mark.parametrize(
    "headers", [(), (("x-replay", b"\xff;;;"),), (("x-request-id", b"\xff"),), {"x-replay": "a;open;b;c"}]
)
async def test_nonsense_around_a_good_value_is_no_reason_to_refuse_it(
    timestamp: float, headers: object
) -> None:
    message = Message(good("SM1"), timestamp=timestamp, headers=headers)
    assert await taken(Broker(), message) == ["SM1"]


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"[]", b"{" * 100_000, b'{"a": "' + b"y" * 1_000_000 + b'"}']
)
async def test_what_cannot_be_used_is_buried(value: bytes | None) -> None:
    broker = Broker()
    assert await taken(broker, Message(value)) == []
    assert [(letter["topic"], letter["offset"]) for letter in broker.letters] == [("inbound-message", 0)]


async def test_a_letter_that_is_too_large_says_where_the_bytes_are() -> None:
    broker = Broker(most=1_000_000)
    await taken(broker, Message(b"x" * 1_000_000))
    assert broker.letters[0]["value_base64"] is None
    assert "topic, partition and offset" in broker.letters[0]["details"]


async def test_what_kafkas_client_could_not_read_is_buried_with_its_bytes() -> None:
    broker = Broker()
    assert await taken(broker, Message(Unreadable.of(b"raw", "its checksum is wrong"))) == []
    [letter] = broker.letters
    assert (letter["reason"], letter["details"]) == ("record", "its checksum is wrong")
    assert base64.b64decode(letter["value_base64"]) == b"raw"


async def test_a_letter_has_room_whatever_its_key() -> None:
    broker, message = Broker(most=1_000_000), Message(b"{")
    message.key = b"k" * 1_000_000
    await taken(broker, message)
    assert (broker.letters[0]["key_base64"], broker.letters[0]["reason"]) == (None, "body")


def fails(value: bytes, country: object) -> InboundMessage:
    """A build's model that fails on everything."""
    raise ZeroDivisionError


async def test_what_the_model_fails_on_is_judged_in_its_numbers_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be the build's fault: then it meets others, too, and nothing is buried."""
    monkeypatch.setitem(records._MODELS, "inbound-message", fails)
    broker = Broker()
    mailboxes = await told(broker, Message(good("SM1")), Message(b"{"))
    assert (mailboxes.failed, mailboxes.unknown) == ([("0-0", "ZeroDivisionError")], ["ZeroDivisionError"])
    assert broker.letters == []


@pytest.mark.parametrize(("key", "partitions"), [(b"call-17", 1), (NUMBER.encode(), _PARTITIONS), (None, 1)])
async def test_of_whom_nobody_knows_here_it_is_buried_at_once(
    key: bytes | None, partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(records._MODELS, "inbound-message", fails)
    broker, message = Broker(), Message(b"{")
    message.key = key
    assert await taken(broker, message, partitions=partitions) == []
    assert broker.letters[0]["details"] == "cannot be read: ZeroDivisionError"


_LATE = {"received_at": "9999-12-31T23:59:59-14:00"}


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        (_LATE, "0-0"),
        (_LATE | {"params": {"From": f"whatsapp:{NUMBER}", "MessageSid": "SM7"}}, "SM7"),
        (_LATE | {"params": {"From": f"whatsapp:{NUMBER}", "MessageSid": "S M\0"}}, "0-0"),
        ({"event_id": []}, "0-0"),
        ({"params": {"From": f"whatsapp:{NUMBER}", "Body": [], "MessageSid": []}}, "0-0"),
        ({"params": {"From": "whatsapp:+57"}}, None),
        ({"params": {"From": [NUMBER]}}, None),
        ({"params": [f"whatsapp:{NUMBER}"]}, None),
    ],
)
async def test_whose_message_the_model_refuses_is_told_of_it(
    change: dict[str, Any], is_told: str | None
) -> None:
    """The letter is made at once: its bytes will not change. The client knows of no topic, and waits."""
    broker = Broker()
    mailboxes = await told(broker, Message(json.dumps(json.loads(good("SM1")) | change).encode()))
    assert [letter["topic"] for letter in broker.letters] == ["inbound-message"]
    assert mailboxes.handled == ([] if is_told is None else [f"dead-letter:{is_told}"])


async def test_our_own_sender_is_nobodys_client() -> None:
    broker = Broker()
    assert (await told(broker, Message(good("SM1")), sender=NUMBER)).handled == ["dead-letter:0-0"]
    assert [letter["reason"] for letter in broker.letters] == ["phone_number"]


async def test_who_was_told_is_not_told_again_when_an_operator_gives_it_back() -> None:
    broker, value = Broker(), json.dumps(json.loads(good("SM1")) | _LATE).encode()
    mark = ("x-replay", b"dead-letter;open;0-1;2025-10-28T10:00:00+00:00")
    assert await taken(broker, Message(value, headers=(mark,))) == []
    assert len(broker.letters) == 1


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.text() | st.floats() | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(("params", "From", "MessageSid")), inner)
        ),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_refused_it_is_one_letter(value: bytes) -> None:
    broker = Broker()
    assert len(asyncio.run(taken(broker, Message(value)))) <= 1
    assert len(broker.letters) == 1


async def test_one_that_cannot_be_read_spoils_nothing_of_those_around_it() -> None:
    """It is judged where it would have been handled, in its order."""
    broker = Broker()
    mailboxes = await told(
        broker, Message(good("SM1")), Message(good("SM2", "spoiled")), Message(good("SM3"))
    )
    assert (mailboxes.handled, mailboxes.failed) == (["SM1", "SM3"], [("SM2", "ZeroDivisionError")])
    assert broker.letters == []


async def test_one_that_names_its_person_but_no_address_fails_in_the_persons_turn() -> None:
    value = json.loads(good("SM2", "spoiled")) | {"person": NUMBER}
    value["params"]["From"] = "messenger:xyz"
    mailboxes = await told(Broker(), Message(json.dumps(value).encode()), Message(good("SM3")))
    assert (mailboxes.handled, mailboxes.failed) == (["SM3"], [("SM2", "ZeroDivisionError")])


class SlowReader(Reader):
    """Commands of one number wait for something."""

    def __init__(self) -> None:
        self.is_there = asyncio.Event()

    async def commands(self, arrived: Sequence[Arrived]) -> list[Told]:
        if any(each.key == NUMBER for each in arrived):
            await self.is_there.wait()
        return [Told(given=Recovered(), event=("command", each.event.event_id)) for each in arrived]


def command(name: str, number: str) -> Message:
    given = {
        "command_id": name,
        "phone_number": number,
        "command": "close",
        "by": "ana",
        "at": "2025-10-28T10:00:00Z",
    }
    message = Message(json.dumps(given).encode())
    message.key = number.encode()
    return message


async def test_a_command_that_waits_holds_back_its_partition_alone() -> None:
    reader, mailboxes, broker = SlowReader(), Mailboxes(), cast(Producer, Broker())
    others = [f"+5731385391{place:02}" for place in range(20)]
    other = next(
        each for each in others if partition_of(each, _PARTITIONS) != partition_of(NUMBER, _PARTITIONS)
    )
    inputs, letters = cast(InputReader, reader), Letters(broker, now)
    intake = Intake(_PARTITIONS, mailboxes, inputs, broker, letters, lambda *_: None, now, Turns())
    working = asyncio.create_task(intake.work())
    for name, number in (("waits", NUMBER), ("behind", NUMBER), ("another", other)):
        source = TopicPartition(CONVERSATION_COMMAND, partition_of(number, _PARTITIONS))
        await intake(source, Event(command(name, number)))
    async with asyncio.timeout(10):
        while mailboxes.handled != ["another"]:
            await asyncio.sleep(0)
        reader.is_there.set()
        while mailboxes.handled != ["another", "waits", "behind"]:
            await asyncio.sleep(0)
    working.cancel()
