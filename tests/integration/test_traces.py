"""One trace from the webhook to the send and the statistics, through the spool and behind a held turn."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from faust.types import TP
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from clients.agent import AgentReply, Question
from clients.messenger import Accepted, OutgoingMessage
from clients.vendors import Vendors
from db.pool import Pool
from db.store.load import clock as database_clock
from process.tracing import span
from schemas.documents import now
from schemas.errors import RetryableError, TerminalError
from schemas.events import InboundMessage
from schemas.settings import load_settings
from schemas.topics import CALL_COMPLETED, CONVERSATION_EVENT, INBOUND_MESSAGE, traceparent_of
from streams.actors.clock import DatabaseClock
from streams.actors.ids import Ids
from streams.engine.following import follow
from streams.engine.offsets import TopicPartition
from streams.stats.counting import Counting
from streams.worker.heart import Outside
from streams.worker.run import Worker, build_worker
from tests.support.deadline import eventually
from tests.support.spans import recorded
from web.database import Database
from web.kafka_link import KafkaLink
from web.spool import Spool

PHONE = "+573138539155"
ADDRESS = f"whatsapp:{PHONE}"
_CALL = json.dumps({"agent_id": "a", "recipient": {"phone_number": PHONE, "conversation_id": "c1"}}).encode()
# Long enough for what comes meanwhile to be seen waiting.
_HELD_SECONDS = 1.0
_SETTINGS = load_settings({}, kafka_bootstrap_servers="127.0.0.1:9", reply_quiet_seconds=0.0)
Headers = Sequence[tuple[str, bytes]]
_offsets = itertools.count()


class Log:
    """What producers bring to Kafka: (value, headers)."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, Headers]] = []

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, partition: int | None, headers: Headers
    ) -> None:
        self.records.append((value, headers))

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        self.records += [(value, headers) for _, value, headers in records]


class Vendor:
    """Twilio and the agent, at once. `away`: how many sends are not made before the next one is."""

    vendor = "twilio"

    def __init__(self) -> None:
        self.away = 0
        self.sent: list[str] = []

    def prepare(self, agent_id: str) -> None:
        """Nothing is to be had ready here."""

    async def ask(self, question: Question) -> AgentReply:
        await question.confirm()
        return AgentReply(text=f"Eco: {question.text}", raw={}, transport="test")

    async def fetch_call(self, conversation: str) -> None:
        raise TerminalError("elevenlabs", "no such call", 404)

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        if self.away:
            self.away -= 1
            raise RetryableError("twilio", "HTTP 429", 429, retry_after=_HELD_SECONDS)
        self.sent.append(message.body or "")
        return Accepted(f"SM{len(self.sent)}", "queued")

    def typing(self, sid: str) -> AbstractContextManager[None]:
        return nullcontext()

    async def have_sent(self, count: int) -> None:
        async def look() -> bool:
            return len(self.sent) >= count

        await eventually(look, every=0.01)


@asynccontextmanager
async def working(pool: Pool, events: Log) -> AsyncIterator[tuple[Worker, Vendor]]:
    """The worker's real parts between Kafka's records, the vendors and Kafka."""
    vendor, clock = Vendor(), DatabaseClock()
    await clock.set(lambda: database_clock(pool))
    async with aiohttp.ClientSession() as session:
        outside = Outside(
            settings=_SETTINGS,
            partitions=1,
            pool=pool,
            producer=cast(Any, events),
            vendors=Vendors(cast(Any, vendor), vendor, cast(Any, vendor)),
            session=session,
            ids=await Ids.reserve(pool),
            clock=clock,
            owner="worker:1",
            follow=follow(_SETTINGS, INBOUND_MESSAGE),
        )
        worker = build_worker(outside)
        await worker.partitions.assigned({TP(INBOUND_MESSAGE, 0)})
        tasks = [asyncio.create_task(each) for each in (worker.intake.work(), worker.publisher.work())]
        yield worker, vendor
        await worker.partitions.drain()
        for task in tasks:
            task.cancel()


