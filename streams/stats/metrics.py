"""What `/metrics` of a stats worker tells."""

from typing import get_args

from prometheus_client import Counter, Gauge

from schemas.events import EventType

_COUNTED = Counter("whatsapp_stats_events_counted", "Conversation events read, repeated ones among them.", ["type"])
_KNOWN = {name: _COUNTED.labels(name) for name in get_args(EventType)}  # looked up once: each event comes here
_OTHER = _COUNTED.labels("other")

REPEATED = Counter("whatsapp_stats_events_repeated", "Conversation events that had been counted before.")
SKIPPED = Counter("whatsapp_stats_events_skipped", "Conversation events that could not be counted.")
REPAIRED = Counter("whatsapp_stats_records_repaired", "Records that were made again from Postgres and differed.")
REBALANCES = Counter("whatsapp_stats_rebalances", "Assignments of partitions to this worker.")
READY = Gauge("whatsapp_stats_ready", "1 when the records of all assigned partitions are here.")
COMPLETE = Gauge("whatsapp_stats_complete", "1 when no record is known to lack an event.")
PARTITIONS = Gauge("whatsapp_stats_partitions", "Partitions whose records are here.")
RECORDS = Gauge("whatsapp_stats_records", "Conversations whose records are here.")


def counted(type_: str) -> None:
    """Count an event; types are an open set, what they add to the metrics is not."""
    _KNOWN.get(type_, _OTHER).inc()
