"""What the embedded broker needs and Apache Kafka does not; all of it behind the setting KAFKA_EMBEDDED.

See also `producer_arguments` in `clients.kafka.connection`, and the batches of the stats worker's app.
"""

import asyncio
from typing import Any

from faust.transport.drivers.aiokafka import Transport

from streams.engine.consumer import CommittedThread, OrderedConsumer

# It wakes a long poll at its end rather than when something comes: 0.6 s late in the median at Faust's fixed 1.5 s.
_LONGEST_POLL_MS = 100


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
    """The embedded broker through the ordered consumer."""

    Consumer = _ShortPollConsumer
