"""The Faust app of the statistics: one pure agent on `conversation-event`, one table, no external call."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import faust

from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, topic_name
from streams.engine.app import RawSchema, create_app
from streams.stats.live import LiveRecords

GROUP = "whatsapp-stats"
# Its name changes with the shape of the records: a new table is filled from Postgres.
TABLE = "conversations"
# The embedded broker tells a wrong end of the log for larger batches, and recovery would end early.
_EMBEDDED_BATCH = 1


def changelog_name(settings: Settings) -> str:
    """Give the name of the table's changelog, as Faust makes it from the app's and the table's."""
    return f"{settings.topic_prefix}{GROUP}-{TABLE}-changelog"


def create_stats_app(settings: Settings, partitions: int, url: str, data_dir: Path) -> tuple[faust.App, LiveRecords]:
    """Make the app and its records. `url`: where other stats workers reach this one's views."""
    over: dict[str, object] = {"table_standby_replicas": 0, "store": "memory://", "canonical_url": url}
    if settings.kafka_embedded:
        over["producer_max_batch_size"] = _EMBEDDED_BATCH
    app = create_app(GROUP, settings, data_dir, **over)
    table = app.Table(TABLE, partitions=partitions, key_type=str)
    records = app.engine = LiveRecords(app, table, settings, partitions, ZoneInfo(settings.stats_timezone))

    async def count(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for event in stream.noack().events():
            await records.take(event)

    source = app.topic(topic_name(settings.topic_prefix, CONVERSATION_EVENT), schema=RawSchema())
    app.agent(source, name="count")(count)
    return app, records
