"""What an operator's command changes.

close      active, escalated → closed       escalate   active → escalated
resume     escalated, closed → active       write, change_agent   active, escalated
erase      whatever there is → nothing

A command whose aim is already reached changes nothing and counts as done.
"""

from typing import Final

from rules import erasure, outcomes, takeover, window
from rules.draft import Draft
from rules.erasure import record
from rules.events import AgentChanged, Answered, Declined, Queued
from rules.inputs import CommandGiven
from rules.state import Conversation, Status
from rules.templates import LONGEST_FILLED, one_line
from rules.turns import Part, Waiting
from schemas.commands import ConversationCommand
from schemas.phone import is_user_id
from schemas.rows import Json
from schemas.window import is_open

_STATUS: Final[dict[str, Status]] = {"close": "closed", "escalate": "escalated", "resume": "active"}


def on_command(draft: Draft, given: CommandGiven) -> None:
    """Execute a command at once; an operator's text waits for its turn."""
    command = given.command
    if (refusal := _refusal(draft, command)) is not None:
        record(draft, command, changed=False, outcome=outcomes.command_refused(refusal))
    elif command.command == "erase":
        erasure.erase(draft, command)
    elif command.command == "write":
        _queue(draft, given)
    else:
        changed = _change(draft, command)
        record(draft, command, changed=changed, outcome=outcomes.command(changed=changed))


def _change(draft: Draft, command: ConversationCommand) -> bool:
    state = draft.state
    if command.command != "change_agent":
        status, by = _STATUS[command.command], command.by
        known = {"operator": by, "command_id": command.command_id, "reason": command.reason}
        return takeover.by_operator(draft, status, **known)
    if state.agent_id == command.agent_id or command.agent_id is None:
        return False
    draft.emit(
        AgentChanged(
            agent_id=command.agent_id,
            before=state.agent_id,
            by="operator",
            operator=command.by,
            command_id=command.command_id,
        )
    )
    return True


def _queue(draft: Draft, given: CommandGiven) -> None:
    command = given.command
    record(draft, command, changed=True, outcome=None)
    waiting = Waiting(
        kind="write",
        event_id=command.command_id,
        at=given.received_at,
        text=command.text or "",
        payload=command.model_dump(mode="json"),
        request_id=given.request_id,
        trace=given.trace,
    )
    draft.emit(Queued(waiting=waiting))


def begin_write(draft: Draft, waiting: Waiting) -> None:
    """Plan what an operator wrote, word for word."""
    command = ConversationCommand.from_object(waiting.payload or {})
    if (refusal := _refusal_now(draft, command)) is not None:  # because of what came meanwhile
        outcome = outcomes.command_refused(refusal)
        draft.emit(Declined(event_id=waiting.event_id, reason="refused", outcome=outcome, kind="write"))
        return
    parts = _written(draft, command)
    draft.emit(
        Answered(
            turn_id=draft.fresh.turn_id(),
            kind="write",
            text=command.text or "",
            parts=parts,
            reply={"text": command.text or "", "by": command.by},
            event_id=command.command_id,
            request_id=waiting.request_id,
            operator=command.by,
            trace=waiting.trace,
        )
    )


def _written(draft: Draft, command: ConversationCommand) -> tuple[Part, ...]:
    if command.content_sid is None:
        bodies = draft.policy.split(command.text or "")
        return tuple(window.fit(draft, draft.part(body)) for body in bodies)
    content: Json = {"content_sid": command.content_sid, "content_variables": _values(command)}
    return (draft.part(command.text or "", content),)


def _refusal(draft: Draft, command: ConversationCommand) -> Json | None:
    """Return why a command cannot be done, as HTTP answers it; None if it can."""
    state = draft.state
    if command.command == "erase":
        return None
    if not state.has_begun:
        return _because(404, "Conversation not found", f"no conversation with {state.key}")
    if (faster := _overtaken_by(state, command)) is not None:
        details = "look at the conversation, and tell it again if it still fits"
        return _because(409, "Somebody else was faster", details) | {"operator": faster}
    return _refusal_now(draft, command)


def _refusal_now(draft: Draft, command: ConversationCommand) -> Json | None:
    """Return the same for a command whose order among the operators' commands is settled."""
    if draft.state.status == "closed" and command.command in ("escalate", "write", "change_agent"):
        return _because(409, "The conversation is closed", "resume it first")
    return _refusal_to_write(draft, command) if command.command == "write" else None


def _refusal_to_write(draft: Draft, command: ConversationCommand) -> Json | None:
    state = draft.state
    if state.opt_out is not None:
        details = "the client asked for no more messages; ALTA or START from that number undoes it"
        return _because(409, "The number has opted out", details)
    if command.content_sid is None and not draft.policy.split(command.text or ""):
        return _because(422, "The text is empty", "write something, or give content_sid")
    if (problem := _variables_problem(command)) is not None:
        return _because(422, "The template's variables do not fit", problem)
    if command.needs_number and is_user_id(state.address or state.key):
        details = (
            "the person is written to at an id, and WhatsApp takes an authentication template "
            "for a number alone"
        )
        return _because(422, "The template needs a number", details)
    has_template = command.content_sid is not None or draft.spoken.has_reopening
    if has_template or is_open(state.last_inbound_at, draft.now):
        return None
    details = (
        "the client has not written within 24 hours; give content_sid (an approved template), or set "
        "TWILIO_REOPEN_CONTENT_SID"
    )
    return _because(409, "Outside the 24-hour window", details)


def _variables_problem(command: ConversationCommand) -> str | None:
    """Return why no template takes these variables, if none does.

    Which variables this template has is looked up before a command is published.
    """
    values = _values(command)
    if empty := [name for name, value in values.items() if not value]:
        return f"content_variables: {', '.join(empty)} is empty, which Twilio refuses"
    if sum(map(len, values.values())) > LONGEST_FILLED:
        return f"content_variables: longer than the {LONGEST_FILLED} characters that WhatsApp takes"
    return None


def _values(command: ConversationCommand) -> dict[str, str]:
    return {name: one_line(value) for name, value in command.content_variables.items()}


def _overtaken_by(state: Conversation, command: ConversationCommand) -> str | None:
    """Return who else had a command done since the newest one that the sender had seen."""
    if command.seen is None:
        return None
    newer = [by for position, by in state.commands if position > command.seen and by != command.by]
    return newer[-1] if newer else None


def _because(status: int, error: str, details: str) -> Json:
    return {"status": status, "error": error, "details": details}
