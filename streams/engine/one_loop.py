"""Faust's consumer without its thread: Kafka's client lives in the loop of those who wait for its records.

In a thread of its own each fetch costs two hand-overs between loops, and waits up to 5 ms for the interpreter's lock while
the worker is busy; it was a quarter of the worker's CPU. What the thread is there for is that heartbeats go on while the
main loop is held up. The worker's never is for long (its delay is a metric): three heartbeats of 2 s are margin enough.
The stats worker sums its tables up in one go, and keeps the thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from faust.transport.drivers.aiokafka import Transport
from mode.utils.futures import maybe_async

from streams.engine.consumer import CommittedThread, OrderedConsumer


class _Life:
    """What mode starts and stops as a thread: here a task of the same loop."""

    def __init__(self, service: "_Resident") -> None:
        self._service = service

    def start(self) -> None:
        self._task = asyncio.create_task(self._serve(), name="kafka consumer")

    async def _serve(self) -> None:
        try:
            await self._service._serve()
        except Exception:  # noqa: BLE001 - it has told that it crashed, by itself
            self._service.set_shutdown()

    def stop(self) -> None:
        """Nothing: the service has ended when this is called."""


class _Resident(CommittedThread):
    Worker = _Life

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return await maybe_async(fun(*args, **kwargs))

    async def _gather_remaining_tasks(self) -> None:
        """The loop's other tasks are not its own, and are not to be cancelled with it."""


class OneLoopConsumer(OrderedConsumer):
    """See the module."""

    def _new_consumer_thread(self) -> CommittedThread:
        return _Resident(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)


class OneLoopTransport(Transport):  # type: ignore[misc]  # faust's driver is untyped
    """Kafka through that consumer."""

    Consumer = OneLoopConsumer
