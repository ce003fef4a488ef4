"""ElevenLabs' agents behind the port of an agent: over whichever transport exists, as many at once as fit."""

from collections.abc import Callable

import structlog

from clients.agent import Agent, AgentReply, Question
from clients.concurrency_limiter import ConcurrencyLimiter
from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.errors import NotThere
from clients.elevenlabs.rest import ElevenLabsRest, RestNotSupported
from clients.elevenlabs.websocket import ElevenLabsWebSocket
from schemas.errors import RetryableError
from schemas.settings import Settings

log = structlog.get_logger()

# HTTP's status, and the WebSocket's close code after a wait in the vendor's own queue.
_TOO_MANY = frozenset({429, 3008})


def build_agent(settings: Settings, api: ElevenLabsApi, shown: Callable[[str], str]) -> Agent:
    """Build the agent's client. `shown`: what our client gets to see of an answer."""
    rest, websocket = ElevenLabsRest(api, shown), ElevenLabsWebSocket(api, shown)
    agents: dict[str, Agent] = {"rest": rest, "websocket": websocket, "auto": AutoAgent(rest, websocket)}
    return BoundedAgent(agents[settings.elevenlabs_transport], settings.elevenlabs_max_concurrency)


class AutoAgent:
    """An agent over REST; if that route does not exist, it switches to the WebSocket and remembers this."""

    def __init__(self, rest: Agent, websocket: Agent) -> None:
        self._rest = rest
        self._websocket = websocket
        self._rest_is_there: bool | None = None  # None: not yet known

    async def ask(self, question: Question) -> AgentReply:
        """Ask; see `Agent`."""
        if self._rest_is_there is not False and question.conversation_id:
            try:
                reply = await self._rest.ask(question)
            except RestNotSupported as error:
                self._remember(error)
            else:
                self._rest_is_there = True
                return reply
        return await self._websocket.ask(question)

    def prepare(self, agent_id: str) -> None:
        """Prepare the transport that will be used, as far as is known."""
        if not self._rest_is_there:
            self._websocket.prepare(agent_id)

    def _remember(self, error: RestNotSupported) -> None:
        # If the route has worked before, or the answer names the conversation, a 404 is about this call.
        refusal = error.__cause__
        of_call = isinstance(refusal, NotThere) and "conversation" in refusal.name
        if self._rest_is_there is None and not of_call:
            log.info("ElevenLabs has no REST route for messages, the WebSocket is used")
            self._rest_is_there = False


class BoundedAgent:
    """An agent kept within the workspace's concurrency: a wait instead of a storm of refusals."""

    def __init__(self, agent: Agent, most: int) -> None:
        self._agent = agent
        self._places = ConcurrencyLimiter(most)

    async def ask(self, question: Question) -> AgentReply:
        """Ask when there is a place; see `Agent`."""
        async with self._places.one(is_late=question.is_late):
            try:
                reply = await self._agent.ask(question)
            except RetryableError as error:
                if error.code in _TOO_MANY:
                    self._places.limit.refused(self._places.running)
                raise
            self._places.limit.answered()
            return reply

    def prepare(self, agent_id: str) -> None:
        """Prepare without a place: this begins no conversation."""
        self._agent.prepare(agent_id)
