"""What is asked of an ElevenLabs agent, whichever transport carries it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from schemas.elevenlabs_call import CallDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What the agent must remember. `transcript`: (role, text) of the call; `history`: (direction, text) since, direction
    `operator` where a person of the team wrote.
    """

    client_name: str = ""
    summary: str | None = None
    transcript: list[tuple[str, str]] = field(default_factory=list)
    dynamic_variables: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[str, str]] = field(default_factory=list)


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A client's words to the agent. `conversation_id`: the call's, may be empty; `user_id`: the client's number.

    `confirm`: awaited right before the agent hears them; raises when it must not any more.
    `tools`: client tools of the agent that are there, with what it is told when it uses one; `meanwhile`: of the
    history, what was said while a person stood in for the agent; `load_context`: reads the context, and only a
    transport that tells it to the agent pays for it; `is_late`: it was held up for long, and shares the places with others.
    """

    conversation_id: str
    agent_id: str
    text: str
    user_id: str
    context: CallContext = CallContext()
    confirm: Callable[[], Awaitable[None]] = _nothing
    tools: Mapping[str, str] = field(default_factory=dict)
    meanwhile: list[tuple[str, str]] = field(default_factory=list)
    load_context: Callable[[], Awaitable[CallContext]] | None = None
    is_late: bool = False

    async def with_context(self) -> "Question":
        """Return the question with its context loaded."""
        if self.load_context is None:
            return self
        return replace(self, context=await self.load_context(), load_context=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """The agent's answer, never empty.

    `tools`: names of the client tools it used.
    `ended`: the agent ended the conversation with it. `elevenlabs_conversation_id`: of the conversation that gave the
    answer, which is a new one over the WebSocket. `raw`: fit to be stored as JSON.
    """

    text: str
    raw: dict[str, Any]
    transport: str
    ended: bool = False
    tools: tuple[str, ...] = ()
    elevenlabs_conversation_id: str | None = None


class Agent(Protocol):
    """Asks an agent.

    Raises (all transports):
        RetryableError: no answer came, asking again may bring one; also while our key is refused.
        TerminalError: the agent does not exist or may not be used.
    """

    async def ask(self, question: Question) -> AgentReply: ...

    def prepare(self, agent_id: str) -> None:
        """Have ready, in the background, what the agent's next question needs, if anything. Begins no conversation."""


class Calls(Protocol):
    """Looks up what the agent's vendor knows of a call."""

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        """Return what is known of a call; None while there is nothing, or where it cannot be had.

        Raises:
            RetryableError: no answer came.
        """
