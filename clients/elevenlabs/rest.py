"""ElevenLabs over HTTP: the specified `POST …/conversations/{id}/message` (section 2 of the contract)."""

from collections.abc import Callable
from urllib.parse import quote

from clients.agent import AgentReply, Question
from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.context_text import told
from clients.elevenlabs.errors import VENDOR, NotThere
from clients.vendor_json import words
from schemas.errors import RetryableError

_TEXT_KEYS = ("response", "message", "text", "agent_response")
"""The answer's body is not specified: the first of these that holds a non-empty string is the text."""


class RestNotSupported(NotThere):
    """The specified route, or the call under it, does not exist (404/405)."""


class ElevenLabsRest:
    """An agent that is asked in the call's own conversation."""

    def __init__(self, api: ElevenLabsApi, shown: Callable[[str], str] = str.strip) -> None:
        """`shown`: what a client gets to see of an answer; if nothing is left of it, there is no answer."""
        self._api = api
        self._shown = shown

    def prepare(self, agent_id: str) -> None:
        """Prepare nothing: a question is one request."""

    async def ask(self, question: Question) -> AgentReply:
        """Ask over REST; see `Agent`.

        Raises:
            RestNotSupported: 404 or 405, or there is no call to ask in.
        """
        if not question.conversation_id:
            raise RestNotSupported(VENDOR, "there is no call whose conversation could go on")
        path = f"/v1/convai/conversations/{quote(question.conversation_id, safe='')}/message"
        await question.confirm()
        try:
            answer = await self._api.post(path, {"message": told(question), "mode": "text"})
        except NotThere as error:
            raise RestNotSupported(VENDOR, error.why, error.code) from error
        text = next((found for key in _TEXT_KEYS if (found := words(answer, key))), "")
        if not self._shown(text):  # nothing, or nothing but voice tags
            raise RetryableError(VENDOR, "answered without a text")
        return AgentReply(
            text=text, raw=answer, transport="rest", elevenlabs_conversation_id=question.conversation_id
        )
