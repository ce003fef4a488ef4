"""`POST /webhook/elevenlabs/post-call`: what ElevenLabs tells when a call has ended."""

import time
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web

from clients.elevenlabs.signature import SignatureCheck
from schemas.documents import parse_object
from schemas.elevenlabs_call import FAILED, details, ended_as, is_text_only
from schemas.errors import InvalidInput
from schemas.events import COMPLETED, CallCompleted
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED
from web.answers import REQUEST_ID
from web.bodies import check_plain
from web.call_details import DetailsPublisher
from web.conversations import Rows
from web.post_call_body import PostCallBodies
from web.publisher import Publishing

log = structlog.get_logger()

_SIGNATURE = "ElevenLabs-Signature"
Json = dict[str, Any]

# ElevenLabs' reasons for `call_initiation_failure`, as statuses of a recipient.
_FAILURES = {"busy": "busy", "no-answer": "no_answer"}
# Names that agents' variables commonly have for the client's name, the most telling first.
_NAMES = ("client_name", "customer_name", "user_name", "nombre", "name")


def call_completed(kind: str, data: Json) -> Json | None:
    """Return the body of `call-completed`, None for other events. Its check finds out what is missing."""
    if kind == "post_call_transcription":
        told = FAILED if data.get("status") == FAILED else COMPLETED
        return _body(data, _number(data), ended_as(told, data))
    if kind == "call_initiation_failure":
        call = _child(_child(data, "metadata"), "body")
        status = _FAILURES.get(str(data.get("failure_reason")), FAILED)
        return _body(data, call.get("To") or call.get("to_number"), status)
    return None


def _body(data: Json, number: object, status: str) -> Json:
    batch = _child(_child(data, "metadata"), "batch_call")
    campaign = _child(batch, "campaign")
    variables = _child(_child(data, "conversation_initiation_client_data"), "dynamic_variables")
    recipient = {
        "phone_number": number,
        "conversation_id": data.get("conversation_id"),
        "status": status,
        "id": campaign.get("campaign_lead_id") or batch.get("batch_call_recipient_id"),
    }
    return {
        "agent_id": data.get("agent_id"),
        "agent_name": data.get("agent_name"),
        "batch_id": campaign.get("campaign_id") or batch.get("batch_call_id"),
        "recipient": recipient,
        "call_metadata": {"client_name": client_name(variables)},
        "source": "elevenlabs-post-call",
    }


def client_name(variables: Json) -> str | None:
    """Return the client's name from a call's dynamic variables."""
    return next((variables[key] for key in _NAMES if isinstance(variables.get(key), str)), None)


def _number(data: Json) -> object:
    return _child(_child(data, "metadata"), "phone_call").get("external_number")


def _child(parsed: Json, key: str) -> Json:
    found = parsed.get(key)
    return found if isinstance(found, dict) else {}


class PostCall:
    """Verifies, then fills in calls. What is no call of ours gets 200, lest the webhook be switched off."""

    def __init__(
        self, settings: Settings, publisher: Publishing, database: Rows, now: Callable[[], float] = time.time
    ) -> None:
        self._now = now
        self._secret = settings.elevenlabs_webhook_secret
        self._country = settings.country
        self._begins = settings.elevenlabs_post_call == "call-completed"
        self._bodies = PostCallBodies()
        self._publisher = publisher
        self._details = DetailsPublisher(publisher, database)

    async def post(self, request: web.Request) -> web.Response:
        """Take one event. If the signature header could fit no body at all, none of it is read."""
        check_plain(request)
        check = SignatureCheck.begin(self._secret, request.headers.get(_SIGNATURE), self._now())
        if check is None:
            raise self._refused()
        async with self._bodies.read(request, check) as body:
            if not check.is_right():
                raise self._refused()
            took = await self._take_body(body, request[REQUEST_ID])
        return web.json_response({"success": True, "status": took})

    def _refused(self) -> web.HTTPForbidden:
        log.warning("post-call webhook was refused", configured=bool(self._secret))
        return web.HTTPForbidden(reason="Invalid ElevenLabs signature")

    async def _take_body(self, body: bytearray | None, request_id: str) -> str:
        if body is None:
            log.info("a recording, or what is too large for a call's details, was ignored")
            return "ignored"
        event = parse_object(body)
        data = event.get("data")
        if not isinstance(data, dict):
            raise InvalidInput("data", "must be an object")
        return await self._take(str(event.get("type")), data, request_id)

    async def _take(self, kind: str, data: dict[str, Any], request_id: str) -> str:
        if is_text_only(data):  # we are told of our own conversations, too
            return "ignored"
        began = await self._begin(kind, data, request_id) if self._begins else False
        known = details(data) if kind == "post_call_transcription" else None
        call = str(data.get("conversation_id"))
        filled = await self._details.publish(call, known, request_id) if known else False
        return "noted" if began or filled else "ignored"

    async def _begin(self, kind: str, data: dict[str, Any], request_id: str) -> bool:
        body = call_completed(kind, data)
        if body is None:
            return False
        try:
            call = CallCompleted.from_object(body, self._country)
        except InvalidInput as error:  # a call from the browser has no number, for example
            log.info("an ended call begins no conversation", field=error.field)
            return False
        await self._publisher.publish(CALL_COMPLETED, call.key, call.to_json(), request_id)
        return True
