"""How the simulated agents are set up and behave; every field can be set through `/_sim/…`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_EVENTS = (
    "audio",
    "agent_response",
    "agent_chat_response_part",
    "agent_response_complete",
    "agent_tool_request",
    "agent_tool_response",
    "agent_response_correction",
    "client_tool_call",
    "user_transcript",
    "ping",
)


@dataclass(slots=True, kw_only=True)
class AgentSettings:
    """One agent as its owner set it up."""

    agent_id: str
    name: str = "Agente"
    first_message: str = "¡Hola! Gracias por llamar."
    #: Needs a signed URL or the key.
    private: bool = False
    text_only: bool = False
    #: What conversations may override, as dotted names.
    allowed: list[str] = field(default_factory=lambda: ["conversation.text_only", "agent.first_message"])
    #: Dynamic variables that its prompt needs.
    required: list[str] = field(default_factory=list)
    #: The events that it sends besides the mandatory ones.
    client_events: list[str] = field(default_factory=lambda: list(_EVENTS))
    #: The ids of its tools.
    tool_ids: list[str] = field(default_factory=list)
    max_duration_seconds: float = 600.0

    def as_json(self) -> Json:
        """Return ElevenLabs' JSON."""
        conversation = {
            "text_only": self.text_only,
            "max_duration_seconds": int(self.max_duration_seconds),
            "client_events": self.client_events,
        }
        overrides = {
            "conversation": {"text_only": "conversation.text_only" in self.allowed},
            "agent": {
                "first_message": "agent.first_message" in self.allowed,
                "language": "agent.language" in self.allowed,
                "prompt": {"prompt": "agent.prompt.prompt" in self.allowed},
            },
            "tts": {"voice_id": "tts.voice_id" in self.allowed},
        }
        placeholders = {"dynamic_variable_placeholders": dict.fromkeys(self.required, "")}
        prompt = " ".join(f"{{{{{name}}}}}" for name in self.required)
        agent = {
            "first_message": self.first_message,
            "language": "es",
            "dynamic_variables": placeholders,
            "prompt": {"prompt": f"Eres un agente de ventas. {prompt}".strip(), "tool_ids": self.tool_ids},
        }
        return {
            "agent_id": self.agent_id,
            "name": self.name,
            "tags": [],
            "conversation_config": {"agent": agent, "conversation": conversation},
            "metadata": {"created_at_unix_secs": 1735689600, "updated_at_unix_secs": 1735689600},
            "platform_settings": {
                "auth": {"enable_auth": self.private, "allowlist": []},
                "overrides": {"conversation_config_override": overrides},
            },
            "phone_numbers": [],
            "whatsapp_accounts": [],
        }

    def forbidden(self, overrides: Json) -> str | None:
        """Return the first override that is not allowed. A text-only agent always accepts text only."""
        for name in _dotted(overrides, ""):
            if name == "conversation.text_only" and self.text_only:
                continue
            # The SDK also puts it at the top level; nobody reads it there.
            if name not in self.allowed and name != "text_only":
                return name
        return None


def _dotted(overrides: Json, prefix: str) -> Iterable[str]:
    for name, value in overrides.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """How all agents behave. Times default to ElevenLabs' own; tests shorten them."""

    manner: str = "normal"
    #: A word in a message that gets an endless answer.
    endless: str = ""
    #: The shape of an answer (see `turns`).
    turn: str = "parts"
    #: When the agent greets (see `greeting`).
    greets: str = "asked"
    #: Words in a message that make the agent use a tool, as in `{"asesor": "transfer_to_human"}`.
    tools: dict[str, str] = field(default_factory=dict)
    #: The tools that run at ElevenLabs; all others are the client's.
    system_tools: list[str] = field(default_factory=lambda: ["end_call", "transfer_to_number"])
    #: Whether the specified message route exists.
    rest: bool = False
    #: That route's status if it does not exist.
    rest_status: int = 404
    #: The key that holds the text in that route's answer.
    rest_key: str = "response"
    credits: int = -1  # turns that the account can pay for; -1: no limit
    out_of_credits: str = "event"  # event (before a word), within (an answer), refused (every REST call)
    strict: bool = False  # agents and calls that were not announced are not found
    max_concurrency: int = 0  # 0: no limit
    queue_seconds: float = 10.0  # how long a conversation waits for a place before 3008
    idle_seconds: float = 60.0  # transport_receive_timeout
    llm_seconds: float = 20.0  # llm_timeout
    ping_seconds: float = 5.0
    signed_seconds: float = 900.0
    webhook_url: str = ""  # for the post-call webhook; empty: none is sent
    webhook_secret: str = ""
