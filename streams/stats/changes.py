"""Writes changed records to the changelog, many at once, and acknowledges events once Kafka has the changes.

A conversation's events come close together (answered, sent, delivered), so they mostly share one write. A
batch costs Kafka's client a fraction of what its records would cost one by one.

Stock Faust may commit an event whose changelog record is still in a buffer of the process: its flush gives
up when nothing was sent for 0.1 s, and does not see a record that is just being handed to the client. If the
process were killed at that moment, the event would never be counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic_core import to_json

from clients.kafka.connection import producer_arguments
from mailboxes.ports import Record as LogRecord
from mailboxes.watermark import Window, WorkItem
from schemas.settings import Settings
from streams.stats.record import Record

# Half the commit interval: it causes no redelivery that would not happen anyway.
_FLUSH_EVERY_SECONDS = 0.5
# This many changed records are about 1 MB, and are written in a tenth of a second.
_FLUSH_AT_RECORDS = 1000
# Under the broker's usual message limit of 1 MB.
_BATCH_BYTES = 512 * 1024

Done = Callable[[], None]
Delivery = WorkItem[None]
"""An event whose change is not in Kafka yet."""

_SOURCE = "conversation-event"


class Changes:
    """Changes for Kafka: `put` one; `done` is called when Kafka has it, `failed` when it never will."""

    def __init__(self, settings: Settings, topic: str, failed: Callable[[BaseException], None]) -> None:
        self._topic = topic
        self._failed = failed
        self._one_by_one = settings.kafka_embedded  # it reports a wrong end of the log for larger batches
        self._settings = settings
        self._changed: dict[int, dict[str, Record | None]] = {}
        self._waiting: list[Done] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        arguments = producer_arguments(self._settings)
        self._producer = AIOKafkaProducer(**arguments, max_batch_size=_BATCH_BYTES)
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    def put(self, partition: int, key: str, record: Record | None, done: Done | None = None) -> None:
        """Write a record soon, or None if it is gone. A later one of the same key takes its place."""
        self._changed.setdefault(partition, {})[key] = record
        if done is not None:
            self._waiting.append(done)
        self._count += 1
        if self._count >= _FLUSH_AT_RECORDS:
            self._flush_soon()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_EVERY_SECONDS, self._flush_soon)

    def forget(self) -> None:
        """Forget what waits: it belongs to a former assignment."""
        self._changed, self._waiting, self._count = {}, [], 0

    async def flush(self) -> None:
        """Hand all that waits to Kafka, and wait until Kafka has it."""
        changed, waiting, self._count = self._changed, self._waiting, 0
        self._changed, self._waiting = {}, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            async with self._lock:  # a key's later record must not overtake its earlier one
                sent = [
                    future
                    for partition, records in changed.items()
                    for future in await self._send(partition, records)
                ]
            for future in sent:
                await future
        except Exception as error:  # noqa: BLE001 - handed on
            self._failed(error)
            return
        for done in waiting:
            done()

    def _flush_soon(self) -> None:
        self._timer, self._count = None, 0
        task = asyncio.create_task(self.flush(), name="changelog")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, partition: int, records: dict[str, Record | None]) -> list[asyncio.Future[Any]]:
        """Hand the records over in as few batches as they fit into; return what to wait for."""
        sent, batch = [], self._producer.create_batch()
        for key, record in records.items():
            entry = _serialized(key, record)
            full = self._one_by_one and batch.record_count() > 0
            if full or batch.append(**entry) is None:
                sent.append(await self._producer.send_batch(batch, self._topic, partition=partition))
                batch = self._producer.create_batch()
                batch.append(**entry)
        if batch.record_count():
            sent.append(await self._producer.send_batch(batch, self._topic, partition=partition))
        return sent


def _serialized(key: str, record: Record | None) -> dict[str, Any]:
    """Return an entry as Faust's recovery reads it, in JSON; one it cannot read would stop it for ever."""
    return {"key": to_json(key), "value": None if record is None else to_json(record), "timestamp": None}


class Deliveries:
    """The events between fetch and acknowledgement, in the order of each partition's offsets."""

    def __init__(self) -> None:
        self._windows: dict[int, Window[None]] = {}
        self._unfinished: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self.open = False

    @property
    def outstanding(self) -> int:
        """Number of events that wait for Kafka to have their changes."""
        return self._unfinished[_SOURCE]

    def begin_generation(self) -> None:
        """Begin a new assignment, in which what was under way in the former one is never acknowledged."""
        self._close()
        self.open = True

    async def drain(self, seconds: float) -> int:
        """Take nothing new and wait until Kafka has all changes; return how many it lacks, which are left."""
        self.open = False
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        left = self.outstanding
        self._close()
        return left

    def begin(self, partition: int, offset: int, event: Any) -> Delivery:  # noqa: ANN401 - a Faust event
        self._empty.clear()
        window = self._windows.get(partition)
        if window is None:
            window = self._windows[partition] = Window(_SOURCE, _acknowledge, self._unfinished)
        fetched = LogRecord(
            source=_SOURCE,
            partition=partition,
            offset=offset,
            key="",
            message=None,
            token=event,
            generation=0,
        )
        return window.begin(fetched)

    def finish(self, delivery: Delivery) -> None:
        """Finish an event that has nothing (more) to deliver; without effect in a later assignment."""
        assert delivery.window is not None, "it was begun"
        delivery.window.finish(delivery)
        if not self.outstanding:
            self._empty.set()

    def _close(self) -> None:
        for window in self._windows.values():
            window.close()
        self._windows.clear()
        self._empty.set()


def _acknowledge(event: Any) -> None:  # noqa: ANN401 - a Faust event
    event.ack()
