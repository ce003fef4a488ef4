"""The official `elevenlabs` package talking with an agent: its callbacks as queues that tests wait on."""

import queue
import time
from typing import Any

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import (
    ClientTools,
    Conversation,
    ConversationInitiationData,
    DisconnectionDetails,
)

AGENT = "agent_1"
_PATIENCE_SECONDS = 20.0
_TEXT_ONLY = {"conversation": {"text_only": True}}


class Talk:
    """A text conversation. `heard` keeps what arrives, in order."""

    def __init__(
        self, client: ElevenLabs, agent_id: str = AGENT, *, private: bool = False, **config: object
    ) -> None:
        self.heard: queue.Queue[tuple[str, str]] = queue.Queue()
        self.ended: queue.Queue[DisconnectionDetails] = queue.Queue()
        self.tools = ClientTools()
        overrides: Any = {"conversation_config_override": _TEXT_ONLY} | config
        self._conversation = Conversation(
            client,
            agent_id,
            requires_auth=private,
            config=ConversationInitiationData(**overrides),
            client_tools=self.tools,
            user_id="+573138539155",
            callback_agent_response=lambda text: self.heard.put(("response", text)),
            callback_agent_response_correction=lambda old, new: self.heard.put(("correction", new)),
            callback_agent_chat_response_part=lambda text, kind: self.heard.put((kind.value, text)),
            callback_disconnect=self.ended.put,
        )

    def __enter__(self) -> "Talk":
        self._conversation.start_session()
        return self

    def __exit__(self, *_: object) -> None:
        self._conversation.end_session()
        self._conversation.wait_for_session_end()

    def begun(self) -> "Talk":
        """Wait for the conversation's id from the server: the SDK has no event for it."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._conversation._conversation_id is None:
            assert time.monotonic() < end
            time.sleep(0.01)
        return self

    def say(self, text: str) -> None:
        self.begun()._conversation.send_user_message(text)

    def tell(self, text: str) -> None:
        self.begun()._conversation.send_contextual_update(text)

    def next(self, kind: str = "response") -> str:
        """Wait for the next event of a kind, skipping others."""
        while True:
            found, text = self.heard.get(timeout=_PATIENCE_SECONDS)
            if found == kind:
                return text

    def kinds(self, count: int) -> list[str]:
        return [self.heard.get(timeout=_PATIENCE_SECONDS)[0] for _ in range(count)]

    def disconnected(self) -> DisconnectionDetails:
        return self.ended.get(timeout=_PATIENCE_SECONDS)
