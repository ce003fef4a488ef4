"""Names of the Kafka topics, and their records' headers.

All topics are keyed by the canonical number's bytes and have the same partition count. Whoever made a record
may have put anything into its headers: a malformed one counts as absent.
"""

import re
from typing import Any, Final

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
"""Consumer groups, and names of the Faust apps; prefixed like the topics."""

STATS_TABLE: Final = "conversations"
"""Faust's table of the statistics.

Its name changes with the shape of its records: a new one is filled from Postgres.
"""

STATS_CHANGELOG: Final = f"{STATS_GROUP}-{STATS_TABLE}-changelog"
"""The table's topic, named as Faust names it. It has no events, so it is not in `ALL_TOPICS`."""

LARGEST_RECORD: Final = 4 * 1024 * 1024
"""Bytes of a record of the worker's: a dead letter holds one of the broker's largest (1 MB) in base64."""

REQUEST_ID_HEADER: Final = "x-request-id"
"""Kafka header that follows an event from the webhook to the send."""

TRACE_HEADER: Final = "traceparent"
"""Header, in Kafka and HTTP, of the trace in which an event came (W3C)."""

REPLAY_HEADER: Final = "x-replay"
"""Kafka header that marks a replayed event; see `schemas.replay_mark`."""


MOVED_HEADER: Final = "x-moved"
"""Kafka header of an event published again under its right key: for how many partitions."""
# Anybody's ids: printable, without blanks, so that a log line stays one line and Postgres can store them.
_IDENTITY = re.compile(r"[\x21-\x7e]{1,128}")
# W3C Trace Context; a later version may have more fields after these four.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,64})?")

# A partition count; no topic has millions of partitions.
_COUNT = re.compile(r"[0-9]{1,6}")


def topic_name(prefix: str, topic: str) -> str:
    """Return a topic's full name: several environments may share one cluster under different prefixes."""
    return f"{prefix}{topic}"


def header(headers: Any, name: str) -> str | None:  # noqa: ANN401 - Faust's or aiokafka's, of any record
    """Return a header's text, of any length; None if it is absent or not text."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    found = next((value for each, value in pairs if each == name), None)
    try:
        return found.decode() if isinstance(found, bytes) else None
    except UnicodeDecodeError:
        return None


def request_id_of(headers: Any) -> str | None:  # noqa: ANN401 - as above
    """Return the id that follows an event from the webhook to the send."""
    return _of_form(header(headers, REQUEST_ID_HEADER), _IDENTITY)


def traceparent_of(headers: Any) -> str | None:  # noqa: ANN401 - as above
    """Return the trace in which the record was made."""
    return _of_form(header(headers, TRACE_HEADER), _TRACEPARENT)


def moved_for(headers: Any) -> int:  # noqa: ANN401 - as above
    """Return for how many partitions the record was moved to where it is; 0 if it was never moved."""
    return int(_of_form(header(headers, MOVED_HEADER), _COUNT) or 0)


def _of_form(text: str | None, form: re.Pattern[str]) -> str | None:
    return text if text is not None and form.fullmatch(text) else None
