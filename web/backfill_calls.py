"""Back-fill from ElevenLabs: summaries and durations that never came, ended calls nobody told us of."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from clients.elevenlabs.batches import ListedBatch
from clients.elevenlabs.calls import ElevenLabsCalls
from db.readers import backfill as stored
from schemas.documents import now
from schemas.elevenlabs_call import CallDetails, details
from schemas.events import UNCONNECTED, CallCompleted
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED
from web.backfill_batch import EndedCall, ended_calls, ids_under_way, with_result
from web.call_details import DetailsPublisher
from web.database import Database
from web.publisher import Publishing

log = structlog.get_logger()

# The clients' own turns ask ElevenLabs, too.
_AT_ONCE = 10
# The requests of one look; the next look finds the rest.
_MOST_CALLS = 1000
# A campaign goes on for days after we were told of its first call.
_BATCH_LASTS = timedelta(days=7)
# A backend that watches its batch tells of a call within this, and knows more of the client than ElevenLabs.
_BACKEND_TELLS = timedelta(minutes=2)


class CallList(Protocol):
    """Batches, or campaigns in their form; see `ElevenLabsBatches`."""

    async def find(self, batch_id: str) -> dict[str, object] | None: ...

    def all(self) -> AsyncIterator[ListedBatch]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFindings:
    """What a look found."""

    #: A call's id, and what was missing of it.
    summaries: list[tuple[str, CallDetails]] = field(default_factory=list)
    #: Ended, and unknown here.
    calls: list[EndedCall] = field(default_factory=list)
    #: Batches of that time none of whose calls we were told of; they begin conversations only when named.
    others: list[ListedBatch] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.summaries or self.calls)


class CallBackfill:
    """Looks and publishes. Idempotent: rows are only filled in, and whoever takes up a call remembers its id.

    Every method raises:
        VendorError: ElevenLabs cannot be asked.
        Unavailable: Postgres does not answer, or nothing took the events.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publisher: Publishing,
        calls: ElevenLabsCalls,
        lists: Sequence[CallList],
        now: Callable[[], datetime] = now,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._now = now
        self._new_id = new_id
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._calls = calls
        self._lists = lists
        self._details = DetailsPublisher(publisher, database, now)

    async def look(
        self, since: datetime, until: datetime, *, batches: Iterable[str] = (), calls: bool = True
    ) -> CallFindings:
        """Find what ElevenLabs knows of [since, until] (aware, UTC) and we do not.

        Args:
            batches: also these batches, whether or not we know of them.
            calls: also look for ended calls.
        """
        summaries = await self._summaries(since, until)
        if not calls:
            return CallFindings(summaries=summaries)
        known = await self._known_batches(since, until)
        others = [
            each for one in self._lists async for each in one.all() if each.updated >= since.timestamp()
        ]
        wanted = known | set(batches)
        found = await self._ended(sorted(wanted), since, min(until, self._now() - _BACKEND_TELLS))
        return CallFindings(
            summaries=summaries, calls=found, others=[each for each in others if each.batch_id not in wanted]
        )

    async def publish(self, findings: CallFindings) -> None:
        """Fill in rows and publish calls. If this fails, what was already done is recognised next time."""
        request_id = f"backfill-{self._new_id().hex}"
        for call, known in findings.summaries:
            await self._details.publish(call, known, request_id)
        for ended in findings.calls:
            call_completed = ended.call
            await self._publisher.publish(
                CALL_COMPLETED, call_completed.key, call_completed.to_json(), request_id
            )
        if findings.any:
            log.warning(
                "fetched from ElevenLabs what never reached us",
                summaries=len(findings.summaries),
                calls=len(findings.calls),
            )

    async def _summaries(self, since: datetime, until: datetime) -> list[tuple[str, CallDetails]]:
        bounds = _naive(since), _naive(until), _MOST_CALLS
        rows = await self._database.rows(stored.CALLS_WITHOUT_DETAILS, *bounds, UNCONNECTED)
        told = await self._each([row.elevenlabs_conversation_id for row in rows])
        read = [(row, details(answer)) for row, answer in zip(rows, told, strict=True) if answer is not None]
        return [
            (row.elevenlabs_conversation_id, known) for row, known in read if known and _is_news(row, known)
        ]

    async def _known_batches(self, since: datetime, until: datetime) -> set[str]:
        return set(
            await self._database.rows(stored.KNOWN_BATCHES, _naive(since - _BATCH_LASTS), _naive(until))
        )

    async def _ended(self, batches: Sequence[str], since: datetime, until: datetime) -> list[EndedCall]:
        found: list[EndedCall] = []
        for batch_id in batches:
            found += await self._ended_of(batch_id, since, until)
        known = set(await self._database.rows(stored.KNOWN_CALLS, [each.call.event_id for each in found]))
        missing = [each for each in found if each.call.event_id not in known]
        if missing:
            waiting = await ids_under_way(
                self._settings, self._database, CALL_COMPLETED, CallCompleted, since
            )
            missing = [each for each in missing if each.call.event_id not in waiting]
        held = [call for each in missing if (call := each.call.recipient.conversation_id)]
        told = dict(zip(held, await self._each(held), strict=True))
        return [with_result(each, told.get(each.call.event_id)) for each in missing]

    async def _ended_of(self, batch_id: str, since: datetime, until: datetime) -> list[EndedCall]:
        for each in self._lists:
            if batch := await each.find(batch_id):
                return list(ended_calls(batch, since, until, self._settings.country))
        return []

    async def _each(self, calls: Sequence[str]) -> list[dict[str, object] | None]:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(call: str) -> dict[str, object] | None:
            async with places:
                return await self._calls.find(call)

        return await asyncio.gather(*(one(call) for call in calls))


def _is_news(row: stored.CallWithoutDetails, known: CallDetails) -> bool:
    """Return whether anything is left to fill in: without it, the event would say nothing."""
    summary = row.call_summary is None and known.summary is not None
    return summary or (row.call_duration_secs is None and known.duration_secs is not None)


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
