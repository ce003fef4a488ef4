"""Performs what conversations want done: one effect, one result."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from clients.account_gate import AccountGate
from clients.circuit_breaker import CircuitBreaker
from db.pool import Pool
from db.store.placement import reserve_campaign_slot
from process.tracing import link, span
from rules import effects as f
from rules import inputs as i
from rules.inputs import CampaignSlot, Input, LetterPublished
from rules.policy import Policy
from schemas.errors import Fenced
from streams.actors.effects.agent import AgentClient
from streams.actors.effects.backend import BackendClient
from streams.actors.effects.call import CallLookup
from streams.actors.effects.delivery import Delivery
from streams.actors.effects.letters import LetterClient
from streams.actors.effects.look_ups import LookUps

log = structlog.get_logger()


def result_of(effect: f.Effect, error: Exception) -> i.Input:
    """Return the input that stands for a failed effect's result: of a send, that its outcome is unknown.

    Raises:
        Exception: the error itself, if nothing would ever be tried again.
    """
    why = type(error).__name__
    match effect:
        case f.AskAgent(question=question):
            return i.AgentFailed(question=tuple(each.event_id for each in question), retryable=True, why=why)
        case f.SendMessage(part=part):
            return i.SendUnknown(own_id=part.own_id, why=why)
        case f.AwaitSlot(part=part):
            return i.SendNotMade(own_id=part.own_id, why=why)
        case f.LookUpSend(part=part):
            return i.LookupDone(own_id=part.own_id)
        case f.FetchDetails(call_id=call_id):
            return i.DetailsFetched(call_id=call_id, details=None)
        case f.TellBackend(conversation_id=conversation_id, number=number):
            return i.BackendAnswered(conversation_id=conversation_id, number=number, problem=why)
    raise error


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Performer of effects: `perform(key, effect)` returns the effect's result as an input."""

    pool: Pool
    policy: Policy
    agent: AgentClient
    calls: CallLookup
    delivery: Delivery
    look_ups: LookUps
    backend: BackendClient
    letters: LetterClient
    gates: tuple[CircuitBreaker | AccountGate, ...] = ()

    def abandon(self) -> None:
        """Cut off whoever waits for a vendor that is away, or that refuses us."""
        for gate in self.gates:
            gate.abandon()

    async def perform(self, key: str, effect: f.Effect) -> Input:
        """Perform an effect. One that fails in a way that nobody foresaw has a result, too.

        Raises:
            Fenced: the key is not ours any more.
            Exception: the effect's own, if there is no such result; it is to be tried again.
        """
        with structlog.contextvars.bound_contextvars(**_names(effect)), _traced(effect):
            try:
                return await self._perform(key, effect)
            except Fenced:
                raise
            except Exception as error:  # noqa: BLE001 - re-raised, it would take the whole partition down
                # Raises what is judged, told and tried again where it is awaited.
                result = result_of(effect, error)
                log.exception("an effect failed", effect=type(effect).__name__)
                return result

    async def _perform(self, key: str, effect: f.Effect) -> Input:
        if isinstance(effect, f.AskAgent):
            return await self.agent.ask(key, effect)
        if isinstance(effect, f.AwaitSlot):
            return await self.delivery.await_slot(effect)
        if isinstance(effect, f.SendMessage):
            return await self.delivery.send(key, effect)
        if isinstance(effect, f.LookUpSend):
            return await self.look_ups.look_up(key, effect)
        if isinstance(effect, f.FetchDetails):
            is_first = effect.seconds is not None
            if is_first:
                self.agent.prepare(effect.agent_id)
            fetched = await self.calls.fetch(effect)
            return replace(fetched, slot=is_first and self.delivery.take_slot(is_first=True))
        if isinstance(effect, f.ReserveCampaignSlot):
            return await self._reserve(effect)
        if isinstance(effect, f.PublishLetter):
            await self.letters.publish(effect.letter)
            return LetterPublished(letter_id=effect.letter.id)
        return await self.backend.tell(effect)

    async def _reserve(self, effect: f.ReserveCampaignSlot) -> Input:
        pace = self.policy.campaign_pace
        assert pace is not None, "only wanted where there is a pace"
        at = await reserve_campaign_slot(self.pool, effect.batch_id, pace)
        return CampaignSlot(turn_id=effect.turn_id, at=at)


def _names(effect: f.Effect) -> dict[str, str]:
    """Return what each line logged meanwhile says of the request that it is for."""
    if isinstance(effect, f.AskAgent):
        request_id = effect.question[0].request_id
    elif isinstance(effect, f.SendMessage):
        request_id = effect.request_id
    else:
        request_id = None
    return {} if request_id is None else {"request_id": request_id}


@contextmanager
def _traced(effect: f.Effect) -> Iterator[None]:
    """Go on in the trace of what is answered. A burst shares one answer, so its other messages are linked."""
    if isinstance(effect, f.AskAgent):
        first, *others = effect.question
        with span("turn reply", parent=first.trace) as current:
            for other in others:
                link(current, other.trace)
            yield
    elif isinstance(effect, f.SendMessage):
        with span("deliver", parent=effect.trace, turn=effect.turn_id):
            yield
    else:
        yield
