"""Acknowledges an event when its change is in Kafka, in the order of the offsets.

Stock Faust may commit an event whose changelog record is still in a buffer of the process: its flush gives up when
nothing was sent for 0.1 s, and does not see a record that is just being handed to the client. Killed at that moment,
the event would never be counted.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from streams.engine.window import Entry, OffsetWindow


class Deliveries:
    """The events between their fetch and their acknowledgement."""

    def __init__(self) -> None:
        self._windows: dict[int, OffsetWindow] = {}
        self._outstanding = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._generation = 0
        self.open = False

    @property
    def outstanding(self) -> int:
        return self._outstanding

    def begin_generation(self) -> None:
        """A new assignment: what was under way belongs to the former one and is never acknowledged in this one."""
        self._generation += 1
        self._windows.clear()
        self._outstanding = 0
        self._empty.set()
        self.open = True

    async def drain(self, seconds: float) -> bool:
        """Take nothing new and wait until all changes are in Kafka; tells whether they are. Later ones are left alone."""
        self.open = False
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        finally:
            self._generation += 1
        return True

    def begin(self, partition: int, offset: int, event: Any) -> Entry:  # noqa: ANN401 - a Faust event
        self._outstanding += 1
        self._empty.clear()
        window = self._windows.setdefault(partition, OffsetWindow(partition))
        return window.begin(offset, event, time.monotonic())

    def finish(self, partition: int, entry: Entry) -> None:
        """Nothing has to be delivered for this event, or it has been."""
        for event in self._windows[partition].finish(entry):
            event.ack()
            self._outstanding -= 1
        if not self._outstanding:
            self._empty.set()

    def finisher(self, partition: int, entry: Entry) -> Callable[[], None]:
        """Give what finishes the event when its change has been delivered; nothing in a later assignment."""
        generation = self._generation

        def delivered() -> None:
            if generation == self._generation:
                self.finish(partition, entry)

        return delivered
