"""Whether the worker makes progress, for `/ready`, `/health` and a supervisor, which restarts a stuck one."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

import structlog

from clients.kafka.connection import KAFKA_ERRORS
from process.periodic import every

log = structlog.get_logger()

# The longest that a turn may take from one step to the next: an agent that stays silent twice (2 x 55 s).
STUCK_SECONDS = 120.0
# With the longest look, and the broker's own 4 s, a broker that is away is reported within 10 s.
_LOOK_EVERY_SECONDS = 3.0
# A record takes milliseconds. If something waits, no effect runs and nothing moves for so
# long, something is wrong.
STILL_SECONDS = 10.0
# If something has just been written, there is no need to ask whether Postgres is there.
_QUIET_SECONDS = 5.0
# A broker that answers does so within a few milliseconds.
_LOOK_SECONDS = 3.0


Answers = Callable[[], Awaitable[bool]]
# More than a full file system keeps in reserve for small writes.
_SIZE = 4096


class Moving(Protocol):
    """A part that knows when it last moved, in monotonic seconds."""

    moved_at: float


class Progress:
    """The worker's progress.

    `behind`: events known to wait, in Kafka or begun.
    `is_at_work`: whether something is under way that may take long.

    Waiting for what is known to be away (a paused vendor, Postgres, Kafka) also counts as a move each time it
    is retried: a restart would not bring it back.
    """

    def __init__(self, parts: Sequence[Moving], is_at_work: Callable[[], bool] = lambda: False) -> None:
        self._parts = parts
        self._is_at_work = is_at_work
        self._away_at = time.monotonic()
        self._away: set[str] = set()
        self.behind = 0

    def seconds(self) -> float:
        """Return how long ago something moved."""
        return time.monotonic() - max(self._away_at, *(part.moved_at for part in self._parts))

    def is_stuck(self) -> bool:
        """Return whether there is something to do and nothing is being done."""
        return self.behind > 0 and self.seconds() > STUCK_SECONDS

    def standing(self) -> list[str]:
        """Return what holds up all of the work, a line each."""
        is_still = self.behind > 0 and self.seconds() > STILL_SECONDS and not self._is_at_work()
        return [f"{name} does not answer" for name in sorted(self._away)] + ["nothing moves"] * is_still

    async def watch(
        self, behind: Callable[[], Awaitable[int]], broker_answers: Answers, database_answers: Answers
    ) -> None:
        """Check until cancelled how much waits. The broker is asked, because the fetcher itself may be stuck.

        Both are asked over their own connections: a consumer that cannot tell while the broker can is stuck.
        """
        await every(
            _LOOK_EVERY_SECONDS, lambda: self._look(behind, broker_answers, database_answers), at_once=True
        )

    async def _look(
        self, behind: Callable[[], Awaitable[int]], broker_answers: Answers, database_answers: Answers
    ) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                self.behind = await behind()
            self._is_there("Kafka", there=True)
        except KAFKA_ERRORS as error:
            log.warning("Kafka does not tell how much waits", why=type(error).__name__)
            there = await broker_answers()
            self._is_there("Kafka", there=there)
            self.behind = max(1, self.behind) if there else self.behind
        if "Postgres" in self._away or self.seconds() > _QUIET_SECONDS:
            self._is_there("Postgres", there=await database_answers())
        if self.is_stuck():
            log.error("nothing moves though events wait", behind=self.behind, seconds=round(self.seconds()))

    def _is_there(self, name: str, *, there: bool) -> None:
        self._away.discard(name)
        if not there:
            self._away.add(name)
            self._away_at = time.monotonic()


def disk_problem(folder: Path) -> str | None:
    """Try to write a little; return the system's words for why this fails, or None."""
    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            written = file.write(bytes(_SIZE))
            file.write(bytes(_SIZE - written))  # if only a part fitted, writing the rest tells why
    except OSError as error:
        return os.strerror(error.errno or 0)
    return None
