"""Asks the agent what a client wrote. One attempt: whether and when to try again is up to the rules."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog

from clients.account_gate import AccountGate
from clients.agent import AgentReply, CallContext, Question
from clients.circuit_breaker import CircuitBreaker
from clients.elevenlabs.events import NeverAnswered
from clients.vendors import Vendors
from db.pool import Pool
from db.store.load import load_conversations
from db.store.lookups import newest_messages
from db.store.rows import ConversationRow, StoredMessage
from mailboxes.group_commit import GroupCommit
from process.metrics import vendor_call
from rules.effects import AskAgent
from rules.held_up import HELD_UP, question_since
from rules.inbound import question as joined
from rules.inputs import AgentAnswered, AgentFailed, CallDetails, Input
from rules.patience import LEAST_PATIENCE
from rules.policy import Policy
from schemas.errors import AccountRefused, RetryableError, TerminalError, VendorError
from streams.actors.effects.call import CallLookup
from streams.failpoints import reach

log = structlog.get_logger()
T = TypeVar("T")

# What a new text conversation is told of the one so far, about 8 kB; ElevenLabs' limits are unknown.
_HISTORY_MESSAGES = 40
# Questions asked at the same time share a read of their calls, as the mailboxes' loads do.
_READ_TOGETHER = 50
_READS_AT_ONCE = 2


class AgentClient:
    """The agent's client.

    Args:
        account: where everybody waits while the vendor refuses our account.
        until_member: waits until the group counts this process.
        confirm: raises unless the key's partition is still ours, right before the agent hears the question.
        take_slot: whether the sender's rate has a place for the answer right now.
    """

    def __init__(
        self,
        pool: Pool,
        policy: Policy,
        vendors: Vendors,
        breaker: CircuitBreaker,
        account: AccountGate,
        calls: CallLookup,
        *,
        until_member: Callable[[], Awaitable[None]],
        confirm: Callable[[str], Awaitable[None]],
        take_slot: Callable[[], bool],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._vendors = vendors
        self._breaker = breaker
        self._account = account
        self._calls = calls
        self._until_member = until_member
        self._confirm = confirm
        self._take_slot = take_slot
        self._now = now
        self._monotonic = monotonic
        self._rows = GroupCommit(self._read_rows, _READ_TOGETHER, at_once=_READS_AT_ONCE)

    def prepare(self, agent_id: str) -> None:
        """Prepare the agent's first question, if its vendor is there: a client may answer within seconds."""
        if not self._breaker.is_open:
            self._vendors.agent.prepare(agent_id)

    async def ask(self, key: str, effect: AskAgent) -> Input:
        """Return the answer, or why there is none."""
        ids = tuple(each.event_id for each in effect.question)
        patience = max(self._policy.agent_patience, LEAST_PATIENCE) - (self._now() - effect.question[0].at)
        seconds = max(LEAST_PATIENCE.total_seconds(), patience.total_seconds())
        database = _DatabaseWait()
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(key, effect, ids, database)
        except TimeoutError:
            return self._not_in_time(ids, seconds, away=database.is_under_way)
        except AccountRefused as error:  # everybody waits, and so does this one
            self._account.refused(effect.id, str(error.code), by_report=False)
            return AgentFailed(
                question=ids, retryable=True, why=error.why, code=str(error.code), vendor_away=True
            )
        except TerminalError as error:
            self._account.went_through(effect.id, by_report=False)
            # An agent whose prompt needs the call's own variables refuses without them; they may come later.
            is_final = effect.has_details or not effect.call_id or isinstance(error, NeverAnswered)
            may_come = not is_final
            return _failed(ids, error, retryable=may_come, slot=not may_come and self._take_slot())
        except RetryableError as error:
            return _failed(ids, error, retryable=True, retry_after=error.retry_after)
        except VendorError as error:
            return _failed(ids, error, retryable=True)

    def _not_in_time(self, ids: tuple[str, ...], seconds: float, *, away: bool) -> AgentFailed:
        pause = self._account.pause
        why = (
            "the agent did not answer in time" if pause is None else "the agent's vendor refuses our account"
        )
        code = None if pause is None else pause.code
        return AgentFailed(
            question=ids, retryable=True, why=why, code=code, seconds=seconds, vendor_away=away
        )

    async def _ask(
        self, key: str, effect: AskAgent, ids: tuple[str, ...], database: "_DatabaseWait"
    ) -> AgentAnswered:
        # No trouble of the vendor's: it takes neither a place nor patience.
        await database.of(self._until_member())
        await self._account.wait(effect.id)
        async with self._breaker.call():
            reach("after-begin")
            fetched = await self._details(effect)
            asked = await self._question(key, effect, fetched, database)
            begun = self._monotonic()
            with (
                self._vendors.messenger.typing(effect.question[-1].event_id),
                vendor_call("elevenlabs", "answer"),
            ):
                reply = await self._vendors.agent.ask(asked)
            self._account.went_through(effect.id, by_report=False)
            reach("after-agent")
        return self._answered(effect, ids, reply, round(self._monotonic() - begun, 3), fetched)

    def _answered(
        self,
        effect: AskAgent,
        ids: tuple[str, ...],
        reply: AgentReply,
        seconds: float,
        details: CallDetails | None,
    ) -> AgentAnswered:
        raw = {"text": reply.text, "transport": reply.transport, "raw": reply.raw, "ended": reply.ended}
        return AgentAnswered(
            question=ids,
            text=reply.text,
            reply=raw,
            seconds=seconds,
            tools=reply.tools,
            ended=reply.ended,
            caught_up=effect.meanwhile_since is not None,
            details=details,
            slot=self._take_slot(),
        )

    async def _details(self, effect: AskAgent) -> CallDetails | None:
        """Return what is only now learned of the call."""
        if effect.has_details or not effect.call_id:
            return None
        return await self._calls.within(effect.call_id, self._policy.summary_wait)

    async def _row(self, key: str, database: "_DatabaseWait") -> ConversationRow | None:
        # Shielded, because the number's next question may share the read with one that is cut off.
        return await database.of(asyncio.shield(self._rows.submit(key)))

    async def _read_rows(self, keys: Sequence[str]) -> Sequence[ConversationRow | None]:
        found = await load_conversations(self._pool, keys)
        return [found.get(key) for key in keys]

    async def _question(
        self, key: str, effect: AskAgent, fetched: CallDetails | None, database: "_DatabaseWait"
    ) -> Question:
        async def context() -> CallContext:
            row = await self._row(key, database)
            messages = await database.of(self._messages(effect, row))
            history = [(_who(message), message.content) for message in messages]
            return _context(effect, row, fetched, history)

        return Question(
            conversation_id=effect.call_id,
            agent_id=effect.agent_id,
            text=joined([each.text for each in effect.question]),
            user_id=key,
            confirm=lambda: database.of(self._confirm(key)),
            load_context=context,
            tools=self._policy.spoken.handoff.tools,
            meanwhile=await self._meanwhile(key, effect, database),
            is_late=self._now() - question_since(effect.question, self._policy) > HELD_UP,
        )

    async def _meanwhile(
        self, key: str, effect: AskAgent, database: "_DatabaseWait"
    ) -> list[tuple[str, str]]:
        """Return what was said while a person stood in for the agent."""
        if (since := effect.meanwhile_since) is None:
            return []
        messages = await database.of(self._messages(effect, await self._row(key, database)))
        return [(_who(each), each.content) for each in messages if each.sent_at >= since]

    async def _messages(self, effect: AskAgent, row: ConversationRow | None) -> Sequence[StoredMessage]:
        if row is None:
            return []
        own = [each.message_id for each in effect.question if each.message_id is not None]
        return await newest_messages(self._pool, row.id, most=_HISTORY_MESSAGES, without=own)


