"""One trace from the webhook over Kafka's headers to the send, and none of it tells who the client is."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from schemas.errors import RetryableError
from schemas.topics import INBOUND_MESSAGE
from schemas.tracing import link, span, trace_headers, traceparent_of
from streams.engine.mailbox import Mailboxes
from streams.engine.work import Batch, TopicPartition
from streams.metrics import vendor_call
from streams.worker.take import Take
from streams.worker.traces import Traced
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

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        self.records.append((value, headers))


class Publishing(FakePublisher):
    """A publisher over a real link to a broker."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._link = KafkaLink(settings_with(kafka_bootstrap_servers="127.0.0.1:9"))
        self._link._producer = cast(Any, broker)

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        await self._link.send(topic, key, value, request_id)


class Nobody:
    """The parts of a worker that ordinary messages go by."""

    def handed_over(self, item: object) -> None:
        return None

    async def look(self, message: object) -> None:
        return None


class Event:
    """A Faust event."""

    def __init__(self, record: Record) -> None:
        self.message = self
        self.value, self.headers = record
        self.key, self.offset, self.timestamp = NUMBER.encode(), 0, 0.0


async def worked(records: list[Record]) -> None:
    """Bring records through a worker's mailboxes; one burst, answered with one send that fails."""
    done: list[object] = []

    async def handle(batch: Batch) -> None:
        batch.take_following()
        with pytest.raises(RetryableError), vendor_call("twilio", "send"):
            raise RetryableError("twilio", f"says {NUMBER}")

    mailboxes = Mailboxes(Traced(handle), done.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    nobody = cast(Any, Nobody())
    take = Take(1, mailboxes, nobody, nobody, nobody, nobody)
    for record in records:
        await take(TopicPartition(INBOUND_MESSAGE, 0), Event(record))
    async with asyncio.timeout(5):
        await mailboxes.wait_until(lambda: len(done) == len(records))


async def post(broker: Broker, sid: str, **headers: str) -> None:
    params = message(sid)
    async with gateway(Fakes(publisher=Publishing(broker))) as client:
        assert (await client.post(INCOMING, data=params, headers=signed(INCOMING, params) | headers)).status == 200


async def test_one_trace_from_webhook_to_send(exporter: InMemorySpanExporter) -> None:
    broker = Broker()
    await post(broker, "SM1")
    await worked(broker.records)
    spans = {each.name: each for each in exporter.get_finished_spans()}
    names = [f"POST {INCOMING}", "publish inbound-message", "handle inbound-message", "twilio send"]
    assert sorted(spans) == sorted(names)
    assert len({_context(spans[name]).trace_id for name in names}) == 1
    for above, below in zip(names, names[1:], strict=False):
        parent = spans[below].parent
        assert parent is not None
        assert parent.span_id == _context(spans[above]).span_id
    assert (spans["twilio send"].status.is_ok, spans["twilio send"].status.description) == (False, "RetryableError")
    told = json.dumps([each.to_json() for each in spans.values()])
    assert NUMBER not in told
    assert "hola" not in told


async def test_a_burst_goes_on_in_its_first_trace_and_links_the_others(exporter: InMemorySpanExporter) -> None:
    broker = Broker()
    await post(broker, "SM1")
    await post(broker, "SM2", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    await worked(broker.records)
    [handled] = [each for each in exporter.get_finished_spans() if each.name == "handle inbound-message"]
    assert [f"{each.context.trace_id:x}" for each in handled.links] == ["ab" * 16]
    assert _context(handled).trace_id != int("ab" * 16, 16)


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
