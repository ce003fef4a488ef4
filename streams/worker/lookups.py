"""Asks ElevenLabs again for summaries and durations that were not there yet when the first message went out.

The analysis of a call takes from seconds to minutes after its end; nothing waits for it.
"""

import asyncio

import asyncpg
import structlog

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.errors import VendorError
from streams.journal.ownership import Ownership
from streams.vendors.elevenlabs_calls import ElevenLabsCalls

log = structlog.get_logger()
_sql = load("rules")

# Patience: quick while the analysis is usual, slow for what is late, 20 minutes in all; the webhook may be later.
WAITS_SECONDS = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 120.0, 300.0, 600.0)
_LOOK_EVERY_SECONDS = 2.0
# A campaign's calls end by the hundred; these look-ups must not crowd out the clients' turns.
_MOST_AT_ONCE = 20


class Lookups:
    """Looks up what is due for this worker's partitions."""

    def __init__(self, pool: Pool, ownership: Ownership, calls: ElevenLabsCalls) -> None:
        self._pool = pool
        self._ownership = ownership
        self._calls = calls

    async def work(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            try:
                rows = await self._pool.fetch(_sql.due_lookups, self._ownership.partitions, _MOST_AT_ONCE)
                await asyncio.gather(*(self._look_up(row) for row in rows))
            except POSTGRES_ERRORS as error:
                log.warning("late summaries could not be looked up", why=type(error).__name__)

    async def _look_up(self, row: asyncpg.Record) -> None:
        conversation, call = row["conversation_id"], row["elevenlabs_conversation_id"]
        if await self._is_told(call):
            return
        if row["tries"] >= len(WAITS_SECONDS):
            await self._pool.execute(_sql.look_up_no_more, conversation, call)
            log.info("summary of a call did not come", conversation_id=conversation)
        else:
            await self._pool.execute(_sql.look_up_later, conversation, call, WAITS_SECONDS[row["tries"]])

    async def _is_told(self, call: str) -> bool:
        """Fetch what is known; True when nothing is left to wait for."""
        try:
            details = await self._calls.fetch_call(call)
        except VendorError:
            return False
        if details is None:
            return False
        await self._pool.execute(_sql.call_details, details.noted(call))
        return details.is_whole
