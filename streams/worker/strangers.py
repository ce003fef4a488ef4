"""Numbers that wrote without any call: answered by the configured agent, or left unanswered."""

import structlog

from db.pool import Pool
from db.queries import load
from schemas.phone import masked
from schemas.settings import Settings
from streams.journal.journal import Journal

log = structlog.get_logger()
_sql = load("journal")

_UNNAMED = "Cliente"
"""What the contract calls a client without a name."""


class Strangers:
    """Decides about an unknown number whose grace is over."""

    def __init__(self, settings: Settings, pool: Pool, journal: Journal) -> None:
        self._agent = settings.unknown_number_agent_id
        self._pool = pool
        self._journal = journal

    async def adopt(self, partition: int, number: str, address: str) -> bool:
        """Give the number a conversation without a call; False where no agent is configured for that.

        Raises:
            Fenced: the partition has a newer owner.
        """
        if self._agent is None:
            await self._pool.execute(_sql.give_up_parked, number)
            log.info("messages of an unknown number stay unanswered", number=masked(number))
            return False
        await self._journal.adopt(partition, number, self._agent, _UNNAMED, address)
        return True
