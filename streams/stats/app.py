"""The Faust app of the statistics: one pure agent on `conversation-event`, one table, no external call."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import faust
import structlog

from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, STATS_CHANGELOG, STATS_GROUP, STATS_TABLE, topic_name
from streams.engine.app import OrderedTransport, RawSchema, create_app
from streams.stats.changelog import QuickRecovery
from streams.stats.changes import Changes
from streams.stats.counting import Counting
from streams.stats.live import Assignment, LiveRecords

log = structlog.get_logger()

# The embedded broker reports a wrong end of the log for larger batches, and recovery would end early.
_EMBEDDED_BATCH = 1


@dataclass(frozen=True, slots=True)
class StatsApp:
    """The app and its parts."""

    app: faust.App
    table: Any
    changes: Changes
    records: LiveRecords


def create_stats_app(settings: Settings, partitions: int, url: str, data_dir: Path) -> StatsApp:
    """Create the app. `url`: where other stats workers reach this one's views."""
    over: dict[str, object] = {"table_standby_replicas": 0, "store": "memory://", "canonical_url": url}
    if settings.kafka_embedded:
        over["producer_max_batch_size"] = _EMBEDDED_BATCH
    app = create_app(STATS_GROUP, settings, data_dir, OrderedTransport, **over)
    table = app.Table(STATS_TABLE, partitions=partitions, key_type=str)
    app.tables._recovery = QuickRecovery(app, settings, table)
    name = topic_name(settings.topic_prefix, STATS_CHANGELOG)
    changes = Changes(settings, name, _Crash(app))
    records = LiveRecords(
        table,
        changes,
        Assignment(app, name),
        partitions=partitions,
        zone=ZoneInfo(settings.stats_timezone),
        days_kept=settings.stats_days_kept,
    )
    counting = app.engine = Counting(records, changes)

    async def count(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for event in stream.noack().events():
            await counting.take(event)

    source = app.topic(topic_name(settings.topic_prefix, CONVERSATION_EVENT), schema=RawSchema())
    app.agent(source, name="count")(count)
    return StatsApp(app, table, changes, records)


class _Crash:
    """Crash over a change that Kafka refuses for good: the app starts again from the committed offsets."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    def __call__(self, error: BaseException) -> None:
        log.error("change was not delivered", exc_info=error)
        self._crashing = asyncio.ensure_future(self._app.crash(error))
