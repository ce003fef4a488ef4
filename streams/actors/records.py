"""The topics' records as values. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from clients.kafka.batches import Unreadable
from schemas.errors import InvalidInput
from schemas.models import TAKEN_UP, TakenUp
from schemas.replay_mark import Mark
from schemas.topics import request_id_of, traceparent_of

_Country = Mapping[str, object] | None
_MODELS: Final[dict[str, Callable[[bytes, _Country], TakenUp]]] = {
    topic: model.from_json for topic, model in TAKEN_UP.items()
}
NOT_FORESEEN: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""Errors that values can cause which no model has foreseen."""


class NotForeseen(InvalidInput):
    """Failure of the model itself, by `__cause__`. Whether record or build is at fault is to be judged."""


# Twice what web takes; what comes of it must fit into a record, too.
_LARGEST_VALUE = 256 * 1024


def parsed(topic: str, value: bytes | None, country: _Country = None) -> TakenUp:
    """Return a record's event. `country`: of numbers that name none, see `Settings.country`.

    Raises:
        NotForeseen: reading it fails in a way that the model has not foreseen.
        InvalidInput: it cannot be used.
    """
    if isinstance(value, Unreadable):
        raise InvalidInput("record", value.why)
    if len(value or b"") > _LARGEST_VALUE:
        raise InvalidInput("body", f"longer than {_LARGEST_VALUE} bytes")
    try:
        event = _MODELS[topic](value or b"", country)
        _ = event.key
    except InvalidInput:
        raise
    except NOT_FORESEEN as error:  # re-raised, it would stop its topic
        raise NotForeseen("body", f"cannot be read: {type(error).__name__}") from error
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """An event as its topic brought it."""

    event: TakenUp
    #: When it was first produced.
    at: datetime
    request_id: str | None = None
    mark: Mark | None = None
    #: Its `traceparent`.
    trace: str | None = None
    #: Key of the address that it was passed on to by another of the person's addresses.
    owner: str | None = None

    @property
    def key(self) -> str:
        return self.owner or self.event.key


def arrived(
    event: TakenUp,
    message: Any,  # noqa: ANN401 - a Faust message
    now: datetime,
    trace: str | None = None,
) -> Arrived:
    """Return an event as its message brought it. `trace`: see `Arrived`; None means the message's own."""
    mark = Mark.of(message.headers)
    return Arrived(
        event=event,
        at=mark.at if mark else produced_at(message, now),
        request_id=request_id_of(message.headers),
        mark=mark,
        trace=trace or traceparent_of(message.headers),
    )


def produced_at(message: Any, now: datetime) -> datetime:  # noqa: ANN401 - a Faust message
    """Return when a record was made, as Kafka or its producer says; `now` if that is nonsense or missing."""
    try:
        return datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else now
    except (ValueError, OverflowError, OSError):
        return now
