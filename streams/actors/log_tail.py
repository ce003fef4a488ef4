"""Whether Postgres has what the log told: a backup may have been restored, or a standby have taken over.

An event is durable in Postgres before Kafka gets it. Where the newest ones of a partition are missing there,
ids and numbers would be given out twice, and clients be written to again about what is forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from db.pool import Pool
from db.store.publication import lost_events
from schemas.errors import ConfigurationError, InvalidInput, Unavailable
from schemas.events import ConversationEvent

log = structlog.get_logger()

# Reading takes some ten milliseconds. A broker that does not answer must not keep the group waiting; with the
# claim's 15 s this stays under the rebalance timeout (30 s).
_LOOK_SECONDS = 3.0

Newest = Callable[[Collection[int]], Awaitable[list[bytes]]]
"""Returns the newest values of some partitions of `conversation-event`. Raises `Unavailable`."""


async def check_log(pool: Pool, newest: Newest, partitions: Collection[int]) -> None:
    """Check that Postgres has the newest events of some partitions; if Kafka does not answer, assume so.

    Raises:
        ConfigurationError: it lacks some, and has not been rebuilt since.
    """
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            values = await newest(partitions)
    except (TimeoutError, Unavailable):
        log.warning("the log's end could not be read; that Postgres has it is taken for granted")
        return
    events = [event for value in values if (event := _ours(value)) is not None]
    if lost := await lost_events(pool, events):
        raise ConfigurationError(
            f"DATABASE_URL: Postgres lacks events that the log has, such as {lost[0].event_id}: a backup was "
            "restored, or a standby without the last writes took over; stop web and all workers, then run "
            "`whatsapp-microservice replay conversation-event --mode rebuild --catch-up`"
        )


def _ours(value: bytes) -> ConversationEvent | None:
    """Return an event of this form; former builds' have their numbers in other tables."""
    try:
        event = ConversationEvent.from_json(value)
    except InvalidInput:
        return None
    return event if event.schema_version == ConversationEvent.VERSION else None
