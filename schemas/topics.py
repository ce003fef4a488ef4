"""Names of the Kafka topics. All are keyed by the canonical number's bytes and have the same partition count."""

from typing import Final

CALL_COMPLETED: Final = "call-completed"
INBOUND_MESSAGE: Final = "inbound-message"
MESSAGE_STATUS: Final = "message-status"
CONVERSATION_COMMAND: Final = "conversation-command"
CONVERSATION_EVENT: Final = "conversation-event"
DEAD_LETTER: Final = "dead-letter"

ALL_TOPICS: Final = (
    CALL_COMPLETED,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
    CONVERSATION_COMMAND,
    CONVERSATION_EVENT,
    DEAD_LETTER,
)

WORKER_GROUP: Final = "whatsapp-worker"
STATS_GROUP: Final = "whatsapp-stats"
"""Consumer groups, and names of Faust's apps; under the topics' prefix."""

STATS_TABLE: Final = "conversations"
"""Faust's table of the statistics. Its name changes with the shape of its records: a new one is filled from Postgres."""

STATS_CHANGELOG: Final = f"{STATS_GROUP}-{STATS_TABLE}-changelog"
"""The table's topic, named as Faust does; no event, so not among `ALL_TOPICS`."""

LARGEST_RECORD: Final = 4 * 1024 * 1024
"""Bytes of a record that the worker makes: a dead letter holds a record of the broker's largest size (1 MB) in base64."""

REQUEST_ID_HEADER: Final = "x-request-id"
"""Kafka header that follows an event from the webhook to the send."""

TRACE_HEADER: Final = "traceparent"
"""Kafka header, and HTTP's, of the trace in which an event came (W3C)."""

REPLAY_HEADER: Final = "x-replay"
"""Kafka header that marks a replayed event; see `streams.replay.mark`."""


MOVED_HEADER: Final = "x-moved"
"""Kafka header of an event that was published again under its right key: for how many partitions."""


def topic_name(prefix: str, topic: str) -> str:
    """Return a topic's full name: several environments may share one cluster under different prefixes."""
    return f"{prefix}{topic}"
