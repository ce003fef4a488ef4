"""Records of the topics as values. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from clients.kafka.batches import Unreadable
from schemas.errors import InvalidInput
from schemas.models import TAKEN_UP, TakenUp

_MODELS: Final[dict[str, Callable[[bytes], TakenUp]]] = {topic: model.from_json for topic, model in TAKEN_UP.items()}
NOT_FORESEEN: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What values can come to that no model has foreseen."""


class NotForeseen(InvalidInput):
    """The model itself failed, for `__cause__`: whether that is the record's fault, or the build's, is to be judged."""


# Twice what web takes; what comes of it must fit into a record as well.
_LARGEST_VALUE = 256 * 1024


def parsed(topic: str, value: bytes | None) -> TakenUp:
    """Return a record's event.

    Raises:
        NotForeseen: reading it fails in a way that the model does not know.
        InvalidInput: it cannot be used.
    """
    if isinstance(value, Unreadable):
        raise InvalidInput("record", value.why)
    if len(value or b"") > _LARGEST_VALUE:
        raise InvalidInput("body", f"longer than {_LARGEST_VALUE} bytes")
    try:
        event = _MODELS[topic](value or b"")
        _ = event.key
    except InvalidInput:
        raise
    except NOT_FORESEEN as error:  # raised on it would stop its topic
        raise NotForeseen("body", f"cannot be read: {type(error).__name__}") from error
    return event


def produced_at(message: Any, now: datetime) -> datetime:  # noqa: ANN401 - a Faust message
    """Return when Kafka, or its producer, says that a record was made; now for nonsense and for no clock."""
    try:
        return datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else now
    except (ValueError, OverflowError, OSError):
        return now
