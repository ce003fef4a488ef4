"""What `/metrics` of a stats worker tells."""

from prometheus_client import Counter, Gauge

COUNTED = Counter("whatsapp_stats_events_counted", "Conversation events read, repeated ones among them.")
SKIPPED = Counter("whatsapp_stats_events_skipped", "Conversation events that could not be counted.")
READY = Gauge("whatsapp_stats_ready", "1 when the records of all assigned partitions are here.")
PARTITIONS = Gauge("whatsapp_stats_partitions", "Partitions whose records are here.")
RECORDS = Gauge("whatsapp_stats_records", "Conversations whose records are here.")
