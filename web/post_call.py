"""`POST /webhook/elevenlabs/post-call`: what ElevenLabs tells when a call has ended."""

import time
from typing import Any

import structlog
from aiohttp import web

from db.queries import load
from schemas.documents import parse_object
from schemas.elevenlabs_call import CallDetails, details, is_text_only
from schemas.errors import InvalidInput
from schemas.events import CallCompleted
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED
from web.answers import REQUEST_ID
from web.conversations import Rows
from web.elevenlabs_signature import is_signed
from web.post_call_event import call_completed
from web.publisher import Publishing

log = structlog.get_logger()
_sql = load("rules")

_SIGNATURE = "ElevenLabs-Signature"
# An hour's transcript with its tools' results takes some 100 kB; recordings (post_call_audio) need not be subscribed to.
_LARGEST_BODY = 8 * 1024 * 1024


class PostCall:
    """Verified, then filled in; what is no call of ours is answered 200, so that the webhook is not switched off."""

    def __init__(self, settings: Settings, publisher: Publishing, database: Rows) -> None:
        self._secret = settings.elevenlabs_webhook_secret
        self._begins = settings.elevenlabs_post_call == "call-completed"
        self._publisher = publisher
        self._database = database

    async def post(self, request: web.Request) -> web.Response:
        """Take one event."""
        body = await _body(request)
        if not is_signed(self._secret, request.headers.get(_SIGNATURE), body, time.time()):
            log.warning("post-call webhook was refused", configured=bool(self._secret))
            raise web.HTTPForbidden(reason="Invalid ElevenLabs signature")
        event = parse_object(body)
        data = event.get("data")
        if not isinstance(data, dict):
            raise InvalidInput("data", "must be an object")
        took = await self._take(str(event.get("type")), data, request[REQUEST_ID])
        return web.json_response({"success": True, "status": took})

    async def _take(self, kind: str, data: dict[str, Any], request_id: str) -> str:
        if is_text_only(data):  # our own conversations are told of, too
            return "ignored"
        began = await self._begin(kind, data, request_id) if self._begins else False
        known = details(data) if kind == "post_call_transcription" else None
        filled = await self._fill_in(str(data.get("conversation_id")), known) if known else False
        return "noted" if began or filled else "ignored"

    async def _begin(self, kind: str, data: dict[str, Any], request_id: str) -> bool:
        body = call_completed(kind, data)
        if body is None:
            return False
        try:
            call = CallCompleted.from_object(body)
        except InvalidInput as error:  # a call from the browser has no number, for example
            log.info("an ended call begins no conversation", field=error.field)
            return False
        await self._publisher.publish(CALL_COMPLETED, call.key, call.to_json(), request_id)
        return True

    async def _fill_in(self, call: str, known: CallDetails) -> bool:
        row = await self._database.row(_sql.call_details, known.noted(call))
        return row is not None and row["result"]["state"] != "unknown"


async def _body(request: web.Request) -> bytes:
    """Read a body that may be larger than others."""
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > _LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(_LARGEST_BODY, size)
        chunks.append(chunk)
    return b"".join(chunks)
