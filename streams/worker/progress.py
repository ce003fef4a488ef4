"""Whether the worker gets on: asked by `/ready`, so that a supervisor starts a stuck one anew."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from aiokafka.errors import KafkaError

log = structlog.get_logger()

# The longest that a turn may take from one step to the next: an agent that stays silent twice (2 x 55 s).
STUCK_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 5.0
# A broker that answers does so within some milliseconds.
_LOOK_SECONDS = 4.0


class Moving(Protocol):
    """A part that knows when it last moved, monotonic seconds."""

    moved_at: float


class Progress:
    """`behind`: events known to wait, in Kafka or begun.

    Waiting for what is known to be away (a paused vendor, Postgres, Kafka) is a move as well, each time it is tried again:
    a new start would not bring it back.
    """

    def __init__(self, parts: Sequence[Moving]) -> None:
        self._parts = parts
        self._away_at = time.monotonic()
        self.behind = 0

    def seconds(self) -> float:
        """Give how long ago something moved."""
        return time.monotonic() - max(self._away_at, *(part.moved_at for part in self._parts))

    def is_stuck(self) -> bool:
        """Tell whether there is something to do and nothing is done."""
        return self.behind > 0 and self.seconds() > STUCK_SECONDS

    async def watch(self, behind: Callable[[], Awaitable[int]], answers: Callable[[], Awaitable[bool]]) -> None:
        """Look, until cancelled, how much waits. The broker is asked, because the fetcher itself may be what is stuck.

        `answers`: whether the broker does, to a client of its own: a consumer that cannot tell though it does is stuck.
        """
        while True:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    self.behind = await behind()
            except (KafkaError, TimeoutError, OSError) as error:
                log.warning("Kafka does not tell how much waits", why=type(error).__name__)
                if await answers():
                    self.behind = max(1, self.behind)
                else:
                    self._away_at = time.monotonic()
            if self.is_stuck():
                log.error("nothing moves though events wait", behind=self.behind, seconds=round(self.seconds()))
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
