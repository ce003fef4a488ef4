"""The fold: the state after an event. The same for live conversations, rebuilds, what-ifs and tests.

It only applies what the event says. Whatever depends on settings was decided before.
"""

from collections.abc import Callable
from typing import Any, Final

from rules import events as e
from rules.evolve_links import HANDLERS as OF_LINKS
from rules.evolve_turns import HANDLERS as OF_TURNS
from rules.evolve_turns import unless_of, wait_to_ask
from rules.keywords import checksum
from rules.state import Conversation, EarlyReport, LastWords, Lead, Post, newest_of, replace
from rules.turns import Turn, Waiting
from schemas.events import COMPLETED

# As long as a template's value may be; the whole summary is in its table.
_LONGEST_SUMMARY = 700
# Whoever looks has seen all but the newest commands; more operators than this at once are rare.
_COMMANDS_REMEMBERED = 8
# A number is a lead of as many campaigns at a time, at most.
_LEADS_REMEMBERED = 8
# Reports with only the vendor's id come if a callback is set at the vendor itself; a message has some four.
_EARLY_REPORTS = 20


def evolve(state: Conversation, recorded: e.Recorded) -> Conversation:
    """Return the state after an event."""
    handler = _HANDLERS[type(recorded.event)]
    moved = replace(state, id=recorded.conversation_id, number=recorded.number, erased=False)
    after = handler(moved, recorded.event, recorded)
    if getattr(recorded.event, "tells_backend", False):
        return replace(after, posts=(*after.posts, Post(number=recorded.number, made_at=recorded.at)))
    return after


def _started(state: Conversation, event: e.Started, at: e.Recorded) -> Conversation:
    inbox = _without(state.inbox, event.event_id or event.elevenlabs_conversation_id)
    begun = replace(
        state,
        has_begun=True,
        client_name=event.client_name,
        agent_name=event.agent_name,
        group_name=event.group_name or "N/A",
        language=event.language,
        summary=None,
        call_duration_secs=None,
        agent_id=event.agent_id,
        elevenlabs_conversation_id=event.elevenlabs_conversation_id,
        call_status=event.status,
        batch_id=event.batch_id,
        recipient_id=event.recipient_id,
        first_sid=None,
        leads=_leads(state, event),
        address=event.address or state.address,
        status=event.stands or "active",
        started_at=at.at,
        last_message_at=at.at,
        closed_at=state.closed_at if event.stands == "closed" else None,
        agent_changed=False,
        has_details=False,
        lookups=None,
        inbox=inbox,
        parked_since=None,
        said_turn=max(state.said_turn, event.turn_id or 0),
        message_count=state.message_count + (0 if state.has_begun else len(parked(state))),
    )
    return begun if event.turn_id is None else replace(begun, turn=_first_turn(event, at))


def _leads(state: Conversation, event: e.Started) -> tuple[Lead, ...]:
    """Return the leads that were written to before the one that begins, each with its newest call."""
    batch_id, recipient_id = state.batch_id, state.recipient_id
    left = (event.batch_id, event.recipient_id)
    others = [each for each in state.leads if (each.batch_id, each.recipient_id) != left]
    if batch_id and recipient_id and state.first_sid and (batch_id, recipient_id) != left:
        status = state.call_status or COMPLETED
        lead = Lead(
            batch_id=batch_id, recipient_id=recipient_id, call_status=status, first_sid=state.first_sid
        )
        others.append(lead)
    return tuple(others[-_LEADS_REMEMBERED:])


def parked(state: Conversation) -> tuple[Waiting, ...]:
    """Return the messages that waited for the conversation to begin."""
    return tuple(each for each in state.inbox if each.kind == "message")


def _first_turn(event: e.Started, at: e.Recorded) -> Turn:
    assert event.turn_id is not None
    return Turn(
        id=event.turn_id,
        kind="call",
        began_at=at.at,
        asked_at=event.received_at,
        event_id=event.event_id or event.elevenlabs_conversation_id,
        request_id=event.request_id,
        trace=event.trace,
    )


def _declined(state: Conversation, event: e.Declined, at: e.Recorded) -> Conversation:
    return replace(state, inbox=_without(state.inbox, event.event_id))


