"""Commands to a conversation, from operators, ElevenLabs' call details or the person's other addresses."""

import unicodedata
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from schemas.documents import Document
from schemas.events import MOST_PARAMETERS, CallCompleted, Event, InboundMessage, MessageStatus, or_empty
from schemas.fields import ConversationKey, Count, Position, RequestId, Sentence, Time, VendorId
from schemas.phone import is_number


def _has_words(text: str) -> bool:
    """Return whether a text has any visible character."""
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


OperatorCommand = Literal["close", "escalate", "resume", "write", "change_agent", "erase"]
NOTE_DETAILS: Final = "note_details"
"""Not for operators: ElevenLabs' call details, for the conversation's owner, in the order of its number."""
LINK: Final = "link"
TAKE_OVER: Final = "take_over"
FORWARD: Final = "forward"
"""Not for operators: what the actors of one person's addresses tell each other, see `rules/links.py`."""
CommandName = Literal[OperatorCommand, "note_details", "link", "take_over", "forward"]
# Twilio takes 1,600 characters a message; a longer text is split. Nobody types more than this.
_LONGEST_TEXT = 4096


class NotedDetails(Document):
    """What ElevenLabs says of a call.

    `kept`: transcript and variables, as `metadata.details` of its conversation.
    """

    call_id: VendorId
    summary: str | None = None
    duration_secs: Count | None = None
    kept: dict[str, Any] = {}


class ConversationCommand(Event):
    """An operator tells a conversation what to do. `by`: the operator's name; `at`: when it was said.

    `seen`: position of the newest command of this number that its sender knew of; where another operator's
    was done since, it is refused instead of undoing what that one did.

    `spooled_until`: of an `erase`, the id of the newest event that waited in Postgres for Kafka when it was
    accepted, 0 if none did. What waits behind it stays. None, as of whoever does not know: all goes.

    `write` needs `text`, or `content_sid` (an approved template, with `content_variables`;
    `needs_number`: one of authentication, which WhatsApp takes for a number alone); `change_agent`
    `agent_id`; `note_details` `details`.

    Among one person's addresses, whose keys `phone_number` and `link` are: `link` says to an id that it is
    that number's, or of two numbers that they are one person's (`claim`: what shows it); `take_over` gives to
    a number what an id had (`hand_over`); `forward` brings it what came for that id: a `message`, one that is
    a dead letter (`buried`), a `call`, a `report`. An `erase` with `link` comes from that address.
    """

    command_id: VendorId
    phone_number: ConversationKey
    command: CommandName
    by: VendorId
    at: Time
    text: Annotated[str | None, Field(min_length=1, max_length=_LONGEST_TEXT)] = None
    content_sid: Annotated[str | None, Field(pattern=r"^HX[0-9a-fA-F]{32}$")] = None
    content_variables: Annotated[
        dict[str, Sentence], Field(max_length=MOST_PARAMETERS), BeforeValidator(or_empty)
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
    spooled_until: Position | None = None
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
        """Let an id belong to a number, never vice versa; `rules/claims.py` decides on two of a kind."""
        from_number = self.link is not None and is_number(self.link)
        if self.command == LINK and not (
            self.link and (self.claim or from_number > is_number(self.phone_number))
        ):
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
