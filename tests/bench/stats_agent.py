"""The stats agent alone: events a second on one core, CPU an event, recovery of many conversations, `/api/stats` over them.

    python -m tests.bench.stats_agent [--events 60000] [--conversations 2000] [--recover 100000]

Starts Apache Kafka, Postgres and one stats worker; the events lie in the topic before it starts.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from rich.console import Console

from db.migrate import migrate
from local.kafka.ports import free_port
from local.kafka.server import start_kafka
from local.postgres.server import start_postgres
from schemas.events import ConversationEvent, EventType
from schemas.settings import load_settings
from schemas.topics import CONVERSATION_EVENT
from streams.engine.topics import ensure_topics
from tests.bench.stats_view import measure_view
from tests.support.deadline import eventually
from tests.support.stats_process import StatsProcess

_TURN: tuple[EventType, ...] = ("received", "answered", "sent", "delivered")
_PATIENCE_SECONDS = 300.0


def events(conversations: int, count: int, first: int = 0) -> list[tuple[bytes, bytes]]:
    """Give (key, value): each conversation starts, then turns go round."""
    numbers = dict.fromkeys(range(first, first + conversations), 0)
    told = []
    for place in range(count):
        conversation = first + place % conversations
        numbers[conversation] = number = numbers[conversation] + 1
        kind: EventType = "started" if number == 1 else _TURN[(number - 2) % len(_TURN)]
        data = {"batch_id": f"b{conversation % 5}", "turn_id": number, "response_seconds": 2.5 if kind == "sent" else None}
        phone = f"+573{conversation:09d}"
        event = ConversationEvent(
            event_id=f"{conversation + 1}:{number}", number=number, conversation_id=conversation + 1, phone_number=phone,
            type=kind, at=datetime.now(UTC), data=data,
        )  # fmt: skip
        told.append((phone.encode(), event.to_json()))
    return told


async def produce(servers: str, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=20, max_batch_size=256 * 1024)
    await producer.start()
    for key, value in records:
        await producer.send(topic, value, key)
    await producer.stop()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def counted(worker: StatsProcess) -> float:
    response = await worker.get("/metrics")
    lines = response.text.splitlines() if response is not None else []
    return sum(float(line.split()[1]) for line in lines if line.startswith("whatsapp_stats_events_counted_total"))


async def until_counted(worker: StatsProcess, wanted: int) -> tuple[float, float]:
    """Give seconds and CPU seconds from the first event counted to the last."""

    async def begun() -> bool:
        return await counted(worker) > 0

    async def done() -> bool:
        return await counted(worker) >= wanted

    await eventually(begun, _PATIENCE_SECONDS, every=0.05)
    assert worker.process is not None
    already, since, cpu = await counted(worker), time.monotonic(), cpu_seconds(worker.process.pid)
    await eventually(done, _PATIENCE_SECONDS, every=0.05)
    share = wanted / max(1.0, wanted - already)
    return (time.monotonic() - since) * share, (cpu_seconds(worker.process.pid) - cpu) * share


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    kafka, postgres = await start_kafka(folder / "kafka", Path(".kafka")), await start_postgres(folder / "postgres")
    try:
        database = await postgres.create_database("bench")
        await migrate(database)
        env = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "DATABASE_URL": database, "LOG_LEVEL": "WARNING"}
        await ensure_topics(load_settings(env))
        worker = StatsProcess(env, free_port(), folder / "stats.log")
        await produce(kafka.bootstrap_servers, CONVERSATION_EVENT, events(options.conversations, options.events))
        await worker.start()
        seconds, cpu = await until_counted(worker, options.events)
        found = {"events_a_second": options.events / seconds, "cpu_ms_an_event": 1000 * cpu / options.events}
        more = events(options.recover, options.recover, first=1_000_000)
        await produce(kafka.bootstrap_servers, CONVERSATION_EVENT, more)
        await until_counted(worker, options.events + len(more))
        assert await worker.stop() == 0
        begun = time.monotonic()
        await worker.start()
        await worker.ready()
        found |= {"recovery_seconds": time.monotonic() - begun, "recovered": options.recover + options.conversations}
        found |= await measure_view(env, worker, folder)
        await worker.stop()
        return {name: round(value, 3) for name, value in found.items()}
    finally:
        await postgres.stop()
        await kafka.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("events", 60_000), ("conversations", 2_000), ("recover", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    with tempfile.TemporaryDirectory() as folder:
        Console().print_json(data=asyncio.run(measure(parser.parse_args(), Path(folder))))


if __name__ == "__main__":
    main()