def _without(inbox: tuple[Waiting, ...], *event_ids: str) -> tuple[Waiting, ...]:
    return tuple(each for each in inbox if each.event_id not in event_ids)


def _queued(state: Conversation, event: e.Queued, at: e.Recorded) -> Conversation:
    return replace(state, inbox=(*state.inbox, event.waiting))


def _received(state: Conversation, event: e.Received, at: e.Recorded) -> Conversation:
    newest = max(filter(None, (state.last_inbound_at, event.received_at)))
    common = replace(
        state,
        address=event.address,
        last_inbound_at=newest,
        opted_in_at=newest_of(state.opted_in_at, event.received_at if event.starts else None),
        last_words=_last_words(state, event),
    )
    if event.parked:
        common = replace(common, parked_since=state.parked_since or at.at)
    else:
        status = "active" if state.status == "closed" else state.status
        closed = None if state.status == "closed" else state.closed_at
        count = state.message_count + 1
        common = replace(common, status=status, closed_at=closed, message_count=count, last_message_at=at.at)
    if not event.asks:
        return common
    waiting = Waiting(
        kind="message",
        event_id=event.message_sid,
        at=event.received_at,
        text=event.content,
        message_id=event.message_id,
        payload=row_metadata(event) if event.parked else None,
        intent=event.intent if event.parked else None,
        address=event.address,
        request_id=event.request_id,
        replay=event.replay,
        trace=event.trace,
    )
    is_passed_on = event.via is not None and not (event.backfilled or event.replay)
    if event.handed_over or is_passed_on:
        there = replace(waiting, via=event.via)
        return replace(common, inbox=_in_time(common.inbox, there, is_before=event.handed_over))
    return replace(common, inbox=(*common.inbox, waiting))


def _last_words(state: Conversation, event: e.Received) -> LastWords | None:
    """Return the words that the next message may repeat: this message's, or those that it repeated."""
    if event.same_as is not None:
        return state.last_words
    words = checksum(event.content) if event.asks and not event.params else None
    return None if words is None else LastWords(event_id=event.message_sid, at=event.received_at, words=words)


def _in_time(inbox: tuple[Waiting, ...], waiting: Waiting, *, is_before: bool) -> tuple[Waiting, ...]:
    """Insert a message to another address by its time, but behind those that came from there before.

    Its way here is longer. `is_before`: it precedes messages of the same time.
    """
    first = max((place + 1 for place, each in enumerate(inbox) if each.via == waiting.via), default=0)
    later = (
        place for place in range(first, len(inbox)) if _is_later(inbox[place], waiting, is_before=is_before)
    )
    place = next(later, len(inbox))
    return (*inbox[:place], waiting, *inbox[place:])


def _is_later(one: Waiting, other: Waiting, *, is_before: bool) -> bool:
    return one.at > other.at or (is_before and one.at == other.at)


def row_metadata(event: e.Received) -> dict[str, Any]:
    """Return a client's message's `conversation_messages.metadata`."""
    marks = {
        "backfilled": event.backfilled,
        "replay": event.replay,
        "late": event.late,
        "params": event.params,
        "same_as": event.same_as,
        "via": event.via,
    }
    return {"request_id": event.request_id} | {name: mark for name, mark in marks.items() if mark}


def _unanswered(state: Conversation, event: e.Unanswered, at: e.Recorded) -> Conversation:
    inbox = _without(state.inbox, *event.message_sids)
    parked = state.parked_since if inbox else None
    left = replace(
        state,
        inbox=inbox,
        ask_wait=wait_to_ask(state, inbox),
        parked_since=parked,
        last_words=unless_of(state, event.message_sids),
    )
    if event.came_at is None:
        return left
    newest = max(filter(None, (state.last_inbound_at, event.came_at)))
    return replace(left, last_inbound_at=newest, address=event.address or state.address)


