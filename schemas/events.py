"""The values of the topics. Each carries a schema version and an id that survives redelivery and replay."""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from schemas.documents import Document
from schemas.errors import InvalidInput, InvalidNumber
from schemas.fields import (
    ConversationKey,
    Count,
    Number,
    Offset,
    OptionalId,
    OwnId,
    Position,
    RequestId,
    RowNumber,
    Sentence,
    Time,
    TopicName,
    VendorId,
    check_message_id,
)
from schemas.phone import conversation_key, is_number
from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_COMMAND,
    CONVERSATION_EVENT,
    DEAD_LETTER,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
)

# Twilio sends some thirty; a form or a reply adds a few.
_MOST_PARAMETERS = 300
# Of a digest: 128 bits, so that no two leads ever share an id.
_MADE_DIGITS = 32
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]|$)")
Parameters = Annotated[dict[str, str], Field(max_length=_MOST_PARAMETERS)]


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _language_or_none(value: object) -> str | None:
    found = _LANGUAGE.match(value.strip().lower()) if isinstance(value, str) else None
    return None if found is None else found[1]


def _or_none(value: object) -> object:
    """Return what is blank as nothing, as which some backends write it."""
    return None if isinstance(value, str) and not value.strip() else value


def _has_words(text: str) -> bool:
    """Return whether there is anything to see in a text."""
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


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
    OptionalId,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "default": None}),
]
"""An id of the backend's own: a number there, kept as its digits."""


COMPLETED: Final = "completed"
UNREACHED: Final = "no_answer"
"""Statuses of a recipient, where none is told: of a call that was held, and of one that was not."""
UNCONNECTED: Final = "unconnected-"
"""Begins the ids of calls that never connected: ElevenLabs has no conversation of them, nor an id."""


class Recipient(Document):
    """The person who was called. `status`: ElevenLabs' recipient status, an open set; `conversation_id`: of the call,
    None where it never connected.
    """

    phone_number: Number
    conversation_id: Annotated[VendorId | None, BeforeValidator(_or_none)] = None
    id: OptionalId = None
    status: Annotated[str | None, Field(max_length=255), BeforeValidator(_or_none)] = None


class CallMetadata(Document):
    """What the backend knows of the client. All of it may be absent or null. `language`: in which our own texts are, such
    as `pt`; of `pt-BR` the first part counts, and what is no language is none.
    """

    client_name: str | None = None
    client_id: BackendId = None
    group_id: BackendId = None
    group_name: str | None = None
    language: Annotated[str | None, BeforeValidator(_language_or_none)] = None


class CallCompleted(Event):
    """A call ended. The value of `call-completed`: exactly the body of `POST /api/call-completed`.

    The id of the event is the call's ElevenLabs `conversation_id`, and one made of batch and recipient where it never
    connected: of a lead's attempts these are one.
    """

    agent_id: VendorId
    recipient: Recipient
    batch_id: OptionalId = None
    agent_name: str | None = None
    phone_number_id: OptionalId = None
    batch_name: str | None = None
    call_metadata: Annotated[CallMetadata, BeforeValidator(_or_empty)] = CallMetadata()

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

    `backfilled`: its webhook never reached us, Twilio's list told of it; `received_at` is then Twilio's time. `person`: the
    address whose message it is, a number where any is known, if its sender's was found to be that person's.
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
            InvalidInput: neither a number nor an id: nobody can be answered there.
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
    """A delivery report. `own_id`: the id that the worker put into the StatusCallback URL, where it came back."""

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


OperatorCommand = Literal["close", "escalate", "resume", "write", "change_agent", "erase"]
NOTE_DETAILS: Final = "note_details"
"""No operator's: what ElevenLabs says of a call goes to its conversation's owner, in the order of its number."""
LINK: Final = "link"
TAKE_OVER: Final = "take_over"
FORWARD: Final = "forward"
"""No operators': what the actors of one person's addresses tell each other, see `rules/links.py`."""
CommandName = Literal[OperatorCommand, "note_details", "link", "take_over", "forward"]
# Twilio takes 1,600 characters a message; a text is split, and nobody types more than this.
_LONGEST_TEXT = 4096


class NotedDetails(Document):
    """What ElevenLabs says of a call. `kept`: transcript and variables, as `metadata.details` of its conversation."""

    call_id: VendorId
    summary: str | None = None
    duration_secs: Count | None = None
    kept: dict[str, Any] = {}


