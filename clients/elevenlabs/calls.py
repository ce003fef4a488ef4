"""What ElevenLabs knows about a call: `GET /v1/convai/conversations/{id}`."""

from urllib.parse import quote

import structlog

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.errors import NotThere
from clients.vendor_json import Json
from schemas.elevenlabs_call import CallDetails, details
from schemas.errors import TerminalError

log = structlog.get_logger()


class ElevenLabsCalls:
    """Look-ups of calls."""

    def __init__(self, api: ElevenLabsApi) -> None:
        self._api = api

    async def find(self, conversation_id: str) -> Json | None:
        """Return a call as ElevenLabs describes it; None if there is none.

        Raises:
            RetryableError: no readable answer.
            TerminalError: refused.
        """
        try:
            return await self._api.get(f"/v1/convai/conversations/{quote(conversation_id, safe='')}")
        except NotThere:
            return None

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        """Return what is known about a call; None while there is nothing, or where it cannot be had.

        Raises:
            RetryableError: no answer came to one request, bounded by the session's time-outs.
        """
        try:
            answer = await self.find(conversation_id)
        except TerminalError as error:  # the summary is optional; its absence must not break anything
            log.warning("call details are refused", code=error.code, why=error.why)
            return None
        return details(answer) if answer is not None else None
