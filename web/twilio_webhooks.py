"""`POST /webhook/twilio/incoming` and `/webhook/twilio/status`: verified, published, answered with an empty TwiML."""

from urllib.parse import parse_qsl

import structlog
from aiohttp import web

from schemas.documents import now, without_nul
from schemas.errors import InvalidInput, InvalidNumber
from schemas.events import InboundMessage, MessageStatus
from schemas.phone import conversation_key
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE, MESSAGE_STATUS
from web.answers import REQUEST_ID
from web.publisher import Publisher
from web.signatures import is_signed, signed_url

log = structlog.get_logger()

_TWIML = '<?xml version="1.0" encoding="UTF-8"?>\n<Response></Response>'
_FORM = "application/x-www-form-urlencoded"
_SIGNATURE = "X-Twilio-Signature"
# Twilio sends some 30 parameters; more than this is nobody's message.
_MOST_PARAMETERS = 500


class TwilioWebhooks:
    """Answers as soon as Kafka, or the spool, has the event."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._settings = settings
        self._publisher = publisher

    async def incoming(self, request: web.Request) -> web.Response:
        """A client wrote."""
        params = await self._verified(request)
        event = InboundMessage(
            event_id=_needed(params, "MessageSid"), received_at=now(), params=params, request_id=request[REQUEST_ID]
        )
        await self._publisher.publish(INBOUND_MESSAGE, _key(params, "From"), event.to_json(), request[REQUEST_ID])
        return web.Response(text=_TWIML, content_type="text/xml")

    async def status(self, request: web.Request) -> web.Response:
        """A delivery report."""
        params = await self._verified(request)
        event = MessageStatus(
            event_id=f"{_needed(params, 'MessageSid')}:{params.get('MessageStatus', '')}"[:255], received_at=now(),
            params=params, own_id=request.query.get("mid"), request_id=request[REQUEST_ID],
        )  # fmt: skip
        await self._publisher.publish(MESSAGE_STATUS, _key(params, "To"), event.to_json(), request[REQUEST_ID])
        return web.Response(text=_TWIML, content_type="text/xml")

    async def _verified(self, request: web.Request) -> dict[str, str]:
        if request.content_type != _FORM:
            raise web.HTTPUnsupportedMediaType(reason=f"Content-Type must be {_FORM}")
        params = _parameters(await request.read())
        url = signed_url(request.raw_path, str(request.url), request.headers, self._settings.public_base_url)
        if not is_signed(self._settings.twilio_auth_token, url, params, request.headers.get(_SIGNATURE)):
            log.warning("webhook without a valid signature was refused", path=request.path)
            raise web.HTTPForbidden(reason="Invalid X-Twilio-Signature")
        if params.get("AccountSid", self._settings.twilio_account_sid) != self._settings.twilio_account_sid:
            raise web.HTTPForbidden(reason="Another Twilio account")
        return {without_nul(name): without_nul(value) for name, value in params.items()}


def _parameters(body: bytes) -> dict[str, str]:
    """Parse with blank values kept: they are signed, too."""
    try:
        text = body.decode("ascii", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="replace"))
    except ValueError as error:
        raise InvalidInput("body", f"not a form: {error}") from error


def _needed(params: dict[str, str], name: str) -> str:
    if not params.get(name) or len(params[name]) > 200:
        raise InvalidInput(name, "missing or too long")
    return params[name]


def _key(params: dict[str, str], name: str) -> str:
    """Give the conversation's key; what cannot be one keeps its own words, and becomes a dead letter at the worker."""
    try:
        return conversation_key(params.get(name, ""))
    except InvalidNumber:
        return params.get(name, "")[:255] or "unknown"
