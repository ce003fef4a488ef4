"""How the simulated agents are set up and how they behave; every field can be set over `/_sim/…`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_EVENTS = ("audio", "agent_response", "agent_chat_response_part", "agent_response_complete", "agent_tool_request",
           "agent_tool_response", "agent_response_correction", "client_tool_call", "user_transcript", "ping")  # fmt: skip


@dataclass(slots=True, kw_only=True)
class AgentSettings:
    """One agent as its owner set it up.

    `private`: needs a signed URL or the key; `allowed`: what conversations may override, dotted; `required`: dynamic
    variables that its prompt needs; `client_events`: what it sends besides what it must; `tool_ids`: of its tools.
    """

    agent_id: str
    name: str = "Agente"
    first_message: str = "¡Hola! Gracias por llamar."
    private: bool = False
    text_only: bool = False
    allowed: list[str] = field(default_factory=lambda: ["conversation.text_only", "agent.first_message"])
    required: list[str] = field(default_factory=list)
    client_events: list[str] = field(default_factory=lambda: list(_EVENTS))
    tool_ids: list[str] = field(default_factory=list)
    max_duration_seconds: float = 600.0

    def as_json(self) -> Json:
        """Return ElevenLabs' JSON."""
        conversation = {"text_only": self.text_only, "max_duration_seconds": int(self.max_duration_seconds),
                        "client_events": self.client_events}  # fmt: skip
        overrides = {
            "conversation": {"text_only": "conversation.text_only" in self.allowed},
            "agent": {"first_message": "agent.first_message" in self.allowed, "language": "agent.language" in self.allowed,
                      "prompt": {"prompt": "agent.prompt.prompt" in self.allowed}},
            "tts": {"voice_id": "tts.voice_id" in self.allowed},
        }  # fmt: skip
        placeholders = {"dynamic_variable_placeholders": dict.fromkeys(self.required, "")}
        prompt = " ".join(f"{{{{{name}}}}}" for name in self.required)
        agent = {"first_message": self.first_message, "language": "es", "dynamic_variables": placeholders,
                 "prompt": {"prompt": f"Eres un agente de ventas. {prompt}".strip(),
                            "tool_ids": self.tool_ids}}  # fmt: skip
        return {
            "agent_id": self.agent_id, "name": self.name, "tags": [],
            "conversation_config": {"agent": agent, "conversation": conversation},
            "metadata": {"created_at_unix_secs": 1735689600, "updated_at_unix_secs": 1735689600},
            "platform_settings": {"auth": {"enable_auth": self.private, "allowlist": []},
                                  "overrides": {"conversation_config_override": overrides}},
            "phone_numbers": [], "whatsapp_accounts": [],
        }  # fmt: skip

    def forbidden(self, overrides: Json) -> str | None:
        """Return the first override that is not allowed. Text only may always be asked of an agent that is text only."""
        for name in _dotted(overrides, ""):
            if name == "conversation.text_only" and self.text_only:
                continue
            if name not in self.allowed and name != "text_only":  # the SDK puts it on top as well; nobody reads it there
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
    """How all agents behave. Seconds are as ElevenLabs has them; tests shorten them.

    `endless`: a word in a message that gets an answer without end; `turn`: the shape of an answer (see `turns`);
    `greets`: when it greets (see `greeting`); `tools`: words in a message that make the agent use a tool,
    `{"asesor": "transfer_to_human"}`, of the client's side unless named in `system_tools`; `rest`, `rest_status`,
    `rest_key`: the specified message route: whether it is there, what it says if
    not, and under which key the text is.
    """

    manner: str = "normal"
    endless: str = ""
    turn: str = "parts"
    greets: str = "asked"
    tools: dict[str, str] = field(default_factory=dict)
    system_tools: list[str] = field(default_factory=lambda: ["end_call", "transfer_to_number"])
    rest: bool = False
    rest_status: int = 404
    rest_key: str = "response"
    credits: int = -1  # turns that the account can pay, -1: without end
    out_of_credits: str = "event"  # event (before a word), within (an answer), refused (every REST call)
    strict: bool = False  # agents and calls that nobody told of are not found
    max_concurrency: int = 0  # 0: no bound
    queue_seconds: float = 10.0  # how long a conversation waits for a place before 3008
    idle_seconds: float = 60.0  # transport_receive_timeout
    llm_seconds: float = 20.0  # llm_timeout
    ping_seconds: float = 5.0
    signed_seconds: float = 900.0
    webhook_url: str = ""  # of the post-call webhook; empty: none is sent
    webhook_secret: str = ""
