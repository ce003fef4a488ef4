"""Whatever a record holds, it is taken over or buried: nothing may stop its topic."""

import asyncio
import json
from typing import Any, cast

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from schemas.events import InboundMessage
from schemas.topics import DEAD_LETTER
from streams.engine.mailbox import Mailboxes
from streams.engine.work import Batch, TopicPartition, WorkItem
from streams.worker import take as take_module
from streams.worker.take import Take

NUMBER = "+573138539155"
GOOD = json.dumps({
    "event_id": "SM1", "received_at": "2025-10-28T10:00:00Z", "params": {"From": f"whatsapp:{NUMBER}", "Body": "hola"},
}).encode()  # fmt: skip


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

    async def send(self, topic: str, key: bytes | None, value: bytes, headers: object = ()) -> None:
        if len(value) > self.most:
            raise MessageSizeTooLargeError
        assert topic == DEAD_LETTER
        self.letters.append(json.loads(value))


class Nobody:
    """The parts that these records do not reach."""

    def handed_over(self, item: WorkItem) -> None:
        return None

    async def look(self, message: InboundMessage) -> None:
        return None


async def taken(message: Message, broker: Broker) -> list[Any]:
    """Take one record; gives what came into a mailbox. It must be acknowledged in any case."""
    handled: list[Any] = []
    acknowledged: list[Any] = []

    async def handle(batch: Batch) -> None:
        handled.append(batch.first.value)

    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    nobody = cast(Any, Nobody())
    take = Take(1, mailboxes, nobody, cast(Any, broker), nobody, nobody)
    await take(TopicPartition("inbound-message", 0), Event(message))
    async with asyncio.timeout(5):
        await mailboxes.wait_until(lambda: len(acknowledged) == 1)
    return handled


@pytest.mark.parametrize("timestamp", [0.0, 1e30, -1e30, float("nan")])
@pytest.mark.parametrize(
    "headers", [(), (("x-replay", b"\xff;;;"),), (("x-request-id", b"\xff"),), {"x-replay": "a;open;b;c"}]
)
async def test_nonsense_around_a_good_value_is_no_reason_to_refuse_it(timestamp: float, headers: object) -> None:
    handled = await taken(Message(GOOD, timestamp=timestamp, headers=headers), Broker())
    assert [value.event_id for value in handled] == ["SM1"]


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"{" * 100_000, b'{"a": "' + b"y" * 1_000_000 + b'"}'])
async def test_what_cannot_be_used_is_buried(value: bytes | None) -> None:
    broker = Broker()
    assert await taken(Message(value), broker) == []
    assert [(letter["topic"], letter["offset"]) for letter in broker.letters] == [("inbound-message", 0)]


async def test_a_letter_that_is_too_large_says_where_the_bytes_are() -> None:
    broker = Broker(most=1_000_000)
    await taken(Message(b"x" * 1_000_000), broker)
    assert broker.letters[0]["value_base64"] is None
    assert "topic, partition and offset" in broker.letters[0]["details"]


async def test_an_error_that_nobody_foresaw_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(value: bytes) -> InboundMessage:
        raise ZeroDivisionError

    monkeypatch.setitem(take_module._MODELS, "inbound-message", fails)
    broker = Broker()
    await taken(Message(GOOD), broker)
    assert broker.letters[0]["details"] == "cannot be read: ZeroDivisionError"
