"""Real stats workers on real Kafka: exact totals across kills, restarts, repetition and rebalances."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from db.pool import Pool
from rules import inputs as i
from schemas.documents import now
from schemas.events import ConversationEvent, EventType
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED, CONVERSATION_EVENT, DEAD_LETTER
from tests.support.deadline import eventually
from tests.support.stats_process import TOKEN, StatsProcess
from tests.support.stored_chat import stored_chat

PARTITIONS = 4


class Told:
    """Conversations and their events, as the worker would publish them."""

    def __init__(self) -> None:
        self.events: list[ConversationEvent] = []
        self._numbers: dict[int, int] = {}

    def tell(self, conversation: int, type_: EventType, **data: object) -> None:
        number = self._numbers[conversation] = self._numbers.get(conversation, 0) + 1
        self.events.append(
            ConversationEvent(
                event_id=f"{conversation}:{number}",
                number=number,
                conversation_id=conversation,
                phone_number=phone(conversation),
                type=type_,
                at=datetime.now(UTC),
                data=data,
            )
        )

    def talk(self, conversations: Sequence[int], messages: int) -> None:
        """Each conversation starts, and its client is answered so many times."""
        for conversation in conversations:
            self.tell(
                conversation,
                "started",
                client_name="Ana",
                agent_id="agent_1",
                batch_id=f"b{conversation % 2}",
            )
            self.tell(conversation, "sent", kind="first", response_seconds=None)
        for _ in range(messages):
            for conversation in conversations:
                self.tell(conversation, "received")
                self.tell(conversation, "sent", kind="reply", response_seconds=0.1)


def phone(conversation: int) -> str:
    return f"+5731385{conversation:05d}"


async def produce(
    producer: AIOKafkaProducer, settings: Settings, events: Sequence[ConversationEvent]
) -> None:
    topic = settings.topic_prefix + CONVERSATION_EVENT
    for sent in [await producer.send(topic, each.to_json(), each.phone_number.encode()) for each in events]:
        await sent


async def show(worker: StatsProcess, seconds: float = 60, **expected: object) -> dict[str, Any]:
    """Wait until the worker's figures are these."""
    last: dict[str, Any] | None = None

    async def look() -> dict[str, Any] | None:
        nonlocal last
        last = await worker.figures() or last
        return last if last and all(last[name] == value for name, value in expected.items()) else None

    try:
        return await eventually(look, seconds) or {}
    except AssertionError:
        raise AssertionError(f"wanted {expected}, last was {last}") from None


async def test_totals_are_exact_over_kills_and_repetition(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings
) -> None:
    worker, told = workers[0], Told()
    told.talk(range(1, 21), messages=5)
    await worker.start()
    assert (await eventually(lambda: worker.get("/live"))) is not None
    await worker.ready()
    await produce(producer, settings, told.events[:100])
    await show(worker, total_conversations_today=20)
    await produce(producer, settings, told.events[100:])
    await worker.kill()  # while it counts
    await worker.start()
    await worker.ready()
    await produce(producer, settings, told.events)  # all of them again
    told.talk([99], messages=0)
    await produce(producer, settings, told.events[-2:])
    await show(
        worker,
        active_conversations=21,
        total_conversations_today=21,
        messages_sent_today=121,
        messages_received_today=100,
        response_rate=95.2,
        avg_response_time_seconds=0.1,
    )
    assert await worker.stop() == 0


async def test_poison_is_skipped(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings
) -> None:
    worker, told, topic = workers[0], Told(), settings.topic_prefix + CONVERSATION_EVENT
    for value in (None, b"", b"\xff", b"[1]", b'{"number": "x"}'):
        for partition in range(PARTITIONS):
            await producer.send_and_wait(topic, value, b"key", partition=partition)
    told.talk([1], messages=1)
    await producer.send_and_wait(topic, told.events[0].to_json(), phone(2).encode())
    await produce(producer, settings, told.events)
    await worker.start()
    await show(worker, messages_sent_today=2, messages_received_today=1, total_conversations_today=1)


