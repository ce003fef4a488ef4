"""Whatever a record holds, it is taken over or buried: nothing may stop its topic."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from clients.kafka.batches import Unreadable
from clients.kafka.partitioner import partition_of
from clients.kafka.producer import Producer
from rules.inputs import MessageBuried, Recovered
from schemas.events import InboundMessage
from schemas.topics import DEAD_LETTER
from streams.actors import records
from streams.actors.intake import Intake
from streams.actors.letters import Letters
from streams.actors.reading import Arrived, InputReader
from streams.actors.values import Told
from streams.engine.work import TopicPartition

NUMBER = "+573138539155"
_PARTITIONS = 8


def good(event_id: str, body: str = "hola") -> bytes:
    params = {"From": f"whatsapp:{NUMBER}", "Body": body}
    return json.dumps({"event_id": event_id, "received_at": "2025-10-28T10:00:00Z", "params": params}).encode()


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
        self, topic: str, key: bytes | None, value: bytes, headers: object = (), *, partition: int | None = None
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
    """Takes everything in. `handled`: ids of messages; `failed`: of those that could not be read, with what they came to;
    `finished`: offsets of what was disposed of.
    """

    generation = 1

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.failed: list[tuple[str, str]] = []
        self.done: list[int] = []

    async def put(
        self, source: TopicPartition, offset: int, key: str, told: Told, token: object, generation: int, *, urgent: bool
    ) -> None:
        self.done.append(offset)
        if told.event is not None:
            self.handled.append(told.event[1])
        else:
            assert isinstance(told.given, MessageBuried)
            self.failed.append((told.given.event_id, type(told.failure).__name__))

    def finished(self, source: TopicPartition, offset: int, token: object, generation: int) -> None:
        self.done.append(offset)


async def taken(broker: Broker, *messages: Message, partitions: int = 1) -> list[str]:
    """Take records; return the ids of what came into a mailbox."""
    return (await told(broker, *messages, partitions=partitions)).handled


async def told(broker: Broker, *messages: Message, partitions: int = 1) -> Mailboxes:
    """Take records. All of them must be handed over, in their order."""
    mailboxes, done, over = Mailboxes(), list[int](), asyncio.Event()
    for offset, message in enumerate(messages):
        message.offset = offset

    def handed_over(source: TopicPartition, offset: int, generation: int) -> None:
        done.append(offset)
        if len(done) == len(messages):
            over.set()

    producer = cast(Producer, broker)
    intake = Intake(partitions, mailboxes, cast(InputReader, Reader()), producer, Letters(producer), handed_over)
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


@pytest.mark.parametrize(("moved_for", "is_moved"), [(_PARTITIONS - 1, True), (_PARTITIONS, False), (99, False)])
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
async def test_nonsense_around_a_good_value_is_no_reason_to_refuse_it(timestamp: float, headers: object) -> None:
    message = Message(good("SM1"), timestamp=timestamp, headers=headers)
    assert await taken(Broker(), message) == ["SM1"]


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"{" * 100_000, b'{"a": "' + b"y" * 1_000_000 + b'"}'])
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


async def test_an_error_that_nobody_foresaw_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(value: bytes) -> InboundMessage:
        raise ZeroDivisionError

    monkeypatch.setitem(records._MODELS, "inbound-message", fails)
    broker = Broker()
    await taken(broker, Message(good("SM1")))
    assert broker.letters[0]["details"] == "cannot be read: ZeroDivisionError"


async def test_one_that_cannot_be_read_spoils_nothing_of_those_around_it() -> None:
    """It is judged where it would have been handled, in its order."""
    broker = Broker()
    mailboxes = await told(broker, Message(good("SM1")), Message(good("SM2", "spoiled")), Message(good("SM3")))
    assert (mailboxes.handled, mailboxes.failed) == (["SM1", "SM3"], [("SM2", "ZeroDivisionError")])
    assert broker.letters == []
