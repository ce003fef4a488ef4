"""The events of a window, as the worker reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import InvalidInput
from schemas.models import TAKEN_UP
from schemas.topics import CONVERSATION_COMMAND
from streams.replay.reader import Record

REPLAYED = frozenset(TAKEN_UP) - {CONVERSATION_COMMAND}
"""Topics whose events can be done again; commands are given anew by an operator."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record."""

    record: Record
    #: None if it cannot be read.
    value: Any
    #: The canonical number.
    key: str
    #: The address that the number leads to.
    person: str | None = None

    @property
    def client(self) -> str:
        """Who may be written to, whichever address it came from."""
        return self.person or self.key

    @property
    def event_id(self) -> str:
        event_id: str = self.value.event_id
        return event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events of a window are meant: those of one number, of one campaign, or (None) of all."""

    number: str | None = None
    batch: str | None = None


def check_topic(topic: str, mode: str) -> None:
    """Refuse a topic that cannot be replayed, and say which can.

    Raises:
        InvalidInput: names the topic.
    """
    if topic in REPLAYED:
        return
    if topic == CONVERSATION_COMMAND:
        why = "an operator's command would hit what the conversation is today; give it anew"
        raise InvalidInput("topic", f"{why}: `whatsapp-microservice conversation`")
    raise InvalidInput("topic", f"--mode {mode} reads one of: {', '.join(sorted(REPLAYED))}")


def read(record: Record, country: Mapping[str, object] | None = None) -> Candidate:
    """Read a record as the worker does. `country`: see `Settings.country`."""
    try:
        value = TAKEN_UP[record.topic].from_json(record.value or b"", country)
        return Candidate(record, value, value.key)
    except InvalidInput:
        return Candidate(record, None, "")
