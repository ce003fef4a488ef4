"""Back-fill: what Twilio's webhook never brought is found in its list, by the product's own looks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from aiokafka.errors import KafkaError

import web.backfill_batch
from schemas.errors import Unavailable
from schemas.settings import Settings
from tests.support.gateway import ACCOUNT
from tests.universe.kafka import Kafka
from tests.universe.vendors import Messenger, Twilio
from tests.universe.world import Process
from web.backfill import Backfill
from web.database import Database
from web.gap import Gap
from web.publisher import Publishing

KAFKA_OF: dict[asyncio.AbstractEventLoop, tuple[Kafka, Process]] = {}
"""The Kafka that a process reads, and the process, by event loop; the product asks a broker's address.

A universe clears it at its end.
"""


def gap(  # noqa: PLR0913
    settings: Settings,
    kafka: Kafka,
    twilio: Twilio,
    process: Process,
    database: Database,
    publisher: Publishing,
) -> Gap:
    """Return what a web process looks with."""
    KAFKA_OF[process.loop] = kafka, process
    now, messenger = process.world.datetime, Messenger(twilio, process)
    looking: Any = settings.model_copy(update={"twilio_account_sid": ACCOUNT})
    return Gap(
        looking, database, Backfill(looking, database, publisher, messenger, now, process.world.new_id), now
    )


async def _recent_values(settings: Settings, topic: str, since: datetime) -> AsyncIterator[bytes]:
    kafka, process = KAFKA_OF[asyncio.get_running_loop()]
    at = since.timestamp()

    def read() -> list[bytes]:
        logs = [log for place, log in kafka.log.items() if place.topic == topic]
        return [stored.value or b"" for log in logs for stored in log if stored.timestamp >= at]

    try:
        values: list[bytes] = await kafka.service.call(process, f"read {topic}", read)
    except KafkaError as error:
        raise Unavailable("Kafka does not answer") from error
    for value in values:
        yield value


web.backfill_batch.recent_values = _recent_values
