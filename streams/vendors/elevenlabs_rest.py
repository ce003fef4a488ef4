"""ElevenLabs over HTTP: a call's details, and the specified `POST …/conversations/{id}/message`."""

from typing import Any

import aiohttp

from schemas.errors import RetryableError, TerminalError
from schemas.settings import Settings
from streams.vendors.agent import AgentReply, CallDetails, Question
from streams.vendors.http import BROKE_OFF, retry_after

Json = dict[str, Any]

_VENDOR = "elevenlabs"
_TEXT_KEYS = ("response", "message", "text", "agent_response")
"""The body of the answer is not specified: the first of these that is a non-empty string is the text."""
_ABSENT = frozenset({404, 405})


class RestNotSupported(TerminalError):
    """The specified route is not there (404/405)."""


class ElevenLabsRest:
    """One workspace over one kept-alive session."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._base = f"{settings.elevenlabs_api_base_url.rstrip('/')}/v1/convai/conversations"
        self._headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
        self._session = session

    async def ask(self, question: Question) -> AgentReply:
        """Ask over REST; see `Agent`. Raises `RestNotSupported` on 404/405."""
        url = f"{self._base}/{question.conversation_id}/message"
        answer = await self._json("POST", url, {"message": question.text, "mode": "text"})
        text = next((answer[key] for key in _TEXT_KEYS if isinstance(answer.get(key), str) and answer[key].strip()), "")
        if not text:
            raise RetryableError(_VENDOR, "answered without a text")
        return AgentReply(text=text, raw=answer, transport="rest")

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        """Fetch what is known of a call; None while there is nothing.

        Raises:
            RetryableError: no answer came.
            TerminalError: refused.
        """
        try:
            answer = await self._json("GET", f"{self._base}/{conversation_id}", None)
        except RestNotSupported:
            return None
        return _details(answer)

    async def _json(self, method: str, url: str, body: Json | None) -> Json:
        try:
            async with self._session.request(method, url, json=body, headers=self._headers) as response:
                _check(response)
                answer = await response.json(content_type=None)
        except (*BROKE_OFF, ValueError) as error:
            raise RetryableError(_VENDOR, f"broke off: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise RetryableError(_VENDOR, "answered no JSON object")
        return answer


def _check(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in _ABSENT:
        raise RestNotSupported(_VENDOR, "not found", status)
    if status in (401, 408, 409, 429) or status >= 500:  # a key can be put right; the rest passes
        raise RetryableError(_VENDOR, "not answered", status, retry_after(response))
    if status >= 400:
        raise TerminalError(_VENDOR, "refused", status)


def _details(answer: Json) -> CallDetails | None:
    analysis, metadata = answer.get("analysis") or {}, answer.get("metadata") or {}
    turns = [(str(turn.get("role")), turn["message"]) for turn in answer.get("transcript") or [] if turn.get("message")]
    summary = analysis.get("transcript_summary")
    if not summary and not turns:
        return None
    client_data = answer.get("conversation_initiation_client_data") or {}
    variables = client_data.get("dynamic_variables") or {}
    return CallDetails(
        summary=summary,
        duration_secs=metadata.get("call_duration_secs"),
        transcript=turns,
        dynamic_variables={name: value for name, value in variables.items() if not name.startswith("system__")},
    )
