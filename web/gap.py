"""The gap left by a time without any web: fetched from Twilio before new messages are let through.

Twilio does not repeat a webhook that found nobody, but lists the message. To keep a number's order, this
process listens first, so that from then on each message comes by itself, and holds these until the gap before
them is published. Twilio waits 15 s; the wait here is bounded well below that. What is found later (the list
lags, or Twilio was away) is marked late.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from db.queries import load
from db.readers.backfill import CLAIM, START, Checked
from process.periodic import every
from schemas.documents import now
from schemas.errors import Unavailable, VendorError
from schemas.retention import remembered_for
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE
from web.backfill import Backfill
from web.database import Database
from web.publisher import Publishing

log = structlog.get_logger()
_sql = load("backfill")

_VENDOR = "twilio"
# With the publisher's own bounds (7 s) this stays under Twilio's 15 s.
_LONGEST_WAIT_SECONDS = 6.0
_RETRY_SECONDS = 5.0
# The list's lag is undocumented; every look goes back this far behind the last one.
_OVERLAP = timedelta(minutes=3)
# A webhook may be under way for this long (Twilio's total); younger messages come by themselves.
_UNDER_WAY = timedelta(seconds=20)
# By then, what reached Twilio in the last moments before the start is in its list.
_SECOND_LOOK_SECONDS = 30.0


class Gap:
    """Looks at the start, again a little later, and then from time to time; one web process looks for all."""

    def __init__(
        self, settings: Settings, database: Database, backfill: Backfill, now: Callable[[], datetime] = now
    ) -> None:
        self._now = now
        self._every = settings.backfill_every_seconds
        longest, remembered = timedelta(hours=settings.backfill_hours), remembered_for(settings)
        self._longest = (
            min(longest, remembered) if remembered else longest
        )  # what is forgotten would be taken for new
        self._configured = bool(settings.twilio_account_sid and settings.twilio_auth_token)
        self._database = database
        self._backfill = backfill
        self._closed = asyncio.Event()
        self._listening = asyncio.Event()

    def listening(self) -> None:
        """Note that messages reach us by themselves from now on."""
        self._listening.set()

    async def closed(self) -> None:
        """Wait until the gap is closed, for no longer than a bound that counts from the start."""
        await self._closed.wait()

    async def watch(self) -> None:
        """Close the gap, then look from time to time, until cancelled."""
        if not self._configured:
            self._closed.set()
            log.warning("Twilio is not configured, what was missed cannot be fetched")
            return await _for_ever()
        await self._listening.wait()
        bound = asyncio.get_running_loop().call_later(_LONGEST_WAIT_SECONDS, self._closed.set)
        until = self._now().replace(microsecond=0)  # Twilio's times have whole seconds
        while not await self._close(until):
            await asyncio.sleep(_RETRY_SECONDS)
        bound.cancel()
        self._closed.set()
        await self._again()
        return None

    async def _close(self, until: datetime) -> bool:
        try:
            row = await self._database.row(START, _VENDOR)
            assert row is not None, "an upsert gives its row"
            await self._look(row, until)
        except (VendorError, Unavailable) as error:
            log.warning("what was missed cannot be fetched yet", why=str(error))
            return False
        except Exception:  # noqa: BLE001 - web takes messages, whatever goes wrong in looking for older ones
            log.exception("what was missed cannot be fetched")
            return False
        return True

    async def _again(self) -> None:
        await asyncio.sleep(_SECOND_LOOK_SECONDS)
        await self._look_if_due(0.0)
        if self._every:
            await every(self._every, lambda: self._look_if_due(self._every / 2))
        await _for_ever()

    async def _look_if_due(self, seconds: float) -> None:
        try:
            if row := await self._database.row(CLAIM, _VENDOR, seconds):
                await self._look(row, self._now() - _UNDER_WAY)
        except (VendorError, Unavailable) as error:
            log.warning("Twilio's list could not be compared", why=str(error))
        except Exception:  # noqa: BLE001 - as above
            log.exception("Twilio's list could not be compared")

    async def _look(self, known: Checked, until: datetime) -> None:
        since = max(known.begun_at, known.checked_until - _OVERLAP, self._now() - self._longest)
        if since < until:
            await self._backfill.run(since, until)
            await self._database.quick_value(_sql.checked, _VENDOR, until.replace(tzinfo=None))


class BehindGap:
    """A publisher that holds new messages until the missed ones before them are published."""

    def __init__(self, publisher: Publishing, gap: Gap) -> None:
        self._publisher = publisher
        self._gap = gap

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        """See `web.publisher.Publisher.publish`."""
        if topic == INBOUND_MESSAGE:
            await self._gap.closed()
        await self._publisher.publish(topic, key, value, request_id)


async def _for_ever() -> None:
    """Wait for ever: a side task that ends would end the process."""
    await asyncio.Event().wait()
