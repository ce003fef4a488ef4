"""One trace from the webhook to the send and the statistics, though the event waits in the spool and behind a held turn."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from db.pool import Pool
from schemas.documents import now
from schemas.errors import TerminalError
from schemas.events import InboundMessage
from schemas.settings import load_settings
from schemas.topics import CONVERSATION_EVENT, INBOUND_MESSAGE
from schemas.tracing import span
from streams.engine.mailbox import Mailboxes
from streams.engine.work import TopicPartition, WorkItem
from streams.stats.counting import Counting
from streams.turns.runner import Runner
from streams.vendors import Accepted, AgentReply, OutgoingMessage, Question, Vendors
from streams.worker.bursts import Bursts
from streams.worker.handler import Handler
from streams.worker.outbox import Outbox
from streams.worker.reminders import REMINDER, Reminder
from streams.worker.take import Take
from streams.worker.traces import Traced
from tests.support.journal import ADDRESS, PHONE, Chat, chat_on
from tests.support.spans import recorded
from web.database import Database
from web.kafka_link import KafkaLink
from web.spool import Spool

_SETTINGS = load_settings({}, kafka_bootstrap_servers="127.0.0.1:9", reply_quiet_seconds=0.0)
Headers = Sequence[tuple[str, bytes]]


class Log:
    """What producers bring to Kafka: (value, headers)."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, Headers]] = []

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, headers: Headers) -> None:
        self.records.append((value, headers))

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        self.records += [(value, headers) for _, value, headers in records]


class Outside:
    """Twilio and the agent, at once."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def ask(self, question: Question) -> AgentReply:
        await question.confirm()
        return AgentReply(text=f"Eco: {question.text}", raw={}, transport="test")

    async def fetch_call(self, conversation: str) -> None:
        raise TerminalError("elevenlabs", "no such call", 404)

    async def send(self, message: OutgoingMessage) -> Accepted:
        self.sent.append(message.body or "")
        return Accepted(f"SM{len(self.sent)}", "queued")


class Worker:
    """The worker's real parts between Kafka's records, the vendors and Kafka."""

    def __init__(self, pool: Pool, chat: Chat, events: Log) -> None:
        self.outside, self._done = Outside(), list[object]()
        outside, nobody = cast(Any, self.outside), cast(Any, Nobody())
        typing = cast(Any, SimpleNamespace(shown=lambda sid: nullcontext()))
        runner = Runner(_SETTINGS, chat.journal, Vendors(outside, outside, outside, typing, ()))
        outbox = Outbox(pool, cast(Any, events))
        handler = Handler(_SETTINGS, chat.journal, runner, outbox, nobody, nobody, Bursts(_SETTINGS))
        self._mailboxes = Mailboxes(Traced(handler), self._done.append, most_per_topic=9, largest_window=9)
        self._take = Take(1, self._mailboxes, nobody, nobody, nobody, nobody)

    async def start(self) -> None:
        await self._mailboxes.begin_generation()

    async def take(self, value: bytes, headers: Headers) -> None:
        await self._take(TopicPartition(INBOUND_MESSAGE, 0), record(value, headers))
        async with asyncio.timeout(10):
            await self._mailboxes.wait_until(lambda: len(self._done) == 1)

    async def remind(self) -> None:
        item = WorkItem(
            source=TopicPartition(REMINDER, 0), offset=-1, key=PHONE, value=Reminder(None), request_id=None,
            generation=self._mailboxes.generation, token=None,
        )  # fmt: skip
        self._mailboxes.remind(item)
        async with asyncio.timeout(10):
            await self._mailboxes.wait_until(
                lambda: len(self.outside.sent) == 2 and not self._mailboxes.snapshot()["mailboxes"]
            )


class Nobody:
    """The parts of a worker that ordinary messages go by."""

    def handed_over(self, item: object) -> None:
        return None

    async def look(self, message: object) -> None:
        return None


def record(value: bytes, headers: Headers, key: bytes = PHONE.encode()) -> Any:  # noqa: ANN401 - a Faust event
    message = SimpleNamespace(value=value, headers=list(headers), key=key, offset=0, timestamp=0.0, partition=0)
    return SimpleNamespace(message=message, ack=lambda: None)


async def _spooled(pool: Pool) -> tuple[bytes, Headers]:
    """What web does with a webhook while Kafka is away, and when it is back."""
    spool, kafka, log = Spool(Database(pool)), KafkaLink(_SETTINGS), Log()
    message = InboundMessage(event_id="SMheld", received_at=now(), params={"From": ADDRESS, "Body": "segundo"})
    with span("POST /webhook/twilio/incoming", SpanKind.SERVER):
        await spool.store(INBOUND_MESSAGE, PHONE, message.to_json(), "r1")
    kafka._producer = cast(Any, log)
    assert await spool.publish(kafka.send)
    return log.records[0]


async def _counted(events: Log) -> None:
    """What the stats worker's agent does with the events."""
    records = SimpleNamespace(
        partitions=1, zone=now().tzinfo, days_kept=8, find=lambda key: None, write=lambda *change: change[-1]()
    )  # fmt: skip
    counting = Counting(cast(Any, records), cast(Any, SimpleNamespace(forget=lambda: None)))
    await counting.assigned(set())
    for value, headers in events.records:
        await counting.take(record(value, headers))


async def test_a_trace_outlives_the_spool_a_held_turn_and_the_outbox(pool: Pool) -> None:
    with recorded() as exporter:
        chat = await chat_on(pool)
        await chat.called()
        earlier = await chat.write("primero")
        assert earlier.turn is not None
        await chat.journal.hold(earlier.turn, 60.0)
        events = Log()
        worker = Worker(pool, chat, events)
        await worker.start()
        await worker.take(*await _spooled(pool))
        assert worker.outside.sent == []  # it waits behind the held turn
        await pool.execute("UPDATE conversation_turn SET due_at = now() - interval '1 second' WHERE due_at IS NOT NULL")
        await worker.remind()
        assert worker.outside.sent == ["Eco: primero", "Eco: segundo"]
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
    assert (names.count("twilio send"), names.count("turn reply")) == (1, 1)  # of the held turn's own trace nothing
    told = [value for value, headers in events.records if headers]
    assert names.count(f"count {CONVERSATION_EVENT}") == len(told) > 0
    assert all(b'"primero"' not in value for value in told)


def _trace(each: ReadableSpan) -> int:
    assert each.context is not None
    return each.context.trace_id
