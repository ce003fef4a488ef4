"""`POST /api/call-completed`."""

import asyncio
from typing import Protocol

import structlog
from aiohttp import web

from schemas.errors import InvalidInput, Unavailable
from schemas.events import CallCompleted
from schemas.phone import conversation_key, is_assigned, masked
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED
from web.answers import REQUEST_ID, failure
from web.bodies import check_json, read_object
from web.outcomes import Outcome
from web.publisher import Publishing

log = structlog.get_logger()

_SENT = "Conversación iniciada exitosamente"
_SKIPPED = "No se inicia conversación después de una llamada con este estado"
_QUEUED = "Conversación en cola; el mensaje se enviará en cuanto sea posible"


class OutcomeSource(Protocol):
    """See `web.outcomes.Outcomes`."""

    async def get(self, event_id: str) -> Outcome | None: ...

    async def wait(self, event_id: str, seconds: float) -> Outcome | None: ...


class Calls:
    """Publishes a call and waits for its first message, for a little less time than the backend waits.

    OUTCOME_WAIT_SECONDS count from the request's start, so that time spent on storing is not added to them.
    """

    def __init__(self, settings: Settings, publisher: Publishing, outcomes: OutcomeSource) -> None:
        self._publisher = publisher
        self._outcomes = outcomes
        self._wait_seconds = settings.outcome_wait_seconds
        self._country = settings.country
        self._sender = conversation_key(settings.twilio_whatsapp_from)

    async def post(self, request: web.Request) -> web.Response:
        """Answer with the outcome: sent, refused, or queued if it is not known in time."""
        clock = asyncio.get_running_loop().time
        answer_at = clock() + self._wait_seconds
        check_json(request)
        call = CallCompleted.from_object(await read_object(request), self._country)
        if call.key == self._sender:
            raise InvalidInput("recipient.phone_number", "is our own WhatsApp sender")
        if not is_assigned(call.recipient.phone_number):
            log.warning("nobody has such a number, as far as is known", phone_number=masked(call.key))
        outcome = await self._known(call.event_id)
        if outcome is None:
            await self._publisher.publish(CALL_COMPLETED, call.key, call.to_json(), request[REQUEST_ID])
        if outcome is None or not outcome.is_final:
            seconds = max(0.0, answer_at - clock())
            outcome = await self._outcomes.wait(call.event_id, seconds) or outcome
        return _answer(outcome)

    async def _known(self, event_id: str) -> Outcome | None:
        """Look up a repeated call. Without Postgres it is published again: the worker knows its id."""
        try:
            return await self._outcomes.get(event_id)
        except Unavailable:
            return None


def _answer(outcome: Outcome | None) -> web.Response:
    if outcome is not None and outcome.state == "failed":
        return _refused(outcome.error or {})
    body = {
        "success": True,
        "message": _QUEUED,
        "conversation_id": _local_id(outcome),
        "whatsapp_message_id": None,
        "status": "queued",
    }
    if outcome is None or outcome.state != "done":
        return web.json_response(body, status=202)
    if outcome.sid is None:  # CALL_STATUS_ACTIONS: no conversation begins after such a call
        return web.json_response(body | {"message": _SKIPPED, "status": "skipped"})
    return web.json_response(
        body | {"message": _SENT, "whatsapp_message_id": outcome.sid, "status": "message_sent"}
    )


def _refused(error: dict[str, object]) -> web.Response:
    status = error.get("status")
    code = status if isinstance(status, int) and 400 <= status <= 599 else 422
    return failure(code, str(error.get("error", "Failed to send WhatsApp message")), error.get("details"))


def _local_id(outcome: Outcome | None) -> str | None:
    return (
        None
        if outcome is None or outcome.conversation_id is None
        else f"conv_local_{outcome.conversation_id}"
    )