class ConversationCommand(Event):
    """An operator tells a conversation what to do. `by`: the operator's name; `at`: when it was said.

    `seen`: position of the newest command of this number that its sender knew of; where another operator's was done since,
    it is refused instead of undoing what that one did.

    `write` needs `text`, or `content_sid` (an approved template, with `content_variables`; `needs_number`: one of
    authentication, which WhatsApp takes for a number alone); `change_agent` `agent_id`; `note_details` `details`.

    Among one person's addresses, whose keys `phone_number` and `link` are: `link` says to an id that it is that number's,
    or of two numbers that they are one person's (`claim`: what shows it); `take_over` gives to a number what an id had
    (`hand_over`); `forward` brings it what came for that id: a `message`, one that is a dead letter (`buried`), a `call`, a
    `report`. An `erase` with `link` comes from that address.
    """

    command_id: VendorId
    phone_number: ConversationKey
    command: CommandName
    by: VendorId
    at: Time
    text: Annotated[str | None, Field(min_length=1, max_length=_LONGEST_TEXT)] = None
    content_sid: Annotated[str | None, Field(pattern=r"^HX[0-9a-fA-F]{32}$")] = None
    content_variables: Annotated[
        dict[str, Sentence], Field(max_length=_MOST_PARAMETERS), BeforeValidator(_or_empty)
    ] = {}
    needs_number: bool = False
    agent_id: VendorId | None = None
    details: NotedDetails | None = None
    link: ConversationKey | None = None
    claim: dict[str, Any] | None = None
    hand_over: dict[str, Any] | None = None
    message: InboundMessage | None = None
    buried: InboundMessage | None = None
    call: CallCompleted | None = None
    report: MessageStatus | None = None
    reason: Sentence | None = None
    seen: Position | None = None
    request_id: RequestId = None

    @model_validator(mode="after")
    def _check_what_it_needs(self) -> Self:
        if self.command == "write" and not (_has_words(self.text or "") or self.content_sid):
            raise ValueError("write needs text, or content_sid")
        if self.command == "change_agent" and not self.agent_id:
            raise ValueError("change_agent needs agent_id")
        if self.command == NOTE_DETAILS and not self.details:
            raise ValueError("note_details needs details")
        return self._check_link()

    def _check_link(self) -> Self:
        """An id belongs to a number, never the other way round. Of two numbers, or two ids, `rules/claims.py` decides."""
        from_number = self.link is not None and is_number(self.link)
        if self.command == LINK and not (self.link and (self.claim or from_number > is_number(self.phone_number))):
            raise ValueError("link needs a number in link and an id in phone_number, or a claim")
        is_upwards = self.link is not None and from_number <= is_number(self.phone_number)
        if self.command == TAKE_OVER and not (is_upwards and self.hand_over is not None):
            raise ValueError("take_over needs link and hand_over, and a number in phone_number")
        if self.command == FORWARD:
            self._check_forward()
        return self

    def _check_forward(self) -> None:
        message = self.message or self.buried
        brought = [each for each in (message, self.call, self.report) if each is not None]
        if len(brought) != 1 or (message is not None and message.person != self.phone_number):
            raise ValueError("forward needs a call, a report, or a message whose person is phone_number")

    @property
    def event_id(self) -> str:
        return self.command_id

    @property
    def key(self) -> str:
        return self.phone_number


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
"""As `rules.codec` writes them; `decided` and `parked` are of former versions."""


class ConversationEvent(Event):
    """What happened in a conversation. `number` counts from 1 without gaps within one conversation.

    `data` by type is written down in the folder's README. `state`: the changing columns of the conversation's row after
    the event. `shortened`: bytes of the whole event, where texts in `data` were cut to make it fit. Version 1 had no
    `state`, and too little in `data` for the tables to be made again from it; version 2 told what the steps of a turn had
    made of the tables, not each decision.
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


class DeadLetter(Event):
    """An event that cannot be done: the bytes as they came (base64), from where, why, after how many tries."""

    topic: TopicName
    partition: Count
    offset: Offset
    reason: Annotated[str, Field(max_length=255)]
    details: Sentence
    key_base64: str | None
    value_base64: str | None
    at: Time
    tries: Count = 1

    def key(self) -> bytes | None:
        """Return the key's bytes as they came."""
        return _unpacked(self.key_base64)

    def value(self) -> bytes | None:
        """Return the value's bytes as they came; None also where they were too large for a letter."""
        return _unpacked(self.value_base64)


class DeadLetterClosed(Event):
    """What was done with a dead letter, behind it in the same topic. `closes`: PARTITION-OFFSET, or turn-ID."""

    closes: VendorId
    state: Literal["retried", "discarded"]
    by: VendorId
    reason: Sentence | None = None
    at: Time


def _unpacked(text: str | None) -> bytes | None:
    try:
        return None if text is None else base64.b64decode(text)
    except ValueError:
        return None


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
"""The events of every topic: whoever reads, writes, replays or documents one asks here."""
