"""Events that cannot be done, and what was done with them."""

import base64
from typing import Annotated, Literal

from pydantic import Field

from schemas.events import Event
from schemas.fields import Count, Offset, Sentence, Time, TopicName, VendorId


class DeadLetter(Event):
    """An event that cannot be done.

    The bytes as they came (base64), from where, why, after how many tries.
    """

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
        """Return the value's bytes as they came; also None if they were too large for a letter."""
        return _unpacked(self.value_base64)


class DeadLetterClosed(Event):
    """What was done with a dead letter, behind it in the same topic.

    `closes`: PARTITION-OFFSET, or turn-ID.
    """

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
