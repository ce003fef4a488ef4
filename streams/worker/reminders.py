"""What no event of Kafka's will bring up again: held turns, forgotten ones, parked messages of unknown numbers.

They go through the number's mailbox like everything else.
"""

import asyncio
from dataclasses import dataclass

import structlog

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.settings import Settings
from streams.engine.mailbox import Mailboxes
from streams.engine.work import TopicPartition, WorkItem
from streams.journal.ownership import Ownership

log = structlog.get_logger()
_sql = load("journal")

REMINDER = "reminder"
"""Stands where an event has its topic."""

# Held turns wait for 15 s and more, so a second or two late does not matter; each look is one query on small indexes.
_LOOK_EVERY_SECONDS = 2.0
# Longer than any turn takes by itself: whose process died without its event being delivered again (a lost log).
_FORGOTTEN_TURN_SECONDS = 600.0
# Longer than it takes from the end of a held turn to the beginning of the next one.
_FORGOTTEN_MESSAGE_SECONDS = 10.0
# As many as one look may bring into mailboxes: the next look comes soon.
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reminder:
    """`address`: where an unknown number wrote from; None where the number has a conversation."""

    address: str | None


class Reminders:
    """Looks after the waiting numbers of this worker's partitions."""

    def __init__(self, settings: Settings, pool: Pool, ownership: Ownership, mailboxes: Mailboxes) -> None:
        self._grace = settings.unknown_number_grace_seconds
        self._pool = pool
        self._ownership = ownership
        self._mailboxes = mailboxes

    async def watch(self) -> None:
        """Look again and again, until cancelled; what is due at an assignment is found by the next look."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            try:
                await self._look()
            except POSTGRES_ERRORS as error:
                log.warning("due numbers could not be looked up", why=type(error).__name__)

    async def _look(self) -> None:
        generation = self._mailboxes.generation
        ages = self._grace, _FORGOTTEN_TURN_SECONDS, _FORGOTTEN_MESSAGE_SECONDS
        for row in await self._pool.fetch(_sql.due, self._ownership.partitions, *ages, _MOST_AT_ONCE):
            item = WorkItem(
                source=TopicPartition(REMINDER, row["partition"]),
                offset=-1,
                key=row["phone_number"],
                value=Reminder(row["address"]),
                request_id=None,
                generation=generation,
                token=None,
            )
            self._mailboxes.remind(item)
