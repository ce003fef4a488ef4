"""The values of the topics. Each carries a schema version and an id that survives redelivery and replay."""

import base64
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from schemas.documents import Document
from schemas.errors import InvalidNumber
from schemas.phone import conversation_key, e164

_COLUMN_WIDTH = 255
"""Ids are stored in VARCHAR(255) columns."""


def _check_number(raw: str) -> str:
    try:
        return e164(raw)
    except InvalidNumber as error:
        raise ValueError(error.why) from error


def _check_key(raw: str) -> str:
    try:
        return conversation_key(raw)
    except InvalidNumber as error:
        raise ValueError(error.why) from error


def _or_empty(value: object) -> object:
    return {} if value is None else value


VendorId = Annotated[str, Field(min_length=1, max_length=_COLUMN_WIDTH)]
Number = Annotated[str, AfterValidator(_check_number)]
ConversationKey = Annotated[str, AfterValidator(_check_key)]


class Event(Document):
    """A topic's value. `VERSION`: the newest version that this build can read, and the one it writes.

    Older versions stay readable, because the log keeps them; a newer one is refused rather than misread.
    """

    VERSION: ClassVar[int] = 1
    schema_version: Annotated[int, Field(ge=1)] = 1

    @field_validator("schema_version")
    @classmethod
    def _check_version(cls, version: int) -> int:
        if version > cls.VERSION:
            raise ValueError(f"is {version}; this build reads up to {cls.VERSION}: update it, then retry the event")
        return version


BackendId = Annotated[
    str | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "default": None})
]
"""An id of the backend's own: a number there, kept as its digits."""


class Recipient(Document):
    """The person who was called. `status`: ElevenLabs' recipient status, an open set."""

    phone_number: Number
    conversation_id: VendorId
    id: str | None = None
    status: str = "completed"


class CallMetadata(Document):
    """What the backend knows of the client. All of it may be absent or null."""

    client_name: str | None = None
    client_id: BackendId = None
    group_id: BackendId = None
    group_name: str | None = None


class CallCompleted(Event):
    """A call ended. The value of `call-completed`: exactly the body of `POST /api/call-completed`.

    The id of the event is the call's ElevenLabs `conversation_id`.
    """

    agent_id: VendorId
    recipient: Recipient
    batch_id: str | None = None
    agent_name: str | None = None
    phone_number_id: str | None = None
    batch_name: str | None = None
    call_metadata: Annotated[CallMetadata, BeforeValidator(_or_empty)] = CallMetadata()

    @property
    def event_id(self) -> str:
        return self.recipient.conversation_id

    @property
    def key(self) -> str:
        return conversation_key(self.recipient.phone_number)

    @property
    def client_name(self) -> str:
        return (self.call_metadata.client_name or "").strip() or "Cliente"

    @property
    def group_name(self) -> str:
        return self.call_metadata.group_name or "N/A"


class InboundMessage(Event):
    """A client wrote. `event_id`: Twilio's `MessageSid`; `params`: Twilio's parameters, raw.

    `backfilled`: its webhook never reached us, Twilio's list told of it; `received_at` is then Twilio's time.
    """

    event_id: VendorId
    received_at: datetime
    params: dict[str, str]
    backfilled: bool = False
    request_id: str | None = None

    @property
    def key(self) -> str:
        return conversation_key(self.params.get("From", ""))

    @property
    def body(self) -> str:
        return self.params.get("Body", "")


CommandName = Literal["close", "escalate", "resume", "write", "change_agent", "erase"]
# Twilio takes 1,600 characters a message; a text is split, and nobody types more than this.
_LONGEST_TEXT = 4096


class ConversationCommand(Event):
    """An operator tells a conversation what to do. `by`: the operator's name; `at`: when it was said.

    `seen`: position of the newest command of this number that its sender knew of; where another operator's was done since,
    it is refused instead of undoing what that one did.

    `write` needs `text`, or `content_sid` (an approved template, with `content_variables`); `change_agent` `agent_id`.
    """

    command_id: VendorId
    phone_number: ConversationKey
    command: CommandName
    by: VendorId
    at: datetime
    text: Annotated[str | None, Field(min_length=1, max_length=_LONGEST_TEXT)] = None
    content_sid: Annotated[str | None, Field(pattern=r"^HX[0-9a-fA-F]{32}$")] = None
    content_variables: Annotated[dict[str, str], BeforeValidator(_or_empty)] = {}
    agent_id: VendorId | None = None
    reason: Annotated[str | None, Field(max_length=_LONGEST_TEXT)] = None
    seen: Annotated[int | None, Field(ge=0)] = None
    request_id: str | None = None

    @model_validator(mode="after")
    def _check_what_it_needs(self) -> Self:
        if self.command == "write" and not (self.text or self.content_sid):
            raise ValueError("write needs text, or content_sid")
        if self.command == "change_agent" and not self.agent_id:
            raise ValueError("change_agent needs agent_id")
        return self

    @property
    def event_id(self) -> str:
        return self.command_id

    @property
    def key(self) -> str:
        return self.phone_number


class MessageStatus(Event):
    """A delivery report. `own_id`: the id that the worker put into the StatusCallback URL, where it came back."""

    event_id: VendorId
    received_at: datetime
    params: dict[str, str]
    own_id: str | None = None
    request_id: str | None = None

    @property
    def key(self) -> str:
        return conversation_key(self.params.get("To", ""))


EventType = Literal[
    "started",
    "received",
    "answered",
    "sent",
    "delivered",
    "failed",
    "parked",
    "closed",
    "escalated",
    "resumed",
    "agent_changed",
    "commanded",
    "opted_out",
    "opted_in",
    "details",
    "decided",
    "reopened",
    "repeated",
    "erased",
]


class ConversationEvent(Event):
    """What happened in a conversation. `number` counts from 1 without gaps within one conversation.

    `data` by type is written down in the folder's README. `state`: the changing columns of the conversation's row after
    the event. Version 1 had no `state`, and too little in `data` for the tables to be made again from it.
    """

    VERSION: ClassVar[int] = 2
    schema_version: Annotated[int, Field(ge=1)] = 2

    event_id: str
    number: int
    conversation_id: int
    phone_number: str
    type: EventType
    at: datetime
    data: dict[str, Any]
    state: dict[str, Any] = {}


class DeadLetter(Event):
    """An event that cannot be done: the bytes as they came (base64), from where, why, after how many tries."""

    topic: str
    partition: int
    offset: int
    reason: str
    details: str
    key_base64: str | None
    value_base64: str | None
    at: datetime
    tries: int = 1

    def key(self) -> bytes | None:
        """Give the key's bytes as they came."""
        return _unpacked(self.key_base64)

    def value(self) -> bytes | None:
        """Give the value's bytes as they came; None also where they were too large for a letter."""
        return _unpacked(self.value_base64)


class DeadLetterClosed(Event):
    """What was done with a dead letter, behind it in the same topic. `closes`: PARTITION-OFFSET, or turn-ID."""

    closes: str
    state: Literal["retried", "discarded"]
    by: str
    reason: str | None = None
    at: datetime


def _unpacked(text: str | None) -> bytes | None:
    try:
        return None if text is None else base64.b64decode(text)
    except ValueError:
        return None
