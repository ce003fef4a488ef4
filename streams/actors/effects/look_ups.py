"""Finds out what became of sends with an unknown outcome."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from clients.circuit_breaker import CircuitBreaker
from clients.matching import MARGIN, candidates, proves_absence
from clients.messenger import ListedMessage, Listing, Messenger
from db.pool import Pool
from db.store.lookups import sent_sids
from mailboxes.group_commit import GroupCommit
from process.metrics import vendor_call
from rules.effects import LookUpSend
from rules.inputs import Input, LookupDone
from rules.turns import Part
from schemas.errors import RetryableError, UnknownOutcome, VendorError
from streams.actors.values import AddressesOf, only_its_own
from streams.failpoints import reach
from streams.metrics import reconciled

log = structlog.get_logger()

# Even a send intended long ago is looked for this long: one empty list is no proof.
_SHORTEST_LOOK = timedelta(seconds=3)
_LOOK_EVERY_SECONDS = 1.0
_ITS_SECONDS = timedelta(seconds=1)
# All sends whose outcome is unknown at once, after an outage or a kill.
_READ_TOGETHER = 1000


@dataclass(frozen=True, slots=True)
class _Reading:
    """A list of all that our sender sent. `began`: when it was begun, by our time."""

    listing: Listing
    began: datetime


class LookUps:
    """Look-ups of sends in the messenger's list.

    `now`: Postgres' time; `addresses_of(key)`: all addresses of its person, to any of which a message may be
    accounted for.

    What the list shows was made. What it does not show was not made once it shows something that was made
    well after (`clients.matching.proves_absence`) or, if nothing else is sent, once `patience` is over.
    """

    def __init__(
        self,
        pool: Pool,
        messenger: Messenger,
        breaker: CircuitBreaker,
        *,
        patience: timedelta,
        now: Callable[[], datetime],
        addresses_of: AddressesOf = only_its_own,
        look_every_seconds: float = _LOOK_EVERY_SECONDS,
    ) -> None:
        self._pool = pool
        self._messenger = messenger
        self._breaker = breaker
        self._patience = max(patience, _SHORTEST_LOOK)
        self._now = now
        self._addresses_of = addresses_of
        self._look_every_seconds = look_every_seconds
        self._all = GroupCommit(self._read_all, _READ_TOGETHER)

    async def look_up(self, key: str, effect: LookUpSend) -> Input:
        """Look up an unknown send; if the vendor is away, as soon as it is back."""
        part = effect.part
        try:
            with self._breaker.reading(is_probe=await self._breaker.wait()):
                found, is_absent = await self._look(key, part)
        except (RetryableError, UnknownOutcome):
            return self._unknown(part)
        if found:
            reconciled("list").inc()
            log.info("send of unknown outcome was found", own_id=part.own_id)
            return LookupDone(own_id=part.own_id, sid=found[-1].sid)
        if is_absent:
            reconciled("nothing").inc()
        return LookupDone(own_id=part.own_id, absent=True) if is_absent else self._unknown(part)

    def _unknown(self, part: Part) -> LookupDone:
        return LookupDone(own_id=part.own_id, proof_at=_proof_at(part), over_at=self._over_at(part))

    async def _look(self, key: str, part: Part) -> tuple[Sequence[ListedMessage], bool]:
        """Return the messages that may be this one, newest first; if none, whether it is proven absent."""
        if part.lives_until is not None and self._now() >= part.lives_until + MARGIN:
            found, is_absent = await self._evidence(key, part, part.lives_until)
            if found or is_absent:
                return found, is_absent
        if found := await self._listed(key, part):
            return found, False
        return await self._to_the_end(key, part) if self._is_over(part) else ([], False)

    async def _evidence(
        self, key: str, part: Part, lives_until: datetime
    ) -> tuple[Sequence[ListedMessage], bool]:
        since = (part.intended_at or lives_until) - MARGIN
        # Shielded, because the next look at the same send may share the reading with one that is cut off.
        reading = await asyncio.shield(self._all.submit((part.own_id, since)))
        known = await sent_sids(self._pool, self._addresses_of(key))
        found = candidates(reading.listing.messages, part.to, _body(part), known)
        return found, not found and proves_absence(
            reading.listing, read_at=reading.began, lives_until=lives_until
        )

    async def _read_all(self, wanted: Sequence[tuple[str, datetime]]) -> Sequence[_Reading | Exception]:
        """Read once for all who ask, as far back as any of them wants."""
        began = self._now()
        try:
            with vendor_call(self._messenger.vendor, "list"):
                listing = await self._messenger.sent_since(min(since for _, since in wanted))
        except VendorError as error:
            return [error] * len(wanted)
        return [_Reading(listing, began)] * len(wanted)

    async def _to_the_end(self, key: str, part: Part) -> tuple[Sequence[ListedMessage], bool]:
        """Look for a while after the patience is over: only lists read from now on prove absence."""
        begun = self._now()
        while self._now() - begun < _SHORTEST_LOOK:
            await asyncio.sleep(self._look_every_seconds)
            if found := await self._listed(key, part):
                return found, False
        return [], True

    async def _listed(self, key: str, part: Part) -> Sequence[ListedMessage]:
        since = (part.said_at or part.intended_at or self._now()) - MARGIN
        known = await sent_sids(self._pool, self._addresses_of(key))
        with vendor_call(self._messenger.vendor, "list"):
            found = await self._messenger.find_sent(part.to, _body(part), since, known)
        reach("after-reconcile")
        return found

    def _is_over(self, part: Part) -> bool:
        over_at = self._over_at(part)
        return over_at is not None and self._now() >= over_at

    def _over_at(self, part: Part) -> datetime | None:
        """Return when the patience ends."""
        return None if part.intended_at is None else part.intended_at + self._patience


def _proof_at(part: Part) -> datetime | None:
    """Return when the messenger, which dates in whole seconds, may have dated a proof of a send's absence."""
    return None if part.lives_until is None else part.lives_until + MARGIN + _ITS_SECONDS


def _body(part: Part) -> str | None:
    return None if part.content else part.body  # a template is listed as rendered, which is not known here
