"""The Faust app of the statistics: one pure agent on `conversation-event`, one table, no external call."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import faust
import structlog

from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, topic_name
from streams.engine.app import OrderedTransport, RawSchema, create_app
from streams.stats.assignment import Assignment
from streams.stats.changes import Changes
from streams.stats.counting import Counting
from streams.stats.live import LiveRecords
from streams.stats.recovery import QuickRecovery

log = structlog.get_logger()

GROUP = "whatsapp-stats"
# Its name changes with the shape of the records: a new table is filled from Postgres.
TABLE = "conversations"
# The embedded broker tells a wrong end of the log for larger batches, and recovery would end early.
_EMBEDDED_BATCH = 1


def changelog_name(settings: Settings) -> str:
    """Give the name of the table's changelog, as Faust makes it from the app's and the table's."""
    return f"{settings.topic_prefix}{GROUP}-{TABLE}-changelog"


@dataclass(frozen=True, slots=True)
class StatsApp:
    """The app and its parts."""

    app: faust.App
    table: Any
    changes: Changes
    records: LiveRecords


def create_stats_app(settings: Settings, partitions: int, url: str, data_dir: Path) -> StatsApp:
    """Make the app. `url`: where other stats workers reach this one's views."""
    over: dict[str, object] = {"table_standby_replicas": 0, "store": "memory://", "canonical_url": url}
    if settings.kafka_embedded:
        over["producer_max_batch_size"] = _EMBEDDED_BATCH
    app = create_app(GROUP, settings, data_dir, OrderedTransport, **over)
    table = app.Table(TABLE, partitions=partitions, key_type=str)
    app.tables._recovery = QuickRecovery(app, settings, table)
    name = changelog_name(settings)
    changes = Changes(settings, name, _Crash(app))
    records = LiveRecords(
        table, changes, Assignment(app, name), partitions=partitions, zone=ZoneInfo(settings.stats_timezone),
        days_kept=settings.stats_days_kept,
    )  # fmt: skip
    counting = app.engine = Counting(records, changes)

    async def count(stream: Any) -> None:  # noqa: ANN401 - faust is untyped
        async for event in stream.noack().events():
            await counting.take(event)

    source = app.topic(topic_name(settings.topic_prefix, CONVERSATION_EVENT), schema=RawSchema())
    app.agent(source, name="count")(count)
    return StatsApp(app, table, changes, records)


class _Crash:
    """A change that Kafka refuses for good: start again from the committed offsets."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    def __call__(self, error: BaseException) -> None:
        log.error("change was not delivered", exc_info=error)
        self._crashing = asyncio.ensure_future(self._app.crash(error))
