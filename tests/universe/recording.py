"""What was asked of the simulated Postgres: statements to replay, as they were or with something changed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from db.queries import load
from tests.universe.moves import drawn
from tests.universe.postgres import name_of, names_of
from tests.universe.universe import Universe, play

Values = tuple[Any, ...]
# The share of a changed history's statements that each of these happens to.
_SHARE = 0.03
_LIES_SHARE = 0.2
_LOST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement. `now`: Postgres' clock."""

    now: datetime
    text: str
    arguments: Values

    @property
    def name(self) -> str:
        return name_of(self.text)


def recorded(seed: int, moves: int) -> list[Asked]:
    """Play a seed, and return what its processes asked of Postgres."""
    asked: list[Asked] = []

    def record(universe: Universe) -> None:
        postgres = universe.postgres
        postgres.heard = lambda text, arguments: asked.append(Asked(postgres.now(), text, tuple(arguments)))

    play(seed, drawn(seed, moves), watch=record)
    return asked


def changed(asked: Sequence[Asked], chance: random.Random) -> Iterator[Asked]:
    """Yield statements twice, too late or never, under a false epoch or version, or as if unacknowledged."""
    late: list[Asked] = []
    for each in asked:
        if chance.random() < _SHARE and each.name != "claim":
            late.append(each)
            continue
        is_write = each.name == "append"
        if is_write and chance.random() < _LIES_SHARE:
            yield _lie(each, chance)
        yield each
        if chance.random() < (_LOST_SHARE if is_write else _SHARE):
            yield each
            if is_write:
                yield _is_it_written(each)
        if late and chance.random() < 0.1:
            yield replace(late.pop(chance.randrange(len(late))), now=each.now)


def _is_it_written(asked: Asked) -> Asked:
    """Return what is asked when a write's acknowledgement is lost; see `db.store.append`."""
    values = dict(zip(names_of(asked.text), asked.arguments, strict=True))
    columns = ("place", "key", "partition", "write_id")
    return Asked(asked.now, load("store").refused, tuple(values[name] for name in columns))


def _lie(asked: Asked, chance: random.Random) -> Asked:
    """Return a write in which something about one conversation is not true."""
    values = dict(zip(names_of(asked.text), asked.arguments, strict=True))
    column = chance.choice([name for name in _LIES if values.get(name)])
    told = list(values[column])
    told[chance.randrange(len(told))] += chance.choice(_LIES[column])
    return replace(asked, arguments=tuple((values | {column: told}).values()))


# By how much. The last two violate a constraint: another event's sequence, a missing conversation.
_LIES = {
    "epoch": (-1, 1),
    "version": (-1, 1),
    "partition": (-1, 1),
    "log_sequence": (-1,),
    "message_conversation": (5000,),
}
