"""Transports: how Faust's consumer reads, on Apache Kafka and on the embedded broker."""

import asyncio
from collections.abc import Callable
from typing import Any

from faust.transport.drivers.aiokafka import Transport
from mode.utils.futures import maybe_async

from streams.engine.consumer import CommittedThread, OrderedConsumer

# The embedded broker wakes a long poll at its end, not when something comes: a median 0.6 s late with
# Faust's fixed 1.5 s.
_LONGEST_POLL_MS = 100


class _Life:
    """What mode starts and stops as a thread; here a task in the same loop."""

    def __init__(self, service: "_Resident") -> None:
        self._service = service

    def start(self) -> None:
        self._task = asyncio.create_task(self._serve(), name="kafka consumer")

    async def _serve(self) -> None:
        try:
            await self._service._serve()
        except Exception:  # noqa: BLE001 - it has reported its crash itself
            self._service.set_shutdown()

    def stop(self) -> None:
        """Do nothing: the service has ended when this is called."""


class _Resident(CommittedThread):
    Worker = _Life

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return await maybe_async(fun(*args, **kwargs))

    async def _gather_remaining_tasks(self) -> None:
        """Do nothing: the loop's other tasks are not this one's, and must not be cancelled with it."""


class OneLoopConsumer(OrderedConsumer):
    """Faust's consumer without its thread: Kafka's client lives in the loop that waits for its records.

    In a thread of its own, each fetch costs two hand-overs between loops, and waits up to 5 ms for the
    interpreter's lock while the worker is busy; it was a quarter of the worker's CPU. The thread exists so
    that heartbeats go on while the main loop is held up. The worker's loop never is for long (its delay is a
    metric), and three heartbeats of 2 s are enough margin. The stats worker sums up its tables in one go, so
    it keeps the thread.
    """

    def _new_consumer_thread(self) -> CommittedThread:
        return _Resident(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)


class OneLoopTransport(Transport):  # type: ignore[misc]  # faust's driver is untyped
    """Kafka through `OneLoopConsumer`."""

    Consumer = OneLoopConsumer


class _ShortPollThread(CommittedThread):
    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:  # noqa: ANN401
        consumer = super()._create_consumer(loop)
        consumer._fetch_max_wait_ms = _LONGEST_POLL_MS  # read when it starts
        return consumer


class _ShortPollConsumer(OrderedConsumer):
    tells_ends = False  # see the batches of the stats worker's app

    def _new_consumer_thread(self) -> CommittedThread:
        return _ShortPollThread(self, loop=self.loop, beacon=self.beacon)


class EmbeddedTransport(Transport):  # type: ignore[misc]  # faust's driver is untyped
    """The embedded broker through the ordered consumer, behind the setting KAFKA_EMBEDDED.

    See also `producer_arguments` in `clients.kafka.connection`, and the batches of the stats worker's app.
    """

    Consumer = _ShortPollConsumer
