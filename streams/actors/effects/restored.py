"""After a restore, counts what the vendor already sent for earlier events as the message to be sent.

The lost database knew more: the agent may have been asked, and the client answered in other words.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from clients.matching import MARGIN
from clients.messenger import ListedMessage, Messenger
from db.pool import Pool
from db.store.lookups import restored_at, sent_sids
from process.metrics import vendor_call
from rules.effects import SendMessage
from streams.actors.values import AddressesOf, only_its_own

log = structlog.get_logger()

# One list is no proof, so it is looked at for a while.
_LOOKS = 4
_LOOK_EVERY_SECONDS = 1.0


class RestoredSends:
    """Messages sent before a restore.

    `epochs`: of our partitions, another object with each assignment. A restore needs stopped workers, so an
    assignment follows it. `addresses_of(key)`: all addresses of its person.
    """

    def __init__(
        self,
        pool: Pool,
        messenger: Messenger,
        epochs: Callable[[], object],
        addresses_of: AddressesOf = only_its_own,
        look_every_seconds: float = _LOOK_EVERY_SECONDS,
    ) -> None:
        self._pool = pool
        self._messenger = messenger
        self._epochs = epochs
        self._addresses_of = addresses_of
        self._look_every_seconds = look_every_seconds
        self._asked_for: object = None
        self._restored_at: datetime | None = None

    async def find(self, key: str, effect: SendMessage) -> ListedMessage | None:
        """Return the oldest message sent for the same event, in any words, that no send accounts for.

        Raises:
            RetryableError, UnknownOutcome: the list could not be read; nothing may be sent.
        """
        if not await self._is_suspect(effect):
            return None
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(self._look_every_seconds)
            known = await sent_sids(self._pool, self._addresses_of(key))
            with vendor_call(self._messenger.vendor, "list"):
                found = await self._messenger.find_sent(effect.part.to, None, effect.asked_at - MARGIN, known)
            if found:
                log.info("message was sent before the restore", own_id=effect.part.own_id)
                return found[-1]
        return None

    async def _is_suspect(self, effect: SendMessage) -> bool:
        """Return whether to look: for what was asked before a restore, at each try, as a list may fail.

        What is looked up as usual is found in the same words alone.
        """
        if (epochs := self._epochs()) is not self._asked_for:
            self._restored_at, self._asked_for = await restored_at(self._pool), epochs
        return self._restored_at is not None and effect.asked_at < self._restored_at