async def test_two_workers_answer_for_all(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings
) -> None:
    first, second = workers = workers[:2]
    told = Told()
    told.talk(range(1, 31), messages=2)
    await produce(producer, settings, told.events)
    await first.start()
    await show(first, messages_sent_today=90)
    await second.start()
    await second.ready()
    for worker in workers:
        await show(worker, messages_sent_today=90, active_conversations=30)
    parts = [(await worker.get("/ready")) for worker in workers]
    shares = [set(part.json()["partitions"]) for part in parts if part is not None]
    assert all(shares)
    assert sorted(shares[0] | shares[1]) == list(range(PARTITIONS))
    for worker in workers:
        page = await worker.get("/conversations/?batch_id=b1&limit=500")
        assert page is not None
        assert [line["conversation_id"] for line in page.json()["conversations"]] == list(range(1, 31, 2))
        for conversation in range(1, 31):
            found = await worker.get(f"/conversations/{phone(conversation)}")
            assert found is not None
            assert found.json()["conversation"]["received"] == 2
    again = len(told.events)
    told.talk(range(31, 41), messages=1)
    await produce(producer, settings, told.events[again:])
    await first.kill()
    await show(second, messages_sent_today=110, active_conversations=40)
    await first.start()
    await first.ready()
    await produce(producer, settings, told.events)
    for worker in workers:
        await show(worker, messages_sent_today=110, messages_received_today=70, total_conversations_today=40)
    assert [await worker.stop() for worker in workers] == [0, 0]


async def test_conversations_need_the_token(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings
) -> None:
    worker, told = workers[0], Told()
    told.talk([1], messages=1)
    await produce(producer, settings, told.events)
    await worker.start()
    await show(worker, messages_received_today=1)
    personal = (
        "/conversations",
        "/conversations/?status=active",
        f"/conversations/{phone(1)}",
        "/conversations/local",
    )
    for path in (*personal, "/records", "/rebuild"):
        for token in (None, "wrong"):
            refused = await worker.get(path, token)
            assert refused is not None
            assert refused.status_code == 401
    found = await worker.get("/conversations/573138500001")
    assert found is not None
    assert found.json()["conversation"]["client_name"] == "Ana"
    page = await worker.get("/conversations/?status=active", TOKEN)
    assert page is not None
    assert page.json()["conversations"][0]["phone_number"] == phone(1)
    paths = (
        "/conversations/+573001112233",
        "/conversations/?limit=x",
        "/conversations/?batch=b1",
        "/stats?day=2025-13-01",
    )
    answers = [await worker.get(path) for path in paths]
    assert [answer.status_code for answer in answers if answer is not None] == [404, 400, 400, 400]
    assert "day" in answers[-1].json()["details"] if answers[-1] else False
    campaign = await worker.get("/stats?batch_id=b1")
    assert campaign is not None
    (day,) = campaign.json()["campaign"]["days"].values()
    assert (day["started"], day["answered"]) == (1, 1)
    await _check_pages(worker)
    told_metrics = await worker.get("/metrics", None)
    assert told_metrics is not None
    assert "whatsapp_stats_ready 1.0" in told_metrics.text


async def _check_pages(worker: StatsProcess) -> None:
    """A browser gets a page from every view, for errors, too."""
    paths = {
        "/stats": 200,
        "/stats/local": 200,
        "/conversations/": 200,
        f"/conversations/{phone(1)}": 200,
        "/live": 200,
        "/ready": 200,
        "/conversations/+573001112233": 404,
        "/stats?day=never": 400,
    }
    for path, status in paths.items():
        page = await worker.get(path, accept="text/html")
        assert page is not None
        assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (status, "text/html"), (
            path
        )
        assert "<h1>" in page.text


async def test_the_queue_is_what_kafka_and_postgres_hold(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings, pool: Pool
) -> None:
    worker = workers[0]
    for number in range(2):
        await producer.send_and_wait(settings.topic_prefix + CALL_COMPLETED, b"{}", phone(number).encode())
    await producer.send_and_wait(settings.topic_prefix + DEAD_LETTER, b"{}", phone(3).encode())
    await pool.execute(
        "INSERT INTO conversation_spool (topic, key, value) VALUES ('call-completed', $1, '{}')", phone(4)
    )
    first = await stored_chat(pool)
    ended = [("done", 0), ("done", 0), ("failed", 0), ("done", 48), ("begun", 0)]
    for number, (state, hours) in enumerate(ended, 5):
        chat = first.another(phone(number))
        chat.now = now() - timedelta(hours=hours)
        chat.call(f"conv_{number}")
        if state == "done":
            chat.greet()
        elif state == "failed":
            chat.give(i.DetailsFetched(call_id=f"conv_{number}", details=None, slot=True))
            (send,) = chat.sends()
            chat.give(i.SendRefused(own_id=send.part.own_id, why="outside the window", code="63016"))
        await chat.save()
    await worker.start()
    queue = {"waiting": 3, "active": 1, "completed": 2, "failed": 1, "unread": 2, "dead_letters_last_hour": 1}
    await show(worker, queue=queue)
