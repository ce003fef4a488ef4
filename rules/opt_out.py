"""STOP, ALTA and blocks: whoever wants to send, nothing goes to a person who wants no messages."""

from datetime import datetime

from rules import confirming, letters, takeover
from rules.draft import Draft
from rules.events import Forwarded, OptedIn, OptedOut, Unanswered, Withdrawn
from rules.inputs import MessageReceived
from rules.person import HandOver, OptOut
from rules.state import Conversation
from rules.turns import Part, Turn


def is_command(state: Conversation, message: MessageReceived) -> bool:
    """Return whether a message is for us, not for the agent: a START with nothing to undo is not."""
    if message.intent is None:
        return False
    if message.intent.kind == "start":
        return state.opt_out is not None and state.opt_out.since <= message.received_at
    if message.intent.kind == "handoff":
        return state.status != "escalated" and state.opt_out is None
    return True


def obey(draft: Draft, message: MessageReceived) -> None:
    """Execute what a message commands, and confirm it once, unless the vendor has done so."""
    intent = message.intent
    assert intent is not None, "only commands come here"
    if intent.kind == "stop":
        if _stop(draft, message, tells="opted_out" in draft.policy.told) and not intent.replied:
            confirming.confirm(draft, "opted_out", message)
    elif intent.kind == "start":
        tells = "opted_in" in draft.policy.told
        draft.emit(OptedIn(by="client", message_sid=message.event_id, tells_backend=tells))
        if not intent.replied:
            confirming.confirm(draft, "opted_in", message)
    elif intent.kind == "handoff":
        takeover.by_client(draft, message)


def of_unknown(draft: Draft, message: MessageReceived) -> None:
    """Obey STOP and START from a number without a conversation.

    There is nobody to confirm them to, or to tell of them.
    """
    if message.intent is None or not is_command(draft.state, message):
        return
    if message.intent.kind == "stop":
        _stop(draft, message, tells=False)
    elif message.intent.kind == "start":
        draft.emit(OptedIn(by="client", message_sid=message.event_id))


def _stop(draft: Draft, message: MessageReceived, *, tells: bool) -> bool:
    """Opt the person out; False if they are out already, unless by this very message.

    Builds before the log noted a STOP as it arrived, and its turn comes now.
    """
    known = draft.state.opt_out
    if known is not None and known.event_id != message.event_id:
        return False
    wanted = OptOut(source="client", event_id=message.event_id, since=message.received_at)
    draft.emit(OptedOut(opt_out=wanted, by="client", message_sid=message.event_id, tells_backend=tells))
    silence(draft)
    return True


def by_vendor(draft: Draft, code: str | None) -> None:
    """Opt the person out: the vendor says that they want none of our messages (21610, 63014, 63033)."""
    if draft.state.opt_out is not None:
        return
    wanted = OptOut(source="twilio", event_id=code or "", since=draft.now)
    if (number := draft.state.merged_into) is not None:
        draft.emit(Forwarded(letter=letters.take_over(draft, number, HandOver(opt_out=wanted))))
        return
    tells = "opted_out" in draft.policy.told
    draft.emit(OptedOut(opt_out=wanted, by="twilio", code=code, tells_backend=tells))
    silence(draft)


def stands(wanted: OptOut | None, *starts: datetime | None) -> bool:
    """Return whether an opt-out is the person's last word. `starts`: when each address last said START."""
    return wanted is not None and all(each is None or each <= wanted.since for each in starts)


def by_other_address(draft: Draft, wanted: OptOut) -> None:
    """Opt the person out: they have said so from another address."""
    tells = draft.state.has_begun and "opted_out" in draft.policy.told
    draft.emit(OptedOut(opt_out=wanted, by=wanted.source, tells_backend=tells))
    silence(draft)


def lift_by_other_address(draft: Draft) -> None:
    """Opt the person in again: they have said START from another address since."""
    tells = draft.state.has_begun and "opted_in" in draft.policy.told
    draft.emit(OptedIn(by="client", tells_backend=tells))


def silence(draft: Draft) -> None:
    """Withdraw what is planned and not with the vendor, and leave what waits for the agent unanswered.

    A send that is under way stays: its outcome is awaited. Calls and operators' texts that wait are
    refused when their turn comes.
    """
    for turn in draft.state.turns:
        if not turn.parts or _planned(turn):
            draft.emit(Withdrawn(own_ids=_planned(turn), reason="opted_out", turn_id=turn.id))
    for back in draft.state.came_back:
        own_ids = tuple(part.own_id for part in back.parts)
        draft.emit(Withdrawn(own_ids=own_ids, reason="opted_out", turn_id=back.turn_id))
    waits = (each.event_id for each in draft.state.inbox if each.kind in ("message", "notice"))
    if unanswered := tuple(waits):
        draft.emit(Unanswered(message_sids=unanswered, reason="opted_out"))


def _planned(turn: Turn) -> tuple[str, ...]:
    return tuple(part.own_id for part in turn.parts if part.state == "planned")


def may_send(state: Conversation, part: Part) -> bool:
    """Return whether a message may go: after an opt-out, only its one confirmation may."""
    return state.opt_out is None or part.notice == "opted_out"
