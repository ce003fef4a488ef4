"""Looks at the start and from time to time for what ElevenLabs knows and we do not; one web looks for all.

Nothing waits for it. Ended calls begin conversations here only if ElevenLabs stands in for the backend anyway
(ELEVENLABS_POST_CALL=call-completed): a first message cannot be taken back, and a backend may have left out a
call on purpose. Otherwise a person asks for them with `backfill`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from clients.elevenlabs.errors import VENDOR
from db.queries import load
from db.readers.backfill import CLAIM
from process.periodic import every
from schemas.documents import now
from schemas.errors import Unavailable, VendorError
from schemas.settings import Settings
from web.backfill_calls import CallBackfill
from web.database import Database

log = structlog.get_logger()
_sql = load("backfill")

# The workers themselves ask for each call for 20 minutes; what comes later is not urgent.
_LEAST_EVERY_SECONDS = 900.0


class CallGap:
    """Looks up to BACKFILL_HOURS back, again and again: an analysis may be late by any amount of time."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        backfill: CallBackfill,
        now: Callable[[], datetime] = now,
    ) -> None:
        self._now = now
        self._every = (
            max(settings.backfill_every_seconds, _LEAST_EVERY_SECONDS)
            if settings.backfill_every_seconds
            else 0.0
        )
        self._longest = timedelta(hours=settings.backfill_hours)
        self._configured = settings.elevenlabs_api_key is not None
        self._with_calls = settings.elevenlabs_post_call == "call-completed"
        self._database = database
        self._backfill = backfill

    async def watch(self) -> None:
        """Look, until cancelled."""
        if self._configured:
            await self._look(0.0)
            if self._every:
                await every(self._every, lambda: self._look(self._every / 2))
        await asyncio.Event().wait()  # a side task that ends would end the process

    async def _look(self, seconds: float) -> None:
        """Look, unless another web did within `seconds`."""
        try:
            await self._database.value(_sql.know, VENDOR)
            if known := await self._database.row(CLAIM, VENDOR, seconds):
                since = max(known.begun_at, self._now() - self._longest)
                await self._backfill.publish(
                    await self._backfill.look(since, self._now(), calls=self._with_calls)
                )
        except (VendorError, Unavailable) as error:
            log.warning("ElevenLabs could not be compared", why=str(error))
        except Exception:  # noqa: BLE001 - web takes messages, whatever goes wrong in looking for calls
            log.exception("ElevenLabs could not be compared")
