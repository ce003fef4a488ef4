"""Messages of unknown numbers whose grace is over: answered by the configured agent, or left unanswered."""

import asyncio

import structlog

from db.pool import Pool
from db.queries import load
from schemas.errors import Fenced
from schemas.phone import masked
from schemas.settings import Settings
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.turns.runner import Runner

log = structlog.get_logger()
_sql = load("journal")

# A tenth of the shortest sensible grace; one indexed query each time.
_LOOK_EVERY_SECONDS = 5.0
_UNNAMED = "Cliente"


class Parked:
    """Looks after the parked messages of this worker's partitions."""

    def __init__(self, settings: Settings, pool: Pool, ownership: Ownership, journal: Journal, runner: Runner) -> None:
        self._settings = settings
        self._pool = pool
        self._ownership = ownership
        self._journal = journal
        self._runner = runner

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            grace = self._settings.unknown_number_grace_seconds
            for row in await self._pool.fetch(_sql.expired_parked, self._ownership.partitions, grace):
                await self._decide(row["partition"], row["phone_number"], row["address"])

    async def _decide(self, partition: int, number: str, address: str) -> None:
        agent = self._settings.unknown_number_agent_id
        if agent is None:
            await self._pool.execute(_sql.give_up_parked, number)
            log.info("messages of an unknown number stay unanswered", number=masked(number))
            return
        try:
            await self._journal.adopt(partition, number, agent, _UNNAMED, address)
            begun = await self._journal.begin_reply(partition, number, [], None)
            if begun.turn is not None:
                await self._runner.finish(begun.turn)
        except Fenced:
            log.info("number of another owner", number=masked(number))
