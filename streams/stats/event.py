"""An event as the statistics read it: only what they need, of every version, tolerating unknown types.

Checked by hand rather than by the model that writes it, as this is done for each event of every conversation.
"""

from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from pydantic_core import from_json

from schemas.errors import InvalidInput
from schemas.events import ConversationEvent
from schemas.query import is_countable

MICROSECONDS = 1_000_000
# Conversation ids are INTEGERs.
_LARGEST_INTEGER = 2**31 - 1


class Event(NamedTuple):
    """An event, see `schemas.events.ConversationEvent`.

    `status`: the conversation's afterwards; None if it is not told, or there is no conversation yet.
    """

    conversation_id: int
    number: int
    phone_number: str
    type: str
    at: datetime
    data: dict[str, Any]
    status: str | None = None


_KINDS: tuple[tuple[str, type], ...] = (
    ("conversation_id", int),
    ("number", int),
    ("phone_number", str),
    ("type", str),
    ("at", str),
    ("data", dict),
)


def parse_event(value: bytes | None) -> Event:
    """Read an event.

    Raises:
        InvalidInput: names the first field that is missing or mistyped.
    """
    try:
        parsed = from_json(value or b"")
    except ValueError as error:
        raise InvalidInput("body", "not valid JSON") from error
    if not isinstance(parsed, dict):
        raise InvalidInput("body", "must be a JSON object")
    for name, kind in _KINDS:
        if not isinstance(value := parsed.get(name), kind) or isinstance(value, bool):
            raise InvalidInput(name, "missing or mistyped")
    if not (0 < parsed["conversation_id"] <= _LARGEST_INTEGER and parsed["number"] <= _LARGEST_INTEGER):
        raise InvalidInput("conversation_id", "it or the number is no row's")
    version = parsed.get("schema_version", 1)
    if not isinstance(version, int) or version > ConversationEvent.VERSION:
        raise InvalidInput("schema_version", f"newer than {ConversationEvent.VERSION}: update this program")
    state = parsed.get("state")
    status = state.get("status") if isinstance(state, dict) else None
    who = parsed["conversation_id"], parsed["number"], parsed["phone_number"]
    return Event(*who, parsed["type"], _time(parsed["at"]), parsed["data"], status)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("at", "not a time") from error
    at = at.replace(tzinfo=at.tzinfo or UTC)
    if not is_countable(at):
        raise InvalidInput("at", "not a time that can be counted")
    return at


def utc(at: datetime) -> datetime:
    """Return the moment in UTC. Times without a zone are UTC, as everywhere in the service.

    Raises:
        InvalidInput: it is in no year of the calendar.
    """
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput("at", "out of range") from error


def day_of(at: datetime, zone: tzinfo) -> str:
    """Return the ISO date in the statistics' time zone.

    Raises:
        InvalidInput: see `utc`.
    """
    try:
        return (at if zone is UTC else at.astimezone(zone)).date().isoformat()
    except OverflowError as error:
        raise InvalidInput("at", "out of range") from error


def time_in(data: dict[str, object], name: str, otherwise: datetime) -> datetime:
    """Return a time from an event's data, in UTC; `otherwise` if it is missing.

    Raises:
        InvalidInput: it is no time.
    """
    text = data.get(name)
    try:
        return utc(datetime.fromisoformat(text)) if isinstance(text, str) else otherwise
    except ValueError as error:
        raise InvalidInput(f"data.{name}", "not a time") from error


def microseconds(seconds: object) -> int:
    """Return whole microseconds, because sums of floats depend on their order.

    Raises:
        InvalidInput: not a number of seconds.
    """
    try:
        return round(float(seconds) * MICROSECONDS)  # type: ignore[arg-type]  # else refused below
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("data.response_seconds", "not a number of seconds") from error
