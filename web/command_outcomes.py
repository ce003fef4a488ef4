"""What came of operators' commands, as the workers' rows tell it."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from db.queries import load
from web.database import Database
from web.waiting import Waiting

_sql = load("gateway")
_ENDED = frozenset({"done", "failed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandOutcome:
    """How far a command is. `error`: JSON {status, error, details} where it was refused; `sid`: of what it wrote.

    `phone_number`, `command`: what its id was first used for; `status`: the conversation's now.
    """

    phone_number: str
    command: str
    is_final: bool
    changed: bool
    status: str | None
    conversation_id: int | None
    sid: str | None
    error: dict[str, Any] | None


class CommandOutcomes(Waiting[CommandOutcome]):
    """Waits for commands to be done."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, _sql.command_outcomes, outcome_of)


def outcome_of(row: asyncpg.Record) -> CommandOutcome:
    """Read a row: commands without a message have their outcome at once, others when their turn ends."""
    told = row["outcome"] or {}
    refused = told.get("state") == "refused"
    wrote = row["state"] == "done"
    return CommandOutcome(
        phone_number=row["phone_number"], command=row["command"], is_final=bool(told) or row["state"] in _ENDED,
        changed=bool(told.get("changed")) or wrote, status=row["status"], conversation_id=row["conversation_id"],
        sid=row["sid"], error=told if refused else row["error"],
    )  # fmt: skip
