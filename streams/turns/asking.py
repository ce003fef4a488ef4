"""Asks the agent what a turn needs of it: the call's details, and the answer."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import structlog

from schemas.errors import RetryableError, TerminalError, VendorError
from schemas.phone import masked
from schemas.settings import Settings
from streams.conversation.handoff import Handoff
from streams.conversation.inbound import question
from streams.journal.journal import Journal
from streams.journal.turn import Turn
from streams.metrics import vendor_call
from streams.persist import persist
from streams.turns.patience import attempts
from streams.turns.pause import Pause
from streams.vendors import AgentReply, CallContext, CallDetails, Question, Vendors

log = structlog.get_logger()

# What a new text conversation is told of the one so far; ElevenLabs' limits for context are unknown, this is some 8 kB.
_HISTORY_MESSAGES = 40
# A turn that was left lying longer than the patience (worker away, log replayed) still asks once, properly.
_LEAST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to the client. `problem`: why it is not the agent's own answer; `seconds` the agent took;
    `then`: the status that the conversation has afterwards, None where it stays.
    """

    text: str
    raw: dict[str, Any]
    seconds: float
    details: CallDetails | None
    problem: dict[str, Any] | None = None
    then: str | None = None


class Asking:
    """Asks ElevenLabs, with patience for one number and a pause for all."""

    def __init__(self, settings: Settings, journal: Journal, vendors: Vendors, pause: Pause) -> None:
        self._settings = settings
        self._journal = journal
        self._vendors = vendors
        self._pause = pause
        self._handoff = Handoff(settings)
        self._tools = self._handoff.tools

    async def details(self, turn: Turn) -> CallDetails | None:
        """Ask ElevenLabs about the call, within the bound that the first message may wait for it."""
        if not turn.elevenlabs_conversation_id or self._pause.is_on:
            return None
        try:
            async with asyncio.timeout(self._settings.summary_wait_seconds):
                with vendor_call("elevenlabs", "call"):
                    return await self._vendors.calls.fetch_call(turn.elevenlabs_conversation_id)
        except (TimeoutError, VendorError):
            log.info("call details are not there yet", number=masked(turn.phone_number))
            return None

    async def answer(self, turn: Turn) -> Answer:
        """Get the agent's answer; an apology where it stays away longer than a client should be left alone.

        Raises:
            RetryableError: not now; the turn should be held.
            TerminalError: the agent refuses for good.
        """
        patience = self._settings.agent_patience_seconds
        left = max(_LEAST_SECONDS, patience - turn.age_seconds)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(left) as limit:
                return await self._ask(turn)
        except RetryableError as error:
            if turn.age_seconds + time.monotonic() - begun < patience:
                raise
            return self._apology(turn, error)
        except TimeoutError as error:
            if not limit.expired():  # Postgres': no reason to apologise
                raise
            return self._apology(turn, error)

    async def _ask(self, turn: Turn) -> Answer:
        details: CallDetails | None = None

        async def tried() -> tuple[AgentReply, float]:
            nonlocal details  # a later try need not fetch them again
            async with self._pause.attempt():
                if turn.details is None and details is None:
                    details = await self.details(turn)
                asked, begun = await self._question(turn, details), time.monotonic()
                reply = await self._reply(asked, known=turn.details is not None or details is not None)
                return reply, round(time.monotonic() - begun, 3)

        reply, seconds = await persist(tried, attempts)
        raw = {"text": reply.text, "transport": reply.transport, "raw": reply.raw, "ended": reply.ended}
        said = self._handoff.read(reply.text, tools=reply.tools, ended=reply.ended)
        return Answer(said.text, raw, seconds, details, then=said.then)

    async def _reply(self, asked: Question, *, known: bool) -> AgentReply:
        try:
            with vendor_call("elevenlabs", "answer"):
                return await self._vendors.agent.ask(asked)
        except TerminalError as error:
            # An agent whose prompt needs the call's own variables refuses without them; they may come a little later.
            if known or not asked.conversation_id:
                raise
            raise RetryableError(error.vendor, error.why, error.code) from error

    def _apology(self, turn: Turn, error: Exception) -> Answer:
        log.warning("agent stays away, the client gets an apology", number=masked(turn.phone_number))
        code = str(error.code) if isinstance(error, VendorError) and error.code is not None else None
        problem = {"what": "agent", "code": code, "reason": str(error) or "the agent did not answer in time"}
        text = self._settings.apology_text
        return Answer(text, {"text": text, "apology": True}, turn.age_seconds, None, problem)

    async def _question(self, turn: Turn, details: CallDetails | None) -> Question:
        known = details.kept() if details else turn.details or {}
        messages, since = [], turn.meanwhile_from
        if since is not None:
            messages = await self._journal.history(turn, _HISTORY_MESSAGES)
        return Question(
            conversation_id="" if turn.agent_changed else turn.elevenlabs_conversation_id,  # it is its agent's
            agent_id=turn.agent_id,
            text=question([member.payload["text"] for member in turn.questions]),
            user_id=turn.phone_number,
            confirm=lambda: self._journal.own(turn.partition),
            context=CallContext(
                client_name=turn.client_name or "",
                summary=known.get("summary") or turn.call_summary,
                transcript=[(role, text) for role, text in known.get("transcript", [])],
                dynamic_variables=known.get("dynamic_variables", {}),
            ),
            load_history=lambda: self._history(turn),
            tools=self._tools,
            meanwhile=[(who, content) for at, who, content in messages if since is not None and at > since],
        )

    async def _history(self, turn: Turn) -> list[tuple[str, str]]:
        messages = await self._journal.history(turn, _HISTORY_MESSAGES)
        return [(direction, content) for _, direction, content in messages]
