"""`POST /api/call-completed`."""

import time

import asyncpg
from aiohttp import web

from schemas.events import CallCompleted
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED
from web.answers import REQUEST_ID, failure
from web.outcomes import Outcomes
from web.publisher import Publisher

_JSON = "application/json"
_ENDED = ("done", "failed")


class Calls:
    """Publishes a call and waits for its first message, a little less than the backend waits."""

    def __init__(self, settings: Settings, publisher: Publisher, outcomes: Outcomes) -> None:
        self._settings = settings
        self._publisher = publisher
        self._outcomes = outcomes

    async def post(self, request: web.Request) -> web.Response:
        """Answer with the outcome: sent, refused, or queued when it is not known in time."""
        begun = time.monotonic()
        if request.content_type != _JSON:
            return failure(415, "Unsupported media type", f"Content-Type must be {_JSON}")
        call = CallCompleted.from_json(await request.read())
        row = await self._known(call.event_id)
        if row is None or row["state"] not in _ENDED:
            if row is None:
                await self._publisher.publish(CALL_COMPLETED, call.key, call.to_json(), request[REQUEST_ID])
            left = self._settings.outcome_wait_seconds - (time.monotonic() - begun)
            row = await self._wait(call.event_id, left)
        return _answer(row)

    async def _known(self, event_id: str) -> asyncpg.Record | None:
        try:
            return await self._outcomes.get(event_id)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None

    async def _wait(self, event_id: str, seconds: float) -> asyncpg.Record | None:
        try:
            return await self._outcomes.wait(event_id, max(0.0, seconds))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None


def _answer(row: asyncpg.Record | None) -> web.Response:
    conversation = f"conv_local_{row['conversation_id']}" if row else None
    if row is not None and row["state"] == "done":
        return web.json_response({
            "success": True, "message": "Conversación iniciada exitosamente", "conversation_id": conversation,
            "whatsapp_message_id": row["sid"], "status": "message_sent",
        })  # fmt: skip
    if row is not None and row["state"] == "failed":
        error = row["error"]
        return failure(error["status"], error["error"], error["details"])
    return web.json_response({
        "success": True, "message": "Conversación en cola", "status": "queued", "conversation_id": conversation,
        "whatsapp_message_id": None,
    }, status=202)  # fmt: skip
