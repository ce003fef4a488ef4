"""`POST /webhook/twilio/incoming` and `…/status`: verified, published, answered with an empty TwiML."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from aiohttp import web
from multidict import MultiDict

from clients.twilio.webhooks import cleaned, is_signed, key_of, message_sid, own_id, signed_url
from schemas.documents import now
from schemas.errors import InvalidInput
from schemas.events import InboundMessage, MessageStatus
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE, MESSAGE_STATUS
from web.answers import REQUEST_ID
from web.bodies import FORM, check_form, parse_form, parse_form_leniently, read
from web.publisher import Publishing

log = structlog.get_logger()

_TWIML = '<?xml version="1.0" encoding="UTF-8"?>\n<Response></Response>'
_SIGNATURE = "X-Twilio-Signature"
_OWN_ID = "mid"
"""Parameter of the StatusCallback URL in which the worker's own id comes back."""
# Each message has three reports, and nobody waits for one: Twilio gives us 15 s. Published one by one they
# cost more than the messages themselves.
_GATHER_REPORTS_SECONDS = 0.1


class Together:
    """Lets requests that come within a moment go on together, so that Kafka gets their events in one.

    `await together.wait()` returns at the same moment for all that wait, `seconds` after the first came.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._starting: asyncio.Event | None = None

    async def wait(self) -> None:
        """Wait for the others."""
        if self._starting is None:
            self._starting = asyncio.Event()
            asyncio.get_running_loop().call_later(self._seconds, self._start)
        await self._starting.wait()

    def _start(self) -> None:
        assert self._starting is not None, "made by the first who waits"
        self._starting.set()
        self._starting = None


class TwilioWebhooks:
    """Answers as soon as Kafka, or the spool, has the event: nothing slow is inside Twilio's 15 s."""

    def __init__(self, settings: Settings, publisher: Publishing, now: Callable[[], datetime] = now) -> None:
        both = (settings.twilio_auth_token, settings.twilio_auth_token_secondary)
        self._tokens = [token for token in both if token]
        self._account = settings.twilio_account_sid
        self._sender = key_of({"From": settings.twilio_whatsapp_from}, "From")
        self._other_senders = settings.twilio_other_senders
        self._public_base_url = settings.public_base_url
        self._publisher = publisher
        self._now = now
        self._together = Together(_GATHER_REPORTS_SECONDS)

    async def incoming(self, request: web.Request) -> web.Response:
        """Take a client's message."""
        params = await self._verified(request)
        if not self._is_for_us(params):
            return self._for_another_sender()
        key = key_of(params, "From")
        if key == self._sender:
            raise InvalidInput("From", "is our own WhatsApp sender")
        event = InboundMessage.from_object(
            {"event_id": message_sid(params), **self._arrived(request, params)}
        )
        await self._publisher.publish(INBOUND_MESSAGE, key, event.to_json(), request[REQUEST_ID])
        return _twiml()

    async def status(self, request: web.Request) -> web.Response:
        """Take a delivery report. Its id is the message's plus the status: reports repeat, in any order."""
        params = await self._verified(request)
        status = params.get("MessageStatus", "")[:50]
        event = MessageStatus.from_object(
            {
                "event_id": f"{message_sid(params)}:{status}",
                "own_id": own_id(request.query.get(_OWN_ID)),
                **self._arrived(request, params),
            }
        )
        key = key_of(params, "To")
        await self._together.wait()
        await self._publisher.publish(MESSAGE_STATUS, key, event.to_json(), request[REQUEST_ID])
        return _twiml()

    async def _verified(self, request: web.Request) -> dict[str, str]:
        """Return a request's parameters if Twilio signed it; otherwise refuse it before anything else."""
        signature = request.headers.get(_SIGNATURE)
        if not self._tokens or not signature:
            raise _refused("no token configured" if signature else "no signature")
        is_form = request.content_type == FORM
        params, problem = _read(await read(request) if is_form else b"")
        if not any(is_signed(token, self._url(request), params, signature) for token in self._tokens):
            raise _refused("wrong signature")
        check_form(request)
        if problem is not None:
            raise problem
        if self._account and params.get("AccountSid", self._account) != self._account:
            raise _refused("another account")
        return cleaned(params)

    def _is_for_us(self, params: dict[str, str]) -> bool:
        """Return whether a message was to our sender: an answer to another's would come from a stranger."""
        to = params.get("To")
        return to is None or key_of(params, "To") == self._sender

    def _for_another_sender(self) -> web.Response:
        log.warning("a message to another sender was not taken", handling=self._other_senders)
        if self._other_senders == "refuse":
            raise web.HTTPForbidden(reason="Not our sender")
        return _twiml()

    def _arrived(self, request: web.Request, params: dict[str, str]) -> dict[str, object]:
        return {"received_at": self._now(), "params": params, "request_id": request[REQUEST_ID]}

    def _url(self, request: web.Request) -> str:
        return signed_url(
            request.raw_path,
            scheme=request.scheme,
            host=request.host,
            headers=request.headers,
            public_base_url=self._public_base_url,
        )


def _read(body: bytes) -> tuple[MultiDict[str], InvalidInput | None]:
    """Parse a form and return what is wrong with it: whoever did not sign is told of the signature alone."""
    try:
        return parse_form(body), None
    except InvalidInput as error:
        return parse_form_leniently(body), error


def _refused(why: str) -> web.HTTPForbidden:
    log.warning("webhook was refused", why=why)
    return web.HTTPForbidden(reason="Invalid Twilio signature")


def _twiml() -> web.Response:
    return web.Response(text=_TWIML, content_type="text/xml")
