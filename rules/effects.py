"""What a conversation wants done outside, as a function of its state.

Nothing else says what is to be done, so a new owner that loads the state knows what its predecessor was about
to do, and nothing can be forgotten between a decision and its effect. An effect's id names one attempt: one
that is already running is not begun twice, and one whose id is no longer wanted is over. Asking and sending
share one lane, one at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rules import came_back, debounce, held_up, idle_close, lengths, links, unknown_numbers
from rules.person import Letter
from rules.policy import Policy
from rules.state import Conversation, Post
from rules.turns import Part, Turn, Waiting
from schemas.window import is_open


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveCampaignSlot:
    """Find out when the campaign's next first message may begin. Result: `CampaignSlot`."""

    id: str
    turn_id: int
    batch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDetails:
    """Ask ElevenLabs about the call. Result: `DetailsFetched`."""

    id: str
    call_id: str
    seconds: float | None  #: the first message waits no longer
    agent_id: str  #: who will be asked soon


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgent:
    """Ask the agent. Result: `AgentAnswered`, `AgentFailed`."""

    id: str
    agent_id: str
    call_id: str
    question: tuple[Waiting, ...]  #: the client's messages in order
    client_name: str | None
    has_details: bool
    meanwhile_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitSlot:
    """Wait until the vendor answers and the sender's rate has a place. Result: `SlotTaken`.

    The intention is written with the slot in hand. Whatever comes before that withdraws
    the part and ends the wait.
    """

    id: str
    part: Part
    #: a first message to somebody who has not written within a day, which a sender's limit concerns
    is_first: bool = False
    since: datetime | None = None  #: when it could first have gone out, see `rules.held_up`


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Send a message that is intended.

    Result: `SendAccepted`, `SendNotMade`, `SendRefused`, `SendUnknown`.
    """

    id: str
    part: Part
    turn_id: int
    asked_at: datetime  #: when what it answers came
    request_id: str | None
    trace: str | None
    is_first: bool = False  #: see `AwaitSlot`


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpSend:
    """Find out whether the vendor has a message. Result: `LookupDone`."""

    id: str
    part: Part
    turn_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TellBackend:
    """Post an event of ours to the backend. Result: `BackendAnswered`."""

    id: str
    conversation_id: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishLetter:
    """Publish a letter to the actor of another address. Result: `LetterPublished`."""

    id: str
    letter: Letter


Effect = (
    ReserveCampaignSlot
    | FetchDetails
    | AskAgent
    | AwaitSlot
    | SendMessage
    | LookUpSend
    | TellBackend
    | PublishLetter
)


def wanted(state: Conversation, now: datetime, policy: Policy) -> tuple[Effect, ...]:
    """Return the effects that should be running now."""
    return tuple(_wanted(state, now, policy))


def _wanted(state: Conversation, now: datetime, policy: Policy) -> Iterator[Effect]:
    yield from _lane(state, now, policy)
    if state.lookups is not None and state.lookups.until <= now and not state.awaits_first_message:
        call = state.call_id
        yield FetchDetails(
            id=f"details:{call}:{state.lookups.tries}", call_id=call, seconds=None, agent_id=state.agent_id
        )
    if state.posts:
        yield from _post(state.id, state.posts[0], now)
    if state.outbox:
        yield PublishLetter(id=f"letter:{state.outbox[0].id}", letter=state.outbox[0])


def _post(conversation_id: int | None, post: Post, now: datetime) -> Iterator[Effect]:
    if conversation_id is not None and (post.due is None or post.due <= now):
        name = f"post:{conversation_id}:{post.number}:{post.tries}"
        yield TellBackend(id=name, conversation_id=conversation_id, number=post.number)


def _lane(state: Conversation, now: datetime, policy: Policy) -> Iterator[Effect]:
    if state.turn is not None:
        yield from _of_turn(state, state.turn, now, policy)
    elif not came_back.blocks(state) and not links.holds(state) and _may_ask(state, now, policy):
        yield _ask(state)


def _of_turn(state: Conversation, turn: Turn, now: datetime, policy: Policy) -> Iterator[Effect]:
    if turn.wait is not None and turn.wait.until > now:
        return
    if (part := turn.next_part) is not None:
        if part.state != "planned" or not (came_back.holds(state, turn) or links.holds(state)):
            is_first = turn.is_first and not is_open(state.last_inbound_at, now)
            yield from _of_part(part, turn, now, policy, is_first=is_first)
    elif turn.kind == "call":
        yield _first(state, turn, policy)


def _first(state: Conversation, turn: Turn, policy: Policy) -> Effect:
    if policy.campaign_pace is not None and not turn.paced and state.batch_id is not None:
        name = f"campaign:{turn.id}:{turn.holds}"
        return ReserveCampaignSlot(id=name, turn_id=turn.id, batch_id=state.batch_id)
    return FetchDetails(
        id=f"first:{turn.id}:{turn.holds}",
        call_id=state.call_id,
        seconds=policy.summary_wait,
        agent_id=state.agent_id,
    )


def _of_part(part: Part, turn: Turn, now: datetime, policy: Policy, *, is_first: bool) -> Iterator[Effect]:
    if part.wait is not None and part.wait.until > now:
        return
    if part.state == "unknown":
        yield LookUpSend(id=f"lookup:{part.own_id}:{part.tries}:{part.looked}", part=part, turn_id=turn.id)
        return
    if part.state == "intended":
        yield _send(part, turn, is_first=is_first)
    else:
        # Who has written meanwhile no longer waits with the first messages.
        name = f"slot:{part.own_id}:{part.tries}:{part.holds}" + (":first" if is_first else "")
        yield AwaitSlot(id=name, part=part, is_first=is_first, since=held_up.part_since(turn, part, policy))


def _send(part: Part, turn: Turn, *, is_first: bool) -> SendMessage:
    name = f"send:{part.own_id}:{part.tries}"
    return SendMessage(
        id=name,
        part=part,
        turn_id=turn.id,
        asked_at=turn.asked_at or turn.began_at,
        request_id=turn.request_id,
        trace=turn.trace,
        is_first=is_first,
    )


def _may_ask(state: Conversation, now: datetime, policy: Policy) -> bool:
    if not _agent_answers(state) or (state.ask_wait is not None and state.ask_wait.until > now):
        return False
    return debounce.is_over(state.questions, now, policy)


def _agent_answers(state: Conversation) -> bool:
    is_its_turn = state.has_begun and state.opt_out is None and state.status != "escalated"
    return is_its_turn and state.merging_into is None and bool(state.questions)


def _ask(state: Conversation) -> AskAgent:
    tries = state.ask_wait.tries if state.ask_wait else 0
    call, name = "" if state.agent_changed else state.call_id, f"ask:{state.questions[0].event_id}:{tries}"
    return AskAgent(
        # A question that still waits for the former agent is put to the one that has replaced it.
        id=f"{name}:{state.agent_id}" if state.agent_changed else name,
        agent_id=state.agent_id,
        call_id=call,
        question=lengths.asked_together(state.questions),
        client_name=state.client_name,
        has_details=state.has_details,
        meanwhile_since=state.said_meanwhile_since,
    )


def next_due(state: Conversation, policy: Policy, after: datetime | None = None) -> datetime | None:
    """Return when to look at the state again although no input comes; None means never.

    `after`: up to when it was looked at already, so that a due time which came and changed nothing
    does not hide a later one.
    """
    return min((at for at in _dues(state, policy) if after is None or at > after), default=None)


def _dues(state: Conversation, policy: Policy) -> Iterator[datetime]:
    yield from _lane_due(state, policy)
    yield from came_back.due(state)
    yield from unknown_numbers.due(state, policy)
    yield from idle_close.due(state, policy)
    yield from links.due(state)
    yield from (post.due for post in state.posts[:1] if post.due is not None)
    if state.lookups is not None:
        yield state.lookups.until


def _lane_due(state: Conversation, policy: Policy) -> Iterator[datetime]:
    """Return when the lane's next effect is wanted: once all of its waits are over."""
    waits: list[datetime] = []
    if (turn := state.turn) is not None:
        given = turn.wait, turn.next_part.wait if turn.next_part is not None else None
        waits = [wait.until for wait in given if wait is not None]
    elif _agent_answers(state) and not came_back.blocks(state):
        waits = list(debounce.due(state.questions, policy))
        waits += [state.ask_wait.until] if state.ask_wait is not None else []
    if waits:
        yield max(waits)
