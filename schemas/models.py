"""Which events each topic has."""

from collections.abc import Mapping
from typing import Final

from schemas.commands import ConversationCommand
from schemas.dead_letters import DeadLetter
from schemas.events import CallCompleted, ConversationEvent, Event, InboundMessage, MessageStatus
from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_COMMAND,
    CONVERSATION_EVENT,
    DEAD_LETTER,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
)

TakenUp = CallCompleted | InboundMessage | MessageStatus | ConversationCommand
"""What the worker takes up."""

TAKEN_UP: Final[Mapping[str, type[TakenUp]]] = {
    CALL_COMPLETED: CallCompleted,
    INBOUND_MESSAGE: InboundMessage,
    MESSAGE_STATUS: MessageStatus,
    CONVERSATION_COMMAND: ConversationCommand,
}
"""By the topic that brings it."""

MODELS: Final[Mapping[str, type[Event]]] = {
    **TAKEN_UP,
    CONVERSATION_EVENT: ConversationEvent,
    DEAD_LETTER: DeadLetter,
}
"""The events of every topic, for whoever reads, writes, replays or documents one."""
