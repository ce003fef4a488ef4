"""What is asked of an ElevenLabs agent, whichever transport carries it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from schemas.elevenlabs_call import CallDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What the agent must remember."""

    client_name: str = ""
    summary: str | None = None
    #: (role, text) of the call.
    transcript: list[tuple[str, str]] = field(default_factory=list)
    dynamic_variables: dict[str, Any] = field(default_factory=dict)
    #: (direction, text) since the call; direction `operator` where a member of the team wrote.
    history: list[tuple[str, str]] = field(default_factory=list)


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A client's words to the agent."""

    #: The call's; may be empty.
    conversation_id: str
    agent_id: str
    text: str
    #: The client's number.
    user_id: str
    context: CallContext = CallContext()
    #: Awaited right before the agent hears the words; raises when it must no longer hear them.
    confirm: Callable[[], Awaitable[None]] = _nothing
    #: The agent's client tools that exist here, each with what the agent is told when it uses it.
    tools: Mapping[str, str] = field(default_factory=dict)
    #: The part of the history that was said while a person stood in for the agent.
    meanwhile: list[tuple[str, str]] = field(default_factory=list)
    #: Reads the context, so that only a transport that tells it to the agent pays for it.
    load_context: Callable[[], Awaitable[CallContext]] | None = None
    #: The question was held up for long, and shares the places with others.
    is_late: bool = False

    async def with_context(self) -> "Question":
        """Return the question with its context loaded."""
        if self.load_context is None:
            return self
        return replace(self, context=await self.load_context(), load_context=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """The agent's answer, never empty."""

    text: str
    #: Fit to be stored as JSON.
    raw: dict[str, Any]
    transport: str
    #: The agent ended the conversation with this answer.
    ended: bool = False
    #: Names of the client tools that the agent used.
    tools: tuple[str, ...] = ()
    #: The conversation that gave the answer; over the WebSocket it is a new one.
    elevenlabs_conversation_id: str | None = None


class Agent(Protocol):
    """The port of an agent.

    Raises (all transports):
        RetryableError: no answer came, and asking again may bring one; also while our key is refused.
        TerminalError: the agent does not exist or may not be used.
    """

    async def ask(self, question: Question) -> AgentReply: ...

    def prepare(self, agent_id: str) -> None:
        """Prepare whatever the agent's next question needs, in the background. Begins no conversation."""


class Calls(Protocol):
    """Look-ups of what the agent's vendor knows about a call."""

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        """Return what is known about a call; None while there is nothing, or where it cannot be had.

        Raises:
            RetryableError: no answer came.
        """