async def take(worker: Worker, topic: str, value: bytes, headers: Headers = ()) -> None:
    await worker.intake(TopicPartition(topic, 0), record(value, headers))


def written(sid: str, text: str) -> bytes:
    params = {"From": ADDRESS, "Body": text}
    return InboundMessage(event_id=sid, received_at=now(), params=params).to_json()


def record(value: bytes, headers: Headers, key: bytes = PHONE.encode()) -> Any:  # noqa: ANN401 - Faust event
    message = SimpleNamespace(
        value=value, headers=list(headers), key=key, offset=next(_offsets), timestamp=0.0, partition=0
    )
    return SimpleNamespace(message=message, ack=lambda: None)


async def _spooled(pool: Pool) -> tuple[bytes, Headers]:
    """What web does with a webhook while Kafka is away, and when it is back."""
    spool, kafka, log = Spool(Database(pool)), KafkaLink(_SETTINGS), Log()
    with span("POST /webhook/twilio/incoming", SpanKind.SERVER):
        await spool.store(INBOUND_MESSAGE, PHONE, written("SMheld", "segundo"), "r1")
    kafka._producer._producer = cast(Any, log)
    assert await spool.publish(kafka.send)
    return log.records[0]


async def _counted(events: Log) -> None:
    """What the stats worker's agent does with the events."""
    records = SimpleNamespace(
        partitions=1,
        zone=now().tzinfo,
        days_kept=8,
        find=lambda key: None,
        write=lambda *change: change[-1](),
    )
    counting = Counting(cast(Any, records), cast(Any, SimpleNamespace(forget=lambda: None)))
    await counting.assigned(set())
    for value, headers in events.records:
        await counting.take(record(value, headers))


async def test_a_trace_outlives_the_spool_a_held_turn_and_the_log(pool: Pool) -> None:
    events = Log()
    with recorded() as exporter:
        async with working(pool, events) as (worker, vendor):
            await take(worker, CALL_COMPLETED, _CALL)
            await vendor.have_sent(1)
            vendor.away = 1
            await take(worker, INBOUND_MESSAGE, written("SMfirst", "primero"))
            await eventually(lambda: _is_held(pool), every=0.01)
            await take(worker, INBOUND_MESSAGE, *await _spooled(pool))
            await eventually(lambda: _waits(pool), every=0.01)
            assert len(vendor.sent) == 1  # it waits behind the held turn
            await vendor.have_sent(3)
            assert vendor.sent[1:] == ["Eco: primero", "Eco: segundo"]
            await eventually(lambda: _is_published(pool, events), every=0.01)
        await _counted(events)
        spans = exporter.get_finished_spans()
    (webhook,) = [each for each in spans if each.name.startswith("POST")]
    names = [each.name for each in spans if _trace(each) == _trace(webhook)]
    assert set(names) >= {
        "POST /webhook/twilio/incoming",
        "publish inbound-message",
        "handle inbound-message",
        "turn reply",
    }
    assert (names.count("twilio send"), names.count("turn reply")) == (
        1,
        1,
    )  # of the held turn's own trace nothing
    told = [
        value
        for value, headers in events.records
        if f"{_trace(webhook):032x}" in (traceparent_of(headers) or "")
    ]
    assert names.count(f"count {CONVERSATION_EVENT}") == len(told) > 0
    assert all(b'"primero"' not in value for value in told)


async def _is_held(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM conversation_log WHERE type = 'deferred')"))


async def _waits(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT jsonb_array_length(state->'inbox') > 0 FROM conversation_actor"))


async def _is_published(pool: Pool, events: Log) -> bool:
    logged = await pool.fetchval("SELECT count(*) FROM conversation_log")
    return bool(len(events.records) >= logged)


def _trace(each: ReadableSpan) -> int:
    assert each.context is not None
    return each.context.trace_id