def _status_changed(state: Conversation, event: e.StatusChanged, at: e.Recorded) -> Conversation:
    closed_at = at.at if event.status == "closed" else None
    changed = replace(state, status=event.status, closed_at=closed_at, last_words=None)
    if event.status == "active":
        return replace(changed, resumed_at=at.at)
    if event.by == "operator":
        changed = replace(changed, taken_over_at=at.at)
    if event.status != "escalated":
        return changed
    untold = min((at.at, *(each.at for each in state.inbox if each.kind == "message")))
    since = state.said_meanwhile_since or untold
    return replace(changed, escalated_at=at.at, said_meanwhile_since=since)


def _opted_out(state: Conversation, event: e.OptedOut, at: e.Recorded) -> Conversation:
    return replace(state, opt_out=event.opt_out)


def _opted_in(state: Conversation, event: e.OptedIn, at: e.Recorded) -> Conversation:
    return replace(state, opt_out=None)


def _agent_changed(state: Conversation, event: e.AgentChanged, at: e.Recorded) -> Conversation:
    return replace(state, agent_id=event.agent_id, agent_changed=True)


def _commanded(state: Conversation, event: e.Commanded, at: e.Recorded) -> Conversation:
    commands = state.commands
    if event.changed:
        others = tuple(each for each in commands if each[1] != event.by)
        commands = (*others, (event.position, event.by))[-_COMMANDS_REMEMBERED:]
    return replace(state, position=event.position, commands=commands)


def _details(state: Conversation, event: e.DetailsLearned, at: e.Recorded) -> Conversation:
    summary = state.summary if event.call_summary is None else event.call_summary[:_LONGEST_SUMMARY]
    seconds = state.call_duration_secs if event.call_duration_secs is None else event.call_duration_secs
    return replace(
        state,
        summary=summary,
        call_duration_secs=seconds,
        has_details=True,
        lookups=None if event.is_whole else state.lookups,
    )


def _lookups_ended(state: Conversation, event: e.LookupsEnded, at: e.Recorded) -> Conversation:
    return replace(state, lookups=None)


def _reported_early(state: Conversation, event: e.ReportedEarly, at: e.Recorded) -> Conversation:
    report = EarlyReport(
        sid=event.sid,
        status=event.status,
        rank=event.rank,
        at=event.at,
        failure=event.failure,
        code=event.code,
        reason=event.reason,
        words=event.words,
    )
    return replace(state, early_reports=(*state.early_reports, report)[-_EARLY_REPORTS:])


def _posted(state: Conversation, event: e.Posted, at: e.Recorded) -> Conversation:
    return replace(state, posts=tuple(post for post in state.posts if post.number != event.number))


def _post_deferred(state: Conversation, event: e.PostDeferred, at: e.Recorded) -> Conversation:
    posts = (
        replace(post, tries=post.tries + 1, due=event.due) if post.number == event.number else post
        for post in state.posts
    )
    return replace(state, posts=tuple(posts))


def _repeated(state: Conversation, event: e.Repeated, at: e.Recorded) -> Conversation:
    return replace(state, inbox=(*state.inbox, event.waiting))


def _expired(state: Conversation, event: e.Expired, at: e.Recorded) -> Conversation:
    left = max(0, state.message_count - len(event.message_ids))
    return replace(state, message_count=left, last_words=None)


def _snapshot(state: Conversation, event: e.Snapshot, at: e.Recorded) -> Conversation:
    return replace(event.state, id=at.conversation_id, number=at.number)


Handler = Callable[[Conversation, Any, e.Recorded], Conversation]

_HANDLERS: Final[dict[type[object], Handler]] = {
    **OF_TURNS,
    **OF_LINKS,
    e.Started: _started,
    e.Declined: _declined,
    e.Queued: _queued,
    e.Received: _received,
    e.Unanswered: _unanswered,
    e.StatusChanged: _status_changed,
    e.OptedOut: _opted_out,
    e.OptedIn: _opted_in,
    e.AgentChanged: _agent_changed,
    e.Commanded: _commanded,
    e.DetailsLearned: _details,
    e.LookupsEnded: _lookups_ended,
    e.ReportedEarly: _reported_early,
    e.Posted: _posted,
    e.PostDeferred: _post_deferred,
    e.Repeated: _repeated,
    e.Expired: _expired,
    e.Snapshot: _snapshot,
}
