"""What ElevenLabs knows of a call: `GET /v1/convai/conversations/{id}`."""

from typing import Any
from urllib.parse import quote

import structlog

from schemas.errors import TerminalError
from streams.vendors.agent import CallDetails
from streams.vendors.elevenlabs_api import ElevenLabsApi, NotThere
from streams.vendors.vendor_json import Json, child, words

log = structlog.get_logger()

_RESERVED = "system__"
"""Dynamic variables under this prefix are ElevenLabs' own and may not be given back."""
_UNFINISHED = frozenset({"initiated", "in-progress", "in_progress", "processing"})


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


def details(answer: Json) -> CallDetails | None:
    """Read a conversation; None while an unfinished one shows neither summary nor transcript. Pure."""
    summary = words(child(answer, "analysis"), "transcript_summary") or None
    transcript, status = _transcript(answer.get("transcript")), words(answer, "status")
    if status in _UNFINISHED and not summary and not transcript:
        return None
    duration = child(answer, "metadata").get("call_duration_secs")
    return CallDetails(
        summary=summary,
        duration_secs=int(duration) if isinstance(duration, int | float) else None,
        transcript=transcript,
        dynamic_variables=own_variables(child(child(answer, "conversation_initiation_client_data"), "dynamic_variables")),
        status=status,
        agent_name=words(answer, "agent_name") or None,
    )


def own_variables(variables: dict[str, Any]) -> dict[str, Any]:
    """Keep what may be given to a new conversation: texts, numbers and booleans under names of our own."""
    return {
        name: value
        for name, value in variables.items()
        if isinstance(value, str | int | float) and not name.startswith(_RESERVED)
    }


def _transcript(turns: object) -> list[tuple[str, str]]:
    """Give (role, text) of the turns that said something; tool turns have no message."""
    listed = turns if isinstance(turns, list) else []
    told = [turn for turn in listed if isinstance(turn, dict) and words(turn, "message")]
    return [(words(turn, "role"), words(turn, "message")) for turn in told]
