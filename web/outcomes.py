"""The outcome of a call's first message, as the worker's rows tell it; a notification says when to look."""

from dataclasses import dataclass
from typing import Any

from db.readers.outcomes import CALL_OUTCOMES, CallOutcomeRow
from web.database import Database
from web.waiting import Waiting

_ENDED = frozenset({"done", "failed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How far a call's turn is. `error`: JSON {status, error, details} of a failed one; `sid`: of its first message."""

    state: str
    conversation_id: int | None
    sid: str | None
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
