"""One conversation's write, and its outcome."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.rows import Change, LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A conversation's advance by one version, with all that this changes; all of it happens, or nothing."""

    phone_number: str
    partition: int
    epoch: int
    #: The actor's version before; 0: there is no row yet.
    version: int
    #: Names this write, also when it is retried.
    write_id: UUID
    #: None only while nothing is logged.
    conversation_id: int | None
    #: JSON; None removes the actor's row.
    state: bytes | None
    #: Something is to be done without a new event.
    is_open: bool = False
    #: When it is to be looked at again; aware.
    due_at: datetime | None = None
    log: tuple[LogRow, ...] = ()
    changes: tuple[Change, ...] = ()
    #: It happened long ago, and nobody waits to be told of it.
    is_past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The conversation is at `version` now; 0: its row is removed."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Nothing was written: the store is not as the write expected it. Load again.

    `reason`: the actor has another version; an event's id was seen before; somebody else made a row of
    `conversation_state` for the number.
    """

    reason: Literal["version", "seen", "row"]
    #: The actor's; 0: it has no row.
    version: int
    #: Kind and id of each event that was seen before.
    seen: tuple[tuple[str, str], ...] = ()
    #: Id of the other row.
    row_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """Nothing was written: the partition has another owner. `epoch`: the newest; 0: nobody has claimed it."""

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
