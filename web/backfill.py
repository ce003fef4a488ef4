"""Back-fill: publishes what Twilio has and we never got, under the same ids as if its webhook had come."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from clients.messenger import ListedMessage, MessageFile, Messenger
from clients.twilio.webhooks import key_of
from db.queries import Query
from db.readers import backfill as stored
from schemas.documents import now
from schemas.errors import InvalidInput, TerminalError
from schemas.events import InboundMessage
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE, MESSAGE_STATUS
from web.backfill_batch import ids_under_way
from web.backfill_events import inbound, is_news, matched, report
from web.database import Database
from web.publisher import Publishing

log = structlog.get_logger()
T = TypeVar("T")

# Younger sends are still being looked up by their worker (TWILIO_UNKNOWN_PATIENCE_SECONDS and its holds).
_LEAST_SEND_AGE_SECONDS = 120.0
# We ask for a create before Twilio lists it.
_SEND_MARGIN = timedelta(hours=1)
_MOST_IDS = 5000
_READ_SECONDS = 10.0
_NUMBERS_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a look found: messages we never got, newer statuses than we know, sends of unknown outcome."""

    since: datetime
    until: datetime
    listed: int = 0
    messages: list[ListedMessage] = field(default_factory=list)
    statuses: list[ListedMessage] = field(default_factory=list)
    sends: list[tuple[str, ListedMessage]] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.messages or self.statuses or self.sends)


class Backfill:
    """Looks and publishes. Idempotent: ids are Twilio's, and whoever takes up events remembers ids.

    Every method raises:
        VendorError: Twilio's list cannot be read.
        Unavailable: Postgres does not answer, or nothing took the events.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publisher: Publishing,
        messenger: Messenger,
        now: Callable[[], datetime] = now,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._now = now
        self._new_id = new_id
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._messenger = messenger
        self._account = settings.twilio_account_sid or ""

    async def run(self, since: datetime, until: datetime) -> Findings:
        """Look and publish: clients' messages first, in order for each number."""
        findings = await self.look(since, until)
        await self.publish(findings)
        return findings

    async def look(self, since: datetime, until: datetime) -> Findings:
        """Find what Twilio lists for [since, until] (aware, UTC) and we do not have."""
        got = [each async for each in self._messenger.listed(since, until, "inbound")]
        sent = [each async for each in self._messenger.listed(since, until, "outbound")]
        messages = await self._never_got(got, since)
        statuses, sends = await self._outgoing(sent, since)
        return Findings(
            since=since,
            until=until,
            listed=len(got) + len(sent),
            messages=messages,
            statuses=statuses,
            sends=sends,
        )

    async def publish(self, findings: Findings) -> None:
        """Publish. If this fails, what was already published is recognised as known next time."""
        request_id = f"backfill-{self._new_id().hex}"
        by_key: defaultdict[str, list[ListedMessage]] = defaultdict(list)
        for message in findings.messages:
            by_key[key_of({"From": message.from_}, "From")].append(message)
        places = asyncio.Semaphore(_NUMBERS_AT_ONCE)

        async def publish_key(key: str, messages: Sequence[ListedMessage]) -> None:
            async with places:
                for message in messages:
                    files = await self._files(message)
                    with _one_less():
                        event = inbound(message, self._account, files, request_id)
                        await self._publisher.publish(INBOUND_MESSAGE, key, event.to_json(), request_id)

        results = await asyncio.gather(
            *(publish_key(*of_key) for of_key in by_key.items()), return_exceptions=True
        )
        for error in filter(None, results):
            raise error
        for own_id, message in [*((None, each) for each in findings.statuses), *findings.sends]:
            with _one_less():
                status = report(message, self._account, own_id, request_id, self._now())
                await self._publisher.publish(
                    MESSAGE_STATUS, key_of(status.params, "To"), status.to_json(), request_id
                )
        if findings.any:
            log.warning(
                "fetched from Twilio what never reached us",
                messages=len(findings.messages),
                statuses=len(findings.statuses),
                sends=len(findings.sends),
            )

    async def _files(self, message: ListedMessage) -> Sequence[MessageFile]:
        """Return a message's files; none if Twilio refuses them for good: its words still count."""
        try:
            return await self._messenger.files(message.sid) if message.files else []
        except TerminalError as error:
            log.warning("files of a missed message cannot be had", sid=message.sid, why=error.why)
            return []

    async def _never_got(self, got: list[ListedMessage], since: datetime) -> list[ListedMessage]:
        """Return them oldest first. Only what the journal does not know is looked for on its way there."""
        known = set(await self._rows(stored.KNOWN_MESSAGES, [message.sid for message in got]))
        missing = [message for message in reversed(got) if message.sid not in known]
        if missing:
            waiting = await ids_under_way(
                self._settings, self._database, INBOUND_MESSAGE, InboundMessage, since
            )
            missing = [message for message in missing if message.sid not in waiting]
        return missing

    async def _outgoing(
        self, sent: list[ListedMessage], since: datetime
    ) -> tuple[list[ListedMessage], list[tuple[str, ListedMessage]]]:
        rows = await self._rows(stored.SENDS, [message.sid for message in sent])
        known = {row.sid: row.status for row in rows}
        statuses = [each for each in sent if each.sid in known and is_news(each.status, known[each.sid])]
        earliest = (since - _SEND_MARGIN).replace(tzinfo=None)
        bounds = earliest, _LEAST_SEND_AGE_SECONDS
        unknown = await self._database.bounded_rows(_READ_SECONDS, stored.UNKNOWN_SENDS, *bounds)
        return statuses, matched(unknown, (each for each in sent if each.sid not in known))

    async def _rows(self, query: Query[T], ids: Sequence[str]) -> list[T]:
        rows: list[T] = []
        for part in _parts(ids, _MOST_IDS):
            rows += await self._database.bounded_rows(_READ_SECONDS, query, part)
        return rows


@contextmanager
def _one_less() -> Iterator[None]:
    """Skip a message whose listed form fits no event, so that it does not hold up the others."""
    try:
        yield
    except InvalidInput as error:
        log.warning("a listed message cannot be used", field=error.field)


def _parts(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[place : place + size] for place in range(0, len(items), size))
