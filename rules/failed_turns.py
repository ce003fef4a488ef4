"""Failed turns as kept with their `failed` event.

A replay, or a proof of a send, goes on with them.
"""

from collections.abc import Collection
from typing import cast

from pydantic import TypeAdapter

from rules.state import replace
from rules.turns import Turn
from schemas.rows import Json

_turns = TypeAdapter(Turn)


def turn_json(turn: Turn) -> Json:
    """Return a turn as the log keeps it."""
    return cast(Json, _turns.dump_python(turn, mode="json", exclude_defaults=True))


def turn_of(kept: Json, accepted: Collection[str] = ()) -> Turn:
    """Return a kept turn. `accepted`: our ids of messages that were since proven to be with the vendor."""
    turn = _turns.validate_python(kept)
    parts = (replace(part, state="accepted") if part.own_id in accepted else part for part in turn.parts)
    return replace(turn, parts=tuple(parts))
