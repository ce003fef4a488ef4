"""What ElevenLabs knows of a call: `GET /v1/convai/conversations/{id}`."""

from urllib.parse import quote

import structlog

from schemas.elevenlabs_call import CallDetails, details
from schemas.errors import TerminalError
from streams.vendors.elevenlabs_api import ElevenLabsApi, NotThere

log = structlog.get_logger()


class ElevenLabsCalls:
    """Looks calls up."""

    def __init__(self, api: ElevenLabsApi) -> None:
        self._api = api

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        """Fetch what is known of a call; None while there is nothing, or where it cannot be had.

        Raises:
            RetryableError: no answer came; one request, bounded by the session's time-outs.
        """
        try:
            answer = await self._api.get(f"/v1/convai/conversations/{quote(conversation_id, safe='')}")
        except NotThere:
            return None
        except TerminalError as error:  # the summary is optional, its absence must break nothing
            log.warning("call details are refused", code=error.code, why=error.why)
            return None
        return details(answer)
