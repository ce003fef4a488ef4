"""The input of a past decision, as its events tell it.

An input is not kept, but what it said is, in the events. Where they do not tell it (an operator's proof of
a held send, a replay), there is nothing to compare.
"""

from datetime import datetime
from typing import Any

from rules import events as e
from rules import inputs as i
from rules.policy import Policy
from rules.turns import Part
from schemas.commands import ConversationCommand
from schemas.events import CallCompleted
from streams.actors.reports import failure_of
from streams.replay.history import Step


def given_of(step: Step, policy: Policy) -> i.Input | None:
    """Return the input of a step, or None if its events do not tell it."""
    if any(isinstance(each.event, e.TookOver) for each in step.events):
        return None  # only the other address tells what was there
    commands = [each.event for each in step.events if isinstance(each.event, e.Commanded)]
    if commands and not isinstance(step.events[0].event, e.Received):
        command = ConversationCommand.from_object(commands[0].payload)
        return i.CommandGiven(command=command, received_at=step.events[0].at)
    return _of_first(step, policy)


def _of_first(step: Step, policy: Policy) -> i.Input | None:
    at, event = step.events[0].at, step.events[0].event
    match event:
        case e.Started() | e.Queued():
            return _call(step, event)
        case e.Received():
            return _message(step, event, policy)
        case e.DetailsLearned() | e.LookupsEnded():
            return _details(step, policy)
        case e.Answered():
            return _answer(step, event, policy)
        case e.Deferred():
            return _deferred(step, event)
        case e.Released():
            return i.CampaignSlot(turn_id=event.turn_id, at=at)
        case e.Delivered() | e.DeliveryFailed():
            return _report(step, event)
        case e.Unanswered(message_sids=(event_id,), came_at=datetime() as came_at):
            return i.MessageBuried(event_id=event_id, received_at=came_at, address=event.address)
        case e.StatusChanged(by="silence" | "time") | e.Unanswered():
            return i.TimerFired()
        case _:
            return _of_send(step, event)


def _of_send(step: Step, event: e.Event) -> i.Input | None:
    match event:
        case e.Intended(own_id=own_id):
            return i.SlotTaken(own_id=own_id)
        case e.Withdrawn(own_ids=(own_id, *_), reason="opted_out" | "escalated" | "closed"):
            return _not_sent_any_more(step, own_id)
        case e.OutcomeUnknown(own_id=own_id, why=why, lives_until=lives_until):
            return i.SendUnknown(own_id=own_id, why=why, answered=lives_until == step.events[0].at)
        case e.Sent(proven=None) if (report := _proof(step, event)) is not None:
            return report
        case e.Sent(proven=None):
            accepted: dict[str, Any] = {"status": event.status, "body": event.content, "at": event.sent_at}
            return i.SendAccepted(own_id=event.own_id, sid=event.sid, **accepted)
        case e.TurnFailed(own_ids=(own_id, *_)) if event.send_state == "held":
            return i.LookupDone(own_id=own_id, absent=True)
        case e.TurnFailed(own_ids=(own_id, *_)):
            by_person = any(isinstance(each.event, e.OptedOut) for each in step.events)
            return i.SendRefused(own_id=own_id, why=event.reason, code=event.code, by_person=by_person)
        case e.Posted(number=number, gave_up=False) if step.before.id is not None:
            return i.BackendAnswered(conversation_id=step.before.id, number=number)
        case _:
            return None


def _proof(step: Step, sent: e.Sent) -> i.Input | None:
    """Return the report that proved a send of open outcome; an early one only waited for acceptance."""
    reports = [each.event for each in step.events if isinstance(each.event, e.Delivered | e.DeliveryFailed)]
    if not reports or any(early.sid == sent.sid for early in step.before.early_reports):
        return None
    return _reported(step, reports[0], None)


def _not_sent_any_more(step: Step, own_id: str) -> i.Input | None:
    parts = step.before.turn.parts if step.before.turn is not None else ()
    part = next((each for each in parts if each.own_id == own_id), None)
    if part is None:
        return None
    if part.state == "unknown":
        return i.LookupDone(own_id=own_id, absent=True)
    return i.SlotTaken(own_id=own_id) if part.state == "planned" else i.SendNotMade(own_id=own_id, why="")


def _call(step: Step, event: e.Started | e.Queued) -> i.Input | None:
    if isinstance(event, e.Queued):
        body = {
            name: value for name, value in (event.waiting.payload or {}).items() if not name.startswith("_")
        }
        if event.waiting.kind != "call":
            return None
        return i.CallEnded(call=CallCompleted.from_object(body), received_at=event.waiting.at)
    if event.call is None:
        return i.TimerFired()
    received = event.received_at or step.events[0].at
    return i.CallEnded(call=CallCompleted.from_object(event.call), received_at=received, former=event.former)


def _message(step: Step, event: e.Received, policy: Policy) -> i.Input:
    linked = [each.event for each in step.events if isinstance(each.event, e.Linked)]
    return i.MessageReceived(
        event_id=event.message_sid,
        address=event.address,
        text=event.content,
        received_at=event.received_at,
        intent=policy.keywords.intent({"Body": event.content}),
        backfilled=event.backfilled,
        replay=event.replay,
        params=event.params,
        linked=tuple(each.key for each in linked),
        parent=next((each.key for each in linked if each.is_parent), None),
        via=event.via,
    )


