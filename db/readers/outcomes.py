"""What calls and commands came to, see `rules/outcomes.py`."""

from dataclasses import dataclass
from typing import Final

from db.queries import load
from db.readers.query import Query
from schemas.rows import Json

_sql = load("gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcomeRow:
    """`state`: begun, done, failed; `error`: status, error, details of a failed one."""

    event_id: str
    state: str
    conversation_id: int | None
    error: Json | None
    sid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutcomeRow:
    """`outcome`: None while it is under way; `status`: the conversation's now; `others`: the person's other addresses."""

    event_id: str
    phone_number: str
    command: str
    outcome: Json | None
    status: str | None
    conversation_id: int | None
    others: list[str]


CALL_OUTCOMES: Final = Query(_sql.call_outcomes, CallOutcomeRow)
COMMAND_OUTCOMES: Final = Query(_sql.command_outcomes, CommandOutcomeRow)