class _DatabaseWait:
    """Whether a question waits for Postgres or Kafka: that these stand still is no reason to apologise."""

    def __init__(self) -> None:
        self.is_under_way = False

    async def of(self, reading: Awaitable[T]) -> T:
        """Return what is read, noting meanwhile that it is under way."""
        self.is_under_way = True
        found = await reading
        self.is_under_way = False
        return found


def _context(
    effect: AskAgent, row: ConversationRow | None, fetched: CallDetails | None, history: list[tuple[str, str]]
) -> CallContext:
    kept = fetched.kept if fetched else (row.metadata.get("details") or {}) if row else {}
    summary = fetched.summary if fetched else row.call_summary if row else None
    return CallContext(
        client_name=effect.client_name or "",
        summary=kept.get("summary") or summary,
        transcript=[(role, text) for role, text in kept.get("transcript", [])],
        dynamic_variables=kept.get("dynamic_variables", {}),
        history=history,
    )


def _who(message: StoredMessage) -> str:
    return "operator" if message.metadata.get("by") == "operator" else message.direction


def _failed(
    ids: tuple[str, ...],
    error: VendorError,
    *,
    retryable: bool,
    retry_after: float | None = None,
    slot: bool = False,
) -> AgentFailed:
    code = None if error.code is None else str(error.code)
    return AgentFailed(
        question=ids, retryable=retryable, why=error.why, code=code, retry_after=retry_after, slot=slot
    )
