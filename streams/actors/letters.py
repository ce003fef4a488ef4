"""Dead letters: records that cannot be used, with the bytes as they came."""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from clients.kafka.connection import MessageSizeTooLargeError
from clients.kafka.producer import Producer
from schemas.dead_letters import DeadLetter
from schemas.errors import InvalidInput
from schemas.phone import without_numbers
from schemas.topics import DEAD_LETTER
from streams.engine.offsets import TopicPartition
from streams.metrics import DEAD_LETTERS

log = structlog.get_logger()

# Twenty times the longest number or id, which are what keys are.
_LARGEST_KEY = 1024
# Under the model's bound, even with what may be added.
_LONGEST_DETAILS = 4000
_TOO_LARGE = "too large for a dead letter, see its topic, partition and offset"


class Letters:
    """Writer of dead letters, each awaited until Kafka has it. `now`: the time that they bear."""

    def __init__(self, producer: Producer, now: Callable[[], datetime]) -> None:
        self._producer = producer
        self._now = now

    async def bury(
        self,
        source: TopicPartition,
        message: Any,  # noqa: ANN401
        error: InvalidInput,
        tries: int = 1,
    ) -> None:
        """Write a dead letter for a record. `tries`: how often it was tried."""
        DEAD_LETTERS.labels(source.topic).inc()
        log.warning("event cannot be used and becomes a dead letter", topic=source.topic, field=error.field)
        key = message.key if len(message.key or b"") <= _LARGEST_KEY else None
        letter = DeadLetter(
            topic=source.topic,
            partition=source.partition,
            offset=message.offset,
            reason=error.field,
            details=without_numbers(error.why[:_LONGEST_DETAILS]),
            key_base64=_base64(key),
            value_base64=_base64(message.value),
            at=self._now(),
            tries=tries,
        )
        try:
            await self._producer.send(DEAD_LETTER, key, letter.to_json())
        except MessageSizeTooLargeError:
            # The topic takes less than it was created for: the bytes stay where they are.
            why = f"{letter.details}; {_TOO_LARGE}"
            without = letter.model_copy(update={"value_base64": None, "details": why})
            await self._producer.send(DEAD_LETTER, None, without.to_json())


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
