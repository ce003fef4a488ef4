"""What is asked of an ElevenLabs agent, whichever transport carries it."""

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What the agent must remember. `transcript`: (role, text) of the call; `history`: (direction, text) since."""

    client_name: str = ""
    summary: str | None = None
    transcript: list[tuple[str, str]] = field(default_factory=list)
    dynamic_variables: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A client's words to the agent. `conversation_id`: the call's; `user_id`: the client's number."""

    conversation_id: str
    agent_id: str
    text: str
    user_id: str
    context: CallContext = CallContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """The agent's answer. `ended`: the agent ended the conversation with it."""

    text: str
    raw: dict[str, Any]
    transport: str
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What ElevenLabs knows of a finished call. `duration_secs`: whole seconds."""

    summary: str | None
    duration_secs: int | None
    transcript: list[tuple[str, str]]
    dynamic_variables: dict[str, Any]


class Agent(Protocol):
    """Asks an agent.

    Raises (all transports):
        RetryableError: no answer came, asking again may bring one.
        TerminalError: the agent does not exist or may not be used.
    """

    async def ask(self, question: Question) -> AgentReply: ...
