"""A client wrote, and the agent answers: one answer to everything that waits, in order."""

from dataclasses import replace
from typing import Final

from rules import (
    call_details,
    came_back,
    confirming,
    lengths,
    links,
    merging,
    opt_out,
    pace,
    patience,
    said_twice,
    takeover,
    window,
)
from rules.draft import Draft
from rules.events import Answered, Received, Unanswered
from rules.inputs import AgentAnswered, AgentFailed, MessageBuried, MessageReceived
from rules.keywords import checksum
from rules.notes import note, quotation
from rules.state import Conversation, LastWords
from rules.turns import Waiting

FORMER_NUMBER: Final = "it came from a number that the client has left, and may be somebody else's"
"""Why a person has to look, as the console says it."""


def on_message(draft: Draft, message: MessageReceived) -> None:
    """Store a client's message, and do what it commands; an ordinary one waits for its answer."""
    state = draft.state
    if links.may_be_anothers(state, message):
        _leave_to_operator(draft, message)
        return
    is_command = opt_out.is_command(state, message)
    asks = not (is_command or state.opt_out or state.status == "escalated") or not state.has_begun
    # While parked, both messages wait for their rows.
    same_as = _same_as(draft, message) if asks and state.has_begun else None
    draft.emit(
        _received(
            state,
            message,
            draft.fresh.message_id(),
            asks=asks and same_as is None,
            same_as=same_as,
            is_command=is_command,
        )
    )
    links.of_message(draft, message)
    if not state.has_begun:
        opt_out.of_unknown(draft, message)
        return
    if is_command:
        opt_out.obey(draft, message)
    pace.release(draft)  # a STOP has withdrawn it


def _leave_to_operator(draft: Draft, message: MessageReceived) -> None:
    """Keep what may be somebody else's, tell nobody anything, and have a person look.

    A STOP counts all the same.
    """
    state, message_id = draft.state, draft.fresh.message_id()
    received = _received(state, message, message_id, asks=False, same_as=None, is_command=False)
    draft.emit(replace(received, address=merging.own_address(state), starts=False))
    if message.intent is not None and message.intent.kind == "stop":
        opt_out.obey(draft, message)
    elif state.opt_out is None:
        takeover.change(draft, "escalated", "vendor", reason=FORMER_NUMBER, message_sid=message.event_id)


def _same_as(draft: Draft, message: MessageReceived) -> str | None:
    """Return the message whose answer this one shares.

    A message found late or done again did not come by a second tap.
    """
    content = _content(message)
    words = None if message.backfilled or message.replay is not None or message.params else checksum(content)
    if words is None:
        return None
    came = LastWords(event_id=message.event_id, at=message.received_at, words=words)
    return said_twice.shared_with(draft, content, message.address, came)


def on_buried(draft: Draft, buried: MessageBuried) -> None:
    """Apologise for a client's message that is a dead letter, unless a person or nobody answers."""
    state, came_at = draft.state, min(buried.received_at, draft.now)
    if not state.has_begun:
        return
    sids, identity = (buried.event_id,), buried.identity
    address = merging.answered_at(state, buried.address, buried.via)
    draft.emit(
        Unanswered(
            message_sids=sids, reason="dead_letter", identity=identity, came_at=came_at, address=address
        )
    )
    if state.opt_out is None and state.status != "escalated":
        waiting = Waiting(
            kind="notice", event_id=identity, at=came_at, request_id=buried.request_id, trace=buried.trace
        )
        confirming.confirm(draft, "apology", waiting)


def _received(
    state: Conversation,
    message: MessageReceived,
    message_id: int,
    *,
    asks: bool,
    same_as: str | None,
    is_command: bool,
) -> Received:
    came_again = message.backfilled or message.replay is not None
    newest, content = state.last_inbound_at, _content(message)
    return Received(
        message_sid=message.event_id,
        content=lengths.cut(content),
        received_at=message.received_at,
        message_id=message_id,
        address=merging.answered_at(state, message.address, message.via),
        via=message.via,
        asks=asks,
        same_as=same_as,
        parked=not state.has_begun,
        request_id=message.request_id,
        trace=message.trace,
        backfilled=message.backfilled,
        replay=message.replay,
        late=came_again and newest is not None and newest > message.received_at,
        intent=message.intent.kind if message.intent is not None and is_command else None,
        starts=message.intent is not None and message.intent.kind == "start",
        params=message.params,
        full_length=lengths.full_length(content),
    )


def waiting_message(message: MessageReceived, message_id: int | None) -> Waiting:
    """Return a message that waits for its turn again. `message_id`: of its row."""
    return Waiting(
        kind="message",
        event_id=message.event_id,
        at=message.received_at,
        text=lengths.cut(_content(message)),
        message_id=message_id,
        address=message.address,
        request_id=message.request_id,
        replay=message.replay,
        trace=message.trace,
    )


def _content(message: MessageReceived) -> str:
    if not message.is_reply:
        return message.text
    quoted = quotation(message.quoted) if message.quoted else "un mensaje anterior"
    return f"{note(f'En respuesta a {quoted}')}\n{message.text}"


def _still_asked(state: Conversation, question: tuple[str, ...]) -> tuple[Waiting, ...]:
    """Return a question's messages, if all of them still wait and it is for the agent to answer."""
    if state.opt_out or state.status == "escalated" or state.turn is not None:
        return ()
    asked = tuple(each for each in state.questions if each.event_id in question)
    return asked if len(asked) == len(question) else ()


def on_answer(draft: Draft, answer: AgentAnswered) -> None:
    """Plan what the agent said, unless nobody waits for it any more."""
    asked = _still_asked(draft.state, answer.question)
    if not asked:
        return
    if answer.details is not None:
        call_details.learn(draft, answer.details)
    said = draft.spoken.handoff.read(answer.text, tools=answer.tools, ended=answer.ended)
    text = lengths.cut(said.text)
    if not said.then and not draft.policy.shown(text):
        patience.on_nothing(draft, answer, asked)
        return
    turn_id = _plan(draft, answer, text, asked, lengths.full_length(said.text))
    takeover.by_agent(draft, said.then, turn_id)


def _plan(
    draft: Draft, answer: AgentAnswered, text: str, asked: tuple[Waiting, ...], full_length: int | None
) -> int:
    parts = tuple(window.fit(draft, draft.part(body)) for body in draft.policy.shown(text))
    turn_id = draft.fresh.turn_id()
    draft.emit(
        Answered(
            turn_id=turn_id,
            kind="reply",
            text=text,
            parts=parts,
            answers=answer.question,
            asked_at=asked[0].at,
            reply=lengths.kept_reply(answer.reply),
            seconds=answer.seconds,
            intended=answer.slot
            and bool(parts)
            and not (came_back.blocks(draft.state) or links.holds(draft.state)),
            caught_up=answer.caught_up,
            request_id=asked[0].request_id,
            replay=asked[0].replay,
            trace=asked[0].trace,
            full_length=full_length,
        )
    )
    return turn_id


def on_failure(draft: Draft, failure: AgentFailed) -> None:
    """Handle that the agent did not answer, unless nobody waits for it any more."""
    if asked := _still_asked(draft.state, failure.question):
        patience.on_failure(draft, failure, asked)
