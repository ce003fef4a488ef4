"""Which events are on their way to the journal: in the spool, and in the log."""

from datetime import datetime, timedelta

import structlog

from clients.kafka.log import recent_values
from db.readers.backfill import SPOOLED
from schemas.errors import InvalidInput, Unavailable
from schemas.events import CallCompleted, InboundMessage
from schemas.settings import Settings
from web.database import Database

log = structlog.get_logger()

# Kafka's time of a record is our clock, the lists' are the vendors'.
_LOG_MARGIN = timedelta(minutes=1)
_READ_SECONDS = 10.0


async def ids_under_way(
    settings: Settings, database: Database, topic: str, model: type[CallCompleted] | type[InboundMessage], since: datetime
) -> set[str]:
    """Return the ids of a topic's events since a time. Without Kafka: fewer, and some are published again.

    Raises:
        Unavailable: Postgres does not answer.
    """
    spooled = await database.bounded_rows(_READ_SECONDS, SPOOLED, topic)
    ids = {_id_of(model, value) for value in spooled}
    try:
        async for value in recent_values(settings, topic, since - _LOG_MARGIN):
            ids.add(_id_of(model, value))
    except Unavailable:
        log.warning("the log could not be read, its events may be published again under their ids", topic=topic)
    return ids


def _id_of(model: type[CallCompleted] | type[InboundMessage], value: bytes) -> str:
    try:
        return model.from_json(value).event_id
    except InvalidInput:
        return ""
