"""Where personal data is: every table and every topic of the service is in one of these lists.

Erasure, export and retention go by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_COMMAND,
    CONVERSATION_EVENT,
    DEAD_LETTER,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table with personal data."""

    #: Pieces of `sql/store_append.sql`; none: what it hangs on takes it along.
    erased_by: tuple[str, ...] = ()
    #: Its key in what `export` prints.
    exported_as: str
    #: What removes it without an erasure.
    ends: str


_MESSAGES = "MESSAGE_RETENTION_DAYS"
_LOG = "MESSAGE_RETENTION_DAYS or JOURNAL_RETENTION_DAYS, whichever is shorter"
_IDS = "JOURNAL_RETENTION_DAYS, never before the topics' events"
_ITSELF = "what is open ends, within a day"
_KEPT_ON = "kept: the conversation itself, without its messages"

PLACES: Final[Mapping[str, Place]] = {
    "conversation_state": Place(
        erased_by=("erased_conversations",), exported_as="conversation", ends=_KEPT_ON
    ),
    "conversation_messages": Place(exported_as="messages", ends=_MESSAGES),
    "conversation_actor": Place(exported_as="open", ends=_KEPT_ON),  # the write that erases removes it
    "conversation_log": Place(erased_by=("erased_log",), exported_as="log", ends=_LOG),
    "conversation_sends": Place(erased_by=("erased_sends",), exported_as="sends", ends=_LOG),
    "conversation_seen": Place(erased_by=("erased_seen",), exported_as="inputs", ends=_IDS),
    "conversation_backend_posts": Place(erased_by=("erased_posts",), exported_as="posts", ends=_ITSELF),
    "conversation_spool": Place(erased_by=("erased_spool",), exported_as="spooled", ends=_ITSELF),
    "conversation_dead_letter": Place(
        erased_by=("erased_dead_letters",), exported_as="dead_letters", ends=_MESSAGES
    ),
    "conversation_presence": Place(erased_by=("erased_presence",), exported_as="presence", ends=_ITSELF),
    "conversation_replay": Place(
        erased_by=("erased_replays",), exported_as="replays", ends="kept: its number alone"
    ),
    "conversation_suppression": Place(exported_as="suppression", ends="kept: it keeps us silent"),
}

KEPT: Final[Mapping[str, str]] = {
    "conversation_suppression": "an opt-out keeps us silent, also after an erasure",
    "conversation_erasure": "the number's digest: nothing that happened before comes back out of the log",
}
"""What stays of an erased person, and why."""

ERASED: Final[Mapping[str, tuple[str, ...]]] = {
    name: place.erased_by for name, place in PLACES.items() if name not in KEPT
}
"""Tables whose rows about a person are erased, by these pieces."""

IMPERSONAL: Final = frozenset(
    (
        "conversation_backfill",
        "conversation_campaign",
        "conversation_dead_letter_position",
        "conversation_ended_session",
        "conversation_erasure_key",
        "conversation_partition",
        "conversation_publication",
        "conversation_removal",
        "conversation_restore",
        "whatsapp_microservice_schema",
    )
)
"""Tables that say nothing about any person."""

TOPICS: Final = frozenset(
    (CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS, CONVERSATION_COMMAND, CONVERSATION_EVENT, DEAD_LETTER)
)
"""Kafka keeps events for TOPIC_RETENTION_HOURS.

None of an erased number is taken up again, shown or rebuilt from.
"""
