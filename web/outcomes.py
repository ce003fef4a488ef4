"""What came of calls' first messages and operators' commands, as the workers' rows say.

A notification says when to look.
"""

from dataclasses import dataclass
from typing import Any

from db.readers.gateway import CALL_OUTCOMES, COMMAND_OUTCOMES, CallOutcomeRow, CommandOutcomeRow
from web.database import Database
from web.waiting import Waiting

_ENDED = frozenset({"done", "failed"})
_COMMAND_ENDED = frozenset({"done", "refused"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How far a call's turn is."""

    state: str
    conversation_id: int | None
    #: The first message's.
    sid: str | None
    #: JSON {status, error, details} of a failed turn.
    error: dict[str, Any] | None

    @property
    def is_final(self) -> bool:
        return self.state in _ENDED


class Outcomes(Waiting[CallOutcomeRow, Outcome]):
    """Waits for calls' turns to end."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, CALL_OUTCOMES, _outcome)


def _outcome(row: CallOutcomeRow) -> Outcome:
    return Outcome(state=row.state, conversation_id=row.conversation_id, sid=row.sid, error=row.error)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandOutcome:
    """How far a command is."""

    #: Whom its id was first used for; empty if the number was erased.
    addresses: tuple[str, ...]
    #: What its id was first used for.
    command: str
    is_final: bool
    changed: bool
    #: The conversation's, now.
    status: str | None
    conversation_id: int | None
    #: The sid of what it wrote.
    sid: str | None
    #: JSON {status, error, details} if it was refused.
    error: dict[str, Any] | None


class CommandOutcomes(Waiting[CommandOutcomeRow, CommandOutcome]):
    """Waits for commands to be done."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, COMMAND_OUTCOMES, outcome_of)


def outcome_of(row: CommandOutcomeRow) -> CommandOutcome:
    """Read a row. What an operator writes has no outcome until it is sent."""
    told = row.outcome or {}
    return CommandOutcome(
        addresses=(row.phone_number, *row.others) if row.phone_number else (),
        command=row.command,
        is_final=told.get("state") in _COMMAND_ENDED,
        changed=bool(told.get("changed")),
        status=row.status,
        conversation_id=row.conversation_id,
        sid=told.get("sid"),
        error=told if told.get("state") == "refused" else None,
    )
