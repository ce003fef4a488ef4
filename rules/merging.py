"""Two conversations of one person become one.

What an id has goes to its number, once, and whatever comes later follows. The id's row stays, closed, with
its messages; the number's conversation keeps the call's memory.
"""

from datetime import UTC, datetime

from rules import confirming, letters, links, opening, opt_out, takeover
from rules.draft import Draft
from rules.events import Forwarded, LinkSettled, Merged, Received, Started, TookOver
from rules.inputs import (
    CallEnded,
    CommandGiven,
    DeliveryReported,
    DetailsTold,
    HandedOver,
    Input,
    MessageBuried,
    MessageReceived,
    ReplayWanted,
)
from rules.person import HandOver, Letter
from rules.state import Conversation, replace
from rules.turns import Waiting
from rules.wording import UNNAMED
from schemas.events import InboundMessage
from schemas.phone import is_number


def merge(draft: Draft) -> None:
    """Hand everything over once nothing of this address is under way: what has begun is said to its end."""
    state, number = draft.state, draft.state.merging_into
    is_under_way = state.turn or state.came_back or any(each.kind != "message" for each in state.inbox)
    if number is not None and not is_under_way and not links.holds(state) and state.erasing is None:
        led_here = tuple(letters.heir(draft, key, number) for key in links.known(state))
        draft.emit(Merged(number=number, letters=letters.hand_over(draft, number) + led_here))


def forward(draft: Draft, given: Input) -> bool:
    """Pass on what comes for an address that has merged; False if it is this address' own business."""
    number = draft.state.merged_into
    if number is None:
        return False
    if (letter := _passed_on(draft, given, number)) is not None:
        draft.emit(Forwarded(letter=letter))
    return letter is not None or isinstance(given, ReplayWanted)


def _passed_on(draft: Draft, given: Input, number: str) -> Letter | None:
    match given:
        case MessageReceived(message=received, event_id=identity, mark=mark) if received is not None:
            return letters.message(draft, number, received, identity, mark)
        case ReplayWanted(message=received, identity=identity, mark=mark) if received is not None:
            return letters.message(draft, number, received, identity, mark)
        case ReplayWanted(waiting=waiting, identity=identity, mark=mark) if waiting.kind == "call":
            call = opening.ended_call(waiting).call
            return replace(letters.call(draft, number, call), id=letters.passed_on(identity), mark=mark)
        case CommandGiven(command=command) if command.command != "erase":
            return letters.command(number, command)
        case DetailsTold(command=command, details=details) if (
            command and details.call_id != draft.state.call_id
        ):
            return letters.command(number, command)
        case CallEnded(call=call):
            return letters.call(draft, number, call)
        case MessageBuried():
            return letters.buried(draft, number, _buried(given), given.identity)
        case HandedOver(over=over) if not over.refused:
            return letters.take_over_on(draft, given.key, number, given.command_id, over)
        case DeliveryReported(send=send, report=report) if report is not None:
            is_own = send is not None and send.conversation_id in (None, draft.state.id)
            return None if is_own else letters.report(draft, number, report)
    return None


def _buried(given: MessageBuried) -> InboundMessage:
    params = {"MessageSid": given.event_id, "From": given.address}
    return InboundMessage(
        event_id=given.event_id, received_at=given.received_at, params=params, request_id=given.request_id
    )


def on_handed_over(draft: Draft, given: HandedOver) -> None:
    """Take over what another address of the person had. Their last STOP or START counts for both."""
    over, key = given.over, given.key
    if draft.state.id is None or over.wanted_by not in (None, draft.state.id):
        return  # it was erased since it asked, and that address with it
    if over.refused:
        draft.emit(LinkSettled(key=over.about or key, reason="refused", command_id=given.command_id))
        return
    stored = over.inbox if over.has_begun else ()
    unstored = () if over.has_begun else over.inbox
    moved_to = _moved_to(draft.state, given)
    if draft.state.opt_out is not None and not _is_out(draft.state, over):
        opt_out.lift_by_other_address(draft)
    _begin_as_there(draft, over, moved_to)
    taken = replace(over, inbox=stored, address=moved_to or "")
    draft.emit(TookOver(key=key, command_id=given.command_id, hand_over=taken))
    for waiting in unstored:
        draft.emit(_received(draft, waiting, key))
    _say_as_there(draft, over, unstored)


def _moved_to(state: Conversation, given: HandedOver) -> str | None:
    """Return where the person is written to from now on; None if that has not changed."""
    link, over = links.known(state).get(given.key), given.over
    came = over.last_inbound_at or datetime.min.replace(tzinfo=UTC)
    is_newer = state.last_inbound_at is None or came > state.last_inbound_at
    return (over.address or f"whatsapp:{given.key}") if link is not None and link.moved and is_newer else None


def _is_out(state: Conversation, over: HandOver) -> bool:
    starts = (state.opted_in_at, over.opted_in_at)
    return any(opt_out.stands(each, *starts) for each in (state.opt_out, over.opt_out))


def _begin_as_there(draft: Draft, over: HandOver, moved_to: str | None) -> None:
    """Go on under the number with a conversation that had no call, with its agent."""
    if draft.state.has_begun or not over.has_begun or _is_out(draft.state, over):
        return
    address = moved_to or own_address(draft.state)
    draft.emit(Started(client_name=over.client_name or UNNAMED, agent_id=over.agent_id, address=address))
    opening.take_up_parked(draft)


def _say_as_there(draft: Draft, over: HandOver, unstored: tuple[Waiting, ...]) -> None:
    state = draft.state
    if over.opt_out is not None and state.opt_out is None and _is_out(state, over):
        opt_out.by_other_address(draft, over.opt_out)
    elif state.opt_out is not None:
        opt_out.silence(draft)
    elif state.has_begun:
        wants_a_person = next((each for each in unstored if each.intent == "handoff"), None)
        if over.escalated or wants_a_person:
            sid = wants_a_person.event_id if wants_a_person else None
            is_new = takeover.change(draft, "escalated", "client", message_sid=sid)
            if is_new and wants_a_person is not None:
                confirming.confirm(draft, "escalated", wants_a_person)
        elif state.status == "escalated":
            takeover.leave_unanswered(draft, "escalated")


def _received(draft: Draft, waiting: Waiting, key: str) -> Received:
    """Return a message that waited there for its conversation to begin, as received by the number."""
    state, told = draft.state, waiting.payload or {}
    answers = state.opt_out is None and state.status != "escalated" and waiting.intent is None
    newest = state.last_inbound_at
    return Received(
        message_sid=waiting.event_id,
        content=waiting.text,
        received_at=waiting.at,
        message_id=draft.fresh.message_id(),
        address=own_address(state),
        via=key,
        handed_over=True,
        asks=answers or not state.has_begun,
        parked=not state.has_begun,
        request_id=waiting.request_id,
        trace=waiting.trace,
        backfilled=bool(told.get("backfilled")),
        replay=waiting.replay,
        late=newest is not None and newest > waiting.at,
        intent=waiting.intent,
        params=told.get("params"),
    )


def own_address(state: Conversation) -> str:
    """Return where a number is written to, whichever of the person's addresses a message came from."""
    return state.address or f"whatsapp:{state.key}"


def answered_at(state: Conversation, address: str, via: str | None) -> str:
    """Return where a message is answered. `via`: the other address from which it came."""
    return address if via is None or is_number(via) else own_address(state)
