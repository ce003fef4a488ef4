"""Fields of events with the bounds of what Postgres, Kafka and JavaScript can hold, so that nothing fails behind them.

Names have no bound but that of the whole value: they are shortened where they are used.
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
"""In a validation's context: the country of numbers that name none, such as `CO`."""
_COLUMN_WIDTH = 255
"""Ids are stored in VARCHAR(255) columns."""
# INTEGER and BIGINT of Postgres; JSON's numbers are exact up to 2^53 where JavaScript reads them.
_LARGEST_INTEGER = 2**31 - 1
_LARGEST_EXACT = 2**53 - 1
_LARGEST_OFFSET = 2**63 - 1
# Kafka's own bound.
_LONGEST_TOPIC = 249
# Sentences for people, of ours and of vendors.
_LONGEST_SENTENCE = 4096
# Twilio's form of an id of a message is two letters and 32 digits; others' simulators have others.
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,64}")
_IDENTITY = re.compile(r"[\x21-\x7e]{1,128}")


def _digits(value: object) -> object:
    """Return a number that came as a JSON number as its digits."""
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
    """Make a time aware, without zone it is UTC's."""
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
    """What is no id is none: nobody's event is refused for it."""
    return value if isinstance(value, str) and _IDENTITY.fullmatch(value) else None


def check_message_id(sid: str | None) -> None:
    """Check Twilio's id of a message, where there is one.

    Raises:
        ValueError: it has not an id's form.
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
