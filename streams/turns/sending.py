"""Sends the messages of an answered turn, each exactly once as far as Twilio lets us know."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from schemas.documents import now
from schemas.errors import Fenced, RetryableError, TerminalError, UnknownOutcome
from schemas.phone import masked
from schemas.settings import Settings
from schemas.window import is_open
from streams.conversation.wording import Client, Json, Wording
from streams.failpoints import reach
from streams.journal.journal import Journal, SentBehind
from streams.journal.turn import Send, Turn
from streams.metrics import reconciled, vendor_call
from streams.persist import persist
from streams.turns.patience import attempts
from streams.turns.pause import Pause
from streams.turns.rate import Rate, Share, allowed_per_second
from streams.vendors import Accepted, OutgoingMessage, TwilioSender

log = structlog.get_logger()

# Twilio's clock and the database's may differ, and `date_created` has whole seconds.
_CLOCK_MARGIN = timedelta(seconds=10)
# Looks at Twilio's list while an outcome is unknown: the callback mostly comes first, the list lags by seconds.
_LOOK_EVERY_SECONDS = 1.0
# While Twilio is paused hundreds may look at once.
_LOOK_WHILE_PAUSED_SECONDS = 5.0
# Even a send intended long ago is looked for this long: one empty list is no proof.
_SHORTEST_LOOK_SECONDS = 3.0
# A message is intended before Twilio makes it, at times long before: the pause of a vendor lies between.
_INTENDED_BEFORE = timedelta(hours=24)
_UNNAMED = "Cliente"
"""What the contract calls a client without a name."""


class Held(TerminalError):
    """A send of unknown outcome is left to an operator, as configured."""


class Sending:
    """Delivers turns through Twilio."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        twilio: TwilioSender,
        pause: Pause,
        wording: Wording,
        share: Share = lambda: 1.0,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._twilio = twilio
        self._pause = pause
        self._wording = wording
        self._rate = Rate(allowed_per_second(settings), share)

    async def deliver(self, turn: Turn, fresh: frozenset[str] = frozenset()) -> None:
        """Send what is not sent, in order. `fresh`: own ids that this very process planned and never tried.

        Raises:
            Fenced: the partition has a newer owner; nothing more is sent.
            RetryableError: not now, certainly nothing was sent; the turn should be held.
            UnknownOutcome: Twilio does not tell whether it took a message; the turn should be held as such.
            TerminalError: Twilio refuses for good; the rest is not sent.
        """
        with suppress(SentBehind):
            for send in turn.sends:
                if send.state in ("planned", "intended"):
                    await self._deliver(turn, send, fresh=send.own_id in fresh)

    async def _deliver(self, turn: Turn, send: Send, *, fresh: bool) -> None:
        sid = None
        if send.state == "intended" and not fresh:
            sid = await self._reconcile(turn, send, send.age_seconds or 0.0)
            reach("after-reconcile")
        restored = await self._restored(turn, send) if fresh and turn.suspect_since else None
        intended = send.state == "intended" and fresh
        if sid is None and (content := self._needed_template(turn, send)):
            send, intended = replace(send, content=content), False
        accepted = Accepted(sid, "") if sid else restored
        if accepted is None:
            tries = iter([intended])  # the intention counts for the first try alone
            accepted = await persist(lambda: self._try(turn, send, intended=next(tries, False)), attempts)
        reach("after-send")
        await self._accept(turn, send, accepted)

    def _needed_template(self, turn: Turn, send: Send) -> Json | None:
        """Give the template for a text that has waited until the 24-hour window was closed; first messages have theirs."""
        if send.content is not None or is_open(turn.last_inbound_at, now()):
            return None
        return self._wording.reopening(client_of(turn), send.body)

    async def _try(self, turn: Turn, send: Send, *, intended: bool) -> Accepted:
        rate = self._rate.limiter()
        waits = self._pause.is_on or not rate.has_capacity()
        async with self._pause.attempt(), rate:
            # An intention that has waited is renewed: ownership is checked right before the send.
            if (waits or not intended) and (proven := await self._journal.intend(turn, send)):
                return Accepted(proven, "")
            return await self._send(turn, send)

    async def _send(self, turn: Turn, send: Send) -> Accepted:
        await self._journal.own(turn.partition)
        try:
            with vendor_call("twilio", "send"):
                return await self._twilio.send(self._message(send))
        except UnknownOutcome as error:
            log.warning("send has an unknown outcome", own_id=send.own_id, why=error.why)
            if sid := await self._reconcile(turn, send):
                return Accepted(sid, "")
            raise RetryableError(error.vendor, "not sent, as far as Twilio shows", error.code) from error

    async def _accept(self, turn: Turn, send: Send, accepted: Accepted) -> None:
        sid = accepted.sid
        try:
            await self._journal.accept(turn, send, sid, None, accepted.body if send.content or turn.suspect_since else None)
            reach("after-accept")
            log.info("message is sent", own_id=send.own_id, sid=sid, number=masked(turn.phone_number))
        except Fenced:
            # The new owner will look for this send; tell it the sid that only we know.
            await self._journal.report({"own_id": send.own_id, "sid": sid, "status": "accepted", "rank": 0})
            raise

    async def _reconcile(self, turn: Turn, send: Send, age_seconds: float = 0.0) -> str | None:
        """Find out whether a send happened: by its delivery report, then by Twilio's list, with bounded patience.

        Only a list that was read when the patience was over is taken for a proof of absence. The patience goes by this
        process's steady clock and the journal's ages, so that no clock set anew can cut it short.

        Raises:
            UnknownOutcome: the list could not be read then.
        """
        patience = max(self._settings.twilio_unknown_patience_seconds - age_seconds, _SHORTEST_LOOK_SECONDS)
        deadline = time.monotonic() + patience
        since = (turn.answered_at or now()).astimezone(UTC) - _CLOCK_MARGIN
        while True:
            over = time.monotonic() >= deadline
            try:
                sid = await self._look(send, since)
            except (RetryableError, UnknownOutcome) as error:
                if over:
                    raise UnknownOutcome(error.vendor, "neither a report nor the list tells", error.code) from error
            else:
                if sid:
                    return sid
                if over:
                    return self._give_up(send)
            await asyncio.sleep(_LOOK_WHILE_PAUSED_SECONDS if self._pause.is_on else _LOOK_EVERY_SECONDS)

    async def _restored(self, turn: Turn, send: Send) -> Accepted | None:
        """After a restore: what Twilio sent for the same events already, whatever its words, is taken for this message.

        The agent may have been asked by a journal that is lost, and have answered in other words. One list is no proof,
        so it is looked at for a while; the oldest that no journal row accounts for comes first, as parts were sent.

        Raises:
            RetryableError: the list could not be read; nothing is sent.
        """
        since = (turn.suspect_since or now()).astimezone(UTC) - _CLOCK_MARGIN
        deadline = time.monotonic() + _SHORTEST_LOOK_SECONDS
        while True:
            over = time.monotonic() >= deadline
            known = await self._journal.known_sids(send.to_address, since - _INTENDED_BEFORE)
            if found := await self._twilio.find_sent(
                send.to_address, self._settings.twilio_whatsapp_from, None, since, known
            ):
                log.info("message was sent before the restore", own_id=send.own_id)
                return Accepted(found[-1].sid, "", found[-1].body)
            if over:
                return None
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _look(self, send: Send, since: datetime) -> str | None:
        if sid := await self._journal.sent_sid(send):
            reconciled("report").inc()
            return sid
        known = await self._journal.known_sids(send.to_address, since)
        body = None if send.content else send.body  # Twilio lists a template as rendered, which is not known here
        with vendor_call("twilio", "list"):
            found = await self._twilio.find_sent(send.to_address, self._settings.twilio_whatsapp_from, body, since, known)
        if found:
            reconciled("list").inc()
            log.info("send of unknown outcome was found", own_id=send.own_id)
        return found[-1].sid if found else None

    def _give_up(self, send: Send) -> str | None:
        reconciled("nothing").inc()
        if self._settings.twilio_unknown_send == "hold":
            raise Held("twilio", "outcome unknown; left to an operator by TWILIO_UNKNOWN_SEND=hold")
        log.warning("send was not found and is sent again", own_id=send.own_id)
        return None

    def _message(self, send: Send) -> OutgoingMessage:
        content = send.content or {}
        return OutgoingMessage(
            own_id=send.own_id,
            to=send.to_address,
            from_=self._settings.twilio_whatsapp_from,
            body=None if content else send.body,
            content_sid=content.get("content_sid"),
            content_variables=content.get("content_variables"),
        )


def client_of(turn: Turn) -> Client:
    """Give what a turn knows of its client."""
    return Client(name=turn.client_name or _UNNAMED, call=turn.call, summary=turn.call_summary)
