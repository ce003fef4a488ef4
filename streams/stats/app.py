"""The Faust app of the statistics: one pure agent on `conversation-event`, one table, no external call."""

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from zoneinfo import ZoneInfo

import faust
import structlog
from faust.types import TP

from schemas.errors import InvalidInput
from schemas.events import ConversationEvent
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, topic_name
from streams.engine.app import RawSchema, create_app
from streams.stats.record import apply

log = structlog.get_logger()

GROUP = "whatsapp-stats"
TABLE = "records"
# The embedded broker tells a wrong end of the log for larger batches, and recovery would end early.
_EMBEDDED_BATCH = 1


class NoMailboxes:
    """The engine of an app whose agent finishes each event before the next: there is nothing to drain or claim."""

    async def drain(self) -> None: ...

    async def assigned(self, partitions: set[TP]) -> None: ...

    def sought(self, offsets: dict[TP, int]) -> None: ...


def create_stats_app(settings: Settings) -> tuple[faust.App, Any]:
    """Make the app and its table: phone number → record."""
    over: dict[str, object] = {"topic_allow_declare": True, "table_standby_replicas": 0, "store": "memory://"}
    if settings.topic_replication_factor > 0:
        over["topic_replication_factor"] = settings.topic_replication_factor
    if settings.kafka_embedded:
        over["producer_max_batch_size"] = _EMBEDDED_BATCH
    app = create_app(GROUP, settings, Path(gettempdir()) / f"whatsapp-stats-{os.getpid()}", **over)
    app.engine = NoMailboxes()
    table = app.Table(TABLE, partitions=settings.topic_partitions, key_type=str)
    zone = ZoneInfo(settings.stats_timezone)

    async def count(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for event in stream.events():
            _count(table, event.message.value or b"", zone)

    source = app.topic(topic_name(settings.topic_prefix, CONVERSATION_EVENT), schema=RawSchema())
    app.agent(source, name="count")(count)
    return app, table


def _count(table: Any, value: bytes, zone: ZoneInfo) -> None:  # noqa: ANN401 - faust is untyped
    """Apply one event; what cannot be read is said and skipped, the event itself stays in the log."""
    try:
        event = ConversationEvent.from_json(value)
    except InvalidInput as error:
        log.warning("event cannot be counted", field=error.field)
        return
    before = table.get(event.phone_number)
    after = apply(before, event, zone)
    if after is not before:
        table[event.phone_number] = after
