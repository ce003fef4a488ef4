"""Records that cannot be read: whom they still concern, and what that number is told instead. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.inputs import MessageBuried, Recovered
from schemas.documents import parse_object
from schemas.errors import InvalidInput
from schemas.fields import check_message_id
from schemas.phone import conversation_key
from schemas.replay_mark import Mark
from schemas.topics import INBOUND_MESSAGE
from streams.actors.records import produced_at
from streams.actors.values import Told
from streams.engine.offsets import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What a number is told of a record that brings it no event."""

    key: str
    told: Told


def failed(
    source: TopicPartition,
    record: Any,  # noqa: ANN401
    error: Exception,
    now: datetime,
) -> Unread | None:
    """Return who waits while a model's failure on a record is judged; None if nobody is known."""
    buried = _buried(source, record, now)
    key = conversation_key(buried.address) if buried else _key_of(record.key)
    if key is None:
        return None
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    told = Told(given=buried or Recovered(), failure=cause, origin=(source, record))
    return Unread(key=key, told=told)


def refused(
    source: TopicPartition,
    record: Any,  # noqa: ANN401
    error: Exception,
    now: datetime,
) -> Unread | None:
    """Return the client whose message is a dead letter; None if it names none or an operator gave it back."""
    if (buried := _buried(source, record, now)) is None:
        return None
    told = Told(given=buried, event=("message", buried.identity))
    return Unread(key=conversation_key(buried.address), told=told)


def _buried(source: TopicPartition, record: Any, now: datetime) -> MessageBuried | None:  # noqa: ANN401
    if source.topic != INBOUND_MESSAGE or Mark.of(record.headers) is not None:
        return None
    try:
        params = parse_object(record.value or b"").get("params")
        address, sid = (
            (params.get("From"), params.get("MessageSid")) if isinstance(params, dict) else (None, None)
        )
        conversation_key(address if isinstance(address, str) else "")
    except InvalidInput:
        return None
    event_id = sid if _is_message_id(sid) else f"{source.partition}-{record.offset}"
    return MessageBuried(event_id=str(event_id), received_at=produced_at(record, now), address=str(address))


def _is_message_id(sid: object) -> bool:
    try:
        check_message_id(sid if isinstance(sid, str) else "")
    except ValueError:
        return False
    return True


def _key_of(raw: bytes | None) -> str | None:
    try:
        return conversation_key((raw or b"").decode())
    except (InvalidInput, UnicodeDecodeError):
        return None
