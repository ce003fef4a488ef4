"""Event fields, bounded by what Postgres, Kafka and JavaScript can hold, so that nothing fails further on.

Names are bounded only by the size of the whole value: they are shortened where they are used.
"""

import re
import uuid
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from schemas.errors import InvalidNumber
from schemas.odd_json import WithExponent
from schemas.phone import conversation_key, written_number
from schemas.query import EARLIEST, LATEST, is_countable

REGION = "region"
"""Key in the validation context: the country of numbers that name none, such as `CO`."""
_COLUMN_WIDTH = 255
"""Ids are stored in VARCHAR(255) columns."""
# Postgres' INTEGER and BIGINT; JavaScript reads JSON numbers exactly up to 2^53.
_LARGEST_INTEGER = 2**31 - 1
_LARGEST_EXACT = 2**53 - 1
_LARGEST_OFFSET = 2**63 - 1
# Kafka's own bound.
_LONGEST_TOPIC = 249
# Sentences for people, ours and the vendors'.
_LONGEST_SENTENCE = 4096
# Twilio's message ids are two letters and 32 digits; other people's simulators have other forms.
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,64}")
_IDENTITY = re.compile(r"[\x21-\x7e]{1,128}")


def _digits(value: object) -> object:
    """Turn a JSON number into its digits."""
    if isinstance(value, WithExponent):
        raise ValueError("was written with an exponent, which loses digits; send it as text, +573138539155")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value


def _check_number(raw: str, info: ValidationInfo) -> str:
    try:
        return written_number(raw, (info.context or {}).get(REGION))
    except InvalidNumber as error:
        raise ValueError(error.why) from error


def _check_key(raw: str) -> str:
    try:
        return conversation_key(raw)
    except InvalidNumber as error:
        raise ValueError(error.why) from error


def _check_time(at: datetime) -> datetime:
    """Make a time aware; without a zone it is UTC."""
    at = at.replace(tzinfo=at.tzinfo or UTC)
    if not is_countable(at):
        raise ValueError(f"must be a time between {EARLIEST.year} and {LATEST.year}")
    return at


def _check_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise ValueError("must be a UUID") from error


def _identity(value: object) -> object:
    """Return an id, or None for what is not one: no event is refused for it."""
    return value if isinstance(value, str) and _IDENTITY.fullmatch(value) else None


def check_message_id(sid: str | None) -> None:
    """Check Twilio's id of a message, where there is one.

    Raises:
        ValueError: it does not have the form of an id.
    """
    if sid is not None and not _MESSAGE_ID.fullmatch(sid):
        raise ValueError("MessageSid must have 1 to 64 printable characters without blanks")


VendorId = Annotated[str, Field(min_length=1, max_length=_COLUMN_WIDTH)]
OptionalId = Annotated[str | None, Field(max_length=_COLUMN_WIDTH)]
Sentence = Annotated[str, Field(max_length=_LONGEST_SENTENCE)]
Number = Annotated[str, BeforeValidator(_digits), AfterValidator(_check_number)]
ConversationKey = Annotated[str, AfterValidator(_check_key)]
TopicName = Annotated[str, Field(min_length=1, max_length=_LONGEST_TOPIC)]
RequestId = Annotated[str | None, BeforeValidator(_identity)]
OwnId = Annotated[str, AfterValidator(_check_uuid)]
Time = Annotated[datetime, AfterValidator(_check_time)]
RowNumber = Annotated[int, Field(ge=1, le=_LARGEST_INTEGER)]
Count = Annotated[int, Field(ge=0, le=_LARGEST_INTEGER)]
Position = Annotated[int, Field(ge=0, le=_LARGEST_EXACT)]
Offset = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET)]
