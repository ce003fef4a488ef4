"""Twilio behind the port of a messenger: sends WhatsApp messages and finds out what became of them.

`POST …/Messages.json` cannot be made idempotent (no key is documented), so a failure that may have had its
effect is `UnknownOutcome`. Only 429 and failures before the first byte are known to be without effect.
"""

from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal

import aiohttp
import structlog

from clients.http import BROKE_OFF, NOTHING_WAS_SENT, Answer
from clients.matching import candidates, same_address
from clients.messenger import Accepted, ListedMessage, Listing, MessageFile, OutgoingMessage
from clients.twilio.api import LIST_TIMEOUT, VENDOR, TwilioApi, parsed, refused
from clients.twilio.message_list import pages
from clients.twilio.messages import callback_url, form_of
from clients.twilio.typing_indicator import TypingIndicator
from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from schemas.settings import Settings
from schemas.twilio_codes import classify
from schemas.verdicts import Verdict

log = structlog.get_logger()

# One number's messages within the minute or so that a lost send is looked for: one page holds them all; if
# something floods that number, a few more do.
_PAGE_SIZE = 50
_MOST_PAGES = 4
# All of a sender's messages within that time, at 80 a second: a few thousand.
_MOST_PAGES_OF_ALL = 10
# Twilio's maximum, for looking at everything in a period: a day of 100,000 messages takes 100 requests.
_LARGEST_PAGE = 1000
# No gap has more than a million messages; this bounds a list that never ends.
_MOST_LARGE_PAGES = 1000
_CREATED = frozenset({200, 201})
# StatusCallback is not a public address: the create is refused, and certainly not done.
_CALLBACK_REFUSED = 21609


class TwilioMessenger:
    """One account's messages, from one sender, over one kept-alive session; see `Messenger`."""

    vendor = VENDOR

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.api = TwilioApi(settings, session)
        self._sender = settings.twilio_whatsapp_from
        self._callback = callback_url(settings)
        self._typing = TypingIndicator(self.api, is_on=settings.typing_indicator)

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        """Create one message; see the port."""
        form = form_of(message, self._sender, self._callback)
        try:
            return await self._create(form, may_leave)
        except TerminalError as error:
            if error.code != _CALLBACK_REFUSED or form.pop("StatusCallback", None) is None:
                raise
        log.error("Twilio refuses our address for delivery reports: none will come", code=_CALLBACK_REFUSED)
        return await self._create(form, may_leave)

    async def _create(self, form: dict[str, str], may_leave: Callable[[], bool]) -> Accepted:
        try:
            answer = await self.api.post(self.api.of_account("/Messages.json"), form, may_leave=may_leave)
        except NOTHING_WAS_SENT as error:
            raise RetryableError(VENDOR, f"no connection: {type(error).__name__}") from error
        except BROKE_OFF as error:
            raise UnknownOutcome(VENDOR, f"broke off: {type(error).__name__}") from error
        return _accepted(answer)

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        """Return our messages created at `since` or later; see the port.

        The query has no `DateSent`: queued messages have none, and how these are sorted is undocumented.
        """
        of_one = {"To": to, "PageSize": str(_PAGE_SIZE)} if to else {"PageSize": str(_LARGEST_PAGE)}
        most, timeout = (_MOST_PAGES, None) if to else (_MOST_PAGES_OF_ALL, LIST_TIMEOUT)
        found: list[ListedMessage] = []
        as_of, count = None, 0
        async for page in pages(self.api, {"From": self._sender} | of_one, most=most, timeout=timeout):
            as_of, count = as_of or page.as_of, count + 1
            found += [each for each in page.messages if self._is_ours(each) and each.created >= since]
            if not page.messages or page.messages[-1].created < since:
                return Listing(messages=tuple(found), as_of=as_of)
        return Listing(messages=tuple(found), as_of=as_of, is_whole=count < most)

    def _is_ours(self, message: ListedMessage) -> bool:
        return not message.is_inbound and same_address(message.from_, self._sender)

    async def find_sent(
        self, to: str, body: str | None, not_before: datetime, known_sids: Set[str]
    ) -> list[ListedMessage]:
        """Return what may be a lost send, newest first; see the port."""
        listing = await self.sent_since(not_before, to)
        return candidates(listing.messages, to, body, known_sids)

    async def listed(
        self, since: datetime, until: datetime, direction: Literal["inbound", "outbound"]
    ) -> AsyncIterator[ListedMessage]:
        """List messages created in [since, until], newest first.

        Twilio filters by day and ignores what it cannot read, so the time is filtered here.
        """
        inbound = direction == "inbound"
        query = {"To" if inbound else "From": self._sender, "DateSent>": since.date().isoformat()}
        query["PageSize"] = str(_LARGEST_PAGE)
        async for page in pages(self.api, query, most=_MOST_LARGE_PAGES, timeout=LIST_TIMEOUT):
            for message in page.messages:
                if since <= message.created <= until and message.is_inbound == inbound:
                    yield message
            if page.messages and all(message.created < since for message in page.messages):
                return

    async def files(self, sid: str) -> list[MessageFile]:
        """Return a message's files; see the port."""
        page = await self.api.get(self.api.of_account(f"/Messages/{sid}/Media.json"), LIST_TIMEOUT)
        listed = [item for item in page.get("media_list") or [] if isinstance(item, dict)]
        return [
            MessageFile(
                url=self.api.base + str(item.get("uri", "")).removesuffix(".json"),
                content_type=str(item.get("content_type", "")),
            )
            for item in listed
        ]

    def typing(self, sid: str) -> AbstractContextManager[None]:
        """Show that an answer is on its way; see the port."""
        return self._typing.shown(sid)

    def classify(self, code: int | str | None) -> Verdict:
        """Return what a delivery report's code means."""
        return classify(code)


def _accepted(answer: Answer) -> Accepted:
    body = parsed(answer)
    if answer.status in _CREATED and isinstance(body.get("sid"), str):
        return Accepted(body["sid"], str(body.get("status")), str(body.get("body") or ""))
    raise refused(answer)
