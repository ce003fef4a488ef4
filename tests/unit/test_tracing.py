"""One trace from the webhook over Kafka's headers to the send, none of which tells who the client is."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from process.metrics import vendor_call
from process.tracing import link, span, trace_headers
from rules.effects import AskAgent, SendMessage
from rules.inputs import AgentFailed, MessageReceived, SendNotMade
from rules.policy import Policy
from rules.turns import Part, Waiting
from schemas.errors import RetryableError
from schemas.settings import load_settings
from schemas.topics import INBOUND_MESSAGE, traceparent_of
from streams.actors.effects.performer import Performer
from streams.actors.intake import Intake
from streams.actors.reading import InputReader
from streams.actors.turns import Turns
from streams.engine.offsets import TopicPartition
from tests.support.gateway import NUMBER, FakePublisher, Fakes, gateway, message, settings_with, signed
from tests.support.spans import recorded
from web.kafka_link import KafkaLink

INCOMING = "/webhook/twilio/incoming"
Record = tuple[bytes, list[tuple[str, bytes]]]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded() as found:
        yield found


class Broker:
    """What an aiokafka producer does, into a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, partition: int | None, headers: list[tuple[str, bytes]]
    ) -> None:
        self.records.append((value, headers))


class Publishing(FakePublisher):
    """A publisher over a real link to a broker."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._link = KafkaLink(settings_with(kafka_bootstrap_servers="127.0.0.1:9"))
        self._link._producer._producer = cast(Any, broker)

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        await self._link.send(topic, key, value, request_id)


class Told:
    """The mailboxes of a worker: what its numbers are told, in order."""

    generation = 1

    def __init__(self) -> None:
        self.received: list[MessageReceived] = []
        self.come = asyncio.Event()

    async def put(
        self,
        source: object,
        offset: int,
        key: str,
        told: Any,  # noqa: ANN401
        *rest: object,
        urgent: bool,
    ) -> None:
        self.received.append(told.given)
        self.come.set()

    def finished(self, source: object, offset: int, token: object, generation: int) -> None:
        raise AssertionError("nothing here is disposed of")


class Vendors:
    """The agent answers nothing, and Twilio fails."""

    async def ask(self, key: str, effect: AskAgent) -> AgentFailed:
        return AgentFailed(question=(), retryable=True, why="")

    async def send(self, key: str, effect: SendMessage) -> SendNotMade:
        with pytest.raises(RetryableError), vendor_call("twilio", "send"):
            raise RetryableError("twilio", f"says {NUMBER}")
        return SendNotMade(own_id=effect.part.own_id, why="")


class Event:
    """A Faust event."""

    def __init__(self, record: Record) -> None:
        self.message = self
        self.value, self.headers = record
        self.key, self.offset, self.timestamp = NUMBER.encode(), 0, 0.0


async def worked(records: list[Record]) -> None:
    """Take records through a worker; one burst, answered with one send that fails."""
    told, nobody, policy = Told(), cast(Any, None), Policy.of(load_settings({}))
    reader = InputReader(nobody, policy, nobody)
    intake = Intake(
        1, cast(Any, told), reader, nobody, nobody, lambda *place: None, lambda: datetime.now(UTC), Turns()
    )
    working = asyncio.create_task(intake.work())
    for record in records:
        await intake(TopicPartition(INBOUND_MESSAGE, 0), Event(record))
    async with asyncio.timeout(5):
        while len(told.received) < len(records):
            told.come.clear()
            await told.come.wait()
    working.cancel()
    await _answered(policy, told.received)


async def _answered(policy: Policy, received: list[MessageReceived]) -> None:
    vendors = cast(Any, Vendors())
    parts = dict.fromkeys(("pool", "agent", "calls", "delivery", "look_ups", "backend", "letters"), vendors)
    performer = Performer(policy=policy, **parts)
    question = tuple(
        Waiting(kind="message", event_id=each.event_id, at=each.received_at, trace=each.trace)
        for each in received
    )
    ask = AskAgent(
        id="ask",
        agent_id="a",
        call_id="c",
        question=question,
        client_name=None,
        has_details=True,
        meanwhile_since=None,
    )
    await performer.perform(NUMBER, ask)
    part = Part(own_id="1", to=f"whatsapp:{NUMBER}", body="hola")
    asked = question[0]
    send = SendMessage(id="send", part=part, turn_id=1, asked_at=asked.at, request_id=None, trace=asked.trace)
    await performer.perform(NUMBER, send)


async def post(broker: Broker, sid: str, **headers: str) -> None:
    params = message(sid)
    async with gateway(Fakes(publisher=Publishing(broker))) as client:
        assert (
            await client.post(INCOMING, data=params, headers=signed(INCOMING, params) | headers)
        ).status == 200


async def test_one_trace_from_webhook_to_send(exporter: InMemorySpanExporter) -> None:
    broker = Broker()
    await post(broker, "SM1")
    await worked(broker.records)
    spans = {each.name: each for each in exporter.get_finished_spans()}
    names = [
        f"POST {INCOMING}",
        "publish inbound-message",
        "handle inbound-message",
        "deliver",
        "twilio send",
    ]
    assert sorted(spans) == sorted([*names, "turn reply"])
    assert len({_context(each).trace_id for each in spans.values()}) == 1
    for above, below in zip(names, names[1:], strict=False):
        parent = spans[below].parent
        assert parent is not None
        assert parent.span_id == _context(spans[above]).span_id
    assert (spans["twilio send"].status.is_ok, spans["twilio send"].status.description) == (
        False,
        "RetryableError",
    )
    told = json.dumps([each.to_json() for each in spans.values()])
    assert NUMBER not in told
    assert "hola" not in told


async def test_a_burst_goes_on_in_its_first_trace_and_links_the_others(
    exporter: InMemorySpanExporter,
) -> None:
    broker = Broker()
    await post(broker, "SM1")
    await post(broker, "SM2", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    await worked(broker.records)
    [answered] = [each for each in exporter.get_finished_spans() if each.name == "turn reply"]
    assert [f"{each.context.trace_id:x}" for each in answered.links] == ["ab" * 16]
    assert _context(answered).trace_id != int("ab" * 16, 16)


@pytest.mark.parametrize(
    "headers", [None, (), {}, [("traceparent", b"\xff")], {"traceparent": b"nonsense"}, [("traceparent", 1)]]
)
def test_whatever_a_record_carries_its_span_begins(exporter: InMemorySpanExporter, headers: object) -> None:
    parent = traceparent_of(headers)
    with span("handle", parent=parent) as current:
        link(current, parent)
        assert [name for name, _ in trace_headers()] == ["traceparent"]
    [found] = exporter.get_finished_spans()
    assert (found.parent, len(found.links)) == (None, 0)


def _context(found: ReadableSpan) -> trace.SpanContext:
    assert found.context is not None
    return found.context
