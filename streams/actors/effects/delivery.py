"""Sends messages, each exactly once as far as the vendor lets us know."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from clients.circuit_breaker import CircuitBreaker
from clients.messenger import ListedMessage, Messenger, OutgoingMessage
from clients.rate_limiter import Lane, RateLimiter
from clients.sender_standing import SenderStanding
from process.metrics import vendor_call
from rules.effects import AwaitSlot, SendMessage
from rules.held_up import HELD_UP
from rules.inputs import Input, SendAccepted, SendNotMade, SendRefused, SendUnknown, SlotTaken
from rules.outcomes import by_person
from rules.turns import Part
from schemas.errors import (
    AccountRefused,
    Fenced,
    NumberBusy,
    RetryableError,
    TerminalError,
    UnknownOutcome,
    Withheld,
)
from schemas.phone import is_user_id, masked
from streams.actors.values import AddressesOf, only_its_own
from streams.failpoints import reach

log = structlog.get_logger()

# For a user id: the account may not send to ids yet, which is not that person's fault.
_NO_SUCH_RECIPIENT = "21211"
_HELD = "first messages wait: the sender may send none now"


class Delivery:
    """Delivery of messages.

    Args:
        standing: of our sender, see `clients.sender_standing`.
        epoch_of: returns the epoch under which a key is ours.
        confirm: raises unless the key's partition has been ours since that epoch, proven at most 2 s ago.
        may_leave: whether that proof is still good enough.
        now: Postgres' time.
        find_restored: see `streams.actors.effects.restored`.
        addresses_of: returns all addresses that a key's person is known to have.
        may_go: whether a message is still to go, as far as memory knows: a STOP or a takeover may have come
            while its intention was being written.
    """

    def __init__(
        self,
        messenger: Messenger,
        breaker: CircuitBreaker,
        rate: RateLimiter,
        standing: SenderStanding,
        *,
        epoch_of: Callable[[str], int],
        confirm: Callable[[str, int], Awaitable[None]],
        may_leave: Callable[[str, int], bool],
        now: Callable[[], datetime],
        find_restored: Callable[[str, SendMessage], Awaitable[ListedMessage | None]],
        addresses_of: AddressesOf = only_its_own,
        may_go: Callable[[str, str], bool] = lambda _key, _own_id: True,
    ) -> None:
        self._messenger = messenger
        self._breaker = breaker
        self._rate = rate
        self._standing = standing
        self._epoch_of = epoch_of
        self._confirm = confirm
        self._may_leave = may_leave
        self._find_restored = find_restored
        self._now = now
        self._addresses_of = addresses_of
        self._may_go = may_go

    def take_slot(self, *, is_first: bool = False) -> bool:
        """Take a slot if one is free right now and the vendor is not known to be away, or to refuse us."""
        standing = self._standing
        may_go = standing.takes_first_messages if is_first else standing.account.pause is None
        return may_go and not self._breaker.is_open and self._rate.take_now()

    async def await_slot(self, effect: AwaitSlot) -> Input:
        """Wait until the vendor takes our messages and the rate has a place.

        First messages do not wait here while the sender may send none: they would be in the way of answers.
        """
        own_id = effect.part.own_id
        if effect.is_first and (held := self._standing.held_until(own_id)) is not None:
            until, code = held
            return SendNotMade(own_id=own_id, why=_HELD, code=code, sender_until=until, vendor_away=True)
        await self._standing.account.wait(own_id)
        is_probe = await self._breaker.wait()
        while is_probe and not await self._can_be_read(effect.part):
            is_probe = await self._breaker.wait(first=True)
        await self._rate.take(self._lane(effect))
        return SlotTaken(own_id=own_id)

    def _lane(self, effect: AwaitSlot) -> Lane:
        if effect.is_first:
            return "first"
        return "late" if effect.since is not None and self._now() - effect.since > HELD_UP else "fresh"

    async def _can_be_read(self, part: Part) -> bool:
        """Return whether the vendor answers at all.

        What is sent into an outage has an unknown outcome; a read has none.
        """
        try:
            with (
                self._breaker.reading(is_probe=True, is_all=False),
                vendor_call(self._messenger.vendor, "list"),
            ):
                await self._messenger.sent_since(self._now(), part.to)
        except (RetryableError, UnknownOutcome):
            return False
        except TerminalError:
            return True
        return True

    async def send(self, key: str, effect: SendMessage) -> Input:
        """Send an intended message."""
        own_id = effect.part.own_id
        epoch = self._epoch_of(key)
        reach("after-answer")
        try:
            if (sent := await self._find_restored(key, effect)) is not None:
                return SendAccepted(own_id=own_id, sid=sent.sid, body=sent.body)
        except (RetryableError, UnknownOutcome) as error:
            return SendNotMade(own_id=own_id, why=error.why)
        try:
            await self._confirm(key, epoch)  # the last wait before the socket: a proof ages in any other
        except Fenced as error:  # we sent nothing, but whoever has owned it since may have
            return SendUnknown(own_id=own_id, why=str(error))
        left_at: datetime | None = None

        def may_leave() -> bool:
            nonlocal left_at
            left_at = self._now()
            return self._may_leave(key, epoch) and self._may_go(key, own_id)

        try:
            with self._breaker.watch(), vendor_call(self._messenger.vendor, "send"):
                accepted = await self._messenger.send(self._message(effect), may_leave)
        except Withheld as error:
            return await self._withheld(key, epoch, own_id, error)
        except AccountRefused as error:
            self._standing.refused(own_id, str(error.code), by_report=False)
            return SendNotMade(own_id=own_id, why=error.why, code=str(error.code), vendor_away=True)
        except NumberBusy as error:
            if effect.is_first:
                self._standing.limited(own_id, self._addresses_of(key), str(error.code), by_report=False)
            return self._not_made(own_id, error, slow=True)
        except RetryableError as error:
            return self._not_made(own_id, error, slow=False)
        except TerminalError as error:
            code = None if error.code is None else str(error.code)
            if code == _NO_SUCH_RECIPIENT and is_user_id(effect.part.to):
                self._standing.user_ids_refused(code)
            return SendRefused(own_id=own_id, why=error.why, code=code, by_person=by_person(error))
        except UnknownOutcome as error:
            log.warning("send has an unknown outcome", own_id=own_id, why=error.why)
            return SendUnknown(own_id=own_id, why=error.why, answered=error.code is not None, left_at=left_at)
        self._standing.went_through(own_id, is_first=effect.is_first, by_report=False)
        if is_user_id(effect.part.to):
            self._standing.user_ids_taken()
        reach("after-send")
        log.info("message is sent", own_id=own_id, sid=accepted.sid, number=masked(key))
        body = accepted.body if effect.part.content else None
        return SendAccepted(own_id=own_id, sid=accepted.sid, body=body or None)

    async def _withheld(self, key: str, epoch: int, own_id: str, error: Withheld) -> Input:
        try:
            await self._confirm(key, epoch)
        except Fenced as fenced:
            return SendUnknown(own_id=own_id, why=str(fenced))
        return SendNotMade(own_id=own_id, why=str(error))

    def _message(self, effect: SendMessage) -> OutgoingMessage:
        part = effect.part
        content = part.content or {}
        return OutgoingMessage(
            own_id=part.own_id,
            to=part.to,
            body=None if content else part.body,
            template_id=content.get("content_sid"),
            template_variables=content.get("content_variables") or {},
        )

    def _not_made(self, own_id: str, error: RetryableError, *, slow: bool) -> SendNotMade:
        code = None if error.code is None else str(error.code)
        return SendNotMade(
            own_id=own_id,
            why=error.why,
            code=code,
            retry_after=error.retry_after,
            slow=slow,
            vendor_away=self._breaker.is_open,
        )