def _learned(step: Step) -> i.CallDetails | None:
    for recorded in step.events:
        if isinstance(learned := recorded.event, e.DetailsLearned):
            return i.CallDetails(
                call_id=step.before.call_id,
                summary=learned.call_summary,
                duration_secs=learned.call_duration_secs,
                kept=learned.details,
            )
    return None


def _details(step: Step, policy: Policy) -> i.Input:
    """Return what brought a call's details; the agent's own look at the call comes with its answer."""
    answered = next((each.event for each in step.events if isinstance(each.event, e.Answered)), None)
    if answered is not None and answered.kind == "reply":
        return _agent_answered(step, answered, policy)
    slot = answered is not None and answered.intended
    return i.DetailsFetched(call_id=step.before.call_id, details=_learned(step), slot=slot)


def _answer(step: Step, event: e.Answered, policy: Policy) -> i.Input | None:
    if event.kind == "call":
        return _details(step, policy)
    if event.kind == "again":
        return i.TimerFired()
    if event.kind != "reply" or event.notice is not None or event.repeats is not None:
        return None
    problem = event.problem
    if problem is None:
        return _agent_answered(step, event, policy)
    if problem.get("code") == "empty_answer":
        return i.AgentAnswered(
            question=event.answers, text="", reply={}, seconds=event.seconds, slot=event.intended
        )
    return i.AgentFailed(
        question=event.answers,
        retryable=not problem.get("final"),
        why=problem.get("reason") or "",
        code=problem.get("code"),
        slot=event.intended,
    )


def _then(step: Step) -> str | None:
    changes = (each.event for each in step.events if isinstance(each.event, e.StatusChanged))
    return next((change.status for change in changes if change.by == "agent"), None)


def _agent_answered(step: Step, event: e.Answered, policy: Policy) -> i.Input:
    """Return the agent's words as it gave them.

    How it asked for a person is in them, or it was by a tool, whose name is not kept.
    """
    reply, then = event.reply or {}, _then(step)
    return i.AgentAnswered(
        question=event.answers,
        text=str(reply.get("text") or event.text),
        reply=reply,
        seconds=event.seconds,
        tools=tuple(policy.spoken.handoff.tools)[:1] if then == "escalated" else (),
        ended=bool(reply.get("ended")) or then == "closed",
        caught_up=event.caught_up,
        details=_learned(step),
        slot=event.intended,
    )


def _deferred(step: Step, event: e.Deferred) -> i.Input | None:
    wait, call = event.wait, step.before.call_id
    turn = step.before.turn
    if event.what == "turn":
        if turn is not None and wait.reason == "campaign_pace":
            return i.CampaignSlot(turn_id=turn.id, at=wait.until)
        return i.DetailsFetched(call_id=call, details=None)
    if event.what == "details":
        return i.DetailsFetched(call_id=call, details=None)
    if event.what == "ask":
        return _agent_failed(step, event)
    if event.own_id is None or turn is None:
        return None
    return _not_sent(event, next((part for part in turn.parts if part.own_id == event.own_id), None))


def _agent_failed(step: Step, event: e.Deferred) -> i.Input:
    wait, former = event.wait, step.before.ask_wait
    question = tuple(each.event_id for each in step.before.questions)
    if wait.code == "empty_answer":
        return i.AgentAnswered(question=question, text="", reply={}, seconds=0.0)
    is_away = wait.away > (former.away if former is not None else 0)
    return i.AgentFailed(
        question=question, retryable=True, why=wait.why or "", code=wait.code, vendor_away=is_away
    )


def _not_sent(event: e.Deferred, part: Part | None) -> i.Input | None:
    wait = event.wait
    if part is None:
        return None
    if event.what == "lookup":
        return i.LookupDone(own_id=part.own_id)
    if part.state == "unknown":
        return i.LookupDone(own_id=part.own_id, absent=True)
    if wait.reason == "quiet_hours":
        return i.SlotTaken(own_id=part.own_id)
    return i.SendNotMade(
        own_id=part.own_id,
        why=wait.why or "",
        code=wait.code,
        slow=wait.reason == "slow_number",
        sender_until=wait.until if wait.reason == "sender_limit" else None,
        vendor_away=wait.tries == part.holds,
    )


def _report(step: Step, event: e.Delivered | e.DeliveryFailed) -> i.Input | None:
    send = step.sends.get(event.own_id)
    if send is None or send.state == "held":
        return None
    return _reported(step, event, send)


def _reported(step: Step, event: e.Delivered | e.DeliveryFailed, send: i.KnownSend | None) -> i.Input:
    at = step.events[0].at
    failure = failure_of(event.code, event.vendor_words) if isinstance(event, e.DeliveryFailed) else None
    return i.DeliveryReported(
        sid=event.sid,
        status=event.status,
        rank=event.rank,
        at=at,
        own_id=event.own_id,
        delivered=event.status in ("delivered", "read"),
        read=event.status == "read",
        failure=failure,
        send=send,
    )
