"""What is written of one conversation, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.rows import Change, LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One conversation advances by one version, with all that this changes; or nothing of it happens.

    `version`: the actor's version before, 0: there is no row yet; `write_id`: names this write, also when it is
    tried again; `conversation_id`: None only while nothing is logged; `state`: JSON, None removes the actor's row;
    `is_open`: something is to be done without a new event; `due_at`: aware; when it is to be looked at again;
    `is_past`: it happened long ago, and nobody waits to be told of it.
    """

    phone_number: str
    partition: int
    epoch: int
    version: int
    write_id: UUID
    conversation_id: int | None
    state: bytes | None
    is_open: bool = False
    due_at: datetime | None = None
    log: tuple[LogRow, ...] = ()
    changes: tuple[Change, ...] = ()
    is_past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The conversation is at `version` now; 0: its row is removed."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Nothing was written: the store is not as the write expected it. Load again.

    `reason`: the actor has another version; an event's id was seen before; somebody else made a row of
    `conversation_state` for the number. `version`: the actor's, 0: it has no row; `seen`: kind and id of each event
    that was seen before; `row_id`: id of the other row.
    """

    reason: Literal["version", "seen", "row"]
    version: int
    seen: tuple[tuple[str, str], ...] = ()
    row_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """Nothing was written: the partition has another owner. `epoch`: the newest one, 0: nobody has claimed it."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Nothing was written: Postgres refuses this conversation's data, and would do so again.

    `sqlstate`: Postgres' code, None where a value could not even be sent; `constraint`: which one refuses.
    """

    why: str
    sqlstate: str | None = None
    constraint: str | None = None


Result = Written | Conflict | Fenced | Failed
