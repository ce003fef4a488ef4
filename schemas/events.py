"""The values of the topics. Each carries a schema version and an id that survives redelivery and replay."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

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


def _or_empty(value: object) -> object:
    return {} if value is None else value


VendorId = Annotated[str, Field(min_length=1, max_length=_COLUMN_WIDTH)]
Number = Annotated[str, AfterValidator(_check_number)]


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


class Recipient(Document):
    """The person who was called. `status`: ElevenLabs' recipient status, an open set."""

    phone_number: Number
    conversation_id: VendorId
    id: str | None = None
    status: str = "completed"


class CallMetadata(Document):
    """What the backend knows of the client. All of it may be absent or null."""

    client_name: str | None = None
    client_id: str | None = None
    group_id: str | None = None
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
