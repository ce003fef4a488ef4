"""The values of the topics. Each carries a schema version and an id that survives redelivery and replay."""

import hashlib
import json
import re
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from schemas.documents import Document
from schemas.errors import InvalidInput, InvalidNumber
from schemas.fields import (
    ConversationKey,
    Count,
    Number,
    OptionalId,
    OwnId,
    RequestId,
    RowNumber,
    Time,
    VendorId,
    check_message_id,
)
from schemas.phone import conversation_key

# Twilio sends about thirty; a form or a reply adds a few.
MOST_PARAMETERS = 300
# Digits of a digest: 128 bits, so that no two leads ever share an id.
_MADE_DIGITS = 32
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]|$)")
Parameters = Annotated[dict[str, str], Field(max_length=MOST_PARAMETERS)]


def or_empty(value: object) -> object:
    """Read null as an empty object."""
    return {} if value is None else value


def _language_or_none(value: object) -> str | None:
    found = _LANGUAGE.match(value.strip().lower()) if isinstance(value, str) else None
    return None if found is None else found[1]


def _or_none(value: object) -> object:
    """Read a blank string as null, because some backends write it so."""
    return None if isinstance(value, str) and not value.strip() else value


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
            raise ValueError(
                f"is {version}; this build reads up to {cls.VERSION}: update it, then retry the event"
            )
        return version


BackendId = Annotated[
    OptionalId,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "default": None}),
]
"""An id of the backend's own: a number there, kept here as its digits."""


COMPLETED: Final = "completed"
UNREACHED: Final = "no_answer"
"""Statuses of a recipient where none is given: for a call that took place, and for one that did not."""
UNCONNECTED: Final = "unconnected-"
"""Prefix of the ids of calls that never connected: ElevenLabs has no conversation, and no id, for them."""


class Recipient(Document):
    """The person who was called.

    `status`: ElevenLabs' recipient status, an open set;
    `conversation_id`: of the call, None where it never connected.
    """

    phone_number: Number
    conversation_id: Annotated[VendorId | None, BeforeValidator(_or_none)] = None
    id: OptionalId = None
    status: Annotated[str | None, Field(max_length=255), BeforeValidator(_or_none)] = None


class CallMetadata(Document):
    """What the backend knows of the client. All of it may be absent or null.

    `language`: in which our own texts are, such as `pt`; of `pt-BR` the first part counts,
    and what is no language is none.
    """

    client_name: str | None = None
    client_id: BackendId = None
    group_id: BackendId = None
    group_name: str | None = None
    language: Annotated[str | None, BeforeValidator(_language_or_none)] = None


class CallCompleted(Event):
    """A call ended. The value of `call-completed`: exactly the body of `POST /api/call-completed`.

    The id of the event is the call's ElevenLabs `conversation_id`, and one made of batch and recipient where
    it never connected: of a lead's attempts these are one.
    """

    agent_id: VendorId
    recipient: Recipient
    batch_id: OptionalId = None
    agent_name: str | None = None
    phone_number_id: OptionalId = None
    batch_name: str | None = None
    call_metadata: Annotated[CallMetadata, BeforeValidator(or_empty)] = CallMetadata()

    @property
    def event_id(self) -> str:
        return self.recipient.conversation_id or self._made_id

    @property
    def _made_id(self) -> str:
        lead = [self.batch_id, self.recipient.id]
        if None in lead:
            told = self.recipient.model_extra or {}
            when = told.get("created_at_unix") or told.get("updated_at_unix")
            lead += [self.key, self.agent_id, self.batch_name, self.call_metadata.group_id, str(when)]
        return UNCONNECTED + hashlib.sha256(json.dumps(lead).encode()).hexdigest()[:_MADE_DIGITS]

    @property
    def status(self) -> str:
        return self.recipient.status or (COMPLETED if self.recipient.conversation_id else UNREACHED)

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

    `backfilled`: its webhook never reached us, Twilio's list told of it; `received_at` is then Twilio's
    time. `person`: the address whose message it is, a number where any is known, if its sender's was found
    to be that person's.
    """

    event_id: VendorId
    received_at: Time
    params: Parameters
    backfilled: bool = False
    request_id: RequestId = None
    person: ConversationKey | None = None

    @property
    def sender(self) -> str:
        """The key of the address from which it came.

        Raises:
            InvalidInput: it is neither a number nor an id: nobody can be answered there.
        """
        try:
            return conversation_key(self.params.get("From", ""))
        except InvalidNumber as error:
            why = "is neither a number nor an id, such as whatsapp:+573138539155 or whatsapp:CO.1234"
            raise InvalidInput("From", why) from error

    @property
    def key(self) -> str:
        return self.person or self.sender

    @property
    def body(self) -> str:
        return self.params.get("Body", "")


class MessageStatus(Event):
    """A delivery report.

    `own_id`: the id that the worker put into the StatusCallback URL, where it came back.
    """

    event_id: VendorId
    received_at: Time
    params: Parameters
    own_id: OwnId | None = None
    request_id: RequestId = None

    @model_validator(mode="after")
    def _check_its_message(self) -> Self:
        check_message_id(self.params.get("MessageSid"))
        return self

    @property
    def key(self) -> str:
        return conversation_key(self.params.get("To", ""))


EventType = Literal[
    "started",
    "declined",
    "queued",
    "received",
    "unanswered",
    "answered",
    "deferred",
    "released",
    "intended",
    "unknown",
    "withdrawn",
    "sent",
    "delivered",
    "failed",
    "reported_early",
    "closed",
    "escalated",
    "resumed",
    "opted_out",
    "opted_in",
    "agent_changed",
    "commanded",
    "details",
    "lookups_ended",
    "reopened",
    "repeated",
    "posted",
    "post_deferred",
    "expired",
    "snapshot",
    "linked",
    "link_settled",
    "merging",
    "merged",
    "forwarded",
    "took_over",
    "letter_sent",
    "erasure_begun",
    "erased",
    "decided",
    "parked",
]
"""As `rules.codec` writes them; `decided` and `parked` are from former versions."""


class ConversationEvent(Event):
    """What happened in a conversation. `number` counts from 1 without gaps within one conversation.

    `data` by type is written down in the folder's README. `state`: the changing columns of the conversation's
    row after the event. `shortened`: bytes of the whole event, where texts in `data` were cut to make it fit.
    Version 1 had no `state`, and too little in `data` for the tables to be made again from it; version 2 told
    what the steps of a turn had made of the tables, not each decision.
    """

    VERSION: ClassVar[int] = 3
    schema_version: Annotated[int, Field(ge=1)] = 3

    event_id: VendorId
    number: RowNumber
    conversation_id: RowNumber
    phone_number: VendorId
    type: EventType
    at: Time
    data: dict[str, Any]
    state: dict[str, Any] = {}
    shortened: Count | None = None
